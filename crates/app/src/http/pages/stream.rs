//! A reply while it is written, as events that htmx puts into the page: finished blocks once, the last
//! block again as it grows, and at the end the message as everybody will see it.
//!
//! Every connection begins with all of the text so far. So whoever comes back after a reload or a lost
//! connection sees the same as who has stayed, whatever they have missed.

use super::answer::Trouble;
use super::conversation::{self, Voice};
use super::language::Language;
use super::markdown;
use super::rooms::find;
use super::turns;
use super::words::Words;
use crate::http::State;
use crate::http::v1::stream::{Reader, respond};
use crate::http::visitor::Visitor;
use actix_sse::Data;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use maru_domain::access::{Authorized, Read};
use maru_domain::error::{Fault, Kind};
use maru_domain::rooms::Room;
use maru_domain::turns::{TurnEvent, TurnView};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Text that comes faster is shown together: no eye can follow it.
const PACE: Duration = Duration::from_millis(50);
/// The id of the last event; a browser that comes back with it has everything.
const END: &str = "end";

/// A reply while it is written.
#[utoipa::path(get, path = "/chat/{pk}/turns/{turn}/stream/", operation_id = "pages_turn_events", tag = "pages", security((), ("token" = [])), params(
    ("pk" = i64, Path, description = "The room's number."),
    ("turn" = uuid::Uuid, Path, description = "The turn's id."),
    ("Last-Event-ID" = Option<String>, Header, description = "As an EventSource sends it."),
), responses(
    (status = 200, description = "Events with HTML: `whole`, `settled`, `growing`, `done`.", content_type = "text/event-stream"),
    (status = 204, description = "The reader has had the last event."),
    (status = 401, description = "Anonymous callers are not let in, or the session has ended."),
    (status = 404, description = "The room has no such turn."),
))]
pub async fn events(
    request: HttpRequest,
    state: web::Data<State>,
    visitor: Visitor,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Trouble> {
    let room: Authorized<Room, Read> = find(&state, &visitor, &path.0).await?;
    let view = turns::find(&state, room.get(), &path.1).await?;
    if request.headers().get("last-event-id").is_some_and(|id| id == END) {
        return Ok(HttpResponse::NoContent().finish());
    }
    let words = Language::of(request.headers()).words();
    let telling = Telling::of(state.clone(), room, words, view).await?;
    let events = stream::unfold(telling, |mut telling| async move {
        let data = telling.next().await?;
        Some((data, telling))
    });
    let reader = Reader { visitor, ends_at_drain: false, comments: true, retry: true };
    Ok(super::answer::secured(respond(&request, &state, reader, events.boxed())))
}

/// What one reader is told.
struct Telling {
    state: web::Data<State>,
    room: Authorized<Room, Read>,
    words: &'static Words,
    events: BoxStream<'static, TurnEvent>,
    text: String,
    /// So many bytes of the text were told as finished blocks.
    settled: usize,
    /// All of the text is to be told anew.
    whole: bool,
    next_at: Instant,
    ready: VecDeque<Data>,
    over: bool,
}

impl Telling {
    async fn of(
        state: web::Data<State>,
        room: Authorized<Room, Read>,
        words: &'static Words,
        view: TurnView,
    ) -> Result<Self, Fault> {
        let events = if view.turn.status.is_terminal() {
            stream::iter([TurnEvent::Done(Box::new(view.clone()))]).boxed()
        } else {
            state.services.turns.follow(view.turn.id, None).await?
        };
        Ok(Self {
            state,
            room,
            words,
            events,
            text: String::new(),
            settled: 0,
            whole: true,
            next_at: Instant::now(),
            ready: VecDeque::new(),
            over: false,
        })
    }

    async fn next(&mut self) -> Option<Data> {
        loop {
            if let Some(data) = self.ready.pop_front() {
                return Some(data);
            }
            if self.over {
                return None;
            }
            let Some(event) = self.events.next().await else {
                self.over = true;
                continue;
            };
            let mut end = self.take(event);
            // What comes in the same moment goes along.
            while end.is_none() {
                match timeout_at(self.next_at, self.events.next()).await {
                    Ok(Some(event)) => end = self.take(event),
                    Ok(None) => {
                        self.over = true;
                        break;
                    }
                    Err(_) => break,
                }
            }
            match end {
                Some(end) => self.finish(end).await,
                None => self.tell().await,
            }
            self.next_at = Instant::now() + PACE;
        }
    }

    /// Takes an event in; answers the last one.
    fn take(&mut self, event: TurnEvent) -> Option<TurnEvent> {
        match event {
            TurnEvent::Delta { text, .. } => self.text.push_str(&text),
            TurnEvent::Reset { text, .. } => {
                self.text = text;
                self.whole = true;
            }
            end @ (TurnEvent::Done(_) | TurnEvent::Gone) => return Some(end),
        }
        None
    }

    /// What is finished may hold code, and colours take their time: not on the thread that serves streams.
    async fn tell(&mut self) {
        if std::mem::take(&mut self.whole) {
            let text = self.text.clone();
            self.settled = markdown::settled(&text);
            if let Ok(html) = web::block(move || conversation::growing(&text)).await {
                self.ready.push_back(Data::new(html).event("whole"));
            }
            return;
        }
        let rest = self.text.get(self.settled..).unwrap_or_default();
        let (settled, growing) = rest.split_at(markdown::settled(rest));
        self.settled += settled.len();
        let growing = Data::new(markdown::html_of(growing)).event("growing");
        if !settled.is_empty() {
            let settled = settled.to_owned();
            if let Ok(html) = web::block(move || markdown::html_of(&settled)).await {
                self.ready.push_back(Data::new(html).event("settled"));
            }
        }
        self.ready.push_back(growing);
    }

    /// The message as it is stored now. One that is gone leaves a line behind that says so.
    async fn finish(&mut self, end: TurnEvent) {
        self.over = true;
        let gone =
            format!("<div class=\"message failed\" role=\"status\"><p>{}</p></div>", self.words.failed);
        let html = match end {
            TurnEvent::Done(view) => match self.message(&view).await {
                Err(fault) if fault.kind() == Kind::NotFound => Ok(gone),
                shown => shown,
            },
            _ => Ok(gone),
        };
        // A store that is away now ends the stream without its last event, and the browser comes again.
        if let Ok(html) = html {
            self.ready.push_back(Data::new(html).event("done").id(END));
        }
    }

    async fn message(&mut self, view: &TurnView) -> Result<String, Fault> {
        let reply = self.state.services.messages.find(&self.room, view.turn.reply_id).await?;
        let (state, room) = (self.state.clone(), self.room.get().number);
        conversation::one(&Voice { state: &state, words: self.words, room }, &reply, true, true).await
    }
}
