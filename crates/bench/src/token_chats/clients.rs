//! Who talks to the servers.

use crate::load::{self, Client};
use maru_domain::error::BoxError;
use serde_json::Value;

/// A session is ended after so many turns.
pub const SESSION: usize = 50;
/// What everybody says. Both servers answer it at the same length.
const SAID: &str = "How many plants are there in the universe, and who has counted them?";

/// Talks in sessions of 50 turns.
pub struct Poster {
    say: Vec<u8>,
    end: Vec<u8>,
    turns: usize,
}

impl Poster {
    /// A user who has said nothing yet.
    pub fn new(token: &str) -> Self {
        let request = |end: &str| {
            let body = format!(r#"{{"content":"{SAID}"{end}}}"#);
            load::request("POST", "/api/chats/", token, Some(&body))
        };
        Self { say: request(""), end: request(r#","end_session":true"#), turns: 0 }
    }
}

impl Client for Poster {
    fn next(&mut self) -> Option<&[u8]> {
        if self.turns == SESSION {
            self.turns = 0;
            Some(&self.end)
        } else {
            self.turns += 1;
            Some(&self.say)
        }
    }
}

/// A poster that stops after so many turns and keeps the last answer.
pub struct Fill {
    poster: Poster,
    left: usize,
    last: Vec<u8>,
}

impl Fill {
    /// Fills the poster's session with so many turns.
    pub fn new(poster: Poster, turns: usize) -> Self {
        Self { poster, left: turns, last: Vec::new() }
    }

    /// The poster, to go on from here.
    pub fn into_poster(self) -> Poster {
        self.poster
    }

    /// The session's id, as the last answer tells it.
    pub fn session(&self) -> Result<String, BoxError> {
        let answer: Value = serde_json::from_slice(&self.last)?;
        let turns = answer["conversation"].as_array().map_or(0, Vec::len);
        if turns != SESSION {
            return Err(format!("a chat has {turns} turns instead of {SESSION}").into());
        }
        Ok(answer["session_identifier"].as_str().ok_or("no session_identifier")?.to_owned())
    }
}

impl Client for Fill {
    fn next(&mut self) -> Option<&[u8]> {
        self.left = self.left.checked_sub(1)?;
        self.poster.next()
    }

    fn answered(&mut self, body: &[u8]) {
        body.clone_into(&mut self.last);
    }
}
