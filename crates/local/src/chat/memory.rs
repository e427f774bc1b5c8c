//! Keys and values of what was read: what makes the next token cheap.

/// The keys and values of one conversation, with the tokens that they stand for.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    /// What was read.
    pub tokens: Vec<u32>,
    /// By layer, position after position.
    pub keys: Vec<Vec<f32>>,
    /// In the same way.
    pub values: Vec<Vec<f32>>,
}

impl Memory {
    pub fn new(layers: usize) -> Self {
        Self { tokens: Vec::new(), keys: vec![Vec::new(); layers], values: vec![Vec::new(); layers] }
    }

    /// The first `length` positions, for a conversation that goes on differently.
    fn beginning(&self, length: usize) -> Self {
        let part = |all: &Vec<f32>| {
            let width = all.len() / self.tokens.len().max(1);
            all[..width * length].to_vec()
        };
        Self {
            tokens: self.tokens[..length].to_vec(),
            keys: self.keys.iter().map(part).collect(),
            values: self.values.iter().map(part).collect(),
        }
    }

    fn cut(&mut self, length: usize) {
        let before = self.tokens.len().max(1);
        for all in self.keys.iter_mut().chain(&mut self.values) {
            let width = all.len() / before;
            all.truncate(width * length);
        }
        self.tokens.truncate(length);
    }

    fn shrink(&mut self) {
        self.keys.iter_mut().chain(&mut self.values).for_each(Vec::shrink_to_fit);
    }

    pub fn bytes(&self) -> usize {
        let numbers: usize = self.keys.iter().chain(&self.values).map(Vec::capacity).sum();
        numbers * 4 + self.tokens.capacity() * 4
    }
}

/// The memories of conversations that may go on, the latest last. A conversation is known by its
/// tokens: whoever goes on from the same words gets the same keys and values, and nobody gets others.
pub(crate) struct Remembered {
    kept: Vec<Memory>,
    most: usize,
}

impl Remembered {
    /// At most so many bytes.
    pub fn new(most: usize) -> Self {
        Self { kept: Vec::new(), most }
    }

    /// The longest beginning of `tokens` that is known, without the last token: that one is to be read.
    pub fn recall(&mut self, tokens: &[u32], layers: usize) -> Memory {
        let known = |memory: &Memory| memory.tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        let best = self.kept.iter().enumerate().map(|(i, memory)| (known(memory), i)).max();
        let most = tokens.len().saturating_sub(1);
        match best {
            Some((length, i)) if length > 0 => {
                let length = length.min(most);
                // A conversation that goes on takes its memory along; a fork (the same system prompt)
                // leaves the other's where it is.
                if length * 4 >= self.kept[i].tokens.len() * 3 {
                    let mut memory = self.kept.remove(i);
                    memory.cut(length);
                    memory
                } else {
                    self.kept[i].beginning(length)
                }
            }
            _ => Memory::new(layers),
        }
    }

    pub fn keep(&mut self, mut memory: Memory) {
        memory.shrink();
        if memory.tokens.is_empty() || memory.bytes() > self.most {
            return;
        }
        self.kept.push(memory);
        while self.bytes() > self.most {
            self.kept.remove(0);
        }
    }

    pub fn bytes(&self) -> usize {
        self.kept.iter().map(Memory::bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(tokens: &[u32]) -> Memory {
        let numbers: Vec<f32> = tokens.iter().flat_map(|token| [*token as f32; 2]).collect();
        Memory { tokens: tokens.to_vec(), keys: vec![numbers.clone()], values: vec![numbers] }
    }

    #[test]
    fn a_conversation_that_goes_on_reads_only_what_is_new() {
        let mut remembered = Remembered::new(1 << 20);
        remembered.keep(memory(&[1, 2, 3, 4]));
        let recalled = remembered.recall(&[1, 2, 3, 4, 5], 1);
        assert_eq!(recalled.tokens, [1, 2, 3, 4]);
        assert_eq!(remembered.bytes(), 0, "it took its memory along");
    }

    #[test]
    fn one_that_begins_alike_leaves_the_other_its_own() {
        let mut remembered = Remembered::new(1 << 20);
        remembered.keep(memory(&[1, 2, 3, 4, 5, 6]));
        let recalled = remembered.recall(&[1, 2, 9, 9, 9], 1);
        assert_eq!(recalled.tokens, [1, 2]);
        assert_eq!(recalled.keys, [[1.0, 1.0, 2.0, 2.0]]);
        assert_eq!(remembered.recall(&[1, 2, 3, 4, 5, 6, 7], 1).tokens, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn the_same_question_again_reads_its_last_token() {
        let mut remembered = Remembered::new(1 << 20);
        remembered.keep(memory(&[1, 2, 3]));
        assert_eq!(remembered.recall(&[1, 2, 3], 1).tokens, [1, 2]);
    }

    #[test]
    fn the_oldest_are_forgotten_first_and_the_limit_holds() {
        let one = memory(&[1, 2, 3, 4]).bytes();
        let mut remembered = Remembered::new(one * 2);
        for first in [10, 20, 30] {
            remembered.keep(memory(&[first, 2, 3, 4]));
            assert!(remembered.bytes() <= one * 2);
        }
        assert!(remembered.recall(&[10, 2, 3, 4, 5], 1).tokens.is_empty());
        assert_eq!(remembered.recall(&[30, 2, 3, 4, 5], 1).tokens.len(), 4);
    }
}
