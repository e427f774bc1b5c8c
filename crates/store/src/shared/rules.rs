//! Rules of ours that no constraint keeps, or that a constraint keeps only while it is switched on.

use super::{Conn, HEX};
use crate::error::Abort;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use maru_domain::upkeep::Broken;
use uuid::Uuid;

/// Rules of rooms, each with a query for the rooms that break it.
const OF_ROOMS: [(&str, &str); 16] = [
    (
        "the numbers of a room's events go from 1 to its last_seq without a gap",
        "SELECT r.number FROM rooms r LEFT JOIN \
         (SELECT room_id, count(*) AS n, max(seq) AS top, min(seq) AS low FROM room_events GROUP BY room_id) e \
         ON e.room_id = r.id WHERE COALESCE(e.n, 0) <> r.last_seq OR COALESCE(e.top, 0) <> r.last_seq \
         OR COALESCE(e.low, 1) <> 1",
    ),
    (
        "a room's message_count is the number of messages that can be read in it",
        "SELECT r.number FROM rooms r LEFT JOIN \
         (SELECT room_id, count(*) AS n FROM messages WHERE deleted_at IS NULL GROUP BY room_id) m \
         ON m.room_id = r.id WHERE COALESCE(m.n, 0) <> r.message_count",
    ),
    (
        "no message has a number beyond its room's last_message_seq",
        "SELECT DISTINCT r.number FROM rooms r JOIN messages m ON m.room_id = r.id WHERE m.seq > r.last_message_seq",
    ),
    (
        "messages are numbered in the order in which they were stored",
        "SELECT DISTINCT r.number FROM rooms r JOIN \
         (SELECT room_id, seq, lag(seq) OVER (PARTITION BY room_id ORDER BY number) AS before FROM messages) m \
         ON m.room_id = r.id WHERE m.before > m.seq",
    ),
    (
        "a turn that has not ended has its message and its reply",
        "SELECT DISTINCT r.number FROM rooms r JOIN turns t ON t.room_id = r.id \
         WHERE t.status IN ('pending', 'streaming') AND (\
         NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = t.message_id AND m.room_id = t.room_id) OR \
         NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = t.reply_id AND m.room_id = t.room_id))",
    ),
    (
        "a reply stands as its turn does",
        "SELECT DISTINCT r.number FROM rooms r JOIN turns t ON t.room_id = r.id JOIN messages m ON m.id = t.reply_id \
         WHERE m.status <> t.status AND m.deleted_at IS NULL",
    ),
    (
        "a message that waits for a model has a turn that does",
        "SELECT DISTINCT r.number FROM rooms r JOIN messages m ON m.room_id = r.id \
         WHERE m.status IN ('pending', 'streaming') AND m.deleted_at IS NULL AND NOT EXISTS \
         (SELECT 1 FROM turns t WHERE t.id = m.turn_id AND t.status IN ('pending', 'streaming'))",
    ),
    (
        "a turn ends once",
        "SELECT DISTINCT r.number FROM rooms r JOIN \
         (SELECT room_id FROM room_events WHERE kind = 'turn.done' GROUP BY room_id, subject HAVING count(*) > 1) e \
         ON e.room_id = r.id",
    ),
    (
        "a turn that has ended is nobody's to run",
        "SELECT DISTINCT r.number FROM rooms r JOIN turns t ON t.room_id = r.id \
         WHERE t.status NOT IN ('pending', 'streaming') AND (t.lease_owner IS NOT NULL OR t.finished_at IS NULL)",
    ),
    (
        "what a turn was asked and what it answered is there, or was deleted",
        "SELECT DISTINCT r.number FROM rooms r JOIN \
         (SELECT room_id, message_id AS id FROM turns UNION ALL SELECT room_id, reply_id FROM turns) t ON t.room_id = r.id \
         WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = t.id) AND NOT EXISTS (SELECT 1 FROM room_events e \
         WHERE e.room_id = t.room_id AND e.subject = t.id AND e.kind = 'message.deleted')",
    ),
    (
        "what a turn was asked and what it answered stands in its own room",
        "SELECT DISTINCT r.number FROM rooms r JOIN \
         (SELECT room_id, message_id AS id FROM turns UNION ALL SELECT room_id, reply_id FROM turns) t ON t.room_id = r.id \
         JOIN messages m ON m.id = t.id WHERE m.room_id <> t.room_id",
    ),
    (
        "a message that was created is there, or was deleted, or the room was cleared",
        "SELECT DISTINCT r.number FROM rooms r JOIN room_events c ON c.room_id = r.id WHERE c.kind = 'message.created' \
         AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = c.subject) AND NOT EXISTS (SELECT 1 FROM room_events e \
         WHERE e.room_id = c.room_id AND e.seq > c.seq \
         AND (e.kind = 'room.cleared' OR (e.kind = 'message.deleted' AND e.subject = c.subject)))",
    ),
    (
        "the turn that a message names is there, in the same room",
        "SELECT DISTINCT r.number FROM rooms r JOIN messages m ON m.room_id = r.id WHERE m.turn_id IS NOT NULL \
         AND m.deleted_at IS NULL AND NOT EXISTS \
         (SELECT 1 FROM turns t WHERE t.id = m.turn_id AND t.room_id = m.room_id)",
    ),
    (
        "one turn of a room runs at a time",
        "SELECT r.number FROM rooms r JOIN (SELECT room_id FROM turns WHERE status = 'streaming' \
         OR (status = 'pending' AND lease_owner IS NOT NULL) GROUP BY room_id HAVING count(*) > 1) t ON t.room_id = r.id",
    ),
    (
        "the account that a room belongs to is there",
        "SELECT r.number FROM rooms r WHERE r.owner_id IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = r.owner_id)",
    ),
    (
        "an idempotency key names a turn of its own room",
        "SELECT DISTINCT r.number FROM idempotency i JOIN turns t ON t.id = i.turn_id JOIN rooms r ON r.id = t.room_id \
         WHERE i.room_id IS NOT NULL AND i.room_id <> t.room_id",
    ),
];

