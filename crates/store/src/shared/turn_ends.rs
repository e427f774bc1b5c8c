//! How turns write their text and how they end. Every write is fenced: a worker whose turn was
//! taken over, cancelled or deleted writes nothing.
//!
//! Each of these locks the room's row first, as a send does, so that no two of them can deadlock.

use super::fragments::{IsFree, Prepare, Unfinished};
use super::messages::last_said;
use super::turns::{TurnRow, view_of};
use super::{Conn, Db};
use crate::error::Abort;
use crate::schema::{messages, rooms, turns};
use crate::types::{DbId, DbJson, DbTime};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use maru_domain::clock::Timestamp;
use maru_domain::events::RoomEventKind;
use maru_domain::ids::TurnId;
use maru_domain::rooms::RoomKind;
use maru_domain::turns::ports::{Checkpoint, Ended, Ending, Finish, Written};
use maru_domain::turns::{Turn, TurnStatus, TurnView};

/// How many messages one statement names; SQLite takes 32,766 values at most.
const MESSAGES_AT_ONCE: usize = 1_000;

/// The room of a turn, with its counters raised.
#[derive(Queryable, Selectable)]
#[diesel(table_name = rooms, check_for_backend(Db))]
struct LockedRoom {
    id: DbId,
    kind: String,
    version: i64,
    last_seq: i64,
    message_count: i64,
}

/// Locks the room of a turn and raises its counters, by one version and `events` events.
async fn lock_room(
    conn: &mut Conn,
    turn: TurnId,
    events: i64,
    now: Timestamp,
) -> QueryResult<Option<LockedRoom>> {
    let of_turn = turns::table.filter(turns::id.eq(DbId(turn.0))).select(turns::room_id);
    diesel::update(rooms::table.filter(rooms::id.eq_any(of_turn)))
        .set((
            rooms::version.eq(rooms::version + 1),
            rooms::last_seq.eq(rooms::last_seq + events),
            rooms::updated_at.eq(DbTime(now)),
        ))
        .returning(LockedRoom::as_returning())
        .prepared()
        .get_result(conn)
        .await
        .optional()
}

