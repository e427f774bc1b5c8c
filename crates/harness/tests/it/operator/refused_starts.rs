//! A start that cannot work: one clear line for each thing that is wrong, on stderr, and an exit code.

use crate::support::{Backend, Ran, Site, maru_with, on_both};
use maru_testkit::throwaway::sqlite_dir;
use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

mod shared {
    use super::*;
    on_both! { a_taken_port_is_named }

    async fn a_taken_port_is_named(site: &Site) {
        let dir = sqlite_dir();
        let address = site.server.base_url().replace("http://", "");
        let ran = serve(dir.path(), &["--bind", &address], &[]);
        one_line(&ran, 1, &["cannot listen on", &address, "--bind"]);
        assert!(!ran.out.contains("listening on"), "{ran}");
        site.http().get("/readyz").await.has_status(200);
    }
}

/// It voids the leases of earlier servers, so it must be alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_file_has_one_server() {
    let site = Site::start(Backend::Sqlite, &[]).await;
    let user = site.user().await;
    user.say("before").await.has_status(201);
    let ran = serve(site.server.home(), &["--bind", "127.0.0.1:0", "--store", &site.store], &[]);
    one_line(&ran, 1, &["another maru serves", "maru.db", "--store"]);
    user.say("after").await.has_status(200);
    site.http().get("/readyz").await.has_status(200);
}

fn serve(dir: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Ran {
    let arguments: Vec<&str> = ["serve"].into_iter().chain(arguments.iter().copied()).collect();
    maru_with(dir, &arguments, "", env)
}

/// Nothing on stdout, and on stderr exactly one complaint with these words in it.
#[track_caller]
fn one_line(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, Some(code), "{ran}");
    let complaints: Vec<&str> =
        ran.err.lines().filter(|line| !line.contains(" INFO ") && !line.is_empty()).collect();
    assert!(complaints.len() == 1 && complaints[0].starts_with("error: "), "{ran}");
    for word in words {
        assert!(complaints[0].contains(word), "{word:?} should be in {ran}");
    }
    assert!(!ran.err.contains("canary"), "{ran}");
}

