//! Idempotency keys: claimed inside the transaction that they guard.

use super::fragments::Prepare;
use super::{Conn, Db, Store};
use crate::schema::{idempotency, messages, turns};
use crate::types::{DbId, DbTime};
use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use maru_domain::clock::Timestamp;
use maru_domain::error::StoreError;
use maru_domain::ids::{KeyId, RoomId, SessionId, TurnId, UserId};
use maru_domain::once::{KEPT_FOR, KeptAnswer, Once, OnceKey, OnceStore};

/// What the guarded transaction makes.
pub enum Guarded {
    Turn(TurnId),
    Session(SessionId),
    /// An API key; its id stands where a session's does.
    Key(KeyId),
    /// Nothing: what is done may be done twice without harm.
    Nothing,
    /// A room, to be named by `note_room` once it is known.
    Room,
}

/// What an earlier transaction under the key has made.
pub struct Before {
    pub turn_id: Option<TurnId>,
    pub session_id: Option<SessionId>,
    pub room_id: Option<RoomId>,
    pub opened: bool,
}

/// What became of a claim.
pub enum Begun {
    /// The key is ours: go on.
    First,
    /// The key is ours already: answer what was made then.
    Again(Before),
    /// The key stands for another request.
    Reused,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = idempotency, check_for_backend(Db))]
struct KeyRow {
    fingerprint: Vec<u8>,
    turn_id: Option<DbId>,
    session_id: Option<DbId>,
    room_id: Option<DbId>,
    opened: bool,
    status: Option<i32>,
    body: Option<String>,
}

/// Claims a key. Of two transactions at the same instant one waits for the other at the insert.
pub async fn begin(conn: &mut Conn, once: &OnceKey, made: Guarded, now: Timestamp) -> QueryResult<Begun> {
    let (turn_id, session_id) = match made {
        Guarded::Turn(id) => (Some(DbId(id.0)), None),
        Guarded::Session(id) => (None, Some(DbId(id.0))),
        Guarded::Key(id) => (None, Some(DbId(id.0))),
        Guarded::Room | Guarded::Nothing => (None, None),
    };
    let expires_at = now.checked_add(KEPT_FOR).unwrap_or(now);
    // A key whose time is over stands for nothing any more, purged or not.
    let expired = idempotency::table
        .filter(idempotency::scope.eq(&once.scope))
        .filter(idempotency::route.eq(&once.route))
        .filter(idempotency::key.eq(&once.key))
        .filter(idempotency::expires_at.le(DbTime(now)));
    diesel::delete(expired).execute(conn).await?;
    if insert(conn, once, turn_id, session_id, now, expires_at).await? {
        return Ok(Begun::First);
    }
    let row = match find(conn, once).await? {
        // Taken back between our insert and our look.
        None if insert(conn, once, turn_id, session_id, now, expires_at).await? => return Ok(Begun::First),
        row => row,
    };
    Ok(match row {
        Some(row) if row.fingerprint == once.fingerprint => Begun::Again(Before {
            turn_id: row.turn_id.map(|id| TurnId(id.0)),
            session_id: row.session_id.map(|id| SessionId(id.0)),
            room_id: row.room_id.map(|id| RoomId(id.0)),
            opened: row.opened,
        }),
        _ => Begun::Reused,
    })
}

/// True when the key was free and is ours now.
async fn insert(
    conn: &mut Conn,
    once: &OnceKey,
    turn_id: Option<DbId>,
    session_id: Option<DbId>,
    now: Timestamp,
    expires_at: Timestamp,
) -> QueryResult<bool> {
    let claimed = diesel::insert_into(idempotency::table)
        .values((
            idempotency::scope.eq(&once.scope),
            idempotency::route.eq(&once.route),
            idempotency::key.eq(&once.key),
            idempotency::fingerprint.eq(&once.fingerprint),
            idempotency::turn_id.eq(turn_id),
            idempotency::session_id.eq(session_id),
            idempotency::opened.eq(false),
            idempotency::created_at.eq(DbTime(now)),
            idempotency::expires_at.eq(DbTime(expires_at)),
        ))
        .on_conflict_do_nothing()
        .prepared()
        .execute(conn)
        .await?;
    Ok(claimed > 0)
}

async fn find(conn: &mut Conn, once: &OnceKey) -> QueryResult<Option<KeyRow>> {
    idempotency::table
        .filter(idempotency::scope.eq(&once.scope))
        .filter(idempotency::route.eq(&once.route))
        .filter(idempotency::key.eq(&once.key))
        .select(KeyRow::as_select())
        .first(conn)
        .await
        .optional()
}

/// Notes that the guarded send has opened its room, for the status of a replay.
pub async fn note_opened(conn: &mut Conn, once: &OnceKey) -> QueryResult<()> {
    let row = idempotency::table
        .filter(idempotency::scope.eq(&once.scope))
        .filter(idempotency::route.eq(&once.route))
        .filter(idempotency::key.eq(&once.key));
    diesel::update(row).set(idempotency::opened.eq(true)).prepared().execute(conn).await?;
    Ok(())
}

