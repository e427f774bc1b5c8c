//! The web pages over HTTP and in a real browser (contract §3, and §0 as it concerns it), on both
//! databases.

mod accounts;
mod browser;
mod dom;
mod hostile;
mod refusals;
mod replies;
mod rooms;
mod streams;
mod times;

use crate::support::{Ask, Http, Reply, Site};
use dom::Dom;

/// A form as a browser or curl sends it.
pub fn form(ask: Ask, fields: &[(&str, &str)]) -> Ask {
    let coded: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    ask.body("application/x-www-form-urlencoded", coded.join("&"))
}

pub fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// What every page has, whatever it says.
#[track_caller]
pub fn is_page(reply: &Reply, status: u16) -> Dom {
    assert_eq!(reply.status, status, "{reply}");
    reply.has("content-type", "text/html; charset=utf-8");
    is_secured(reply);
    let dom = Dom::of(&reply.text());
    for element in dom.elements() {
        for id in element.attribute("aria-describedby").into_iter().flat_map(|ids| ids.split(' ')) {
            assert!(
                dom.by_id(id).is_some(),
                "nothing is called {id:?}, which describes {element:?} of {reply}"
            );
        }
    }
    dom
}

#[track_caller]
pub fn is_secured(reply: &Reply) {
    let policy = reply.header("content-security-policy").unwrap_or_default();
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.split("; ").any(|one| one == rule), "{rule}: {policy:?} of {reply}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    reply.has("x-content-type-options", "nosniff");
    reply.has("cross-origin-opener-policy", "same-origin");
    reply.has("cross-origin-resource-policy", "same-origin");
    reply.has("referrer-policy", "same-origin");
    // No other site's script may read a page.
    assert_eq!(reply.header("access-control-allow-origin"), None, "{reply}");
}

/// 302 to there.
#[track_caller]
pub fn goes_to(reply: &Reply, address: &str) {
    assert_eq!(reply.status, 302, "{reply}");
    reply.has("location", address);
    is_secured(reply);
}

/// A new room; answers its address, `/chat/{pk}/`.
pub async fn room(http: &Http, name: &str, prompt: &str) -> String {
    let made = form(http.post("/chat/new/"), &[("name", name), ("system_prompt", prompt)]).await;
    goes_to(&made, "/chat/");
    let list = is_page(&http.get("/chat/").await, 200);
    let entry =
        list.all("li").into_iter().find(|room| room.text().contains(name)).expect("the room is listed");
    entry.first("a").expect("a link").attribute("href").expect("an address").to_owned()
}

/// Sends a message as the contract has it, for the two messages alone.
pub fn say(http: &Http, room: &str, content: &str) -> Ask {
    form(http.post(&format!("{room}messages/new/")), &[("content", content)]).header("HX-Request", "true")
}

/// Who says what, as a page or a piece of one shows it.
pub fn said(dom: &Dom) -> Vec<(String, String)> {
    let message = |article: &Dom| {
        let who = article.attribute("data-role").unwrap_or_default().to_owned();
        let class = if who == "assistant" { "prose" } else { "bubble" };
        let what = article.with_class(class).first().map(Dom::text).unwrap_or_default();
        (who, what.trim().to_owned())
    };
    dom.all("article").iter().map(message).collect()
}

pub fn pairs(texts: &[(&str, &str)]) -> Vec<(String, String)> {
    texts.iter().map(|(who, what)| ((*who).to_owned(), (*what).to_owned())).collect()
}

/// A room with one message and its reply.
pub async fn talked(site: &Site, http: &Http, name: &str) -> String {
    let room = room(http, name, "").await;
    let answer = say(http, &room, "hello").await;
    let dom = is_page(&answer, 200);
    assert_eq!(
        said(&dom),
        pairs(&[("user", "hello"), ("assistant", "reply to: hello")]),
        "{}",
        site.server.log()
    );
    room
}
