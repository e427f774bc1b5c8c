//! Messages: sent as the contract has it, sent to be answered in a stream, and changed.

use super::answer::{self, Trouble};
use super::conversation::{self, Voice};
use super::form::{Asked, Form};
use super::frame::Frame;
use super::language::Language;
use super::place::is_of_htmx;
use super::rooms::{self, address, find, rule_of};
use super::turns::wait_a_while;
use super::words::{self, Words};
use crate::http::visitor::Visitor;
use crate::http::{State, once};
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderName;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use maru_domain::access::{Authorized, Read, Write};
use maru_domain::error::{Fault, codes};
use maru_domain::ids::MessageId;
use maru_domain::messages::{Message, MessageStatus, Role, SendRequest, Sending};
use maru_domain::rooms::Room;
use maru_domain::text::{CleanText, TextFault};

/// A message that somebody wants to send, and who they are.
struct Wish<'w> {
    request: &'w HttpRequest,
    state: &'w State,
    visitor: &'w Visitor,
    form: &'w Form,
    room: Authorized<Room, Write>,
}

impl Wish<'_> {
    fn language(&self) -> Language {
        Language::of(self.request.headers())
    }

    fn voice(&self) -> Voice<'_> {
        Voice { state: self.state, words: self.language().words(), room: self.room.get().number }
    }

    /// Stores the message and starts its turn; answers whether it was a retry.
    async fn send(&self, content: CleanText) -> Result<(Sending, bool), Fault> {
        let key = once::key(self.request, self.state, self.visitor.scope(self.request), &self.form.bytes)?;
        let send = SendRequest { content, once: key, ..SendRequest::default() };
        self.state.services.messages.send(&self.room, send).await?.made()
    }

    /// 400: as a line for who wants no page, else as the room with the text still in its form.
    async fn refuse(&self, content: String, fault: TextFault) -> Result<HttpResponse, Trouble> {
        let (mut wrong, original) = words::field(self.language(), rule_of(fault), content.chars().count());
        if let Some(original) = original {
            wrong = format!("{wrong} {original}");
        }
        if is_of_htmx(self.request.headers()) {
            return Ok(answer::piece(StatusCode::BAD_REQUEST, format!("<p class=\"wrong\">{wrong}</p>")));
        }
        let room: Authorized<Room, Read> =
            self.state.services.rooms.on_a_page(self.visitor.actor(), self.room.get().number).await?;
        Ok(rooms::show(self.request, self.state, self.visitor, &room, Some((content, wrong))).await?)
    }
}

/// Sends a message and waits for its reply.
#[utoipa::path(post, path = "/chat/{pk}/messages/new/", operation_id = "pages_send", tag = "pages", security((), ("token" = [])), params(
    ("pk" = i64, Path, description = "The room's number."),
    ("HX-Request" = Option<String>, Header, description = "`true`: answer the two messages and no page."),
), responses(
    (status = 302, description = "Sent: the room, with the reply."),
    (status = 200, description = "With `HX-Request: true`: the message and its reply.", content_type = "text/html"),
    (status = 400, description = "The message is blank, too long, or holds control characters; the form again.", content_type = "text/html"),
    (status = 401, description = "A form to log in."),
    (status = 403, description = "Another site's form."),
    (status = 404, description = "There is no such room."),
    (status = 409, description = "The room has ended."),
    (status = 413, description = "The body is too large."),
    (status = 415, description = "The body is no form."),
    (status = 422, description = "The Idempotency-Key was used for another request."),
    (status = 429, description = "Too many messages wait in this room."),
    (status = 502, description = "With `HX-Request: true`: the message, and that the model has failed.", content_type = "text/html"),
    (status = 503, description = "The server stops, or the database is away."),
))]
pub async fn send(
    request: HttpRequest,
    state: web::Data<State>,
    pk: web::Path<String>,
    Asked(visitor, form): Asked,
) -> Result<HttpResponse, Trouble> {
    let room = find(&state, &visitor, &pk).await?;
    let wish = Wish { request: &request, state: &state, visitor: &visitor, form: &form, room };
    let content = match CleanText::message(form.text("content")) {
        Ok(content) => content,
        Err(fault) => return wish.refuse(form.text("content"), fault).await,
    };
    let (sending, again) = wish.send(content).await?;
    let response = if is_of_htmx(request.headers()) {
        both(&wish, sending).await?
    } else {
        wait_a_while(sending).await;
        answer::go_to(&address(wish.room.get().number))
    };
    Ok(if again { once::replayed(response) } else { response })
}

