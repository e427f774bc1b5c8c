//! The text of a reply as it is told: whole characters, and nothing of what ends it.

use super::tokens::Utf8;

/// The text of a reply, with an eye on what ends it.
pub(super) struct Text {
    utf8: Utf8,
    stops: Vec<String>,
    /// Not told yet: may be the beginning of what ends the reply.
    held: String,
}

/// What a word has made of the text.
pub(super) enum Heard {
    More(String),
    Stopped(String),
}

impl Text {
    pub(super) fn new(stops: Vec<String>) -> Self {
        let stops = stops.into_iter().filter(|stop| !stop.is_empty()).collect();
        Self { utf8: Utf8::default(), stops, held: String::new() }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Heard {
        self.held.push_str(&self.utf8.push(bytes));
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            return Heard::Stopped(std::mem::take(&mut self.held));
        }
        let begun = |stop: &String| {
            let lengths = stop.char_indices().map(|(at, _)| at).skip(1);
            lengths.filter(|length| self.held.ends_with(&stop[..*length])).max().unwrap_or(0)
        };
        let keep = self.stops.iter().map(begun).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        Heard::More(std::mem::replace(&mut self.held, rest))
    }

    pub(super) fn end(&mut self) -> String {
        self.held.push_str(&self.utf8.end());
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &mut Text, pieces: &[&str]) -> (String, bool) {
        let mut all = String::new();
        for piece in pieces {
            match text.push(piece.as_bytes()) {
                Heard::More(more) => all.push_str(&more),
                Heard::Stopped(rest) => return (all + &rest, true),
            }
        }
        (all + &text.end(), false)
    }

    #[test]
    fn a_stop_is_found_across_pieces_and_never_told() {
        let mut text = Text::new(vec!["\nUser:".into()]);
        assert_eq!(told(&mut text, &["Paris.", "\nU", "ser", ": and", "more"]), ("Paris.".into(), true));
        let mut text = Text::new(vec!["\nUser:".into()]);
        assert_eq!(told(&mut text, &["a\nUs", "a\nUse"]), ("a\nUsa\nUse".into(), false));
    }
}
