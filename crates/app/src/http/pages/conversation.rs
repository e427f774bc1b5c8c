//! What was said, as HTML: a person's words as they are, a reply's Markdown rendered once.

use super::markdown;
use super::words::Words;
use crate::http::State;
use actix_web::web;
use askama::Template;
use maru_domain::error::{Fault, codes};
use maru_domain::ids::{MessageId, TurnId};
use maru_domain::messages::{Message, MessageStatus, Role};
use std::sync::Arc;

/// To whom it is shown, and where.
pub struct Voice<'v> {
    pub state: &'v State,
    pub words: &'static Words,
    /// The room's number.
    pub room: i64,
}

/// How a message looks.
enum Look {
    /// A person's words.
    Said,
    /// A reply that has ended.
    Replied,
    /// A reply of which there is nothing.
    Failed,
    /// Neither a person's nor a reply.
    Noted,
    /// A reply that is being written.
    Growing(TurnId),
}

struct Shown<'m> {
    look: Look,
    id: MessageId,
    text: &'m str,
    html: String,
    time: String,
    instant: String,
    note: Option<&'static str>,
    /// The turn whose reply may be asked for anew.
    again: Option<TurnId>,
    may_change: bool,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessageView<'m> {
    message: Shown<'m>,
    words: &'static Words,
    room: i64,
}

/// All of a room. Only the latest reply can be asked for anew, and nothing where the room has ended.
pub async fn html(voice: &Voice<'_>, messages: &[Message], has_ended: bool) -> Result<String, Fault> {
    let mut html = String::new();
    for (at, message) in messages.iter().enumerate() {
        let is_last = at + 1 == messages.len();
        html.push_str(&one(voice, message, is_last && !has_ended, !has_ended).await?);
    }
    Ok(html)
}

/// One message.
pub async fn one(
    voice: &Voice<'_>,
    message: &Message,
    is_last: bool,
    may_change: bool,
) -> Result<String, Fault> {
    let look = look(message);
    let html = match look {
        Look::Growing(_) => growing(&message.content),
        Look::Replied => String::from_utf8_lossy(&prose(voice.state, message).await?).into_owned(),
        Look::Said | Look::Failed | Look::Noted => String::new(),
    };
    // The time of a reply is that of its end.
    let at = if message.role == Role::Assistant { message.updated_at } else { message.created_at };
    let shown = Shown {
        look,
        id: message.id,
        text: &message.content,
        html,
        time: at.to_zoned(voice.state.zone.clone()).strftime("%H:%M").to_string(),
        instant: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        note: note(message.status, voice.words),
        again: message.turn_id.filter(|_| is_last),
        may_change,
    };
    let view = MessageView { message: shown, words: voice.words, room: voice.room };
    view.render().map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error))
}

fn look(message: &Message) -> Look {
    match (message.role, message.turn_id) {
        (Role::User, _) => Look::Said,
        (Role::System, _) => Look::Noted,
        (Role::Assistant, Some(turn)) if !message.status.is_terminal() => Look::Growing(turn),
        (Role::Assistant, _) if message.status == MessageStatus::Failed && message.content.is_empty() => {
            Look::Failed
        }
        (Role::Assistant, _) => Look::Replied,
    }
}

fn note(status: MessageStatus, words: &'static Words) -> Option<&'static str> {
    match status {
        MessageStatus::Cancelled => Some(words.stopped),
        MessageStatus::Interrupted => Some(words.interrupted),
        MessageStatus::Failed => Some(words.failed),
        MessageStatus::Pending | MessageStatus::Streaming | MessageStatus::Completed => None,
    }
}

/// The HTML of a reply. It follows from the text alone and is kept, so that a long conversation is not
/// rendered anew for each of its messages.
async fn prose(state: &State, message: &Message) -> Result<Arc<[u8]>, Fault> {
    let key =
        format!("pages:1:{}:{}:{}", message.id, message.updated_at.as_microsecond(), message.content.len());
    if let Some(html) = state.services.pages.get(key.clone()).await {
        return Ok(html);
    }
    let text = message.content.clone();
    let html = web::block(move || markdown::html_of(&text)).await;
    let html = html.map_err(|error| Fault::new(&codes::INTERNAL).caused_by(error))?;
    let html: Arc<[u8]> = Arc::from(html.into_bytes());
    state.services.pages.put(key, Arc::clone(&html)).await;
    Ok(html)
}

/// The text so far of a reply: what will not change any more, and what still grows.
pub fn growing(text: &str) -> String {
    let (settled, growing) = text.split_at(markdown::settled(text));
    format!(
        "<div class=\"settled\" sse-swap=\"settled\" hx-swap=\"beforeend\">{}</div>\
         <div class=\"growing\" sse-swap=\"growing\" hx-swap=\"innerHTML\">{}</div>",
        markdown::html_of(settled),
        markdown::html_of(growing)
    )
}
