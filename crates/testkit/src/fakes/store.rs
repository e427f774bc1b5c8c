//! A store of turns that fails when the test says so.

use super::gate::Counted;
use super::trouble::{Call, Plan, Plans, Trouble};
use super::until;
use async_trait::async_trait;
use maru_domain::clock::Timestamp;
use maru_domain::error::StoreError;
use maru_domain::ids::{InstanceId, RoomId, TurnId};
use maru_domain::turns::ports::{Checkpoint, Claimed, Ended, Ending, Lease, TurnStore, Written};
use maru_domain::turns::{PromptSource, TurnView};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Passes calls on, counts them, and fails or holds those that the test has named.
pub struct FlakyStore {
    inner: Arc<dyn TurnStore>,
    plans: Mutex<Plans>,
    at_work: AtomicUsize,
    lease: Mutex<Option<Duration>>,
}

impl FlakyStore {
    /// A store without trouble.
    #[must_use]
    pub fn over(inner: Arc<dyn TurnStore>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            plans: Mutex::default(),
            at_work: AtomicUsize::new(0),
            lease: Mutex::default(),
        })
    }

    fn plans(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next call of this sort meets trouble.
    pub fn next(&self, call: Call, trouble: Trouble) {
        self.some(call, 0, 1, trouble);
    }

    /// After `skip` calls of this sort that go well, `times` meet trouble.
    pub fn some(&self, call: Call, skip: usize, times: usize, trouble: Trouble) {
        self.plans().plans.push(Plan { call: Some(call), skip, times, trouble });
    }

    /// Every call meets trouble, until [`FlakyStore::is_well`].
    pub fn every(&self, trouble: Trouble) {
        self.plans().plans.push(Plan { call: None, skip: 0, times: usize::MAX, trouble });
    }

    /// No more trouble.
    pub fn is_well(&self) {
        self.plans().plans.clear();
    }

    /// Leases that are taken or renewed from now on last so long, whatever the engine wants.
    pub fn set_lease(&self, lasts: Duration) {
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = Some(lasts);
    }

    /// How many calls of this sort have begun.
    #[must_use]
    pub fn calls(&self, call: Call) -> usize {
        self.plans().begun.iter().filter(|begun| **begun == call).count()
    }

    /// Every call that has begun, in order.
    #[must_use]
    pub fn begun(&self) -> Vec<Call> {
        self.plans().begun.clone()
    }

    /// Returns once so many calls of this sort have begun.
    ///
    /// # Panics
    /// When that takes more than ten seconds.
    pub async fn called(&self, call: Call, times: usize) {
        until(&format!("{times} calls of {call:?}"), async || self.calls(call) >= times).await;
    }

    /// True while a call is in the database; those held at a gate are not.
    #[must_use]
    pub fn is_at_work(&self) -> bool {
        self.at_work.load(Ordering::SeqCst) > 0
    }

    fn leased(&self, lease: Lease) -> Lease {
        let lasts = *self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        Lease { lasts: lasts.unwrap_or(lease.lasts), ..lease }
    }

    async fn through<T>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let trouble = self.plans().meet(call);
        match &trouble {
            Some(Trouble::Away) => return Err(away(true)),
            Some(Trouble::Broken) => return Err(StoreError::Internal("broken, as the test wants it".into())),
            Some(Trouble::Before(gate)) => gate.pass().await,
            Some(Trouble::AnswerLost | Trouble::After(_)) | None => {}
        }
        let answer = {
            let _counted = Counted::new(&self.at_work);
            work.await
        };
        match trouble {
            Some(Trouble::AnswerLost) => Err(away(false)),
            Some(Trouble::After(gate)) => {
                gate.pass().await;
                answer
            }
            _ => answer,
        }
    }
}

fn away(certain: bool) -> StoreError {
    StoreError::Unavailable { certain, source: "away, as the test wants it".into() }
}

impl fmt::Debug for FlakyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlakyStore").field("plans", &*self.plans()).finish_non_exhaustive()
    }
}

#[async_trait]
impl TurnStore for FlakyStore {
    async fn find(&self, turn: TurnId) -> Result<Option<TurnView>, StoreError> {
        self.through(Call::Find, self.inner.find(turn)).await
    }

    async fn first(&self, room: RoomId) -> Result<Option<TurnView>, StoreError> {
        self.inner.first(room).await
    }

    async fn delete(&self, turn: TurnId, now: Timestamp) -> Result<bool, StoreError> {
        self.inner.delete(turn, now).await
    }

    async fn claim(
        &self,
        lease: Lease,
        room: Option<RoomId>,
        limit: i64,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.through(Call::Claim, self.inner.claim(self.leased(lease), room, limit)).await
    }

    async fn prompt(&self, turn: TurnId, max_messages: i64) -> Result<Option<PromptSource>, StoreError> {
        self.through(Call::Prompt, self.inner.prompt(turn, max_messages)).await
    }

    async fn checkpoint(&self, checkpoint: Checkpoint) -> Result<Written, StoreError> {
        self.through(Call::Checkpoint, self.inner.checkpoint(checkpoint)).await
    }

    async fn finish(&self, ending: Ending) -> Result<Option<Ended>, StoreError> {
        self.through(Call::Finish, self.inner.finish(ending)).await
    }

    async fn unfinished(&self, room: RoomId) -> Result<Vec<TurnId>, StoreError> {
        self.inner.unfinished(room).await
    }

    async fn request_cancel(&self, turn: TurnId, now: Timestamp) -> Result<Option<TurnView>, StoreError> {
        self.through(Call::RequestCancel, self.inner.request_cancel(turn, now)).await
    }

    async fn force_cancel(&self, turn: TurnId, now: Timestamp) -> Result<Option<TurnView>, StoreError> {
        self.through(Call::ForceCancel, self.inner.force_cancel(turn, now)).await
    }

    async fn renew(&self, lease: Lease, running: Vec<TurnId>) -> Result<Vec<TurnId>, StoreError> {
        self.through(Call::Renew, self.inner.renew(self.leased(lease), running)).await
    }

    async fn release(&self, turn: TurnId, fence: i64) -> Result<bool, StoreError> {
        self.through(Call::Release, self.inner.release(turn, fence)).await
    }

    async fn void_leases(&self, except: InstanceId) -> Result<usize, StoreError> {
        self.through(Call::VoidLeases, self.inner.void_leases(except)).await
    }
}
