//! Register, login, test the token (contract §1.2–§1.4, fields §0.7, §0.9).

use crate::support::{Http, Reply, Site, name, on_both};
use serde_json::{Value, json};

on_both! { registers refuses_registrations one_name_once logs_in refuses_logins }

const BLANK: &str = "This field may not be blank.";
const REQUIRED: &str = "This field is required.";
const NULL: &str = "This field may not be null.";
const TYPE: &str = "Not a valid string.";
const EMAIL: &str = "Enter a valid email address.";
const TAKEN: &str = "A user with that username already exists.";
const CHARACTERS: &str =
    "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";

async fn register(http: &Http, body: &Value) -> Reply {
    http.post("/api/register/").json(body).await
}

/// The answer of a success, and nothing else in it.
#[track_caller]
fn signed_in(answer: &Reply, message: &str, username: &str, email: &str) -> String {
    let (token, id) = (answer.string("/token"), answer.json()["user"]["id"].clone());
    assert!(id.as_i64().is_some_and(|id| id > 0), "{answer}");
    answer.is(200, &json!({"message": message, "token": token, "user": {"id": id, "username": username, "email": email}}));
    token
}

async fn registers(site: &Site) {
    let http = site.http();
    let john = name("john_doe");
    let body = json!({"username": john, "email": "john.doe@example.com", "password": "your_password"});
    let answer = register(&http, &body).await;
    let token = signed_in(&answer, "Registered successfully!", &john, "john.doe@example.com");
    assert!(!answer.text().contains("your_password"), "the password is never sent back: {answer}");
    assert!(token.bytes().all(|byte| byte.is_ascii_graphic()), "a token fits into a header: {token}");
    let tested = http.with_token(&token).get("/api/test_token/").await;
    tested.is(200, &json!(["Passed for john.doe@example.com"]));

    // The e-mail address is optional, may be empty, and is nobody's alone.
    let plain = register(&http, &json!({"username": name("plain"), "password": "x"})).await;
    let token = plain.string("/token");
    assert_eq!(plain.json()["user"]["email"], "");
    http.with_token(&token).get("/api/test_token/").await.is(200, &json!(["Passed for "]));
    let twin = json!({"username": name("twin"), "email": "john.doe@example.com", "password": "x"});
    register(&http, &twin).await.has_status(200);
    register(&http, &json!({"username": name("e"), "email": "", "password": "x"})).await.has_status(200);

    // Names and addresses are trimmed, passwords are not; numbers count as their text.
    let spaced = name("spaced");
    let body = json!({"username": format!("  {spaced}\n"), "email": " a@example.com ", "password": "  p "});
    signed_in(&register(&http, &body).await, "Registered successfully!", &spaced, "a@example.com");
    login(&http, &spaced, "p").await.is(400, &json!({"detail": "Not found"}));
    login(&http, &spaced, "  p ").await.has_status(200);
    let number = 700_000_000 + u64::from(std::process::id());
    let answer = register(&http, &json!({"username": number, "password": 1234})).await;
    signed_in(&answer, "Registered successfully!", &number.to_string(), "");
    login(&http, &number.to_string(), "1234").await.has_status(200);

    // Names of any script, with marks; the signs of Django's rule; letters of either case are two names.
    for username in
        ["홍길동", "Ünïcødé", "हिन्दी", "علي", "李小龍", "a@b.c+d-e_f", "Ⅷ世", "CASE", "case", "ß", "٣"]
    {
        let username = format!("{username}{}", name(""));
        register(&http, &json!({"username": username, "password": "x"})).await.has_status(200);
    }

    // What a client may not set is not set.
    let body = json!({"username": name("admin"), "password": "x", "id": 1, "number": 1, "active": false, "is_staff": true, "token": "mine"});
    let answer = register(&http, &body).await;
    assert!(answer.json()["user"]["id"] != 1 && answer.string("/token") != "mine", "{answer}");
    http.with_token(&answer.string("/token")).get("/api/chats/").await.is(200, &json!([]));

    // Limits count characters, not bytes.
    let unique = name("");
    let longest = format!("{}{unique}", "가".repeat(150 - unique.chars().count()));
    let label = |letter: &str, count: usize| letter.repeat(count);
    let email = format!("{}@{}.{}.{}", label("a", 64), label("b", 63), label("c", 63), label("d", 61));
    assert_eq!(email.len(), 254);
    let body = json!({"username": longest, "email": email, "password": "비".repeat(128)});
    signed_in(&register(&http, &body).await, "Registered successfully!", &longest, &email);
    login(&http, &longest, &"비".repeat(128)).await.has_status(200);
}

