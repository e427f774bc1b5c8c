//! Replies: the fragment of two, what a failing model leaves, stopping and asking anew.

use super::{form, goes_to, is_page, pairs, room, said, say};
use crate::support::{Http, Site, name, on_both, until};
use maru_testkit::upstream::Script;

on_both! {
    the_fragment_is_exactly_the_two_messages
    a_failing_model_is_502_and_no_assistant
    a_reply_is_stopped_and_asked_for_anew
    a_message_is_changed_and_answered_anew
    rooms_of_elsewhere_are_shown_to_their_owner
    the_model_is_told_what_was_said
}

/// A room whose replies follow a script.
pub async fn scripted(site: &Site, http: &Http, script: Script) -> (String, String) {
    let model = name("scripted");
    site.upstream.script(&model, script);
    let body = serde_json::json!({"name": model, "model": format!("test/{model}")});
    let made = http.post("/v1/rooms").json(&body).await.has_status(201).json();
    (format!("/chat/{}/", made["number"]), model)
}

async fn the_fragment_is_exactly_the_two_messages(site: &Site) {
    let http = site.http();
    let room = room(&http, &name("pair"), "").await;
    for path in [format!("{room}messages/new/"), room.clone()] {
        let ask = form(http.post(&path), &[("content", "안녕")]).header("HX-Request", "true");
        let dom = is_page(&ask.await, 200);
        assert_eq!(said(&dom), pairs(&[("user", "안녕"), ("assistant", "reply to: 안녕")]));
        let body = dom.first("body").expect("a body");
        assert_eq!(
            body.children.iter().filter(|child| !child.name.is_empty()).count(),
            2,
            "and nothing else"
        );
        goes_to(&form(http.post(&path), &[("content", "안녕")]).await, &room);
    }
    let page = is_page(&http.get(&room).await, 200);
    let exchange = [("user", "안녕"), ("assistant", "reply to: 안녕")];
    assert_eq!(said(&page), pairs(&exchange.repeat(4)), "all of them, oldest first");
}

async fn a_failing_model_is_502_and_no_assistant(site: &Site) {
    let http = site.user().await;
    let (room, model) = scripted(site, &http, Script::error(400, &[])).await;
    let dom = is_page(&say(&http, &room, "are you there?").await, 502);
    assert_eq!(said(&dom), pairs(&[("user", "are you there?")]), "nothing is said in the model's name");
    assert_eq!(dom.with_class("failed").len(), 1);
    let page = is_page(&http.get(&room).await, 200);
    assert_eq!(said(&page), pairs(&[("user", "are you there?")]), "and the question is kept");
    let again = page.with_class("failed")[0].first("form").expect("a way to go on");
    goes_to(&form(http.post(&room), &[("content", "again")]).await, &room);
    assert_eq!(is_page(&http.get(&room).await, 200).with_class("failed").len(), 2);
    // The model comes back; the earlier failure has another turn behind it, the latest can be mended.
    site.upstream.script(&model, Script::reply("here I am"));
    let early = again.attribute("action").expect("an address");
    is_page(&form(http.post(early), &[]).await, 409);
    let page = is_page(&http.get(&room).await, 200);
    let latest = page.with_class("failed")[1].first("form").expect("a form");
    goes_to(&form(http.post(latest.attribute("action").expect("an address")), &[]).await, &room);
    let page = is_page(&http.get(&room).await, 200);
    assert_eq!(said(&page).last(), pairs(&[("assistant", "here I am")]).last());
}

