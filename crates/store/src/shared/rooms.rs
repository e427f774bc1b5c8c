//! Rooms.

use super::fragments::{OpenSession, Prepare, Unfinished};
use super::idempotency::{Begun, Guarded, begin, forget_answers, note_room};
use super::turns::TurnRow;
use super::{Conn, Db, Store, room_changes, room_lists};
use crate::error::Abort;
use crate::schema::{rooms, turns};
use crate::types::{DbId, DbJson, DbTime, objects};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use maru_domain::clock::Timestamp;
use maru_domain::error::StoreError;
use maru_domain::events::RoomEventKind;
use maru_domain::ids::{RoomId, RoomRef, TurnId, UserId};
use maru_domain::once::{Once, OnceKey};
use maru_domain::page::{Page, PageRequest};
use maru_domain::rooms::ports::{
    Changed, Conversation, NewRoom, RoomChange, RoomKey, RoomName, RoomStore, Shelf,
};
use maru_domain::rooms::{Room, RoomKind, TurnPolicy};
use maru_domain::turns::Turn;

/// Rooms that were not taken away by [`hide`].
macro_rules! there {
    () => {
        rooms::table.filter(rooms::deleted_at.is_null())
    };
}
pub(crate) use there;

#[derive(Queryable, Selectable)]
#[diesel(table_name = rooms, check_for_backend(Db))]
pub struct RoomRow {
    pub number: i64,
    pub id: DbId,
    pub kind: String,
    pub owner_id: Option<DbId>,
    pub public_id: Option<String>,
    pub name: String,
    pub system_prompt: String,
    pub model: Option<String>,
    pub turn_policy: String,
    pub metadata: DbJson,
    pub created_at: DbTime,
    pub updated_at: DbTime,
    pub last_message_at: Option<DbTime>,
    pub ended_at: Option<DbTime>,
    pub version: i64,
    pub last_seq: i64,
    pub last_message_seq: i64,
    pub message_count: i64,
}

impl TryFrom<RoomRow> for Room {
    type Error = StoreError;

    fn try_from(row: RoomRow) -> Result<Self, StoreError> {
        let unknown =
            |what: &str| StoreError::Internal(format!("room {} has an unknown {what}", row.number).into());
        Ok(Self {
            id: RoomId(row.id.0),
            number: row.number,
            kind: RoomKind::parse(&row.kind).ok_or_else(|| unknown("kind"))?,
            owner: row.owner_id.map(|id| UserId(id.0)),
            turn_policy: TurnPolicy::parse(&row.turn_policy).ok_or_else(|| unknown("turn policy"))?,
            public_id: row.public_id,
            name: row.name,
            system_prompt: row.system_prompt,
            model: row.model,
            metadata: row.metadata.0,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            last_message_at: row.last_message_at.map(|at| at.0),
            ended_at: row.ended_at.map(|at| at.0),
            version: row.version,
            last_seq: row.last_seq,
            message_count: row.message_count,
        })
    }
}

#[derive(Insertable)]
#[diesel(table_name = rooms, treat_none_as_default_value = false)]
struct NewRow {
    id: DbId,
    kind: &'static str,
    owner_id: Option<DbId>,
    public_id: Option<String>,
    name: String,
    system_prompt: String,
    model: Option<String>,
    turn_policy: &'static str,
    metadata: DbJson,
    created_at: DbTime,
    updated_at: DbTime,
    version: i64,
    last_seq: i64,
    last_message_seq: i64,
    message_count: i64,
}

impl From<NewRoom> for NewRow {
    fn from(room: NewRoom) -> Self {
        Self {
            id: DbId(room.id.0),
            kind: room.kind.as_str(),
            owner_id: room.owner.map(|owner| DbId(owner.0)),
            public_id: room.public_id,
            name: room.name,
            system_prompt: room.system_prompt,
            model: room.model,
            turn_policy: room.turn_policy.as_str(),
            metadata: DbJson(room.metadata),
            created_at: DbTime(room.created_at),
            updated_at: DbTime(room.created_at),
            version: 1,
            last_seq: 0,
            last_message_seq: 0,
            message_count: 0,
        }
    }
}

