//! Asking for responses: turns, each on its own, after another, or in a conversation.

use super::completions::ended;
use super::conversations::{self, open_room};
use super::fields::{Asked, Fields, check_model, default_model};
use super::items::{Input, input};
use super::refusal::{Refusal, RefusalShape};
use super::response::About;
use super::response_events::events;
use super::stored_responses::find;
use super::{ids, sampling};
use crate::http::v1::caller::Caller;
use crate::http::v1::stream::{Reader, respond};
use crate::http::{State, once};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::access::{Action, Authorized, Read, Write};
use maru_domain::messages::{Role, Saying, SendRequest, Sending};
use maru_domain::once::Once;
use maru_domain::rooms::Room;
use maru_domain::turns::{Aside, PromptMessage, Settled, Turn, TurnOptions, TurnView};
use serde_json::Value;
use utoipa::ToSchema;

/// What a response takes. Further parameters of OpenAI's are passed on to the model, do no harm, or are
/// refused by their name.
#[derive(ToSchema)]
#[schema(as = OpenAiNewResponse)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct ResponseBody {
    /// A name of `GET /v1/models`; the conversation's or the server's own model when missing.
    #[schema(example = "demo")]
    model: Option<String>,
    /// A text, or messages of which the last is the user's.
    #[schema(value_type = Object, example = "Where shall I eat?")]
    input: Value,
    /// What the model is told first, for this response only.
    instructions: Option<String>,
    /// `conv_…` or `{"id"}`; not together with `previous_response_id`.
    #[schema(value_type = Option<Object>)]
    conversation: Option<Value>,
    /// `resp_…`: goes on from there.
    previous_response_id: Option<String>,
    /// False: nothing is stored.
    #[schema(default = true)]
    store: Option<bool>,
    /// Events instead of one answer.
    #[schema(default = false)]
    stream: Option<bool>,
    /// Answers at once; ask for the response later.
    #[schema(default = false)]
    background: Option<bool>,
    /// Up to 16 short texts by name.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// What a response goes on from.
enum From<'f> {
    Nothing,
    Conversation(&'f str),
    Response(&'f str),
}

/// What is asked for.
struct Wish<'f> {
    model: Option<String>,
    input: Input,
    from: From<'f>,
    options: TurnOptions,
    store: bool,
    stream: bool,
}

impl<'f> Wish<'f> {
    fn read(fields: &Fields<'f>) -> Result<Self, Refusal> {
        let store = fields.flag("store")?.unwrap_or(true);
        let background = fields.flag("background")?.unwrap_or(false);
        if background && !store {
            return Err(Refusal::value(
                "background",
                "a response that is not stored cannot be asked for later",
            ));
        }
        let sampling = sampling::of_response(fields)?;
        let options = TurnOptions {
            instructions: fields
                .prose("instructions")?
                .map(|text| text.into_string())
                .filter(|text| !text.is_empty()),
            sampling,
            metadata: fields.metadata()?.unwrap_or_default(),
            background,
            ..TurnOptions::default()
        };
        Ok(Self {
            model: fields.text("model")?.map(str::to_owned),
            input: input(fields)?,
            from: from(fields)?,
            options,
            store,
            stream: fields.flag("stream")?.unwrap_or(false),
        })
    }
}

fn from<'f>(fields: &Fields<'f>) -> Result<From<'f>, Refusal> {
    let previous = fields.text("previous_response_id")?;
    let conversation = match fields.get("conversation") {
        None => None,
        Some(Value::String(id)) => Some(id.as_str()),
        Some(other) => {
            let path = fields.at("conversation");
            Some(Fields::of(other, path, "a string or an object")?.required("id")?)
        }
    };
    match (conversation, previous) {
        (Some(_), Some(_)) => Err(Refusal::param(
            "previous_response_id",
            "mutually_exclusive_parameters",
            "Mutually exclusive parameters: 'conversation' and 'previous_response_id'. Send only one of them.",
        )),
        (Some(id), None) => Ok(From::Conversation(id)),
        (None, Some(id)) => Ok(From::Response(id)),
        (None, None) => Ok(From::Nothing),
    }
}

/// Asks for a response.
#[utoipa::path(post, path = "/v1/responses", operation_id = "openai_respond", tag = "openai", request_body = ResponseBody, security(("bearer" = [])), responses(
    (status = 200, description = "The response, `failed` when the model has failed; or, with `stream`, its events.", body = Object),
    (status = 400, description = "A parameter that is wrong or not supported, by its name in `param`.", body = RefusalShape),
    (status = 401, description = "`invalid_api_key`", body = RefusalShape),
    (status = 404, description = "`model_not_found`, or the conversation is not there.", body = RefusalShape),
    (status = 409, description = "A turn is running in a conversation that takes one at a time.", body = RefusalShape),
    (status = 429, description = "Too many turns wait in this conversation.", body = RefusalShape),
    (status = 503, description = "The server is about to stop.", body = RefusalShape),
))]
pub async fn respond_to(
    request: HttpRequest,
    state: web::Data<State>,
    Asked(caller, body): Asked,
) -> Result<HttpResponse, Refusal> {
    let wish = Wish::read(&body.fields())?;
    check_model(&state, wish.model.as_deref())?;
    if !wish.store {
        return aside(&request, &state, &caller, wish).await;
    }
    let key = once::key(&request, &state, caller.id().to_string(), &body.bytes)?;
    if let Some(kept) = once::kept(&state, key.as_ref()).await? {
        return Ok(kept);
    }
    let (stream, background) = (wish.stream, wish.options.background);
    let (sending, again) = send(&state, &caller, wish, key.clone()).await?.made()?;
    let about = about(&state, &sending.sent.room, &sending.sent.turn);
    let turn = sending.sent.turn.clone();
    let response = if stream {
        let followed = state.services.turns.follow(turn.id, None).await?;
        respond(&request, &state, Reader::of(&caller), events(about, turn, None, followed))
    } else {
        let view = if background { now(&state, turn).await? } else { settled(sending).await? };
        once::keep(&state, key, StatusCode::OK, about.response(&view).to_string().into_bytes()).await
    };
    Ok(if again { once::replayed(response) } else { response })
}

