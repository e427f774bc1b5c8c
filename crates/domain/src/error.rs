//! The small closed set of ways in which a request can fail, and the table of stable codes.
//!
//! Adapters answer [`StoreError`]; use cases answer [`Fault`]; only a contract's view knows how a
//! fault looks on its wire.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// An error of unknown type, kept for the log.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What sort of failure: it alone decides a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be understood or breaks a rule.
    Invalid,
    /// Nobody, or nobody known, is asking.
    Unauthenticated,
    /// There is no such thing, or it belongs to somebody else.
    NotFound,
    /// The state of things does not allow it.
    Conflict,
    /// The idempotency key was used for another request.
    Unprocessable,
    /// Too often; [`Fault::retry_after`] says when again.
    TooMany,
    /// Something that maru needs is away for now.
    Unavailable,
    /// A bug of ours.
    Internal,
}

/// A row of the table of codes.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Stable snake_case name: clients may test for it.
    pub name: &'static str,
    /// What sort of failure it is.
    pub kind: Kind,
    /// What to tell a person, with what to do next.
    pub text: &'static str,
}

/// Every stable code, in one place.
pub mod codes {
    use super::{Code, Kind};

    macro_rules! codes {
        ($($name:ident $code:literal $kind:ident $text:literal;)+) => {
            $(
                #[doc = $text]
                pub static $name: Code = Code { name: $code, kind: Kind::$kind, text: $text };
            )+
            /// The whole table, for documents and tests.
            pub static ALL: &[&Code] = &[$(&$name),+];
        };
    }

    codes! {
        INVALID_REQUEST "invalid_request" Invalid "the request breaks a rule; see the named fields";
        INVALID_PARAMETER "invalid_parameter" Invalid "a parameter has a value that is not allowed";
        NOT_AUTHENTICATED "not_authenticated" Unauthenticated "no token was sent; log in and send it in the Authorization header";
        INVALID_TOKEN "invalid_token" Unauthenticated "the token is unknown, expired or revoked; log in again";
        ACCOUNT_INACTIVE "account_inactive" Unauthenticated "the account is disabled; ask the operator";
        WRONG_CREDENTIALS "wrong_credentials" Invalid "the name or the password is wrong";
        USER_NOT_FOUND "user_not_found" NotFound "there is no such user";
        SESSION_NOT_FOUND "session_not_found" NotFound "there is no such session";
        KEY_NOT_FOUND "key_not_found" NotFound "there is no such key";
        ROOM_NOT_FOUND "room_not_found" NotFound "there is no such room";
        MESSAGE_NOT_FOUND "message_not_found" NotFound "there is no such message";
        QUOTE_NOT_FOUND "quote_not_found" NotFound "there is no such quote";
        TURN_NOT_FOUND "turn_not_found" NotFound "there is no such turn";
        NO_OPEN_SESSION "no_open_session" NotFound "there is no open session; send a message to start one";
        ROOM_EXISTS "room_exists" Conflict "there is a room of this id already";
        NOT_LAST_TURN "not_last_turn" Conflict "something was said after this turn, and a retry would lose it; PATCH the turn's message with regenerate to have it answered anew without what follows, or send it again";
        NOT_A_PERSONS_MESSAGE "not_a_persons_message" Conflict "only a message of role user can be edited";
        ROOM_ENDED "room_ended" Conflict "the room has ended; open another";
        TURN_IN_PROGRESS "turn_in_progress" Conflict "a turn is running in this room; wait for it or cancel it";
        QUEUE_FULL "queue_full" TooMany "too many turns wait in this room; try again when one has ended";
        IDEMPOTENCY_KEY_REUSED "idempotency_key_reused" Unprocessable "this Idempotency-Key was used for another request; take a new one";
        INVALID_IDEMPOTENCY_KEY "invalid_idempotency_key" Invalid "an Idempotency-Key is 1 to 255 printable ASCII characters";
        UNKNOWN_PLC "unknown_plc" Invalid "there is no such PLC; GET /v1/plcs lists them";
        UNKNOWN_MASTER "unknown_master" Invalid "a plant or process that is named is not there; send it first, or along";
        PLC_NOT_FOUND "plc_not_found" NotFound "there is no such PLC";
        BATCH_TOO_LARGE "batch_too_large" Invalid "a batch may have at most 1000 rows";
        UNKNOWN_MODEL "unknown_model" Invalid "there is no such model; leave it out for the server's own";
        TOO_MANY_ATTEMPTS "too_many_attempts" TooMany "too many attempts; wait as long as Retry-After says";
        TOO_MANY_REQUESTS "too_many_requests" TooMany "this key has made too many requests; wait as long as Retry-After says";
        STORE_UNAVAILABLE "store_unavailable" Unavailable "the database is away; try again";
        OVERLOADED "overloaded" Unavailable "the server is busy; try again";
        REPLY_NOT_READY "reply_not_ready" Unavailable "the message is stored and its reply is not there yet; send it again under the same Idempotency-Key, or look at the conversation later";
        DRAINING "draining" Unavailable "the server is about to stop; try again";
        NOT_FOUND "not_found" NotFound "there is nothing at this address; GET /openapi.json lists what there is";
        INVALID_JSON "invalid_json" Invalid "the body is not a JSON object";
        UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" Invalid "send the body as plain application/json";
        BODY_TOO_LARGE "body_too_large" Invalid "the body is too large";
        BODY_TOO_SLOW "body_too_slow" Invalid "the body did not arrive in time";
        METHOD_NOT_ALLOWED "method_not_allowed" Invalid "this address does not have this verb; see the Allow header";
        CROSS_SITE "cross_site" Invalid "this form was sent by another site; open the page here and send it again";
        ADDRESS_TOO_LONG "address_too_long" Invalid "the address is too long";
        INTERNAL "internal" Internal "something went wrong on our side; the request id helps to find it";
    }
}

