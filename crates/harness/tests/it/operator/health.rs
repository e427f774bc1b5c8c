//! `maru health`: what a container's health check is told.

use crate::support::{Backend, Site, maru, until};
use maru_testkit::throwaway::{Postgres, sqlite_dir};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_asked_of_the_running_server() {
    let cluster =
        tokio::task::spawn_blocking(Postgres::durable).await.expect("a thread").expect("PostgreSQL");
    let database = cluster.database().await;
    let site = Site::launch(Backend::Sqlite, &[], |launch| launch.store(&database.url)).await;
    let dir = sqlite_dir();
    let address = site.server.base_url().trim_start_matches("http://").to_owned();
    let ask = |more: &[&str]| maru(dir.path(), &[&["health", "--bind", &address], more].concat(), "");
    assert_eq!(ask(&["--json"]).ok().json(), json!({"status": "ok"}));
    assert_eq!(ask(&["--ready", "--json"]).ok().json()["status"], "ready");
    cluster.kill9().expect("it is killed");
    until("/readyz says no", || async { site.http().get("/readyz").await.status == 503 }).await;
    // A restart of maru would help nobody.
    ask(&[]).ok();
    ask(&["--ready"]).failed(1, "store_unavailable");
    drop(site);
    ask(&[]).failed(1, "is `maru serve` running?");
    maru(dir.path(), &["health", "--bind", "127.0.0.1:0"], "").failed(1, "port 0");
    assert_eq!(std::fs::read_dir(dir.path()).expect("a directory").count(), 0, "it makes nothing");
}
