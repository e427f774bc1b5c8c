//! Hints between instances, over Pub/Sub.

use super::connections::{Lane, Redis};
use crate::memory::MemoryBus;
use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use maru_domain::events::ports::{Bus, Notice};
use maru_domain::ids::{RoomId, TurnId, UserId};
use redis::aio::{PubSubSink, PubSubStream};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use uuid::Uuid;

/// How long subscribing may take.
const CONNECT: Duration = Duration::from_secs(1);
/// Pause between tries to subscribe.
const PAUSE: Duration = Duration::from_millis(500);
/// A subscription that says nothing is asked for a sign of life this often: a cut cable is silent too.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// Tells this process directly and the others through Redis.
pub struct RedisBus {
    redis: Arc<Redis>,
    here: MemoryBus,
    /// Tells our own notices from others'.
    origin: Uuid,
}

impl RedisBus {
    /// A bus of the process that has the name `origin`.
    #[must_use]
    pub fn new(redis: Arc<Redis>, origin: Uuid) -> Self {
        Self { redis, here: MemoryBus::new(), origin }
    }
}

impl fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBus").field("origin", &self.origin).finish_non_exhaustive()
    }
}

#[async_trait]
impl Bus for RedisBus {
    async fn publish(&self, notice: Notice) {
        let Some(text) = text(self.origin, &notice) else { return self.here.publish(notice).await };
        self.here.publish(notice).await;
        let channel = self.redis.key("notices");
        let told = self.redis.ask(Lane::Notices, |mut connection| async move {
            redis::cmd("PUBLISH").arg(channel).arg(text).query_async::<()>(&mut connection).await
        });
        told.await;
    }

    fn listen(&self) -> BoxStream<'static, Notice> {
        let subscription = Subscription {
            redis: Arc::clone(&self.redis),
            channel: self.redis.key("notices"),
            origin: self.origin,
            open: None,
            has_missed: false,
        };
        let others = stream::unfold(subscription, |mut subscription| async move {
            let notice = subscription.next().await;
            Some((notice, subscription))
        });
        stream::select(self.here.listen(), others).boxed()
    }
}

/// What other instances tell. Connects again by itself, for as long as somebody listens.
struct Subscription {
    redis: Arc<Redis>,
    channel: String,
    origin: Uuid,
    open: Option<(PubSubSink, PubSubStream)>,
    /// There was a subscription, and there may have been notices since it broke.
    has_missed: bool,
}

impl Subscription {
    async fn next(&mut self) -> Notice {
        loop {
            let Some((sink, messages)) = &mut self.open else {
                if self.subscribe().await && std::mem::take(&mut self.has_missed) {
                    return Notice::Missed;
                }
                continue;
            };
            let mut silence = interval(ASK_EVERY);
            silence.set_missed_tick_behavior(MissedTickBehavior::Delay);
            silence.tick().await;
            let heard = loop {
                tokio::select! {
                    message = messages.next() => break message,
                    _ = silence.tick() => {
                        let lives = timeout(CONNECT, sink.ping::<redis::Value>()).await;
                        if !matches!(lives, Ok(Ok(_))) {
                            break None;
                        }
                    }
                }
            };
            match heard {
                Some(message) => {
                    let notice = parsed(self.origin, message.get_payload_bytes());
                    if let Some(notice) = notice {
                        return notice;
                    }
                }
                None => {
                    tracing::debug!("the subscription to notices has broken");
                    self.open = None;
                    self.has_missed = true;
                }
            }
        }
    }

    /// True when it worked; waits a little when it did not.
    async fn subscribe(&mut self) -> bool {
        let subscribed = async {
            let (mut sink, messages) = self.redis.client().get_async_pubsub().await?.split();
            sink.subscribe(&self.channel).await?;
            redis::RedisResult::Ok((sink, messages))
        };
        match timeout(CONNECT, subscribed).await {
            Ok(Ok(open)) => {
                self.open = Some(open);
                // Whoever waits for the breaker need not: Redis is there.
                self.redis.answers();
                true
            }
            failed => {
                let why = failed.map_or_else(
                    |_| "too late".to_owned(),
                    |failed| failed.map_or_else(|error| error.to_string(), |_| String::new()),
                );
                tracing::debug!(why, "could not subscribe to notices");
                self.has_missed = true;
                sleep(PAUSE).await;
                false
            }
        }
    }
}

/// `<origin> room <id> <seq>`, `<origin> cancel <turn>` or `<origin> user <id>`; nothing for what concerns this process alone.
fn text(origin: Uuid, notice: &Notice) -> Option<String> {
    match notice {
        Notice::Room { room, seq } => Some(format!("{origin} room {} {seq}", room.0)),
        Notice::Cancel(turn) => Some(format!("{origin} cancel {}", turn.0)),
        Notice::User(user) => Some(format!("{origin} user {}", user.0)),
        Notice::Missed => None,
    }
}

/// A notice of another instance; nothing for our own, and for what a newer version may tell.
fn parsed(origin: Uuid, text: &[u8]) -> Option<Notice> {
    let mut words = std::str::from_utf8(text).ok()?.split(' ');
    if words.next()?.parse::<Uuid>().ok()? == origin {
        return None;
    }
    match (words.next()?, words.next()?.parse().ok()?) {
        ("room", room) => Some(Notice::Room { room: RoomId(room), seq: words.next()?.parse().ok()? }),
        ("cancel", turn) => Some(Notice::Cancel(TurnId(turn))),
        ("user", user) => Some(Notice::User(UserId(user))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_of_others_are_read_and_nothing_else() {
        let (us, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let notices = [
            Notice::Room { room: RoomId(Uuid::from_u128(7)), seq: i64::MAX },
            Notice::Cancel(TurnId(Uuid::from_u128(8))),
            Notice::User(UserId(Uuid::from_u128(9))),
        ];
        for notice in notices {
            let told = text(other, &notice).unwrap();
            assert_eq!(parsed(us, told.as_bytes()), Some(notice));
            assert_eq!(parsed(other, told.as_bytes()), None, "our own");
        }
        for rubbish in [&b""[..], b"\xff", b"x", b"room 1 2", b"00000000-0000-0000-0000-000000000002 sing x"]
        {
            assert_eq!(parsed(us, rubbish), None);
        }
    }
}
