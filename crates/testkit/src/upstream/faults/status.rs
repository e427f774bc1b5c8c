//! Answers that are none of a model.

use super::{Fault, FaultEnd, Pace};
use crate::upstream::Script;
use maru_domain::turns::ports::ModelFault;

/// Statuses that nothing helps: asked once.
const FINAL: [(&str, u16, ModelFault); 7] = [
    ("status-400", 400, ModelFault::Refused),
    ("status-401", 401, ModelFault::Unauthorized),
    ("status-402", 402, ModelFault::Refused),
    ("status-403", 403, ModelFault::Unauthorized),
    ("status-404", 404, ModelFault::UnknownModel),
    ("status-413", 413, ModelFault::Refused),
    ("status-422", 422, ModelFault::Refused),
];

/// Statuses that may pass: asked three times.
const PASSING: [(&str, u16, ModelFault); 7] = [
    ("status-408", 408, ModelFault::TimedOut),
    ("status-409", 409, ModelFault::Failing),
    ("status-500", 500, ModelFault::Failing),
    ("status-502", 502, ModelFault::Failing),
    ("status-503", 503, ModelFault::Failing),
    ("status-504", 504, ModelFault::Failing),
    ("status-529", 529, ModelFault::Failing),
];

pub(super) fn faults(pace: Pace) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, status, location) in [
        ("redirect-301", 301, "http://169.254.169.254/latest/meta-data/"),
        ("redirect-302", 302, "http://169.254.169.254/latest/meta-data/"),
        // Followed, this one would be a second call here.
        ("redirect-307", 307, "/v1/chat/completions"),
    ] {
        faults.push(Fault::early(
            name,
            ModelFault::Malformed,
            1,
            Script::error(status, &[("location", location)]),
        ));
    }
    let plain =
        |calls| move |(name, status, fault)| Fault::early(name, fault, calls, Script::error(status, &[]));
    faults.extend(FINAL.map(plain(1)));
    faults.extend(PASSING.map(plain(3)));
    faults.extend(limited(pace));
    faults.extend(recovered());
    faults
}

/// 429 with every sort of `Retry-After`.
fn limited(pace: Pace) -> Vec<Fault> {
    let longest = pace.longest_asked.as_secs_f64();
    let (short, most, over) =
        (format!("{}", longest / 12.0), format!("{longest}"), format!("{}", longest * 60.0));
    let millis = format!("{}", pace.longest_asked.as_millis() / 4);
    // One second after the server's own date, wherever that is.
    let date = [("date", "Sat, 21 Nov 2026 10:00:00 GMT"), ("retry-after", "Sat, 21 Nov 2026 10:00:01 GMT")];
    let table: [(_, &[(&str, &str)], _); 8] = [
        ("limited", &[], 3),
        ("limited-0", &[("retry-after", "0")], 3),
        ("limited-5", &[("retry-after", &short)], 3),
        ("limited-60", &[("retry-after", &most)], 3),
        ("limited-3600", &[("retry-after", &over)], 1),
        ("limited-date", &date, 3),
        ("limited-garbage", &[("retry-after", "when pigs fly")], 3),
        ("limited-ms", &[("retry-after-ms", &millis), ("retry-after", &over)], 3),
    ];
    let mut faults: Vec<_> = table
        .into_iter()
        .map(|(name, headers, calls)| {
            Fault::early(name, ModelFault::RateLimited, calls, Script::error(429, headers))
        })
        .collect();
    let spent = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#;
    let spent = Script::answer(429, &[("content-type", "application/json")], spent);
    faults.push(Fault::early("limited-no-money", ModelFault::Refused, 1, spent));
    faults
}

/// Failures that are over when asked again.
fn recovered() -> Vec<Fault> {
    let end = || FaultEnd::Completed { text: "better now".to_owned() };
    let good = || Script::reply("better now");
    vec![
        Fault::new("status-503-then-good", vec![Script::error(503, &[]), good()], 2, end()),
        Fault::new("limited-then-good", vec![Script::error(429, &[("retry-after", "0")]), good()], 2, end()),
        Fault::new(
            "twice-closed-then-good",
            vec![Script::nothing().close(), Script::nothing().reset(), good()],
            3,
            end(),
        ),
    ]
}
