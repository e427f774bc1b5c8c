//! Hints within one process.

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use maru_domain::events::ports::{Bus, Notice};
use tokio::sync::broadcast::{self, error::RecvError};

/// How far a listener may fall behind. A notice is 40 bytes, so this is nothing.
const BEHIND: usize = 1024;

/// Tells every listener of this process.
#[derive(Debug)]
pub struct MemoryBus {
    notices: broadcast::Sender<Notice>,
}

impl MemoryBus {
    /// A bus that nobody listens to yet.
    #[must_use]
    pub fn new() -> Self {
        Self { notices: broadcast::Sender::new(BEHIND) }
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, notice: Notice) {
        // An error says that nobody listens, which is nobody's fault.
        let _ = self.notices.send(notice);
    }

    fn listen(&self) -> BoxStream<'static, Notice> {
        let listening = self.notices.subscribe();
        stream::unfold(listening, |mut listening| async move {
            loop {
                match listening.recv().await {
                    Ok(notice) => return Some((notice, listening)),
                    // What was missed is gone; what is still there goes on.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }
}
