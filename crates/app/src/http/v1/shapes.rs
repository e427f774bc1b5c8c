//! How the domain's objects look in the native API.

use crate::http::plc_facts::PlcFacts;
use maru_domain::accounts::{ApiKey, Session, User};
use maru_domain::clock::Timestamp;
use maru_domain::ids::{KeyId, MessageId, RoomId, SessionId, TurnId, UserId};
use maru_domain::messages::{Message, MessageStatus};
use maru_domain::plcs::{Hidden, MessagePlc, PlcUuid};
use maru_domain::quotes::Quote;
use maru_domain::rooms::Room;
use maru_domain::turns::TurnView;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// RFC 3339, UTC, microseconds.
pub fn time(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// A user. The password is never part of it.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserShape {
    #[schema(value_type = uuid::Uuid)]
    id: UserId,
    #[schema(example = 7)]
    number: i64,
    #[schema(example = "ann")]
    username: String,
    #[schema(example = "ann@example.com")]
    email: String,
    #[schema(example = "2026-11-21T07:00:00.000000Z")]
    created_at: String,
}

/// A user as the API shows one.
pub fn user(user: &User) -> UserShape {
    UserShape {
        id: user.id,
        number: user.number,
        username: user.username.clone(),
        email: user.email.clone(),
        created_at: time(user.created_at),
    }
}

/// What register and login answer.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedIn)]
pub struct SignedInShape {
    /// For `Authorization: Bearer …`. Clients must not look inside.
    pub token: String,
    /// When the token stops working.
    #[schema(example = "2026-12-21T07:00:00.000000Z")]
    pub expires_at: String,
    /// Who.
    pub user: UserShape,
}

/// A session: one login.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionShape {
    #[schema(value_type = uuid::Uuid)]
    id: SessionId,
    created_at: String,
    expires_at: String,
    /// To the minute.
    last_used_at: String,
    /// The session of the token that asks.
    current: bool,
}

/// A session; `current` marks the caller's own.
pub fn session(session: &Session, current: bool) -> SessionShape {
    SessionShape {
        id: session.id,
        created_at: time(session.created_at),
        expires_at: time(session.expires_at),
        last_used_at: time(session.last_used_at),
        current,
    }
}

/// An API key.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub struct KeyShape {
    #[schema(value_type = uuid::Uuid)]
    id: KeyId,
    #[schema(example = "laptop")]
    name: String,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    /// The key itself: only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "maru_sk_…")]
    key: Option<String>,
}

/// A key, with the key itself where it is told.
pub fn key(key: &ApiKey, secret: Option<&str>) -> KeyShape {
    KeyShape {
        id: key.id,
        name: key.name.clone(),
        created_at: time(key.created_at),
        expires_at: key.expires_at.map(time),
        last_used_at: key.last_used_at.map(time),
        key: secret.map(str::to_owned),
    }
}

/// A conversation.
#[derive(Serialize, ToSchema)]
#[schema(as = Room)]
pub struct RoomShape {
    #[schema(value_type = uuid::Uuid)]
    id: RoomId,
    /// Accepted wherever the id is.
    #[schema(example = 12)]
    number: i64,
    /// Which contract opened it: `native` here.
    #[schema(example = "native")]
    kind: &'static str,
    #[schema(example = "Trip to Busan")]
    name: String,
    #[schema(example = "Be brief.")]
    system_prompt: String,
    /// Null: the server's default.
    model: Option<String>,
    /// `queue`, `reject` or `interrupt`.
    #[schema(example = "queue")]
    turn_policy: &'static str,
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    created_at: String,
    updated_at: String,
    last_message_at: Option<String>,
    ended_at: Option<String>,
    #[schema(example = 2)]
    message_count: i64,
}

