//! Server-sent events: a turn's deltas and a room's changes, with heartbeats from before the first
//! token, and an end when the caller's token stops working.

use super::caller::Caller;
use super::{Problem, shapes};
use crate::http::State;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder, web};
use actix_web_lab::sse::{Data, Event, Sse};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use maru_domain::ids::TurnId;
use maru_domain::turns::{TurnEvent, TurnEventId};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;

/// A comment this often shows proxies that we live, and us who has left.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A caller's token is looked at again this often (contract §0.3).
const RECHECK: Duration = Duration::from_secs(5);

/// The events of a turn, after `first` where this stream is the answer to a send.
pub async fn turn(
    request: &HttpRequest,
    state: &web::Data<State>,
    caller: &Caller,
    turn: TurnId,
    after: Option<TurnEventId>,
    first: Option<Value>,
) -> Result<HttpResponse, Problem> {
    if let (Some(after), None) = (after, &first)
        && is_over(state, turn, after).await?
    {
        // Finished, and the reader has all of it: 204 stops an EventSource from coming again.
        return Ok(HttpResponse::NoContent().finish());
    }
    let events = state.services.turns.follow(turn, after).await?;
    let first = first.map(|body| Data::new(body.to_string()).event("message"));
    let events = stream::iter(first).chain(events.filter_map(|event| async move { shape(&event) }));
    Ok(respond(request, state, caller, events.boxed()))
}

/// True when the turn has ended and its stream is no longer held, so that nothing can follow `after`.
async fn is_over(state: &State, turn: TurnId, after: TurnEventId) -> Result<bool, Problem> {
    let ended = state.services.turns.find(turn).await?.is_none_or(|view| view.turn.status.is_terminal());
    Ok(ended && after.turn == turn && !state.services.turns.is_held(turn).await)
}

fn shape(event: &TurnEvent) -> Option<Data> {
    match event {
        TurnEvent::Delta { id, text } => Some(named("delta", Some(*id), &json!({ "text": text }))),
        TurnEvent::Reset { id, text } => Some(named("reset", Some(*id), &json!({ "text": text }))),
        TurnEvent::Done(view) => Some(named("done", None, &shapes::turn(view))),
        TurnEvent::Gone => None,
    }
}

fn named(event: &'static str, id: Option<TurnEventId>, data: &Value) -> Data {
    let data = Data::new(data.to_string()).event(event);
    match id {
        Some(id) => data.id(id.to_string()),
        None => data,
    }
}

/// Sends events until they end, the token stops working or the server drains.
pub fn respond(
    request: &HttpRequest,
    state: &web::Data<State>,
    caller: &Caller,
    events: BoxStream<'static, Data>,
) -> HttpResponse {
    let (state, key) = (state.clone(), caller.key.clone());
    let watched = Watched { state, key, events, recheck: None };
    let events = stream::unfold(watched, |mut watched| async move {
        let event = watched.next().await?;
        Some((Ok::<_, Infallible>(Event::Data(event)), watched))
    });
    let sse =
        Sse::from_stream(events.boxed_local()).with_keep_alive(HEARTBEAT).with_retry_duration(retry_after());
    let mut response = sse.respond_to(request).map_into_boxed_body();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Spread out, so that a restart is not followed by all readers at one instant.
fn retry_after() -> Duration {
    let mut random = [0_u8; 2];
    let _ = getrandom::fill(&mut random);
    Duration::from_millis(1000 + u64::from(u16::from_be_bytes(random)) % 4000)
}

struct Watched {
    state: web::Data<State>,
    key: String,
    events: BoxStream<'static, Data>,
    recheck: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
}

impl Watched {
    async fn next(&mut self) -> Option<Data> {
        loop {
            let recheck = self.recheck.get_or_insert_with(|| Box::pin(tokio::time::sleep(RECHECK)));
            tokio::select! {
                event = self.events.next() => return event,
                () = recheck => {
                    self.recheck = None;
                    self.state.services.accounts.recognise(&self.key).await.ok()?;
                }
            }
        }
    }
}