async fn refuses_registrations(site: &Site) {
    let http = site.http();
    let taken = name("taken");
    register(&http, &json!({"username": taken, "password": "x"})).await.has_status(200);
    let long = |field: &str, most: usize| json!({field: [format!("Ensure this field has no more than {most} characters.")]});
    let good = |field: &str, value: Value| {
        let mut body = json!({"username": name("good"), "email": "good@example.com", "password": "x"});
        body[field] = value;
        body
    };
    let cases = [
        (json!({}), json!({"username": [REQUIRED], "password": [REQUIRED]})),
        (json!({"email": "x"}), json!({"username": [REQUIRED], "email": [EMAIL], "password": [REQUIRED]})),
        (
            json!({"username": "", "email": "x", "password": ""}),
            json!({"username": [BLANK], "email": [EMAIL], "password": [BLANK]}),
        ),
        (
            json!({"username": null, "email": null, "password": null}),
            json!({"username": [NULL], "email": [NULL], "password": [NULL]}),
        ),
        (
            json!({"username": true, "email": [], "password": {"a": 1}}),
            json!({"username": [TYPE], "email": [TYPE], "password": [TYPE]}),
        ),
        (
            json!({"username": ["a"], "email": {}, "password": false}),
            json!({"username": [TYPE], "email": [TYPE], "password": [TYPE]}),
        ),
        (
            json!({"username": taken, "email": "no", "password": ""}),
            json!({"username": [TAKEN], "email": [EMAIL], "password": [BLANK]}),
        ),
        (json!({"username": format!(" {taken} "), "password": "x"}), json!({"username": [TAKEN]})),
        (good("username", json!(" \t\n ")), json!({"username": [BLANK]})),
        (good("username", json!("a b")), json!({"username": [CHARACTERS]})),
        (good("username", json!("a/b")), json!({"username": [CHARACTERS]})),
        (good("username", json!("<script>")), json!({"username": [CHARACTERS]})),
        (good("username", json!("a\u{0}b")), json!({"username": [CHARACTERS]})),
        (good("username", json!("a\u{200d}b")), json!({"username": [CHARACTERS]})),
        (good("username", json!("\u{1f600}")), json!({"username": [CHARACTERS]})),
        (good("username", json!("é".repeat(151))), long("username", 150)),
        (
            good(
                "email",
                json!(format!("{}@{}.{}.{}", "a".repeat(64), "b".repeat(63), "c".repeat(63), "d".repeat(62))),
            ),
            long("email", 254),
        ),
        (good("email", json!("a@b@c")), json!({"email": [EMAIL]})),
        (good("email", json!("a@b")), json!({"email": [EMAIL]})),
        (good("email", json!("a b@example.com")), json!({"email": [EMAIL]})),
        (good("email", json!("a@example.com\u{0}")), json!({"email": [EMAIL]})),
        (good("email", json!("a@")), json!({"email": [EMAIL]})),
        (good("password", json!("é".repeat(129))), long("password", 128)),
        (good("password", json!("a\u{0}b")), json!({"password": ["Control characters are not allowed."]})),
        (good("password", json!("a\nb")), json!({"password": ["Control characters are not allowed."]})),
    ];
    for (body, expected) in &cases {
        let answer = register(&http, body).await;
        assert_eq!((answer.status, answer.json()), (400, expected.clone()), "{body}");
        answer.is(400, expected);
    }
    // A refusal makes nothing: the name is still free.
    let free = name("free");
    register(&http, &json!({"username": free, "email": "no", "password": "x"})).await.has_status(400);
    register(&http, &json!({"username": free, "password": "x"})).await.has_status(200);
    http.get("/api/register/")
        .await
        .has("allow", "POST, OPTIONS")
        .is(405, &json!({"detail": "Method \"GET\" not allowed."}));
}

