//! Finished pages.

use async_trait::async_trait;
use maru_domain::pages::PageCache;
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;

/// A page whose key nobody asks for any more goes after this long.
const KEPT: Duration = Duration::from_mins(30);
/// What the cache itself spends on an entry, roughly.
const ENTRY_BYTES: usize = 200;

/// Keeps pages in so many bytes of memory; those that are asked for often stay.
pub struct MemoryPages {
    pages: Cache<String, Arc<[u8]>>,
}

impl MemoryPages {
    /// What a server keeps unless its settings say otherwise: 64 MiB.
    pub const DEFAULT_BYTES: u64 = 64 * 1024 * 1024;

    /// A cache of at most `bytes`, keys and upkeep included.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let pages = Cache::builder()
            .max_capacity(bytes)
            .weigher(|key: &String, page: &Arc<[u8]>| {
                u32::try_from(key.len() + page.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
            })
            .time_to_live(KEPT)
            .build();
        Self { pages }
    }
}

impl Default for MemoryPages {
    fn default() -> Self {
        Self::new(Self::DEFAULT_BYTES)
    }
}

impl std::fmt::Debug for MemoryPages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryPages").field("pages", &self.pages.entry_count()).finish_non_exhaustive()
    }
}

#[async_trait]
impl PageCache for MemoryPages {
    async fn get(&self, key: String) -> Option<Arc<[u8]>> {
        self.pages.get(&key)
    }

    async fn put(&self, key: String, page: Arc<[u8]>) {
        self.pages.insert(key, page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pages_share_so_many_bytes() {
        let pages = MemoryPages::new(100 * 1024);
        for number in 0..1_000 {
            pages.put(format!("page {number}"), Arc::from(vec![7; 1024])).await;
        }
        pages.put("larger than everything".to_owned(), Arc::from(vec![7; 200 * 1024])).await;
        pages.pages.run_pending_tasks();
        assert!(pages.pages.weighted_size() <= 100 * 1024);
        assert!(pages.pages.entry_count() > 50);
        assert_eq!(pages.get("larger than everything".to_owned()).await, None);
    }

    #[tokio::test]
    async fn debug_output_holds_no_page() {
        let pages = MemoryPages::default();
        pages.put("a secret key".to_owned(), Arc::from(*b"a secret page")).await;
        assert!(!format!("{pages:?}").contains("secret"));
    }
}
