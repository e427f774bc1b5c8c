//! The list of rooms, a room, and the form that makes or changes one.

use super::answer::{self, Trouble};
use super::conversation::{self, Voice};
use super::form::{Asked, Form};
use super::frame::{Field, Frame};
use super::language::Language;
use crate::http::visitor::Visitor;
use crate::http::{State, once};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use jiff::tz::TimeZone;
use maru_domain::access::{Action, Authorized, Read, Write};
use maru_domain::clock::Timestamp;
use maru_domain::error::{Fault, FieldRule, codes};
use maru_domain::page::{Order, PageRequest, Part};
use maru_domain::rooms::ports::{Conversation, RoomFields};
use maru_domain::rooms::{OpenRoom, Room, RoomKind, TurnPolicy};
use maru_domain::text::{CleanText, MESSAGE_CHARS, TextFault, has_control};
use serde_json::Map;

/// Where the rooms are listed.
pub const LIST: &str = "/chat/";
/// The longest name of a room, in characters (contract §0.9).
const NAME_CHARS: usize = 255;
/// So many rooms stand on a page.
const ROOMS: usize = 100;

/// Where a room is.
pub fn address(number: i64) -> String {
    format!("{LIST}{number}/")
}

/// The room that a path names.
pub async fn find<A: Action>(
    state: &State,
    visitor: &Visitor,
    number: &str,
) -> Result<Authorized<Room, A>, Fault> {
    let missing = || Fault::new(&codes::ROOM_NOT_FOUND);
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|_| plain).ok_or_else(missing)?;
    state.services.rooms.on_a_page(visitor.actor(), number).await
}

/// A day and a minute, as the contract shows them.
fn minute(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

fn name_of(room: &Room, frame: &Frame) -> String {
    if room.name.trim().is_empty() { frame.words.nameless.to_owned() } else { room.name.clone() }
}

/// The pages begin with the list.
#[utoipa::path(get, path = "/", operation_id = "pages_front", tag = "pages", responses(
    (status = 200, description = "Not here: 302 to `/chat/`."),
    (status = 302, description = "The list of rooms."),
))]
pub async fn front() -> HttpResponse {
    answer::go_to(LIST)
}

struct Listed {
    number: i64,
    name: String,
    created: String,
}

#[derive(Template)]
#[template(path = "rooms.html")]
struct ListPage {
    frame: Frame,
    rooms: Vec<Listed>,
    older: Option<i64>,
    is_later: bool,
}

/// The rooms, newest first.
#[utoipa::path(get, path = "/chat/", operation_id = "pages_rooms", tag = "pages", security((), ("token" = [])), params(
    ("before" = Option<i64>, Query, description = "Only rooms below this number."),
), responses(
    (status = 200, description = "The list.", content_type = "text/html"),
    (status = 400, description = "`before` is no number."),
    (status = 401, description = "A form to log in: anonymous callers are not let in, or the session has ended."),
))]
pub async fn list(
    request: HttpRequest,
    state: web::Data<State>,
    visitor: Visitor,
) -> Result<HttpResponse, Trouble> {
    let frame = Frame::of(Language::of(request.headers()), &visitor);
    let before = of_query(&request, "before");
    let before: Option<i64> =
        before.map(|text| text.parse().map_err(|_| Fault::new(&codes::INVALID_PARAMETER))).transpose()?;
    let part = before.map_or(Part::Start, Part::After);
    let wanted = PageRequest { limit: ROOMS, order: Order::Descending, part };
    let page = state.services.rooms.on_pages(visitor.actor(), wanted).await?;
    let older = page.edge(&wanted).map(|room| room.number);
    let rooms = page.items.iter().map(|room| Listed {
        number: room.number,
        name: name_of(room, &frame),
        created: minute(room.created_at, &state.zone),
    });
    let rooms = rooms.collect();
    Ok(answer::page(StatusCode::OK, &ListPage { rooms, older, is_later: before.is_some(), frame }))
}

/// A parameter of the address.
pub fn of_query(request: &HttpRequest, name: &str) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(request.query_string()).unwrap_or_default();
    pairs.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

#[derive(Template)]
#[template(path = "room_form.html")]
struct FormPage {
    frame: Frame,
    title: &'static str,
    action: String,
    back: String,
    name: Field,
    prompt: Field,
    is_edit: bool,
}

