//! Messages: the send, in one transaction, and the edit.

use super::entering::enter_room;
use super::fragments::{LeaseUntil, Prepare, Unfinished};
use super::idempotency::{Begun, Guarded, begin, note_opened};
use super::rooms::RoomRow;
use super::turns::{TurnRow, kept_options, view_of};
use super::{Conn, Db, Store};
use super::{message_changes, told};
use crate::error::Abort;
use crate::schema::{messages, rooms, turns};
use crate::types::{DbId, DbJson, DbTime};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use maru_domain::clock::Timestamp;
use maru_domain::error::StoreError;
use maru_domain::events::RoomEventKind;
use maru_domain::fail_point;
use maru_domain::ids::{MessageId, RoomId, TurnId};
use maru_domain::messages::ports::{
    AddOutcome, Edit, MessageStore, NewSend, NewTold, Regenerate, SendOutcome, Sent, TellOutcome,
};
use maru_domain::messages::{Message, MessageStatus, Role};
use maru_domain::once::Once;
use maru_domain::page::{Page, PageRequest};
use maru_domain::plcs::{MessagePlc, PlcUuid};
use maru_domain::rooms::TurnPolicy;
use maru_domain::turns::{TurnOptions, TurnStatus};
use serde_json::Map;

#[derive(Queryable, Selectable)]
#[diesel(table_name = messages, check_for_backend(Db))]
pub struct MessageRow {
    number: i64,
    pub id: DbId,
    room_id: DbId,
    pub seq: i64,
    turn_id: Option<DbId>,
    role: String,
    content: String,
    status: String,
    metadata: DbJson,
    created_at: DbTime,
    updated_at: DbTime,
    edited_at: Option<DbTime>,
    quote: Option<DbJson>,
    pub plc_uuid: Option<String>,
    plc_snapshot: Option<DbJson>,
}

impl TryFrom<MessageRow> for Message {
    type Error = StoreError;

    fn try_from(row: MessageRow) -> Result<Self, StoreError> {
        let unknown =
            |what: &str| StoreError::Internal(format!("message {} has an unknown {what}", row.number).into());
        Ok(Self {
            role: Role::parse(&row.role).ok_or_else(|| unknown("role"))?,
            status: MessageStatus::parse(&row.status).ok_or_else(|| unknown("status"))?,
            id: MessageId(row.id.0),
            number: row.number,
            room_id: RoomId(row.room_id.0),
            seq: row.seq,
            turn_id: row.turn_id.map(|id| TurnId(id.0)),
            content: row.content,
            quote: super::quotes::of_message(row.quote)?,
            plc: match row.plc_uuid {
                Some(uuid) => Some(MessagePlc::new(
                    PlcUuid(uuid),
                    row.plc_snapshot.map(super::plcs::from_json).transpose()?,
                )),
                None => None,
            },
            metadata: row.metadata.0,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            edited_at: row.edited_at.map(|at| at.0),
        })
    }
}

pub type Sending<T> = Result<T, Abort<SendOutcome>>;

async fn send(conn: &mut Conn, send: NewSend) -> Sending<SendOutcome> {
    if let Some(once) = &send.once {
        match begin(conn, once, Guarded::Turn(send.turn_id), send.now).await? {
            Begun::First => {}
            Begun::Reused => return Ok(SendOutcome::Stored(Once::KeyReused)),
            Begun::Again(before) => return replay(conn, before.turn_id, before.opened).await,
        }
    }
    let (room, opened) = enter_room(conn, &send).await?;
    if let (true, Some(once)) = (opened, &send.once) {
        note_opened(conn, once).await?;
    }
    if let Some(turn) = told::said_before(conn, &send, room.id).await? {
        return Err(Abort::With(replay(conn, turn, false).await?));
    }
    let interrupted = make_way(conn, &send, &room).await?;
    let claimed = interrupted.is_none();
    let snapshot = plc_snapshot(conn, &send).await?.ok_or(Abort::With(SendOutcome::PlcMissing))?;
    told::insert(conn, &send.told, room.id, room.last_message_seq - 2, send.now).await?;
    let message =
        insert_message(conn, &send, room.id, Said::ByPerson(snapshot), room.last_message_seq - 1).await?;
    fail_point!("turn.after_insert");
    insert_message(conn, &send, room.id, Said::ByModel, room.last_message_seq).await?;
    let turn = insert_turn(conn, &send, room.id, room.last_message_seq - 1, claimed).await?;
    let created = send.told.iter().map(|told| told.id).chain([send.message_id, send.reply_id]);
    let mut events: Vec<_> = created.map(|id| (RoomEventKind::MessageCreated, id.0)).collect();
    events.push((RoomEventKind::TurnStarted, send.turn_id.0));
    super::room_events::append(conn, room.id, room.last_seq, send.now, &events).await?;
    fail_point!("turn.before_commit");
    let sent = Sent {
        room: room.try_into()?,
        message: message.try_into()?,
        turn: turn.try_into()?,
        opened,
        claimed,
        interrupted: interrupted.unwrap_or_default(),
    };
    Ok(SendOutcome::Stored(Once::Done(Box::new(sent))))
}