/// Names the room that the guarded transaction has changed.
pub async fn note_room(conn: &mut Conn, once: &OnceKey, room: DbId) -> QueryResult<()> {
    let row = idempotency::table
        .filter(idempotency::scope.eq(&once.scope))
        .filter(idempotency::route.eq(&once.route))
        .filter(idempotency::key.eq(&once.key));
    diesel::update(row).set(idempotency::room_id.eq(Some(room))).prepared().execute(conn).await?;
    Ok(())
}

/// Forgets the key of a turn that is taken back: a retry begins anew.
pub async fn forget_turn(conn: &mut Conn, turn: DbId) -> QueryResult<()> {
    diesel::delete(idempotency::table.filter(idempotency::turn_id.eq(Some(turn)))).execute(conn).await?;
    Ok(())
}

/// Forgets what was answered about what was said in a room from this place on: it is gone, or another text now. The keys
/// stay, so that a late retry brings nothing back. Comes before the rows go that it tells of.
pub async fn forget_answers(conn: &mut Conn, room: DbId, from: i64) -> QueryResult<()> {
    let nothing = || (idempotency::status.eq(None::<i32>), idempotency::body.eq(None::<String>));
    let kept = idempotency::table.filter(idempotency::body.is_not_null());
    let told = turns::table.filter(turns::room_id.eq(room)).filter(turns::position.ge(from));
    let of_turns = kept.filter(idempotency::turn_id.eq_any(told.select(turns::id.nullable())));
    diesel::update(of_turns).set(nothing()).prepared().execute(conn).await?;
    // What nobody was to answer stands under its own id.
    let said = messages::table.filter(messages::room_id.eq(room)).filter(messages::seq.ge(from));
    let of_messages = kept.filter(idempotency::turn_id.eq_any(said.select(messages::id.nullable())));
    diesel::update(of_messages).set(nothing()).prepared().execute(conn).await?;
    Ok(())
}

/// Forgets all keys of a user who is deleted, with what was answered under them.
pub async fn forget_user(conn: &mut Conn, user: UserId) -> QueryResult<()> {
    diesel::delete(idempotency::table.filter(idempotency::scope.eq(user.to_string()))).execute(conn).await?;
    Ok(())
}

async fn keep(conn: &mut Conn, key: OnceKey, answer: KeptAnswer) -> QueryResult<()> {
    let row = idempotency::table
        .filter(idempotency::scope.eq(key.scope))
        .filter(idempotency::route.eq(key.route))
        .filter(idempotency::key.eq(key.key))
        .filter(idempotency::fingerprint.eq(key.fingerprint))
        // The first answer stands: a retry that came to another must not replace it.
        .filter(idempotency::status.is_null())
        // Deleted meanwhile: what was said is kept nowhere.
        .filter(
            idempotency::turn_id
                .is_null()
                .or(exists(turns::table.filter(turns::id.nullable().eq(idempotency::turn_id))))
                .or(exists(messages::table.filter(messages::id.nullable().eq(idempotency::turn_id)))),
        );
    diesel::update(row)
        .set((
            idempotency::status.eq(Some(i32::from(answer.status))),
            idempotency::body.eq(Some(answer.body)),
        ))
        .prepared()
        .execute(conn)
        .await?;
    Ok(())
}

#[async_trait]
impl OnceStore for Store {
    async fn kept(&self, key: OnceKey, now: Timestamp) -> Result<Once<Option<KeptAnswer>>, StoreError> {
        self.read(move |conn| {
            Box::pin(async move {
                let row: Option<(KeyRow, DbTime)> = idempotency::table
                    .filter(idempotency::scope.eq(&key.scope))
                    .filter(idempotency::route.eq(&key.route))
                    .filter(idempotency::key.eq(&key.key))
                    .select((KeyRow::as_select(), idempotency::expires_at))
                    .first(conn)
                    .await
                    .optional()?;
                Ok(match row.filter(|(_, expires_at)| expires_at.0 > now) {
                    None => Once::Done(None),
                    Some((row, _)) if row.fingerprint != key.fingerprint => Once::KeyReused,
                    Some((KeyRow { status: Some(status), body: Some(body), .. }, _)) => {
                        Once::Replayed(Some(KeptAnswer {
                            status: u16::try_from(status).unwrap_or(500),
                            body,
                        }))
                    }
                    Some(_) => Once::Replayed(None),
                })
            })
        })
        .await
    }

    async fn keep(&self, key: OnceKey, answer: KeptAnswer) -> Result<(), StoreError> {
        self.write(move |conn| Box::pin(async move { Ok(keep(conn, key, answer).await?) })).await
    }

    async fn note(&self, key: OnceKey, answer: KeptAnswer, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                begin(conn, &key, Guarded::Nothing, now).await?;
                Ok(keep(conn, key, answer).await?)
            })
        })
        .await
    }

    async fn purge(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let over = idempotency::table.filter(idempotency::expires_at.le(DbTime(now)));
                Ok(diesel::delete(over).execute(conn).await?)
            })
        })
        .await
    }
}