impl FormPage {
    fn new(frame: Frame, name: String, prompt: String) -> Self {
        let (action, back) = (format!("{LIST}new/"), LIST.to_owned());
        let (name, prompt) = (Field::of("name", name), Field::of("system_prompt", prompt));
        Self { title: frame.words.new_room, frame, action, back, name, prompt, is_edit: false }
    }

    fn of_room(self, number: i64) -> Self {
        let back = address(number);
        Self { title: self.frame.words.settings, action: format!("{back}edit/"), back, is_edit: true, ..self }
    }

    fn of_form(frame: Frame, form: &Form) -> Self {
        // A form's lines end with CR LF, and a text from elsewhere is the same with LF.
        let prompt = form.text("system_prompt").replace("\r\n", "\n");
        Self::new(frame, form.text("name").trim().to_owned(), prompt)
    }

    /// What was entered, if it can be taken; what is wrong with it is noted.
    fn read(&mut self) -> Option<(CleanText, CleanText)> {
        let language = self.frame.language;
        let name = match CleanText::bounded(self.name.value.clone(), NAME_CHARS) {
            _ if self.name.value.is_empty() => Err(FieldRule::Required),
            _ if has_control(&self.name.value) => Err(FieldRule::Characters),
            read => read.map_err(rule_of),
        };
        let prompt = CleanText::bounded(self.prompt.value.clone(), MESSAGE_CHARS).map_err(rule_of);
        if let Err(rule) = &name {
            self.name.breaks(language, *rule);
        }
        if let Err(rule) = &prompt {
            self.prompt.breaks(language, *rule);
        }
        name.ok().zip(prompt.ok())
    }
}

/// The rule that a text breaks.
pub fn rule_of(fault: TextFault) -> FieldRule {
    match fault {
        TextFault::Blank => FieldRule::Required,
        TextFault::TooLong(max) => FieldRule::TooLong(max),
        TextFault::Control => FieldRule::Characters,
    }
}

/// The form for a new room.
#[utoipa::path(get, path = "/chat/new/", operation_id = "pages_new_room", tag = "pages", security((), ("token" = [])), responses(
    (status = 200, description = "The form.", content_type = "text/html"),
    (status = 401, description = "A form to log in."),
))]
pub async fn new_form(request: HttpRequest, visitor: Visitor) -> HttpResponse {
    let frame = Frame::of(Language::of(request.headers()), &visitor);
    answer::page(StatusCode::OK, &FormPage::new(frame, String::new(), String::new()))
}

/// Makes a room.
#[utoipa::path(post, path = "/chat/new/", operation_id = "pages_create_room", tag = "pages", security((), ("token" = [])), responses(
    (status = 302, description = "Made: the list of rooms."),
    (status = 200, description = "The form again, with what is wrong.", content_type = "text/html"),
    (status = 401, description = "A form to log in."),
    (status = 403, description = "Another site's form."),
    (status = 413, description = "The body is too large."),
    (status = 415, description = "The body is no form."),
    (status = 422, description = "The Idempotency-Key was used for another request."),
))]
pub async fn create(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(visitor, form): Asked,
) -> Result<HttpResponse, Trouble> {
    let frame = Frame::of(Language::of(request.headers()), &visitor);
    let key = once::key(&request, &state, visitor.scope(&request), &form.bytes)?;
    let mut page = FormPage::of_form(frame, &form);
    let Some((name, system_prompt)) = page.read() else { return Ok(answer::page(StatusCode::OK, &page)) };
    let open = OpenRoom {
        kind: RoomKind::Web,
        public_id: None,
        name,
        system_prompt,
        model: None,
        turn_policy: TurnPolicy::Queue,
        metadata: Map::new(),
    };
    let (_, again) = state.services.rooms.open(visitor.actor(), open, key).await?.made()?;
    let response = answer::go_to(LIST);
    Ok(if again { once::replayed(response) } else { response })
}

#[derive(Template)]
#[template(path = "room.html")]
struct RoomPage {
    frame: Frame,
    number: i64,
    name: String,
    created: String,
    messages: String,
    is_live: bool,
    has_ended: bool,
    content: String,
    wrong: Option<String>,
}

