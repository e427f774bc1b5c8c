//! A title for a chat (contract §4.3).

use super::Refusal;
use super::fields::Asked;
use super::refusal::RefusalShape;
use actix_web::HttpResponse;
use maru_domain::rooms::title_of;
use serde_json::json;
use utoipa::ToSchema;

/// What a title is made of.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes a body and is never made")]
pub struct TitleBody {
    #[schema(example = "선택한 PLC의 기능을 확인해줘")]
    message: String,
}

/// Makes a title of a message. No model is asked: the title is the beginning of the message.
#[utoipa::path(post, path = "/v1/chat/generate-title", operation_id = "plc_chat_title", tag = "plc chat", security((), ("bearer" = [])), request_body = TitleBody, responses(
    (status = 200, description = "`{\"title\"}`"),
    (status = 400, description = "`REQUIRED_FIELD_MISSING` or `CHAT_MESSAGE_INVALID`", body = RefusalShape),
    (status = 401, description = "`CHAT_ACCESS_DENIED`", body = RefusalShape),
))]
pub async fn generate_title(Asked(_, fields): Asked) -> Result<HttpResponse, Refusal> {
    let message = fields.message()?;
    Ok(HttpResponse::Ok().json(json!({ "title": title_of(message.as_str()) })))
}