async fn one_name_once(site: &Site) {
    let http = site.http();
    // One spelling: ligatures, full width and composed letters are the same name as their plain forms.
    for (kind, first, second) in
        [("ligature", "ﬁx", "fix"), ("width", "Ａlice", "Alice"), ("composed", "e\u{301}", "é")]
    {
        let (unique, message) = (name(""), json!({"username": [TAKEN]}));
        let answer = register(&http, &json!({"username": format!("{first}{unique}"), "password": "x"})).await;
        assert_eq!(answer.json()["user"]["username"], format!("{second}{unique}"), "{kind}");
        for spelling in [first, second] {
            let body = json!({"username": format!("{spelling}{unique}"), "password": "x"});
            register(&http, &body).await.is(400, &message);
            login(&http, &format!("{spelling}{unique}"), "x").await.has_status(200);
        }
    }
    // The limit is that of the name as it is kept.
    let body = json!({"username": "\u{fdfa}".repeat(9), "password": "x"});
    register(&http, &body).await.has_status(400);
    // Of many at the same instant one gets the name.
    let wanted = name("wanted");
    let body = json!({"username": wanted, "password": "x"});
    let answers = futures_util::future::join_all((0..8).map(|_| register(&http, &body))).await;
    let (got, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(got.len(), 1, "{}", answers.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    for answer in refused {
        answer.is(400, &json!({"username": [TAKEN]}));
    }
}

async fn login(http: &Http, username: &str, password: &str) -> Reply {
    http.post("/api/login/").json(&json!({"username": username, "password": password})).await
}

async fn logs_in(site: &Site) {
    let http = site.http();
    let jane = name("jane");
    let body = json!({"username": jane, "email": "jane@example.com", "password": "pässwörd"});
    let registered = register(&http, &body).await;
    let answer = login(&http, &jane, "pässwörd").await;
    let first = signed_in(&answer, "Logged-In successfully!", &jane, "jane@example.com");
    assert_eq!(answer.json()["user"], registered.json()["user"]);
    let second = login(&http, &format!(" {jane} "), "pässwörd").await.string("/token");
    assert!(first != second && first != registered.string("/token"), "each login is a session of its own");
    for token in [&first, &second, &registered.string("/token")] {
        http.with_token(token).get("/api/test_token/").await.is(200, &json!(["Passed for jane@example.com"]));
    }
    // A token of one's own changes nothing, and a bad one neither: login needs none.
    for token in [first.as_str(), "nonsense"] {
        login(&http.with_token(token), &jane, "pässwörd").await.has_status(200);
    }
}

async fn refuses_logins(site: &Site) {
    let http = site.http();
    let joe = name("joe");
    register(&http, &json!({"username": joe, "password": "Right"})).await.has_status(200);
    let wrong = login(&http, &joe, "wrong").await;
    wrong.is(400, &json!({"detail": "Not found"}));
    // A name that nobody has looks the same, to the last header.
    let headers = |answer: &Reply| {
        let mut names: Vec<_> =
            answer.headers.iter().map(|(name, value)| (name.to_string(), value.len())).collect();
        names.sort();
        names
    };
    for (username, password) in [
        (name("nobody"), "wrong"),
        (format!("{joe}\u{0}"), "Right"),
        ("x".repeat(5000), "x"),
        (joe.clone(), "right"),
        (joe.clone(), "Right "),
    ] {
        let unknown = login(&http, &username, password).await;
        assert_eq!((unknown.status, &unknown.body), (400, &wrong.body), "{unknown}");
        assert_eq!(headers(&unknown), headers(&wrong));
    }
    login(&http, &joe, &"x".repeat(100_000)).await.is(400, &json!({"detail": "Not found"}));
    login(&http, &joe, "a\u{0}").await.is(400, &json!({"detail": "Not found"}));
    let cases = [
        (json!({}), json!({"username": [REQUIRED], "password": [REQUIRED]})),
        (json!({"username": joe}), json!({"password": [REQUIRED]})),
        (json!({"password": "x"}), json!({"username": [REQUIRED]})),
        (json!({"username": "", "password": ""}), json!({"username": [BLANK], "password": [BLANK]})),
        (json!({"username": "  ", "password": "x"}), json!({"username": [BLANK]})),
        (json!({"username": null, "password": null}), json!({"username": [NULL], "password": [NULL]})),
        (json!({"username": [], "password": {}}), json!({"username": [TYPE], "password": [TYPE]})),
    ];
    for (body, expected) in &cases {
        let answer = http.post("/api/login/").json(body).await;
        assert_eq!((answer.status, answer.json()), (400, expected.clone()), "{body}");
    }
    http.get("/api/login/")
        .await
        .has("allow", "POST, OPTIONS")
        .is(405, &json!({"detail": "Method \"GET\" not allowed."}));
    site.user().await.post("/api/test_token/").await.has("allow", "GET, OPTIONS").has_status(405);
}
