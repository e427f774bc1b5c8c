//! Two servers on one database, and a scripted model behind both.

use crate::support::{BINARY, Http, PASSWORD, PROVIDER_KEY, beside_postgres, name};
use maru_harness::server::{Launch, TestServer};
use maru_testkit::throwaway::{Database, Postgres};
use maru_testkit::upstream::{Script, Upstream};
use serde_json::{Value, json};

/// What the two have in common beside the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    Redis,
    Nothing,
}

/// Two servers, in the order in which they may go.
pub struct Twins {
    pub one: TestServer,
    pub two: TestServer,
    pub upstream: Upstream,
    pub database: Database,
}

/// Each function once with a Redis between the two, and once without.
macro_rules! with_and_without_redis {
    ($($name:ident)+) => {
        mod with_redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::instances::twins::Between::Redis).await;
            })+
        }
        mod without_redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::instances::twins::Between::Nothing).await;
            })+
        }
    };
}

pub(super) use with_and_without_redis;

impl Twins {
    /// Both ready. Their model is `test/echo`: `reply to: …`.
    pub async fn start(between: Between) -> Self {
        Self::start_with(between, &[]).await
    }

    /// The same with more settings.
    pub async fn start_with(between: Between, settings: &[(&str, &str)]) -> Self {
        let upstream = Upstream::start().await;
        let database = Postgres::shared().await.database().await;
        let mut launch = Launch::new(BINARY)
            .store(&database.url)
            .env("MARU__LLM__MODEL", "test/echo")
            .env("MARU__LLM__PROVIDERS__TEST__BASE_URL", upstream.base_url())
            .env("MARU__LLM__PROVIDERS__TEST__API_KEY", PROVIDER_KEY)
            .env("MARU__LIMITS__REGISTRATIONS_PER_HOUR", "1000000");
        for (name, value) in beside_postgres(&database.url) {
            let left_out = between == Between::Nothing && name == "MARU__REDIS__URL";
            launch = launch.env(name, if left_out { String::new() } else { value });
        }
        for (name, value) in settings {
            launch = launch.env(*name, *value);
        }
        let other = launch.clone().address(&"".into());
        let (one, two) = futures_util::future::join(launch.start(), other.start()).await;
        let started =
            |server: Result<TestServer, _>| server.unwrap_or_else(|error| panic!("{between:?}: {error}"));
        Self { one: started(one), two: started(two), upstream, database }
    }

    /// A new user's clients at the one and at the other, with the same token.
    pub async fn user(&self) -> (Http, Http) {
        let body = json!({"username": name("user"), "password": PASSWORD});
        let token = Http::to(&self.one.base_url()).post("/api/register/").json(&body).await.string("/token");
        self.with_token(&token)
    }

    /// Clients without a token.
    pub fn strangers(&self) -> (Http, Http) {
        (Http::to(&self.one.base_url()), Http::to(&self.two.base_url()))
    }

    pub fn with_token(&self, token: &str) -> (Http, Http) {
        let to = |server: &TestServer| Http::to(&server.base_url()).with_token(token);
        (to(&self.one), to(&self.two))
    }

    /// A room whose model follows these scripts, call by call.
    pub async fn scripted(&self, user: &Http, scripts: Vec<Script>) -> (Value, String) {
        let model = name("twins");
        self.upstream.script_each(model.clone(), scripts);
        let made = user.post("/v1/rooms").json(&json!({"model": format!("test/{model}")})).await;
        (made.has_status(201).json(), model)
    }
}

/// `/v1/rooms/{id}` and more.
pub fn at(room: &Value, more: &str) -> String {
    format!("/v1/rooms/{}{more}", room["id"].as_str().expect("a room's id"))
}

/// `/v1/turns/{id}` and more.
pub fn of(turn: &Value, more: &str) -> String {
    format!("/v1/turns/{}{more}", turn["id"].as_str().expect("a turn's id"))
}

/// Sends a message and does not wait.
pub async fn send(user: &Http, room: &Value, content: &str) -> Value {
    let sent = user.post(&at(room, "/messages")).json(&json!({"content": content})).await;
    sent.has_status(201).json()["turn"].clone()
}
