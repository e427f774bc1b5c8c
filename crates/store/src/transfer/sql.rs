//! SQL of ours for SQLite, with values of any kind in it and rows of any kind out of it.

use super::rows::{Cell, Row};
use diesel::deserialize::{self, QueryableByName};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::row::{Field, NamedRow};
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Untyped};
use diesel::sqlite::{Sqlite, SqliteType};

/// A statement with values in brackets in the middle.
pub struct Sql {
    pub head: String,
    pub values: Vec<Cell>,
    pub tail: String,
}

impl Sql {
    pub fn plain(text: String) -> Self {
        Self { head: text, values: Vec::new(), tail: String::new() }
    }
}

impl QueryFragment<Sqlite> for Sql {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(&self.head);
        for (place, cell) in self.values.iter().enumerate() {
            out.push_sql(if place == 0 { "(" } else { ", " });
            match cell {
                Cell::Null => out.push_bind_param::<Nullable<BigInt>, Option<i64>>(&None)?,
                Cell::Int(number) => out.push_bind_param::<BigInt, i64>(number)?,
                Cell::Text(text) => out.push_bind_param::<Text, String>(text)?,
                Cell::Bytes(bytes) => out.push_bind_param::<Binary, Vec<u8>>(bytes)?,
            }
        }
        if !self.values.is_empty() {
            out.push_sql(")");
        }
        out.push_sql(&self.tail);
        Ok(())
    }
}

impl QueryId for Sql {
    type QueryId = ();
    // Found again by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Sql {
    type SqlType = Untyped;
}

impl<C> RunQueryDsl<C> for Sql {}

/// A row whatever its columns are.
pub struct Cells(pub Row);

impl QueryableByName<Sqlite> for Cells {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Self> {
        let mut cells = Vec::with_capacity(row.field_count());
        for place in 0..row.field_count() {
            let field = diesel::row::Row::get(row, place).ok_or("a column is missing")?;
            cells.push(match field.value() {
                None => Cell::Null,
                Some(mut value) => match value.value_type() {
                    None => Cell::Null,
                    Some(SqliteType::Binary) => Cell::Bytes(value.read_blob().to_vec()),
                    Some(SqliteType::Text) => Cell::Text(value.read_text().to_owned()),
                    Some(SqliteType::Double | SqliteType::Float) => {
                        return Err("no column holds a fraction".into());
                    }
                    Some(_) => Cell::Int(value.read_long()),
                },
            });
        }
        Ok(Self(cells))
    }
}