/// Inserts a room unless a unique index forbids it: of two sessions of one owner at the same instant the
/// second insert does nothing.
pub async fn insert_if_free(conn: &mut Conn, room: NewRoom) -> QueryResult<Option<RoomRow>> {
    diesel::insert_into(rooms::table)
        .values(NewRow::from(room))
        .on_conflict_do_nothing()
        .returning(RoomRow::as_returning())
        .prepared()
        .get_result(conn)
        .await
        .optional()
}

async fn create(
    conn: &mut Conn,
    room: NewRoom,
    once: Option<OnceKey>,
) -> Result<Once<Room>, Abort<Once<Room>>> {
    if let Some(once) = &once {
        match begin(conn, once, Guarded::Room, room.created_at).await? {
            Begun::First => note_room(conn, once, DbId(room.id.0)).await?,
            Begun::Reused => return Ok(Once::KeyReused),
            Begun::Again(before) => {
                let before = before.room_id.ok_or(Abort::With(Once::KeyReused))?;
                // A room that was deleted since is not made again: the retry is late.
                let row = by_id(conn, before).await?.ok_or(Abort::With(Once::KeyReused))?;
                return Ok(Once::Replayed(row.try_into()?));
            }
        }
    }
    let row: RoomRow = diesel::insert_into(rooms::table)
        .values(NewRow::from(room))
        .returning(RoomRow::as_returning())
        .prepared()
        .get_result(conn)
        .await?;
    Ok(Once::Done(row.try_into()?))
}

pub async fn by_id(conn: &mut Conn, id: RoomId) -> QueryResult<Option<RoomRow>> {
    there!().filter(rooms::id.eq(DbId(id.0))).select(RoomRow::as_select()).first(conn).await.optional()
}

/// The rooms of these ids that are there, in any order.
pub async fn by_ids(conn: &mut Conn, ids: &[DbId]) -> QueryResult<Vec<RoomRow>> {
    there!().filter(rooms::id.eq_any(ids)).select(RoomRow::as_select()).load(conn).await
}

/// The room of that name. In the words of the partial indexes.
pub async fn by_name(conn: &mut Conn, name: &RoomName) -> QueryResult<Option<RoomRow>> {
    let rows = there!()
        .filter(rooms::kind.eq(name.kind.as_str()))
        .filter(rooms::public_id.eq(&name.public_id))
        .select(RoomRow::as_select());
    match name.owner {
        Some(owner) => rows.filter(rooms::owner_id.eq(DbId(owner.0))).first(conn).await.optional(),
        None => rows.filter(rooms::owner_id.is_null()).first(conn).await.optional(),
    }
}

type SessionEnd = Once<Option<Room>>;

async fn end_session(
    conn: &mut Conn,
    owner: UserId,
    once: Option<OnceKey>,
    now: Timestamp,
) -> Result<SessionEnd, Abort<SessionEnd>> {
    if let Some(once) = &once {
        match begin(conn, once, Guarded::Room, now).await? {
            Begun::First => {}
            Begun::Reused => return Ok(Once::KeyReused),
            Begun::Again(before) => {
                let Some(id) = before.room_id else { return Ok(Once::Replayed(None)) };
                let row = by_id(conn, id).await?;
                return Ok(Once::Replayed(row.map(Room::try_from).transpose()?));
            }
        }
    }
    let open = rooms::table.filter(rooms::owner_id.eq(DbId(owner.0))).filter(OpenSession);
    let row: Option<RoomRow> = diesel::update(open)
        .set((
            rooms::ended_at.eq(Some(DbTime(now))),
            rooms::updated_at.eq(DbTime(now)),
            rooms::version.eq(rooms::version + 1),
            rooms::last_seq.eq(rooms::last_seq + 1),
        ))
        .returning(RoomRow::as_returning())
        .prepared()
        .get_result(conn)
        .await
        .optional()?;
    // Nothing was done, so the key stands for nothing.
    let row = row.ok_or(Abort::With(Once::Done(None)))?;
    if let Some(once) = &once {
        note_room(conn, once, row.id).await?;
    }
    let events = [(RoomEventKind::RoomUpdated, row.id.0)];
    super::room_events::append(conn, row.id, row.last_seq, now, &events).await?;
    Ok(Once::Done(Some(row.try_into()?)))
}

#[async_trait]
impl RoomStore for Store {
    async fn create(&self, room: NewRoom, once: Option<OnceKey>) -> Result<Once<Room>, StoreError> {
        self.write(move |conn| Box::pin(create(conn, room, once))).await
    }

