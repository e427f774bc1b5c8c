//! Users, sessions and keys, and what a name may look like.

use crate::clock::Timestamp;
use crate::error::{FieldFault, FieldRule};
use crate::ids::{KeyId, SessionId, UserId};
use crate::text::has_control;

/// The longest user name, in characters (contract §0.9).
pub const USERNAME_CHARS: usize = 150;
/// The longest e-mail address.
pub const EMAIL_CHARS: usize = 254;
/// The longest password.
pub const PASSWORD_CHARS: usize = 128;
/// What an API key starts with, so that people and scanners know one when they see it.
pub const KEY_PREFIX: &str = "maru_sk_";

/// A person or program with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its integer number, for contracts whose clients expect one.
    pub number: i64,
    /// The unique name, in one spelling (NFKC).
    pub username: String,
    /// May be empty; not unique.
    pub email: String,
    /// A disabled account's tokens stop working.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A user with the hash of its password, for a login only.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Who.
    pub user: User,
    /// The PHC string, if the user has a password.
    pub password_hash: Option<String>,
}

/// One login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id: the `sid` of the token.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// When it began.
    pub created_at: Timestamp,
    /// When its token stops working.
    pub expires_at: Timestamp,
    /// When it was last seen, to within a minute.
    pub last_used_at: Timestamp,
    /// When it was ended, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// A key for programs. The key itself is shown once and stored as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// Whose.
    pub user_id: UserId,
    /// What the owner calls it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was last seen, to within a minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// SHA-256 of an API key: keys are random, so a fast hash is right.
pub type KeyHash = [u8; 32];

/// Checks a user name, already in one spelling. The rule is Django's, with letters of any script (contract §1.2).
pub fn check_username(name: &str, faults: &mut Vec<FieldFault>) {
    let field = "username";
    if name.is_empty() {
        faults.push(FieldFault { field, rule: FieldRule::Blank });
    } else if name.chars().count() > USERNAME_CHARS {
        faults.push(FieldFault { field, rule: FieldRule::TooLong(USERNAME_CHARS) });
    } else if !name.chars().all(|c| c.is_alphanumeric() || is_mark(c) || "@.+-_".contains(c)) {
        faults.push(FieldFault { field, rule: FieldRule::Characters });
    }
}

/// Vowel signs and the like: names of many scripts cannot be written without them.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// Checks a password: length in characters, no control characters, no strength rule.
pub fn check_password(password: &str, min_chars: usize, faults: &mut Vec<FieldFault>) {
    let field = "password";
    let chars = password.chars().count();
    if chars == 0 {
        faults.push(FieldFault { field, rule: FieldRule::Blank });
    } else if chars < min_chars {
        faults.push(FieldFault { field, rule: FieldRule::TooShort(min_chars) });
    } else if chars > PASSWORD_CHARS {
        faults.push(FieldFault { field, rule: FieldRule::TooLong(PASSWORD_CHARS) });
    } else if has_control(password) {
        faults.push(FieldFault { field, rule: FieldRule::Characters });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(check: impl FnOnce(&mut Vec<FieldFault>)) -> Vec<FieldRule> {
        let mut faults = Vec::new();
        check(&mut faults);
        faults.into_iter().map(|fault| fault.rule).collect()
    }

    #[test]
    fn names_of_any_script_pass() {
        for name in ["john_doe", "a@b.c+d-e_f", "홍길동", "Ünïcødé", "हिन्दी", "7"] {
            assert_eq!(faults_of(|f| check_username(name, f)), [], "{name}");
        }
    }

    #[test]
    fn names_with_spaces_or_signs_do_not() {
        for name in ["a b", "a/b", "a\0", "<b>", "😀"] {
            assert_eq!(faults_of(|f| check_username(name, f)), [FieldRule::Characters], "{name:?}");
        }
        assert_eq!(faults_of(|f| check_username("", f)), [FieldRule::Blank]);
        assert_eq!(faults_of(|f| check_username(&"é".repeat(151), f)), [FieldRule::TooLong(150)]);
    }

    #[test]
    fn passwords_are_counted_in_characters() {
        assert_eq!(faults_of(|f| check_password("x", 1, f)), []);
        assert_eq!(faults_of(|f| check_password("가나다라마바사", 8, f)), [FieldRule::TooShort(8)]);
        assert_eq!(faults_of(|f| check_password(&"é".repeat(129), 1, f)), [FieldRule::TooLong(128)]);
        assert_eq!(faults_of(|f| check_password("a\tb", 1, f)), [FieldRule::Characters]);
    }
}
