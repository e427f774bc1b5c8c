//! API keys and keyed hashes.

use crate::purpose::{derive, mac};
use maru_domain::accounts::ports::KeyMaker;
use maru_domain::accounts::{KEY_PREFIX, KeyHash};
use maru_domain::ids::KeyId;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::fmt;

/// Letters and digits only, so that a double click selects the whole key.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 43 letters out of 62 are just over 256 bits.
const LETTERS: usize = 43;
/// The largest multiple of 62 in a byte: what is above would make some letters likelier than others.
const FAIR: u8 = 248;

/// Makes API keys and fingerprints of request bodies.
pub struct KeyRing {
    fingerprints: Zeroizing<[u8; 32]>,
    keys: Zeroizing<[u8; 32]>,
}

impl KeyRing {
    /// A key ring for the server's secret.
    #[must_use]
    pub fn new(secret: SecretString) -> Self {
        Self {
            fingerprints: derive(&secret, "maru fingerprints v1"),
            keys: derive(&secret, "maru api keys v1"),
        }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").finish_non_exhaustive()
    }
}

impl KeyMaker for KeyRing {
    fn make(&self, id: KeyId) -> (SecretString, KeyHash) {
        let key = SecretString::from(format!("{KEY_PREFIX}{}", self.letters(id).as_str()));
        let hash = self.hash(key.expose_secret());
        (key, hash)
    }

    fn hash(&self, key: &str) -> KeyHash {
        Sha256::digest(key.as_bytes()).into()
    }

    fn fingerprint(&self, body: &[u8]) -> Vec<u8> {
        mac(&*self.fingerprints, body).to_vec()
    }
}

impl KeyRing {
    /// As good as random for whoever does not have the secret (HMAC in counter mode).
    fn letters(&self, id: KeyId) -> Zeroizing<String> {
        let mut letters = Zeroizing::new(String::with_capacity(LETTERS));
        for block in 0_u32.. {
            let message = [id.0.as_bytes().as_slice(), &block.to_be_bytes()].concat();
            let bytes = Zeroizing::new(mac(&*self.keys, &message));
            let fair = bytes.iter().filter(|byte| **byte < FAIR);
            let wanted = LETTERS - letters.len();
            letters.extend(fair.take(wanted).map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
            if letters.len() == LETTERS {
                break;
            }
        }
        letters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn ring() -> KeyRing {
        KeyRing::new(SecretString::from("0123456789abcdef0123456789abcdef"))
    }

    fn id(number: u128) -> KeyId {
        format!("{number:032x}").parse().expect("a UUID")
    }

    #[test]
    fn a_key_belongs_to_its_id_and_its_secret() {
        let other = KeyRing::new(SecretString::from("another secret of a decent length"));
        assert_eq!(ring().make(id(7)).1, ring().make(id(7)).1);
        assert_ne!(ring().make(id(7)).1, ring().make(id(8)).1);
        assert_ne!(ring().make(id(7)).1, other.make(id(7)).1);
    }

    #[test]
    fn keys_are_long_random_and_safe_in_a_url() {
        let ring = ring();
        let keys: HashSet<String> =
            (0..200).map(|number| ring.make(id(number)).0.expose_secret().to_owned()).collect();
        assert_eq!(keys.len(), 200);
        let mut seen = HashSet::new();
        for key in &keys {
            let letters = key.strip_prefix("maru_sk_").expect("the prefix");
            assert_eq!(letters.len(), LETTERS);
            assert!(letters.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{key}");
            seen.extend(letters.chars());
        }
        // 8,600 letters: the chance that one of 62 is missing is below 10^-58.
        assert_eq!(seen.len(), ALPHABET.len());
    }

    #[test]
    fn the_hash_is_that_of_the_whole_key() {
        let ring = ring();
        let (key, hash) = ring.make(id(1));
        assert_eq!(ring.hash(key.expose_secret()), hash);
        assert_ne!(ring.hash(key.expose_secret().trim_start_matches(KEY_PREFIX)), hash);
        let abc: String = ring.hash("abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(abc, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_fingerprint_needs_the_secret() {
        let other = KeyRing::new(SecretString::from("another secret of a decent length"));
        assert_eq!(ring().fingerprint(b"body"), ring().fingerprint(b"body"));
        assert_ne!(ring().fingerprint(b"body"), ring().fingerprint(b"bodz"));
        assert_ne!(ring().fingerprint(b"body"), other.fingerprint(b"body"));
        assert_ne!(ring().fingerprint(b"body"), ring().hash("body").to_vec());
    }

    #[test]
    fn debug_output_holds_no_secret() {
        assert_eq!(format!("{:?}", ring()), "KeyRing { .. }");
        assert!(!format!("{:?}", ring().make(id(1)).0).contains(KEY_PREFIX));
    }
}
