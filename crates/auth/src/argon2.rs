//! Password hashes: argon2id, two at a time, never on a thread that serves requests.

#[cfg(test)]
mod tests;

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::password_hash::{Error as PhcError, PasswordHasher as _};
use argon2::{Algorithm, Argon2, Params, Version};
use async_trait::async_trait;
use maru_domain::accounts::ports::{HashError, PasswordCheck, PasswordHasher};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;

/// How many hashes are computed at once.
const SLOTS: usize = 2;
/// How many more may wait; at 25 ms a hash and two slots the last of them waits 0.4 s.
const QUEUE: usize = 32;
/// The bytes of a hash.
const OUTPUT: usize = 32;
/// A hash out of the database that asks for more than this is not ours and would starve the server.
const MOST_KIB: u32 = 256 * 1024;
/// The same for its passes.
const MOST_PASSES: u32 = 64;

/// What a hash costs: argon2id with so much memory, so many passes, so many lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// A cost that argon2 does not allow.
#[derive(Debug, thiserror::Error)]
#[error("argon2id cannot work with {memory_kib} KiB, {passes} passes and {lanes} lanes: {reason}")]
pub struct CostError {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    reason: String,
}

impl HashCost {
    /// A cost of one's own.
    ///
    /// # Errors
    /// When argon2 does not allow it, or it is more than this server would ever spend.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, CostError> {
        let refused = |reason: String| CostError { memory_kib, passes, lanes, reason };
        if memory_kib > MOST_KIB || passes > MOST_PASSES {
            return Err(refused(format!("at most {MOST_KIB} KiB and {MOST_PASSES} passes")));
        }
        Params::new(memory_kib, passes, lanes, Some(OUTPUT)).map_err(|error| refused(error.to_string()))?;
        Ok(Self { memory_kib, passes, lanes })
    }

    /// As cheap as argon2 can be: for tests that register many users, and for nothing else.
    #[must_use]
    pub const fn cheapest() -> Self {
        Self { memory_kib: Params::MIN_M_COST, passes: Params::MIN_T_COST, lanes: Params::MIN_P_COST }
    }

    fn params(self) -> Params {
        // `new` has tried it, and the other two constructors are within the bounds.
        Params::new(self.memory_kib, self.passes, self.lanes, Some(OUTPUT)).unwrap_or_default()
    }

    fn is_above(self, params: &Params) -> bool {
        params.m_cost() < self.memory_kib || params.t_cost() < self.passes
    }
}

impl Default for HashCost {
    /// OWASP's figure: 19 MiB, two passes, one lane.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

/// Hashes passwords with argon2id.
pub struct Argon2Hasher {
    cost: HashCost,
    /// Those who compute and those who wait.
    places: Semaphore,
    slots: Arc<Semaphore>,
    work: Arc<AtomicU64>,
}

impl Argon2Hasher {
    /// A hasher whose new hashes cost `cost`.
    #[must_use]
    pub fn new(cost: HashCost) -> Self {
        Self {
            cost,
            places: Semaphore::new(SLOTS + QUEUE),
            slots: Arc::new(Semaphore::new(SLOTS)),
            work: Arc::default(),
        }
    }

    /// What was computed since the start, in KiB filled: the same for a wrong name as for a wrong password.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.work.load(Ordering::Relaxed)
    }

    /// Runs `compute` on a thread for slow work, when one of the slots is free.
    async fn in_a_slot<T: Send + 'static>(
        &self,
        compute: impl FnOnce(&Work) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let _place = self.places.try_acquire().map_err(|_| HashError::Busy)?;
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| HashError::Busy)?;
        let work = Work { done: Arc::clone(&self.work) };
        let computed = tokio::task::spawn_blocking(move || {
            // Kept until the work is done, also when nobody waits for it any more: a client that
            // leaves cannot make room for a third hash.
            let _slot = slot;
            compute(&work)
        });
        computed.await.map_err(|error| HashError::Failed(error.to_string()))?
    }
}

impl fmt::Debug for Argon2Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Argon2Hasher").field("cost", &self.cost).finish_non_exhaustive()
    }
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, password: SecretString) -> Result<String, HashError> {
        let cost = self.cost;
        self.in_a_slot(move |work| {
            let mut salt = [0; Salt::RECOMMENDED_LENGTH];
            getrandom::fill(&mut salt).map_err(|error| HashError::Failed(error.to_string()))?;
            work.hash(Algorithm::Argon2id, Version::V0x13, cost.params(), &password, &salt)
                .map(|hash| hash.to_string())
                .map_err(|error| HashError::Failed(error.to_string()))
        })
        .await
    }

    async fn check(&self, password: SecretString, hash: Option<String>) -> Result<PasswordCheck, HashError> {
        let cost = self.cost;
        self.in_a_slot(move |work| {
            let stored = hash.as_deref().and_then(|hash| {
                let stored = Stored::parse(hash);
                if stored.is_none() {
                    tracing::warn!(
                        "a stored password hash is not argon2; its user cannot log in with a password"
                    );
                }
                stored
            });
            let somebody = stored.is_some();
            // One path for everybody: without a hash that can be read, one that nothing matches.
            let stored = match stored {
                Some(stored) => stored,
                None => Stored::nobodys(cost).map_err(|error| HashError::Failed(error.to_string()))?,
            };
            let outdated = stored.is_outdated(cost);
            let computed = work
                .hash(stored.algorithm, stored.version, stored.params, &password, &stored.salt)
                .map_err(|error| HashError::Failed(error.to_string()))?;
            // `Output` compares in constant time.
            let right = somebody && computed.hash == Some(stored.output);
            Ok(PasswordCheck { right, outdated: right && outdated })
        })
        .await
    }
}

/// The one place where a hash is computed.
struct Work {
    done: Arc<AtomicU64>,
}

impl Work {
    fn hash(
        &self,
        algorithm: Algorithm,
        version: Version,
        params: Params,
        password: &SecretString,
        salt: &[u8],
    ) -> Result<PasswordHash, PhcError> {
        self.done.fetch_add(u64::from(params.m_cost()) * u64::from(params.t_cost()), Ordering::Relaxed);
        let argon2 = Argon2::new(algorithm, version, params);
        argon2.hash_password_with_salt(password.expose_secret().as_bytes(), salt)
    }
}

/// A hash out of the database, taken apart.
struct Stored {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Salt,
    output: Output,
}

impl Stored {
    /// `None` for a hash of another kind, or of a cost that would starve the server.
    fn parse(hash: &str) -> Option<Self> {
        let hash = PasswordHash::new(hash).ok()?;
        let params = Params::try_from(&hash).ok()?;
        if params.m_cost() > MOST_KIB || params.t_cost() > MOST_PASSES {
            return None;
        }
        Some(Self {
            algorithm: Algorithm::new(hash.algorithm.as_str()).ok()?,
            version: hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?,
            params,
            salt: hash.salt?,
            output: hash.hash?,
        })
    }

    /// The hash of no password at all, at today's cost.
    fn nobodys(cost: HashCost) -> Result<Self, argon2::password_hash::phc::Error> {
        Ok(Self {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            params: cost.params(),
            salt: Salt::new(&[0; Salt::RECOMMENDED_LENGTH])?,
            output: Output::new(&[0; OUTPUT])?,
        })
    }

    fn is_outdated(&self, cost: HashCost) -> bool {
        self.algorithm != Algorithm::Argon2id
            || self.version != Version::V0x13
            || cost.is_above(&self.params)
            || self.salt.len() < Salt::RECOMMENDED_LENGTH
            || self.output.len() < OUTPUT
    }
}
