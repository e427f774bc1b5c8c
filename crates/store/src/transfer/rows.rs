//! A row between two databases, and what is compared of it.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Id,
    Moment,
    Json,
    Text,
    Long,
    Int,
    Flag,
    Bytes,
}

impl Kind {
    /// By PostgreSQL's name for the type.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "uuid" => Self::Id,
            "timestamptz" => Self::Moment,
            "jsonb" => Self::Json,
            "text" => Self::Text,
            "int8" => Self::Long,
            "int4" => Self::Int,
            "bool" => Self::Flag,
            "bytea" => Self::Bytes,
            _ => return None,
        })
    }
}

/// A value as both databases can hold it: times are microseconds since 1970, flags 0 and 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A row, by the columns of its table.
pub type Row = Vec<Cell>;

/// The key of a row as text, for the mark.
pub fn to_text(key: &[Cell]) -> String {
    let cells = key.iter().map(|cell| match cell {
        Cell::Null => Value::Null,
        Cell::Int(number) => Value::from(*number),
        Cell::Text(text) => Value::from(text.as_str()),
        Cell::Bytes(bytes) => Value::Array(bytes.iter().map(|byte| Value::from(*byte)).collect()),
    });
    Value::Array(cells.collect()).to_string()
}

/// And back.
pub fn from_text(text: &str) -> Option<Vec<Cell>> {
    let cells: Vec<Value> = serde_json::from_str(text).ok()?;
    let cells = cells.into_iter().map(|cell| match cell {
        Value::Null => Some(Cell::Null),
        Value::Number(number) => number.as_i64().map(Cell::Int),
        Value::String(text) => Some(Cell::Text(text)),
        Value::Array(bytes) => {
            let bytes = bytes.iter().map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok()));
            bytes.collect::<Option<Vec<u8>>>().map(Cell::Bytes)
        }
        _ => None,
    });
    cells.collect()
}

/// A checksum of rows in any order: the sum of the rows' own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u128);

impl Sum {
    pub fn shown(self) -> String {
        format!("{:032x}", self.0)
    }
}

/// Rows that were counted and summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub rows: u64,
    pub sum: Sum,
}

impl Tally {
    /// Adds a row. JSON counts by what it says: the databases write it differently.
    pub fn add(&mut self, row: &[Cell], kinds: &[Kind]) {
        let mut hash = Sha256::new();
        for (cell, kind) in row.iter().zip(kinds) {
            let (tag, bytes): (u8, &[u8]) = match cell {
                Cell::Null => (0, &[]),
                Cell::Int(number) => {
                    hash.update([1]);
                    hash.update(number.to_le_bytes());
                    continue;
                }
                Cell::Text(text) if *kind == Kind::Json && text != "{}" => {
                    let text = canonical(text);
                    hash.update([2]);
                    hash.update((text.len() as u64).to_le_bytes());
                    hash.update(text.as_bytes());
                    continue;
                }
                Cell::Text(text) => (2, text.as_bytes()),
                Cell::Bytes(bytes) => (3, bytes),
            };
            hash.update([tag]);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        let digest = hash.finalize();
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        self.sum.0 = self.sum.0.wrapping_add(u128::from_le_bytes(first));
        self.rows += 1;
    }
}

/// One spelling for what JSON says: names in order, whole numbers without a fraction.
fn canonical(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => sorted(value).to_string(),
        // Cannot be in either database; then it counts as it is written.
        Err(_) => text.to_owned(),
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(
                fields.into_iter().map(|(name, value)| (name, sorted(value))).collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        // PostgreSQL writes 1e2 as 100 and keeps 1.50; a float holds all that serde_json has let in.
        Value::Number(number) if !number.is_i64() => {
            let float = number.as_f64().unwrap_or_default();
            if float == 0.0 { Value::from(0) } else { Value::from(format!("{float:e}")) }
        }
        Value::Number(number) => match number.as_i64() {
            Some(0) | None => Value::from(0),
            // As the float that it may have been on the other side, where a float can hold it.
            Some(whole) if (whole as f64) as i128 == i128::from(whole) => {
                Value::from(format!("{:e}", whole as f64))
            }
            Some(whole) => Value::from(whole.to_string()),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(rows: &[(&str, i64)]) -> Tally {
        let mut tally = Tally::default();
        for (text, number) in rows {
            tally.add(
                &[Cell::Text((*text).to_owned()), Cell::Int(*number), Cell::Null],
                &[Kind::Json, Kind::Long, Kind::Text],
            );
        }
        tally
    }

    #[test]
    fn rows_count_in_any_order_and_each_of_them() {
        assert_eq!(tally(&[("1", 1), ("2", 2)]), tally(&[("2", 2), ("1", 1)]));
        assert_ne!(tally(&[("1", 1), ("2", 2)]), tally(&[("1", 2), ("2", 1)]));
        assert_ne!(tally(&[("1", 1), ("1", 1)]), tally(&[("1", 1)]));
    }

    #[test]
    fn json_counts_by_what_it_says() {
        for (one, other) in [
            (r#"{"a":1,"b":[1.0,true]}"#, r#"{"b": [1, true], "a": 1}"#),
            (r#"{"a":1e2}"#, r#"{"a": 100}"#),
            (r#"{"a":1.50}"#, r#"{"a": 1.5}"#),
            (r#"{"a":1e16}"#, r#"{"a": 10000000000000000}"#),
            (r#"{"a":-0.0}"#, r#"{"a": 0}"#),
            (r#"{"a":1e300}"#, &format!(r#"{{"a": 1{}}}"#, "0".repeat(300))),
            (r#"{"a":"\uac00"}"#, r#"{"a": "가"}"#),
        ] {
            assert_eq!(tally(&[(one, 0)]), tally(&[(other, 0)]), "{one} {other}");
        }
        for (one, other) in [
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":1.5}"#, r#"{"a":1.25}"#),
            (r#"{"a":9007199254740993}"#, r#"{"a":9007199254740992}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
        ] {
            assert_ne!(tally(&[(one, 0)]), tally(&[(other, 0)]), "{one} {other}");
        }
    }

    #[test]
    fn a_key_is_kept_as_text() {
        let key = vec![Cell::Int(-5), Cell::Text("a\"가".to_owned()), Cell::Bytes(vec![0, 255]), Cell::Null];
        assert_eq!(from_text(&to_text(&key)), Some(key));
        assert_eq!(from_text("no key"), None);
        assert_eq!(from_text("[1.5]"), None);
    }
}
