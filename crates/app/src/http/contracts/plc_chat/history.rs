//! The history of a chat (contract §4.1, §4.2).

use super::refusal::{RefusalShape, Word};
use super::shapes::HistoryShape;
use super::{Refusal, chat_id};
use crate::http::State;
use crate::http::plc_pages::{PlcPage, is_hidden};
use crate::http::visitor::Visitor;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use maru_domain::access::{Authorized, Read};
use maru_domain::error::{Fault, codes};
use maru_domain::plcs::Hidden;
use maru_domain::rooms::Room;
use serde_json::Value;

/// Everything said in a chat, oldest first, each message with the PLC it is about.
///
/// A PLC is shown as it was when the message was created, and not at all while it is inactive.
#[utoipa::path(get, path = "/v1/chat/{chat_id}/history", operation_id = "plc_chat_history", tag = "plc chat", security((), ("bearer" = [])), params(
    ("chat_id" = String, Path, description = "The chat's id; with its owner's token also any room's id or number."),
), responses(
    (status = 200, description = "All messages; none is left out and there are no pages.", body = HistoryShape),
    (status = 401, description = "`CHAT_ACCESS_DENIED`: a token is needed here, or the one shown does not work.", body = RefusalShape),
    (status = 404, description = "`CHAT_SESSION_NOT_FOUND`", body = RefusalShape),
    (status = 500, description = "`CHAT_HISTORY_LOAD_ERROR`: the database is away.", body = RefusalShape),
))]
pub async fn history(
    state: web::Data<State>,
    visitor: Visitor,
    chat: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let room: Authorized<Room, Read> =
        chat_id::room(&state, visitor.actor(), &chat).await.map_err(Refusal::or_history)?;
    match shown(&state, &room).await {
        Ok(page) => Ok(HttpResponse::Ok().content_type("application/json").body(page)),
        // Deleted between the look and the reading.
        Err(fault) if *fault.code == codes::ROOM_NOT_FOUND => Err(Refusal::no_chat(&chat)),
        Err(fault) => Err(Refusal::from(fault).or_history()),
    }
}

impl Refusal {
    /// Whatever fails in the store has one word here.
    fn or_history(self) -> Self {
        self.renamed_if_ours(StatusCode::INTERNAL_SERVER_ERROR, Word::HistoryLoadError)
    }
}

/// The page as it may be shown now. Its key has the room's version, so it cannot be stale; what must
/// be hidden is asked each time.
async fn shown(state: &State, room: &Authorized<Room, Read>) -> Result<Bytes, Fault> {
    let Room { id, version, .. } = *room.get();
    let page = match PlcPage::kept(state, &format!("plc_chat:1:{id}:{version}")).await {
        Some(page) => page,
        None => {
            let conversation = state.services.rooms.conversation(room).await?;
            let shape = HistoryShape::whole(&conversation.messages, &state.zone);
            let page = PlcPage::blank(&conversation.messages)?.written(&shape)?;
            page.keep(state, format!("plc_chat:1:{id}:{}", conversation.room.version)).await;
            page
        }
    };
    page.shown(&page.hidden(state).await?, "history", hide)
}

/// Takes what a hidden PLC shows out of a message; its id stays.
fn hide(message: &mut Value, hidden: &Hidden) {
    if is_hidden(message.get("plc_uuid"), hidden) {
        message["plc_hierarchy"] = Value::Null;
        message["plc_snapshot"] = Value::Null;
    }
}
