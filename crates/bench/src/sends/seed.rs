//! Rooms to send to, and the end of the turns between rounds. None of it is measured.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use maru_domain::error::BoxError;
use std::path::Path;

const ROOM_COLUMNS: &str = "id, kind, name, system_prompt, turn_policy, metadata, created_at, updated_at, \
                            version, last_seq, last_message_seq, message_count";

/// Opens so many rooms in a file.
pub fn rooms_of_sqlite(path: &Path, rooms: usize) -> Result<(), BoxError> {
    run(
        path,
        &format!(
            "INSERT INTO rooms ({ROOM_COLUMNS}) WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rooms}) \
             SELECT unhex(printf('%032x', n)), 'room', '', '', 'queue', '{{}}', 0, 0, 1, 0, 0, 0 FROM n"
        ),
    )
}

/// Ends all turns, and moves the log into the file so that no round pays for another's.
pub fn end_turns_of_sqlite(path: &Path) -> Result<(), BoxError> {
    run(
        path,
        "UPDATE turns SET status = 'completed', lease_owner = NULL, lease_until = NULL, finished_at = created_at \
         WHERE status IN ('pending', 'streaming'); \
         PRAGMA wal_checkpoint(TRUNCATE)",
    )
}

fn run(path: &Path, sql: &str) -> Result<(), BoxError> {
    let mut conn = SqliteConnection::establish(&path.to_string_lossy())?;
    conn.batch_execute("PRAGMA busy_timeout = 5000")?;
    Ok(conn.batch_execute(sql)?)
}

/// What opens so many rooms on a server.
pub fn rooms_of_postgres(rooms: usize) -> String {
    format!(
        "INSERT INTO rooms ({ROOM_COLUMNS}) SELECT lpad(to_hex(n), 32, '0')::uuid, 'room', '', '', 'queue', '{{}}', \
         now(), now(), 1, 0, 0, 0 FROM generate_series(1, {rooms}) n"
    )
}

/// What ends all turns there, and tidies up so that no round pays for another's.
pub const END_TURNS_OF_POSTGRES: [&str; 3] = [
    "UPDATE turns SET status = 'completed', lease_owner = NULL, lease_until = NULL, finished_at = created_at \
     WHERE status IN ('pending', 'streaming')",
    "VACUUM (ANALYZE) rooms, turns, messages, room_events",
    "CHECKPOINT",
];