/// A room as the API shows one.
pub fn room(room: &Room) -> RoomShape {
    RoomShape {
        id: room.id,
        number: room.number,
        kind: room.kind.as_str(),
        name: room.name.clone(),
        system_prompt: room.system_prompt.clone(),
        model: room.model.clone(),
        turn_policy: room.turn_policy.as_str(),
        metadata: room.metadata.clone(),
        created_at: time(room.created_at),
        updated_at: time(room.updated_at),
        last_message_at: room.last_message_at.map(time),
        ended_at: room.ended_at.map(time),
        message_count: room.message_count,
    }
}

/// One utterance.
#[derive(Serialize, ToSchema)]
#[schema(as = Message)]
pub struct MessageShape {
    #[schema(value_type = uuid::Uuid)]
    id: MessageId,
    #[schema(value_type = uuid::Uuid)]
    room_id: RoomId,
    /// Its place in the room: grows, and may have gaps.
    #[schema(example = 1)]
    seq: i64,
    #[schema(value_type = Option<uuid::Uuid>)]
    turn_id: Option<TurnId>,
    /// `user`, `assistant` or `system`.
    #[schema(example = "user")]
    role: &'static str,
    #[schema(example = "Where shall I eat?")]
    content: String,
    /// `pending`, `streaming`, `completed`, `failed`, `cancelled` or `interrupted`.
    #[schema(example = "completed")]
    status: &'static str,
    cancelled: bool,
    /// The PLC it is about.
    plc: Option<PlcShape>,
    /// The quote that goes with a reply of the quote contract.
    quote: Option<QuoteShape>,
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    created_at: String,
    updated_at: String,
    edited_at: Option<String>,
}

/// A message as the API shows one, with what must be `hidden` of its PLC now.
pub fn message(message: Message, hidden: &Hidden) -> MessageShape {
    MessageShape {
        id: message.id,
        room_id: message.room_id,
        seq: message.seq,
        turn_id: message.turn_id,
        role: message.role.as_str(),
        content: message.content,
        status: message.status.as_str(),
        cancelled: message.status == MessageStatus::Cancelled,
        plc: message.plc.as_ref().map(|plc| PlcShape::new(plc, hidden)),
        quote: message.quote.as_ref().map(quote),
        metadata: message.metadata,
        created_at: time(message.created_at),
        updated_at: time(message.updated_at),
        edited_at: message.edited_at.map(time),
    }
}

/// A quote.
#[derive(Serialize, ToSchema)]
#[schema(as = Quote)]
pub struct QuoteShape {
    #[schema(example = "1")]
    id: String,
    #[schema(example = "가장 어두운 밤도 결국은 끝나고, 해는 떠오른다.")]
    text: String,
    #[schema(example = "빅터 위고")]
    author: String,
    /// `hope`, `motivation`, `productivity` or `resilience`.
    #[schema(example = "hope")]
    category: &'static str,
    /// The work that it is from, where that is known.
    source: Option<String>,
}

/// A quote as the API shows one.
pub fn quote(quote: &Quote) -> QuoteShape {
    QuoteShape {
        id: quote.id.to_string(),
        text: quote.text.clone(),
        author: quote.author.clone(),
        category: quote.category.as_str(),
        source: quote.source.clone(),
    }
}

/// The PLC of a message.
#[derive(Serialize, ToSchema)]
#[schema(as = MessagePlc)]
pub struct PlcShape {
    #[schema(value_type = String, example = "plc-uuid-001")]
    plc_uuid: PlcUuid,
    /// The PLC as it was when the message was created. Null for replies, and while the PLC is
    /// inactive or when it was deleted.
    #[schema(value_type = Option<PlcSnapshotShape>)]
    snapshot: Option<Box<PlcSnapshotShape>>,
}

/// A PLC as it was.
#[derive(Serialize, ToSchema)]
#[schema(as = PlcSnapshot)]
pub struct PlcSnapshotShape {
    #[serde(flatten)]
    facts: PlcFacts,
    /// When it was registered.
    created_at: String,
}