async fn set_reply(
    conn: &mut Conn,
    reply: DbId,
    text: &str,
    status: TurnStatus,
    quote: Option<DbJson>,
    now: Timestamp,
) -> QueryResult<()> {
    diesel::update(messages::table.filter(messages::id.eq(reply)))
        .set((
            messages::content.eq(text),
            messages::status.eq(status.of_reply().as_str()),
            messages::quote.eq(quote),
            messages::updated_at.eq(DbTime(now)),
        ))
        .prepared()
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn checkpoint(conn: &mut Conn, checkpoint: Checkpoint) -> Result<Written, Abort<Written>> {
    let Some(_) = lock_room(conn, checkpoint.turn, 0, checkpoint.now).await? else {
        return Ok(Written::Fenced);
    };
    let mine = turns::table
        .filter(turns::id.eq(DbId(checkpoint.turn.0)))
        .filter(turns::fence.eq(checkpoint.fence))
        .filter(Unfinished);
    // The update holds the turn's row, so that nobody takes it over before the text is written.
    let reply: Option<DbId> = diesel::update(mine.filter(turns::cancel_requested.eq(false)))
        .set((turns::status.eq(TurnStatus::Streaming.as_str()), turns::model.eq(checkpoint.model)))
        .returning(turns::reply_id)
        .prepared()
        .get_result(conn)
        .await
        .optional()?;
    if let Some(reply) = reply {
        set_reply(conn, reply, &checkpoint.text, TurnStatus::Streaming, None, checkpoint.now).await?;
        return Ok(Written::Kept);
    }
    let still_mine: i64 = mine.count().get_result(conn).await?;
    Err(Abort::With(if still_mine > 0 { Written::CancelRequested } else { Written::Fenced }))
}

pub async fn finish(conn: &mut Conn, ending: Ending) -> Result<Option<Ended>, Abort<Option<Ended>>> {
    let Some(room) = lock_room(conn, ending.turn, 2, ending.now).await? else { return Ok(None) };
    let row: Option<TurnRow> = diesel::update(
        turns::table
            .filter(turns::id.eq(DbId(ending.turn.0)))
            .filter(turns::fence.eq(ending.fence))
            .filter(Unfinished),
    )
    .set((
        turns::status.eq(ending.status.as_str()),
        turns::model.eq(ending.model),
        turns::input_tokens.eq(ending.usage.map(|usage| usage.input_tokens)),
        turns::output_tokens.eq(ending.usage.map(|usage| usage.output_tokens)),
        turns::error_code.eq(ending.error.as_ref().map(|error| error.code.clone())),
        turns::error_detail.eq(ending.error.as_ref().map(|error| error.detail.clone())),
        turns::lease_owner.eq(None::<String>),
        turns::lease_until.eq(None::<DbTime>),
        turns::finished_at.eq(Some(DbTime(ending.now))),
        turns::finish.eq(ending.finish.map(Finish::as_str)),
    ))
    .returning(TurnRow::as_returning())
    .prepared()
    .get_result(conn)
    .await
    .optional()?;
    let row = row.ok_or(Abort::With(None))?;
    let reply = row.reply_id;
    let turn = Turn::try_from(row)?;
    if ending.withdraw {
        return withdraw(conn, room, turn, ending.now).await;
    }
    let quote = ending.quote.as_ref().map(super::quotes::kept).transpose()?;
    set_reply(conn, reply, &ending.text, ending.status, quote, ending.now).await?;
    let events = [(RoomEventKind::MessageUpdated, turn.reply_id.0), (RoomEventKind::TurnDone, turn.id.0)];
    super::room_events::append(conn, room.id, room.last_seq, ending.now, &events).await?;
    let queued = is_queued(conn, room.id).await?;
    Ok(Some(Ended { turn, room_version: room.version, last_seq: room.last_seq, queued }))
}

async fn is_queued(conn: &mut Conn, room: DbId) -> QueryResult<bool> {
    diesel::select(diesel::dsl::exists(turns::table.filter(turns::room_id.eq(room)).filter(Unfinished)))
        .get_result(conn)
        .await
}

/// Takes a failed turn back as if it had never been sent (contract §1.5): its messages, its
/// idempotency key, and the session that it opened.
async fn withdraw(
    conn: &mut Conn,
    room: LockedRoom,
    turn: Turn,
    now: Timestamp,
) -> Result<Option<Ended>, Abort<Option<Ended>>> {
    super::idempotency::forget_turn(conn, DbId(turn.id.0)).await?;
    // The end of a turn has taken two numbers for its events already.
    let last_seq = take_away(conn, &room, &turn, 2, now).await?;
    let queued = is_queued(conn, room.id).await?;
    Ok(Some(Ended { turn, room_version: room.version, last_seq, queued }))
}

/// Takes a turn away with its messages, those told along with it, and the room that it opened when
/// nothing else is left there. `numbers` are taken for its events already; answers the last one.
async fn take_away(
    conn: &mut Conn,
    room: &LockedRoom,
    turn: &Turn,
    numbers: i64,
    now: Timestamp,
) -> QueryResult<i64> {
    let own = messages::seq.between(turn.position - turn.options.past, turn.position);
    let told: Vec<DbId> = messages::table
        .filter(messages::room_id.eq(room.id))
        .filter(messages::deleted_at.is_null())
        .filter(own.or(messages::id.eq(DbId(turn.reply_id.0))))
        .order(messages::seq.asc())
        .select(messages::id)
        .load(conn)
        .await?;
    diesel::delete(turns::table.filter(turns::id.eq(DbId(turn.id.0)))).execute(conn).await?;
    let count = i64::try_from(told.len()).unwrap_or(i64::MAX);
    // A session begins with a message: when no other is left, it was opened by this one or by one taken back before.
    let opened = room.kind == RoomKind::Session.as_str() || turn.options.opened;
    if opened && room.message_count == count {
        diesel::delete(rooms::table.filter(rooms::id.eq(room.id))).execute(conn).await?;
        return Ok(room.last_seq);
    }
    for ids in told.chunks(MESSAGES_AT_ONCE) {
        diesel::delete(messages::table.filter(messages::id.eq_any(ids))).execute(conn).await?;
    }
    let last_seq: i64 = diesel::update(rooms::table.filter(rooms::id.eq(room.id)))
        .set((
            rooms::message_count.eq(rooms::message_count - count),
            rooms::last_message_at.eq(last_said!(room.id)),
            rooms::last_seq.eq(rooms::last_seq + (count - numbers)),
        ))
        .returning(rooms::last_seq)
        .prepared()
        .get_result(conn)
        .await?;
    let events: Vec<_> = told.iter().map(|id| (RoomEventKind::MessageDeleted, id.0)).collect();
    super::room_events::append(conn, room.id, last_seq, now, &events).await?;
    Ok(last_seq)
}

pub async fn delete(conn: &mut Conn, turn: TurnId, now: Timestamp) -> Result<bool, Abort<bool>> {
    let Some(room) = lock_room(conn, turn, 0, now).await? else { return Ok(false) };
    let Some(view) = view_of(conn, turn).await? else { return Err(Abort::With(false)) };
    take_away(conn, &room, &view.turn, 0, now).await?;
    Ok(true)
}

type View = Option<TurnView>;

pub async fn request_cancel(conn: &mut Conn, turn: TurnId, now: Timestamp) -> Result<View, Abort<View>> {
    if let Some(fence) = ask_to_stop(conn, turn, 0).await? {
        let nobody = turns::table.filter(turns::id.eq(DbId(turn.0))).filter(IsFree);
        let orphan: i64 = nobody.count().get_result(conn).await?;
        if orphan > 0 {
            cancel(conn, turn, fence, now).await?;
        }
    }
    Ok(view_of(conn, turn).await?)
}

pub async fn force_cancel(conn: &mut Conn, turn: TurnId, now: Timestamp) -> Result<View, Abort<View>> {
    if let Some(fence) = ask_to_stop(conn, turn, 1).await? {
        cancel(conn, turn, fence, now).await?;
    }
    Ok(view_of(conn, turn).await?)
}

/// Notes that a turn is to stop, raises its fence by `shut_out` and answers it; `None` when the turn has
/// ended or is gone. From here on room and turn are held: nobody else ends it, takes it up or writes text.
async fn ask_to_stop(conn: &mut Conn, turn: TurnId, shut_out: i64) -> QueryResult<Option<i64>> {
    let of_turn = turns::table.filter(turns::id.eq(DbId(turn.0))).select(turns::room_id);
    diesel::update(rooms::table.filter(rooms::id.eq_any(of_turn)))
        .set(rooms::version.eq(rooms::version))
        .prepared()
        .execute(conn)
        .await?;
    diesel::update(turns::table.filter(turns::id.eq(DbId(turn.0))).filter(Unfinished))
        .set((turns::cancel_requested.eq(true), turns::fence.eq(turns::fence + shut_out)))
        .returning(turns::fence)
        .prepared()
        .get_result(conn)
        .await
        .optional()
}

/// Ends a turn that is held, as cancelled, with what is stored of its text.
async fn cancel(conn: &mut Conn, turn: TurnId, fence: i64, now: Timestamp) -> Result<(), Abort<View>> {
    let view = view_of(conn, turn).await?;
    let ending = Ending {
        turn,
        fence,
        status: TurnStatus::Cancelled,
        text: view.as_ref().map(|view| view.reply.clone()).unwrap_or_default(),
        model: view.as_ref().and_then(|view| view.turn.model.clone()),
        usage: None,
        error: None,
        quote: None,
        finish: None,
        withdraw: false,
        now,
    };
    match finish(conn, ending).await {
        Ok(_) => Ok(()),
        Err(Abort::With(_)) => Err(Abort::With(view)),
        Err(Abort::Error(error)) => Err(Abort::Error(error)),
    }
}
