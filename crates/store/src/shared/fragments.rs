//! Conditions and values that diesel has no words for. Their text is fixed, so that a statement
//! with one of them is prepared once; diesel's own raw SQL is prepared at every use.
//! And [`Prepared`], for statements that diesel prepares at every use though their text is fixed.

use super::{CLIENT_USER, Db, NOW, NOW_PLUS};
use crate::types::sql;
use diesel::QueryResult;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use maru_domain::turns::ports::Lease;

/// A turn whose state is not final. In the words of the partial indexes, or they would not be used.
#[derive(Debug, Clone, Copy, QueryId)]
pub struct Unfinished;

/// A session that has not ended. In the words of the partial index, too.
#[derive(Debug, Clone, Copy, QueryId)]
pub struct OpenSession;

/// A stored chat completion. In the words of the partial index, too.
#[derive(Debug, Clone, Copy, QueryId)]
pub struct Completion;

impl Expression for Completion {
    type SqlType = Bool;
}

impl QueryFragment<Db> for Completion {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.push_sql("(rooms.kind = 'openai' AND rooms.public_id IS NOT NULL)");
        Ok(())
    }
}

/// A turn that nobody has the right to run.
#[derive(Debug, Clone, Copy, QueryId)]
pub struct IsFree;

/// A turn before which no unfinished one stands in its room.
#[derive(Debug, Clone, Copy, QueryId)]
pub struct IsNext;

/// When a lease taken now expires, by the database's clock; null for no lease, since now plus null
/// is null.
#[derive(Debug, Clone, Copy, QueryId)]
pub struct LeaseUntil {
    micros: Option<i64>,
}

impl LeaseUntil {
    pub fn of(lease: &Lease) -> Self {
        Self { micros: Some(i64::try_from(lease.lasts.as_micros()).unwrap_or(i64::MAX)) }
    }

    pub fn none() -> Self {
        Self { micros: None }
    }
}

/// When something was last said in a room, or when it was opened. In the words of the index.
#[derive(Debug, Clone, Copy, QueryId)]
pub struct ActiveAt;

impl Expression for ActiveAt {
    type SqlType = sql::Moment;
}

impl QueryFragment<Db> for ActiveAt {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.push_sql("COALESCE(rooms.last_message_at, rooms.created_at)");
        Ok(())
    }
}

/// The user that a foreign contract's client names in a room's notes. In the words of the index.
#[derive(Debug, Clone, Copy, QueryId)]
pub struct ClientUser;

impl Expression for ClientUser {
    type SqlType = Nullable<Text>;
}

impl QueryFragment<Db> for ClientUser {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.push_sql(CLIENT_USER);
        Ok(())
    }
}

impl Expression for Unfinished {
    type SqlType = Bool;
}

impl Expression for OpenSession {
    type SqlType = Bool;
}

impl Expression for IsFree {
    type SqlType = Bool;
}

impl Expression for IsNext {
    type SqlType = Bool;
}

impl Expression for LeaseUntil {
    type SqlType = Nullable<sql::Moment>;
}

impl QueryFragment<Db> for Unfinished {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.push_sql("turns.status IN ('pending', 'streaming')");
        Ok(())
    }
}

impl QueryFragment<Db> for OpenSession {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.push_sql("(rooms.kind = 'session' AND rooms.ended_at IS NULL)");
        Ok(())
    }
}

impl QueryFragment<Db> for IsFree {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.push_sql("(turns.lease_owner IS NULL OR turns.lease_until < ");
        out.push_sql(NOW);
        out.push_sql(")");
        Ok(())
    }
}

impl QueryFragment<Db> for IsNext {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.push_sql(
            "NOT EXISTS (SELECT 1 FROM turns AS older WHERE older.room_id = turns.room_id \
             AND older.position < turns.position AND older.status IN ('pending', 'streaming'))",
        );
        Ok(())
    }
}

impl QueryFragment<Db> for LeaseUntil {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        out.push_sql(NOW_PLUS);
        out.push_bind_param::<Nullable<BigInt>, _>(&self.micros)
    }
}

/// A statement that is prepared once and kept on its connection. Diesel does so for queries and
/// deletes, not for updates and PostgreSQL's inserts, whose text may differ from one to the next;
/// ours do not. Not for lists of values, of which each length is another text.
#[derive(Debug, Clone, Copy)]
pub struct Prepared<S>(S);

impl<S: QueryFragment<Db>> QueryFragment<Db> for Prepared<S> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &Db) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<S> QueryId for Prepared<S> {
    type QueryId = ();
    // Found again by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S: Query> Query for Prepared<S> {
    type SqlType = S::SqlType;
}

/// Says that a statement's text is always the same.
pub trait Prepare: Sized {
    /// See [`Prepared`].
    fn prepared(self) -> Prepared<Self> {
        Prepared(self)
    }
}
impl<S: QueryFragment<Db>> Prepare for S {}

macro_rules! usable_anywhere {
    ($($fragment:ty),+) => {$(
        impl<T> AppearsOnTable<T> for $fragment {}
        impl<T> SelectableExpression<T> for $fragment {}
        impl<T> ValidGrouping<T> for $fragment {
            type IsAggregate = is_aggregate::Never;
        }
    )+};
}
usable_anywhere!(Unfinished, OpenSession, Completion, IsFree, IsNext, LeaseUntil, ActiveAt, ClientUser);