#[test]
fn each_bad_setting_is_told_in_a_line() {
    let dir = sqlite_dir();
    let cases: &[(&str, &str, &[&str])] = &[
        ("MARU__SERVER__PROT", "1", &["server.prot", "no such setting", "bind"]),
        ("MARU__SERVR__BIND", "1", &["servr.bind", "no such setting"]),
        ("MARU__BIND", "1", &["bind", "no such setting"]),
        ("MARU__SERVER__BIND", "nonsense", &["server.bind", "nonsense", "127.0.0.1:8080"]),
        ("MARU__SERVER__BIND", "127.0.0.1", &["server.bind"]),
        ("MARU__SERVER__BODY_TIMEOUT", "soon", &["server.body_timeout", "soon", "10s"]),
        ("MARU__SERVER__BODY_TIMEOUT", "10", &["server.body_timeout"]),
        ("MARU__SERVER__BODY_LIMIT", "abc", &["server.body_limit", "abc"]),
        ("MARU__SERVER__BODY_LIMIT", "-5", &["server.body_limit"]),
        ("MARU__SERVER__BODY_LIMIT", "10", &["server.body_limit", "at least 1024"]),
        ("MARU__SERVER__WORKERS", "x", &["server.workers"]),
        ("MARU__SERVER__TRUSTED_PROXIES", "proxy.example", &["server.trusted_proxies", "proxy.example"]),
        ("MARU__AUTH__ANONYMOUS", "maybe", &["auth.anonymous", "maybe", "loopback"]),
        ("MARU__AUTH__SECRET", "canary-short", &["auth.secret", "32"]),
        ("MARU__AUTH__TOKEN_TTL", "0s", &["auth.token_ttl"]),
        ("MARU__STORE__URL", "mysql://me:canary@db/maru", &["store.url", "sqlite:", "postgres://"]),
        ("MARU__STORE__URL", "", &["store.url"]),
        ("MARU__STORE__POOL_SIZE", "0", &["store.pool_size", "at least 1"]),
        ("MARU__STORE__DURABILITY", "none", &["store.durability", "none", "full"]),
        ("MARU__LLM__CONCURRENCY", "0", &["llm.concurrency"]),
        ("MARU__LLM__HISTORY_MESSAGES", "0", &["llm.history_messages"]),
        ("MARU__LLM__PROVIDERS__X__BASE_URL", "ftp://x", &["llm.providers.x.base_url", "http"]),
        (
            "MARU__LLM__PROVIDERS__X__BASE_URL",
            "http://me:canary@x/v1",
            &["llm.providers.x.base_url", "api_key"],
        ),
        ("MARU__LLM__PROVIDERS__X__BASE_URL", "http://", &["llm.providers.x.base_url", "http"]),
        (
            "MARU__LLM__PROVIDERS__X",
            "http://x",
            &["llm.providers.x: is a section", "llm.providers.x.base_url"],
        ),
        ("MARU__LLM__PROVIDERS", "x", &["llm.providers: is a section"]),
        ("MARU__LLM__PROVIDERS__X__BASEURL", "http://x", &["llm.providers.x", "baseurl"]),
        ("MARU__LIMITS__FREE_LOGINS", "-1", &["limits.free_logins"]),
        ("MARU__LIMITS__REGISTRATIONS_PER_HOUR", "many", &["limits.registrations_per_hour", "many"]),
        ("MARU__TIME__ZONE", "Mars/Olympus", &["time.zone", "Mars/Olympus"]),
        ("MARU__TIME__TOKEN_CHATS_ZONE", "", &["time.token_chats_zone"]),
        ("MARU__LOG__FORMAT", "xml", &["log.format", "xml", "json"]),
        ("MARU__LOG__LEVEL", "=,=", &["log.level"]),
        ("MARU__REDIS__URL", "127.0.0.1:6379", &["redis.url", "redis://"]),
        ("MARU__REDIS__PREFIX", "", &["redis.prefix"]),
        ("MARU__REDIS__LANGCHAIN_MEMORY", "true", &["redis.langchain_memory", "redis.url"]),
    ];
    for (name, value, words) in cases {
        one_line(&serve(dir.path(), &[], &[(*name, *value)]), 2, words);
    }
    let provider =
        [("MARU__LLM__PROVIDERS__X__KIND", "gemini"), ("MARU__LLM__PROVIDERS__X__BASE_URL", "http://x/v1")];
    one_line(&serve(dir.path(), &[], &provider), 2, &["llm.providers.x.kind", "gemini", "openai"]);
    // All of them at once, a line each.
    let many = [
        ("MARU__SERVER__PROT", "1"),
        ("MARU__AUTH__TOKEN_TTL", "soon"),
        ("MARU__LOG__FORMAT", "xml"),
        ("MARU__TIME__ZONE", "x"),
    ];
    let ran = serve(dir.path(), &[], &many);
    assert_eq!((ran.code, ran.err.lines().count()), (Some(2), 4), "{ran}");
    assert!(ran.err.lines().all(|line| line.starts_with("error: ")), "{ran}");
    // Two wrong keys in one section, too.
    let two = [("MARU__SERVER__PROT", "1"), ("MARU__SERVER__BODY_TIMEOUT", "soon")];
    let ran = serve(dir.path(), &[], &two);
    assert!(
        ran.code == Some(2) && ran.err.contains("server.prot") && ran.err.contains("body_timeout"),
        "{ran}"
    );
    // A section taken for a value, alone and beside one of its keys.
    one_line(&serve(dir.path(), &[], &[("MARU__SERVER", "x")]), 2, &["server: is a section", "bind"]);
    let both = [("MARU__SERVER", "x"), ("MARU__SERVER__BIND", "127.0.0.1:0")];
    let ran = serve(dir.path(), &[], &both);
    assert!(ran.code == Some(2) && ran.err.contains("MARU__SERVER: is a section"), "{ran}");
    one_line(
        &serve(dir.path(), &[], &[("MARU__SERVER__BIND__PORT", "1")]),
        2,
        &["server.bind: is one value"],
    );
    assert!(!dir.path().join("data").exists(), "nothing was made");
}

