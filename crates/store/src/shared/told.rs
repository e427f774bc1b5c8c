//! Messages without a turn of their own: what was said elsewhere, told to a room or along with a send.
//! And what a send asks of those that are there.

use super::Conn;
use super::entering::take_numbers;
use super::fragments::Prepare;
use super::idempotency::{Begun, Guarded, begin};
use super::messages::{MessageRow, room_exists};
use super::rooms::{RoomRow, insert_if_free, there};
use crate::error::Abort;
use crate::schema::{messages, rooms, turns};
use crate::types::{DbId, DbJson, DbTime, objects};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::RunQueryDsl;
use maru_domain::clock::Timestamp;
use maru_domain::error::StoreError;
use maru_domain::events::RoomEventKind;
use maru_domain::ids::{MessageId, RoomId, TurnId};
use maru_domain::messages::ports::{Heard, NewSend, NewTold, SendTarget, TellOutcome, Told};
use maru_domain::messages::{Message, MessageStatus};
use maru_domain::once::Once;

/// Stores messages whose numbers are taken and end at `last`.
pub async fn insert(
    conn: &mut Conn,
    told: &[Told],
    room: DbId,
    last: i64,
    now: Timestamp,
) -> QueryResult<Vec<MessageRow>> {
    let first = last - i64::try_from(told.len()).unwrap_or(0);
    let mut rows = Vec::with_capacity(told.len());
    for (seq, told) in (first + 1..).zip(told) {
        let row: MessageRow = diesel::insert_into(messages::table)
            .values((
                messages::id.eq(DbId(told.id.0)),
                messages::room_id.eq(room),
                messages::seq.eq(seq),
                messages::role.eq(told.role.as_str()),
                messages::content.eq(&told.content),
                messages::status.eq(MessageStatus::Completed.as_str()),
                messages::metadata.eq(DbJson(told.metadata.clone())),
                messages::created_at.eq(DbTime(now)),
                messages::updated_at.eq(DbTime(now)),
            ))
            .returning(MessageRow::as_returning())
            .prepared()
            .get_result(conn)
            .await?;
        rows.push(row);
    }
    Ok(rows)
}

/// True when nothing was said in the room since the turn. From here on the room's row is held, so that
/// nothing is said before the send that asks.
pub async fn is_last(conn: &mut Conn, room: DbId, turn: DbId) -> QueryResult<bool> {
    diesel::update(rooms::table.filter(rooms::id.eq(room)))
        .set(rooms::version.eq(rooms::version))
        .prepared()
        .execute(conn)
        .await?;
    let found: Option<(i64, DbId)> = turns::table
        .filter(turns::id.eq(turn))
        .filter(turns::room_id.eq(room))
        .select((turns::position, turns::reply_id))
        .first(conn)
        .await
        .optional()?;
    let Some((position, reply)) = found else { return Ok(false) };
    let later = messages::table
        .filter(messages::room_id.eq(room))
        .filter(messages::seq.gt(position))
        .filter(messages::id.ne(reply))
        .filter(messages::deleted_at.is_null());
    let later: bool = diesel::select(diesel::dsl::exists(later)).get_result(conn).await?;
    Ok(!later)
}

/// The turn of the message to which the client gave this send's id before; `None` when there is none.
pub async fn said_before(conn: &mut Conn, send: &NewSend, room: DbId) -> QueryResult<Option<Option<TurnId>>> {
    let Some(client_id) = &send.client_id else { return Ok(None) };
    let turn: Option<Option<DbId>> = messages::table
        .filter(messages::room_id.eq(room))
        .filter(messages::client_id.eq(client_id))
        .filter(messages::deleted_at.is_null())
        .select(messages::turn_id)
        .first(conn)
        .await
        .optional()?;
    Ok(turn.map(|turn| turn.map(|id| TurnId(id.0))))
}

