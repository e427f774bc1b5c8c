//! Models of this process, on the real SmolLM2 135M. `scripts/test` fetches its file into a folder
//! outside the clone (`MARU_TEST_MODELS`); run by hand, the first test that needs it does.

mod catalogue;
mod names;
mod replies;

use maru_llm::local::{Catalogue, Progress, PullError};
use std::path::PathBuf;
use std::time::Duration;

pub const SMOLLM: &str = "smollm2-135m";

struct Silent;

impl Progress for Silent {
    fn asks(&self, _: &str) {}
    fn has(&self, _: u64, _: u64) {}
}

fn folder() -> PathBuf {
    let named = std::env::var_os("MARU_TEST_MODELS").map(PathBuf::from);
    let cache =
        || std::env::var_os("XDG_CACHE_HOME").map(|cache| PathBuf::from(cache).join("maru-test-models"));
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/maru-test-models"));
    named.or_else(cache).or_else(home).expect("MARU_TEST_MODELS, XDG_CACHE_HOME or HOME")
}

/// The real model's file.
pub async fn smollm() -> PathBuf {
    let catalogue = Catalogue::new(folder());
    // Each test is a process of its own; the first fetches, the others wait for it.
    for _ in 0..600 {
        match catalogue.pull(SMOLLM, None, &Silent).await {
            Ok(pulled) => return pulled.path,
            Err(PullError::Taken(_)) => tokio::time::sleep(Duration::from_secs(1)).await,
            Err(error) => panic!(
                "{error}; fetch it by hand: maru model pull {SMOLLM}, and set MARU_TEST_MODELS to its folder"
            ),
        }
    }
    panic!("somebody fetches {SMOLLM} for ten minutes already")
}
