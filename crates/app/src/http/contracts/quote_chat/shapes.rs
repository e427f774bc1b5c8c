//! What goes over the wire (contract §5): the thread's name in every answer, times in milliseconds.

use maru_domain::clock::Timestamp;
use maru_domain::quotes::{Quote, ThreadName};
use maru_domain::turns::{TurnStatus, TurnView};
use serde::Serialize;
use utoipa::ToSchema;

/// What is said of a reply that could not be made.
pub const FAILED: &str = "응답을 생성하지 못했습니다.";

/// What sending takes. Read field by field.
#[derive(ToSchema)]
#[schema(as = QuoteMessage)]
#[expect(dead_code, reason = "describes a body in the OpenAPI document")]
pub struct MessageBody {
    /// The client's id of the person, 1 to 128 characters.
    #[schema(rename = "userId", example = "user_123")]
    user_id: String,
    /// The client's id of the thread, 1 to 128 characters.
    #[schema(rename = "threadNum", example = "thread_456")]
    thread_num: String,
    /// What is said.
    #[schema(example = "오늘 지하철에서 넘어져서 기분이 안 좋아요")]
    content: String,
    /// The client's time; the server's counts.
    #[schema(example = "2024-01-15T10:30:00.000Z")]
    timestamp: String,
}

/// A quote as this contract shows one.
#[derive(Serialize, ToSchema)]
#[schema(as = ThreadQuote)]
pub struct QuoteShape<'q> {
    id: String,
    text: &'q str,
    author: &'q str,
    category: &'static str,
}

impl<'q> From<&'q Quote> for QuoteShape<'q> {
    fn from(quote: &'q Quote) -> Self {
        Self {
            id: quote.id.to_string(),
            text: &quote.text,
            author: &quote.author,
            category: quote.category.as_str(),
        }
    }
}

/// A thread whose reply is on its way.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PendingReply)]
pub struct PendingShape<'n> {
    user_id: &'n str,
    thread_num: &'n str,
    timestamp: String,
    status: &'static str,
}

/// A thread with its latest reply.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ThreadReply)]
pub struct ReplyShape<'n> {
    user_id: &'n str,
    thread_num: &'n str,
    timestamp: String,
    /// `completed` or `error`.
    status: &'static str,
    content: &'n str,
    /// From the fourth message on.
    quote: Option<QuoteShape<'n>>,
}

/// That the reply is on its way.
pub fn pending(name: &ThreadName, at: Timestamp) -> PendingShape<'_> {
    PendingShape { user_id: &name.user, thread_num: &name.thread, timestamp: time(at), status: "pending" }
}

/// A turn that has ended.
pub fn reply<'n>(name: &'n ThreadName, view: &'n TurnView) -> ReplyShape<'n> {
    let completed = view.turn.status == TurnStatus::Completed;
    ReplyShape {
        user_id: &name.user,
        thread_num: &name.thread,
        timestamp: time(ended_at(view)),
        status: if completed { "completed" } else { "error" },
        content: if completed { &view.reply } else { FAILED },
        quote: view.quote.as_ref().map(QuoteShape::from),
    }
}

/// When a turn ended.
pub fn ended_at(view: &TurnView) -> Timestamp {
    view.turn.finished_at.unwrap_or(view.turn.created_at)
}

/// `2024-01-15T10:30:05.000Z`
pub fn time(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds() {
        for (precise, shown) in [
            ("2024-01-15T10:30:05Z", "2024-01-15T10:30:05.000Z"),
            ("2024-01-15T10:30:05.123987Z", "2024-01-15T10:30:05.123Z"),
        ] {
            assert_eq!(time(precise.parse().unwrap()), shown);
        }
    }
}
