//! What the model has said so far, and how much of it is published and stored.

use super::Usage;
use super::ports::{Finish, Piece};
use std::time::Duration;

/// Deltas are published at most this often.
pub(super) const COALESCE: Duration = Duration::from_millis(25);
/// Partial text is stored at least this often while there is more of it.
pub(super) const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// … or when this much has come since.
pub(super) const CHECKPOINT_BYTES: usize = 4 * 1024;

/// The text of one run.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    pub(super) text: String,
    published: usize,
    stored: usize,
    deltas: u64,
    pub(super) end: Option<(Finish, Option<Usage>)>,
}

impl Transcript {
    /// Takes what the model sent.
    pub(super) fn take(&mut self, piece: Piece) {
        match piece {
            // The one character that PostgreSQL cannot store.
            Piece::Text(text) => self.text.push_str(&text.replace('\0', "\u{fffd}")),
            Piece::End { finish, usage } => self.end = Some((finish, usage)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn has_unpublished(&self) -> bool {
        self.published < self.text.len()
    }

    /// True when there is text, and none of it was published yet.
    pub(super) fn is_unheard(&self) -> bool {
        self.deltas == 0 && self.has_unpublished()
    }

    pub(super) fn unstored(&self) -> usize {
        self.text.len() - self.stored
    }

    pub(super) fn mark_stored(&mut self) {
        self.stored = self.text.len();
    }

    /// The next delta with its number, if there is text that nobody was told.
    pub(super) fn next_delta(&mut self) -> Option<(u64, &str)> {
        if !self.has_unpublished() {
            return None;
        }
        let from = self.published;
        self.published = self.text.len();
        self.deltas += 1;
        Some((self.deltas, &self.text[from..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_are_the_text_and_are_numbered() {
        let mut transcript = Transcript::default();
        assert_eq!(transcript.next_delta(), None);
        transcript.take(Piece::Text("가".into()));
        transcript.take(Piece::Text("나".into()));
        assert_eq!(transcript.next_delta(), Some((1, "가나")));
        assert_eq!(transcript.next_delta(), None);
        transcript.take(Piece::Text("c".into()));
        assert_eq!(transcript.next_delta(), Some((2, "c")));
    }

    #[test]
    fn what_is_stored_is_known() {
        let mut transcript = Transcript::default();
        transcript.take(Piece::Text("abc".into()));
        assert_eq!(transcript.unstored(), 3);
        transcript.mark_stored();
        assert_eq!(transcript.unstored(), 0);
    }
}
