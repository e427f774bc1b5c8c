//! `maru migrate` and `maru doctor`

use super::{json, run};
use crate::support::{Backend, Ran, Site, for_both, maru, maru_with, on_both};
use maru_testkit::throwaway::{Postgres, sqlite_dir};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

mod shared {
    use super::*;
    on_both! { a_served_database_is_up_to_date_and_well }

    async fn a_served_database_is_up_to_date_and_well(site: &Site) {
        assert_eq!(json(site, &["migrate", "--status"], "").ok().json()["pending"], json!([]));
        assert!(run(site, &["migrate", "--status"], "").ok().out.contains("is up to date"));
        assert_eq!(json(site, &["migrate"], "").ok().json()["applied"], json!([]));
        assert!(run(site, &["migrate"], "").ok().out.contains("was up to date"));
        site.http().get("/readyz").await.has_status(200);
        let findings = json(site, &["doctor"], "").ok().json();
        assert_eq!(verdict(&findings, "settings"), "ok");
        assert_eq!(verdict(&findings, "database"), "ok");
        assert_eq!(verdict(&findings, "model"), "ok");
        assert_eq!(
            (verdict(&findings, "clock"), verdict(&findings, "disk")),
            ("ok".to_owned(), "ok".to_owned())
        );
        let fields: Vec<&String> = findings[0].as_object().expect("an object").keys().collect();
        assert_eq!(fields, ["check", "verdict", "found", "remedy"]);
        let durability =
            findings.as_array().expect("a list").iter().find(|finding| {
                finding["check"].as_str().is_some_and(|check| check.starts_with("durability"))
            });
        // The throwaway PostgreSQL runs without fsync, and that must not go unsaid.
        let expected = if site.backend == Backend::Sqlite { "ok" } else { "careful" };
        let verdicts: Vec<_> = findings
            .as_array()
            .expect("a list")
            .iter()
            .filter(|finding| finding["check"].as_str().is_some_and(|check| check.starts_with("durability")))
            .map(|finding| finding["verdict"].clone())
            .collect();
        assert!(durability.is_some() && verdicts.contains(&json!(expected)), "{findings}");
        for finding in
            findings.as_array().expect("a list").iter().filter(|finding| finding["verdict"] != "ok")
        {
            assert!(finding["remedy"].is_string(), "each finding comes with a remedy: {finding}");
        }
        let text = run(site, &["doctor"], "");
        assert!(
            text.ok().out.lines().any(|line| line.starts_with("ok") && line.contains("database")),
            "{text}"
        );
    }
}

mod alone {
    use super::*;
    for_both! { a_new_database_is_made_by_migrating }

    async fn a_new_database_is_made_by_migrating(backend: Backend) {
        let dir = sqlite_dir();
        let database = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => Some(Postgres::shared().await.database().await),
        };
        let file = dir.path().join("deep/down/maru.db");
        let store = database
            .as_ref()
            .map_or_else(|| format!("sqlite:{}", file.display()), |database| database.url.clone());
        let run = |arguments: &[&str]| -> Ran {
            let arguments: Vec<&str> = arguments.iter().copied().chain(["--store", &store]).collect();
            maru(dir.path(), &arguments, "a long password\n")
        };
        // Looking makes nothing.
        let status = run(&["migrate", "--status", "--json"]);
        assert_eq!(status.code, Some(1), "{status}");
        let pending = status.json()["pending"].clone();
        assert!(pending.as_array().is_some_and(|pending| pending.len() >= 3), "{status}");
        run(&["migrate", "--status"]).failed(1, "");
        for command in [&["user", "list"][..], &["user", "create", "x"], &["key", "list", "x"]] {
            let says = if backend == Backend::Sqlite {
                "there is no database at"
            } else {
                "run `maru migrate` first"
            };
            run(command).failed(1, says);
        }
        let examined = run(&["doctor", "--json"]).ok().json();
        assert_eq!(
            verdict(&examined, "database"),
            "careful",
            "a name that is mistyped looks like a first start"
        );
        assert!(!file.exists(), "looking makes no database");
        assert_eq!(run(&["migrate", "--json"]).ok().json()["applied"], pending);
        assert_eq!(run(&["migrate", "--json"]).ok().json()["applied"], json!([]));
        run(&["migrate", "--status"]).ok();
        assert_eq!(run(&["user", "list", "--json"]).ok().json(), json!([]));
        run(&["user", "create", "anna"]).ok();
        assert_eq!(run(&["user", "list", "--json"]).ok().json()[0]["username"], "anna");
    }
}

