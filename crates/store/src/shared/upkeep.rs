//! Rooms as whoever runs the server sees them.

use super::fragments::Prepare;
use super::rooms::{RoomRow, insert_if_free};
use super::{Conn, Store, UNHURRIED};
use crate::error::Abort;
use crate::schema::{messages, room_events, rooms};
use crate::types::{DbId, DbJson, DbTime, objects};
use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use maru_domain::clock::Timestamp;
use maru_domain::error::StoreError;
use maru_domain::events::RoomEventKind;
use maru_domain::ids::RoomId;
use maru_domain::rooms::Room;
use maru_domain::rooms::ports::NewRoom;
use maru_domain::upkeep::Broken;
use maru_domain::upkeep::ports::{NewSaid, UpkeepStore};

/// Nothing was said or changed in it since, and no turn runs or waits.
macro_rules! idle {
    ($before:expr) => {
        rooms::table
            .filter(rooms::updated_at.lt(DbTime($before)))
            .filter(rooms::last_message_at.is_null().or(rooms::last_message_at.lt(Some(DbTime($before)))))
            .filter(diesel::dsl::not(exists(
                crate::schema::turns::table
                    .filter(crate::schema::turns::room_id.eq(rooms::id))
                    .filter(super::fragments::Unfinished),
            )))
    };
}

async fn insert_said(
    conn: &mut Conn,
    room: DbId,
    said: &NewSaid,
    seq: i64,
    now: Timestamp,
) -> QueryResult<()> {
    diesel::insert_into(messages::table)
        .values((
            messages::id.eq(DbId(said.id.0)),
            messages::room_id.eq(room),
            messages::seq.eq(seq),
            messages::role.eq(said.role.as_str()),
            messages::content.eq(&said.content),
            messages::status.eq(said.status.as_str()),
            messages::metadata.eq(DbJson(said.metadata.clone())),
            messages::created_at.eq(DbTime(said.created_at)),
            messages::updated_at.eq(DbTime(now)),
        ))
        .prepared()
        .execute(conn)
        .await?;
    diesel::insert_into(room_events::table)
        .values((
            room_events::room_id.eq(room),
            room_events::seq.eq(seq),
            room_events::kind.eq(RoomEventKind::MessageCreated.as_str()),
            room_events::subject.eq(DbId(said.id.0)),
            room_events::at.eq(DbTime(now)),
        ))
        .prepared()
        .execute(conn)
        .await?;
    Ok(())
}

#[async_trait]
impl UpkeepStore for Store {
    async fn idle(&self, before: Timestamp, after: i64, limit: i64) -> Result<Vec<Room>, StoreError> {
        self.snapshot(move |conn| {
            Box::pin(async move {
                conn.batch_execute(UNHURRIED).await?;
                let rows: Vec<RoomRow> = idle!(before)
                    .filter(rooms::number.gt(after))
                    .order(rooms::number.asc())
                    .limit(limit)
                    .select(RoomRow::as_select())
                    .load(conn)
                    .await?;
                Ok(objects(rows)?)
            })
        })
        .await
    }

    async fn delete_idle(&self, room: RoomId, before: Timestamp) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                // Held first, as by a send: whoever sends meanwhile waits, and then finds no room.
                diesel::update(rooms::table.filter(rooms::id.eq(DbId(room.0))))
                    .set(rooms::version.eq(rooms::version))
                    .prepared()
                    .execute(conn)
                    .await?;
                let still: Option<i64> = idle!(before)
                    .filter(rooms::id.eq(DbId(room.0)))
                    .select(rooms::number)
                    .first(conn)
                    .await
                    .optional()?;
                if still.is_none() {
                    return Ok(false);
                }
                conn.batch_execute(UNHURRIED).await?;
                diesel::delete(rooms::table.filter(rooms::id.eq(DbId(room.0)))).execute(conn).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn take_over(
        &self,
        room: NewRoom,
        ended_at: Option<Timestamp>,
        said: Vec<NewSaid>,
        now: Timestamp,
    ) -> Result<Room, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let opened = insert_if_free(conn, room).await?;
                let opened = opened.ok_or_else(|| StoreError::Conflict("rooms_public_id_key".to_owned()))?;
                let mut seq = 0;
                for one in &said {
                    seq += 1;
                    insert_said(conn, opened.id, one, seq, now).await?;
                }
                let row: RoomRow = diesel::update(rooms::table.filter(rooms::id.eq(opened.id)))
                    .set((
                        rooms::last_seq.eq(seq),
                        rooms::last_message_seq.eq(seq),
                        rooms::message_count.eq(seq),
                        rooms::last_message_at
                            .eq(said.iter().map(|said| DbTime(said.created_at)).next_back()),
                        rooms::ended_at.eq(ended_at.map(DbTime)),
                        rooms::updated_at.eq(DbTime(now)),
                    ))
                    .returning(RoomRow::as_returning())
                    .prepared()
                    .get_result(conn)
                    .await?;
                row.try_into().map_err(Abort::Error)
            })
        })
        .await
    }

    async fn broken(&self) -> Result<Vec<Broken>, StoreError> {
        self.snapshot(|conn| {
            Box::pin(async move {
                conn.batch_execute(UNHURRIED).await?;
                super::rules::broken(conn).await
            })
        })
        .await
    }
}
