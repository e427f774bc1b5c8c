//! One empty database, by means of `psql`, so that no crate is needed.

use super::ThrowawayError;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An empty database with a name of its own, dropped with its connections when the value is.
#[derive(Debug)]
pub struct Database {
    /// `postgres://…/maru_test_…`
    pub url: String,
    name: String,
    admin_url: String,
    psql: PathBuf,
}

impl Database {
    pub(super) fn create(psql: &Path, admin_url: &str) -> Result<Self, ThrowawayError> {
        let name = format!("maru_test_{}", uuid::Uuid::now_v7().simple());
        // From template0, which nobody can be connected to: that would make the server refuse.
        run(psql, admin_url, &format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"))?;
        Ok(Self {
            url: with_database(admin_url, &name),
            name,
            admin_url: admin_url.to_owned(),
            psql: psql.to_owned(),
        })
    }

    /// Runs `sql` in this database; the answer's rows are lines, its columns separated by `|`.
    ///
    /// # Errors
    /// What `psql` says.
    pub async fn sql(&self, sql: &str) -> Result<String, ThrowawayError> {
        ask(&self.psql, &self.url, sql).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Best effort: the server may be gone already, and with it the database.
        let _ =
            run(&self.psql, &self.admin_url, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

pub(super) async fn ask(psql: &Path, url: &str, sql: &str) -> Result<String, ThrowawayError> {
    let (psql, url, sql) = (psql.to_owned(), url.to_owned(), sql.to_owned());
    let ran = tokio::task::spawn_blocking(move || run(&psql, &url, &sql)).await;
    ran.map_err(|error| ThrowawayError::Failed(error.to_string()))?
}

fn run(psql: &Path, url: &str, sql: &str) -> Result<String, ThrowawayError> {
    let mut command = Command::new(psql);
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]);
    // The URL says it all; what the developer's shell says about PostgreSQL must not change that.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("PG") && name != "PGPASSWORD" && name != "PGPASSFILE")
        {
            command.env_remove(name);
        }
    }
    let output = command.env("PGCONNECT_TIMEOUT", "20").current_dir("/").stdin(Stdio::null()).output();
    let output = output.map_err(|error| ThrowawayError::Failed(format!("psql: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    Err(ThrowawayError::Failed(format!("psql: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

/// The same server and user, another database.
fn with_database(url: &str, name: &str) -> String {
    let (rest, query) = url.split_once('?').map_or((url, None), |(rest, query)| (rest, Some(query)));
    let authority = rest.find("://").map_or(0, |at| at + 3);
    let server = rest[authority..].find('/').map_or(rest, |slash| &rest[..authority + slash]);
    match query {
        Some(query) => format!("{server}/{name}?{query}"),
        None => format!("{server}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn a_url_gets_another_database() {
        for (url, expected) in [
            ("postgres://postgres@127.0.0.1:5432/postgres", "postgres://postgres@127.0.0.1:5432/d"),
            ("postgres://u:p@h", "postgres://u:p@h/d"),
            ("postgresql://u@h:1/x?sslmode=disable&a=/b", "postgresql://u@h:1/d?sslmode=disable&a=/b"),
            ("postgres://u@h/?host=/tmp", "postgres://u@h/d?host=/tmp"),
        ] {
            assert_eq!(with_database(url, "d"), expected);
        }
    }
}
