//! How a message gets into its room: from there on the room's row is locked, so that commits and numbers have one order.

use super::Conn;
use super::fragments::{OpenSession, Prepare};
use super::messages::{Sending, room_exists};
use super::rooms::RoomRow;
use super::told;
use crate::error::Abort;
use crate::schema::rooms;
use crate::types::{DbId, DbTime};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::RunQueryDsl;
use maru_domain::clock::Timestamp;
use maru_domain::ids::{RoomId, UserId};
use maru_domain::messages::ports::{NewSend, SendOutcome, SendTarget};
use maru_domain::rooms::ports::{NewRoom, RoomName};
use maru_domain::rooms::{RoomKind, TurnPolicy};
use serde_json::Map;

/// How often a send looks for the open session before it gives up.
const ENTRIES: usize = 100;

/// Finds or opens the room and takes numbers for two messages and three events. From here on the
/// room's row is locked, so that commits and numbers have one order.
pub async fn enter_room(conn: &mut Conn, send: &NewSend) -> Sending<(RoomRow, bool)> {
    match &send.target {
        SendTarget::Room(id) => match enter(conn, send, DbId(id.0)).await? {
            Some(row) => Ok((row, false)),
            None => Err(Abort::With(not_entered(conn, DbId(id.0)).await?)),
        },
        SendTarget::Session { owner, new_room } => {
            let mut opened = false;
            // Somebody may end the session between our look and our step; who opens one enters it.
            for _ in 0..ENTRIES {
                if let Some(row) = enter_session(conn, send, *owner).await? {
                    return Ok((row, opened));
                }
                opened = open_session(conn, send, *owner, *new_room).await?;
            }
            Err(crate::error::unavailable("sessions of one user are opened and ended too quickly").into())
        }
        SendTarget::Named(room) => enter_named(conn, send, room).await,
        SendTarget::New(room) => {
            let id = DbId(room.id.0);
            open(conn, room.as_ref().clone()).await?;
            let row = enter(conn, send, id).await?.ok_or(Abort::With(SendOutcome::RoomMissing))?;
            Ok((row, true))
        }
        SendTarget::After { room, turn } => {
            if !told::is_last(conn, DbId(room.0), DbId(turn.0)).await? {
                return Err(Abort::With(SendOutcome::NotLast));
            }
            match enter(conn, send, DbId(room.0)).await? {
                Some(row) => Ok((row, false)),
                None => Err(Abort::With(not_entered(conn, DbId(room.0)).await?)),
            }
        }
    }
}

/// Takes the numbers for what a send stores; `None` when the room is gone or has ended.
async fn enter(conn: &mut Conn, send: &NewSend, room: DbId) -> QueryResult<Option<RoomRow>> {
    let told = i64::try_from(send.told.len()).unwrap_or(i64::MAX);
    take_numbers(conn, room, 2 + told, 3 + told, send.now).await
}

async fn not_entered(conn: &mut Conn, room: DbId) -> QueryResult<SendOutcome> {
    let ended = room_exists(conn, room).await?;
    Ok(if ended { SendOutcome::RoomEnded } else { SendOutcome::RoomMissing })
}

/// Finds or opens a room by its name. Whoever opens it second waits at the insert for the first.
async fn enter_named(conn: &mut Conn, send: &NewSend, room: &NewRoom) -> Sending<(RoomRow, bool)> {
    let Some(public_id) = room.public_id.clone() else { return Err(Abort::With(SendOutcome::RoomMissing)) };
    let name = RoomName { kind: room.kind, owner: room.owner, public_id };
    let mut opened = false;
    // Somebody may delete the room between our look and our step; who opens one enters it.
    for _ in 0..ENTRIES {
        match super::rooms::by_name(conn, &name).await? {
            Some(found) if found.ended_at.is_some() => return Err(Abort::With(SendOutcome::RoomEnded)),
            Some(found) => {
                if let Some(row) = enter(conn, send, found.id).await? {
                    return Ok((row, opened));
                }
            }
            None => opened = open(conn, room.clone()).await?,
        }
    }
    Err(crate::error::unavailable("a room is opened and deleted too quickly").into())
}

/// Opens a session. Whoever comes second waits here for the first, and then finds its room.
async fn open_session(conn: &mut Conn, send: &NewSend, owner: UserId, id: RoomId) -> Sending<bool> {
    let room = NewRoom {
        id,
        kind: RoomKind::Session,
        owner: Some(owner),
        public_id: None,
        name: String::new(),
        system_prompt: String::new(),
        model: None,
        turn_policy: TurnPolicy::Queue,
        metadata: Map::new(),
        created_at: send.now,
    };
    open(conn, room).await
}

/// Opens a room unless there is one like it; true when this transaction has opened it.
async fn open(conn: &mut Conn, room: NewRoom) -> Sending<bool> {
    match super::rooms::insert_if_free(conn, room).await {
        Ok(row) => Ok(row.is_some()),
        // The account was deleted while the message was on its way.
        Err(Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)) => {
            Err(Abort::With(SendOutcome::RoomMissing))
        }
        Err(error) => Err(error.into()),
    }
}

async fn enter_session(conn: &mut Conn, send: &NewSend, owner: UserId) -> QueryResult<Option<RoomRow>> {
    let open: Option<DbId> = rooms::table
        .filter(rooms::owner_id.eq(DbId(owner.0)))
        .filter(OpenSession)
        .select(rooms::id)
        .first(conn)
        .await
        .optional()?;
    match open {
        Some(id) => enter(conn, send, id).await,
        None => Ok(None),
    }
}

/// Raises the room's counters; `None` when the room is gone or has ended.
pub async fn take_numbers(
    conn: &mut Conn,
    room: DbId,
    messages: i64,
    events: i64,
    now: Timestamp,
) -> QueryResult<Option<RoomRow>> {
    diesel::update(rooms::table.filter(rooms::id.eq(room)).filter(rooms::ended_at.is_null()))
        .set((
            rooms::last_seq.eq(rooms::last_seq + events),
            rooms::last_message_seq.eq(rooms::last_message_seq + messages),
            rooms::message_count.eq(rooms::message_count + messages),
            rooms::version.eq(rooms::version + 1),
            rooms::updated_at.eq(DbTime(now)),
            rooms::last_message_at.eq(Some(DbTime(now))),
        ))
        .returning(RoomRow::as_returning())
        .prepared()
        .get_result(conn)
        .await
        .optional()
}
