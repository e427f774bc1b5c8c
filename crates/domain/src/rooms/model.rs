//! A room and its rules.

use crate::clock::Timestamp;
use crate::ids::{RoomId, UserId};
use serde_json::{Map, Value};

macro_rules! word_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// The word for it in the database and on every wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value of that word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(crate) use word_enum;

word_enum! {
    /// Which contract opened a room. Provenance only: it decides which room is 004's current session
    /// (and later which thread 003 and which chat id 002 mean), and no right (contract §7).
    RoomKind {
        /// Opened by a first message of the token API (004).
        Session = "session",
        /// Opened by the AInfo API (000).
        Room = "room",
        /// Opened by the web pages (001).
        Web = "web",
        /// Opened by the PLC history API (002).
        Plc = "plc",
        /// Opened by the quote API (003).
        Quote = "quote",
        /// Opened by the native API.
        Native = "native",
        /// Opened by an OpenAI SDK.
        Openai = "openai",
        /// Opened by the AI SDK's `useChat`.
        Ui = "ui",
    }
}

word_enum! {
    /// What happens to a message that arrives while a turn runs.
    TurnPolicy {
        /// It waits for its turn.
        Queue = "queue",
        /// It is refused.
        Reject = "reject",
        /// It cancels the running turn and goes next.
        Interrupt = "interrupt",
    }
}

/// A conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// Its integer number.
    pub number: i64,
    /// Which contract opened it.
    pub kind: RoomKind,
    /// Whose it is; nobody's when it was opened anonymously.
    pub owner: Option<UserId>,
    /// The id that a foreign contract's client chose; unique per kind.
    pub public_id: Option<String>,
    /// Its name, may be empty.
    pub name: String,
    /// What the model is told before the conversation, may be empty.
    pub system_prompt: String,
    /// The model that answers here; the server's default when none is named.
    pub model: Option<String>,
    /// What happens to a message that arrives while a turn runs.
    pub turn_policy: TurnPolicy,
    /// The client's own notes.
    pub metadata: Map<String, Value>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When its own fields or its messages last changed.
    pub updated_at: Timestamp,
    /// When the last message was sent.
    pub last_message_at: Option<Timestamp>,
    /// When it was ended, if it was.
    pub ended_at: Option<Timestamp>,
    /// Grows with every write that a reader of the room could see; the key of every cached page.
    pub version: i64,
    /// The number of the latest room event.
    pub last_seq: i64,
    /// How many messages it holds. Stored, because counting a long room on every read is not flat.
    pub message_count: i64,
}

/// The longest title that is made of a message, in characters.
const TITLE_CHARS: usize = 30;

/// A title for a room: the beginning of what was said first in it, cut at a word where there is one.
#[must_use]
pub fn title_of(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= TITLE_CHARS {
        return line;
    }
    let cut: String = line.chars().take(TITLE_CHARS).collect();
    let at_word = cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words);
    format!("{at_word}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_beginning_in_one_line() {
        assert_eq!(title_of("  짧은\n\t제목 "), "짧은 제목");
        assert_eq!(title_of(&"가".repeat(40)), format!("{}…", "가".repeat(30)));
        assert_eq!(title_of("one two three four five six seven eight"), "one two three four five six…");
        assert_eq!(title_of(""), "");
    }
}
