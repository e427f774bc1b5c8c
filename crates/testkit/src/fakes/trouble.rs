//! Which calls of a store go wrong, and how.

use super::Gate;

/// A call of [`TurnStore`](maru_domain::turns::ports::TurnStore).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// `find`
    Find,
    /// `claim`
    Claim,
    /// `prompt`
    Prompt,
    /// `checkpoint`
    Checkpoint,
    /// `finish`
    Finish,
    /// `request_cancel`
    RequestCancel,
    /// `force_cancel`
    ForceCancel,
    /// `renew`
    Renew,
    /// `release`
    Release,
    /// `void_leases`
    VoidLeases,
}

/// What goes wrong with a call.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The store is away: nothing is done.
    Away,
    /// It is done, but the answer is lost: the caller is told that the store is away.
    AnswerLost,
    /// The store refuses, and always will.
    Broken,
    /// The call waits here before it is done.
    Before(Gate),
    /// It is done, and its answer waits here.
    After(Gate),
}

/// Trouble for some calls to come.
#[derive(Debug)]
pub(super) struct Plan {
    /// For every call without one.
    pub(super) call: Option<Call>,
    /// So many go well first.
    pub(super) skip: usize,
    /// So many go wrong then.
    pub(super) times: usize,
    pub(super) trouble: Trouble,
}

/// What the test wants, and what was called.
#[derive(Debug, Default)]
pub(super) struct Plans {
    pub(super) plans: Vec<Plan>,
    pub(super) begun: Vec<Call>,
}

impl Plans {
    /// Notes a call and finds its trouble.
    pub(super) fn meet(&mut self, call: Call) -> Option<Trouble> {
        self.begun.push(call);
        let mut met = None;
        for plan in self.plans.iter_mut().filter(|plan| plan.call.is_none_or(|only| only == call)) {
            if plan.skip > 0 {
                plan.skip -= 1;
            } else if met.is_none() && plan.times > 0 {
                plan.times = plan.times.saturating_sub(1);
                met = Some(plan.trouble.clone());
            }
        }
        self.plans.retain(|plan| plan.times > 0);
        met
    }
}
