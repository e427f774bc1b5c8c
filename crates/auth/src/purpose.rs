//! One secret, several purposes: a key for one of them is worth nothing for another.

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// The block size of SHA-256, to which HMAC brings every key.
const BLOCK: usize = 64;

/// HMAC-SHA256 of the parts, one after the other.
///
/// The key is brought to block size here, as RFC 2104 says, because that constructor cannot fail.
pub(crate) fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = Zeroizing::new([0_u8; BLOCK]);
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    Hmac::<Sha256>::new((&*block).into()).chain_update(message).finalize().into_bytes().into()
}

/// The key for one purpose. Who learns it learns neither the secret nor another purpose's key.
pub(crate) fn derive(secret: &SecretString, purpose: &str) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(mac(secret.expose_secret().as_bytes(), purpose.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn it_is_the_hmac_of_rfc_4231() {
        let short = mac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(&short), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let long = mac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(&long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn purposes_and_secrets_do_not_share_keys() {
        let one = SecretString::from("0123456789abcdef0123456789abcdef");
        let other = SecretString::from("0123456789abcdef0123456789abcdeg");
        assert_ne!(*derive(&one, "a"), *derive(&one, "b"));
        assert_ne!(*derive(&one, "a"), *derive(&other, "a"));
        assert_eq!(*derive(&one, "a"), *derive(&one, "a"));
    }
}
