//! What Redis and PostgreSQL do by themselves, told by the programs that come with them.

use crate::files;
use crate::sends::pgbench;
use maru_domain::error::BoxError;
use maru_testkit::throwaway::{Database, Redis};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// GETs of one value, by `redis-benchmark`.
pub struct RedisGet {
    program: PathBuf,
    port: String,
    /// What a second does about: redis-benchmark is told how many requests, and not for how long.
    a_second: f64,
}

/// The key that it asks for.
const KEY: &str = "bench:page";

impl RedisGet {
    /// Of a value of so many bytes.
    pub fn of(redis: &Redis, bytes: usize) -> Result<Self, BoxError> {
        let missing = "redis-benchmark is not installed; install it with `apt-get install redis-tools`";
        let program = files::program("redis-benchmark").ok_or(missing)?;
        let set = redis.command(&["SETRANGE", KEY, &bytes.saturating_sub(1).to_string(), "x"])?;
        if set != bytes.to_string() {
            return Err(format!("Redis did not take the page: {set}").into());
        }
        let port = redis.url().rsplit(':').next().ok_or("a Redis without a port")?.to_owned();
        let mut get = Self { program, port, a_second: 10_000.0 };
        get.a_second = get.round(64, Duration::from_secs(1))?;
        Ok(get)
    }

    /// Answers a second, over so many connections, for about so long.
    pub fn round(&self, connections: usize, time: Duration) -> Result<f64, BoxError> {
        let requests = (self.a_second * time.as_secs_f64()).max(1.0);
        let mut command = Command::new(&self.program);
        command.args(["-h", "127.0.0.1", "-p", &self.port, "--csv", "-c", &connections.to_string()]);
        command.args(["-n", &format!("{requests:.0}"), "GET", KEY]);
        files::told(command, answers)
    }
}

/// The rate in the last line of the CSV: `"GET bench:page","12345.67",…`.
fn answers(csv: &str) -> Option<f64> {
    let line = csv.lines().rev().find(|line| line.contains(KEY))?;
    line.split("\",\"").nth(1)?.trim_matches('"').parse().ok()
}

/// The selects of a page, by `pgbench`.
pub struct PageSelect {
    program: PathBuf,
    scripts: Vec<PathBuf>,
    url: String,
}

/// The rows of a page, in the columns and with the conditions of `GET /v1/rooms/{id}/messages`.
const PAGE: &str = "SELECT number, id, room_id, seq, turn_id, role, content, status, metadata, created_at, updated_at, \
    edited_at, quote, plc_uuid, plc_snapshot FROM messages WHERE room_id = ROOM AND deleted_at IS NULL \
    ORDER BY seq LIMIT 51;\n";
/// The room's row, which says who may read and which version there is.
const ROW: &str = "SELECT number, id, kind, owner_id, public_id, name, system_prompt, model, turn_policy, metadata, \
    created_at, updated_at, last_message_at, ended_at, version, last_seq, last_message_seq, message_count FROM rooms \
    WHERE deleted_at IS NULL AND id = ROOM;\n";

impl PageSelect {
    /// The page's select alone.
    pub fn page(place: &Path, database: &Database) -> Result<Self, BoxError> {
        Self::new(place, "page", database, PAGE)
    }

    /// The room's row, then the page.
    pub fn room_and_page(place: &Path, database: &Database) -> Result<Self, BoxError> {
        Self::new(place, "both", database, &format!("{ROW}{PAGE}"))
    }

    /// Reads the rooms that there are, each as often as the others.
    fn new(place: &Path, name: &str, database: &Database, selects: &str) -> Result<Self, BoxError> {
        let program = pgbench::program()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ids =
            runtime.block_on(database.sql("SELECT string_agg(id::text, ' ' ORDER BY number) FROM rooms"))?;
        let ids: Vec<&str> = ids.split_whitespace().collect();
        if ids.is_empty() {
            return Err("no rooms".into());
        }
        // A script for each room: pgbench takes one by chance each time.
        let mut scripts = Vec::new();
        for (number, id) in ids.iter().enumerate() {
            let script = place.join(format!("{name}-{number}.pgbench"));
            std::fs::write(&script, selects.replace("ROOM", &format!("'{id}'::uuid")))?;
            scripts.push(script);
        }
        Ok(Self { program, scripts, url: database.url.clone() })
    }

    /// Pages a second, over so many connections, for so long.
    pub fn round(&self, connections: usize, time: Duration) -> Result<f64, BoxError> {
        let mut command = pgbench::command(&self.program, connections);
        command.arg(format!("--time={}", time.as_secs().max(1)));
        for script in &self.scripts {
            command.arg("--file").arg(script);
        }
        command.arg(&self.url);
        files::told(command, pgbench::rate)
    }
}

#[cfg(test)]
mod tests {
    use super::answers;

    #[test]
    fn the_rate_is_found() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\"\n\"GET bench:page\",\"43859.65\",\"0.6\"\n";
        assert_eq!(answers(csv), Some(43859.65));
        assert_eq!(answers("Could not connect"), None);
    }
}
