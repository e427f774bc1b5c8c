//! A bus that loses what it is told.

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use maru_domain::events::ports::{Bus, Notice};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Nobody hears anything; what was said is kept for the test.
#[derive(Debug, Default)]
pub struct LossyBus {
    said: Mutex<Vec<Notice>>,
}

impl LossyBus {
    /// A bus on which nothing was said yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Notice>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that was said.
    #[must_use]
    pub fn said(&self) -> Vec<Notice> {
        self.lock().clone()
    }
}

#[async_trait]
impl Bus for LossyBus {
    async fn publish(&self, notice: Notice) {
        self.lock().push(notice);
    }

    fn listen(&self) -> BoxStream<'static, Notice> {
        stream::pending().boxed()
    }
}
