//! The contracts of the systems that maru replaces: thin views over one domain. Each has a folder,
//! and its own words and shapes for what goes wrong.

pub mod ai_sdk;
pub mod ainfo_rooms;
pub mod drf;
pub mod openai;
pub mod plc_chat;
pub mod quote_chat;
pub mod token_chats;

use self::drf::{English, Korean, Language, Phrase};
use super::pages;
use super::v1::Problem;
use super::v1::caller::Caller;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};
use maru_domain::error::{Fault, codes};

/// Whose shapes an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// The token API (contract §1).
    TokenChats,
    /// The AInfo rooms, with their WebSocket (contract §2).
    AinfoRooms,
    /// Quote Generator V2 (contract §5).
    QuoteChat,
    /// The PLC chat API (contract §4).
    PlcChat,
    /// The web pages (contract §3).
    Pages,
    /// OpenAI's API (contract §6.1).
    OpenAi,
    /// The AI SDK's chat (contract §6.2).
    AiSdk,
    /// Our own.
    Native,
}

/// The words of the PLC chat API behind a chat's id. In the place of a chat completion's id they are its.
pub const PLC_WORDS: [&str; 5] = ["history", "message", "stream", "clear", "cancel"];

impl Contract {
    /// The contract that owns a path, for errors that come before any handler (contract §0.6).
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let under = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if ["/chatbot", "/api/v1/chatbot", "/ws"].into_iter().any(under) {
            Self::AinfoRooms
        } else if is_ai_sdk(path) {
            Self::AiSdk
        } else if path.starts_with("/api/chat/") || matches!(path, "/api/health" | "/api/health/") {
            Self::QuoteChat
        } else if path.starts_with("/api/") {
            Self::TokenChats
        } else if openai::has(path)
            && !PLC_WORDS.iter().any(|word| under(&format!("/v1/chat/completions/{word}")))
        {
            Self::OpenAi
        } else if ["/v1/chat", "/v1/plcs"].into_iter().any(under) {
            Self::PlcChat
        } else if path == "/" || ["/chat", "/login", "/register", "/logout", "/assets"].into_iter().any(under)
        {
            Self::Pages
        } else {
            Self::Native
        }
    }

    /// A fault in the contract's shape.
    #[must_use]
    pub fn refuse(self, fault: Fault) -> HttpResponse {
        match self {
            Self::TokenChats => drf::Refusal::<English>::from_fault(&fault).into_response(),
            Self::AinfoRooms => drf::Refusal::<Korean>::from_fault(&fault).into_response(),
            Self::QuoteChat => quote_chat::Refusal::from(fault).error_response(),
            Self::PlcChat => plc_chat::Refusal::from(fault).into_response(),
            Self::Pages => pages::refuse(fault),
            Self::OpenAi => openai::Refusal::from(fault).into_response(),
            Self::AiSdk => ai_sdk::Refusal::from(fault).into_response(),
            Self::Native => Problem::from(fault).error_response(),
        }
    }

    /// What somebody who shows no good token is told wherever one is wanted; `None` for whoever does.
    pub async fn stranger(self, request: &HttpRequest) -> Option<HttpResponse> {
        match self {
            Self::TokenChats => stranger::<English>(request).await,
            Self::AinfoRooms => stranger::<Korean>(request).await,
            Self::QuoteChat | Self::PlcChat | Self::Pages | Self::OpenAi | Self::AiSdk | Self::Native => {
                Caller::of(request).await.err().map(|fault| self.refuse(fault))
            }
        }
    }

    /// The answer to a verb that a path does not have; the caller adds `Allow`.
    #[must_use]
    pub fn wrong_verb(self, verb: &str) -> HttpResponse {
        match self {
            Self::TokenChats => wrong_verb::<English>(verb),
            Self::AinfoRooms => wrong_verb::<Korean>(verb),
            Self::QuoteChat | Self::PlcChat | Self::Pages | Self::OpenAi | Self::AiSdk | Self::Native => {
                self.refuse(Fault::new(&codes::METHOD_NOT_ALLOWED))
            }
        }
    }

    /// The answer to a path that is nobody's.
    #[must_use]
    pub fn unknown_path(self) -> HttpResponse {
        match self {
            Self::TokenChats => not_found::<English>(),
            Self::AinfoRooms => not_found::<Korean>(),
            Self::OpenAi => self.refuse(Fault::new(&codes::NOT_FOUND).detail(openai::NOT_DONE)),
            Self::QuoteChat | Self::PlcChat | Self::Pages | Self::AiSdk | Self::Native => {
                self.refuse(Fault::new(&codes::NOT_FOUND))
            }
        }
    }
}

/// `/api/chat` alone, and a chat's `stream` and `stop`; the rest below it is the quote API's.
fn is_ai_sdk(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let chat = path.strip_prefix("/api/chat/").and_then(|rest| rest.split_once('/'));
    path == "/api/chat" || chat.is_some_and(|(_, word)| matches!(word, "stream" | "stop"))
}

async fn stranger<L: Language>(request: &HttpRequest) -> Option<HttpResponse> {
    let known = drf::Caller::<L>::from_request(request, &mut Payload::None).await;
    known.err().map(drf::Refusal::into_response)
}

fn wrong_verb<L: Language>(verb: &str) -> HttpResponse {
    drf::Refusal::<L>::phrase(StatusCode::METHOD_NOT_ALLOWED, Phrase::WrongVerb(verb)).into_response()
}

fn not_found<L: Language>() -> HttpResponse {
    drf::Refusal::<L>::phrase(StatusCode::NOT_FOUND, Phrase::NotFound).into_response()
}

#[cfg(test)]
mod tests {
    use super::Contract::{self, AiSdk, AinfoRooms, Native, OpenAi, Pages, PlcChat, QuoteChat, TokenChats};

    #[test]
    fn a_path_belongs_to_the_contract_of_its_first_words() {
        let cases = [
            ("/chatbot/room/", AinfoRooms),
            ("/chatbot", AinfoRooms),
            ("/api/v1/chatbot/room", AinfoRooms),
            ("/ws/", AinfoRooms),
            ("/api/chats/", TokenChats),
            ("/api/v1/chatbots", TokenChats),
            ("/chatbots", Native),
            ("/wsx", Native),
            ("/api/chat", AiSdk),
            ("/api/chat/c1/stream", AiSdk),
            ("/api/chat/c1/stop/", AiSdk),
            ("/api/chat/stream", QuoteChat),
            ("/api/chat/u1/t1", QuoteChat),
            ("/v1/chat/completions", OpenAi),
            ("/v1/chat/completions/chatcmpl-1/messages", OpenAi),
            ("/v1/chat/completions/history", PlcChat),
            ("/v1/chat/completionsx", PlcChat),
            ("/v1/models/openai/gpt", OpenAi),
            ("/v1/files", OpenAi),
            ("/v1/fine_tuning/jobs", OpenAi),
            ("/v1/filesx", Native),
            ("/v1/file", Native),
            ("/v1", Native),
            ("/v1/rooms", Native),
            ("/", Pages),
            ("/chat", Pages),
            ("/chat/1/x", Pages),
            ("/assets/maru.css", Pages),
            ("/docs/", Native),
        ];
        for (path, contract) in cases {
            assert_eq!(Contract::of_path(path), contract, "{path}");
        }
    }
}
