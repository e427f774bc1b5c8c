//! Times are those of the configured zone.

use super::{is_page, room, say};
use crate::support::{Backend, Site, for_both, name};

for_both! { times_are_those_of_the_zone }

async fn times_are_those_of_the_zone(backend: Backend) {
    for (zone, hours) in [("Asia/Seoul", 9), ("America/New_York", -5), ("UTC", 0)] {
        let site = Site::start(backend, &[("MARU__TIME__ZONE", zone)]).await;
        let http = site.user().await;
        let room = room(&http, &name("times"), "").await;
        let made = http.get("/v1/rooms").await.json()["data"][0]["created_at"].clone();
        let made = made.as_str().expect("a time");
        let minute = |text: &str| -> i64 {
            let digits: Vec<i64> =
                text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
            digits[3] * 60 + digits[4]
        };
        let page = is_page(&http.get(&room).await, 200).with_class("facts")[0].text();
        let shown = page.strip_prefix("생성일: ").expect("a time");
        assert_eq!(shown.len(), "2026-11-21 19:30".len(), "{shown}");
        let apart = (minute(shown) - minute(made) - hours * 60).rem_euclid(24 * 60);
        // In summer New York is an hour nearer.
        assert!(apart == 0 || (zone.contains("York") && apart == 60), "{zone}: {made} is shown as {shown}");
        is_page(&say(&http, &room, "hello").await, 200);
        let times = is_page(&http.get(&room).await, 200).all("time");
        assert!(times.iter().all(|time| time.text().len() == 5 && time.text().contains(':')), "{times:?}");
        assert_eq!(times.len(), 2);
    }
}
