//! What the model is told: the room's prompt and as much history as the budget allows.

use crate::ids::{RoomId, TurnId};
use crate::messages::Role;
use crate::turns::{Sampling, TurnOptions};

/// How much history goes upstream. The system prompt and the newest message always go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// At most so many messages, the newest among them.
    pub messages: usize,
    /// At most so many characters of messages.
    pub chars: usize,
}

/// One utterance for the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptMessage {
    /// Who speaks.
    pub role: Role,
    /// What was said.
    pub content: String,
}

/// A quote thread up to a turn: what decides the turn's step and its quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteThread {
    /// The name that the client gave it.
    pub public_id: String,
    /// Everything that the person has said, the turn's own message last.
    pub said: Vec<String>,
}

/// What the store knows of a turn's past.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptSource {
    /// Where.
    pub room_id: RoomId,
    /// The room's prompt, may be empty.
    pub system_prompt: String,
    /// The turn's model, or the room's.
    pub model: Option<String>,
    /// Oldest first; the last is the message to be answered.
    pub messages: Vec<PromptMessage>,
    /// The quote thread, if it is one.
    pub thread: Option<QuoteThread>,
    /// What else is asked of the turn.
    pub options: TurnOptions,
}

/// What a model is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// For the provider's log and ours.
    pub turn: TurnId,
    /// What the model is told first, if anything.
    pub system: Option<String>,
    /// Oldest first; the last is to be answered.
    pub messages: Vec<PromptMessage>,
    /// What a model says that has no words of its own: the demo.
    pub template: Option<String>,
    /// How it is to choose its words.
    pub sampling: Sampling,
}

impl Prompt {
    /// The same for a step of a guided conversation: its shape comes before everything else that the
    /// model is told.
    #[must_use]
    pub fn guided(self, shape: &str, template: &str) -> Self {
        let system = match self.system {
            Some(own) => format!("{shape}\n\n{own}"),
            None => shape.to_owned(),
        };
        Self { system: Some(system), template: Some(template.to_owned()), ..self }
    }
}

impl PromptSource {
    /// Cuts the history to the budget, from the oldest.
    #[must_use]
    pub fn within(mut self, turn: TurnId, budget: Budget) -> Prompt {
        let mut chars = 0;
        let mut kept = 0;
        for message in self.messages.iter().rev() {
            chars += message.content.chars().count();
            if kept > 0 && (kept >= budget.messages || chars > budget.chars) {
                break;
            }
            kept += 1;
        }
        let messages = self.messages.split_off(self.messages.len() - kept);
        let own = (!self.system_prompt.is_empty()).then_some(self.system_prompt);
        let system = match (own, self.options.instructions) {
            (Some(own), Some(more)) => Some(format!("{own}\n\n{more}")),
            (own, more) => own.or(more),
        };
        Prompt { turn, system, messages, template: None, sampling: self.options.sampling }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn source(texts: &[&str]) -> PromptSource {
        PromptSource {
            room_id: RoomId(Uuid::nil()),
            system_prompt: "be brief".repeat(100),
            model: None,
            messages: texts
                .iter()
                .map(|text| PromptMessage { role: Role::User, content: (*text).to_owned() })
                .collect(),
            thread: None,
            options: TurnOptions::default(),
        }
    }

    fn kept(texts: &[&str], messages: usize, chars: usize) -> Vec<String> {
        let prompt = source(texts).within(TurnId(Uuid::nil()), Budget { messages, chars });
        assert!(prompt.system.is_some(), "the system prompt always goes");
        prompt.messages.into_iter().map(|message| message.content).collect()
    }

    #[test]
    fn the_oldest_go_first() {
        assert_eq!(kept(&["a", "b", "c"], 2, 100), ["b", "c"]);
        assert_eq!(kept(&["aaaa", "bb", "cc"], 10, 4), ["bb", "cc"]);
        assert_eq!(kept(&["a", "b", "c"], 10, 100), ["a", "b", "c"]);
    }

    #[test]
    fn instructions_come_after_the_rooms_own_prompt() {
        let budget = Budget { messages: 1, chars: 1 };
        let told = |system_prompt: &str, instructions: Option<&str>| {
            let options =
                TurnOptions { instructions: instructions.map(str::to_owned), ..TurnOptions::default() };
            let source = PromptSource { system_prompt: system_prompt.into(), options, ..source(&["a"]) };
            source.within(TurnId(Uuid::nil()), budget).system
        };
        assert_eq!(told("a", Some("b")).as_deref(), Some("a\n\nb"));
        assert_eq!(told("", Some("b")).as_deref(), Some("b"));
        assert_eq!(told("", None), None);
    }

    #[test]
    fn the_shape_of_a_step_comes_first() {
        let prompt = source(&["a"]).within(TurnId(Uuid::nil()), Budget { messages: 1, chars: 1 });
        let own = prompt.system.clone().unwrap();
        let guided = prompt.guided("be kind", "there, there");
        assert_eq!(guided.system, Some(format!("be kind\n\n{own}")));
        assert_eq!(guided.template.as_deref(), Some("there, there"));
    }

    #[test]
    fn the_newest_always_goes() {
        assert_eq!(kept(&["a", "much too long"], 0, 0), ["much too long"]);
    }

    #[test]
    fn no_gap_is_left_in_the_middle() {
        assert_eq!(kept(&["a", "too long", "c"], 10, 3), ["c"]);
    }
}