/// The two messages, once the model has answered or failed.
async fn both(wish: &Wish<'_>, sending: Sending) -> Result<HttpResponse, Fault> {
    let (sent, _) = sending.settled().await?;
    let voice = wish.voice();
    let reply = wish.state.services.messages.find(&wish.room, sent.turn.reply_id).await?;
    let failed = reply.status == MessageStatus::Failed;
    let status = if failed { StatusCode::BAD_GATEWAY } else { StatusCode::OK };
    let html = conversation::one(&voice, &sent.message, false, true).await?
        + &conversation::one(&voice, &reply, true, true).await?;
    Ok(answer::piece(status, html))
}

/// The same as a send: the form of the original stands at the room's own address.
#[utoipa::path(post, path = "/chat/{pk}/", operation_id = "pages_send_here", tag = "pages", security((), ("token" = [])), params(
    ("pk" = i64, Path, description = "The room's number."),
), responses(
    (status = 302, description = "Sent: the room, with the reply."),
    (status = 200, description = "With `HX-Request: true`: the message and its reply.", content_type = "text/html"),
    (status = 400, description = "The message is blank, too long, or holds control characters."),
    (status = 401, description = "A form to log in."),
    (status = 403, description = "Another site's form."),
    (status = 404, description = "There is no such room."),
    (status = 502, description = "With `HX-Request: true`: the message, and that the model has failed."),
))]
pub async fn send_here(
    request: HttpRequest,
    state: web::Data<State>,
    pk: web::Path<String>,
    asked: Asked,
) -> Result<HttpResponse, Trouble> {
    send(request, state, pk, asked).await
}

/// Sends a message and answers at once; the reply grows in the page.
#[utoipa::path(post, path = "/chat/{pk}/messages/stream/", operation_id = "pages_send_streaming", tag = "pages", security((), ("token" = [])), params(
    ("pk" = i64, Path, description = "The room's number."),
), responses(
    (status = 200, description = "The message, and its reply while it is written.", content_type = "text/html"),
    (status = 400, description = "The message is blank, too long, or holds control characters."),
    (status = 401, description = "Anonymous callers are not let in, or the session has ended."),
    (status = 403, description = "Another site's form."),
    (status = 404, description = "There is no such room."),
    (status = 409, description = "The room has ended."),
    (status = 413, description = "The body is too large."),
    (status = 415, description = "The body is no form."),
    (status = 422, description = "The Idempotency-Key was used for another request."),
    (status = 429, description = "Too many messages wait in this room."),
    (status = 503, description = "The server stops, or the database is away."),
))]
pub async fn send_streaming(
    request: HttpRequest,
    state: web::Data<State>,
    pk: web::Path<String>,
    Asked(visitor, form): Asked,
) -> Result<HttpResponse, Trouble> {
    let room = find(&state, &visitor, &pk).await?;
    let wish = Wish { request: &request, state: &state, visitor: &visitor, form: &form, room };
    let content = match CleanText::message(form.text("content")) {
        Ok(content) => content,
        Err(fault) => return wish.refuse(form.text("content"), fault).await,
    };
    let (sending, again) = wish.send(content).await?;
    let voice = wish.voice();
    let reply = state.services.messages.find(&wish.room, sending.sent.turn.reply_id).await?;
    let html = conversation::one(&voice, &sending.sent.message, false, true).await?
        + &conversation::one(&voice, &reply, true, true).await?;
    let response = answer::piece(StatusCode::OK, html);
    Ok(if again { once::replayed(response) } else { response })
}

#[derive(Template)]
#[template(path = "message_form.html")]
struct MessageForm<'m> {
    id: MessageId,
    room: i64,
    content: &'m str,
    wrong: Option<String>,
    words: &'static Words,
}

#[derive(Template)]
#[template(path = "message_page.html")]
struct MessagePage {
    frame: Frame,
    form: String,
}

