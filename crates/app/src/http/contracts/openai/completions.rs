//! Chat completions: the client keeps the conversation and sends all of it each time. Nothing is stored
//! unless that is asked for; then the completion is a room like any other.

use super::chunks::{Completion, check, chunks};
use super::fields::{Asked, Fields, check_model, clean, default_model};
use super::items::{self, Input};
use super::refusal::{Refusal, RefusalShape};
use super::{ids, sampling};
use crate::http::v1::caller::Caller;
use crate::http::v1::stream::{Reader, respond};
use crate::http::{State, once};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use maru_domain::error::{Fault, codes};
use maru_domain::ids::TurnId;
use maru_domain::messages::{Role, SendRequest, Sending};
use maru_domain::rooms::{OpenRoom, RoomKind, TurnPolicy, title_of};
use maru_domain::text::{CleanText, MESSAGE_CHARS};
use maru_domain::turns::{Aside, PromptMessage, Settled, TurnEvent, TurnOptions, TurnView};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What a completion takes. Further parameters of OpenAI's are passed on to the model, do no harm, or
/// are refused by their name.
#[derive(ToSchema)]
#[schema(as = OpenAiChatCompletion)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct CompletionBody {
    /// A name of `GET /v1/models`; the server's own model when missing.
    #[schema(example = "demo")]
    model: Option<String>,
    /// `{"role","content"}`, oldest first; the last is the user's. Content is a text or parts of text.
    #[schema(value_type = Vec<Object>)]
    messages: Vec<Value>,
    /// Chunks instead of one answer.
    #[schema(default = false)]
    stream: Option<bool>,
    /// Keep it as a room.
    #[schema(default = false)]
    store: Option<bool>,
    /// With `store`: up to 16 short texts by name.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// What is asked for.
struct Wish {
    model: Option<String>,
    system: CleanText,
    input: Input,
    sampling: maru_domain::turns::Sampling,
    metadata: Map<String, Value>,
    stream: bool,
    include_usage: bool,
    store: bool,
}

impl Wish {
    fn read(fields: &Fields<'_>) -> Result<Self, Refusal> {
        let sampling = sampling::of_completion(fields)?;
        let model = fields.text("model")?.map(str::to_owned);
        let mut said = items::messages(fields)?;
        let rest = said.split_off(said.iter().take_while(|said| said.role == Role::System).count());
        let leading = said.len();
        let system: Vec<_> = said.into_iter().map(|said| said.content.into_string()).collect();
        let system = clean("messages", system.join("\n\n"), MESSAGE_CHARS)?;
        let usage =
            fields.object("stream_options")?.map(|options| options.flag("include_usage")).transpose()?;
        Ok(Self {
            model,
            system,
            input: items::ended(rest, "messages", leading)?,
            sampling,
            metadata: fields.metadata()?.unwrap_or_default(),
            stream: fields.flag("stream")?.unwrap_or(false),
            include_usage: usage.flatten().unwrap_or(false),
            store: fields.flag("store")?.unwrap_or(false),
        })
    }

    fn aside(self) -> Aside {
        let last = PromptMessage { role: Role::User, content: self.input.last.into_string() };
        let past = self.input.past.into_iter();
        let past = past.map(|said| PromptMessage { role: said.role, content: said.content.into_string() });
        Aside {
            model: self.model,
            system_prompt: self.system.into_string(),
            said: past.chain([last]).collect(),
            options: TurnOptions { sampling: self.sampling, ..TurnOptions::default() },
        }
    }
}

