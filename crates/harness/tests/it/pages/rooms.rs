//! The list, the form and the room, without scripts.

use super::{form, goes_to, is_page, pairs, room, said, say, talked};
use crate::support::{Site, name, on_both};

on_both! {
    the_front_leads_to_the_list
    a_form_makes_a_room_and_keeps_what_was_entered
    rooms_are_listed_newest_first
    texts_are_shown_as_they_are
    another_prompt_clears_the_messages
    the_same_prompt_keeps_them
    pages_speak_korean_and_english
    keys_make_one_room
    an_empty_list_says_what_to_do
    long_lists_have_pages
}

async fn the_front_leads_to_the_list(site: &Site) {
    goes_to(&site.http().get("/").await, "/chat/");
    for path in ["/chat", "/chat/"] {
        is_page(&site.http().get(path).await, 200);
    }
}

async fn an_empty_list_says_what_to_do(site: &Site) {
    let page = is_page(&site.user().await.get("/chat/").await, 200);
    assert!(page.text().contains("생성된 채팅방이 없습니다."), "{}", page.text());
    let link = page.all("a").into_iter().find(|link| link.text() == "새 채팅방 만들기").expect("the link");
    assert_eq!(link.attribute("href"), Some("/chat/new/"));
}

async fn a_form_makes_a_room_and_keeps_what_was_entered(site: &Site) {
    let http = site.http();
    let page = is_page(&http.get("/chat/new/").await, 200);
    for (field, label) in [("name", "채팅방 이름"), ("system_prompt", "시스템 프롬프트")] {
        let labelled = page.all("label").into_iter().find(|one| one.text() == label).expect(label);
        assert_eq!(labelled.attribute("for"), Some(field));
        assert_eq!(page.by_id(field).expect(field).attribute("name"), Some(field));
    }
    let empty =
        form(http.post("/chat/new/"), &[("name", "  "), ("system_prompt", "kept <b>\nas it is")]).await;
    let page = is_page(&empty, 200);
    assert!(page.text().contains("This field is required."), "{}", page.text());
    assert_eq!(page.by_id("system_prompt").expect("the field").text(), "kept <b>\nas it is");
    let long = "가".repeat(256);
    let page = is_page(&form(http.post("/chat/new/"), &[("name", &long)]).await, 200);
    let words = "Ensure this value has at most 255 characters (it has 256).";
    assert!(page.text().contains(words), "{}", page.text());
    assert_eq!(page.by_id("name").expect("the field").attribute("value"), Some(long.as_str()));
    let wanted = name("방");
    let padded = format!("  {wanted} ");
    let fields = [("name", padded.as_str()), ("system_prompt", ""), ("csrfmiddlewaretoken", "x")];
    goes_to(&form(http.post("/chat/new"), &fields).await, "/chat/");
    let list = is_page(&http.get("/chat/").await, 200);
    let listed = list.with_class("room").into_iter().find(|room| room.text().contains(&wanted)).expect("it");
    assert_eq!(listed.first("h2").expect("a name").text(), wanted);
    assert!(listed.text().contains("생성일: "), "{}", listed.text());
    assert_eq!(listed.first("a").expect("a link").text(), "입장하기");
}

async fn rooms_are_listed_newest_first(site: &Site) {
    let http = site.user().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.insert(0, room(&http, &name("room"), "").await);
    }
    let list = is_page(&http.get("/chat/").await, 200);
    let links: Vec<_> = list.with_class("room").iter().filter_map(|room| room.first("a")).collect();
    let links: Vec<_> = links.iter().filter_map(|link| link.attribute("href")).collect();
    assert_eq!(links, made);
    // Another's rooms, and those of nobody, are not among them; and the other way round.
    let nobodys = is_page(&site.http().get("/chat/").await, 200);
    assert!(made.iter().all(|one| !nobodys.all("a").iter().any(|a| a.attribute("href") == Some(one))));
    super::refusals::is_missing(&site.http().get(&made[0]).await);
    super::refusals::is_missing(&site.user().await.get(&made[0]).await);
}

async fn texts_are_shown_as_they_are(site: &Site) {
    let http = site.http();
    let hostile = format!("<script>alert(1)</script> & \"{}\"", name("x"));
    let room = room(&http, &hostile, "</textarea><script>alert(2)</script>").await;
    let text = "  two  spaces\n\n<b>not bold</b> &amp; **not bold either** ";
    let answer = say(&http, &room, text).await;
    let dom = is_page(&answer, 200);
    assert_eq!(dom.with_class("bubble")[0].text(), text);
    for page in [&room, &format!("{room}edit/"), "/chat/"] {
        let dom = is_page(&http.get(page).await, 200);
        assert!(dom.all("script").iter().all(|script| script.text().is_empty()), "{page}");
    }
    let page = is_page(&http.get(&room).await, 200);
    assert_eq!(page.first("h1").expect("a heading").text(), hostile);
    assert_eq!(page.with_class("bubble")[0].text(), text);
    let edit = is_page(&http.get(&format!("{room}edit/")).await, 200);
    let prompt = edit.by_id("system_prompt").expect("the prompt").text();
    assert_eq!(prompt, "</textarea><script>alert(2)</script>");
    assert!(site.prompts_for(text).iter().any(|prompt| prompt[0].starts_with("</textarea>")));
}

