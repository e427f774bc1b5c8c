//! From text to a model's tokens and back, by the vocabulary in its file.

use crate::LocalError;
use crate::gguf::Gguf;
use std::collections::HashMap;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::{NormalizerWrapper, Replace};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

/// Tokens that end a reply, whatever the file calls its end.
const ENDS: [&str; 7] =
    ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>", "</s>", "<|end|>"];

const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The tokens of a model.
pub(crate) struct Tokens {
    /// Knows the special tokens.
    frame: Tokenizer,
    /// Knows none: what people say.
    words: Tokenizer,
    bytes: Vec<Box<[u8]>>,
    ends: Vec<u32>,
    /// Goes before everything, when the file says so.
    begin: Option<u32>,
    /// Texts of the tokens that begin and end, for templates.
    pub bos: String,
    /// See `bos`.
    pub eos: String,
}

impl Tokens {
    pub fn load(gguf: &Gguf, vocabulary: usize) -> Result<Self, LocalError> {
        let texts = gguf.texts("tokenizer.ggml.tokens").unwrap_or_default();
        if texts.is_empty() || texts.len() > vocabulary {
            return Err(gguf.wrong("has no vocabulary, or one that its weights do not know"));
        }
        let kinds = gguf.numbers("tokenizer.ggml.token_type").unwrap_or_default();
        let kind = |i: usize| kinds.get(i).map_or(1, |kind| *kind as i64);
        let model = gguf.text_of("tokenizer.ggml.model").unwrap_or_default();
        let (words, bytes): (_, Vec<Box<[u8]>>) = match model {
            "gpt2" => {
                let letters = letters();
                let bytes = texts.iter().enumerate();
                let bytes = bytes.map(|(i, text)| match kind(i) {
                    1 => text.chars().flat_map(|c| byte_of(&letters, c)).collect(),
                    _ => text.as_bytes().into(),
                });
                (byte_pairs(gguf, texts)?, bytes.collect())
            }
            "llama" => (pieces(gguf, texts)?, texts.iter().map(|text| of_piece(text)).collect()),
            other => {
                return Err(gguf
                    .wrong(format!("has tokens of the unknown kind {other:?}; gpt2 and llama can be used")));
            }
        };
        let special = |i: usize| matches!(kind(i), 3 | 4);
        let special = texts.iter().enumerate().filter(|(i, text)| special(*i) && !text.is_empty());
        let special = special.map(|(_, text)| AddedToken::from(text.clone(), true).normalized(false));
        let mut frame = words.clone();
        frame.add_special_tokens(special).map_err(|error| gguf.wrong(error.to_string()))?;
        let id = |key: &str| {
            gguf.int(key).and_then(|id| u32::try_from(id).ok()).filter(|id| (*id as usize) < texts.len())
        };
        let mut ends: Vec<u32> = ["eos", "eot", "eom"]
            .iter()
            .filter_map(|end| id(&format!("tokenizer.ggml.{end}_token_id")))
            .collect();
        ends.extend((0u32..).zip(texts).filter(|(_, text)| ENDS.contains(&text.as_str())).map(|(i, _)| i));
        let text = |id: Option<u32>| id.and_then(|id| texts.get(id as usize)).cloned().unwrap_or_default();
        let begin = id("tokenizer.ggml.bos_token_id");
        Ok(Self {
            frame,
            words,
            bytes,
            ends,
            bos: text(begin),
            eos: text(id("tokenizer.ggml.eos_token_id")),
            begin: begin.filter(|_| gguf.flag("tokenizer.ggml.add_bos_token").unwrap_or(model == "llama")),
        })
    }

    /// The tokens of a template's own words, special ones among them.
    pub fn of_frame(&self, text: &str) -> Result<Vec<u32>, LocalError> {
        encode(&self.frame, text)
    }

    /// The tokens of what people say; nothing in it is special.
    pub fn of_words(&self, text: &str) -> Result<Vec<u32>, LocalError> {
        encode(&self.words, text)
    }

    /// The token before all others, if the template has not set it.
    pub fn begin(&self, tokens: &[u32]) -> Option<u32> {
        self.begin.filter(|begin| tokens.first() != Some(begin))
    }

    /// What a token says.
    pub fn bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token as usize).map(AsRef::as_ref).unwrap_or_default()
    }

    /// True for tokens that end a reply.
    pub fn ends(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }
}

fn encode(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, LocalError> {
    let encoding = tokenizer.encode_fast(text, false);
    encoding
        .map(|encoding| encoding.get_ids().to_vec())
        .map_err(|error| LocalError::Refused(format!("the model's tokens cannot say this text: {error}")))
}

/// Byte pairs, as GPT-2 and its heirs have them.
fn byte_pairs(gguf: &Gguf, texts: &[String]) -> Result<Tokenizer, LocalError> {
    let wrong = |error: tokenizers::Error| gguf.wrong(format!("has tokens that cannot be used: {error}"));
    let merges = gguf.texts("tokenizer.ggml.merges").unwrap_or_default();
    let merges = merges.iter().filter_map(|merge| {
        // A first part may itself be a space.
        let at = merge.get(1..)?.find(' ')? + 1;
        Some((merge[..at].to_owned(), merge[at + 1..].to_owned()))
    });
    let vocabulary: HashMap<String, u32> = texts.iter().cloned().zip(0u32..).collect();
    let pre = gguf.text_of("tokenizer.ggml.pre").unwrap_or("default");
    let model = BPE::builder()
        .vocab_and_merges(
            vocabulary.into_iter().collect::<tokenizers::models::bpe::Vocab>(),
            merges.collect(),
        )
        .ignore_merges(pre == "llama-bpe")
        .build()
        .map_err(wrong)?;
    let split = |pattern: &str| {
        let pattern = SplitPattern::Regex(pattern.to_owned());
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(wrong)?;
        Ok::<_, LocalError>(PreTokenizerWrapper::Sequence(Sequence::new(vec![
            PreTokenizerWrapper::Split(split),
            PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, false)),
        ])))
    };
    let gpt2 = PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, true));
    let pre = match pre {
        "smollm" => PreTokenizerWrapper::Sequence(Sequence::new(vec![
            PreTokenizerWrapper::Digits(Digits::new(true)),
            gpt2,
        ])),
        "qwen2" | "deepseek-r1-qwen" => split(QWEN2)?,
        "llama-bpe" | "llama3" | "llama-v3" | "smaug-bpe" => split(LLAMA3)?,
        _ => gpt2,
    };
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(pre));
    Ok(tokenizer)
}

