//! What there is to move, as PostgreSQL's catalogue tells it.

use super::postgres::Client;
use super::rows::Kind;
use crate::{OpenError, refused};

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// The places of the primary key's columns.
    pub key: Vec<usize>,
    /// The column that the database numbers by itself.
    pub numbered: Option<String>,
}

impl Table {
    /// The columns, for a statement.
    pub fn list(&self) -> String {
        self.columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
    }

    /// The key's columns, for a statement.
    pub fn key_list(&self) -> String {
        let names = self.key.iter().filter_map(|place| self.columns.get(*place));
        names.map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
    }

    pub fn kinds(&self) -> Vec<Kind> {
        self.columns.iter().map(|column| column.kind).collect()
    }
}

/// A name of the catalogue in a statement.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The tables, each behind those that it refers to.
#[derive(Clone, Debug)]
pub struct Plan {
    pub tables: Vec<Table>,
}

/// Tables that a migration fills: what is in them makes no database a used one.
pub const SEEDED: [&str; 1] = ["quotes"];

impl Plan {
    pub async fn of(postgres: &Client) -> Result<Self, OpenError> {
        let columns = postgres
            .texts(
                "SELECT c.relname, a.attname, t.typname, a.attidentity, \
                 COALESCE(array_position(i.indkey::int2[], a.attnum), -1)::text \
                 FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                 JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
                 WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attgenerated = '' \
                 AND c.relname NOT LIKE '\\_\\_diesel\\_%' AND c.relname NOT LIKE 'maru\\_%' \
                 ORDER BY c.relname, a.attnum",
            )
            .await?;
        let mut tables: Vec<Table> = Vec::new();
        let mut keys: Vec<Vec<(i64, usize)>> = Vec::new();
        for line in columns {
            let [table, column, word, identity, place] = &line[..] else { continue };
            if tables.last().is_none_or(|last| last.name != *table) {
                tables.push(Table {
                    name: table.clone(),
                    columns: Vec::new(),
                    key: Vec::new(),
                    numbered: None,
                });
                keys.push(Vec::new());
            }
            let (Some(last), Some(key)) = (tables.last_mut(), keys.last_mut()) else { continue };
            let kind = Kind::of(word);
            let kind = kind.ok_or_else(|| {
                refused(format!("{table}.{column} is of a type that maru cannot move: {word}"))
            })?;
            if let Ok(place @ 0..) = place.parse::<i64>() {
                key.push((place, last.columns.len()));
            }
            if !identity.is_empty() {
                last.numbered = Some(column.clone());
            }
            last.columns.push(Column { name: column.clone(), kind });
        }
        for (table, mut key) in tables.iter_mut().zip(keys) {
            key.sort_unstable();
            table.key = key.into_iter().map(|(_, place)| place).collect();
            if table.key.is_empty() {
                return Err(refused(format!("{} has no primary key; maru cannot move it", table.name)));
            }
        }
        let references = postgres
            .texts(
                "SELECT c.relname, f.relname FROM pg_constraint r JOIN pg_class c ON c.oid = r.conrelid \
                 JOIN pg_class f ON f.oid = r.confrelid WHERE r.contype = 'f' \
                 AND c.relnamespace = current_schema()::regnamespace AND c.oid <> f.oid",
            )
            .await?;
        Ok(Self { tables: in_order(tables, &references) })
    }
}

/// Puts each table behind those that it refers to. Of a ring, which no migration has, the rest stays as it is.
fn in_order(mut left: Vec<Table>, references: &[Vec<String>]) -> Vec<Table> {
    let mut done: Vec<Table> = Vec::new();
    while !left.is_empty() {
        let free = |table: &Table| {
            let mut needs = references.iter().filter(|pair| pair.first() == Some(&table.name));
            needs.all(|pair| left.iter().all(|other| pair.get(1) != Some(&other.name)))
        };
        let next = left.iter().position(free).unwrap_or_default();
        done.push(left.remove(next));
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> Table {
        Table { name: name.to_owned(), columns: Vec::new(), key: Vec::new(), numbered: None }
    }

    #[test]
    fn a_table_comes_behind_what_it_refers_to() {
        let pair = |one: &str, other: &str| vec![one.to_owned(), other.to_owned()];
        let references = [pair("a", "b"), pair("b", "c"), pair("d", "a")];
        let tables = in_order(["a", "b", "c", "d"].map(table).to_vec(), &references);
        let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["c", "b", "a", "d"]);
        assert_eq!(in_order(vec![table("a"), table("b")], &[pair("a", "b"), pair("b", "a")]).len(), 2);
    }
}
