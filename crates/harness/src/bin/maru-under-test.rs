//! The binary `maru` as the tests run it: the same program, with the fail points compiled in.
//!
//! `MARU_FAIL_POINT=turn.checkpoint` ends the process at that point as `kill -9` would, at its first
//! passing; `MARU_FAIL_POINT=turn.checkpoint:3` at its third.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let scenario = fail::FailScenario::setup();
    if let Ok(wanted) = std::env::var("MARU_FAIL_POINT") {
        let (point, passing) = wanted.split_once(':').unwrap_or((&wanted, "1"));
        let passing: usize = passing.parse().unwrap_or(1);
        let passed = AtomicUsize::new(0);
        let set = fail::cfg_callback(point, move || {
            if passed.fetch_add(1, Ordering::SeqCst) + 1 == passing {
                std::process::abort();
            }
        });
        if set.is_err() {
            return ExitCode::from(2);
        }
    }
    let code = maru_cli::main();
    scenario.teardown();
    code
}