/// The message to which a client gave this id.
pub async fn of_client(
    conn: &mut Conn,
    room: RoomId,
    client_id: String,
) -> Result<Option<Message>, Abort<Option<Message>>> {
    let row: Option<MessageRow> = messages::table
        .filter(messages::room_id.eq(DbId(room.0)))
        .filter(messages::client_id.eq(client_id))
        .filter(messages::deleted_at.is_null())
        .select(MessageRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(Message::try_from).transpose()?)
}

type Telling<T> = Result<T, Abort<TellOutcome>>;

pub async fn tell(conn: &mut Conn, new: NewTold) -> Telling<TellOutcome> {
    let Some(first) = new.told.as_slice().first().map(|told| told.id) else {
        return Ok(TellOutcome::RoomMissing);
    };
    if let Some(once) = &new.once {
        // Found again by its first message, as one that is added alone is.
        match begin(conn, once, Guarded::Turn(TurnId(first.0)), new.now).await? {
            Begun::First => {}
            Begun::Reused => return Ok(TellOutcome::Stored(Once::KeyReused)),
            Begun::Again(before) => return again(conn, before.turn_id, new.told.len()).await,
        }
    }
    let id = match new.target {
        SendTarget::Room(id) => DbId(id.0),
        SendTarget::New(room) => {
            let id = DbId(room.id.0);
            match insert_if_free(conn, *room).await {
                Ok(_) => id,
                // The account was deleted while this was on its way.
                Err(Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)) => {
                    return Err(Abort::With(TellOutcome::RoomMissing));
                }
                Err(error) => return Err(error.into()),
            }
        }
        _ => return Ok(TellOutcome::RoomMissing),
    };
    let count = i64::try_from(new.told.len()).unwrap_or(i64::MAX);
    let Some(room) = take_numbers(conn, id, count, count, new.now).await? else {
        let ended = room_exists(conn, id).await?;
        return Err(Abort::With(if ended { TellOutcome::RoomEnded } else { TellOutcome::RoomMissing }));
    };
    let rows = insert(conn, &new.told, id, room.last_message_seq, new.now).await?;
    let events: Vec<_> = new.told.iter().map(|told| (RoomEventKind::MessageCreated, told.id.0)).collect();
    super::room_events::append(conn, id, room.last_seq, new.now, &events).await?;
    Ok(TellOutcome::Stored(Once::Done(Box::new(heard(room, rows)?))))
}

fn heard(room: RoomRow, rows: Vec<MessageRow>) -> Result<Heard, StoreError> {
    let messages = objects(rows)?;
    Ok(Heard { room: room.try_into()?, messages })
}

/// What the first arrival has stored, as it is now.
async fn again(conn: &mut Conn, first: Option<TurnId>, count: usize) -> Telling<TellOutcome> {
    let first = first.map(|id| MessageId(id.0)).ok_or(Abort::With(TellOutcome::RoomMissing))?;
    let place: Option<(DbId, i64)> = messages::table
        .filter(messages::id.eq(DbId(first.0)))
        .select((messages::room_id, messages::seq))
        .first(conn)
        .await
        .optional()?;
    let (room, seq) = place.ok_or(Abort::With(TellOutcome::RoomMissing))?;
    let row: Option<RoomRow> =
        there!().filter(rooms::id.eq(room)).select(RoomRow::as_select()).first(conn).await.optional()?;
    let row = row.ok_or(Abort::With(TellOutcome::RoomMissing))?;
    let last = seq + i64::try_from(count).unwrap_or(i64::MAX) - 1;
    let rows: Vec<MessageRow> = messages::table
        .filter(messages::room_id.eq(room))
        .filter(messages::seq.between(seq, last))
        .filter(messages::deleted_at.is_null())
        .order(messages::seq.asc())
        .select(MessageRow::as_select())
        .load(conn)
        .await?;
    Ok(TellOutcome::Stored(Once::Replayed(Box::new(heard(row, rows)?))))
}
