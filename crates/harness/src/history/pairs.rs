//! Whether names and messages match one to one.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

/// A one-to-one relation between messages and their names on each transport, and where it is broken.
pub(super) struct Pairs<T> {
    name_of: HashMap<(String, usize), T>,
    message_of: HashMap<(String, T), usize>,
    /// The message, and two names that should be one.
    pub(super) clashes: Vec<(usize, String, String)>,
}

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Self { name_of: HashMap::new(), message_of: HashMap::new(), clashes: Vec::new() }
    }
}

impl<T: Clone + Eq + Hash + fmt::Display> Pairs<T> {
    pub(super) fn add(&mut self, transport: &str, name: Option<T>, at: usize) {
        let Some(name) = name else { return };
        let first = self.name_of.entry((transport.to_owned(), at)).or_insert_with(|| name.clone());
        if *first != name {
            self.clashes.push((at, first.to_string(), name.to_string()));
        }
        let owner = *self.message_of.entry((transport.to_owned(), name.clone())).or_insert(at);
        if owner != at {
            self.clashes.push((at, name.to_string(), "another message's".to_owned()));
        }
    }
}
