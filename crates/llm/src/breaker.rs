//! Stops asking a provider that fails: an answer in a microsecond instead of a minute of waiting.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// When a provider counts as broken. The defaults are in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// So many failures one after the other open it (5).
    pub in_a_row: u32,
    /// So many failures of a hundred calls open it (50) …
    pub percent: u32,
    /// … when there were at least so many calls (20) …
    pub calls: u32,
    /// … in this time (30 s).
    pub window: Duration,
    /// For how long nobody is let through (30 s); then one call tries.
    pub open: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            in_a_row: 5,
            percent: 50,
            calls: 20,
            window: Duration::from_secs(30),
            open: Duration::from_secs(30),
        }
    }
}

/// The window is kept in so many slices: exact to a tenth of it, whatever the load.
const SLICES: usize = 10;

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    number: u64,
    failed: u32,
    worked: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Open {
        until: Instant,
    },
    /// One call is on its way to find out.
    Probing,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Grows with each change of phase: a verdict counts only in the phase in which its call began.
    age: u64,
    in_a_row: u32,
    slices: [Slice; SLICES],
}

/// The breaker of one model of one provider.
#[derive(Debug)]
pub(crate) struct Breaker {
    /// Of what, for the log.
    name: String,
    settings: BreakerSettings,
    began: Instant,
    state: Mutex<State>,
}

/// A call that was let through. Dropped without a verdict it counts as nothing.
#[derive(Debug)]
pub(crate) struct Ticket {
    breaker: Arc<Breaker>,
    age: u64,
    open: bool,
}

