//! The tokens that a conversation becomes, made to fit.

use super::template::{Part, Said};
use super::worker::Worker;
use crate::LocalError;

impl Worker {
    /// The tokens of a conversation, without its oldest messages when it is too long. The system's
    /// words and the last message always stay; the last is cut at its beginning when it is too long
    /// by itself.
    pub(super) fn prompt(&self, conversation: &[Said], room: usize) -> Result<Vec<u32>, LocalError> {
        let system = conversation.iter().take_while(|said| said.role == "system").count();
        let said: Vec<Vec<u32>> =
            conversation.iter().map(|said| self.tokens.of_words(&said.text)).collect::<Result<_, _>>()?;
        let last = conversation.len().saturating_sub(1);
        let mut first = system;
        loop {
            let kept: Vec<usize> = (0..conversation.len()).filter(|i| *i < system || *i >= first).collect();
            let tokens = self.rendered(conversation, &said, &kept)?;
            if tokens.len() <= room {
                return Ok(tokens);
            }
            if first >= last {
                return self.shortened(conversation, said, &kept, tokens.len() - room);
            }
            // A question goes with its answer: the conversation still begins with a person.
            first += 1;
            while first < last && conversation[first].role == "assistant" {
                first += 1;
            }
        }
    }

    fn shortened(
        &self,
        conversation: &[Said],
        mut said: Vec<Vec<u32>>,
        kept: &[usize],
        mut over: usize,
    ) -> Result<Vec<u32>, LocalError> {
        // The end of the question first: instructions tend to stand there. Then the system's words.
        for at in kept.iter().rev() {
            let words = &mut said[*at];
            let cut = over.min(words.len() * 9 / 10);
            words.drain(..cut);
            over -= cut;
        }
        if over > 0 {
            return Err(LocalError::Refused("the conversation does not fit the model's context".to_owned()));
        }
        self.rendered(conversation, &said, kept)
    }

    fn rendered(
        &self,
        conversation: &[Said],
        said: &[Vec<u32>],
        kept: &[usize],
    ) -> Result<Vec<u32>, LocalError> {
        let part: Vec<Said> = kept.iter().map(|i| conversation[*i].clone()).collect();
        let mut tokens = Vec::new();
        for part in self.template.parts(&part)? {
            match part {
                Part::Frame(text) => tokens.extend(self.tokens.of_frame(&text)?),
                Part::Words(i) => {
                    tokens.extend(kept.get(i).map(|at| said[*at].as_slice()).unwrap_or_default())
                }
            }
        }
        if let Some(begin) = self.tokens.begin(&tokens) {
            tokens.insert(0, begin);
        }
        Ok(tokens)
    }
}
