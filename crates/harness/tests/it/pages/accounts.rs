//! Logging in and out where nobody may come in without.

use super::dom::Dom;
use super::{form, goes_to, is_page, pairs, room, said, say};
use crate::support::{Ask, Backend, Http, Reply, Site, for_both, name};

for_both! { who_is_unknown_logs_in_first a_browser_logs_in_and_out registering_tells_what_is_wrong failed_logins_wait }

const PASSWORD: &str = "a-long-password";

async fn closed(backend: Backend) -> Site {
    Site::start(backend, &[("MARU__AUTH__ANONYMOUS", "deny")]).await
}

/// The cookie that an answer sets, as it is sent back.
#[track_caller]
fn cookie(reply: &Reply) -> String {
    let set = reply.header("set-cookie").unwrap_or_else(|| panic!("no cookie in {reply}"));
    for word in ["Path=/", "HttpOnly", "SameSite=Lax", "Max-Age="] {
        assert!(set.split("; ").any(|one| one.starts_with(word)), "{word}: {set}");
    }
    set.split(';').next().expect("a pair").to_owned()
}

fn with(ask: Ask, cookie: &str) -> Ask {
    ask.header("Cookie", format!("theme=dark; {cookie}; x=y"))
}

async fn registered(http: &Http, who: &str) -> String {
    let fields = [("username", who), ("email", ""), ("password", PASSWORD), ("next", "/chat/new/")];
    let reply = form(http.post("/register/"), &fields).await;
    goes_to(&reply, "/chat/new/");
    cookie(&reply)
}

async fn who_is_unknown_logs_in_first(backend: Backend) {
    let site = closed(backend).await;
    let http = site.http();
    for path in ["/chat/", "/chat/new/", "/chat/1/", "/chat/?before=7"] {
        let page = is_page(&http.get(path).await, 401);
        let next = page.all("input").into_iter().find(|input| input.attribute("name") == Some("next"));
        assert_eq!(next.expect("where to go then").attribute("value"), Some(path));
        assert!(page.by_id("password").is_some_and(|field| field.attribute("type") == Some("password")));
        assert_eq!(page.with_class("note")[0].text(), "계속하려면 로그인하세요.");
    }
    is_page(&form(http.post("/chat/new/"), &[("name", "x")]).await, 401);
    let piece = say(&http, "/chat/1/", "x").await;
    assert_eq!(
        (piece.status, piece.header("hx-redirect").as_deref()),
        (401, Some("/login/?next=%2Fchat%2F"))
    );
    // Who was never here has no session that could have ended.
    assert_eq!(Dom::of(&piece.text()).text(), "계속하려면 로그인하세요.");
    let piece = say(&http, "/chat/1/", "x").header("Accept-Language", "en").await;
    assert_eq!(Dom::of(&piece.text()).text(), "Log in to go on.");
    let stale = say(&http, "/chat/1/", "x").header("Cookie", "maru_session=x");
    assert_eq!(Dom::of(&stale.await.text()).text(), "로그인이 만료되었습니다. 다시 로그인하세요.");
    // The pages of the accounts and what they are made of are open.
    for path in ["/login/", "/register/", "/assets/maru.css"] {
        assert_eq!(http.get(path).await.status, 200, "{path}");
    }
    // A cookie opens nothing but the pages.
    let token = site.user().await;
    let cookie = format!("maru_session={}", token.token());
    is_page(&with(http.get("/chat/"), &cookie).await, 200);
    for path in ["/v1/rooms", "/api/chats/", "/v1/chat/chats"] {
        assert_eq!(with(http.get(path), &cookie).await.status, 401, "{path}");
    }
}

