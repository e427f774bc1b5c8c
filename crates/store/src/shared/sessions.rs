//! Sessions.

use super::fragments::Prepare;
use super::idempotency::{Begun, Guarded, begin};
use super::users::{UserRow, WithSession};
use super::{Conn, Db, Store};
use crate::error::Abort;
use crate::schema::{sessions, users};
use crate::types::{DbId, DbTime};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use maru_domain::accounts::ports::{NewSession, SessionStore};
use maru_domain::accounts::{Session, User};
use maru_domain::clock::Timestamp;
use maru_domain::error::StoreError;
use maru_domain::ids::{SessionId, UserId};
use maru_domain::once::{Once, OnceKey};
use maru_domain::page::{Page, PageRequest};

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(Db))]
pub struct SessionRow {
    id: DbId,
    user_id: DbId,
    created_at: DbTime,
    expires_at: DbTime,
    last_used_at: DbTime,
    revoked_at: Option<DbTime>,
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: SessionId(row.id.0),
            user_id: UserId(row.user_id.0),
            created_at: row.created_at.0,
            expires_at: row.expires_at.0,
            last_used_at: row.last_used_at.0,
            revoked_at: row.revoked_at.map(|at| at.0),
        }
    }
}

pub async fn insert(conn: &mut Conn, user: UserId, session: NewSession) -> QueryResult<Session> {
    let row: SessionRow = diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(DbId(session.id.0)),
            sessions::user_id.eq(DbId(user.0)),
            sessions::created_at.eq(DbTime(session.created_at)),
            sessions::expires_at.eq(DbTime(session.expires_at)),
            sessions::last_used_at.eq(DbTime(session.created_at)),
        ))
        .returning(SessionRow::as_returning())
        .prepared()
        .get_result(conn)
        .await?;
    Ok(row.into())
}

pub async fn with_user(conn: &mut Conn, id: Option<SessionId>) -> QueryResult<Option<(Session, User)>> {
    let Some(id) = id else { return Ok(None) };
    let found: Option<WithSession> = sessions::table
        .inner_join(users::table.on(users::id.eq(sessions::user_id)))
        .filter(sessions::id.eq(DbId(id.0)))
        .select((SessionRow::as_select(), UserRow::as_select()))
        .first(conn)
        .await
        .optional()?;
    Ok(found.map(|(session, user)| (session.into(), user.into())))
}

async fn open(
    conn: &mut Conn,
    user: UserId,
    session: NewSession,
    once: Option<OnceKey>,
) -> Result<Once<Session>, Abort<Once<Session>>> {
    if let Some(once) = &once {
        match begin(conn, once, Guarded::Session(session.id), session.created_at).await? {
            Begun::First => {}
            Begun::Reused => return Ok(Once::KeyReused),
            Begun::Again(before) => {
                let found = with_user(conn, before.session_id).await?;
                return Ok(found.map_or(Once::KeyReused, |(session, _)| Once::Replayed(session)));
            }
        }
    }
    Ok(Once::Done(insert(conn, user, session).await?))
}

async fn page(
    conn: &mut Conn,
    user: UserId,
    now: Timestamp,
    request: PageRequest<SessionId>,
) -> Result<Page<Session>, Abort<Page<Session>>> {
    let (beyond, falling) = request.reading();
    let mut rows = sessions::table
        .filter(sessions::user_id.eq(DbId(user.0)))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(DbTime(now)))
        .limit(request.rows())
        .select(SessionRow::as_select())
        .into_boxed();
    rows = if falling { rows.order(sessions::id.desc()) } else { rows.order(sessions::id.asc()) };
    if let Some(id) = beyond.map(|id| DbId(id.0)) {
        rows = if falling { rows.filter(sessions::id.lt(id)) } else { rows.filter(sessions::id.gt(id)) };
    }
    let rows: Vec<SessionRow> = rows.load(conn).await?;
    Ok(Page::of(&request, rows.into_iter().map(Session::from).collect()))
}

#[async_trait]
impl SessionStore for Store {
    async fn open(
        &self,
        user: UserId,
        session: NewSession,
        once: Option<OnceKey>,
    ) -> Result<Once<Session>, StoreError> {
        self.write(move |conn| Box::pin(open(conn, user, session, once))).await
    }

    async fn identify(&self, id: SessionId) -> Result<Option<(Session, User)>, StoreError> {
        self.look(move |conn| Box::pin(async move { Ok(with_user(conn, Some(id)).await?) })).await
    }

    async fn touch(&self, id: SessionId, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                diesel::update(sessions::table.filter(sessions::id.eq(DbId(id.0))))
                    .set(sessions::last_used_at.eq(DbTime(now)))
                    .prepared()
                    .execute(conn)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    async fn page(
        &self,
        user: UserId,
        now: Timestamp,
        request: PageRequest<SessionId>,
    ) -> Result<Page<Session>, StoreError> {
        self.read(move |conn| Box::pin(page(conn, user, now, request))).await
    }

    async fn revoke(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let live = sessions::table
                    .filter(sessions::id.eq(DbId(id.0)))
                    .filter(sessions::user_id.eq(DbId(user.0)))
                    .filter(sessions::revoked_at.is_null());
                let ended = diesel::update(live)
                    .set(sessions::revoked_at.eq(Some(DbTime(now))))
                    .prepared()
                    .execute(conn)
                    .await?;
                Ok(ended > 0)
            })
        })
        .await
    }
}
