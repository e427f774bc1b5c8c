//! Who was recognised in the last seconds.

use maru_domain::access::Identity;
use maru_domain::accounts::ports::{Credential, IdentityCache};
use maru_domain::clock::Clock;
use maru_domain::ids::UserId;
use moka::sync::Cache;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// An identity is believed for this long. An open stream looks once a second, so that a session which was
/// revoked elsewhere ends its streams within five seconds (design §7).
const BELIEVED: Duration = Duration::from_secs(4);
/// And for this long where several instances may share a database and no bus.
const BELIEVED_ALONE: Duration = Duration::from_millis(1500);
/// At most so many are kept.
const ENTRIES: u64 = 100_000;
/// Users share these places. Two in one place forget together, which costs a look at the store.
const PLACES: usize = 4096;

/// Keeps identities for four seconds, or less.
pub struct MemoryIdentities {
    clock: Arc<dyn Clock>,
    believed: Duration,
    entries: Cache<Credential, Entry>,
    forgotten: Forgotten,
}

#[derive(Clone)]
struct Entry {
    identity: Identity,
    put_at: Duration,
}

impl MemoryIdentities {
    /// An empty cache.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::believing(clock, BELIEVED)
    }

    /// An empty cache of a process that nobody tells what others revoke: it believes for a shorter time, so that
    /// streams end in good time all the same.
    #[must_use]
    pub fn alone(clock: Arc<dyn Clock>) -> Self {
        Self::believing(clock, BELIEVED_ALONE)
    }

    fn believing(clock: Arc<dyn Clock>, believed: Duration) -> Self {
        // The cache goes by the machine's clock and only cleans up; what is believed goes by ours.
        let entries = Cache::builder().max_capacity(ENTRIES).time_to_live(believed).build();
        Self { clock, believed, entries, forgotten: Forgotten::new() }
    }

    fn is_good(&self, entry: &Entry) -> bool {
        let now = self.clock.elapsed();
        let young = now < entry.put_at.saturating_add(self.believed);
        let alive = entry.identity.expires_at.is_none_or(|end| end > self.clock.now());
        young && alive && self.forgotten.allows(entry.identity.user.id, entry.put_at)
    }
}

impl fmt::Debug for MemoryIdentities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryIdentities")
            .field("entries", &self.entries.entry_count())
            .finish_non_exhaustive()
    }
}

impl IdentityCache for MemoryIdentities {
    fn get(&self, credential: &Credential) -> Option<Identity> {
        let entry = self.entries.get(credential)?;
        if self.is_good(&entry) {
            return Some(entry.identity);
        }
        None
    }

    fn put(&self, credential: Credential, identity: Identity) {
        let entry = Entry { identity, put_at: self.clock.elapsed() };
        if self.is_good(&entry) {
            self.entries.insert(credential, entry);
        }
    }

    fn forget_user(&self, user: UserId) {
        self.forgotten.note(user, self.clock.elapsed());
    }
}

/// When each user was last forgotten.
///
/// Somebody may have read the store just before a revocation and put what they read just after it.
/// The port cannot tell those entries from good ones, so for as long as an entry would be believed
/// after a revocation none of that user is: the store is asked each time instead.
struct Forgotten {
    /// Microseconds of the clock until which nothing put is believed; zero: never forgotten.
    until: Box<[AtomicU64]>,
    places: RandomState,
}

impl Forgotten {
    fn new() -> Self {
        Self { until: (0..PLACES).map(|_| AtomicU64::new(0)).collect(), places: RandomState::new() }
    }

    fn place(&self, user: UserId) -> Option<&AtomicU64> {
        let hash = usize::try_from(self.places.hash_one(user) % PLACES as u64).unwrap_or_default();
        self.until.get(hash)
    }

    fn note(&self, user: UserId, now: Duration) {
        let until = micros(now.saturating_add(BELIEVED)).saturating_add(1);
        if let Some(place) = self.place(user) {
            place.fetch_max(until, Ordering::SeqCst);
        }
    }

    fn allows(&self, user: UserId, put_at: Duration) -> bool {
        self.place(user).is_some_and(|place| micros(put_at).saturating_add(1) > place.load(Ordering::SeqCst))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
