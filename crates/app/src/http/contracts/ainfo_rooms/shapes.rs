//! What goes over the wire, and how times look there (contract §0.5, §2.1).

use crate::http::page_place::PagePlace;
use jiff::tz::TimeZone;
use maru_domain::clock::Timestamp;
use maru_domain::messages::{Message, MessageStatus, Role};
use maru_domain::rooms::Room;
use serde::Serialize;
use utoipa::ToSchema;

/// The title of a room that has none: clients rename a room of this title after the first answer.
pub const DEFAULT_TITLE: &str = "새 채팅";

/// What opening and renaming take. Other fields are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body in the OpenAPI document")]
pub struct RoomBody {
    /// 1 to 100 characters; white space at both ends is cut off.
    title: Option<String>,
}

/// A room with everything said in it.
#[derive(Serialize, ToSchema)]
pub struct RoomShape<'r> {
    /// The room's number.
    pub id: i64,
    /// The logs, oldest first.
    #[schema(value_type = Vec<LogShape>)]
    pub chatlogs: PagePlace,
    /// The owner's number.
    pub user: i64,
    /// The room's name.
    pub title: &'r str,
    /// `2026-11-21T11:10:20.154272+09:00`
    pub created_at: String,
}

impl<'r> RoomShape<'r> {
    /// A room of this user's, and where its logs go.
    pub fn new(room: &'r Room, user: i64, zone: &TimeZone) -> Self {
        let title = if room.name.is_empty() { DEFAULT_TITLE } else { &room.name };
        Self { id: room.number, chatlogs: PagePlace, user, title, created_at: iso(room.created_at, zone) }
    }
}

/// One log.
#[derive(Serialize, ToSchema)]
pub struct LogShape<'m> {
    /// The message's number.
    pub id: i64,
    /// `user` or `bot`.
    pub role: &'static str,
    /// What was said.
    pub message: &'m str,
    /// `2026-11-21T11:10:25.609253+09:00`
    pub timestamp: String,
    /// The room's number.
    pub chatroom: i64,
}

/// Who speaks in a log; `None` for a message that is no log here. A reply is one once it is there,
/// and never when it failed or was cancelled (contract §2.3, §7).
pub fn role(message: &Message) -> Option<&'static str> {
    match message.role {
        Role::User => Some("user"),
        Role::Assistant => is_log(message.status, &message.content).then_some("bot"),
        Role::System => None,
    }
}

/// Whether a reply in this state is a log: once it is complete. Clients hang at an empty one.
pub fn is_log(reply: MessageStatus, text: &str) -> bool {
    reply == MessageStatus::Completed && !text.is_empty()
}

/// When a message became a log: a reply when it was complete, which is later than its place was taken.
pub fn logged_at(message: &Message) -> Timestamp {
    if message.role == Role::Assistant { message.updated_at } else { message.created_at }
}

/// As Python's `isoformat` shows a time: microseconds, and no fraction when they are zero.
pub fn iso(time: Timestamp, zone: &TimeZone) -> String {
    let format =
        if time.subsec_nanosecond() == 0 { "%Y-%m-%dT%H:%M:%S%:z" } else { "%Y-%m-%dT%H:%M:%S%.6f%:z" };
    time.to_zoned(zone.clone()).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_look_as_python_shows_them() {
        let seoul = TimeZone::get("Asia/Seoul").unwrap();
        let cases = [
            (
                "2026-11-21T02:10:20.154272Z",
                "2026-11-21T11:10:20.154272+09:00",
                "2026-11-21T02:10:20.154272+00:00",
            ),
            (
                "2026-11-21T15:00:00.5Z",
                "2026-11-22T00:00:00.500000+09:00",
                "2026-11-21T15:00:00.500000+00:00",
            ),
            ("2026-11-21T02:10:20Z", "2026-11-21T11:10:20+09:00", "2026-11-21T02:10:20+00:00"),
        ];
        for (time, in_seoul, in_utc) in cases {
            let time: Timestamp = time.parse().unwrap();
            assert_eq!((iso(time, &seoul), iso(time, &TimeZone::UTC)), (in_seoul.into(), in_utc.into()));
        }
    }

    #[test]
    fn only_a_reply_that_is_there_is_a_log() {
        use MessageStatus::{Cancelled, Completed, Failed, Interrupted, Pending, Streaming};
        assert!(is_log(Completed, "x") && !is_log(Completed, ""));
        assert!(
            [Pending, Streaming, Failed, Cancelled, Interrupted].iter().all(|status| !is_log(*status, "x"))
        );
    }
}
