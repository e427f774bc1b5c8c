//! The primary dies and its synchronous standby takes over.

use super::outage::Watcher;
use super::{WRITERS, durable, place_in};
use crate::support::{Backend, Site, judge};
use maru_harness::history::History;
use maru_harness::history::writers::Writers;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_has_all_that_was_acknowledged() {
    let primary = durable().await;
    let database = primary.database().await;
    let standby = primary.standby().await.expect("a standby");
    // The standby is named first: whoever took what comes first would try to write to it.
    let (there, here) = (place_in(standby.admin_url()), place_in(&database.url));
    let both = database.url.replacen(here, &format!("{there},{here}"), 1);
    let site = Site::launch(Backend::Sqlite, &[], |launch| launch.store(both)).await;
    let mut watcher = Watcher::new(&site).await;
    let history = Arc::new(History::new());
    let writers = Writers::start(&history, &site.server.address(), &WRITERS).await.expect("writers");
    tokio::time::sleep(Duration::from_secs(1)).await;
    primary.stop_immediately().expect("it dies");
    // The standby answers, and cannot be written to.
    watcher.refused_for(Duration::from_secs(2)).await;
    standby.promote().await.expect("it takes over");
    watcher.recovered().await;
    let now = database.url.replacen(here, there, 1);
    judge("standby", &history, writers, &now).await.expect("nothing is lost or doubled");
}
