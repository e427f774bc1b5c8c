//! A reply as it grows in a page: the same at its end as after a reload, whoever was cut off.

use super::replies::scripted;
use super::{Dom, form, is_page, is_secured, said};
use crate::support::{Http, NOT_HANGING, Site, name, on_both};
use maru_testkit::upstream::{Act, Script};
use std::time::Duration;

on_both! {
    a_stream_ends_with_the_message_as_it_is_stored
    whoever_comes_back_sees_all_of_it
    a_stopped_reply_ends_its_stream
    streams_are_read_by_those_who_may
}

const REPLY: &str = "# A title\n\nSome **bold** words.\n\n- one\n- two\n\n```rust\nfn main() {}\n```\n\nThe [end](https://a.example/).";

/// Events by name and data.
async fn events(http: &Http, address: &str) -> Vec<(String, String)> {
    let ask = http.get(address).header("Accept", "text/event-stream");
    let reply = tokio::time::timeout(NOT_HANGING, ask.into_future()).await.expect("the stream ends");
    assert_eq!(reply.status, 200, "{reply}");
    is_secured(&reply);
    let text = reply.text();
    let event = |block: &str| {
        let field = |name: &str| -> Vec<&str> {
            let lines = block.lines().filter_map(|line| line.strip_prefix(name));
            lines
                .map(|rest| {
                    rest.trim_start_matches(':').strip_prefix(' ').unwrap_or(rest.trim_start_matches(':'))
                })
                .collect()
        };
        (field("event").join(""), field("data").join("\n"))
    };
    text.split("\n\n").map(event).filter(|(name, _)| !name.is_empty()).collect()
}

/// The finished blocks that a page shows after these events, and whether it ever showed one that grows.
fn after(events: &[(String, String)]) -> (String, bool) {
    let (mut settled, mut grew) = (String::new(), false);
    for (name, data) in events {
        match name.as_str() {
            "whole" => settled = Dom::of(data).with_class("settled")[0].text(),
            "settled" => settled.push_str(&Dom::of(data).text()),
            "growing" => grew = true,
            other => panic!("{other} is no event of a page"),
        }
    }
    (settled, grew)
}

/// What was told as finished is the beginning of what is stored.
#[track_caller]
fn is_beginning_of(settled: &str, end: &Dom) {
    let (settled, all) = (words(settled), end.with_class("prose")[0].text());
    assert!(words(&all).starts_with(&settled), "{settled:?} {all:?}");
}

/// Sends a message; answers where its reply grows.
async fn begin(http: &Http, room: &str) -> String {
    let sent = form(http.post(&format!("{room}messages/stream/")), &[("content", "go")]);
    let dom = is_page(&sent.header("HX-Request", "true").await, 200);
    dom.with_class("live")[0].attribute("sse-connect").expect("an address").to_owned()
}

fn slowly() -> Script {
    REPLY
        .split_inclusive(' ')
        .fold(Script::stream().role(), |script, word| {
            script.say(word).act(Act::Wait(Duration::from_millis(200)))
        })
        .finish("stop")
        .done()
        .end()
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

async fn a_stream_ends_with_the_message_as_it_is_stored(site: &Site) {
    let http = site.user().await;
    let (room, _) = scripted(site, &http, slowly()).await;
    let address = begin(&http, &room).await;
    let events = events(&http, &address).await;
    let (last, others) = events.split_last().expect("events");
    assert_eq!(others[0].0, "whole", "{events:?}");
    let (settled, grew) = after(others);
    assert!(grew && !settled.is_empty(), "{events:?}");
    assert_eq!(last.0, "done");
    let shown = Dom::of(&last.1);
    let page = is_page(&http.get(&room).await, 200);
    assert_eq!(said(&shown)[0], said(&page)[1], "what the stream ends with is what the page shows");
    is_beginning_of(&settled, &shown);
    // After its end: the message at once, and nothing for who has had it.
    let late = self::events(&http, &address).await;
    assert_eq!((late.len(), late[0].1 == last.1), (1, true));
    let again = http.get(&address).header("Last-Event-ID", "end").await;
    assert_eq!((again.status, again.body.len()), (204, 0));
}

async fn whoever_comes_back_sees_all_of_it(site: &Site) {
    let http = site.user().await;
    let (room, _) = scripted(site, &http, slowly()).await;
    let address = begin(&http, &room).await;
    let readers = (0..4).map(|n| {
        let (http, address) = (http.clone(), address.clone());
        async move {
            // Each comes at another moment; when makes no difference.
            tokio::time::sleep(Duration::from_millis(700 * n)).await;
            events(&http, &address).await
        }
    });
    let told = futures_util::future::join_all(readers).await;
    let end = told[0].last().expect("an end");
    for events in &told {
        assert_eq!(events.last(), Some(end));
        let (_, others) = events.split_last().expect("events");
        if let Some(first) = others.first() {
            assert_eq!(first.0, "whole");
            is_beginning_of(&after(others).0, &Dom::of(&end.1));
        }
    }
}

async fn a_stopped_reply_ends_its_stream(site: &Site) {
    let http = site.user().await;
    let (room, _) = scripted(site, &http, Script::stream().role().say("half of it").stall()).await;
    let address = begin(&http, &room).await;
    let reader = tokio::spawn({
        let (http, address) = (http.clone(), address.clone());
        async move { events(&http, &address).await }
    });
    crate::support::until("the model has spoken", || async {
        http.get(&room).await.text().contains("half of it")
    })
    .await;
    let stop = address.replace("/stream/", "/stop/");
    assert_eq!(form(http.post(&stop), &[]).header("HX-Request", "true").await.status, 204);
    let events = reader.await.expect("a reader");
    let end = Dom::of(&events.last().expect("an end").1);
    assert_eq!(said(&end), super::pairs(&[("assistant", "half of it")]));
    assert_eq!(end.with_class("remark").len(), 1, "{events:?}");
}

async fn streams_are_read_by_those_who_may(site: &Site) {
    let http = site.user().await;
    let (room, _) = scripted(site, &http, Script::reply("mine")).await;
    let address = begin(&http, &room).await;
    for other in [site.http(), site.user().await] {
        assert_eq!(other.get(&address).await.status, 404);
        assert_eq!(form(other.post(&address.replace("/stream/", "/stop/")), &[]).await.status, 404);
    }
    // A turn of another room is none of this one.
    let (elsewhere, _) = scripted(site, &http, Script::reply(&name("other"))).await;
    let (_, turn) = address.split_once("turns/").expect("a turn");
    assert_eq!(http.get(&format!("{elsewhere}turns/{turn}")).await.status, 404);
}
