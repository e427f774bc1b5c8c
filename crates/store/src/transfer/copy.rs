//! Rows in the binary form of PostgreSQL's COPY.

use super::rows::{Cell, Kind};
use crate::{OpenError, refused};
use bytes::{BufMut, BytesMut};
use uuid::Uuid;

/// PostgreSQL counts microseconds from 2000-01-01.
pub const EPOCH: i64 = 946_684_800_000_000;

/// What a copy in binary begins with: a signature, no flags, no extension.
const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What every copy begins with.
pub fn begun(bytes: &mut BytesMut) {
    bytes.put_slice(HEAD);
}

/// A row in a copy.
pub fn encode(bytes: &mut BytesMut, row: &[Cell], kinds: &[Kind]) -> Result<(), OpenError> {
    bytes.put_i16(i16::try_from(row.len()).unwrap_or(-1));
    for (cell, kind) in row.iter().zip(kinds) {
        match (cell, kind) {
            (Cell::Null, _) => bytes.put_i32(-1),
            (Cell::Int(micros), Kind::Moment) => {
                bytes.put_i32(8);
                bytes.put_i64(micros - EPOCH);
            }
            (Cell::Int(number), Kind::Long) => {
                bytes.put_i32(8);
                bytes.put_i64(*number);
            }
            (Cell::Int(number), Kind::Int) => {
                bytes.put_i32(4);
                bytes.put_i32(i32::try_from(*number).map_err(OpenError::store)?);
            }
            (Cell::Int(number), Kind::Flag) => {
                bytes.put_i32(1);
                bytes.put_u8(u8::from(*number != 0));
            }
            (Cell::Text(text), Kind::Json) => {
                bytes.put_i32(length(text.len() + 1)?);
                bytes.put_u8(1);
                bytes.put_slice(text.as_bytes());
            }
            (Cell::Text(text), Kind::Text) => {
                bytes.put_i32(length(text.len())?);
                bytes.put_slice(text.as_bytes());
            }
            (Cell::Bytes(raw), Kind::Bytes) => {
                bytes.put_i32(length(raw.len())?);
                bytes.put_slice(raw);
            }
            (Cell::Bytes(raw), Kind::Id) => {
                let id = Uuid::from_slice(raw).map_err(OpenError::store)?;
                bytes.put_i32(16);
                bytes.put_slice(id.as_bytes());
            }
            _ => {
                return Err(refused(
                    "the SQLite file holds a value of another type than its column's; run `maru check`",
                ));
            }
        }
    }
    Ok(())
}

/// What every copy ends with.
pub fn ended(bytes: &mut BytesMut) {
    bytes.put_i16(-1);
}

fn length(bytes: usize) -> Result<i32, OpenError> {
    i32::try_from(bytes).map_err(OpenError::store)
}
