//! Odd text in every field, the same on both databases (S15).

use super::Treasure;
use crate::support::{Backend, Http, Reply, Site, shared};
use serde_json::{Value, json};

/// Texts that break things, each in JSON's own spelling, because some are no text at all.
const ODD: &[&str] = &[
    r"\u0000",
    r"a\u0000b",
    r"\u0001",
    r"\u0008",
    r"\u000b",
    r"\u001b[31mred",
    r"\u007f",
    r"\u0080\u009f",
    r"\u0085",
    r"\r\n",
    r"\t",
    r"\ud800",
    r"\udfff",
    r"\ud800\ud800",
    r"\udc00\ud800",
    r"a\ud83d",
    r"\ud83d\ude00",
    r"\uD834\uDD1E",
    r"\ufffe",
    r"\uffff",
    r"\ufdd0",
    r"\udbff\udfff",
    r"\ufeffbom",
    r"\u200b",
    r"\u200d",
    r"\u2060",
    r"\u00ad",
    r"\u034f",
    r"\u180e",
    r"\u202eevil",
    r"\u2066x\u2069",
    r"\u2028\u2029",
    r"\u3000",
    r"\u00a0",
    r"e\u0301",
    r"\u00e9",
    r"\u1100\u1161\u11a8",
    r"\uac01",
    r"a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a\u030b\u030c\u030d\u030e",
    r"\ufb01",
    r"\uff21\uff22",
    r"\u2163",
    r"\ufdfa",
    r"\u0130",
    r"\u0131",
    r"\u00df",
    r"\u1e9e",
    r"\ud835\udd38",
    r"\ud83d\udc69\u200d\ud83d\udc69\u200d\ud83d\udc66",
    r"\ud83c\uddf0\ud83c\uddf7",
    "' OR '1'='1",
    "'; DROP TABLE users; --",
    r#"\" OR 1=1 --"#,
    "$1",
    "$$",
    "%s%n",
    "{0}",
    "${jndi:ldap://127.0.0.1/a}",
    "{{7*7}}",
    "`id`",
    "$(id)",
    "|| id",
    "<script>alert(1)</script>",
    "<!--",
    "]]>",
    "&amp;",
    "javascript:alert(1)",
    "../../etc/passwd",
    "..\\\\..\\\\",
    "C:\\\\con",
    "file:///etc/passwd",
    "null",
    "undefined",
    "NaN",
    "true",
    "0",
    "-1",
    "1e400",
    "0x10",
    "[object Object]",
    "\\\\",
    "\\/",
    r#"\""#,
    "'",
    ";",
    ",",
    "=cmd|' /C calc'!A0",
    "Set-Cookie: a=b",
    r"a\r\nSet-Cookie: a=b",
    "%00",
    "%0d%0a",
    "%ff",
    "+",
    " ",
    "",
    "  a  ",
    "\u{85}",
    "a\u{7f}",
    "안녕하세요",
    "你好",
    "שלום",
    "مرحبا",
    "हिन्दी",
    "ไทย",
    "Ω≈ç√∫˜µ≤≥÷",
    "田中さんにあげて下さい",
    "(╯°□°)╯︵ ┻━┻",
    "👾 🙇 💁",
    "Ṱ̺̺̕o͞ ̷i̲̬͇̪͙n̝̗͕v̟̜̘̦͟o̶̙̰̠kè͚̮̺̪̹̱̤ ̖t̝͕̳̣̻̪͞h̼͓̲̦̳̘̲e͇̣̰̦̬͎ ̢̼̻̱̘h͚͎͙̜̣̲ͅi̦̲̣̰̤v̻͍e̺̭̳̪̰-m̢iͅn̖̺̞̲̯̰d̵̼̟͙̩̼̘̳",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_text_is_kept_or_refused_alike_on_both_databases() {
    let sites = [shared(Backend::Sqlite).await, shared(Backend::Postgres).await];
    let told = futures_util::future::join_all(sites.iter().map(|site| async {
        let treasure = Treasure::bury(site).await;
        let told = tell(site).await;
        treasure.is_there(site).await;
        told
    }));
    let told = told.await;
    let [sqlite, postgres] = &told[..] else { panic!("two databases") };
    assert_eq!(sqlite.len(), postgres.len());
    for (sqlite, postgres) in sqlite.iter().zip(postgres) {
        assert_eq!(sqlite, postgres, "the databases differ");
    }
}

/// What one server makes of every text in every field: the status and what it kept.
async fn tell(site: &Site) -> Vec<(String, u16, Value)> {
    let user = site.user().await;
    let sent = user.say("to be edited").await.json();
    let edited = format!(
        "/api/chats/{}/messages/{}/",
        sent["chat_id"],
        sent["conversation"][0]["message_id"].as_str().expect("an id")
    );
    let mut told = Vec::new();
    for (n, text) in ODD.iter().enumerate() {
        let plain: Option<String> = serde_json::from_str(&format!("\"{text}\"")).ok();
        // Of the same length on both, for the places that errors name.
        let unique = format!(".odd{n}");
        let register = |username: &str, email: &str, password: &str| {
            let body =
                format!("{{\"username\":\"{username}\",\"email\":\"{email}\",\"password\":\"{password}\"}}");
            let user = user.clone();
            async move { json_to(&user, "POST", "/api/register/", &body).await }
        };
        let (name, address) = (format!("{text}{unique}"), format!("{text}@example.com"));
        let mut asked = vec![("all fields", register(&name, &address, text).await)];
        // What is wrong is told at once, so a name is taken only with good company.
        if asked[0].1.status == 400 && plain.is_some() && asked[0].1.json().get("username").is_none() {
            asked.push(("username", register(&name, "", "x").await));
        }
        for (field, answer) in asked {
            not_ours(&answer, plain.is_some());
            let kept = if answer.status == 200 {
                let user = answer.json()["user"].clone();
                json!([user["username"].as_str().unwrap_or_default().replace(&unique, ""), user["email"]])
            } else {
                answer.json()
            };
            told.push((format!("{field} {text}"), answer.status, kept));
        }
        // A hash costs time: every fifth text is a password that opens its own door and no other.
        if n % 5 == 0 {
            let name = format!("pass{unique}");
            let answer = register(&name, "", text).await;
            not_ours(&answer, plain.is_some());
            told.push((format!("password {text}"), answer.status, Value::Null));
            for (password, right) in [(text.to_string(), answer.status == 200), (format!("{text}x"), false)] {
                let body = format!("{{\"username\":\"{name}\",\"password\":\"{password}\"}}");
                let login = json_to(&user, "POST", "/api/login/", &body).await;
                assert_eq!(login.status, if right { 200 } else { 400 }, "{login}");
            }
            let body = format!("{{\"username\":\"{text}\",\"password\":\"{text}\"}}");
            let login = json_to(&user, "POST", "/api/login/", &body).await;
            not_ours(&login, plain.is_some());
            told.push((format!("login {text}"), login.status, login.json()));
        }
        let body = format!("{{\"content\":\"{text}\"}}");
        let edit = json_to(&user, "PATCH", &edited, &body).await;
        not_ours(&edit, plain.is_some());
        if edit.status == 200 {
            let chats = user.chats().await;
            assert_eq!(chats[0]["conversation"][0]["You"].as_str(), plain.as_deref(), "kept as sent: {text}");
        }
        told.push((format!("edit {text}"), edit.status, edit.json()));
        let form = user
            .post("/api/chats/")
            .body("application/x-www-form-urlencoded", format!("content=%20&end_session=x{text}"))
            .await;
        not_ours(&form, true);
    }
    // Messages go through the model: a few that are text and a few that are none.
    for text in ODD.iter().step_by(6) {
        let plain: Option<String> = serde_json::from_str(&format!("\"{text}\"")).ok();
        let answer = json_to(&user, "POST", "/api/chats/", &format!("{{\"content\":\"{text}\"}}")).await;
        not_ours(&answer, plain.is_some());
        if answer.status == 200 {
            let last = answer.json()["conversation"]
                .as_array()
                .and_then(|turns| turns.last().cloned())
                .unwrap_or_default();
            assert_eq!(last["You"].as_str(), plain.as_deref());
            assert_eq!(last["Bot"], format!("reply to: {}", plain.unwrap_or_default()));
        }
        told.push((format!("content {text}"), answer.status, Value::Null));
    }
    told
}

async fn json_to(http: &Http, verb: &str, path: &str, body: &str) -> Reply {
    http.ask(verb, path).body("application/json", body.as_bytes().to_vec()).await
}

/// Taken or refused in JSON; what is no text is no JSON.
#[track_caller]
fn not_ours(answer: &Reply, is_text: bool) {
    assert!(answer.status < 500, "{answer}");
    answer.has("content-type", "application/json");
    if !is_text {
        answer.has_status(400);
        assert!(answer.text().contains("JSON parse error - "), "{answer}");
    }
}
