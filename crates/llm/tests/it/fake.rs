//! A model of a few lines, for tests with a stopped clock.

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use maru_domain::turns::Prompt;
use maru_domain::turns::ports::{ChatModel, Finish, ModelError, ModelFault, Piece, Pieces};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What a fake does in one call.
#[derive(Clone, Debug)]
pub enum Step {
    Wait(u64),
    Say(&'static str),
    End,
    Fail(ModelFault),
    FailFor(ModelFault, Duration),
    Hang,
}

/// Plays one list of steps a call; the last one stays. A `Fail` at the beginning is a refused call.
#[derive(Default)]
pub struct Fake {
    calls: Mutex<VecDeque<Vec<Step>>>,
    at: Mutex<Vec<Instant>>,
    /// As many references as there are streams, and one more.
    streams: Arc<()>,
}

impl Fake {
    pub fn new(calls: impl IntoIterator<Item = Vec<Step>>) -> Arc<Self> {
        Arc::new(Self { calls: Mutex::new(calls.into_iter().collect()), ..Self::default() })
    }

    /// When the calls came, since the first.
    pub fn times(&self) -> Vec<Duration> {
        let at = self.at.lock().expect("never poisoned");
        at.iter().map(|when| *when - *at.first().expect("not empty")).collect()
    }

    pub fn count(&self) -> usize {
        self.at.lock().expect("never poisoned").len()
    }

    pub fn running(&self) -> usize {
        Arc::strong_count(&self.streams) - 1
    }
}

async fn act(step: Step) -> Option<Result<Piece, ModelError>> {
    match step {
        Step::Wait(seconds) => {
            sleep(Duration::from_secs(seconds)).await;
            None
        }
        Step::Say(text) => Some(Ok(Piece::Text(text.to_owned()))),
        Step::End => Some(Ok(Piece::End { finish: Finish::Stop, usage: None })),
        Step::Fail(fault) => Some(Err(ModelError::new(fault, "fake"))),
        Step::FailFor(fault, wait) => {
            Some(Err(ModelError { retry_after: Some(wait), ..ModelError::new(fault, "fake") }))
        }
        Step::Hang => std::future::pending().await,
    }
}

#[async_trait]
impl ChatModel for Fake {
    async fn reply(&self, _: Prompt) -> Result<Pieces, ModelError> {
        self.at.lock().expect("never poisoned").push(Instant::now());
        let steps = {
            let mut calls = self.calls.lock().expect("never poisoned");
            if calls.len() > 1 { calls.pop_front() } else { calls.front().cloned() }
        };
        let mut steps: VecDeque<_> = steps.unwrap_or_default().into();
        if let Some(Step::Fail(_) | Step::FailFor(..)) = steps.front() {
            let first = steps.pop_front().expect("seen");
            return Err(act(first).await.expect("a failure").expect_err("a failure"));
        }
        let held = Arc::clone(&self.streams);
        let pieces = stream::iter(steps).filter_map(act).inspect(move |_| {
            let _ = &held;
        });
        Ok(pieces.boxed())
    }
}
