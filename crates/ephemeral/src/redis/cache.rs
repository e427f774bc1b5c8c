//! Finished pages: the latest in this process, all in Redis.

use super::connections::{Lane, Redis};
use crate::memory::MemoryPages;
use async_trait::async_trait;
use maru_domain::pages::PageCache;
use std::sync::Arc;
use std::time::Duration;

/// A page goes after this long. Its key names a version, so it is only waste by then.
const KEPT: Duration = Duration::from_mins(30);
/// A page that is larger stays in this process: it would hold up all commands behind it.
const LARGEST: usize = 1024 * 1024;

/// Keeps pages where every instance finds them. A page never changes under its key (design §5), so the copies that
/// processes hold of it cannot disagree.
#[derive(Debug)]
pub struct RedisPages {
    redis: Arc<Redis>,
    near: MemoryPages,
}

impl RedisPages {
    /// Pages of `redis`, with at most `bytes` of them in this process too.
    #[must_use]
    pub fn new(redis: Arc<Redis>, bytes: u64) -> Self {
        Self { redis, near: MemoryPages::new(bytes) }
    }

    fn key(&self, key: &str) -> String {
        self.redis.key(format_args!("page:{key}"))
    }
}

#[async_trait]
impl PageCache for RedisPages {
    async fn get(&self, key: String) -> Option<Arc<[u8]>> {
        if let Some(page) = self.near.get(key.clone()).await {
            return Some(page);
        }
        let far = self.key(&key);
        let found = self.redis.ask(Lane::Any, |mut connection| async move {
            redis::cmd("GET").arg(far).query_async::<Option<Vec<u8>>>(&mut connection).await
        });
        let page: Arc<[u8]> = found.await.flatten()?.into();
        self.near.put(key, Arc::clone(&page)).await;
        Some(page)
    }

    async fn put(&self, key: String, page: Arc<[u8]>) {
        let far = self.key(&key);
        self.near.put(key, Arc::clone(&page)).await;
        if page.len() > LARGEST {
            return;
        }
        let kept = self.redis.ask(Lane::Any, |mut connection| async move {
            let mut set = redis::cmd("SET");
            set.arg(far).arg(&page[..]).arg("EX").arg(KEPT.as_secs());
            set.query_async::<()>(&mut connection).await
        });
        kept.await;
    }

    async fn forget(&self, key: String) {
        let far = self.key(&key);
        self.near.forget(key).await;
        let gone = self.redis.ask(Lane::Any, |mut connection| async move {
            redis::cmd("UNLINK").arg(far).query_async::<()>(&mut connection).await
        });
        gone.await;
    }
}