/// The message of a person that a path names.
async fn find_message<A>(state: &State, room: &Authorized<Room, A>, message: &str) -> Result<Message, Fault> {
    let missing = || Fault::new(&codes::MESSAGE_NOT_FOUND);
    let message = state.services.messages.find(room, message.parse().map_err(|_| missing())?).await?;
    if message.role == Role::User { Ok(message) } else { Err(missing()) }
}

fn form_page(
    request: &HttpRequest,
    visitor: &Visitor,
    status: StatusCode,
    form: &MessageForm<'_>,
) -> HttpResponse {
    if is_of_htmx(request.headers()) {
        return answer::page(status, form);
    }
    let frame = Frame::of(Language::of(request.headers()), visitor);
    match form.render() {
        Ok(form) => answer::page(status, &MessagePage { frame, form }),
        Err(error) => answer::refuse(Fault::new(&codes::INTERNAL).caused_by(error)),
    }
}

/// The form that changes a message.
#[utoipa::path(get, path = "/chat/{pk}/messages/{message}/edit/", operation_id = "pages_edit_message", tag = "pages", security((), ("token" = [])), params(
    ("pk" = i64, Path, description = "The room's number."),
    ("message" = uuid::Uuid, Path, description = "The message's id."),
), responses(
    (status = 200, description = "The form; with `HX-Request: true` without a page around it.", content_type = "text/html"),
    (status = 401, description = "A form to log in."),
    (status = 404, description = "The room has no such message."),
))]
pub async fn message_form(
    request: HttpRequest,
    state: web::Data<State>,
    visitor: Visitor,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Trouble> {
    let room: Authorized<Room, Read> = find(&state, &visitor, &path.0).await?;
    let message = find_message(&state, &room, &path.1).await?;
    let form = MessageForm {
        id: message.id,
        room: room.get().number,
        content: &message.content,
        wrong: None,
        words: Language::of(request.headers()).words(),
    };
    Ok(form_page(&request, &visitor, StatusCode::OK, &form))
}

/// Changes a message. What was said after it goes, and a new reply comes.
#[utoipa::path(post, path = "/chat/{pk}/messages/{message}/edit/", operation_id = "pages_change_message", tag = "pages", security((), ("token" = [])), params(
    ("pk" = i64, Path, description = "The room's number."),
    ("message" = uuid::Uuid, Path, description = "The message's id."),
), responses(
    (status = 302, description = "Changed: the room, with the new reply."),
    (status = 204, description = "With `HX-Request: true`: changed; `HX-Redirect` names the room."),
    (status = 400, description = "The message is blank, too long, or holds control characters."),
    (status = 401, description = "A form to log in."),
    (status = 403, description = "Another site's form."),
    (status = 404, description = "The room has no such message."),
    (status = 409, description = "The room has ended."),
    (status = 422, description = "The Idempotency-Key was used for another request."),
    (status = 503, description = "The server stops, or the database is away."),
))]
pub async fn edit(
    request: HttpRequest,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
    Asked(visitor, form): Asked,
) -> Result<HttpResponse, Trouble> {
    let room: Authorized<Room, Write> = find(&state, &visitor, &path.0).await?;
    let message = find_message(&state, &room, &path.1).await?;
    let content = match CleanText::message(form.text("content")) {
        Ok(content) => content,
        Err(fault) => {
            let content = form.text("content");
            let language = Language::of(request.headers());
            let (wrong, _) = words::field(language, rule_of(fault), content.chars().count());
            let (id, room, words) = (message.id, room.get().number, language.words());
            if is_of_htmx(request.headers()) {
                return Ok(answer::piece(StatusCode::BAD_REQUEST, format!("<p class=\"wrong\">{wrong}</p>")));
            }
            let form = MessageForm { id, room, content: &content, wrong: Some(wrong), words };
            return Ok(form_page(&request, &visitor, StatusCode::BAD_REQUEST, &form));
        }
    };
    let key = once::key(&request, &state, visitor.scope(&request), &form.bytes)?;
    let made = state.services.messages.regenerate(&room, message.id, Some(content), None, key).await?;
    let (sending, _) = made.made()?;
    let room = address(room.get().number);
    if is_of_htmx(request.headers()) {
        let redirect = (HeaderName::from_static("hx-redirect"), room);
        return Ok(answer::secured(HttpResponse::NoContent().insert_header(redirect).finish()));
    }
    wait_a_while(sending).await;
    Ok(answer::go_to(&room))
}
