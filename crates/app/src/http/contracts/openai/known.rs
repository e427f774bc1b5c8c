//! The parameters of OpenAI's that maru knows and does not read: each has a type, and one that asks for what
//! maru does not do is refused by its name. Those that are not in these lists, and that no reader of ours
//! reads, are unknown and left alone.

use super::Refusal;
use super::fields::{Fields, wrong_type};
use serde_json::Value;

/// What a parameter may be. Null, like a parameter that is not there, asks for nothing.
pub enum Rule {
    /// A value of this type, which does no harm.
    Is(Kind),
    /// One of these words.
    Word(&'static [&'static str]),
    /// An object with these parameters.
    Of(Rules),
    /// Of this type, and empty or false: maru does not do it.
    Not(Kind, &'static str),
    /// One of these words, which ask for what is done anyway; for all others, what maru does not do.
    Only(&'static [&'static str], &'static str),
}

/// The parameters of an object.
pub type Rules = &'static [(&'static str, Rule)];

/// A type of values.
#[derive(Clone, Copy)]
pub enum Kind {
    Text,
    Flag,
    Count,
    List,
    Object,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Count => value.is_u64(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Flag => "a boolean",
            Self::Count => "an integer",
            Self::List => "an array",
            Self::Object => "an object",
        }
    }
}

use Kind::{Count, Flag, List, Object, Text};
use Rule::{Is, Not, Of, Only, Word};

pub const NO_TOOLS: &str = "runs no tools";
pub const NO_LOGPROBS: &str = "tells no probabilities";
const TEXT_ONLY: &str = "answers in plain text only";
const NO_SOUND: &str = "neither hears nor speaks";
const NO_IMAGES: &str = "reads no images";
const NO_MODERATION: &str = "moderates nothing";
const NO_THOUGHTS: &str = "does not tell what a model thinks";

const VERBOSITY: Rule = Word(&["low", "medium", "high"]);
const FORMAT: Rule = Of(&[("type", Only(&["text"], TEXT_ONLY))]);
const TIER: Rule = Word(&["auto", "default", "flex", "scale", "priority", "fast"]);
const CACHE: Rule = Of(&[
    ("mode", Is(Text)),
    ("ttl", Is(Text)),
    ("prewarm", Not(Flag, "prepares no cache")),
    ("comparison_response_id", Not(Text, "does not compare how caches were used")),
]);

/// Of a response.
pub const RESPONSE: Rules = &[
    ("access_programs", Of(&[("cyber", Only(&["standard"], "has no access programs"))])),
    (
        "background_options",
        Of(&[
            ("completion_window", Only(&["soonest"], "answers as soon as it can")),
            ("continuation_id", Is(Text)),
        ]),
    ),
    ("context_management", Not(List, "does not compact what was said")),
    ("image", Of(&[("context_compression", Only(&["auto", "disabled"], NO_IMAGES))])),
    ("max_tool_calls", Is(Count)),
    ("moderation", Not(Object, NO_MODERATION)),
    ("parallel_tool_calls", Is(Flag)),
    ("prompt", Not(Object, "keeps no prompt templates")),
    ("prompt_cache_key", Is(Text)),
    ("prompt_cache_options", CACHE),
    ("prompt_cache_retention", Is(Text)),
    (
        "reasoning",
        Of(&[
            ("context", Only(&["auto", "current_turn"], "keeps nothing of what a model thinks")),
            ("effort", Is(Text)),
            ("generate_summary", Not(Text, NO_THOUGHTS)),
            ("mode", Only(&["standard"], "knows one way to think")),
            ("summary", Not(Text, NO_THOUGHTS)),
        ]),
    ),
    ("safety_identifier", Is(Text)),
    ("service_tier", TIER),
    ("stream_options", Of(&[("include_obfuscation", Is(Flag))])),
    ("text", Of(&[("format", FORMAT), ("verbosity", VERBOSITY)])),
    ("tool_choice", Only(&["auto", "none"], NO_TOOLS)),
    ("tools", Not(List, NO_TOOLS)),
    ("truncation", Word(&["auto", "disabled"])),
    ("user", Is(Text)),
];

/// Of a chat completion.
pub const COMPLETION: Rules = &[
    ("audio", Not(Object, NO_SOUND)),
    ("function_call", Only(&["auto", "none"], NO_TOOLS)),
    ("functions", Not(List, NO_TOOLS)),
    ("logit_bias", Not(Object, "does not bias tokens")),
    ("logprobs", Not(Flag, NO_LOGPROBS)),
    ("moderation", Not(Object, NO_MODERATION)),
    ("parallel_tool_calls", Is(Flag)),
    ("prediction", Not(Object, "takes no prediction of the reply")),
    ("prompt_cache_key", Is(Text)),
    ("prompt_cache_options", CACHE),
    ("prompt_cache_retention", Is(Text)),
    ("response_format", FORMAT),
    ("safety_identifier", Is(Text)),
    ("service_tier", TIER),
    ("stream_options", Of(&[("include_obfuscation", Is(Flag)), ("include_usage", Is(Flag))])),
    ("tool_choice", Only(&["auto", "none"], NO_TOOLS)),
    ("tools", Not(List, NO_TOOLS)),
    ("user", Is(Text)),
    ("verbosity", VERBOSITY),
];

/// Of a message, in whatever list it stands. A client sends back what it was answered.
pub const MESSAGE: Rules = &[
    ("annotations", Is(List)),
    ("audio", Not(Object, NO_SOUND)),
    ("function_call", Not(Object, NO_TOOLS)),
    ("id", Is(Text)),
    ("name", Is(Text)),
    ("phase", Is(Text)),
    ("refusal", Is(Text)),
    ("status", Is(Text)),
    ("tool_calls", Not(List, NO_TOOLS)),
];

/// Of a part of a message.
pub const PART: Rules =
    &[("annotations", Is(List)), ("logprobs", Is(List)), ("prompt_cache_breakpoint", Is(Object))];

impl Fields<'_> {
    /// Refuses what breaks these rules.
    pub fn check(&self, rules: Rules) -> Result<(), Refusal> {
        rules.iter().try_for_each(|(name, rule)| self.check_one(name, rule))
    }

    fn check_one(&self, name: &str, rule: &Rule) -> Result<(), Refusal> {
        let Some(value) = self.get(name) else { return Ok(()) };
        let is_wrong = |expected: &str| Err(wrong_type(self.at(name), expected, value));
        match (rule, value) {
            (Is(kind) | Not(kind, _), _) if !kind.fits(value) => is_wrong(kind.words()),
            (Of(rules), _) => Self::of(value, self.at(name), Object.words())?.check(rules),
            (Not(_, what), _) if !asks_for_nothing(value) => Err(Refusal::unsupported(self.at(name), what)),
            (Word(words) | Only(words, _), Value::String(word)) if words.contains(&word.as_str()) => Ok(()),
            (Word(words), Value::String(_)) => {
                Err(Refusal::value(self.at(name), format!("it must be one of {}", words.join(", "))))
            }
            (Only(_, what), Value::String(_) | Value::Object(_)) => {
                Err(Refusal::unsupported(self.at(name), what))
            }
            (Word(_) | Only(..), _) => is_wrong(Text.words()),
            (Is(_) | Not(..), _) => Ok(()),
        }
    }
}

fn asks_for_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}
