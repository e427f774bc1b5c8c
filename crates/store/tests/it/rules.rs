//! What `maru check` looks for, on both databases: damage that constraints forbid, done with constraints switched off.

use crate::open::open;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use maru_domain::messages::ports::NewSend;
use maru_domain::rooms::ports::NewRoom;
use maru_domain::services::StorePorts;
use maru_store::Location;
use maru_testkit::contracts::durable::{exchange, new_room, ok, once, opened, send_to, sent, session, user};
use maru_testkit::throwaway::{Postgres, sqlite_dir};

/// A damage and the rule that is then broken.
const DAMAGES: [(&str, &str); 12] = [
    // The lost ones.
    (
        "DELETE FROM messages WHERE role = 'user' AND seq = 1",
        "what a turn was asked and what it answered is there",
    ),
    ("DELETE FROM messages WHERE role = 'assistant' AND seq = 2", "a message that was created is there"),
    ("DELETE FROM turns WHERE status = 'completed'", "the turn that a message names is there"),
    // The ones that stand alone.
    ("DELETE FROM rooms WHERE number = 1", "the room of a message is there"),
    ("DELETE FROM rooms WHERE number = 1", "the room of a turn is there"),
    ("DELETE FROM rooms WHERE number = 1", "the room of an event is there"),
    ("DELETE FROM users", "the account of a session is there"),
    ("DELETE FROM users", "the account that a room belongs to is there"),
    // The ones in a wrong place.
    (
        "UPDATE messages SET room_id = (SELECT id FROM rooms WHERE number = 2), seq = 100 WHERE seq = 2 \
         AND room_id = (SELECT id FROM rooms WHERE number = 1)",
        "stands in its own room",
    ),
    ("UPDATE turns SET status = 'streaming', lease_owner = NULL", "one turn of a room runs at a time"),
    (
        "UPDATE idempotency SET room_id = (SELECT id FROM rooms WHERE number = 2), \
         turn_id = (SELECT id FROM turns WHERE room_id = (SELECT id FROM rooms WHERE number = 1) LIMIT 1)",
        "an idempotency key names a turn of its own room",
    ),
    ("DELETE FROM room_events WHERE seq = 2", "without a gap"),
];

/// Two rooms of a user with a session; in each something was said, in the first a turn waits.
async fn lived_in(store: &StorePorts) {
    let anna = user(store, "anna").await;
    session(store, &anna, 1).await;
    let mut rooms = Vec::new();
    for _ in 0..2 {
        let room = opened(store, NewRoom { owner: Some(anna.id), ..new_room() }).await.id;
        exchange(store, room, "one", "two").await;
        rooms.push(room);
    }
    sent(store, NewSend { once: Some(once("key")), ..send_to(rooms[0], "three") }).await;
    assert_eq!(ok(store.upkeep.broken().await), []);
}

/// The rules that are broken.
async fn broken(store: &StorePorts) -> Vec<&'static str> {
    ok(store.upkeep.broken().await).into_iter().map(|broken| broken.rule).collect()
}

fn found(broken: &[&str], damage: &str, rule: &str) {
    assert!(broken.iter().any(|broken| broken.contains(rule)), "{damage}: {broken:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_found_on_sqlite() {
    for (damage, rule) in DAMAGES {
        let dir = sqlite_dir();
        let path = dir.path().join("maru.db");
        let store = open(&Location::Sqlite(path.clone())).await.ports;
        lived_in(&store).await;
        let mut conn = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
        conn.batch_execute(&format!("PRAGMA foreign_keys = OFF; {damage}")).unwrap();
        found(&broken(&store).await, damage, rule);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_found_on_postgres() {
    for (damage, rule) in DAMAGES {
        let database = Postgres::shared().await.database().await;
        let store = open(&Location::Postgres(database.url.clone())).await.ports;
        lived_in(&store).await;
        database.sql(&format!("SET session_replication_role = replica; {damage}")).await.unwrap();
        found(&broken(&store).await, damage, rule);
    }
}