async fn another_prompt_clears_the_messages(site: &Site) {
    let http = site.http();
    let wanted = name("cleared");
    let room = talked(site, &http, &wanted).await;
    let edit = format!("{room}edit/");
    goes_to(&form(http.post(&edit), &[("name", &wanted), ("system_prompt", "be brief")]).await, &room);
    assert_eq!(said(&is_page(&http.get(&room).await, 200)), []);
    // The model is told nothing of what was said before, and the new prompt.
    let question = name("and now");
    is_page(&say(&http, &room, &question).await, 200);
    assert_eq!(site.prompts_for(&question), [vec!["be brief".to_owned(), question.clone()]]);
    // The native API reads the same room.
    let bad = is_page(&form(http.post(&edit), &[("name", ""), ("system_prompt", "other")]).await, 200);
    assert!(bad.text().contains("This field is required."));
    assert_eq!(said(&is_page(&http.get(&room).await, 200)).len(), 2, "what was refused has cleared nothing");
}

async fn the_same_prompt_keeps_them(site: &Site) {
    let http = site.user().await;
    // A room from elsewhere, whose lines end as a form's never do.
    for prompt in ["one line", "two\nlines", "two\r\nlines", "\n\nbegins with lines", ""] {
        let wanted = name("kept");
        let body = serde_json::json!({"name": wanted, "system_prompt": prompt});
        let made = http.post("/v1/rooms").json(&body).await.has_status(201).json();
        let room = format!("/chat/{}/", made["number"]);
        is_page(&say(&http, &room, "hello").await, 200);
        let edit = format!("{room}edit/");
        let shown = is_page(&http.get(&edit).await, 200).by_id("system_prompt").expect("the prompt").text();
        for sent in [shown.clone(), shown.replace('\n', "\r\n")] {
            let fields = [("name", "renamed"), ("system_prompt", sent.as_str())];
            goes_to(&form(http.post(&edit), &fields).await, &room);
        }
        let page = is_page(&http.get(&room).await, 200);
        assert_eq!(said(&page), pairs(&[("user", "hello"), ("assistant", "reply to: hello")]), "{prompt:?}");
        assert_eq!(page.first("h1").expect("a heading").text(), "renamed");
        let now = http.get(&format!("/v1/rooms/{}", made["number"])).await.json();
        assert_eq!(now["system_prompt"], prompt, "an unchanged prompt is left as it is");
    }
}

async fn pages_speak_korean_and_english(site: &Site) {
    let http = site.user().await;
    let room = room(&http, &name("words"), "").await;
    for path in ["/chat/", "/chat/new/", &room, "/login/", "/register/", "/chat/0/"] {
        let english = http.get(path).header("Accept-Language", "en-GB,en;q=0.9").await;
        let korean = http.get(path).header("Accept-Language", "ko-KR,ko;q=0.9,en;q=0.5").await;
        for (reply, lang) in [(&english, "en"), (&korean, "ko"), (&http.get(path).await, "ko")] {
            let dom = Some(super::Dom::of(&reply.text())).expect("a page");
            assert_eq!(dom.first("html").expect("html").attribute("lang"), Some(lang), "{path}");
            let vary = reply.header("vary").unwrap_or_default().to_lowercase();
            assert!(vary.contains("accept-language") && vary.contains("cookie"), "{vary}");
        }
        let hangul = |text: &str| text.chars().any(|c| ('가'..='힣').contains(&c));
        assert!(hangul(&korean.text()) && !hangul(&english.text()), "{path}: {}", english.text());
    }
}

async fn keys_make_one_room(site: &Site) {
    let http = site.user().await;
    let ask = |what: &str| form(http.post("/chat/new/"), &[("name", what)]).key("one");
    goes_to(&ask("once").await, "/chat/");
    let again = ask("once").await;
    goes_to(&again, "/chat/");
    again.has("idempotency-replayed", "true");
    is_page(&ask("other").await, 422);
    let list = is_page(&http.get("/chat/").await, 200);
    assert_eq!(list.with_class("room").len(), 1);
    let room = list.all("a").iter().find_map(|a| {
        a.attribute("href").filter(|h| h.contains(|c: char| c.is_ascii_digit())).map(str::to_owned)
    });
    let room = room.expect("a room");
    let first = say(&http, &room, "hello").key("two").await;
    let again = say(&http, &room, "hello").key("two").await;
    again.has("idempotency-replayed", "true");
    assert_eq!((first.status, said(&is_page(&first, 200))), (200, said(&is_page(&again, 200))));
    assert_eq!(said(&is_page(&http.get(&room).await, 200)).len(), 2);
}

async fn long_lists_have_pages(site: &Site) {
    let http = site.user().await;
    for n in 0..130 {
        http.post("/v1/rooms").json(&serde_json::json!({"name": format!("room {n}")})).await.has_status(201);
    }
    let names = |dom: &super::Dom| -> Vec<String> {
        dom.with_class("room").iter().filter_map(|room| room.first("h2")).map(|name| name.text()).collect()
    };
    let first = is_page(&http.get("/chat/").await, 200);
    let older = first.all("a").into_iter().find(|link| link.attribute("rel") == Some("next")).expect("more");
    let second = is_page(&http.get(older.attribute("href").expect("an address")).await, 200);
    let all: Vec<_> = names(&first).into_iter().chain(names(&second)).collect();
    let expected: Vec<_> = (0..130).rev().map(|n| format!("room {n}")).collect();
    assert_eq!(all, expected);
    assert!(second.all("a").iter().all(|link| link.attribute("rel") != Some("next")));
    is_page(&http.get("/chat/?before=x").await, 400);
}
