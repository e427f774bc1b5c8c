//! Turns: looking, taking up, prompting, leases. How they end is in `turn_ends.rs`.

use super::fragments::{IsFree, IsNext, LeaseUntil, Prepare, Unfinished};
use super::turn_ends;
use super::{Conn, Db, Store};
use crate::error::Abort;
use crate::schema::{messages, rooms, turns};
use crate::types::{DbId, DbJson, DbTime};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use maru_domain::clock::Timestamp;
use maru_domain::error::StoreError;
use maru_domain::ids::{InstanceId, MessageId, RoomId, TurnId};
use maru_domain::messages::Role;
use maru_domain::rooms::RoomKind;
use maru_domain::turns::ports::{Checkpoint, Claimed, Ended, Ending, Finish, Lease, TurnStore, Written};
use maru_domain::turns::{
    PromptMessage, PromptSource, QuoteThread, Turn, TurnError, TurnOptions, TurnStatus, TurnView, Usage,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = turns, check_for_backend(Db))]
pub struct TurnRow {
    id: DbId,
    room_id: DbId,
    status: String,
    message_id: DbId,
    pub reply_id: DbId,
    position: i64,
    model: Option<String>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    error_code: Option<String>,
    error_detail: Option<String>,
    attempt: i32,
    fence: i64,
    cancel_requested: bool,
    withdraw_on_failure: bool,
    created_at: DbTime,
    finished_at: Option<DbTime>,
    options: DbJson,
    finish: Option<String>,
}

impl TryFrom<TurnRow> for Turn {
    type Error = StoreError;

    fn try_from(row: TurnRow) -> Result<Self, StoreError> {
        let status = TurnStatus::parse(&row.status)
            .ok_or_else(|| StoreError::Internal(format!("a turn of unknown status {}", row.status).into()))?;
        let usage = row.input_tokens.zip(row.output_tokens);
        let error = row.error_code.zip(row.error_detail);
        Ok(Self {
            id: TurnId(row.id.0),
            room_id: RoomId(row.room_id.0),
            status,
            message_id: MessageId(row.message_id.0),
            reply_id: MessageId(row.reply_id.0),
            position: row.position,
            model: row.model,
            usage: usage.map(|(input_tokens, output_tokens)| Usage { input_tokens, output_tokens }),
            error: error.map(|(code, detail)| TurnError { code, detail }),
            attempt: row.attempt,
            fence: row.fence,
            cancel_requested: row.cancel_requested,
            withdraw_on_failure: row.withdraw_on_failure,
            created_at: row.created_at.0,
            finished_at: row.finished_at.map(|at| at.0),
            options: options_of(row.options)?,
            finish: row.finish.as_deref().and_then(Finish::parse),
        })
    }
}

/// What was asked of a turn.
pub fn options_of(json: DbJson) -> Result<TurnOptions, StoreError> {
    serde_json::from_value(json.0.into()).map_err(|error| StoreError::Internal(error.into()))
}

/// What was asked of a turn, as it is stored.
pub fn kept_options(options: &TurnOptions) -> QueryResult<DbJson> {
    let object = serde_json::to_string(options).and_then(|text| serde_json::from_str(&text));
    object.map(DbJson).map_err(|error| diesel::result::Error::SerializationError(error.into()))
}

pub async fn view_of(conn: &mut Conn, turn: TurnId) -> Result<Option<TurnView>, StoreError> {
    let found: Option<(TurnRow, Option<String>, Option<DbJson>)> = turns::table
        .left_join(messages::table.on(messages::id.eq(turns::reply_id)))
        .filter(turns::id.eq(DbId(turn.0)))
        .select((TurnRow::as_select(), messages::content.nullable(), messages::quote.nullable()))
        .first(conn)
        .await
        .optional()
        .map_err(crate::error::from_diesel)?;
    found
        .map(|(row, reply, quote)| {
            // A turn whose reply was deleted is still a turn.
            let quote = super::quotes::of_message(quote)?;
            Ok(TurnView { turn: row.try_into()?, reply: reply.unwrap_or_default(), quote })
        })
        .transpose()
}

type Claims = Vec<Claimed>;