/// Completes a conversation. Without `store` nothing of it is stored.
#[utoipa::path(post, path = "/v1/chat/completions", operation_id = "openai_complete", tag = "openai", request_body = CompletionBody, security(("bearer" = [])), responses(
    (status = 200, description = "A `chat.completion`; or, with `stream`, chunks and `[DONE]`.", body = Object),
    (status = 400, description = "A parameter that is wrong or not supported, by its name in `param`.", body = RefusalShape),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "`model_not_found`", body = RefusalShape),
    (status = 429, description = "The provider is asked too often.", body = RefusalShape),
    (status = 502, description = "The model failed.", body = RefusalShape),
    (status = 503, description = "The model or the server is busy.", body = RefusalShape),
    (status = 504, description = "The model took too long.", body = RefusalShape),
))]
pub async fn complete(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(caller, body): Asked,
) -> Result<HttpResponse, Refusal> {
    let wish = Wish::read(&body.fields())?;
    check_model(&state, wish.model.as_deref())?;
    let model = wish.model.clone().unwrap_or_else(|| default_model(&state));
    let include_usage = wish.stream.then_some(wish.include_usage);
    if wish.store {
        let key = once::key(&request, &state, caller.id().to_string(), &body.bytes)?;
        if let Some(kept) = once::kept(&state, key.as_ref()).await? {
            return Ok(kept);
        }
        let (sending, again) = store(&state, &caller, wish, key.clone()).await?;
        let completion = Completion {
            id: ids::completion(sending.sent.room.id),
            created_at: sending.sent.turn.created_at,
            model,
        };
        let response = match include_usage {
            Some(usage) => {
                let events = followed(&state, sending.sent.turn.id).await?;
                streamed(&request, &state, &caller, completion, usage, events)
            }
            None => {
                let whole = completion.whole(&settled(sending).await?);
                once::keep(&state, key, StatusCode::OK, whole.to_string().into_bytes()).await
            }
        };
        return Ok(if again { once::replayed(response) } else { response });
    }
    let (turn, events) = state.services.turns.aside(wish.aside())?;
    let completion = Completion { id: ids::completion(turn.room_id), created_at: turn.created_at, model };
    match include_usage {
        Some(usage) => Ok(streamed(&request, &state, &caller, completion, usage, events)),
        None => Ok(HttpResponse::Ok().json(completion.whole(&ended(events).await?))),
    }
}

async fn store(
    state: &State,
    caller: &Caller,
    wish: Wish,
    once: Option<maru_domain::once::OnceKey>,
) -> Result<(Sending, bool), Refusal> {
    let name = CleanText::bounded(title_of(wish.input.last.as_str()), 255).unwrap_or_default();
    let room = OpenRoom {
        kind: RoomKind::Openai,
        public_id: Some(state.services.rooms.new_public_id()),
        name,
        system_prompt: wish.system,
        model: wish.model,
        turn_policy: TurnPolicy::Queue,
        metadata: wish.metadata,
    };
    let request = SendRequest {
        content: wish.input.last,
        past: wish.input.past,
        options: TurnOptions { sampling: wish.sampling, ..TurnOptions::default() },
        // A client tries again by itself: what failed is not to be there twice.
        withdraw_on_failure: true,
        once,
        ..SendRequest::default()
    };
    Ok(state.services.messages.send_anew(&caller.actor(), room, request).await?.made()?)
}

/// The events of a turn just sent. One whose model failed at once is taken back already: that is told like a
/// failure a moment later.
async fn followed(state: &State, turn: TurnId) -> Result<BoxStream<'static, TurnEvent>, Fault> {
    match state.services.turns.follow(turn, None).await {
        Err(fault) if *fault.code == codes::TURN_NOT_FOUND => Ok(stream::iter([TurnEvent::Gone]).boxed()),
        followed => followed,
    }
}

async fn settled(sending: Sending) -> Result<TurnView, Refusal> {
    match sending.settled().await?.1 {
        Settled::Ended { view, .. } => {
            check(&view)?;
            Ok(*view)
        }
        Settled::Withdrawn(turn) => Err(Refusal::of_model(turn.error.as_ref())),
        Settled::Gone => Err(Fault::new(&codes::TURN_NOT_FOUND).into()),
    }
}

/// The end of a turn that is nowhere stored.
pub async fn ended(mut events: BoxStream<'static, TurnEvent>) -> Result<TurnView, Refusal> {
    while let Some(event) = events.next().await {
        if let TurnEvent::Done(view) = event {
            check(&view)?;
            return Ok(*view);
        }
    }
    Err(Fault::new(&codes::INTERNAL).into())
}

fn streamed(
    request: &HttpRequest,
    state: &web::Data<State>,
    caller: &Caller,
    completion: Completion,
    include_usage: bool,
    events: BoxStream<'static, TurnEvent>,
) -> HttpResponse {
    respond(request, state, Reader::of(caller), chunks(completion, include_usage, events))
}
