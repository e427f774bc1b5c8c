//! API keys.

use super::fragments::Prepare;
use super::idempotency::{Begun, Guarded, begin};
use super::users::UserRow;
use super::{Conn, Db, Store};
use crate::error::Abort;
use crate::schema::{api_keys, users};
use crate::types::{DbId, DbTime};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use maru_domain::accounts::ports::{KeyStore, NewKey};
use maru_domain::accounts::{ApiKey, KeyHash, User};
use maru_domain::clock::Timestamp;
use maru_domain::error::StoreError;
use maru_domain::ids::{KeyId, UserId};
use maru_domain::once::{Once, OnceKey};
use maru_domain::page::{Page, PageRequest};

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys, check_for_backend(Db))]
struct KeyRow {
    id: DbId,
    user_id: DbId,
    name: String,
    created_at: DbTime,
    expires_at: Option<DbTime>,
    last_used_at: Option<DbTime>,
    revoked_at: Option<DbTime>,
}

impl From<KeyRow> for ApiKey {
    fn from(row: KeyRow) -> Self {
        Self {
            id: KeyId(row.id.0),
            user_id: UserId(row.user_id.0),
            name: row.name,
            created_at: row.created_at.0,
            expires_at: row.expires_at.map(|at| at.0),
            last_used_at: row.last_used_at.map(|at| at.0),
            revoked_at: row.revoked_at.map(|at| at.0),
        }
    }
}

async fn create(
    conn: &mut Conn,
    key: NewKey,
    once: Option<OnceKey>,
) -> Result<Once<ApiKey>, Abort<Once<ApiKey>>> {
    if let Some(once) = &once {
        match begin(conn, once, Guarded::Key(key.id), key.created_at).await? {
            Begun::First => {}
            Begun::Reused => return Ok(Once::KeyReused),
            Begun::Again(before) => {
                let made = before.session_id.ok_or(Abort::With(Once::KeyReused))?;
                let row = api_keys::table.filter(api_keys::id.eq(DbId(made.0)));
                let row: KeyRow = row.select(KeyRow::as_select()).first(conn).await?;
                return Ok(Once::Replayed(row.into()));
            }
        }
    }
    let row: KeyRow = diesel::insert_into(api_keys::table)
        .values((
            api_keys::id.eq(DbId(key.id.0)),
            api_keys::user_id.eq(DbId(key.user_id.0)),
            api_keys::name.eq(key.name),
            api_keys::hash.eq(key.hash.to_vec()),
            api_keys::created_at.eq(DbTime(key.created_at)),
            api_keys::expires_at.eq(key.expires_at.map(DbTime)),
        ))
        .returning(KeyRow::as_returning())
        .prepared()
        .get_result(conn)
        .await?;
    Ok(Once::Done(row.into()))
}

async fn page(
    conn: &mut Conn,
    user: UserId,
    request: PageRequest<KeyId>,
) -> Result<Page<ApiKey>, Abort<Page<ApiKey>>> {
    let (beyond, falling) = request.reading();
    let mut rows = api_keys::table
        .filter(api_keys::user_id.eq(DbId(user.0)))
        .filter(api_keys::revoked_at.is_null())
        .limit(request.rows())
        .select(KeyRow::as_select())
        .into_boxed();
    rows = if falling { rows.order(api_keys::id.desc()) } else { rows.order(api_keys::id.asc()) };
    if let Some(id) = beyond.map(|id| DbId(id.0)) {
        rows = if falling { rows.filter(api_keys::id.lt(id)) } else { rows.filter(api_keys::id.gt(id)) };
    }
    let rows: Vec<KeyRow> = rows.load(conn).await?;
    Ok(Page::of(&request, rows.into_iter().map(ApiKey::from).collect()))
}

#[async_trait]
impl KeyStore for Store {
    async fn create(&self, key: NewKey, once: Option<OnceKey>) -> Result<Once<ApiKey>, StoreError> {
        self.write(move |conn| Box::pin(create(conn, key, once))).await
    }

    async fn identify(&self, hash: KeyHash) -> Result<Option<(ApiKey, User)>, StoreError> {
        self.look(move |conn| {
            Box::pin(async move {
                let found: Option<(KeyRow, UserRow)> = api_keys::table
                    .inner_join(users::table.on(users::id.eq(api_keys::user_id)))
                    .filter(api_keys::hash.eq(hash.to_vec()))
                    .select((KeyRow::as_select(), UserRow::as_select()))
                    .first(conn)
                    .await
                    .optional()?;
                Ok(found.map(|(key, user)| (key.into(), user.into())))
            })
        })
        .await
    }

    async fn touch(&self, id: KeyId, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                diesel::update(api_keys::table.filter(api_keys::id.eq(DbId(id.0))))
                    .set(api_keys::last_used_at.eq(Some(DbTime(now))))
                    .prepared()
                    .execute(conn)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    async fn page(&self, user: UserId, request: PageRequest<KeyId>) -> Result<Page<ApiKey>, StoreError> {
        self.read(move |conn| Box::pin(page(conn, user, request))).await
    }

    async fn revoke(&self, user: UserId, id: KeyId, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |conn| {
            Box::pin(async move {
                let live = api_keys::table
                    .filter(api_keys::id.eq(DbId(id.0)))
                    .filter(api_keys::user_id.eq(DbId(user.0)))
                    .filter(api_keys::revoked_at.is_null());
                let ended = diesel::update(live)
                    .set(api_keys::revoked_at.eq(Some(DbTime(now))))
                    .prepared()
                    .execute(conn)
                    .await?;
                Ok(ended > 0)
            })
        })
        .await
    }
}
