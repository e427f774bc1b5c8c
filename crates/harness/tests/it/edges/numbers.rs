//! Odd numbers and junk where ids stand (S16).

use super::{Treasure, request};
use crate::support::{Site, on_both, probe};
use serde_json::json;

on_both! { ids_of_any_kind_are_not_found numbers_of_any_size_are_read_or_refused }

/// As they stand in a path, percent signs and all.
const IDS: &[&str] = &[
    "-1",
    "0",
    "-0",
    "+1",
    "%2B1",
    "1.0",
    "1e3",
    "1e400",
    "0x10",
    "0b1",
    "1_000",
    "2147483647",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "NaN",
    "Infinity",
    "null",
    "true",
    "[]",
    "{}",
    "[1]",
    "{chat_id}",
    "%7Bchat_id%7D",
    "%20",
    "%201",
    "1%20",
    "1%00",
    "%00",
    "%ff",
    "%C0%AF",
    "%ED%A0%80",
    "%E2%82",
    "%",
    "%2",
    "%zz",
    "%25",
    "%2525",
    "%2f",
    "%2F..%2F..",
    "..",
    "%2e%2e",
    ".",
    "...",
    "%5c",
    "*",
    "~",
    "1;2",
    "1,2",
    "1'%20OR%20'1'='1",
    "%EF%BC%91",
    "%D9%A1",
    "%E0%A5%A7",
    "%F0%9F%99%82",
    "%0d%0aX-Evil:%201",
    "01890000-0000-7000-8000-000000000000",
    "a",
];

async fn ids_of_any_kind_are_not_found(site: &Site) {
    let treasure = Treasure::bury(site).await;
    let user = site.user().await;
    let sent = user.say("mine").await.json();
    let (chat, message) = (
        sent["chat_id"].to_string(),
        sent["conversation"][0]["message_id"].as_str().expect("an id").to_owned(),
    );
    let token = format!("Token {}", user.token());
    let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json")];
    let long = "9".repeat(3000);
    for id in IDS.iter().copied().chain([long.as_str()]) {
        let paths = [
            ("DELETE", format!("/api/chats/{id}/")),
            ("DELETE", format!("/api/chats/{id}")),
            ("PATCH", format!("/api/chats/{id}/messages/{message}/")),
            ("PATCH", format!("/api/chats/{chat}/messages/{id}/")),
            ("GET", format!("/api/chats/?session_id={id}")),
        ];
        for (verb, path) in paths {
            let body: &[u8] = if verb == "PATCH" { b"{\"content\":\"changed\"}" } else { b"" };
            let answer = probe(&site.server.base_url(), request(verb, &path, &headers, body)).await;
            let status = answer.status();
            let fine = match verb {
                "GET" => matches!(status, Some(200 | 400)),
                // A slash or a dot in it makes it another path, which may have other verbs.
                _ => matches!(status, Some(400 | 404 | 405)),
            };
            assert!(fine && answer.closed, "{verb} {path}: {answer:?}");
            assert!(!answer.text().contains("X-Evil: 1\r\n"), "{answer:?}");
        }
    }
    let chats = user.chats().await;
    assert_eq!(
        (chats.as_array().map(Vec::len), &chats[0]["conversation"]),
        (Some(1), &sent["conversation"]),
        "nothing was hit by chance"
    );
    // A digit is a digit, encoded or not: that is how addresses are read everywhere.
    let encoded: String = chat.bytes().map(|byte| format!("%{byte:02X}")).collect();
    user.ask("DELETE", &format!("/api/chats/{encoded}/"))
        .await
        .is(200, &json!({"message": "Chat deleted successfully"}));
    treasure.is_there(site).await;
}

async fn numbers_of_any_size_are_read_or_refused(site: &Site) {
    let treasure = Treasure::bury(site).await;
    let user = site.user().await;
    let numbers = [
        "0",
        "-0",
        "1",
        "-1",
        "1.5",
        "1e2",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "123456789012345678901234567890",
        "1e308",
        "1e-400",
        "0.1000000000000000055511151231257827",
    ];
    let no_numbers = [
        "1e400",
        "-1e999999999",
        "NaN",
        "Infinity",
        "-Infinity",
        "+1",
        "01",
        "0x10",
        ".5",
        "1.",
        "1e",
        "--1",
        "1_000",
        "１",
    ];
    for number in numbers {
        let body = format!("{{\"content\": {number}, \"end_session\": 0}}");
        let answer = user.post("/api/chats/").body("application/json", body).await;
        assert!(matches!(answer.status, 200 | 201), "{number}: {answer}");
        let end = format!("{{\"content\": \"x\", \"end_session\": {number}}}");
        let answer = user.post("/api/chats/").body("application/json", end).await;
        assert_eq!(answer.status, 200, "{number}: {answer}");
    }
    for number in no_numbers {
        for body in [
            format!("{{\"content\": {number}}}"),
            format!("{{\"content\":\"x\",\"end_session\": {number}}}"),
            number.to_owned(),
            format!("[{number}]"),
        ] {
            let answer = user.post("/api/chats/").body("application/json", body).await;
            assert!(
                answer.status == 400 && answer.text().contains("JSON parse error - "),
                "{number}: {answer}"
            );
        }
    }
    treasure.is_there(site).await;
}
