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
