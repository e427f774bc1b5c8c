//! A database that goes away and comes back: clear answers meanwhile, nothing told of what is inside (S26).

use crate::support::{Backend, Http, Reply, Site, until};
use maru_testkit::throwaway::{Database, Postgres};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_waited_for() {
    let cluster =
        tokio::task::spawn_blocking(Postgres::durable).await.expect("a thread").expect("PostgreSQL");
    let database: Database = cluster.database().await;
    let site = Site::launch(Backend::Sqlite, &[], |launch| launch.store(&database.url)).await;
    let (user, registered) = site.user_named("patient").await;
    user.say("before").await.has_status(201);
    let before = user.chats().await;
    let pid = site.server.pid();
    cluster.kill9().expect("it is killed");
    let http = site.http();
    until("/readyz says no", || async { http.get("/readyz").await.status == 503 }).await;
    assert_eq!(http.get("/readyz").await.json()["status"], "store_unavailable");
    // Alive all the same: a restart of maru would help nobody.
    http.get("/livez").await.is(200, &json!({"status": "ok"}));
    http.get("/metrics").await.has_status(200);
    let body = json!({"username": "patient", "email": "", "password": "correct horse battery"});
    let stranger = json!({"username": "newcomer", "password": "x"});
    let chat = before[0]["chat_id"].clone();
    let message = before[0]["conversation"][0]["message_id"].clone();
    let answers = [
        user.get("/api/chats/").await,
        user.get("/api/test_token/").await,
        user.say("lost").key("k").await,
        user.end().await,
        user.edit(&chat, &message, "x").await,
        user.delete(&chat).await,
        http.post("/api/login/").json(&body).await,
        http.post("/api/register/").json(&stranger).await,
    ];
    for answer in &answers {
        // Who was recognised a moment ago is believed for some seconds.
        if answer.line.contains("test_token") && answer.status == 200 {
            continue;
        }
        away(answer, &site);
    }
    // A bad request is one without a database, too.
    http.get("/api/chats/").await.has_status(401);
    http.post("/api/register/").json(&json!({})).await.has_status(400);
    cluster.restart().expect("it comes back");
    until("/readyz says yes", || async { http.get("/readyz").await.status == 200 }).await;
    assert_eq!(site.server.pid(), pid, "the same process");
    until("it serves again", || async { user.get("/api/chats/").await.status == 200 }).await;
    assert_eq!(user.chats().await, before, "nothing is lost, and nothing of what failed was done");
    goes_on(&user, &registered).await;
    // Before the cluster, which would not let itself be asked to drop it.
    drop(site);
}

#[track_caller]
fn away(answer: &Reply, site: &Site) {
    answer.is(503, &json!({"error": "The database is away; try again."}));
    assert!(answer.header("retry-after").is_some(), "{answer}");
    for inside in ["postgres", "SELECT", "INSERT", "connection", "refused", "crates/", "os error"] {
        assert!(!answer.text().contains(inside), "{inside} in {answer}");
    }
    // The one who runs the server finds out by the id what the client was not told.
    let id = answer.header("x-request-id").unwrap_or_default();
    let log = site.server.log();
    let line = log.lines().find(|line| line.contains(&id) && line.contains("store_unavailable"));
    assert!(line.is_some(), "{answer} has left nothing in the log under {id}");
}

async fn goes_on(user: &Http, registered: &Value) {
    let answer = user.say("after").key("k").await;
    assert!(matches!(answer.status, 422 | 200), "{answer}");
    let answer = user.say("lost").key("k2").await;
    assert_eq!((answer.status, &answer.json()["user_id"]), (200, &registered["user"]["id"]), "{answer}");
}
