//! What becomes of messages other than the send: added without a turn, read, edited, given a new
//! reply, deleted.

use super::entering::take_numbers;
use super::fragments::{Prepare, Unfinished, by_key};
use super::idempotency::{Begun, Guarded, begin, forget_answers};
use super::messages::{
    MessageRow, Said, insert_message, insert_turn, last_said, plc_snapshot, replay, room_exists,
};
use super::rooms::RoomRow;
use super::turns::options_of;
use super::{Conn, room_events, told};
use crate::error::Abort;
use crate::schema::{messages, rooms, turns};
use crate::types::{DbId, DbJson, DbTime, objects};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use maru_domain::clock::Timestamp;
use maru_domain::events::RoomEventKind;
use maru_domain::ids::{MessageId, RoomId, TurnId};
use maru_domain::messages::ports::{
    AddOutcome, Edit, EditTarget, NewSend, Regenerate, SendOutcome, SendTarget, Sent,
};
use maru_domain::messages::{Message, Role};
use maru_domain::once::Once;
use maru_domain::page::{Page, PageRequest};
use maru_domain::plcs::PlcUuid;
use maru_domain::turns::TurnOptions;
use serde_json::Map;

pub async fn edit(conn: &mut Conn, edit: Edit) -> Result<Option<Message>, Abort<Option<Message>>> {
    let room: Option<i64> = diesel::update(rooms::table.filter(rooms::id.eq(DbId(edit.room_id.0))))
        .set((
            rooms::version.eq(rooms::version + 1),
            rooms::last_seq.eq(rooms::last_seq + 1),
            rooms::updated_at.eq(DbTime(edit.now)),
        ))
        .returning(rooms::last_seq)
        .prepared()
        .get_result(conn)
        .await
        .optional()?;
    let Some(last_seq) = room else { return Ok(None) };
    let message = match edit.target {
        EditTarget::Message(id) => DbId(id.0),
        EditTarget::Turn(id) => {
            let message: Option<DbId> = turns::table
                .filter(turns::id.eq(DbId(id.0)))
                .filter(turns::room_id.eq(DbId(edit.room_id.0)))
                .select(turns::message_id)
                .first(conn)
                .await
                .optional()?;
            message.ok_or(Abort::With(None))?
        }
    };
    let message = messages::table
        .filter(messages::id.eq(message))
        .filter(messages::room_id.eq(DbId(edit.room_id.0)))
        .filter(messages::deleted_at.is_null())
        .filter(messages::role.eq(Role::User.as_str()));
    let row: Option<MessageRow> = diesel::update(message)
        .set((
            messages::content.eq(edit.content),
            messages::updated_at.eq(DbTime(edit.now)),
            messages::edited_at.eq(Some(DbTime(edit.now))),
        ))
        .returning(MessageRow::as_returning())
        .prepared()
        .get_result(conn)
        .await
        .optional()?;
    let row = row.ok_or(Abort::With(None))?;
    forget_answers(conn, DbId(edit.room_id.0), row.seq).await?;
    let events = [(RoomEventKind::MessageUpdated, row.id.0)];
    room_events::append(conn, DbId(edit.room_id.0), last_seq, edit.now, &events).await?;
    Ok(Some(row.try_into()?))
}

pub async fn add(conn: &mut Conn, add: NewSend) -> Result<AddOutcome, Abort<AddOutcome>> {
    let SendTarget::Room(room) = add.target else { return Ok(AddOutcome::RoomMissing) };
    if let Some(once) = &add.once {
        // The message is found again by the turn's id that it has not got: it carries it as its own.
        match begin(conn, once, Guarded::Turn(TurnId(add.message_id.0)), add.now).await? {
            Begun::First => {}
            Begun::Reused => return Ok(AddOutcome::Stored(Once::KeyReused)),
            Begun::Again(before) => {
                let id =
                    before.turn_id.map(|id| MessageId(id.0)).ok_or(Abort::With(AddOutcome::RoomMissing))?;
                let found = find_row(conn, DbId(room.0), DbId(id.0)).await?;
                let found = found.ok_or(Abort::With(AddOutcome::RoomMissing))?;
                return Ok(AddOutcome::Stored(Once::Replayed(Box::new(found.try_into()?))));
            }
        }
    }
    let Some(row) = take_numbers(conn, DbId(room.0), 1, 1, add.now).await? else {
        let there = room_exists(conn, DbId(room.0)).await?;
        return Err(Abort::With(if there { AddOutcome::RoomEnded } else { AddOutcome::RoomMissing }));
    };
    let snapshot = plc_snapshot(conn, &add).await?.ok_or(Abort::With(AddOutcome::PlcMissing))?;
    let message = insert_message(conn, &add, row.id, Said::ByPerson(snapshot), row.last_message_seq).await?;
    diesel::update(messages::table.filter(messages::id.eq(message.id)))
        .set(messages::turn_id.eq(None::<DbId>))
        .prepared()
        .execute(conn)
        .await?;
    let events = [(RoomEventKind::MessageCreated, message.id.0)];
    room_events::append(conn, row.id, row.last_seq, add.now, &events).await?;
    let mut message = Message::try_from(message)?;
    message.turn_id = None;
    Ok(AddOutcome::Stored(Once::Done(Box::new(message))))
}