/// Takes up the oldest unfinished turn of each room whose lease is free.
async fn claim(
    conn: &mut Conn,
    lease: Lease,
    room: Option<RoomId>,
    limit: i64,
) -> Result<Claims, Abort<Claims>> {
    // Turns that wait behind another are no candidates: they must not use up the limit.
    let mut candidates = turns::table
        .filter(Unfinished)
        .filter(IsFree)
        .filter(IsNext)
        .order((turns::created_at.asc(), turns::id.asc()))
        .limit(limit)
        .select((turns::id, turns::fence))
        .into_boxed();
    if let Some(room) = room {
        candidates = candidates.filter(turns::room_id.eq(DbId(room.0)));
    }
    let candidates: Vec<(DbId, i64)> = candidates.load(conn).await?;
    let mut claims = Vec::new();
    for (id, fence) in candidates {
        // The fence tells whether somebody else was quicker since the candidates were read.
        let taken: Option<TurnRow> = diesel::update(
            turns::table
                .filter(turns::id.eq(id))
                .filter(turns::fence.eq(fence))
                .filter(Unfinished)
                .filter(IsFree),
        )
        .set((
            turns::lease_owner.eq(Some(lease.owner.0.clone())),
            turns::lease_until.eq(LeaseUntil::of(&lease)),
            turns::fence.eq(turns::fence + 1),
            turns::attempt.eq(turns::attempt + 1),
        ))
        .returning(TurnRow::as_returning())
        .prepared()
        .get_result(conn)
        .await
        .optional()?;
        if let Some(row) = taken {
            let reply: String = messages::table
                .filter(messages::id.eq(row.reply_id))
                .select(messages::content)
                .first(conn)
                .await?;
            claims.push(Claimed { turn: row.try_into()?, reply });
        }
    }
    Ok(claims)
}

type Source = Option<PromptSource>;
/// Room, position, the turn's model and options; the room's model, prompt, kind and public id.
type Past = (DbId, i64, Option<String>, DbJson, Option<String>, String, String, Option<String>);

async fn prompt(conn: &mut Conn, turn: TurnId, max_messages: i64) -> Result<Source, Abort<Source>> {
    let found: Option<Past> = turns::table
        .inner_join(rooms::table.on(rooms::id.eq(turns::room_id)))
        .filter(turns::id.eq(DbId(turn.0)))
        .select((
            turns::room_id,
            turns::position,
            turns::model,
            turns::options,
            rooms::model,
            rooms::system_prompt,
            rooms::kind,
            rooms::public_id,
        ))
        .first(conn)
        .await
        .optional()?;
    let Some((room, position, turn_model, options, room_model, system_prompt, kind, public_id)) = found
    else {
        return Ok(None);
    };
    // Cancelled turns are left out of what the model is told (contract §4.3), empty replies too.
    let rows: Vec<(String, String)> = messages::table
        .left_join(turns::table.on(messages::turn_id.eq(turns::id.nullable())))
        .filter(messages::room_id.eq(room))
        .filter(messages::seq.le(position))
        .filter(messages::deleted_at.is_null())
        .filter(messages::content.ne(""))
        .filter(turns::status.is_null().or(turns::status.ne(TurnStatus::Cancelled.as_str())))
        .order(messages::seq.desc())
        .limit(max_messages)
        .select((messages::role, messages::content))
        .load(conn)
        .await?;
    let messages = rows.into_iter().rev().map(|(role, content)| {
        let role =
            Role::parse(&role).ok_or_else(|| StoreError::Internal("a message of unknown role".into()))?;
        Ok(PromptMessage { role, content })
    });
    let thread = if kind == RoomKind::Quote.as_str() {
        let said = said_until(conn, room, position).await?;
        Some(QuoteThread { public_id: public_id.unwrap_or_default(), said })
    } else {
        None
    };
    Ok(Some(PromptSource {
        room_id: RoomId(room.0),
        system_prompt,
        model: turn_model.or(room_model),
        messages: messages.collect::<Result<_, StoreError>>()?,
        thread,
        options: options_of(options)?,
    }))
}

/// Everything that a person has said in a room up to a place in it, oldest first.
async fn said_until(conn: &mut Conn, room: DbId, position: i64) -> QueryResult<Vec<String>> {
    messages::table
        .filter(messages::room_id.eq(room))
        .filter(messages::seq.le(position))
        .filter(messages::role.eq(Role::User.as_str()))
        .order(messages::seq.asc())
        .select(messages::content)
        .load(conn)
        .await
}

#[async_trait]
impl TurnStore for Store {
    async fn find(&self, turn: TurnId) -> Result<Option<TurnView>, StoreError> {
        self.look(move |conn| Box::pin(async move { Ok(view_of(conn, turn).await?) })).await
    }

