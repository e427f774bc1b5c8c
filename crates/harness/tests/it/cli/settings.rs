//! `maru config`, and how all commands speak.

use crate::support::{BINARY, maru, maru_with};
use maru_testkit::throwaway::sqlite_dir;
use serde_json::{Value, json};
use std::process::{Command, Stdio};

#[test]
fn config_shows_what_is_in_effect() {
    let dir = sqlite_dir();
    let here = dir.path();
    let shown = maru(here, &["config", "--json"], "").ok().json();
    let sections: Vec<&String> = shown.as_object().expect("sections").keys().collect();
    assert_eq!(sections, ["server", "store", "redis", "llm", "auth", "limits", "time", "log", "telemetry"]);
    assert_eq!(
        (&shown["server"]["bind"], &shown["auth"]["token_ttl"], &shown["time"]["token_chats_zone"]),
        (&json!("127.0.0.1:8080"), &json!("30days"), &json!("Asia/Karachi"))
    );
    // The file, then the environment, then flags.
    std::fs::write(here.join("maru.toml"), "[server]\nworkers = 3\nbody_limit = 2048\n[store]\nurl = \"sqlite:file.db\"\n[llm.providers.home]\nbase_url = \"http://home/v1\"\nmodels = [\"a\"]\n").expect("a file");
    let env = [
        ("MARU__SERVER__BODY_LIMIT", "4096"),
        ("MARU__STORE__URL", "sqlite:env.db"),
        ("MARU__LLM__PROVIDERS__HOME__API_KEY", "sk-canary"),
        ("MARU__SERVER__TRUSTED_PROXIES", "10.0.0.1, ::1"),
    ];
    let shown = maru_with(here, &["config", "--json", "--store", "sqlite:flag.db"], "", &env).ok().json();
    assert_eq!(
        (&shown["server"]["workers"], &shown["server"]["body_limit"], &shown["store"]["url"]),
        (&json!(3), &json!(4096), &json!("sqlite:flag.db"))
    );
    assert_eq!(
        shown["llm"]["providers"]["home"],
        json!({"kind": "openai", "base_url": "http://home/v1", "api_key": "(hidden)", "models": ["a"], "path": ""})
    );
    assert_eq!(shown["server"]["trusted_proxies"], json!(["10.0.0.1", "::1"]));
    std::fs::write(here.join("other.toml"), "[server]\nworkers = 5\n").expect("a file");
    let shown = maru(here, &["config", "--json", "--config", "other.toml"], "").ok().json();
    assert_eq!(
        (&shown["server"]["workers"], &shown["server"]["body_limit"]),
        (&json!(5), &json!(1_048_576)),
        "instead of ./maru.toml"
    );
    // What it prints for people is a file that it reads.
    let printed = maru(here, &["config"], "").ok().out.clone();
    std::fs::write(here.join("printed.toml"), &printed).expect("a file");
    let again = maru(here, &["config", "--config", "printed.toml"], "");
    assert_eq!(again.ok().out, printed);
    assert_eq!(std::fs::read_dir(here).expect("a directory").count(), 3, "config makes nothing");
}

#[test]
fn config_hides_every_secret() {
    let dir = sqlite_dir();
    let urls = [
        "postgres://me:canary@db/maru",
        "postgresql://me:canary@db:5432/maru?sslmode=require",
        "postgres://me:can%40canary@db/maru",
        "postgres://me:a@canary@db/maru",
        "postgres://db/maru?user=me&password=canary",
        "postgres://me@db/maru?application_name=x&password=canary&sslmode=require",
    ];
    for url in urls {
        let env = [
            ("MARU__STORE__URL", url),
            ("MARU__AUTH__SECRET", "canary-canary-canary-canary-canary"),
            ("OPENAI_API_KEY", "sk-canary"),
            ("MARU__LLM__PROVIDERS__X__BASE_URL", "http://x/v1"),
            ("MARU__LLM__PROVIDERS__X__API_KEY", "canary"),
        ];
        for arguments in [&["config"][..], &["config", "--json"]] {
            let ran = maru_with(dir.path(), arguments, "", &env);
            assert!(!ran.ok().out.contains("canary") && !ran.err.contains("canary"), "{url}: {ran}");
            assert!(ran.out.contains("maru") && ran.out.contains("(hidden)"), "{ran}");
        }
    }
    // A password in a provider's address is shown nowhere, either.
    for url in ["http://me:canary@x/v1", "https://canary@x/v1"] {
        let env = [("MARU__LLM__PROVIDERS__X__BASE_URL", url)];
        for command in ["config", "doctor"] {
            let ran = maru_with(dir.path(), &[command], "", &env);
            assert!(!ran.out.contains("canary") && !ran.err.contains("canary"), "{ran}");
        }
    }
}

