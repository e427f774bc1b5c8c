//! The catalogue of quotes, and how quote threads stand.

use super::fragments::{Prepare, by_key};
use super::turns::view_of;
use super::{Conn, Db, Store};
use crate::error::Abort;
use crate::schema::{messages, quotes, rooms, turns};
use crate::types::{DbId, DbJson, objects};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use maru_domain::error::StoreError;
use maru_domain::ids::{RoomId, TurnId};
use maru_domain::messages::Role;
use maru_domain::page::{Page, PageRequest};
use maru_domain::quotes::ports::QuoteStore;
use maru_domain::quotes::{Category, Imported, NewQuote, Quote, Standing};
use maru_domain::rooms::RoomKind;

#[derive(Queryable, Selectable)]
#[diesel(table_name = quotes, check_for_backend(Db))]
struct QuoteRow {
    number: i64,
    category: String,
    text: String,
    author: String,
    source: Option<String>,
}

impl TryFrom<QuoteRow> for Quote {
    type Error = StoreError;

    fn try_from(row: QuoteRow) -> Result<Self, StoreError> {
        let unknown = || StoreError::Internal(format!("quote {} has an unknown category", row.number).into());
        Ok(Self {
            category: Category::parse(&row.category).ok_or_else(unknown)?,
            id: row.number,
            text: row.text,
            author: row.author,
            source: row.source,
        })
    }
}

/// A quote as a message keeps it.
pub fn kept(quote: &Quote) -> Result<DbJson, StoreError> {
    let object = serde_json::to_string(quote).and_then(|text| serde_json::from_str(&text));
    object.map(DbJson).map_err(|error| StoreError::Internal(error.into()))
}

/// The quote that a message has kept.
pub fn of_message(kept: Option<DbJson>) -> Result<Option<Quote>, StoreError> {
    let quote = kept.map(|kept| serde_json::from_value(kept.0.into())).transpose();
    quote.map_err(|error| StoreError::Internal(error.into()))
}

async fn page(
    conn: &mut Conn,
    category: Option<Category>,
    request: PageRequest<i64>,
) -> Result<Page<Quote>, Abort<Page<Quote>>> {
    let mut rows = quotes::table.select(QuoteRow::as_select()).into_boxed();
    if let Some(category) = category {
        rows = rows.filter(quotes::category.eq(category.as_str()));
    }
    let rows: Vec<QuoteRow> = by_key!(rows, quotes::number, request).load(conn).await?;
    let items = objects(rows)?;
    Ok(Page::of(&request, items))
}

async fn import(conn: &mut Conn, new: Vec<NewQuote>) -> Result<Vec<Imported>, Abort<Vec<Imported>>> {
    let mut imported = Vec::with_capacity(new.len());
    for quote in new {
        let row: Option<QuoteRow> = diesel::insert_into(quotes::table)
            .values((
                quotes::category.eq(quote.category.as_str()),
                quotes::text.eq(&quote.text),
                quotes::author.eq(&quote.author),
                quotes::source.eq(&quote.source),
            ))
            .on_conflict_do_nothing()
            .returning(QuoteRow::as_returning())
            .prepared()
            .get_result(conn)
            .await
            .optional()?;
        imported.push(match row {
            Some(row) => Imported::Added(row.try_into()?),
            None => {
                let known = quotes::table.filter(quotes::text.eq(&quote.text));
                let row: QuoteRow = known.select(QuoteRow::as_select()).first(conn).await?;
                Imported::Known(row.try_into()?)
            }
        });
    }
    Ok(imported)
}

/// How many messages a person has sent in a room up to a place in it.
async fn asked_until(conn: &mut Conn, room: DbId, position: i64) -> QueryResult<i64> {
    messages::table
        .filter(messages::room_id.eq(room))
        .filter(messages::seq.le(position))
        .filter(messages::role.eq(Role::User.as_str()))
        .count()
        .get_result(conn)
        .await
}

async fn standing(conn: &mut Conn, room: RoomId) -> Result<Option<Standing>, Abort<Option<Standing>>> {
    let latest: Option<DbId> = turns::table
        .filter(turns::room_id.eq(DbId(room.0)))
        .order(turns::position.desc())
        .select(turns::id)
        .first(conn)
        .await
        .optional()?;
    let Some(latest) = latest else { return Ok(None) };
    let Some(latest) = view_of(conn, TurnId(latest.0)).await? else { return Ok(None) };
    let asked = asked_until(conn, DbId(room.0), latest.turn.position).await?;
    Ok(Some(Standing { asked, latest }))
}

async fn asked(conn: &mut Conn, turn: TurnId) -> Result<Option<i64>, Abort<Option<i64>>> {
    let place: Option<(DbId, i64)> = turns::table
        .filter(turns::id.eq(DbId(turn.0)))
        .select((turns::room_id, turns::position))
        .first(conn)
        .await
        .optional()?;
    match place {
        Some((room, position)) => Ok(Some(asked_until(conn, room, position).await?)),
        None => Ok(None),
    }
}

#[async_trait]
impl QuoteStore for Store {
    async fn page(
        &self,
        category: Option<Category>,
        request: PageRequest<i64>,
    ) -> Result<Page<Quote>, StoreError> {
        self.read(move |conn| Box::pin(page(conn, category, request))).await
    }

    async fn find(&self, id: i64) -> Result<Option<Quote>, StoreError> {
        self.look(move |conn| {
            Box::pin(async move {
                let one = quotes::table.filter(quotes::number.eq(id)).select(QuoteRow::as_select());
                let row: Option<QuoteRow> = one.first(conn).await.optional()?;
                Ok(row.map(Quote::try_from).transpose()?)
            })
        })
        .await
    }

    async fn of_category(&self, category: Category) -> Result<Vec<Quote>, StoreError> {
        self.read(move |conn| {
            Box::pin(async move {
                let rows: Vec<QuoteRow> = quotes::table
                    .filter(quotes::category.eq(category.as_str()))
                    .order(quotes::number.asc())
                    .select(QuoteRow::as_select())
                    .load(conn)
                    .await?;
                Ok(objects(rows)?)
            })
        })
        .await
    }

    async fn import(&self, quotes: Vec<NewQuote>) -> Result<Vec<Imported>, StoreError> {
        self.write(move |conn| Box::pin(import(conn, quotes))).await
    }

    async fn threads(&self) -> Result<i64, StoreError> {
        self.read(move |conn| {
            Box::pin(async move {
                let threads = rooms::table.filter(rooms::kind.eq(RoomKind::Quote.as_str()));
                Ok(threads.count().get_result(conn).await?)
            })
        })
        .await
    }

    async fn standing(&self, room: RoomId) -> Result<Option<Standing>, StoreError> {
        self.snapshot(move |conn| Box::pin(standing(conn, room))).await
    }

    async fn asked(&self, turn: TurnId) -> Result<Option<i64>, StoreError> {
        self.snapshot(move |conn| Box::pin(asked(conn, turn))).await
    }
}