impl Breaker {
    pub(crate) fn new(name: &str, settings: BreakerSettings) -> Arc<Self> {
        let state = State { phase: Phase::Closed, age: 0, in_a_row: 0, slices: [Slice::default(); SLICES] };
        Arc::new(Self { name: name.to_owned(), settings, began: Instant::now(), state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can stop half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when a call made now would not be let through.
    pub(crate) fn is_open(&self) -> bool {
        match self.state().phase {
            Phase::Closed => false,
            Phase::Open { until } => Instant::now() < until,
            Phase::Probing => true,
        }
    }

    /// Lets a call through, or not.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Ticket> {
        let mut state = self.state();
        match state.phase {
            Phase::Closed => {}
            Phase::Open { until } if Instant::now() >= until => state.enter(Phase::Probing),
            Phase::Open { .. } | Phase::Probing => return None,
        }
        Some(Ticket { breaker: Arc::clone(self), age: state.age, open: true })
    }

    fn record(&self, age: u64, worked: bool) {
        let mut state = self.state();
        if state.age != age {
            return;
        }
        if state.phase == Phase::Probing {
            let open = Phase::Open { until: Instant::now() + self.settings.open };
            state.enter(if worked { Phase::Closed } else { open });
            return;
        }
        let width = (self.settings.window / SLICES as u32).as_millis().max(1);
        let number = u64::try_from(self.began.elapsed().as_millis() / width).unwrap_or(u64::MAX);
        if state.count(number, worked, &self.settings) {
            tracing::warn!(model = self.name, open = ?self.settings.open, "the breaker opens: the provider fails too often");
            state.enter(Phase::Open { until: Instant::now() + self.settings.open });
        }
    }

    /// The call that was to find out has not: the next one tries.
    fn unknown(&self, age: u64) {
        let mut state = self.state();
        if state.age == age && state.phase == Phase::Probing {
            state.enter(Phase::Open { until: Instant::now() });
        }
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.age += 1;
        self.in_a_row = 0;
        self.slices = [Slice::default(); SLICES];
    }

    /// Counts a verdict; true when it is one failure too many.
    fn count(&mut self, number: u64, worked: bool, settings: &BreakerSettings) -> bool {
        let place = usize::try_from(number % SLICES as u64).unwrap_or(0);
        if let Some(slice) = self.slices.get_mut(place) {
            if slice.number != number {
                *slice = Slice { number, ..Slice::default() };
            }
            if worked { slice.worked += 1 } else { slice.failed += 1 }
        }
        if worked {
            self.in_a_row = 0;
            return false;
        }
        self.in_a_row += 1;
        let recent = self.slices.iter().filter(|slice| number - slice.number < SLICES as u64);
        let (failed, calls) = recent.fold((0_u64, 0_u64), |(failed, calls), slice| {
            (failed + u64::from(slice.failed), calls + u64::from(slice.failed) + u64::from(slice.worked))
        });
        let share = calls >= u64::from(settings.calls) && failed * 100 >= calls * u64::from(settings.percent);
        self.in_a_row >= settings.in_a_row || share
    }
}

impl Ticket {
    /// The provider has begun to answer: enough for a probe. The verdict on the whole comes later.
    pub(crate) fn begun(&mut self) {
        let mut state = self.breaker.state();
        if state.age == self.age && state.phase == Phase::Probing {
            state.enter(Phase::Closed);
            self.age = state.age;
        }
    }

    /// The provider did what it should.
    pub(crate) fn worked(mut self) {
        self.open = false;
        self.breaker.record(self.age, true);
    }

    /// The provider failed.
    pub(crate) fn failed(mut self) {
        self.open = false;
        self.breaker.record(self.age, false);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            self.breaker.unknown(self.age);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn verdicts(breaker: &Arc<Breaker>, verdicts: &[bool]) {
        for worked in verdicts {
            let ticket = breaker.admit().expect("closed");
            if *worked { ticket.worked() } else { ticket.failed() }
        }
    }

    async fn seconds(seconds: u64) {
        advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn five_in_a_row_open_it_and_one_probe_closes_it() {
        let breaker = Breaker::new("m", BreakerSettings::default());
        verdicts(&breaker, &[false, false, false, false, true, false, false, false, false]);
        assert!(!breaker.is_open());
        verdicts(&breaker, &[false]);
        assert!(breaker.is_open() && breaker.admit().is_none());
        seconds(29).await;
        assert!(breaker.admit().is_none());
        seconds(1).await;
        let probe = breaker.admit().expect("one is let through");
        assert!(breaker.is_open() && breaker.admit().is_none(), "and only one");
        probe.worked();
        assert!(!breaker.is_open() && breaker.admit().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_probe_opens_it_for_another_while() {
        let breaker = Breaker::new("m", BreakerSettings::default());
        verdicts(&breaker, &[false; 5]);
        seconds(30).await;
        breaker.admit().expect("a probe").failed();
        assert!(breaker.admit().is_none());
        seconds(30).await;
        assert!(breaker.admit().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_was_given_up_leaves_the_place_to_the_next() {
        let breaker = Breaker::new("m", BreakerSettings::default());
        verdicts(&breaker, &[false; 5]);
        seconds(30).await;
        drop(breaker.admit().expect("a probe"));
        let mut probe = breaker.admit().expect("the next");
        probe.begun();
        assert!(!breaker.is_open(), "a first token is enough");
        drop(probe);
        assert!(!breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_twenty_in_half_a_minute_open_it() {
        let breaker = Breaker::new("m", BreakerSettings::default());
        let mixed: Vec<_> = (0..19).map(|n| n % 2 == 0).collect();
        verdicts(&breaker, &mixed);
        assert!(!breaker.is_open(), "19 calls are too few");
        verdicts(&breaker, &[false]);
        assert!(breaker.is_open());

        let slow = Breaker::new("m", BreakerSettings::default());
        for _ in 0..40 {
            verdicts(&slow, &[true, false]);
            seconds(4).await;
        }
        assert!(!slow.is_open(), "never 20 within 30 s");
    }

    #[tokio::test(start_paused = true)]
    async fn verdicts_of_calls_from_before_do_not_count() {
        let breaker = Breaker::new("m", BreakerSettings::default());
        let old: Vec<_> = (0..10).filter_map(|_| breaker.admit()).collect();
        verdicts(&breaker, &[false; 5]);
        seconds(30).await;
        let probe = breaker.admit().expect("a probe");
        old.into_iter().for_each(Ticket::failed);
        probe.worked();
        assert!(!breaker.is_open());
    }
}
