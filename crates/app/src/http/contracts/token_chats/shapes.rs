//! What goes over the wire, and how times look there (contract §0.5, §1).

use crate::http::page_place::PagePlace;
use jiff::tz::TimeZone;
use maru_domain::accounts::User;
use maru_domain::clock::Timestamp;
use maru_domain::rooms::Room;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What register takes. Read field by field, because each has its own words for what is wrong.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body in the OpenAPI document")]
pub struct RegisterBody {
    /// 1 to 150 letters, digits and `@.+-_`, unique.
    username: String,
    /// A valid address or empty.
    email: Option<String>,
    /// 1 to 128 characters.
    password: String,
}

/// What login takes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body in the OpenAPI document")]
pub struct LoginBody {
    username: String,
    password: String,
}

/// What a message takes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body in the OpenAPI document")]
pub struct ChatBody {
    /// What to say; required when ending, too.
    content: String,
    /// Ends the open session instead.
    end_session: Option<bool>,
}

/// What an edit takes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body in the OpenAPI document")]
pub struct EditBody {
    content: String,
}

/// A user. The password is never part of it.
#[derive(Serialize, ToSchema)]
pub struct UserShape<'u> {
    id: i64,
    username: &'u str,
    email: &'u str,
}

impl<'u> From<&'u User> for UserShape<'u> {
    fn from(user: &'u User) -> Self {
        Self { id: user.number, username: &user.username, email: &user.email }
    }
}

/// What register and login answer.
#[derive(Serialize, ToSchema)]
pub struct SignedInShape<'u> {
    /// What happened.
    pub message: &'static str,
    /// The token for the `Authorization` header.
    pub token: &'u str,
    /// Who.
    pub user: UserShape<'u>,
}

/// A turn of a conversation.
#[derive(Serialize, ToSchema)]
pub struct TurnShape<'m> {
    /// The turn's id.
    pub message_id: Uuid,
    /// The person's message.
    #[serde(rename = "You")]
    pub you: &'m str,
    /// The reply; the text so far when it was cut short.
    #[serde(rename = "Bot")]
    pub bot: &'m str,
    /// When it was sent, `25/10/2024 03:47:26`.
    pub timestamp: String,
}

/// What sending answers.
#[derive(Serialize, ToSchema)]
pub struct ChatShape {
    /// The session's number.
    pub chat_id: i64,
    /// The user's number.
    pub user_id: i64,
    /// All turns, oldest first.
    #[schema(value_type = Vec<TurnShape>)]
    pub conversation: PagePlace,
    /// `2024-10-24T22:47:26.507862Z`
    pub start_time: String,
    /// Null while the session is open.
    pub end_time: Option<String>,
    /// The session's id.
    pub session_identifier: Uuid,
}

impl ChatShape {
    /// A room, and where its turns go.
    pub fn new(room: &Room, user_id: i64) -> Self {
        Self {
            chat_id: room.number,
            user_id,
            conversation: PagePlace,
            start_time: utc(room.created_at),
            end_time: room.ended_at.map(utc),
            session_identifier: room.id.0,
        }
    }
}

/// One chat of the list.
#[derive(Serialize, ToSchema)]
pub struct ListedChatShape {
    /// The session's number.
    pub chat_id: i64,
    /// The user's number.
    pub user_id: i64,
    /// `25/10/2024 12:30:00`
    pub start_time: String,
    /// Null while the session is open.
    pub end_time: Option<String>,
    /// The session's id.
    pub session_id: Uuid,
    /// All turns, oldest first.
    #[schema(value_type = Vec<TurnShape>)]
    pub conversation: PagePlace,
}

/// What ending answers.
#[derive(Serialize, ToSchema)]
pub struct EndedShape {
    /// What happened.
    pub message: &'static str,
    /// `24/10/2024 10:00:00`
    pub start_time: String,
    /// `24/10/2024 10:30:00`
    pub end_time: String,
    /// The session's id.
    pub session_id: Uuid,
}

/// `25/10/2024 12:30:00` in the contract's zone.
pub fn local(time: Timestamp, zone: &TimeZone) -> String {
    let time = time.to_zoned(zone.clone());
    format!(
        "{:02}/{:02}/{:04} {:02}:{:02}:{:02}",
        time.day(),
        time.month(),
        time.year(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// `2024-10-24T22:47:26.507862Z`
pub fn utc(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_look_as_the_contract_shows_them() {
        let time: Timestamp = "2024-10-24T22:47:26.507862Z".parse().unwrap();
        assert_eq!(utc(time), "2024-10-24T22:47:26.507862Z");
        assert_eq!(utc("2024-10-24T22:47:26Z".parse().unwrap()), "2024-10-24T22:47:26.000000Z");
        assert_eq!(local(time, &TimeZone::get("Asia/Karachi").unwrap()), "25/10/2024 03:47:26");
    }
}
