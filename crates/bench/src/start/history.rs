//! A history, written without the store's help: there is much of it.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use maru_domain::error::BoxError;
use maru_store::Location;
use std::path::Path;

/// Messages of one room.
const ROOM: usize = 100;

/// Makes a database with so many messages: rooms of 100 with their turns and events, all of one user.
pub fn write(path: &Path, messages: usize) -> Result<(), BoxError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(maru_store::migrate(&Location::Sqlite(path.to_owned())))?;
    let mut conn = SqliteConnection::establish(&path.to_string_lossy())?;
    let rooms = messages / ROOM;
    let numbers = |last: usize| {
        format!("WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < {last})")
    };
    // Ids: 1 is the user; rooms, messages and turns are told apart by their first digits.
    let id = |kind: u8, number: &str| format!("unhex(printf('{kind:02}%030x', {number}))");
    conn.batch_execute(&format!(
        "INSERT INTO users (id, username, email, active, created_at) VALUES ({user}, 'history', '', 1, 0);
         INSERT INTO rooms (id, kind, owner_id, name, system_prompt, turn_policy, metadata, created_at, updated_at, ended_at,
                            version, last_seq, last_message_seq, message_count)
         {room_numbers} SELECT {room}, 'session', {user}, '', '', 'queue', '{{}}', n, n, n, {ROOM}, {events}, {ROOM}, {ROOM} FROM n;
         INSERT INTO messages (id, room_id, seq, turn_id, role, content, status, metadata, created_at, updated_at)
         {message_numbers} SELECT {message}, {room_of_message}, n % {ROOM} + 1, {turn_of_message},
             CASE n % 2 WHEN 0 THEN 'user' ELSE 'assistant' END, printf('%.*c', 200, 'x'), 'completed', '{{}}', n, n FROM n;
         INSERT INTO turns (id, room_id, status, message_id, reply_id, position, attempt, fence, cancel_requested,
                            withdraw_on_failure, created_at, finished_at)
         {turn_numbers} SELECT {turn}, {room_of_turn}, 'completed', {asked}, {answered}, n * 2 % {ROOM} + 1, 1, 1, 0, 1, n, n FROM n;
         INSERT INTO room_events (room_id, seq, kind, subject, at)
         {event_numbers} SELECT {room_of_event}, n % {events} + 1, 'message_created', {user}, n FROM n;
         PRAGMA wal_checkpoint(TRUNCATE);",
        user = id(1, "1"),
        room_numbers = numbers(rooms),
        room = id(2, "n"),
        events = ROOM / 2 * 5,
        message_numbers = numbers(messages),
        message = id(3, "n"),
        room_of_message = id(2, &format!("n / {ROOM}")),
        turn_of_message = id(4, "n / 2"),
        turn_numbers = numbers(messages / 2),
        turn = id(4, "n"),
        room_of_turn = id(2, &format!("n * 2 / {ROOM}")),
        asked = id(3, "n * 2"),
        answered = id(3, "n * 2 + 1"),
        event_numbers = numbers(rooms * (ROOM / 2 * 5)),
        room_of_event = id(2, &format!("n / {}", ROOM / 2 * 5)),
    ))?;
    Ok(())
}