type Again<T> = Result<T, Abort<SendOutcome>>;

/// Everything after the message goes, and it gets a new turn and a new reply.
pub async fn regenerate(conn: &mut Conn, again: Regenerate) -> Again<SendOutcome> {
    if let Some(once) = &again.once {
        match begin(conn, once, Guarded::Turn(again.turn_id), again.now).await? {
            Begun::First => {}
            Begun::Reused => return Ok(SendOutcome::Stored(Once::KeyReused)),
            Begun::Again(before) => return replay(conn, before.turn_id, false).await,
        }
    }
    let room_id = DbId(again.room_id.0);
    let Some(room) = take_numbers(conn, room_id, 1, 0, again.now).await? else {
        let there = room_exists(conn, room_id).await?;
        return Err(Abort::With(if there { SendOutcome::RoomEnded } else { SendOutcome::RoomMissing }));
    };
    if let Some(turn) = again.instead_of
        && !told::is_last(conn, room_id, DbId(turn.0)).await?
    {
        return Err(Abort::With(SendOutcome::NotLast));
    }
    let message = find_row(conn, room_id, DbId(again.message_id.0)).await?;
    let message = message.ok_or(Abort::With(SendOutcome::MessageMissing))?;
    let gone: Vec<DbId> = messages::table
        .filter(messages::room_id.eq(room_id))
        .filter(messages::seq.gt(message.seq))
        .order(messages::seq.asc())
        .select(messages::id)
        .load(conn)
        .await?;
    let stopped: Vec<DbId> = turns::table
        .filter(turns::room_id.eq(room_id))
        .filter(turns::position.ge(message.seq))
        .filter(Unfinished)
        .select(turns::id)
        .load(conn)
        .await?;
    let options: Option<DbJson> = turns::table
        .filter(turns::room_id.eq(room_id))
        .filter(turns::position.eq(message.seq))
        .select(turns::options)
        .first(conn)
        .await
        .optional()?;
    let options = options.map(options_of).transpose()?.unwrap_or_default();
    forget_answers(conn, room_id, message.seq).await?;
    let later = messages::table.filter(messages::room_id.eq(room_id)).filter(messages::seq.gt(message.seq));
    diesel::delete(later).execute(conn).await?;
    let turned = turns::table.filter(turns::room_id.eq(room_id)).filter(turns::position.ge(message.seq));
    diesel::delete(turned).execute(conn).await?;
    let busy: i64 =
        turns::table.filter(turns::room_id.eq(room_id)).filter(Unfinished).count().get_result(conn).await?;
    let (send, room, message) = renewed(conn, again, room, message, &gone).await?;
    // What was asked of the turn before it is asked again.
    let send = NewSend { options, ..send };
    insert_message(conn, &send, room_id, Said::ByModel, room.last_message_seq).await?;
    let turn = insert_turn(conn, &send, room_id, message.seq, busy == 0).await?;
    let sent = Sent {
        room: room.try_into()?,
        message: message.try_into()?,
        turn: turn.try_into()?,
        opened: false,
        claimed: busy == 0,
        // Their rows are gone: whoever runs them is told to stop.
        interrupted: stopped.into_iter().map(|id| TurnId(id.0)).collect(),
    };
    Ok(SendOutcome::Stored(Once::Done(Box::new(sent))))
}

