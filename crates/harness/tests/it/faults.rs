//! What maru stands on goes away and comes back, under load (reliability.md R13, R15): nothing that was
//! acknowledged is lost or doubled, what cannot be done is refused in time, and nobody has to restart maru.

mod commit;
mod one_order;
mod outage;
mod postgres;
mod redis;
mod rolling;
mod standby;

use crate::support::{Backend, SHARED_SECRET, Site};
use maru_harness::history::History;
use maru_harness::history::writers::Writers;
use maru_testkit::proxy::Proxy;
use maru_testkit::throwaway::{Database, Postgres};
use std::net::SocketAddr;
use std::sync::Arc;

/// Four rooms with two writers each.
const WRITERS: [usize; 4] = [2; 4];

/// A server whose database is behind a proxy. In the order in which they may go.
struct Behind {
    site: Site,
    proxy: Proxy,
    database: Database,
}

impl Behind {
    async fn start(postgres: &Postgres) -> Self {
        Self::start_beside(postgres, "").await
    }

    /// The same with a Redis.
    async fn start_beside(postgres: &Postgres, redis: &str) -> Self {
        let database = postgres.database().await;
        let settings = [("MARU__REDIS__URL", redis), ("MARU__AUTH__SECRET", SHARED_SECRET)];
        let proxy = Proxy::before(address_in(&database.url));
        let url = at(&database.url, proxy.address());
        let site = Site::launch(Backend::Sqlite, &settings, |launch| launch.store(url)).await;
        Self { site, proxy, database }
    }

    /// Writers at work.
    async fn load(&self) -> (Arc<History>, Writers) {
        let history = Arc::new(History::new());
        let writers = Writers::start(&history, &self.site.server.address(), &WRITERS).await;
        (history, writers.expect("writers"))
    }
}

/// A server of our own that keeps what it acknowledged.
async fn durable() -> Postgres {
    tokio::task::spawn_blocking(Postgres::durable).await.expect("a thread").expect("PostgreSQL")
}

fn place_in(url: &str) -> &str {
    let place = url.split("://").nth(1).and_then(|rest| rest.split('/').next());
    place.and_then(|place| place.rsplit('@').next()).expect("a URL with a place")
}

/// Where a URL points to.
fn address_in(url: &str) -> SocketAddr {
    place_in(url).parse().expect("an address")
}

/// The same URL, elsewhere.
fn at(url: &str, address: SocketAddr) -> String {
    url.replacen(place_in(url), &address.to_string(), 1)
}
