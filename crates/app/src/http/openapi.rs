//! The OpenAPI document, and a page to read it that needs no network.

use super::contracts::{Contract, ai_sdk, ainfo_rooms, openai, plc_chat, quote_chat, token_chats};
use super::v1::Refusals;
use super::{operator, pages, v1};
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use maru_domain::error::{Fault, codes};
use std::sync::Arc;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::Config;

#[derive(OpenApi)]
#[openapi(
    info(title = "maru", description = "The chat backend: accounts and tokens, rooms, durable history, streamed replies."),
    paths(
        token_chats::register,
        token_chats::login,
        token_chats::test_token,
        token_chats::list,
        token_chats::send,
        token_chats::delete,
        token_chats::edit,
        ainfo_rooms::list,
        ainfo_rooms::create,
        ainfo_rooms::show,
        ainfo_rooms::replace,
        ainfo_rooms::change,
        ainfo_rooms::delete,
        ainfo_rooms::logs,
        ainfo_rooms::socket,
        quote_chat::send,
        quote_chat::status,
        quote_chat::stream,
        quote_chat::delete,
        quote_chat::health,
        ai_sdk::chat,
        ai_sdk::resume,
        ai_sdk::stop,
        plc_chat::history,
        plc_chat::message,
        plc_chat::stream,
        plc_chat::clear,
        plc_chat::cancel,
        plc_chat::create,
        plc_chat::list,
        plc_chat::chat,
        plc_chat::delete,
        plc_chat::rename,
        plc_chat::generate_title,
        plc_chat::plcs,
        plc_chat::delete_plcs,
        plc_chat::register_batch,
        plc_chat::change_batch,
        plc_chat::tree,
        plc_chat::masters,
        plc_chat::put_masters,
        plc_chat::dropdown,
        plc_chat::plc,
        plc_chat::activate,
        pages::rooms::front,
        pages::rooms::list,
        pages::rooms::new_form,
        pages::rooms::create,
        pages::rooms::room,
        pages::rooms::edit_form,
        pages::rooms::change,
        pages::talk::send_here,
        pages::talk::send,
        pages::talk::send_streaming,
        pages::talk::message_form,
        pages::talk::edit,
        pages::stream::events,
        pages::turns::stop,
        pages::turns::retry,
        pages::accounts::log_in_form,
        pages::accounts::log_in,
        pages::accounts::register_form,
        pages::accounts::register,
        pages::accounts::log_out,
        pages::assets::asset,
        openai::models,
        openai::one_model,
        openai::complete,
        openai::completions,
        openai::completion,
        openai::change_completion,
        openai::delete_completion,
        openai::completion_messages,
        openai::open,
        openai::conversation,
        openai::change,
        openai::delete,
        openai::items,
        openai::add_items,
        openai::one_item,
        openai::delete_item,
        openai::respond_to,
        openai::response,
        openai::delete_response,
        openai::cancel_response,
        openai::input_items,
        v1::accounts::register,
        v1::accounts::login,
        v1::accounts::logout,
        v1::accounts::password,
        v1::accounts::me,
        v1::accounts::sessions,
        v1::accounts::delete_session,
        v1::accounts::create_key,
        v1::accounts::keys,
        v1::accounts::delete_key,
        v1::rooms::create,
        v1::rooms::rooms,
        v1::rooms::room,
        v1::rooms::change,
        v1::rooms::delete,
        v1::rooms::end,
        v1::rooms::clear,
        v1::messages::messages,
        v1::send::send,
        v1::messages::message,
        v1::messages::edit,
        v1::messages::delete,
        v1::events::events,
        v1::turns::turn,
        v1::turns::events,
        v1::turns::cancel,
        v1::turns::retry,
        v1::quotes::quotes,
        v1::quotes::quote,
        operator::livez,
        operator::readyz,
        operator::metrics,
        serve,
        docs,
        docs_file,
    ),
    components(schemas(v1::bodies::ProblemBody)),
    modifiers(&Tokens, &Refusals),
    tags(
        (name = "token chats", description = "Register, get a token, chat in sessions."),
        (name = "ainfo rooms", description = "Rooms with their logs; a WebSocket to talk in one."),
        (name = "quote chat", description = "A conversation of four steps that ends with a quote; polled or streamed."),
        (name = "plc chat", description = "Chats whose messages show the PLC they are about."),
        (name = "plcs", description = "The registry of PLCs, and where they stand."),
        (name = "pages", description = "The web pages: rooms and conversations as HTML."),
        (name = "ai sdk", description = "The chat of the AI SDK: `useChat` with its default transport."),
        (name = "openai", description = "Responses, conversations, chat completions and models, for OpenAI's SDKs."),
        (name = "accounts", description = "Register, sessions and API keys of the native API."),
        (name = "rooms", description = "Conversations."),
        (name = "messages", description = "What is said in a room: pages, sends, edits."),
        (name = "turns", description = "A message and its reply: look, follow, cancel, retry."),
        (name = "quotes", description = "The catalogue of quotes."),
        (name = "operator", description = "Health and figures."),
    )
)]
struct Document;

struct Tokens;

impl Modify for Tokens {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let token = ApiKeyValue::with_description("Authorization", "`Token <key>` or `Bearer <key>`");
        components.add_security_scheme("token", SecurityScheme::ApiKey(ApiKey::Header(token)));
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// The document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "operator", responses((status = 200, description = "The OpenAPI document of this server.")))]
pub async fn serve() -> HttpResponse {
    HttpResponse::Ok().json(document())
}

/// A page to read this document: its script and style come out of the binary.
#[utoipa::path(get, path = "/docs/", tag = "operator", responses((status = 200, description = "The page.", content_type = "text/html")))]
pub async fn docs(request: HttpRequest) -> HttpResponse {
    if request.path().ends_with('/') {
        asset("index.html")
    } else {
        // The page names its script and style relative to itself.
        HttpResponse::Found().insert_header((LOCATION, "/docs/")).finish()
    }
}

/// What that page is made of.
#[utoipa::path(get, path = "/docs/{file}", tag = "operator", params(("file" = String, Path, description = "The name.")), responses(
    (status = 200, description = "A script, a style or a picture."),
    (status = 404, description = "The page has no such part."),
))]
pub async fn docs_file(file: web::Path<String>) -> HttpResponse {
    asset(&file)
}

fn asset(name: &str) -> HttpResponse {
    match utoipa_swagger_ui::serve(name, Arc::new(Config::from("/openapi.json"))) {
        Ok(Some(file)) => HttpResponse::Ok().content_type(file.content_type).body(file.bytes.into_owned()),
        Ok(None) => Contract::Native.unknown_path(),
        Err(error) => Contract::Native.refuse(Fault::new(&codes::INTERNAL).detail(error.to_string())),
    }
}
