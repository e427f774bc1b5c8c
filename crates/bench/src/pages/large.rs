//! A server with one long room.

use crate::files::Workplace;
use crate::load;
use crate::servers::{Maru, Server};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use maru_domain::error::BoxError;
use serde_json::Value;
use std::net::SocketAddr;

/// A running server of ours and its room.
pub struct Large {
    maru: Maru,
    room: String,
}

impl Large {
    /// Starts one with so many messages in its room, written without the store's help: there are many.
    pub fn start(place: &Workplace, messages: usize) -> Result<Self, BoxError> {
        let directory = place.directory(&format!("large-{messages}"))?;
        let mut maru = Maru::in_directory(place, &directory)?;
        maru.register(1)?;
        let token = maru.tokens().first().ok_or("no user")?.clone();
        let answer = load::once(
            maru.address(),
            load::request("POST", "/v1/rooms", &token, Some(r#"{"name":"long"}"#)),
        )?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let room = answer["id"].as_str().ok_or("no room")?.to_owned();
        drop(maru);
        let mut conn = SqliteConnection::establish(&directory.join("maru.db").to_string_lossy())?;
        let id = format!("unhex('{}')", room.replace('-', ""));
        conn.batch_execute(&format!(
            "INSERT INTO messages (id, room_id, seq, role, content, status, metadata, created_at, updated_at)
             WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {messages})
             SELECT unhex(printf('03%030x', n)), {id}, n, CASE n % 2 WHEN 1 THEN 'user' ELSE 'assistant' END,
                    printf('%.*c', 200, 'x'), 'completed', '{{}}', n, n FROM n;
             UPDATE rooms SET last_message_seq = {messages}, message_count = {messages}, last_seq = {messages},
                    version = version + 1 WHERE id = {id};
             PRAGMA wal_checkpoint(TRUNCATE);"
        ))?;
        drop(conn);
        let maru = Maru::again(place, &directory, vec![token])?;
        Ok(Self { maru, room })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.maru.address()
    }

    /// Asks for the newest page.
    pub fn read(&self) -> Vec<u8> {
        self.request("GET", "?limit=50&order=desc", None)
    }

    /// Stores a message.
    pub fn send(&self) -> Vec<u8> {
        self.request("POST", "", Some(r#"{"content":"and one more","reply":false}"#))
    }

    fn request(&self, verb: &str, query: &str, body: Option<&str>) -> Vec<u8> {
        let token = self.maru.tokens().first().map(String::as_str).unwrap_or_default();
        load::request(verb, &format!("/v1/rooms/{}/messages{query}", self.room), token, body)
    }
}