/// One field that breaks a rule. The value itself is never kept: it may be a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// The field's name.
    pub field: &'static str,
    /// Which rule.
    pub rule: FieldRule,
}

/// The rules a field can break; each contract has its own words for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldRule {
    /// Must be there.
    Required,
    /// Must not be null.
    Null,
    /// Must not be empty or blank.
    Blank,
    /// Must be a string.
    NotAString,
    /// At most so many characters.
    TooLong(usize),
    /// At least so many characters.
    TooShort(usize),
    /// Holds characters that the field does not allow.
    Characters,
    /// Not an e-mail address.
    Email,
    /// None of the values that there are.
    Choice,
    /// A time that is over already.
    Past,
    /// Somebody else has it.
    Taken,
}

/// Why a use case could not do what it was asked.
#[derive(Debug)]
pub struct Fault {
    /// The row of the table.
    pub code: &'static Code,
    /// More than the table says, for the person who asked.
    pub detail: Option<String>,
    /// The fields that break a rule.
    pub fields: Vec<FieldFault>,
    /// When to ask again.
    pub retry_after: Option<Duration>,
    /// For the log only.
    pub source: Option<BoxError>,
}

impl Fault {
    /// A failure with what the table says of it.
    #[must_use]
    pub fn new(code: &'static Code) -> Self {
        Self { code, detail: None, fields: Vec::new(), retry_after: None, source: None }
    }

    /// A failure of named fields.
    #[must_use]
    pub fn fields(fields: Vec<FieldFault>) -> Self {
        Self { fields, ..Self::new(&codes::INVALID_REQUEST) }
    }

    /// The same with words of its own.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with a time to wait.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The same with its cause, for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What sort of failure.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.code.kind
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail.as_deref().unwrap_or(self.code.text))
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Why a store could not do what it was asked. Not found is not among them: it is an `Option`.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A uniqueness rule of this name was violated; nothing was written.
    #[error("conflict on {0}")]
    Conflict(String),
    /// The database is away, full or too busy.
    #[error("the database is unavailable")]
    Unavailable {
        /// Nothing was written for sure. Otherwise a commit may or may not have happened, and only
        /// a retry with the same idempotency key can tell.
        certain: bool,
        /// For the log.
        #[source]
        source: BoxError,
    },
    /// The database refused what it should accept, or holds what it should not.
    #[error("the database gave an unexpected answer")]
    Internal(#[source] BoxError),
}

/// True for the name of a rule that something must be there.
pub(crate) fn is_reference(constraint: &str) -> bool {
    constraint.ends_with("fkey")
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } => {
                Self::new(&codes::STORE_UNAVAILABLE).retry_after(Duration::from_secs(1)).caused_by(error)
            }
            // What it would belong to has gone meanwhile: the account of whoever asks.
            StoreError::Conflict(ref name) if is_reference(name) => Self::new(&codes::INVALID_TOKEN),
            StoreError::Conflict(_) | StoreError::Internal(_) => Self::new(&codes::INTERNAL).caused_by(error),
        }
    }
}
