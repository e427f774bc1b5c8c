//! Files of somebody else's are left as they are.

use super::BUSY;
use crate::{OpenError, refused};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use std::fs;
use std::path::Path;

/// True where there are tables and none in which migrations are noted.
const THEIRS: &str = "EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table') \
    AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '__diesel_schema_migrations')";

/// Refuses a file that is not ours, before our own connections change its journal mode. An empty one may become ours.
pub fn refuse(path: &Path) -> Result<(), OpenError> {
    if !fs::metadata(path).is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    let look = || -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        let mut conn = SqliteConnection::establish(&path.to_string_lossy())?;
        conn.batch_execute(&format!("PRAGMA busy_timeout = {}", BUSY.as_millis()))?;
        Ok(diesel::select(diesel::dsl::sql::<Bool>(THEIRS)).get_result(&mut conn)?)
    };
    let shown = path.display();
    match look() {
        Ok(false) => Ok(()),
        Ok(true) => Err(refused(format!(
            "{shown} is a SQLite database, but none of maru's, and is left as it is; name another file"
        ))),
        Err(error) if error.to_string().contains("not a database") => Err(refused(format!(
            "{shown} is no SQLite database, and is left as it is; name another file, or put a backup in its place with \
             `maru restore --overwrite`"
        ))),
        Err(error) => Err(OpenError::Store(error)),
    }
}
