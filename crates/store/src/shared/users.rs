//! Users.

use super::fragments::Prepare;
use super::idempotency::{Begun, Guarded, begin, forget_user};
use super::sessions::SessionRow;
use super::{Conn, Db, Store};
use crate::error::Abort;
use crate::schema::{sessions, users};
use crate::types::{DbId, DbTime};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use maru_domain::accounts::ports::{NewSession, NewUser, UserStore};
use maru_domain::accounts::{Credentials, Session, User};
use maru_domain::clock::Timestamp;
use maru_domain::error::StoreError;
use maru_domain::ids::{SessionId, UserId};
use maru_domain::once::{Once, OnceKey};

#[derive(Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(Db))]
pub struct UserRow {
    number: i64,
    id: DbId,
    username: String,
    email: String,
    active: bool,
    created_at: DbTime,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: UserId(row.id.0),
            number: row.number,
            username: row.username,
            email: row.email,
            active: row.active,
            created_at: row.created_at.0,
        }
    }
}

type Registered = Once<(User, Option<Session>)>;

async fn register(
    conn: &mut Conn,
    user: NewUser,
    session: Option<NewSession>,
    once: Option<OnceKey>,
) -> Result<Registered, Abort<Registered>> {
    if let (Some(once), Some(session)) = (&once, &session) {
        match begin(conn, once, Guarded::Session(session.id), user.created_at).await? {
            Begun::First => {}
            Begun::Reused => return Ok(Once::KeyReused),
            Begun::Again(before) => {
                let found = super::sessions::with_user(conn, before.session_id).await?;
                return Ok(
                    found.map_or(Once::KeyReused, |(session, user)| Once::Replayed((user, Some(session))))
                );
            }
        }
    }
    let row: UserRow = diesel::insert_into(users::table)
        .values((
            users::id.eq(DbId(user.id.0)),
            users::username.eq(user.username),
            users::email.eq(user.email),
            users::password_hash.eq(Some(user.password_hash)),
            users::active.eq(true),
            users::created_at.eq(DbTime(user.created_at)),
        ))
        .returning(UserRow::as_returning())
        .prepared()
        .get_result(conn)
        .await?;
    let session = match session {
        Some(session) => Some(super::sessions::insert(conn, user.id, session).await?),
        None => None,
    };
    Ok(Once::Done((row.into(), session)))
}

#[async_trait]
impl UserStore for Store {
    async fn register(
        &self,
        user: NewUser,
        session: Option<NewSession>,
        once: Option<OnceKey>,
    ) -> Result<Registered, StoreError> {
        self.write(move |conn| Box::pin(register(conn, user, session, once))).await
    }

    async fn credentials(&self, username: String) -> Result<Option<Credentials>, StoreError> {
        self.read(move |conn| {
            Box::pin(async move {
                let found: Option<(UserRow, Option<String>)> = users::table
                    .filter(users::username.eq(username))
                    .select((UserRow::as_select(), users::password_hash))
                    .first(conn)
                    .await
                    .optional()?;
                Ok(found.map(|(user, password_hash)| Credentials { user: user.into(), password_hash }))
            })
        })
        .await
    }

    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.look(move |conn| {
            Box::pin(async move {
                let found: Option<UserRow> = users::table
                    .filter(users::id.eq(DbId(id.0)))
                    .select(UserRow::as_select())
                    .first(conn)
                    .await
                    .optional()?;
                Ok(found.map(User::from))
            })
        })
        .await
    }

    async fn list(&self, after: i64, limit: i64) -> Result<Vec<User>, StoreError> {
        self.read(move |conn| {
            Box::pin(async move {
                let rows: Vec<UserRow> = users::table
                    .filter(users::number.gt(after))
                    .order(users::number.asc())
                    .limit(limit)
                    .select(UserRow::as_select())
                    .load(conn)
                    .await?;
                Ok(rows.into_iter().map(User::from).collect())
            })
        })
        .await
    }

    async fn set_password(
        &self,
        id: UserId,
        password_hash: String,
        keep: Option<SessionId>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let changed = diesel::update(users::table.filter(users::id.eq(DbId(id.0))))
                    .set(users::password_hash.eq(Some(password_hash)))
                    .prepared()
                    .execute(conn)
                    .await?;
                // The nil id is nobody's: without a session to keep, all end.
                let keep = DbId(keep.map_or(uuid::Uuid::nil(), |keep| keep.0));
                let live = sessions::table
                    .filter(sessions::user_id.eq(DbId(id.0)))
                    .filter(sessions::revoked_at.is_null())
                    .filter(sessions::id.ne(keep));
                diesel::update(live)
                    .set(sessions::revoked_at.eq(Some(DbTime(now))))
                    .prepared()
                    .execute(conn)
                    .await?;
                Ok(changed > 0)
            })
        })
        .await
    }

    async fn rehash(&self, id: UserId, from: String, to: String) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let unchanged =
                    users::table.filter(users::id.eq(DbId(id.0))).filter(users::password_hash.eq(Some(from)));
                let changed = diesel::update(unchanged)
                    .set(users::password_hash.eq(Some(to)))
                    .prepared()
                    .execute(conn)
                    .await?;
                Ok(changed > 0)
            })
        })
        .await
    }

    async fn set_active(&self, id: UserId, active: bool) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let changed = diesel::update(users::table.filter(users::id.eq(DbId(id.0))))
                    .set(users::active.eq(active))
                    .prepared()
                    .execute(conn)
                    .await?;
                Ok(changed > 0)
            })
        })
        .await
    }

    async fn delete(&self, id: UserId) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                forget_user(conn, id).await?;
                let gone =
                    diesel::delete(users::table.filter(users::id.eq(DbId(id.0)))).execute(conn).await?;
                Ok(gone > 0)
            })
        })
        .await
    }
}

/// The columns of a session, for a join.
pub type WithSession = (SessionRow, UserRow);
