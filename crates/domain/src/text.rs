//! Text that may enter: one rule for both databases, checked once, at the edge.

use unicode_normalization::UnicodeNormalization;

/// The longest message, in characters (contract §0.9).
pub const MESSAGE_CHARS: usize = 32_000;

/// Text without NUL and without control characters other than tab and line ends.
///
/// PostgreSQL cannot store NUL and SQLite stores it wrongly, so it is refused for both.
/// Content is kept as sent: nothing is trimmed and no markup is touched.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct CleanText(String);

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFault {
    /// Empty or only white space.
    Blank,
    /// More than so many characters.
    TooLong(usize),
    /// A control character.
    Control,
}

impl CleanText {
    /// A message: not blank, at most [`MESSAGE_CHARS`] characters.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn message(text: String) -> Result<Self, TextFault> {
        if text.trim().is_empty() {
            return Err(TextFault::Blank);
        }
        Self::bounded(text, MESSAGE_CHARS)
    }

    /// Any text of at most `max` characters, empty included.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn bounded(text: String, max: usize) -> Result<Self, TextFault> {
        if text.chars().any(is_refused) {
            return Err(TextFault::Control);
        }
        // Bytes first: a text of few bytes needs no count.
        if text.len() > max && text.chars().count() > max {
            return Err(TextFault::TooLong(max));
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// C0 controls other than tab, line feed and carriage return, and DEL.
fn is_refused(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}')
}

/// True when a text holds any control character at all: names and passwords may not.
#[must_use]
pub fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// One spelling per name (NFKC), so that two names that look the same are the same.
#[must_use]
pub fn normalised_name(name: &str) -> String {
    name.nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_white_space_but_may_not_be_blank() {
        let kept = CleanText::message("  a\r\n\tb ".into()).map(CleanText::into_string);
        assert_eq!(kept, Ok("  a\r\n\tb ".to_owned()));
        assert_eq!(CleanText::message(" \n\u{3000}".into()), Err(TextFault::Blank));
    }

    #[test]
    fn control_characters_are_refused() {
        for bad in ["a\0b", "\u{1b}[31m", "a\u{7f}", "\u{8}x"] {
            assert_eq!(CleanText::message(bad.into()), Err(TextFault::Control), "{bad:?}");
        }
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        assert!(CleanText::message("가".repeat(MESSAGE_CHARS)).is_ok());
        assert_eq!(
            CleanText::message("가".repeat(MESSAGE_CHARS + 1)),
            Err(TextFault::TooLong(MESSAGE_CHARS))
        );
    }

    #[test]
    fn names_that_look_the_same_are_the_same() {
        assert_eq!(normalised_name("ﬁx"), "fix");
        assert_eq!(normalised_name("한글"), normalised_name("한글"));
    }
}
