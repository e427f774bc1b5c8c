//! What a store must have answered.

use maru_domain::error::StoreError;
use maru_domain::once::Once;

/// What was done now.
pub fn done<T: std::fmt::Debug>(outcome: Result<Once<T>, StoreError>) -> T {
    match outcome {
        Ok(Once::Done(value)) => value,
        other => panic!("not done: {other:?}"),
    }
}

/// What had been done before.
pub fn replayed<T: std::fmt::Debug>(outcome: Result<Once<T>, StoreError>) -> T {
    match outcome {
        Ok(Once::Replayed(value)) => value,
        other => panic!("not a replay: {other:?}"),
    }
}

/// The name of the rule that was violated.
pub fn conflict<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> String {
    match outcome {
        Err(StoreError::Conflict(name)) => name,
        other => panic!("not a conflict: {other:?}"),
    }
}

/// What a store that works has answered.
pub fn ok<T>(outcome: Result<T, StoreError>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("the store has failed: {error:?}"),
    }
}

/// What must be there.
pub fn there<T>(outcome: Result<Option<T>, StoreError>) -> T {
    match ok(outcome) {
        Some(value) => value,
        None => panic!("it is not there"),
    }
}

/// Asks again, as a client does, while the store is too busy and has certainly done nothing: on a machine
/// that is short of time, callers wait for each other longer than the store lets them. A deadlock is no such case.
///
/// # Errors
/// Any other failure.
pub async fn patiently<T, C>(call: impl Fn() -> C) -> Result<T, StoreError>
where
    C: Future<Output = Result<T, StoreError>>,
{
    loop {
        match call().await {
            Err(error @ StoreError::Unavailable { certain: true, .. }) => {
                assert!(
                    !format!("{error:?}").contains("deadlock"),
                    "two calls waited for each other: {error:?}"
                );
            }
            answer => return answer,
        }
    }
}