/// When the newest of a room's messages was said; null when none is left.
macro_rules! last_said {
    ($room:expr) => {
        messages::table
            .filter(messages::room_id.eq($room))
            .filter(messages::deleted_at.is_null())
            .order(messages::seq.desc())
            .select(messages::created_at)
            .limit(1)
            .single_value()
    };
}
pub(crate) use last_said;

pub async fn room_exists(conn: &mut Conn, room: DbId) -> QueryResult<bool> {
    let there = rooms::table.filter(rooms::id.eq(room)).filter(rooms::deleted_at.is_null());
    diesel::select(diesel::dsl::exists(there)).get_result(conn).await
}

/// Looks at the turns that are not over. `None` when there are none and the new turn may run at
/// once; otherwise those that it interrupts.
async fn make_way(conn: &mut Conn, send: &NewSend, room: &RoomRow) -> Sending<Option<Vec<TurnId>>> {
    let waiting: Vec<DbId> = turns::table
        .filter(turns::room_id.eq(room.id))
        .filter(Unfinished)
        .order(turns::position.asc())
        .select(turns::id)
        .load(conn)
        .await?;
    if waiting.is_empty() {
        return Ok(None);
    }
    match TurnPolicy::parse(&room.turn_policy) {
        Some(TurnPolicy::Reject) => Err(Abort::With(SendOutcome::TurnInProgress)),
        Some(TurnPolicy::Interrupt) => {
            diesel::update(turns::table.filter(turns::id.eq_any(&waiting)))
                .set(turns::cancel_requested.eq(true))
                .execute(conn)
                .await?;
            Ok(Some(waiting.into_iter().map(|id| TurnId(id.0)).collect()))
        }
        _ if i64::try_from(waiting.len()).unwrap_or(i64::MAX) > send.queue_limit => {
            Err(Abort::With(SendOutcome::QueueFull))
        }
        _ => Ok(Some(Vec::new())),
    }
}

/// Which of the two messages of a send.
pub enum Said {
    /// The person's, with what it keeps of its PLC.
    ByPerson(Option<DbJson>),
    /// The reply-to-be. It names the PLC and keeps nothing of it (contract §4.1).
    ByModel,
}

/// What the message of a send keeps of its PLC, if it is about one. `None` when there is no such PLC.
pub async fn plc_snapshot(conn: &mut Conn, send: &NewSend) -> Result<Option<Option<DbJson>>, StoreError> {
    match &send.plc {
        None => Ok(Some(None)),
        Some(plc) => Ok(super::plcs::snapshot(conn, plc).await?.map(Some)),
    }
}

pub async fn insert_message(
    conn: &mut Conn,
    send: &NewSend,
    room: DbId,
    said: Said,
    seq: i64,
) -> QueryResult<MessageRow> {
    let client_id = send.client_id.clone().filter(|_| matches!(said, Said::ByPerson(_)));
    let (id, role, content, status, metadata, snapshot) = match said {
        Said::ByPerson(snapshot) => {
            let (content, metadata) = (send.content.as_str(), send.metadata.clone());
            (send.message_id, Role::User, content, MessageStatus::Completed, metadata, snapshot)
        }
        Said::ByModel => (send.reply_id, Role::Assistant, "", MessageStatus::Pending, Map::new(), None),
    };
    diesel::insert_into(messages::table)
        .values((
            messages::id.eq(DbId(id.0)),
            messages::room_id.eq(room),
            messages::seq.eq(seq),
            messages::turn_id.eq(Some(DbId(send.turn_id.0))),
            messages::role.eq(role.as_str()),
            messages::content.eq(content),
            messages::status.eq(status.as_str()),
            messages::metadata.eq(DbJson(metadata)),
            messages::plc_uuid.eq(send.plc.as_ref().map(|plc| plc.0.clone())),
            messages::plc_snapshot.eq(snapshot),
            messages::client_id.eq(client_id),
            messages::created_at.eq(DbTime(send.now)),
            messages::updated_at.eq(DbTime(send.now)),
        ))
        .returning(MessageRow::as_returning())
        .prepared()
        .get_result(conn)
        .await
}