#[test]
fn each_bad_flag_and_file_is_told_in_a_line() {
    let dir = sqlite_dir();
    let here = dir.path();
    one_line(&serve(here, &["--bind", "nonsense"], &[]), 2, &["server.bind", "nonsense", "127.0.0.1:8080"]);
    // Said twice, the last counts; an address that nobody has can be told from one that is no address.
    let twice = ["--bind", "nonsense", "--bind", "192.0.2.1:80"];
    one_line(&serve(here, &twice, &[]), 1, &["cannot listen on 192.0.2.1:80"]);
    one_line(&serve(here, &["--store", "nonsense"], &[]), 2, &["store.url", "sqlite:"]);
    one_line(&serve(here, &["--store", "sqlite::memory:"], &[]), 2, &["store.url"]);
    one_line(&serve(here, &["--redis", "nonsense"], &[]), 2, &["redis.url", "redis://"]);
    // Instances that made a secret each would not know each other's tokens.
    let shared = ["--redis", "redis://127.0.0.1", "--store", "postgres://nobody@127.0.0.1:1/none"];
    one_line(&serve(here, &shared, &[]), 2, &["auth.secret", "openssl rand"]);
    one_line(&serve(here, &["--config", "nowhere.toml"], &[]), 2, &["nowhere.toml"]);
    // The line itself is not shown: it may hold a secret.
    let broken = "[server]\nbind = \"127.0.0.1:0\"\n[auth]\nsecret = \"canary-canary\n";
    std::fs::write(here.join("broken.toml"), broken).expect("a file");
    one_line(&serve(here, &["--config", "broken.toml"], &[]), 2, &["broken.toml", "line 4"]);
    std::fs::write(here.join("wrong.toml"), "[server]\nbindd = \"127.0.0.1:0\"\n").expect("a file");
    one_line(&serve(here, &["--config", "wrong.toml"], &[]), 2, &["server.bindd", "no such setting"]);
    // maru.toml is read when it is there, and a mistake in it is no smaller.
    std::fs::write(here.join("maru.toml"), "[log]\nlevel = 7\n[serve]\nx = 1\n").expect("a file");
    let ran = serve(here, &[], &[]);
    assert!(ran.code == Some(2) && ran.err.contains("serve.x"), "{ran}");
    std::fs::remove_file(here.join("maru.toml")).expect("it is gone");
    for model in ["nonsense", "openai", "nobody/model", "", "/", "demo/x"] {
        let ran = serve(here, &["--bind", "127.0.0.1:0", "--model", model], &[]);
        assert!(matches!(ran.code, Some(1 | 2)), "{ran}");
        let code = ran.code.unwrap_or_default();
        one_line(&ran, code, &["model"]);
        assert!(!ran.out.contains("listening on"), "{ran}");
    }
    one_line(
        &serve(here, &["--bind", "127.0.0.1:0", "--store", "sqlite:/proc/nowhere/maru.db"], &[]),
        1,
        &["database"],
    );
    std::fs::write(here.join("notes.txt"), "this is no database, whatever its name says".repeat(100))
        .expect("a file");
    one_line(&serve(here, &["--bind", "127.0.0.1:0", "--store", "sqlite:notes.txt"], &[]), 1, &["database"]);
    let url = "postgres://me:canary@127.0.0.1:9/maru?sslmode=disable";
    one_line(&serve(here, &["--bind", "127.0.0.1:0", "--store", url], &[]), 1, &["database"]);
    one_line(&serve(here, &["--bind", "192.0.2.1:80"], &[]), 1, &["cannot listen on 192.0.2.1:80"]);
    std::fs::write(here.join("auth.secret"), "too short\n").expect("a file");
    std::fs::set_permissions(here.join("auth.secret"), Permissions::from_mode(0o600)).expect("a mode");
    one_line(
        &serve(here, &["--bind", "127.0.0.1:0", "--store", "sqlite:other.db"], &[]),
        1,
        &["auth.secret", "32"],
    );
    for arguments in [&["serv"][..], &["serve", "--port", "1"], &["serve", "extra"], &[]] {
        let ran = maru_with(here, arguments, "", &[] as &[(&str, &str)]);
        assert!(ran.code == Some(2) && ran.out.is_empty() && ran.err.contains("Usage"), "{ran}");
    }
}

/// The environment is not ours: what is no text in it must not stop anything.
#[test]
fn an_environment_that_is_no_text_is_none_of_our_business() {
    let dir = sqlite_dir();
    let odd = OsString::from_vec(b"\xff\xfe".to_vec());
    maru_with(dir.path(), &["config"], "", &[("LANGUAGE_OF_THE_MOON", &odd)]).ok();
    let ran = maru_with(dir.path(), &["config"], "", &[("MARU__LOG__LEVEL", &odd)]);
    one_line(&ran, 2, &["MARU__LOG__LEVEL"]);
}