async fn a_browser_logs_in_and_out(backend: Backend) {
    let site = closed(backend).await;
    let http = site.http();
    let (ann, bob) = (name("ann"), name("bob"));
    let anns = registered(&http, &ann).await;
    let bobs = registered(&http, &bob).await;
    let made = with(form(http.post("/chat/new/"), &[("name", "ann's own")]), &anns).await;
    goes_to(&made, "/chat/");
    let list = is_page(&with(http.get("/chat/"), &anns).await, 200);
    assert!(list.text().contains("ann's own") && list.with_class("user")[0].text() == ann);
    let links = list.all("a");
    let room = links
        .iter()
        .find_map(|link| link.attribute("href").filter(|to| to.contains(|c: char| c.is_ascii_digit())));
    let room = room.expect("the room").to_owned();
    is_page(&with(say(&http, &room, "hello"), &anns).await, 200);
    assert_eq!(is_page(&with(http.get(&room), &bobs).await, 404).all("article").len(), 0);
    assert!(!is_page(&with(http.get("/chat/"), &bobs).await, 200).text().contains("ann's own"));
    let page = is_page(&with(http.get(&room), &anns).await, 200);
    assert_eq!(said(&page), pairs(&[("user", "hello"), ("assistant", "reply to: hello")]));
    // A second session of the same person; where to go then is never another site.
    for next in ["//evil.example/", "https://evil.example/", "/\\evil.example"] {
        let fields = [("username", ann.as_str()), ("password", PASSWORD), ("next", next)];
        goes_to(&form(http.post("/login/"), &fields).await, "/chat/");
    }
    let fields = [("username", ann.as_str()), ("password", PASSWORD), ("next", room.as_str())];
    let second = form(http.post("/login/"), &fields).await;
    goes_to(&second, &room);
    let second = cookie(&second);
    let out = with(form(http.post("/logout/"), &[]), &anns).await;
    goes_to(&out, "/chat/");
    assert!(cookie(&out).ends_with('='), "the browser forgets it");
    let stale = with(http.get("/chat/"), &anns).await;
    is_page(&stale, 401);
    assert!(cookie(&stale).ends_with('='));
    is_page(&with(http.get(&room), &second).await, 200);
}

async fn registering_tells_what_is_wrong(backend: Backend) {
    let site = closed(backend).await;
    let http = site.http();
    let taken = name("taken");
    registered(&http, &taken).await;
    let fields = [("username", taken.as_str()), ("email", "no address"), ("password", "short")];
    let page = is_page(&form(http.post("/register/"), &fields).await, 200);
    assert_eq!(page.with_class("wrong").len(), 3, "{}", page.text());
    assert_eq!(page.by_id("username").expect("the name").attribute("value"), Some(taken.as_str()));
    assert!(
        !form(http.post("/register/"), &fields).await.text().contains("short\""),
        "no password in a page"
    );
    for fields in [[("username", ""), ("password", "x")], [("username", "x"), ("password", "")]] {
        let page = is_page(&form(http.post("/login/"), &fields).await, 200);
        assert_eq!(page.with_class("wrong").len(), 1);
    }
    for (who, password) in [(taken.as_str(), "wrong"), ("nobody", PASSWORD)] {
        let reply = form(http.post("/login/"), &[("username", who), ("password", password)]).await;
        assert!(reply.header("set-cookie").is_none());
        let page = is_page(&reply, 200);
        assert_eq!(page.with_class("wrong")[0].text(), "사용자 이름 또는 비밀번호가 올바르지 않습니다.");
    }
}

async fn failed_logins_wait(backend: Backend) {
    let settings = [("MARU__AUTH__ANONYMOUS", "deny"), ("MARU__LIMITS__FREE_LOGINS", "2")];
    let site = Site::start(backend, &settings).await;
    let (http, who) = (site.http(), name("guessed"));
    registered(&http, &who).await;
    let mut refused = None;
    for _ in 0..20 {
        let reply = form(http.post("/login/"), &[("username", &who), ("password", "wrong")]).await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
        is_page(&reply, 200);
    }
    let refused = refused.expect("guessing has to wait");
    is_page(&refused, 429);
    assert!(refused.header("retry-after").is_some());
    // Anonymous callers that are let in need no account, and a room of nobody's is there for all.
    let open = Site::start(backend, &[]).await;
    let room = room(&open.http(), "of nobody", "").await;
    is_page(&open.http().get(&room).await, 200);
}