pub async fn insert_turn(
    conn: &mut Conn,
    send: &NewSend,
    room: DbId,
    position: i64,
    claimed: bool,
) -> QueryResult<TurnRow> {
    let first = i32::from(claimed);
    let options = TurnOptions { model: send.model.clone(), ..send.options.clone() };
    let owner = claimed.then(|| send.lease.owner.0.clone());
    let until = if claimed { LeaseUntil::of(&send.lease) } else { LeaseUntil::none() };
    diesel::insert_into(turns::table)
        .values((
            (
                turns::id.eq(DbId(send.turn_id.0)),
                turns::room_id.eq(room),
                turns::status.eq(TurnStatus::Pending.as_str()),
                turns::message_id.eq(DbId(send.message_id.0)),
                turns::reply_id.eq(DbId(send.reply_id.0)),
                turns::position.eq(position),
                turns::model.eq(send.model.clone()),
                turns::attempt.eq(first),
                turns::fence.eq(i64::from(first)),
                turns::cancel_requested.eq(false),
                turns::withdraw_on_failure.eq(send.withdraw_on_failure),
                turns::created_at.eq(DbTime(send.now)),
            ),
            (
                turns::lease_owner.eq(owner),
                turns::lease_until.eq(until),
                turns::options.eq(kept_options(&options)?),
            ),
        ))
        .returning(TurnRow::as_returning())
        .prepared()
        .get_result(conn)
        .await
}

/// Answers what the first arrival has stored, as it is now.
pub async fn replay(conn: &mut Conn, turn: Option<TurnId>, opened: bool) -> Sending<SendOutcome> {
    let view = match turn {
        Some(turn) => view_of(conn, turn).await?,
        None => None,
    };
    let Some(view) = view else { return Ok(SendOutcome::RoomMissing) };
    let room: RoomRow = rooms::table
        .filter(rooms::id.eq(DbId(view.turn.room_id.0)))
        .select(RoomRow::as_select())
        .first(conn)
        .await?;
    let message: Option<MessageRow> = messages::table
        .filter(messages::id.eq(DbId(view.turn.message_id.0)))
        .filter(messages::deleted_at.is_null())
        .select(MessageRow::as_select())
        .first(conn)
        .await
        .optional()?;
    // Deleted since: a retry does not bring it back.
    let Some(message) = message else { return Ok(SendOutcome::MessageMissing) };
    let sent = Sent {
        room: room.try_into()?,
        message: message.try_into()?,
        turn: view.turn,
        opened,
        claimed: false,
        interrupted: Vec::new(),
    };
    Ok(SendOutcome::Stored(Once::Replayed(Box::new(sent))))
}

#[async_trait]
impl MessageStore for Store {
    async fn send(&self, new: NewSend) -> Result<SendOutcome, StoreError> {
        self.write(move |conn| Box::pin(send(conn, new))).await
    }

    async fn edit(&self, edit: Edit) -> Result<Option<Message>, StoreError> {
        self.write(move |conn| Box::pin(message_changes::edit(conn, edit))).await
    }

    async fn add(&self, add: NewSend) -> Result<AddOutcome, StoreError> {
        self.write(move |conn| Box::pin(message_changes::add(conn, add))).await
    }

    async fn tell(&self, new: NewTold) -> Result<TellOutcome, StoreError> {
        self.write(move |conn| Box::pin(told::tell(conn, new))).await
    }

    async fn of_client(&self, room: RoomId, client_id: String) -> Result<Option<Message>, StoreError> {
        self.read(move |conn| Box::pin(told::of_client(conn, room, client_id))).await
    }

    async fn regenerate(&self, again: Regenerate) -> Result<SendOutcome, StoreError> {
        self.write(move |conn| Box::pin(message_changes::regenerate(conn, again))).await
    }

    async fn page(&self, room: RoomId, request: PageRequest<i64>) -> Result<Page<Message>, StoreError> {
        self.read(move |conn| Box::pin(message_changes::page(conn, room, request))).await
    }

    async fn find(&self, room: RoomId, message: MessageId) -> Result<Option<Message>, StoreError> {
        self.look(move |conn| Box::pin(message_changes::find(conn, room, message))).await
    }

    async fn delete(&self, room: RoomId, message: MessageId, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |conn| Box::pin(message_changes::delete(conn, room, message, now))).await
    }
}
