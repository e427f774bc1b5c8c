//! So many registrations in any hour.

use super::Key;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);
/// How many addresses are remembered: at 100 registrations each that is 8 MiB and a little.
const ADDRESSES: u64 = 10_000;

/// When the registrations of an address were, oldest first.
type Times = Arc<Mutex<VecDeque<Duration>>>;

/// The registrations of the last hour, by address.
pub(super) struct Registrations {
    per_hour: usize,
    addresses: Cache<Key, Times>,
}

impl Registrations {
    pub(super) fn new(per_hour: usize) -> Self {
        Self::remembering(ADDRESSES, per_hour)
    }

    fn remembering(addresses: u64, per_hour: usize) -> Self {
        // Least recently used: a newcomer is always remembered.
        let addresses = Cache::builder()
            .max_capacity(addresses)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(HOUR)
            .build();
        Self { per_hour, addresses }
    }

    /// Takes one, or says how long until there is one to take.
    pub(super) fn take(&self, address: Key, now: Duration) -> Result<(), Duration> {
        if self.per_hour == 0 {
            return Err(HOUR);
        }
        let times = self.addresses.get_with(address, Times::default);
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
        while times.front().is_some_and(|oldest| now >= oldest.saturating_add(HOUR)) {
            times.pop_front();
        }
        match times.front() {
            Some(oldest) if times.len() >= self.per_hour => {
                Err(oldest.saturating_add(HOUR).saturating_sub(now))
            }
            _ => {
                times.push_back(now);
                Ok(())
            }
        }
    }
}

/// Whose address it is: one customer has all of an IPv6 /64, and an IPv4 address may come in both spellings.
pub(crate) fn network(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
        Ok(address) => address.to_string(),
        Err(_) => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_network_of_one_customer() {
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("2001:DB8:1:2::1"), network("2001:db8:1:2:ffff::"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("somewhere"), "somewhere");
    }

    #[test]
    fn a_flood_of_addresses_does_not_grow_the_memory() {
        let registrations = Registrations::remembering(1_000, 1);
        for address in 0..5_000_u64 {
            assert_eq!(registrations.take(Key::from(address), Duration::ZERO), Ok(()));
        }
        registrations.addresses.run_pending_tasks();
        assert!(registrations.addresses.entry_count() <= 1_000);
        assert!(registrations.take(4_999, Duration::ZERO).is_err());
    }
}
