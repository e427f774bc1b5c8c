//! A quote, and the name of a thread.

use crate::error::{FieldFault, FieldRule};
use crate::rooms::word_enum;
use crate::text::{CleanText, TextFault};
use crate::turns::TurnView;
use serde::{Deserialize, Serialize};

/// The longest quote, in characters; an index entry of PostgreSQL must hold it.
pub const QUOTE_CHARS: usize = 500;
/// The longest name of an author, in characters.
pub const AUTHOR_CHARS: usize = 100;
/// The longest name of a work, in characters.
pub const SOURCE_CHARS: usize = 200;
/// The longest id of a user or a thread, in characters (contract §0.9).
pub const THREAD_ID_CHARS: usize = 128;

word_enum! {
    /// What a quote is good for.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    Category {
        /// For those who see no light.
        Hope = "hope",
        /// For those who want to begin.
        Motivation = "motivation",
        /// For those whose time runs away.
        Productivity = "productivity",
        /// For those who have failed and go on.
        Resilience = "resilience",
    }
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hope, Self::Motivation, Self::Productivity, Self::Resilience];
}

/// Words of somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Its number, which contracts show as text.
    pub id: i64,
    /// The words.
    pub text: String,
    /// Whose they are.
    pub author: String,
    /// What they are good for.
    pub category: Category,
    /// The work they are from, where it is known.
    pub source: Option<String>,
}

/// A quote for the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewQuote {
    /// The words.
    pub text: String,
    /// Whose they are.
    pub author: String,
    /// What they are good for.
    pub category: Category,
    /// The work they are from, where it is known.
    pub source: Option<String>,
}

impl NewQuote {
    /// A quote of these fields, without white space around them. An empty source is none.
    ///
    /// # Errors
    /// Every field that breaks a rule.
    pub fn of(
        text: &str,
        author: &str,
        category: &str,
        source: Option<&str>,
    ) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Vec::new();
        let text = field("text", text, QUOTE_CHARS, true, &mut faults);
        let author = field("author", author, AUTHOR_CHARS, true, &mut faults);
        let source = field("source", source.unwrap_or_default(), SOURCE_CHARS, false, &mut faults);
        let category = Category::parse(category.trim());
        if category.is_none() {
            faults.push(FieldFault { field: "category", rule: FieldRule::Choice });
        }
        match category {
            Some(category) if faults.is_empty() => {
                Ok(Self { text, author, category, source: Some(source).filter(|source| !source.is_empty()) })
            }
            _ => Err(faults),
        }
    }
}

fn field(
    field: &'static str,
    text: &str,
    most: usize,
    required: bool,
    faults: &mut Vec<FieldFault>,
) -> String {
    let text = text.trim();
    let rule = match CleanText::bounded(text.to_owned(), most) {
        Ok(_) if required && text.is_empty() => FieldRule::Required,
        Ok(clean) => return clean.into_string(),
        Err(TextFault::TooLong(most)) => FieldRule::TooLong(most),
        Err(TextFault::Blank | TextFault::Control) => FieldRule::Characters,
    };
    faults.push(FieldFault { field, rule });
    String::new()
}

/// What became of a quote that was to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is new.
    Added(Quote),
    /// There is one of the same words already; it stays as it is.
    Known(Quote),
}

/// Names a thread: the ids that the client chose. They count as a pair, so that `a_b` with `c` is
/// another thread than `a` with `b_c`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadName {
    /// The client's id of the person.
    pub user: String,
    /// The client's id of the thread.
    pub thread: String,
}

impl ThreadName {
    /// A thread of these ids; `None` when one is empty, too long or holds control characters.
    #[must_use]
    pub fn of(user: &str, thread: &str) -> Option<Self> {
        let good = |id: &str| !id.is_empty() && CleanText::bounded(id.to_owned(), THREAD_ID_CHARS).is_ok();
        (good(user) && good(thread)).then(|| Self { user: user.to_owned(), thread: thread.to_owned() })
    }

    /// The public id of the thread's room.
    #[must_use]
    pub fn public_id(&self) -> String {
        serde_json::json!([self.user, self.thread]).to_string()
    }
}

/// How a thread stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// How many messages the person had sent with the latest turn's own.
    pub asked: i64,
    /// The latest turn.
    pub latest: TurnView,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_a_pair() {
        let id = |user, thread| ThreadName::of(user, thread).unwrap().public_id();
        assert_eq!(id("a_b", "c"), r#"["a_b","c"]"#);
        assert_ne!(id("a_b", "c"), id("a", "b_c"));
        assert_ne!(id("a\",\"b", "c"), id("a", "b\",\"c"));
        assert_ne!(id("a", "b"), id("b", "a"));
    }

    #[test]
    fn ids_have_an_end() {
        let long = "가".repeat(THREAD_ID_CHARS);
        assert!(ThreadName::of(&long, &long).is_some());
        for (user, thread) in
            [("", "a"), ("a", ""), ("a\0", "a"), ("a", "\n\u{1b}"), (&*format!("{long}x"), "a")]
        {
            assert_eq!(ThreadName::of(user, thread), None, "{user:?} {thread:?}");
        }
    }

    #[test]
    fn a_new_quote_is_checked_whole() {
        let quote = NewQuote::of(" 말 ", " 누구 ", "hope", Some(" ")).unwrap();
        let known =
            NewQuote { text: "말".into(), author: "누구".into(), category: Category::Hope, source: None };
        assert_eq!(quote, known);
        let long = "가".repeat(QUOTE_CHARS + 1);
        let faults = NewQuote::of(&long, " ", "joy", Some("a\0")).unwrap_err();
        let rules: Vec<_> = faults.iter().map(|fault| (fault.field, fault.rule)).collect();
        assert_eq!(
            rules,
            [
                ("text", FieldRule::TooLong(QUOTE_CHARS)),
                ("author", FieldRule::Required),
                ("source", FieldRule::Characters),
                ("category", FieldRule::Choice),
            ]
        );
    }
}