/// Asks a model beside every room; what was said before may stand in one.
async fn aside(
    request: &HttpRequest,
    state: &web::Data<State>,
    caller: &Caller,
    wish: Wish<'_>,
) -> Result<HttpResponse, Refusal> {
    let messages = &state.services.messages;
    let (room, mut said, previous) = match wish.from {
        From::Nothing => (None, Vec::new(), None),
        From::Conversation(id) => {
            let room = conversations::find::<Read>(state, caller, id).await?;
            let said = messages.told_until(&room, None).await?;
            (Some(room), said, None)
        }
        From::Response(id) => {
            let (view, room) = previous_response::<Read>(state, caller, id).await?;
            let said = messages.told_until(&room, Some(&view.turn)).await?;
            (Some(room), said, Some(view.turn.id))
        }
    };
    let own = wish.input.past.into_iter().chain([Saying { role: Role::User, content: wish.input.last }]);
    said.extend(own.map(|said| PromptMessage { role: said.role, content: said.content.into_string() }));
    let room = room.as_ref().map(Authorized::get);
    let model = wish.model.or_else(|| room.and_then(|room| room.model.clone()));
    let about = About { model: model.clone().unwrap_or_else(|| default_model(state)), stored: false };
    let aside = Aside {
        model,
        system_prompt: room.map(|room| room.system_prompt.clone()).unwrap_or_default(),
        said,
        options: TurnOptions { previous, ..wish.options },
    };
    let (turn, followed) = state.services.turns.aside(aside)?;
    if wish.stream {
        return Ok(respond(request, state, Reader::of(caller), events(about, turn, None, followed)));
    }
    Ok(HttpResponse::Ok().json(about.response(&ended(followed).await?)))
}

async fn send(
    state: &State,
    caller: &Caller,
    wish: Wish<'_>,
    once: Option<maru_domain::once::OnceKey>,
) -> Result<Once<Sending>, Refusal> {
    let first = wish.input.past.first().cloned();
    let first = first.unwrap_or_else(|| Saying { role: Role::User, content: wish.input.last.clone() });
    let mut room = open_room(Some(&first));
    let mut request = SendRequest {
        content: wish.input.last,
        past: wish.input.past,
        model: wish.model.clone(),
        options: wish.options,
        once,
        ..SendRequest::default()
    };
    let messages = &state.services.messages;
    let actor = caller.actor();
    match wish.from {
        From::Nothing => {
            // Whoever goes on in the room by another contract goes on with this model.
            (room.model, request.model) = (wish.model, None);
            Ok(messages.send_anew(&actor, room, request).await?)
        }
        From::Conversation(id) => {
            let room: Authorized<Room, Write> = conversations::find(state, caller, id).await?;
            Ok(messages.send(&room, request).await?)
        }
        From::Response(id) => {
            let (view, found) = previous_response::<Write>(state, caller, id).await?;
            room.model = found.get().model.clone();
            room.name =
                maru_domain::text::CleanText::bounded(found.get().name.clone(), 255).unwrap_or_default();
            Ok(messages.send_after(&actor, &found, &view.turn, room, request).await?)
        }
    }
}

async fn previous_response<A: Action>(
    state: &State,
    caller: &Caller,
    id: &str,
) -> Result<(TurnView, Authorized<Room, A>), Refusal> {
    let found = find(state, caller, id).await;
    found.map_err(|refusal| match refusal.is_missing() {
        true => Refusal::param(
            "previous_response_id",
            "previous_response_not_found",
            format!("Previous response with id '{id}' not found."),
        ),
        false => refusal,
    })
}

/// What a stored turn does not say of its response.
pub fn about(state: &State, room: &Room, turn: &Turn) -> About {
    let model = turn.model.clone().or_else(|| room.model.clone());
    About { model: model.unwrap_or_else(|| default_model(state)), stored: true }
}

/// The turn as it is now.
async fn now(state: &State, turn: Turn) -> Result<TurnView, Refusal> {
    let view = state.services.turns.find(turn.id).await?;
    Ok(view.unwrap_or(TurnView { turn, reply: String::new(), quote: None }))
}

async fn settled(sending: Sending) -> Result<TurnView, Refusal> {
    let id = ids::response(sending.sent.turn.id);
    match sending.settled().await {
        Ok((_, Settled::Ended { view, .. })) => Ok(*view),
        Ok((_, Settled::Withdrawn(_) | Settled::Gone)) => Err(Refusal::missing_object("Response", &id)),
        Err(fault) => Err(Refusal::goes_on(fault, &id)),
    }
}
