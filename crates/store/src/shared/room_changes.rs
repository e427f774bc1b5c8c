//! What becomes of a room's own fields and messages: changed, cleared, hidden.

use super::Conn;
use super::fragments::{Prepare, Unfinished};
use super::idempotency::forget_answers;
use super::room_events;
use super::rooms::{RoomRow, there};
use crate::error::Abort;
use crate::schema::{messages, rooms, turns};
use crate::types::{DbId, DbJson, DbTime};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use maru_domain::clock::Timestamp;
use maru_domain::events::RoomEventKind;
use maru_domain::ids::{RoomId, TurnId};
use maru_domain::rooms::ports::{Changed, RoomChange};

pub async fn change(conn: &mut Conn, change: RoomChange) -> Result<Option<Changed>, Abort<Option<Changed>>> {
    let RoomChange { room, fields, now } = change;
    // Locks the room before it is looked at, so that nobody sends in between.
    let locked: Option<RoomRow> = diesel::update(there!().filter(rooms::id.eq(DbId(room.0))))
        .set(rooms::version.eq(rooms::version + 1))
        .returning(RoomRow::as_returning())
        .prepared()
        .get_result(conn)
        .await
        .optional()?;
    let Some(mut row) = locked else { return Ok(None) };
    let other_prompt = fields.system_prompt.as_ref().is_some_and(|prompt| *prompt != row.system_prompt);
    let clear = fields.clear || (other_prompt && !fields.keep_messages);
    let own = fields.name.is_some()
        || fields.system_prompt.is_some()
        || fields.model.is_some()
        || fields.turn_policy.is_some()
        || fields.metadata.is_some()
        || (fields.end && row.ended_at.is_none());
    let archived_at = fields.archive.then_some(now);
    let abandoned = if clear { clear_messages(conn, row.id, archived_at).await? } else { Vec::new() };
    let mut events = Vec::new();
    if clear {
        events.push((RoomEventKind::RoomCleared, row.id.0));
        row.message_count = 0;
        row.last_message_at = None;
    }
    if own {
        events.push((RoomEventKind::RoomUpdated, row.id.0));
    }
    row.name = fields.name.unwrap_or(row.name);
    row.system_prompt = fields.system_prompt.unwrap_or(row.system_prompt);
    row.model = fields.model.unwrap_or(row.model);
    row.turn_policy = fields.turn_policy.map_or(row.turn_policy, |policy| policy.as_str().to_owned());
    row.metadata = fields.metadata.map_or(row.metadata, DbJson);
    row.ended_at = if fields.end { row.ended_at.or(Some(DbTime(now))) } else { row.ended_at };
    row.last_seq += i64::try_from(events.len()).unwrap_or(0);
    if !events.is_empty() {
        row.updated_at = DbTime(now);
    }
    diesel::update(rooms::table.filter(rooms::id.eq(row.id)))
        .set((
            rooms::name.eq(&row.name),
            rooms::system_prompt.eq(&row.system_prompt),
            rooms::model.eq(&row.model),
            rooms::turn_policy.eq(&row.turn_policy),
            rooms::metadata.eq(&row.metadata),
            rooms::ended_at.eq(row.ended_at),
            rooms::updated_at.eq(row.updated_at),
            rooms::last_message_at.eq(row.last_message_at),
            rooms::message_count.eq(row.message_count),
            rooms::last_seq.eq(row.last_seq),
        ))
        .prepared()
        .execute(conn)
        .await?;
    room_events::append(conn, row.id, row.last_seq, now, &events).await?;
    Ok(Some(Changed { room: row.try_into()?, abandoned }))
}

/// Deletes what was said in a room, or keeps it where nobody reads it; deletes its turns and answers
/// those that had not ended.
async fn clear_messages(
    conn: &mut Conn,
    room: DbId,
    archived_at: Option<Timestamp>,
) -> QueryResult<Vec<TurnId>> {
    let running: Vec<DbId> =
        turns::table.filter(turns::room_id.eq(room)).filter(Unfinished).select(turns::id).load(conn).await?;
    forget_answers(conn, room, 0).await?;
    diesel::delete(turns::table.filter(turns::room_id.eq(room))).execute(conn).await?;
    let said = messages::table.filter(messages::room_id.eq(room)).filter(messages::deleted_at.is_null());
    match archived_at {
        Some(at) => {
            diesel::update(said)
                .set(messages::deleted_at.eq(Some(DbTime(at))))
                .prepared()
                .execute(conn)
                .await?
        }
        None => diesel::delete(said).execute(conn).await?,
    };
    Ok(running.into_iter().map(|id| TurnId(id.0)).collect())
}

pub type Hidden = Option<Vec<TurnId>>;

pub async fn hide(conn: &mut Conn, room: RoomId, now: Timestamp) -> Result<Hidden, Abort<Hidden>> {
    // Ended too: whoever is about to send waits here and then finds no way in.
    let row: Option<RoomRow> = diesel::update(there!().filter(rooms::id.eq(DbId(room.0))))
        .set((
            rooms::version.eq(rooms::version + 1),
            rooms::last_seq.eq(rooms::last_seq + 1),
            rooms::message_count.eq(0),
            rooms::updated_at.eq(DbTime(now)),
            rooms::ended_at.eq(Some(DbTime(now))),
            rooms::deleted_at.eq(Some(DbTime(now))),
        ))
        .returning(RoomRow::as_returning())
        .prepared()
        .get_result(conn)
        .await
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let running = clear_messages(conn, row.id, Some(now)).await?;
    let events = [(RoomEventKind::RoomCleared, row.id.0)];
    room_events::append(conn, row.id, row.last_seq, now, &events).await?;
    Ok(Some(running))
}