#[test]
fn a_closed_pipe_is_no_crash() {
    let dir = sqlite_dir();
    maru(dir.path(), &["migrate"], "").ok();
    for arguments in
        [&["config"][..], &["config", "--json"], &["doctor"], &["user", "list"], &["migrate", "--status"]]
    {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped());
        let output = command.output().expect("maru ends");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(
            !err.contains("panicked") && output.status.code() != Some(101),
            "{arguments:?}: {:?} {err}",
            output.status
        );
    }
}

/// A script can read stdout whatever is logged, and complaints in the same way.
#[test]
fn json_is_alone_on_stdout() {
    let dir = sqlite_dir();
    let log = [("MARU__LOG__LEVEL", "trace"), ("MARU__LOG__FORMAT", "json")];
    let commands: [&[&str]; 5] =
        [&["migrate"], &["migrate", "--status"], &["config"], &["doctor"], &["user", "create", "anna"]];
    for arguments in commands {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let ran = maru_with(dir.path(), &arguments, "a long password\n", &log);
        ran.ok().json();
        assert_eq!(ran.out.lines().count(), 1, "{ran}");
    }
    let wrong = [("MARU__LOG__FORMAT", "xml"), ("MARU__SERVER__WORKERS", "x")];
    for command in ["config", "doctor", "migrate", "serve"] {
        let ran = maru_with(dir.path(), &[command, "--json"], "", &wrong);
        let told: Vec<Value> = ran.err.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert!(ran.code == Some(2) && ran.out.is_empty() && told.len() == 2, "{ran}");
        assert!(told.iter().all(|line| line["error"].is_string()), "{ran}");
    }
}

/// A command line that is not understood is told like any other failure.
#[test]
fn a_wrong_command_line_is_json_for_scripts() {
    let dir = sqlite_dir();
    let wrong: [(&[&str], &str); 6] = [
        (&["--json", "frobnicate"], "unrecognized subcommand 'frobnicate'"),
        (&["user", "create", "--json"], "<USERNAME>"),
        (&["serve", "--json", "--bin", "x"], "--bind"),
        (&["room", "list", "--limit", "0", "--json"], "--limit"),
        (&["--json"], "a command is missing"),
        (&["user", "--json"], "a command is missing"),
    ];
    for (arguments, words) in wrong {
        let ran = maru(dir.path(), arguments, "");
        let told: Value = serde_json::from_str(&ran.err).unwrap_or_else(|error| panic!("{error}: {ran}"));
        assert!(ran.code == Some(2) && ran.out.is_empty(), "{ran}");
        let error = told["error"].as_str().unwrap_or_default();
        assert!(error.contains(words) && !error.starts_with("error") && !error.contains('\n'), "{ran}");
    }
    // For people it stays what it was, and help is no mistake.
    assert!(maru(dir.path(), &["frobnicate"], "").failed(2, "Usage:").err.lines().count() > 1);
    assert!(maru(dir.path(), &["--json", "--help"], "").ok().out.contains("Usage:"));
    assert!(maru(dir.path(), &["--json", "--version"], "").ok().out.starts_with("maru "));
}

#[test]
fn help_and_version_are_there() {
    let dir = sqlite_dir();
    let help = maru(dir.path(), &["--help"], "");
    for command in ["serve", "migrate", "config", "doctor", "user", "key"] {
        assert!(help.ok().out.contains(command), "{help}");
        assert!(maru(dir.path(), &[command, "--help"], "").ok().out.contains("Usage"));
    }
    let verbs: [(&str, &[&str]); 2] = [
        ("user", &["create", "list", "password", "disable", "enable", "delete"]),
        ("key", &["create", "list", "revoke"]),
    ];
    for (command, verbs) in verbs {
        for verb in verbs {
            let help = maru(dir.path(), &[command, verb, "--help"], "");
            assert!(help.ok().out.contains(&format!(" {command} {verb} ")), "{help}");
        }
    }
    assert!(maru(dir.path(), &["--version"], "").ok().out.starts_with("maru "), "{help}");
    assert_eq!(std::fs::read_dir(dir.path()).expect("a directory").count(), 0);
}