impl PlcShape {
    fn new(plc: &MessagePlc, hidden: &Hidden) -> Self {
        let snapshot = plc.shown(hidden).map(|plc| {
            Box::new(PlcSnapshotShape { facts: PlcFacts::from(plc), created_at: time(plc.created_at) })
        });
        Self { plc_uuid: plc.uuid.clone(), snapshot }
    }
}

/// What a reply has cost, as the provider counts it.
#[derive(Serialize, ToSchema)]
#[schema(as = Usage)]
pub struct UsageShape {
    input_tokens: i64,
    output_tokens: i64,
}

/// Why a turn did not complete.
#[derive(Serialize, ToSchema)]
#[schema(as = TurnError)]
pub struct TurnErrorShape {
    #[schema(example = "model_timed_out")]
    code: String,
    #[schema(example = "the model took too long")]
    detail: String,
}

/// A person's message and its reply.
#[derive(Serialize, ToSchema)]
#[schema(as = Turn)]
pub struct TurnShape {
    #[schema(value_type = uuid::Uuid)]
    id: TurnId,
    #[schema(value_type = uuid::Uuid)]
    room_id: RoomId,
    /// `pending`, `streaming`, `completed`, `failed`, `cancelled` or `interrupted`.
    #[schema(example = "completed")]
    status: &'static str,
    #[schema(value_type = uuid::Uuid)]
    message_id: MessageId,
    #[schema(value_type = uuid::Uuid)]
    reply_id: MessageId,
    /// The text so far; all of it once the turn has ended.
    #[schema(example = "At the fish market.")]
    reply: String,
    /// Who answers: before that, the model that was asked for; null when none was. From the first word on, the full
    /// name of the one that answers.
    #[schema(example = "openai/gpt-4o-mini")]
    model: Option<String>,
    usage: Option<UsageShape>,
    error: Option<TurnErrorShape>,
    #[schema(example = 1)]
    attempt: i32,
    created_at: String,
    finished_at: Option<String>,
}

/// A turn with its reply so far.
pub fn turn(view: &TurnView) -> TurnShape {
    let turn = &view.turn;
    TurnShape {
        id: turn.id,
        room_id: turn.room_id,
        status: turn.status.as_str(),
        message_id: turn.message_id,
        reply_id: turn.reply_id,
        reply: view.reply.clone(),
        model: turn.model.clone(),
        usage: turn
            .usage
            .map(|usage| UsageShape { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens }),
        error: turn
            .error
            .as_ref()
            .map(|error| TurnErrorShape { code: error.code.clone(), detail: error.detail.clone() }),
        attempt: turn.attempt,
        created_at: time(turn.created_at),
        finished_at: turn.finished_at.map(time),
    }
}

/// What a send has stored.
#[derive(Serialize, ToSchema)]
#[schema(as = Sent)]
pub struct SentShape {
    /// The person's message.
    pub message: MessageShape,
    /// The turn that answers it; null when nobody is to.
    pub turn: Option<TurnShape>,
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = Page)]
pub struct PageShape<T> {
    /// The items, in the list's order.
    pub data: Vec<T>,
    /// Where the next page in the same direction begins; null when there is none.
    #[schema(example = "7334")]
    pub next: Option<String>,
    /// There are more in that direction.
    pub has_more: bool,
}

/// A change in a room's log.
#[derive(Serialize, ToSchema)]
#[schema(as = RoomEvent)]
pub struct EventShape {
    /// Its number in the room: 1, 2, 3 and so on.
    #[schema(example = 3)]
    pub seq: i64,
    /// `message.created`, `message.updated`, `message.deleted`, `turn.started`, `turn.done`,
    /// `room.updated` or `room.cleared`.
    #[serde(rename = "type")]
    #[schema(example = "turn.done")]
    pub kind: &'static str,
    /// When.
    pub at: String,
    /// The message, turn or room as it is now, or `{"id"}` when it is gone.
    #[schema(value_type = Object)]
    pub data: Value,
}