async fn a_reply_is_stopped_and_asked_for_anew(site: &Site) {
    let http = site.user().await;
    let script = Script::stream().role().say("the beginning ").stall();
    let (room, model) = scripted(site, &http, script).await;
    let streamed = form(http.post(&format!("{room}messages/stream/")), &[("content", "go")]);
    let dom = is_page(&streamed.header("HX-Request", "true").await, 200);
    let live = dom.with_class("live");
    assert_eq!((said(&dom)[0].clone(), live.len()), (pairs(&[("user", "go")])[0].clone(), 1));
    until("the beginning is there", || async {
        said(&is_page(&http.get(&room).await, 200)).last().is_some_and(|last| last.1 == "the beginning")
    })
    .await;
    let page = is_page(&http.get(&room).await, 200);
    assert!(!page.all("noscript").is_empty(), "without scripts the page looks again by itself");
    let stop = page.with_class("stop")[0].attribute("action").expect("an address").to_owned();
    is_page(&form(http.post(&stop.replace("stop", "retry")), &[]).await, 409);
    assert_eq!(form(http.post(&stop), &[]).header("HX-Request", "true").await.status, 204);
    goes_to(&form(http.post(&stop), &[]).await, &room);
    let page = is_page(&http.get(&room).await, 200);
    assert_eq!(said(&page), pairs(&[("user", "go"), ("assistant", "the beginning")]));
    assert_eq!(page.with_class("remark")[0].text(), "중지된 답변입니다.");
    site.upstream.script(&model, Script::reply("all of it"));
    let again = page.with_class("again")[0].attribute("action").expect("an address").to_owned();
    goes_to(&form(http.post(&again), &[]).await, &room);
    let page = is_page(&http.get(&room).await, 200);
    assert_eq!(said(&page), pairs(&[("user", "go"), ("assistant", "all of it")]));
    // The same for a page that puts the new reply in the place of the old one.
    let again = page.with_class("again")[0].attribute("action").expect("an address").to_owned();
    let dom = is_page(&form(http.post(&again), &[]).header("HX-Request", "true").await, 200);
    assert_eq!((dom.all("article").len(), dom.with_class("live").len()), (1, 1));
}

async fn a_message_is_changed_and_answered_anew(site: &Site) {
    let http = site.http();
    let room = super::talked(site, &http, &name("edited")).await;
    is_page(&say(&http, &room, "second").await, 200);
    let page = is_page(&http.get(&room).await, 200);
    let edit =
        page.with_class("said")[0].first("a").expect("a link").attribute("href").expect("it").to_owned();
    let shown = is_page(&http.get(&edit).await, 200);
    assert_eq!(shown.first("textarea").expect("a field").text(), "hello");
    let piece = is_page(&http.get(&edit).header("HX-Request", "true").await, 200);
    assert!(piece.first("textarea").is_some() && piece.all("main").is_empty());
    let bad = is_page(&form(http.post(&edit), &[("content", " ")]).await, 400);
    assert!(!bad.with_class("wrong").is_empty());
    assert_eq!(said(&is_page(&http.get(&room).await, 200)).len(), 4);
    goes_to(&form(http.post(&edit), &[("content", "better")]).await, &room);
    let page = is_page(&http.get(&room).await, 200);
    assert_eq!(said(&page), pairs(&[("user", "better"), ("assistant", "reply to: better")]));
    let edit =
        page.with_class("said")[0].first("a").expect("a link").attribute("href").expect("it").to_owned();
    let done = form(http.post(&edit), &[("content", "best")]).header("HX-Request", "true").await;
    assert_eq!((done.status, done.header("hx-redirect").as_deref()), (204, Some(room.as_str())));
    until("it is answered", || async {
        said(&is_page(&http.get(&room).await, 200))
            == pairs(&[("user", "best"), ("assistant", "reply to: best")])
    })
    .await;
}

async fn rooms_of_elsewhere_are_shown_to_their_owner(site: &Site) {
    let http = site.user().await;
    http.say("by the token API").await.has_status(201);
    let list = is_page(&http.get("/chat/").await, 200);
    let room =
        list.with_class("room")[0].first("a").expect("a link").attribute("href").expect("it").to_owned();
    assert_eq!(list.with_class("room")[0].first("h2").expect("a name").text(), "이름 없는 채팅방");
    is_page(&say(&http, &room, "by the pages").await, 200);
    let chats = http.chats().await;
    let texts: Vec<_> =
        chats[0]["conversation"].as_array().expect("turns").iter().map(|turn| turn["You"].clone()).collect();
    assert_eq!(texts, ["by the token API", "by the pages"]);
}

async fn the_model_is_told_what_was_said(site: &Site) {
    let http = site.http();
    let room = room(&http, &name("told"), "you are kind").await;
    let (first, second) = (name("first"), name("second"));
    is_page(&say(&http, &room, &first).await, 200);
    is_page(&say(&http, &room, &second).await, 200);
    let told = ["you are kind".to_owned(), first.clone(), format!("reply to: {first}"), second.clone()];
    assert_eq!(site.prompts_for(&second), [told.to_vec()]);
}