/// What must not stand alone: the rule, what it is, its id, and where those are that do.
const ORPHANS: [(&str, &str, &str, &str); 5] = [
    (
        "the room of a message is there",
        "message",
        "m.id",
        "messages m WHERE NOT EXISTS (SELECT 1 FROM rooms r WHERE r.id = m.room_id)",
    ),
    (
        "the room of a turn is there",
        "turn",
        "t.id",
        "turns t WHERE NOT EXISTS (SELECT 1 FROM rooms r WHERE r.id = t.room_id)",
    ),
    (
        "the room of an event is there",
        "events of room",
        "e.room_id",
        "(SELECT DISTINCT room_id FROM room_events) e WHERE NOT EXISTS (SELECT 1 FROM rooms r WHERE r.id = e.room_id)",
    ),
    (
        "the account of a session is there",
        "session",
        "s.id",
        "sessions s WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = s.user_id)",
    ),
    (
        "the account of an API key is there",
        "key",
        "k.id",
        "api_keys k WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = k.user_id)",
    ),
];

/// How many are named for each rule.
const NAMED: i64 = 20;

#[derive(QueryableByName)]
struct Numbered {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    hex: String,
}

/// Where a rule is broken; of each rule the first few.
pub async fn broken(conn: &mut Conn) -> Result<Vec<Broken>, Abort<Vec<Broken>>> {
    let mut broken = Vec::new();
    for (rule, query) in OF_ROOMS {
        let query = format!("{query} ORDER BY 1 LIMIT {NAMED}");
        let rooms: Vec<Numbered> = diesel::sql_query(query).load(conn).await?;
        broken.extend(rooms.into_iter().map(|room| Broken::in_room(rule, room.number)));
    }
    for (rule, what, id, places) in ORPHANS {
        let query = format!("SELECT {}{id}{} AS hex FROM {places} ORDER BY 1 LIMIT {NAMED}", HEX.0, HEX.1);
        let alone: Vec<Named> = diesel::sql_query(query).load(conn).await?;
        broken.extend(alone.into_iter().map(|row| {
            let id = Uuid::try_parse(&row.hex).map_or(row.hex, |id| id.to_string());
            Broken { rule, room: None, what: format!("{what} {id}") }
        }));
    }
    Ok(broken)
}
