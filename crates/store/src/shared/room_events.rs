//! Room events.

use super::fragments::{Prepare, by_key};
use super::room_lists::ROOMS_AT_ONCE;
use super::{Conn, Db, Store};
use crate::schema::{room_events, rooms};
use crate::types::{DbId, DbTime, objects};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use maru_domain::clock::Timestamp;
use maru_domain::error::StoreError;
use maru_domain::events::ports::EventStore;
use maru_domain::events::{RoomEvent, RoomEventKind};
use maru_domain::ids::RoomId;
use maru_domain::page::{Page, PageRequest};
use std::collections::HashMap;
use uuid::Uuid;

#[derive(Queryable, Selectable)]
#[diesel(table_name = room_events, check_for_backend(Db))]
struct EventRow {
    seq: i64,
    kind: String,
    subject: DbId,
    at: DbTime,
}

impl TryFrom<EventRow> for RoomEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let kind = RoomEventKind::parse(&row.kind)
            .ok_or_else(|| StoreError::Internal(format!("an event of unknown kind {}", row.kind).into()))?;
        Ok(Self { seq: row.seq, kind, subject: row.subject.0, at: row.at.0 })
    }
}

/// Adds events whose numbers the room's `last_seq` has just been raised by: they end at `last_seq`.
pub async fn append(
    conn: &mut Conn,
    room: DbId,
    last_seq: i64,
    at: Timestamp,
    events: &[(RoomEventKind, Uuid)],
) -> QueryResult<()> {
    let first = last_seq - i64::try_from(events.len()).unwrap_or(0);
    for (seq, (kind, subject)) in (first + 1..).zip(events) {
        diesel::insert_into(room_events::table)
            .values((
                room_events::room_id.eq(room),
                room_events::seq.eq(seq),
                room_events::kind.eq(kind.as_str()),
                room_events::subject.eq(DbId(*subject)),
                room_events::at.eq(DbTime(at)),
            ))
            .prepared()
            .execute(conn)
            .await?;
    }
    Ok(())
}

#[async_trait]
impl EventStore for Store {
    async fn after(&self, room: RoomId, after: i64, limit: i64) -> Result<Vec<RoomEvent>, StoreError> {
        self.read(move |conn| {
            Box::pin(async move {
                let rows: Vec<EventRow> = room_events::table
                    .filter(room_events::room_id.eq(DbId(room.0)))
                    .filter(room_events::seq.gt(after))
                    .order(room_events::seq.asc())
                    .limit(limit)
                    .select(EventRow::as_select())
                    .load(conn)
                    .await?;
                Ok(objects(rows)?)
            })
        })
        .await
    }

    async fn page(&self, room: RoomId, request: PageRequest<i64>) -> Result<Page<RoomEvent>, StoreError> {
        self.read(move |conn| {
            Box::pin(async move {
                let rows = room_events::table
                    .filter(room_events::room_id.eq(DbId(room.0)))
                    .select(EventRow::as_select())
                    .into_boxed();
                let rows: Vec<EventRow> = by_key!(rows, room_events::seq, request).load(conn).await?;
                let events = objects(rows)?;
                Ok(Page::of(&request, events))
            })
        })
        .await
    }

    async fn heads(&self, rooms: Vec<RoomId>) -> Result<HashMap<RoomId, i64>, StoreError> {
        self.read(move |conn| {
            Box::pin(async move {
                let ids: Vec<DbId> = rooms.into_iter().map(|room| DbId(room.0)).collect();
                let mut heads = HashMap::with_capacity(ids.len());
                for ids in ids.chunks(ROOMS_AT_ONCE) {
                    let rows: Vec<(DbId, i64)> = rooms::table
                        .filter(rooms::id.eq_any(ids))
                        .filter(rooms::deleted_at.is_null())
                        .select((rooms::id, rooms::last_seq))
                        .load(conn)
                        .await?;
                    heads.extend(rows.into_iter().map(|(room, seq)| (RoomId(room.0), seq)));
                }
                Ok(heads)
            })
        })
        .await
    }
}
