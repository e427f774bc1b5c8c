//! Finished pages, kept so that they need not be made again. A key carries the version of what the
//! page shows, so a page can be missing but never stale (design §5).

use async_trait::async_trait;
use std::sync::Arc;

/// Keeps pages for a while; may forget any of them at any time.
#[async_trait]
pub trait PageCache: Send + Sync {
    /// The page of that key, if it is still there.
    async fn get(&self, key: String) -> Option<Arc<[u8]>>;

    /// Keeps a page.
    async fn put(&self, key: String, page: Arc<[u8]>);

    /// Lets go of a page that nobody will ask for any more, so that it takes no room from others.
    async fn forget(&self, key: String);
}