/// Gives the message its new turn and text, and the room its count and events.
async fn renewed(
    conn: &mut Conn,
    again: Regenerate,
    room: RoomRow,
    message: MessageRow,
    gone: &[DbId],
) -> Again<(NewSend, RoomRow, MessageRow)> {
    let now = again.now;
    let mut events: Vec<_> = gone.iter().map(|id| (RoomEventKind::MessageDeleted, id.0)).collect();
    events.push((RoomEventKind::MessageUpdated, message.id.0));
    events.push((RoomEventKind::MessageCreated, again.reply_id.0));
    events.push((RoomEventKind::TurnStarted, again.turn_id.0));
    let (count, removed) = (count(&events), count(gone));
    let edited_at = again.content.is_some().then_some(DbTime(now));
    let room: RoomRow = diesel::update(rooms::table.filter(rooms::id.eq(room.id)))
        .set((
            rooms::last_seq.eq(rooms::last_seq + count),
            rooms::message_count.eq(rooms::message_count - removed),
        ))
        .returning(RoomRow::as_returning())
        .prepared()
        .get_result(conn)
        .await?;
    let mut row: MessageRow = diesel::update(messages::table.filter(messages::id.eq(message.id)))
        .set((messages::turn_id.eq(Some(DbId(again.turn_id.0))), messages::updated_at.eq(DbTime(now))))
        .returning(MessageRow::as_returning())
        .prepared()
        .get_result(conn)
        .await?;
    if let Some(content) = &again.content {
        row = diesel::update(messages::table.filter(messages::id.eq(message.id)))
            .set((messages::content.eq(content), messages::edited_at.eq(edited_at)))
            .returning(MessageRow::as_returning())
            .prepared()
            .get_result(conn)
            .await?;
    }
    room_events::append(conn, room.id, room.last_seq, now, &events).await?;
    let send = NewSend {
        target: SendTarget::Room(again.room_id),
        message_id: again.message_id,
        content: String::new(),
        metadata: Map::new(),
        plc: row.plc_uuid.clone().map(PlcUuid),
        turn_id: again.turn_id,
        reply_id: again.reply_id,
        model: again.model,
        withdraw_on_failure: false,
        queue_limit: 0,
        lease: again.lease,
        told: Vec::new(),
        client_id: None,
        options: TurnOptions::default(),
        once: None,
        now,
    };
    Ok((send, room, row))
}

fn count<T>(items: &[T]) -> i64 {
    i64::try_from(items.len()).unwrap_or(0)
}

pub async fn page(
    conn: &mut Conn,
    room: RoomId,
    request: PageRequest<i64>,
) -> Result<Page<Message>, Abort<Page<Message>>> {
    let rows = messages::table
        .filter(messages::room_id.eq(DbId(room.0)))
        .filter(messages::deleted_at.is_null())
        .select(MessageRow::as_select());
    // The first page of either end is asked for most. Its text is fixed: diesel writes that of a boxed query each time.
    let rows: Vec<MessageRow> = match request.reading() {
        (None, false) => rows.order(messages::seq.asc()).limit(request.rows()).load(conn).await?,
        (None, true) => rows.order(messages::seq.desc()).limit(request.rows()).load(conn).await?,
        (Some(_), _) => by_key!(rows.into_boxed(), messages::seq, request).load(conn).await?,
    };
    let items = objects(rows)?;
    Ok(Page::of(&request, items))
}

async fn find_row(conn: &mut Conn, room: DbId, message: DbId) -> QueryResult<Option<MessageRow>> {
    messages::table
        .filter(messages::id.eq(message))
        .filter(messages::room_id.eq(room))
        .filter(messages::deleted_at.is_null())
        .select(MessageRow::as_select())
        .first(conn)
        .await
        .optional()
}

pub async fn find(
    conn: &mut Conn,
    room: RoomId,
    message: MessageId,
) -> Result<Option<Message>, Abort<Option<Message>>> {
    let row = find_row(conn, DbId(room.0), DbId(message.0)).await?;
    Ok(row.map(Message::try_from).transpose()?)
}

pub async fn delete(
    conn: &mut Conn,
    room: RoomId,
    message: MessageId,
    now: Timestamp,
) -> Result<bool, Abort<bool>> {
    let last_seq: Option<i64> = diesel::update(rooms::table.filter(rooms::id.eq(DbId(room.0))))
        .set((
            rooms::version.eq(rooms::version + 1),
            rooms::last_seq.eq(rooms::last_seq + 1),
            rooms::message_count.eq(rooms::message_count - 1),
            rooms::updated_at.eq(DbTime(now)),
        ))
        .returning(rooms::last_seq)
        .prepared()
        .get_result(conn)
        .await
        .optional()?;
    let Some(last_seq) = last_seq else { return Ok(false) };
    let one = messages::table
        .filter(messages::id.eq(DbId(message.0)))
        .filter(messages::room_id.eq(DbId(room.0)))
        .filter(messages::deleted_at.is_null());
    let seq: Option<i64> = one.select(messages::seq).first(conn).await.optional()?;
    let seq = seq.ok_or(Abort::With(false))?;
    diesel::delete(one).execute(conn).await?;
    // A reply stands behind its turn's place.
    forget_answers(conn, DbId(room.0), seq - 1).await?;
    diesel::update(rooms::table.filter(rooms::id.eq(DbId(room.0))))
        .set(rooms::last_message_at.eq(last_said!(DbId(room.0))))
        .prepared()
        .execute(conn)
        .await?;
    let events = [(RoomEventKind::MessageDeleted, message.0)];
    room_events::append(conn, DbId(room.0), last_seq, now, &events).await?;
    Ok(true)
}