#[track_caller]
fn verdict(findings: &Value, check: &str) -> String {
    let found =
        findings.as_array().and_then(|findings| findings.iter().find(|finding| finding["check"] == check));
    found
        .and_then(|finding| finding["verdict"].as_str())
        .unwrap_or_else(|| panic!("{check} in {findings}"))
        .to_owned()
}

fn doctor(dir: &Path, arguments: &[&str], env: &[(&str, &str)]) -> (Ran, Value) {
    let arguments: Vec<&str> = ["doctor", "--json"].iter().chain(arguments).copied().collect();
    let ran = maru_with(dir, &arguments, "", env);
    let value = serde_json::from_str(&ran.out).unwrap_or_default();
    (ran, value)
}

/// The check that must fail, and with which flags and settings.
type Failing<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, &'a str)]);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_tells_careful_from_failing() {
    let dir = sqlite_dir();
    let here = dir.path();
    maru(here, &["migrate"], "").ok();
    let (ran, findings) = doctor(here, &[], &[]);
    assert_eq!((ran.ok().code, verdict(&findings, "exposure")), (Some(0), "ok".to_owned()), "{ran}");
    // Works, and somebody should know: the exit code stays 0.
    let (ran, findings) = doctor(here, &[], &[("MARU__STORE__DURABILITY", "normal")]);
    assert!(ran.ok().out.contains("\"careful\""), "{findings}");
    let open = [("MARU__SERVER__BIND", "0.0.0.0:80"), ("MARU__AUTH__ANONYMOUS", "allow")];
    let (ran, findings) = doctor(here, &[], &open);
    assert_eq!((ran.ok().code, verdict(&findings, "exposure")), (Some(0), "careful".to_owned()));
    std::fs::write(here.join("data/auth.secret"), "0123456789abcdef0123456789abcdef\n").expect("a file");
    std::fs::set_permissions(here.join("data/auth.secret"), std::fs::Permissions::from_mode(0o644))
        .expect("a mode");
    let (ran, findings) = doctor(here, &[], &[]);
    assert_eq!((ran.ok().code, verdict(&findings, "auth.secret")), (Some(0), "careful".to_owned()));
    std::fs::write(here.join("notes.txt"), "no database, whatever its name says ".repeat(200))
        .expect("a file");
    // Does not work: the exit code says so, and the other checks are still made.
    let fails: [Failing; 5] = [
        ("database", &["--store", "postgres://me:canary@127.0.0.1:9/maru?sslmode=disable"], &[]),
        ("database", &["--store", "sqlite:notes.txt"], &[]),
        ("database", &["--store", "sqlite:notes.txt/new.db"], &[]),
        ("model", &[], &[("MARU__LLM__MODEL", "nobody/model")]),
        (
            "model",
            &[],
            &[("MARU__LLM__MODEL", "x/y"), ("MARU__LLM__PROVIDERS__X__BASE_URL", "http://127.0.0.1:9/v1")],
        ),
    ];
    for (check, arguments, env) in fails {
        let (ran, findings) = doctor(here, arguments, env);
        assert_eq!((ran.code, verdict(&findings, check)), (Some(1), "fails".to_owned()), "{ran}");
        assert!(findings.as_array().is_some_and(|all| all.len() >= 4), "{ran}");
        assert!(!ran.out.contains("canary") && !ran.err.contains("canary"), "{ran}");
    }
    let site = Site::start(Backend::Sqlite, &[]).await;
    let env = [("MARU__LLM__MODEL", "x/y"), ("MARU__LLM__PROVIDERS__X__BASE_URL", &site.upstream.base_url())];
    let (ran, findings) = doctor(here, &[], &env);
    assert_eq!((ran.ok().code, verdict(&findings, "model")), (Some(0), "ok".to_owned()));
    assert_eq!(site.upstream.call_count(), 0, "nothing is asked of a provider: that may cost money");
}