    async fn first(&self, room: RoomId) -> Result<Option<TurnView>, StoreError> {
        self.snapshot(move |conn| {
            Box::pin(async move {
                let first: Option<DbId> = turns::table
                    .filter(turns::room_id.eq(DbId(room.0)))
                    .order(turns::position.asc())
                    .select(turns::id)
                    .first(conn)
                    .await
                    .optional()?;
                match first {
                    Some(turn) => Ok(view_of(conn, TurnId(turn.0)).await?),
                    None => Ok(None),
                }
            })
        })
        .await
    }

    async fn delete(&self, turn: TurnId, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |conn| Box::pin(turn_ends::delete(conn, turn, now))).await
    }

    async fn claim(
        &self,
        lease: Lease,
        room: Option<RoomId>,
        limit: i64,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.write(move |conn| Box::pin(claim(conn, lease, room, limit))).await
    }

    async fn prompt(&self, turn: TurnId, max_messages: i64) -> Result<Option<PromptSource>, StoreError> {
        self.snapshot(move |conn| Box::pin(prompt(conn, turn, max_messages))).await
    }

    async fn checkpoint(&self, checkpoint: Checkpoint) -> Result<Written, StoreError> {
        self.write(move |conn| Box::pin(turn_ends::checkpoint(conn, checkpoint))).await
    }

    async fn finish(&self, ending: Ending) -> Result<Option<Ended>, StoreError> {
        self.write(move |conn| Box::pin(turn_ends::finish(conn, ending))).await
    }

    async fn unfinished(&self, room: RoomId) -> Result<Vec<TurnId>, StoreError> {
        self.read(move |conn| {
            Box::pin(async move {
                let found: Vec<DbId> = turns::table
                    .filter(turns::room_id.eq(DbId(room.0)))
                    .filter(Unfinished)
                    .order(turns::position.asc())
                    .select(turns::id)
                    .load(conn)
                    .await?;
                Ok(found.into_iter().map(|id| TurnId(id.0)).collect())
            })
        })
        .await
    }

    async fn request_cancel(&self, turn: TurnId, now: Timestamp) -> Result<Option<TurnView>, StoreError> {
        self.write(move |conn| Box::pin(turn_ends::request_cancel(conn, turn, now))).await
    }

    async fn force_cancel(&self, turn: TurnId, now: Timestamp) -> Result<Option<TurnView>, StoreError> {
        self.write(move |conn| Box::pin(turn_ends::force_cancel(conn, turn, now))).await
    }

    async fn renew(&self, lease: Lease, running: Vec<TurnId>) -> Result<Vec<TurnId>, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let mine = turns::table
                    .filter(turns::lease_owner.eq(lease.owner.0.clone()))
                    .filter(turns::id.eq_any(running.iter().map(|turn| DbId(turn.0))))
                    .filter(Unfinished);
                let renewed: Vec<(DbId, bool)> = diesel::update(mine)
                    .set(turns::lease_until.eq(LeaseUntil::of(&lease)))
                    .returning((turns::id, turns::cancel_requested))
                    .load(conn)
                    .await?;
                let go_on = |turn: &TurnId| renewed.iter().any(|(id, cancel)| id.0 == turn.0 && !cancel);
                Ok(running.into_iter().filter(|turn| !go_on(turn)).collect())
            })
        })
        .await
    }

    async fn release(&self, turn: TurnId, fence: i64) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                // A turn given back in order has not failed: the attempt does not count.
                let given = diesel::update(
                    turns::table
                        .filter(turns::id.eq(DbId(turn.0)))
                        .filter(turns::fence.eq(fence))
                        .filter(turns::lease_owner.is_not_null())
                        .filter(turns::status.eq(TurnStatus::Pending.as_str())),
                )
                .set((
                    turns::lease_owner.eq(None::<String>),
                    turns::lease_until.eq(None::<DbTime>),
                    turns::attempt.eq(turns::attempt - 1),
                ))
                .prepared()
                .execute(conn)
                .await?;
                Ok(given > 0)
            })
        })
        .await
    }

    async fn void_leases(&self, except: InstanceId) -> Result<usize, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let others = turns::table.filter(turns::lease_owner.ne(except.0)).filter(Unfinished);
                Ok(diesel::update(others)
                    .set((turns::lease_owner.eq(None::<String>), turns::lease_until.eq(None::<DbTime>)))
                    .prepared()
                    .execute(conn)
                    .await?)
            })
        })
        .await
    }
}
