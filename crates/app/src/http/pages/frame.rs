//! What every page has around its own.

use super::assets;
use super::language::Language;
use super::words::{self, Words};
use crate::http::visitor::Visitor;
use maru_domain::access::Actor;
use maru_domain::error::{FieldFault, FieldRule};

/// The frame of a page.
pub struct Frame {
    pub language: Language,
    pub words: &'static Words,
    /// Who is logged in.
    pub user: Option<String>,
    /// Somebody who is not may want to.
    pub offers_login: bool,
}

impl Frame {
    pub fn of(language: Language, visitor: &Visitor) -> Self {
        let user = match visitor.actor() {
            Actor::User(identity) => Some(identity.user.username.clone()),
            _ => None,
        };
        Self { offers_login: user.is_none(), user, ..Self::bare(language) }
    }

    /// For pages that are about who somebody is, or where nobody knows.
    pub fn bare(language: Language) -> Self {
        Self { language, words: language.words(), user: None, offers_login: false }
    }

    pub fn asset(&self, name: &str) -> String {
        assets::address(name)
    }
}

/// A field of a form, with what was entered and what is wrong with it.
#[derive(Default)]
pub struct Field {
    pub name: &'static str,
    pub value: String,
    pub wrong: Vec<Wrong>,
}

/// What is wrong with a field, in the reader's words and in the contract's.
pub struct Wrong {
    pub words: String,
    pub original: Option<String>,
}

impl Field {
    pub fn of(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: value.into(), wrong: Vec::new() }
    }

    /// Notes that a rule is broken.
    pub fn breaks(&mut self, language: Language, rule: FieldRule) {
        let (words, original) = words::field(language, rule, self.value.chars().count());
        self.wrong.push(Wrong { words, original });
    }

    /// Takes what a use case says of this field.
    pub fn take(&mut self, language: Language, faults: &[FieldFault]) {
        for fault in faults {
            if fault.field != self.name {
                continue;
            }
            self.breaks(language, fault.rule);
        }
    }
}
