//! The throwaway server itself.

use super::{Postgres, ThrowawayError, sqlite_dir};
use std::path::Path;
use std::process::{Command, Stdio};

fn is_running(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn databases_are_empty_apart_and_dropped() -> Result<(), ThrowawayError> {
    let server = Postgres::shared().await;
    let (one, two) = (server.database().await, server.database().await);
    one.sql("CREATE TABLE t (a text); INSERT INTO t VALUES ('가')").await?;
    assert_eq!(one.sql("SELECT a, length(a), current_setting('server_encoding') FROM t").await?, "가|1|UTF8");
    assert_eq!(
        two.sql("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'").await?,
        "0"
    );
    let name = one.url.rsplit('/').next().unwrap_or_default().to_owned();
    drop(one);
    assert_eq!(two.sql(&format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'")).await?, "0");
    Ok(())
}

#[tokio::test]
async fn a_durable_server_survives_kill_nine() -> Result<(), ThrowawayError> {
    let server = Postgres::durable()?;
    let database = server.database().await;
    database.sql("CREATE TABLE t (a int); INSERT INTO t VALUES (7)").await?;
    server.kill9()?;
    assert!(database.sql("SELECT 1").await.is_err());
    server.restart()?;
    assert_eq!(database.sql("SELECT a FROM t").await?, "7");
    let pid = server.pid().ok_or(ThrowawayError::Missing)?;
    assert!(is_running(pid));
    drop((database, server));
    assert!(!is_running(pid), "the server ends with its value");
    Ok(())
}

#[tokio::test]
async fn a_promoted_standby_has_all_that_was_acknowledged() -> Result<(), ThrowawayError> {
    let primary = Postgres::durable()?;
    let database = primary.database().await;
    let standby = primary.standby().await?;
    database.sql("CREATE TABLE t (a int); INSERT INTO t VALUES (7)").await?;
    primary.stop_immediately()?;
    standby.promote().await?;
    let there = database.url.replace(
        primary.admin_url().trim_end_matches("/postgres"),
        standby.admin_url().trim_end_matches("/postgres"),
    );
    let (psql, sql) = (super::installed::psql()?, "INSERT INTO t VALUES (8) RETURNING (SELECT a FROM t)");
    assert_eq!(super::database::ask(&psql, &there, sql).await?, "7");
    Ok(())
}

#[test]
fn a_killed_holder_takes_its_server_along() -> std::io::Result<()> {
    // The pipe closes whatever ends this process. `sleep` plays the server.
    use super::watchdog::{Held, Watchdog};
    let dir = tempfile::tempdir()?.keep();
    let (args, log) = (["600".to_owned()], dir.join("log"));
    let held = Held {
        program: Path::new("/bin/sleep"),
        args: &args,
        dir: &dir,
        log: &log,
        signal: "KILL",
        user: None,
    };
    let mut watchdog = Watchdog::spawn(&held)?;
    let pid = watchdog.start()?;
    assert!(is_running(pid) && dir.exists());
    // Another child of ours must not keep the pipe open.
    let mut bystander = Command::new("/bin/sleep").arg("600").stdin(Stdio::null()).spawn()?;
    drop(watchdog);
    let running = is_running(pid);
    bystander.kill()?;
    bystander.wait()?;
    assert!(!running && !dir.exists());
    Ok(())
}

#[test]
fn a_missing_server_names_the_command_that_installs_it() {
    assert!(ThrowawayError::Missing.to_string().contains("apt-get install postgresql"));
}

#[test]
fn directories_for_sqlite_go_when_dropped() {
    let dir = sqlite_dir();
    let path = dir.path().to_owned();
    assert!(path.is_dir());
    drop(dir);
    assert!(!path.exists());
}
