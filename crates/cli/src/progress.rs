//! How far long work has come: on standard error, and only when a person looks at it.

use crate::output::Output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// How often a sign of life is drawn.
const BEAT: Duration = Duration::from_millis(120);

fn target(output: &Output) -> ProgressDrawTarget {
    if output.json || !std::io::stderr().is_terminal() {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    }
}

/// A bar for work of a known size.
pub fn bar(output: &Output, size: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(size), target(output));
    if let Ok(style) = ProgressStyle::with_template("{msg:<24} [{bar:30}] {pos}/{len} {per_sec} {eta}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

/// A sign of life while something of unknown size goes on.
pub async fn waiting<T>(output: &Output, what: &str, work: impl Future<Output = T>) -> T {
    let bar = ProgressBar::with_draw_target(None, target(output));
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(BEAT);
    let done = work.await;
    bar.finish_and_clear();
    done
}