/// A room with everything said in it; and beside the form, what is wrong with what stands in it.
pub async fn show(
    request: &HttpRequest,
    state: &State,
    visitor: &Visitor,
    room: &Authorized<Room, Read>,
    unsent: Option<(String, String)>,
) -> Result<HttpResponse, Fault> {
    let frame = Frame::of(Language::of(request.headers()), visitor);
    let Conversation { room, messages } = state.services.rooms.conversation(room).await?;
    let voice = Voice { state, words: frame.words, room: room.number };
    let is_live = messages.iter().any(|message| !message.status.is_terminal());
    let status = if unsent.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let (content, wrong) = unsent.map_or((String::new(), None), |(content, wrong)| (content, Some(wrong)));
    let page = RoomPage {
        number: room.number,
        name: name_of(&room, &frame),
        created: minute(room.created_at, &state.zone),
        messages: conversation::html(&voice, &messages, room.ended_at.is_some()).await?,
        is_live,
        has_ended: room.ended_at.is_some(),
        content,
        wrong,
        frame,
    };
    Ok(answer::page(status, &page))
}

/// A room with everything said in it.
#[utoipa::path(get, path = "/chat/{pk}/", operation_id = "pages_room", tag = "pages", security((), ("token" = [])), params(
    ("pk" = i64, Path, description = "The room's number."),
), responses(
    (status = 200, description = "The room.", content_type = "text/html"),
    (status = 401, description = "A form to log in."),
    (status = 404, description = "There is no such room."),
))]
pub async fn room(
    request: HttpRequest,
    state: web::Data<State>,
    visitor: Visitor,
    pk: web::Path<String>,
) -> Result<HttpResponse, Trouble> {
    let room = find(&state, &visitor, &pk).await?;
    Ok(show(&request, &state, &visitor, &room, None).await?)
}

/// The form that changes a room.
#[utoipa::path(get, path = "/chat/{pk}/edit/", operation_id = "pages_edit_room", tag = "pages", security((), ("token" = [])), params(
    ("pk" = i64, Path, description = "The room's number."),
), responses(
    (status = 200, description = "The form.", content_type = "text/html"),
    (status = 401, description = "A form to log in."),
    (status = 404, description = "There is no such room."),
))]
pub async fn edit_form(
    request: HttpRequest,
    state: web::Data<State>,
    visitor: Visitor,
    pk: web::Path<String>,
) -> Result<HttpResponse, Trouble> {
    let found: Authorized<Room, Read> = find(&state, &visitor, &pk).await?;
    let room = found.get();
    let frame = Frame::of(Language::of(request.headers()), &visitor);
    let page = FormPage::new(frame, room.name.clone(), room.system_prompt.clone()).of_room(room.number);
    Ok(answer::page(StatusCode::OK, &page))
}

/// Changes a room. Another system prompt deletes its messages.
#[utoipa::path(post, path = "/chat/{pk}/edit/", operation_id = "pages_change_room", tag = "pages", security((), ("token" = [])), params(
    ("pk" = i64, Path, description = "The room's number."),
), responses(
    (status = 302, description = "Changed: the room."),
    (status = 200, description = "The form again, with what is wrong.", content_type = "text/html"),
    (status = 401, description = "A form to log in."),
    (status = 403, description = "Another site's form."),
    (status = 404, description = "There is no such room."),
    (status = 413, description = "The body is too large."),
    (status = 415, description = "The body is no form."),
))]
pub async fn change(
    request: HttpRequest,
    state: web::Data<State>,
    pk: web::Path<String>,
    Asked(visitor, form): Asked,
) -> Result<HttpResponse, Trouble> {
    let room: Authorized<Room, Write> = find(&state, &visitor, &pk).await?;
    let frame = Frame::of(Language::of(request.headers()), &visitor);
    let mut page = FormPage::of_form(frame, &form).of_room(room.get().number);
    let Some((name, prompt)) = page.read() else { return Ok(answer::page(StatusCode::OK, &page)) };
    // What went through a form unchanged is unchanged, however its lines ended before.
    let is_same = room.get().system_prompt.replace("\r\n", "\n") == prompt.as_str();
    let fields = RoomFields {
        name: Some(name.into_string()),
        system_prompt: (!is_same).then(|| prompt.into_string()),
        ..RoomFields::default()
    };
    state.services.rooms.change(&room, fields).await?;
    Ok(answer::go_to(&address(room.get().number)))
}
