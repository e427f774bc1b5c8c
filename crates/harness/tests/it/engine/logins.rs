//! Logins whose password is to be hashed anew.

use super::world::{Setup, World};
use async_trait::async_trait;
use maru_domain::accounts::ports::{HashError, NewUser, PasswordCheck, PasswordHasher};
use maru_domain::clock::Clock;
use maru_domain::ids::{Ids, UserId};
use maru_domain::once::Once;
use secrecy::SecretString;
use std::sync::Arc;

/// Knows that every password is right and its hash outdated, and has one answer to hashing it.
struct Outdated(fn() -> Result<String, HashError>);

#[async_trait]
impl PasswordHasher for Outdated {
    async fn hash(&self, _: SecretString) -> Result<String, HashError> {
        (self.0)()
    }

    async fn check(&self, _: SecretString, hash: Option<String>) -> Result<PasswordCheck, HashError> {
        Ok(PasswordCheck { right: hash.is_some(), outdated: true })
    }
}

async fn hash_after_a_login(hashing: fn() -> Result<String, HashError>) -> Option<String> {
    let world = World::new().await;
    let user = NewUser {
        id: UserId(world.ids.next()),
        username: "ann".to_owned(),
        email: String::new(),
        password_hash: "old".to_owned(),
        created_at: world.clock.now(),
    };
    world.store.ports.users.register(user, None, None).await.unwrap();
    let server =
        world.server_with(Setup { hasher: Some(Arc::new(Outdated(hashing))), ..Setup::named("one") });
    let login = server.services.accounts.login("ann", SecretString::from("right"), None).await;
    assert!(matches!(login, Ok(Once::Done(_))), "a right password opens the door");
    world.store.ports.users.credentials("ann".to_owned()).await.unwrap().unwrap().password_hash
}

#[tokio::test]
async fn a_password_is_hashed_anew_by_its_next_login() {
    assert_eq!(hash_after_a_login(|| Ok("new".to_owned())).await.as_deref(), Some("new"));
}

#[tokio::test]
async fn a_login_goes_on_when_that_is_not_possible_now() {
    assert_eq!(hash_after_a_login(|| Err(HashError::Busy)).await.as_deref(), Some("old"));
}