/// How good it is, the pieces' numbers, the pieces.
type Merge = (f64, (u32, u32), (String, String));

/// SentencePiece's pieces, as Llama 2 has them: the merges follow from the order of the pieces.
fn pieces(gguf: &Gguf, texts: &[String]) -> Result<Tokenizer, LocalError> {
    let wrong = |error: tokenizers::Error| gguf.wrong(format!("has tokens that cannot be used: {error}"));
    let scores = gguf.numbers("tokenizer.ggml.scores").unwrap_or_default();
    let vocabulary: HashMap<&str, u32> = texts.iter().map(String::as_str).zip(0u32..).collect();
    let mut merges: Vec<Merge> = Vec::new();
    for (text, score) in texts.iter().zip(scores) {
        for (at, _) in text.char_indices().skip(1) {
            let (a, b) = text.split_at(at);
            if let (Some(left), Some(right)) = (vocabulary.get(a), vocabulary.get(b)) {
                merges.push((*score, (*left, *right), (a.to_owned(), b.to_owned())));
            }
        }
    }
    merges.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let vocabulary: tokenizers::models::bpe::Vocab = texts.iter().cloned().zip(0u32..).collect();
    let unknown = gguf.size("tokenizer.ggml.unknown_token_id").and_then(|id| texts.get(id));
    let mut model = BPE::builder()
        .vocab_and_merges(vocabulary, merges.into_iter().map(|merge| merge.2).collect())
        .byte_fallback(true)
        .fuse_unk(true);
    if let Some(unknown) = unknown {
        model = model.unk_token(unknown.clone());
    }
    let mut tokenizer = Tokenizer::new(model.build().map_err(wrong)?);
    let spaces = Replace::new(" ", "▁").map_err(wrong)?;
    tokenizer.with_normalizer(Some(NormalizerWrapper::Replace(spaces))).map_err(wrong)?;
    Ok(tokenizer)
}

/// What a piece says: `▁` is a space, `<0x0A>` a byte.
fn of_piece(text: &str) -> Box<[u8]> {
    let hex = text.strip_prefix("<0x").and_then(|text| text.strip_suffix('>'));
    match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
        Some(byte) => [byte].into(),
        None => text.replace('▁', " ").into_bytes().into(),
    }
}

/// The letters that GPT-2 writes bytes with.
fn letters() -> HashMap<char, u8> {
    let plain = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut next = 256u32;
    (0..=255u8)
        .filter_map(|byte| {
            let letter = if plain(byte) {
                u32::from(byte)
            } else {
                next += 1;
                next - 1
            };
            Some((char::from_u32(letter)?, byte))
        })
        .collect()
}

fn byte_of(letters: &HashMap<char, u8>, letter: char) -> Vec<u8> {
    letters.get(&letter).map_or_else(|| letter.to_string().into_bytes(), |byte| vec![*byte])
}

/// Bytes become text as soon as they are whole characters.
#[derive(Default)]
pub(crate) struct Utf8 {
    waiting: Vec<u8>,
}

impl Utf8 {
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.waiting.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.waiting) {
                Ok(whole) => {
                    text.push_str(whole);
                    self.waiting.clear();
                    return text;
                }
                Err(error) => {
                    let (good, rest) = self.waiting.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(good));
                    match error.error_len() {
                        // The rest of a character may still come.
                        None => {
                            self.waiting = rest.to_vec();
                            return text;
                        }
                        Some(bad) => {
                            text.push('\u{FFFD}');
                            self.waiting = rest[bad..].to_vec();
                        }
                    }
                }
            }
        }
    }

    pub fn end(&mut self) -> String {
        let rest = std::mem::take(&mut self.waiting);
        if rest.is_empty() { String::new() } else { '\u{FFFD}'.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_whole() {
        let mut utf8 = Utf8::default();
        let bytes = "서울".as_bytes();
        assert_eq!(utf8.push(&bytes[..2]), "");
        assert_eq!(utf8.push(&bytes[2..4]), "서");
        assert_eq!(utf8.push(&bytes[4..]), "울");
        assert_eq!(utf8.push(&[b'a', 0xFF, b'b', 0xEC]), "a\u{FFFD}b");
        assert_eq!(utf8.end(), "\u{FFFD}");
    }

    #[test]
    fn every_byte_has_a_letter() {
        let letters = letters();
        assert_eq!(letters.len(), 256);
        assert_eq!(letters[&'Ġ'], b' ');
        assert_eq!(letters[&'Ċ'], b'\n');
    }
}
