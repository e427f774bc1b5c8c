//! A database that is away (contract §4.1): the history's own error, and nothing told of what is inside.

use super::{history, refused, say};
use crate::support::{Backend, Site, until};
use maru_testkit::throwaway::Postgres;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_cannot_be_read_says_so() {
    let cluster =
        tokio::task::spawn_blocking(Postgres::durable).await.expect("a thread").expect("PostgreSQL");
    let database = cluster.database().await;
    let site = Site::launch(Backend::Sqlite, &[], |launch| launch.store(&database.url)).await;
    let http = site.http();
    say(&http, "chat001", "before").await.has_status(200);
    let before = history(&http, "chat001").await;
    cluster.kill9().expect("it is killed");
    let answer = http.get("/v1/chat/chat001/history").await;
    refused(&answer, 500, "CHAT_HISTORY_LOAD_ERROR");
    assert_eq!(answer.json()["message"], "대화 기록 로드 중 오류가 발생했습니다.");
    let sent = say(&http, "chat001", "lost").await;
    refused(&sent, 503, "SERVICE_UNAVAILABLE");
    let listed = http.get("/v1/plcs").await;
    refused(&listed, 503, "SERVICE_UNAVAILABLE");
    for answer in [&answer, &sent, &listed] {
        for inside in ["postgres", "SELECT", "INSERT", "connection", "refused", "crates/", "os error"] {
            assert!(!answer.text().contains(inside), "{inside} in {answer}");
        }
    }
    cluster.restart().expect("it comes back");
    until("it serves again", || async { http.get("/v1/chat/chat001/history").await.status == 200 }).await;
    assert_eq!(history(&http, "chat001").await, before);
    http.get("/v1/plcs/masters").await.is(200, &json!({"plants": [], "processes": [], "lines": []}));
    // Before the cluster, which would not let itself be asked to drop it.
    drop(site);
}
