//! How the domain's objects look in this contract. Keys come in the order of the original.

use super::chat_id;
use crate::http::plc_facts::PlcFacts;
use jiff::tz::TimeZone;
use maru_domain::clock::Timestamp;
use maru_domain::messages::{Message, MessageStatus, Role};
use maru_domain::plcs::{Hidden, PlcSnapshot};
use maru_domain::rooms::Room;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What a cancelled reply says (contract §4.1).
pub const CANCELLED: &str = "⚠️ 응답이 취소되었습니다.";

/// `2025-01-01T12:00:00+09:00`
pub fn stamp(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// `2025-10-31 18:39:00`
pub fn local(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A plant, process or line.
#[derive(Clone, Serialize, ToSchema)]
pub struct PlaceShape {
    #[schema(example = "plant001")]
    pub id: String,
    #[schema(example = "P001")]
    pub code: String,
    #[schema(example = "공장1")]
    pub name: String,
}

/// Where a PLC stood.
#[derive(Serialize, ToSchema)]
pub struct HierarchyShape {
    plant: PlaceShape,
    process: PlaceShape,
    line: PlaceShape,
}

/// A PLC as it was when the message was created.
#[derive(Serialize, ToSchema)]
pub struct SnapshotShape {
    #[schema(example = "plc-uuid-001")]
    plc_uuid: String,
    #[serde(flatten)]
    facts: PlcFacts,
    #[schema(example = "2025-10-31 18:39:00")]
    create_dt: String,
}

fn hierarchy(plc: &PlcSnapshot) -> HierarchyShape {
    let place = |id: &str, code: &str, name: &str| PlaceShape {
        id: id.to_owned(),
        code: code.to_owned(),
        name: name.to_owned(),
    };
    HierarchyShape {
        plant: place(&plc.plant_id, &plc.plant_code, &plc.plant_name),
        process: place(&plc.process_id, &plc.process_code, &plc.process_name),
        line: place(&plc.line_id, &plc.line_code, &plc.line_name),
    }
}

fn snapshot(plc: &PlcSnapshot, zone: &TimeZone) -> SnapshotShape {
    SnapshotShape {
        plc_uuid: plc.plc_uuid.0.clone(),
        facts: PlcFacts::from(plc),
        create_dt: local(plc.created_at, zone),
    }
}

/// One message of a history. All keys are always there.
#[derive(Serialize, ToSchema)]
pub struct HistoryMessageShape {
    /// `user`, `assistant`, or `system` for a cancelled reply.
    #[schema(example = "user")]
    role: &'static str,
    content: String,
    #[schema(example = "2025-01-01T12:00:00+09:00")]
    timestamp: String,
    cancelled: bool,
    message_id: String,
    #[schema(example = "plc-uuid-001")]
    plc_uuid: Option<String>,
    /// Null for replies, and while the PLC is inactive or when it was deleted.
    plc_hierarchy: Option<HierarchyShape>,
    /// The same.
    plc_snapshot: Option<SnapshotShape>,
}

impl HistoryMessageShape {
    /// A message with everything in it, whatever must be hidden later. `None` for a reply that says
    /// nothing yet, or that was broken off: half an answer is none.
    fn whole(message: &Message, zone: &TimeZone) -> Option<Self> {
        let cancelled = message.status == MessageStatus::Cancelled;
        let broken = matches!(message.status, MessageStatus::Interrupted | MessageStatus::Failed);
        if message.role == Role::Assistant && !cancelled && (broken || message.content.is_empty()) {
            return None;
        }
        // A reply was made when it ended, not when its place was taken.
        let made_at = if message.role == Role::Assistant { message.updated_at } else { message.created_at };
        let nothing = Hidden::none();
        let shown = message.plc.as_ref().and_then(|plc| plc.shown(&nothing));
        Some(Self {
            role: if cancelled { Role::System.as_str() } else { message.role.as_str() },
            content: if cancelled { CANCELLED.to_owned() } else { message.content.clone() },
            timestamp: stamp(made_at, zone),
            cancelled,
            message_id: message.id.to_string(),
            plc_uuid: message.plc.as_ref().map(|plc| plc.uuid.0.clone()),
            plc_hierarchy: shown.map(hierarchy),
            plc_snapshot: shown.map(|plc| snapshot(plc, zone)),
        })
    }
}

/// Everything said in a chat, oldest first.
#[derive(Serialize, ToSchema)]
pub struct HistoryShape {
    /// Always `conversation_history`.
    #[serde(rename = "type")]
    #[schema(example = "conversation_history")]
    kind: &'static str,
    history: Vec<HistoryMessageShape>,
}

impl HistoryShape {
    /// With everything in it, whatever must be hidden later.
    pub fn whole(messages: &[Message], zone: &TimeZone) -> Self {
        let history = messages.iter().filter_map(|message| HistoryMessageShape::whole(message, zone));
        Self { kind: "conversation_history", history: history.collect() }
    }
}

/// A chat.
#[derive(Serialize, ToSchema)]
pub struct ChatShape {
    #[schema(example = "chat001")]
    chat_id: String,
    #[schema(example = "Chat chat001")]
    chat_title: String,
    #[schema(example = "user")]
    user_id: String,
    #[schema(example = "2025-01-01T12:00:00+09:00")]
    created_at: String,
    /// Only in lists; null before the first message.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_message_at: Option<Option<String>>,
}

impl ChatShape {
    /// A chat that was just opened.
    pub fn opened(room: &Room, zone: &TimeZone) -> Self {
        Self {
            chat_id: chat_id::of(room),
            chat_title: room.name.clone(),
            user_id: user_of(room).to_owned(),
            created_at: stamp(room.created_at, zone),
            last_message_at: None,
        }
    }

    /// A chat of a list.
    pub fn listed(room: &Room, zone: &TimeZone) -> Self {
        let last = room.last_message_at.map(|at| stamp(at, zone));
        Self { last_message_at: Some(last), ..Self::opened(room, zone) }
    }
}

/// The client's own user for whom a chat was opened.
pub fn user_of(room: &Room) -> &str {
    room.metadata.get("user_id").and_then(Value::as_str).unwrap_or_default()
}

/// A reply.
#[derive(Serialize, ToSchema)]
pub struct ReplyShape {
    /// `ai_response`; `cancelled` when somebody stopped it.
    #[serde(rename = "type")]
    #[schema(example = "ai_response")]
    pub kind: &'static str,
    pub message_id: String,
    pub content: String,
    /// Always `ai`.
    #[schema(example = "ai")]
    pub user_id: &'static str,
    pub timestamp: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_look_as_the_contract_shows_them() {
        let time: Timestamp = "2025-01-01T03:00:00.987654Z".parse().unwrap();
        let seoul = TimeZone::get("Asia/Seoul").unwrap();
        assert_eq!(stamp(time, &seoul), "2025-01-01T12:00:00+09:00");
        assert_eq!(local(time, &seoul), "2025-01-01 12:00:00");
        assert_eq!(stamp(time, &TimeZone::get("America/New_York").unwrap()), "2024-12-31T22:00:00-05:00");
    }
}
