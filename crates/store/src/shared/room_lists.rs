//! Lists of rooms, and what was said in them.

use super::Conn;
use super::fragments::{ActiveAt, ClientUser, Completion, by_key};
use super::messages::MessageRow;
use super::rooms::{RoomRow, by_id, by_ids, there};
use crate::error::Abort;
use crate::schema::{messages, rooms};
use crate::types::{DbId, DbTime, objects};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use maru_domain::ids::{RoomId, UserId};
use maru_domain::messages::Message;
use maru_domain::page::{Page, PageRequest};
use maru_domain::rooms::ports::{Conversation, RoomKey, Shelf};
use maru_domain::rooms::{Room, RoomKind};
use std::collections::HashMap;

pub async fn page(
    conn: &mut Conn,
    owner: UserId,
    request: PageRequest<RoomKey>,
) -> Result<Page<Room>, Abort<Page<Room>>> {
    let (beyond, falling) = request.reading();
    let mut rows = there!()
        .filter(rooms::owner_id.eq(DbId(owner.0)))
        .limit(request.rows())
        .select(RoomRow::as_select())
        .into_boxed();
    rows = if falling {
        rows.order((ActiveAt.desc(), rooms::number.desc()))
    } else {
        rows.order((ActiveAt.asc(), rooms::number.asc()))
    };
    if let Some(key) = beyond {
        let at = DbTime(key.active_at);
        rows = if falling {
            rows.filter(ActiveAt.lt(at).or(ActiveAt.eq(at).and(rooms::number.lt(key.number))))
        } else {
            rows.filter(ActiveAt.gt(at).or(ActiveAt.eq(at).and(rooms::number.gt(key.number))))
        };
    }
    let rows: Vec<RoomRow> = rows.load(conn).await?;
    let items = objects(rows)?;
    Ok(Page::of(&request, items))
}

/// Rooms by number, in the words of the indexes.
pub async fn numbered(
    conn: &mut Conn,
    shelf: Shelf,
    request: PageRequest<i64>,
) -> Result<Page<Room>, Abort<Page<Room>>> {
    let rows = there!().select(RoomRow::as_select()).into_boxed();
    let rows = match shelf {
        Shelf::All => rows,
        Shelf::Owned(owner) => rows.filter(rooms::owner_id.eq(DbId(owner.0))),
        Shelf::Ownerless(kind) => {
            rows.filter(rooms::owner_id.is_null()).filter(rooms::kind.eq(kind.as_str()))
        }
    };
    let rows: Vec<RoomRow> = by_key!(rows, rooms::number, request).load(conn).await?;
    let items = objects(rows)?;
    Ok(Page::of(&request, items))
}

/// Stored chat completions, in the words of the index.
pub async fn completions(
    conn: &mut Conn,
    owner: UserId,
    model: Option<String>,
    request: PageRequest<i64>,
) -> Result<Page<Room>, Abort<Page<Room>>> {
    let mut rows = there!()
        .filter(rooms::owner_id.eq(DbId(owner.0)))
        .filter(Completion)
        .select(RoomRow::as_select())
        .into_boxed();
    if let Some(model) = model {
        rows = rows.filter(rooms::model.eq(model));
    }
    let rows: Vec<RoomRow> = by_key!(rows, rooms::number, request).load(conn).await?;
    let items = objects(rows)?;
    Ok(Page::of(&request, items))
}

/// The rooms of a client's own user, in the words of the index.
pub async fn of_client(
    conn: &mut Conn,
    kind: RoomKind,
    owner: Option<UserId>,
    user_id: String,
) -> Result<Vec<Room>, Abort<Vec<Room>>> {
    let mut rows = there!()
        .filter(rooms::kind.eq(kind.as_str()))
        .filter(ClientUser.eq(user_id))
        .order(rooms::number.desc())
        .select(RoomRow::as_select())
        .into_boxed();
    rows = match owner {
        Some(owner) => rows.filter(rooms::owner_id.eq(DbId(owner.0))),
        None => rows.filter(rooms::owner_id.is_null()),
    };
    let rows: Vec<RoomRow> = rows.load(conn).await?;
    Ok(objects(rows)?)
}

pub async fn conversation(
    conn: &mut Conn,
    id: RoomId,
) -> Result<Option<Conversation>, Abort<Option<Conversation>>> {
    let Some(room) = by_id(conn, id).await? else { return Ok(None) };
    let rows: Vec<MessageRow> = messages::table
        .filter(messages::room_id.eq(DbId(id.0)))
        .filter(messages::deleted_at.is_null())
        .order(messages::seq.asc())
        .select(MessageRow::as_select())
        .load(conn)
        .await?;
    let messages = objects(rows)?;
    Ok(Some(Conversation { room: room.try_into()?, messages }))
}

/// How many rooms one statement names; SQLite takes 32,766 values at most.
pub(super) const ROOMS_AT_ONCE: usize = 1_000;

pub async fn conversations(
    conn: &mut Conn,
    ids: Vec<RoomId>,
) -> Result<Vec<Conversation>, Abort<Vec<Conversation>>> {
    let ids: Vec<DbId> = ids.into_iter().map(|id| DbId(id.0)).collect();
    let mut found: HashMap<RoomId, Conversation> = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(ROOMS_AT_ONCE) {
        for row in by_ids(conn, ids).await? {
            let room = Room::try_from(row)?;
            found.insert(room.id, Conversation { room, messages: Vec::new() });
        }
        let rows: Vec<MessageRow> = messages::table
            .filter(messages::room_id.eq_any(ids))
            .filter(messages::deleted_at.is_null())
            .order((messages::room_id.asc(), messages::seq.asc()))
            .select(MessageRow::as_select())
            .load(conn)
            .await?;
        for row in rows {
            let message = Message::try_from(row)?;
            if let Some(conversation) = found.get_mut(&message.room_id) {
                conversation.messages.push(message);
            }
        }
    }
    let mut found: Vec<Conversation> = found.into_values().collect();
    found.sort_unstable_by_key(|conversation| conversation.room.number);
    Ok(found)
}
