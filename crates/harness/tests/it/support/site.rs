//! A running server with a database and a scripted model behind it.

use super::{BINARY, Http, name};
use maru_harness::server::{Launch, TestServer};
use maru_testkit::throwaway::{Database, Postgres, redis_url};
use maru_testkit::upstream::Upstream;
use serde_json::{Value, json};
use std::ops::Deref;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Which database, and what stands beside it: SQLite with the process's own memory, PostgreSQL with Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// A server with what it stands on, in the order in which they may go.
pub struct Site {
    pub server: TestServer,
    pub upstream: Upstream,
    pub backend: Backend,
    pub store: String,
    database: Option<Database>,
}

/// The password of every user that a test does not care about.
pub const PASSWORD: &str = "correct horse battery";
/// The provider's key: must be seen by nobody but the provider.
pub const PROVIDER_KEY: &str = "sk-canary-of-the-provider";

/// The secret of servers that share a database.
pub const SHARED_SECRET: &str = "a-secret-of-tests-that-nobody-else-has-0123456789";

/// What servers on that database share beside it.
pub fn beside_postgres(database: &str) -> [(&'static str, String); 4] {
    let name = database.rsplit('/').next().and_then(|rest| rest.split('?').next()).unwrap_or_default();
    [
        ("MARU__REDIS__URL", redis_url()),
        // Tests share a Redis, and each database has a name of its own.
        ("MARU__REDIS__PREFIX", name.to_owned()),
        // On a busy machine a good Redis may be late, and most tests are not about that.
        ("MARU__REDIS__TIMEOUT", "5s".to_owned()),
        ("MARU__AUTH__SECRET", SHARED_SECRET.to_owned()),
    ]
}

impl Site {
    /// A server of its own, set by environment variables. Its model is `test/echo`: `reply to: …`.
    pub async fn start(backend: Backend, settings: &[(&str, &str)]) -> Self {
        Self::launch(backend, settings, |launch| launch).await
    }

    /// The same with more to say about the start.
    pub async fn launch(
        backend: Backend,
        settings: &[(&str, &str)],
        more: impl FnOnce(Launch) -> Launch,
    ) -> Self {
        let upstream = Upstream::start().await;
        let database = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => Some(Postgres::shared().await.database().await),
        };
        let mut launch = more(Launch::new(BINARY))
            .env("MARU__LLM__MODEL", "test/echo")
            .env("MARU__LLM__PROVIDERS__TEST__BASE_URL", upstream.base_url())
            .env("MARU__LLM__PROVIDERS__TEST__API_KEY", PROVIDER_KEY)
            .env("MARU__LIMITS__REGISTRATIONS_PER_HOUR", "1000000");
        if let Some(database) = &database {
            launch = launch.store(&database.url);
            for (name, value) in beside_postgres(&database.url) {
                launch = launch.env(name, value);
            }
        }
        for (name, value) in settings {
            launch = launch.env(*name, *value);
        }
        let server = launch.start().await.unwrap_or_else(|error| panic!("{backend:?}: {error}"));
        let store = match &database {
            Some(database) => database.url.clone(),
            None => format!("sqlite:{}", server.home().join("maru.db").display()),
        };
        Self { server, upstream, backend, store, database }
    }

    /// A client without a token.
    pub fn http(&self) -> Http {
        Http::to(&self.server.base_url())
    }

    /// A client with the token of a new user.
    pub async fn user(&self) -> Http {
        self.user_named(&name("user")).await.0
    }

    /// A client with the token of a new user of that name, and what register answered.
    pub async fn user_named(&self, username: &str) -> (Http, Value) {
        let body =
            json!({"username": username, "email": format!("{username}@example.com"), "password": PASSWORD});
        let answer = self.http().post("/api/register/").json(&body).await;
        assert_eq!(answer.status, 200, "{answer}");
        let value = answer.json();
        (self.http().with_token(value["token"].as_str().expect("a token")), value)
    }

    /// Does to a PostgreSQL database what no use case would.
    pub async fn sql(&self, sql: &str) {
        let database = self.database.as_ref().expect("a site on PostgreSQL");
        database.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The prompts of the model so far that end with this message, each as the texts in it.
    pub fn prompts_for(&self, last: &str) -> Vec<Vec<String>> {
        let texts = self
            .upstream
            .calls()
            .into_iter()
            .map(|call| call.messages().into_iter().map(|(_, text)| text).collect::<Vec<_>>());
        texts.filter(|texts| texts.last().is_some_and(|text| text == last)).collect()
    }
}

/// A site that outlives the test: the end of its log is shown when the test fails.
pub struct SiteOf(&'static Site);

impl Deref for SiteOf {
    type Target = Site;

    fn deref(&self) -> &Site {
        self.0
    }
}

impl Drop for SiteOf {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.server.log();
            let lines: Vec<_> = log.lines().collect();
            eprintln!(
                "--- the end of the server's log ---\n{}",
                lines[lines.len().saturating_sub(40)..].join("\n")
            );
        }
    }
}

/// The one server of this process on that database.
pub async fn shared(backend: Backend) -> SiteOf {
    static SQLITE: OnceCell<Site> = OnceCell::const_new();
    static POSTGRES: OnceCell<Site> = OnceCell::const_new();
    let cell = match backend {
        Backend::Sqlite => &SQLITE,
        Backend::Postgres => &POSTGRES,
    };
    SiteOf(cell.get_or_init(|| Site::start(backend, &[])).await)
}

/// A bound for what must not hang.
pub const NOT_HANGING: Duration = Duration::from_secs(30);
