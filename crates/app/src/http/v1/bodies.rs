//! What the routes take, for the OpenAPI document. Bodies are read field by field
//! (`crates/app/src/http/v1/body.rs`), so that everything wrong is told at once.

#![expect(dead_code, reason = "these types describe bodies and are never made")]

use serde_json::Value;
use utoipa::ToSchema;

/// A new account.
#[derive(ToSchema)]
#[schema(as = Register)]
pub struct RegisterBody {
    /// 1 to 150 letters, digits and `@.+-_`, unique.
    #[schema(example = "ann")]
    username: String,
    /// A valid address or empty.
    #[schema(example = "ann@example.com")]
    email: Option<String>,
    /// 8 to 128 characters.
    #[schema(example = "correct horse battery")]
    password: String,
}

/// A name and its password.
#[derive(ToSchema)]
#[schema(as = Login)]
pub struct LoginBody {
    #[schema(example = "ann")]
    username: String,
    #[schema(example = "correct horse battery")]
    password: String,
}

/// Another password.
#[derive(ToSchema)]
#[schema(as = NewPassword)]
pub struct PasswordBody {
    old: String,
    /// 8 to 128 characters.
    new: String,
}

/// A new API key.
#[derive(ToSchema)]
#[schema(as = NewKey)]
pub struct KeyBody {
    /// 1 to 100 characters.
    #[schema(example = "laptop")]
    name: String,
    /// RFC 3339; null: never.
    expires_at: Option<String>,
}

/// A new room.
#[derive(ToSchema)]
#[schema(as = NewRoom)]
pub struct RoomBody {
    /// At most 255 characters.
    #[schema(example = "Trip to Busan")]
    name: Option<String>,
    #[schema(example = "Be brief.")]
    system_prompt: Option<String>,
    /// Null: the server's default.
    model: Option<String>,
    /// What becomes of a message that arrives while a turn runs: `queue` (the default), `reject` or `interrupt`.
    #[schema(example = "queue")]
    turn_policy: Option<String>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// What is to become of a room. A field that is missing stays as it is.
#[derive(ToSchema)]
#[schema(as = RoomChange)]
pub struct RoomChangeBody {
    name: Option<String>,
    /// Another one clears the messages.
    system_prompt: Option<String>,
    /// Unless they are kept.
    keep_messages: Option<bool>,
    /// Null: the server's default.
    model: Option<String>,
    turn_policy: Option<String>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// A message.
#[derive(ToSchema)]
#[schema(as = NewMessage)]
pub struct MessageBody {
    /// 1 to 32,000 characters, kept as sent.
    #[schema(example = "Where shall I eat?")]
    content: String,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// The PLC that it is about: how that is now is kept with the message.
    #[schema(example = "plc-uuid-001")]
    plc_uuid: Option<String>,
    /// The model for this turn, when it is not the room's.
    model: Option<String>,
    /// False: the message is stored and nobody answers.
    #[schema(default = true)]
    reply: Option<bool>,
}

/// Another text for a message.
#[derive(ToSchema)]
#[schema(as = MessageChange)]
pub struct EditBody {
    #[schema(example = "Where shall we eat?")]
    content: String,
    /// The later messages go, and there is a new reply.
    #[schema(default = false)]
    regenerate: Option<bool>,
}

/// A refusal (RFC 9457).
#[derive(ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Always `about:blank`: the code says what it is.
    #[schema(example = "about:blank")]
    r#type: String,
    /// What the status means.
    #[schema(example = "Not Found")]
    title: String,
    #[schema(example = 404)]
    status: u16,
    /// Stable; clients may test for it.
    #[schema(example = "room_not_found")]
    code: String,
    /// For people.
    #[schema(example = "there is no such room")]
    detail: String,
    /// The fields that break a rule, all at once.
    errors: Option<Vec<FieldProblem>>,
    /// Names the request in the server's log; also in `X-Request-Id`.
    request_id: String,
}

/// One field that breaks a rule.
#[derive(ToSchema)]
pub struct FieldProblem {
    #[schema(example = "content")]
    field: String,
    #[schema(example = "required")]
    code: String,
    #[schema(example = "must be there")]
    detail: String,
}