    async fn page(&self, owner: UserId, request: PageRequest<RoomKey>) -> Result<Page<Room>, StoreError> {
        self.read(move |conn| Box::pin(room_lists::page(conn, owner, request))).await
    }

    async fn numbered(&self, shelf: Shelf, request: PageRequest<i64>) -> Result<Page<Room>, StoreError> {
        self.read(move |conn| Box::pin(room_lists::numbered(conn, shelf, request))).await
    }

    async fn completions(
        &self,
        owner: UserId,
        model: Option<String>,
        request: PageRequest<i64>,
    ) -> Result<Page<Room>, StoreError> {
        self.read(move |conn| Box::pin(room_lists::completions(conn, owner, model, request))).await
    }

    async fn change(&self, new: RoomChange) -> Result<Option<Changed>, StoreError> {
        self.write(move |conn| Box::pin(room_changes::change(conn, new))).await
    }

    async fn find(&self, room: RoomRef) -> Result<Option<Room>, StoreError> {
        match room {
            RoomRef::Id(id) => self.room(id).await,
            RoomRef::Number(number) => {
                self.look(move |conn| {
                    Box::pin(async move {
                        let one = there!().filter(rooms::number.eq(number)).select(RoomRow::as_select());
                        let row: Option<RoomRow> = one.first(conn).await.optional()?;
                        Ok(row.map(Room::try_from).transpose()?)
                    })
                })
                .await
            }
        }
    }

    async fn named(&self, name: RoomName) -> Result<Option<Room>, StoreError> {
        self.look(move |conn| {
            Box::pin(async move { Ok(by_name(conn, &name).await?.map(Room::try_from).transpose()?) })
        })
        .await
    }

    async fn of_client(
        &self,
        kind: RoomKind,
        owner: Option<UserId>,
        user_id: String,
    ) -> Result<Vec<Room>, StoreError> {
        self.read(move |conn| Box::pin(room_lists::of_client(conn, kind, owner, user_id))).await
    }

    async fn hide(&self, room: RoomId, now: Timestamp) -> Result<Option<Vec<TurnId>>, StoreError> {
        self.write(move |conn| Box::pin(room_changes::hide(conn, room, now))).await
    }

    async fn owned(&self, owner: UserId) -> Result<Vec<Room>, StoreError> {
        self.read(move |conn| {
            Box::pin(async move {
                let rows: Vec<RoomRow> = there!()
                    .filter(rooms::owner_id.eq(DbId(owner.0)))
                    .order(rooms::number.asc())
                    .select(RoomRow::as_select())
                    .load(conn)
                    .await?;
                Ok(objects(rows)?)
            })
        })
        .await
    }

    async fn conversation(&self, room: RoomId) -> Result<Option<Conversation>, StoreError> {
        self.snapshot(move |conn| Box::pin(room_lists::conversation(conn, room))).await
    }

    async fn conversations(&self, rooms: Vec<RoomId>) -> Result<Vec<Conversation>, StoreError> {
        self.snapshot(move |conn| Box::pin(room_lists::conversations(conn, rooms))).await
    }

    async fn end_session(
        &self,
        owner: UserId,
        once: Option<OnceKey>,
        now: Timestamp,
    ) -> Result<SessionEnd, StoreError> {
        self.write(move |conn| Box::pin(end_session(conn, owner, once, now))).await
    }

    async fn delete(&self, room: RoomId) -> Result<Option<Vec<Turn>>, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                // Held first, as by a send: a turn stored since would go untold.
                diesel::update(rooms::table.filter(rooms::id.eq(DbId(room.0))))
                    .set(rooms::version.eq(rooms::version))
                    .prepared()
                    .execute(conn)
                    .await?;
                let unfinished: Vec<TurnRow> = turns::table
                    .filter(turns::room_id.eq(DbId(room.0)))
                    .filter(Unfinished)
                    .select(TurnRow::as_select())
                    .load(conn)
                    .await?;
                forget_answers(conn, DbId(room.0), 0).await?;
                let gone =
                    diesel::delete(rooms::table.filter(rooms::id.eq(DbId(room.0)))).execute(conn).await?;
                let unfinished = objects(unfinished)?;
                Ok((gone > 0).then_some(unfinished))
            })
        })
        .await
    }
}
