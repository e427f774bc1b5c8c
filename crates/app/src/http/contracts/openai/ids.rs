//! How this contract names things: a prefix and the id without dashes (contract §6.1).

use maru_domain::ids::{MessageId, RoomId, TurnId};
use uuid::Uuid;

fn named(prefix: &str, id: Uuid) -> String {
    format!("{prefix}{}", id.simple())
}

/// Only as we write them: another spelling of an id is another id to a client.
fn read(prefix: &str, text: &str) -> Option<Uuid> {
    let hex = text.strip_prefix(prefix)?;
    let id = Uuid::try_parse(hex).ok()?;
    (named(prefix, id) == text).then_some(id)
}

/// `conv_…`
pub fn conversation(id: RoomId) -> String {
    named("conv_", id.0)
}

/// The room of `conv_…`.
pub fn room_of(text: &str) -> Option<RoomId> {
    read("conv_", text).map(RoomId)
}

/// `resp_…`
pub fn response(id: TurnId) -> String {
    named("resp_", id.0)
}

/// The turn of `resp_…`.
pub fn turn_of(text: &str) -> Option<TurnId> {
    read("resp_", text).map(TurnId)
}

/// `msg_…`
pub fn message(id: MessageId) -> String {
    named("msg_", id.0)
}

/// The message of `msg_…`.
pub fn message_of(text: &str) -> Option<MessageId> {
    read("msg_", text).map(MessageId)
}

/// `chatcmpl-…`: a stored completion is a room.
pub fn completion(id: RoomId) -> String {
    named("chatcmpl-", id.0)
}

/// The room of `chatcmpl-…`.
pub fn completion_of(text: &str) -> Option<RoomId> {
    read("chatcmpl-", text).map(RoomId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_round() {
        let id = RoomId(Uuid::from_u128(7));
        assert_eq!(conversation(id), "conv_00000000000000000000000000000007");
        assert_eq!(room_of(&conversation(id)), Some(id));
        for bad in [
            "",
            "conv_",
            "conv_7",
            "resp_00000000000000000000000000000007",
            "conv_0000000000000000000000000000000A",
            "conv_00000000-0000-0000-0000-000000000007",
            "conv_가",
        ] {
            assert_eq!(room_of(bad), None, "{bad}");
        }
    }
}
