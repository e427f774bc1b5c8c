//! The OpenAPI document, and a page to read it that needs no network.

use super::contracts::token_chats;
use super::operator;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::{Config, SwaggerUi};

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
        operator::livez,
        operator::readyz,
        operator::metrics,
        serve,
    ),
    modifiers(&Tokens),
    tags(
        (name = "token chats", description = "Register, get a token, chat in sessions."),
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

/// The page at `/docs/`, whose script and style come out of the binary.
pub fn configure(app: &mut web::ServiceConfig) {
    app.route(
        "/docs",
        web::get().to(|| async { HttpResponse::Found().insert_header((LOCATION, "/docs/")).finish() }),
    );
    app.service(SwaggerUi::new("/docs/{_:.*}").config(Config::from("/openapi.json")));
}
