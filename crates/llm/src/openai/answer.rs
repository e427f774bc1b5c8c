//! What a provider answers, read with tolerance: servers that call themselves compatible leave fields
//! out, add their own and send `null` where OpenAI sends nothing.

use maru_domain::turns::Usage;
use maru_domain::turns::ports::Finish;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// A chunk of a stream, or a whole answer: they differ in `delta` and `message`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Answer {
    choices: Option<Vec<Choice>>,
    usage: Option<Value>,
    error: Option<Value>,
    object: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    index: Option<u64>,
    delta: Option<Said>,
    message: Option<Said>,
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Said {
    content: Option<Content>,
    refusal: Option<String>,
    reasoning: Option<IgnoredAny>,
    reasoning_content: Option<IgnoredAny>,
}

/// Text, or a list of parts as some providers send it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    text: Option<String>,
}

/// What a chunk means to us.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// More text; may be empty.
    pub(super) text: String,
    /// The model thinks: there is progress without text.
    pub(super) thinking: bool,
    /// Why it ended, if it did.
    pub(super) finish: Option<End>,
    /// What it has cost.
    pub(super) usage: Option<Usage>,
}

/// How a provider says that a reply has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// As it should.
    Finished(Finish),
    /// It broke on their side.
    Failed,
}

impl Answer {
    /// The error that a provider has put in place of an answer.
    pub(super) fn error(&self) -> Option<&Value> {
        self.error.as_ref().filter(|error| !error.is_null())
    }

    /// True for the error objects without an envelope that vLLM sends.
    pub(super) fn is_bare_error(&self) -> bool {
        self.object.as_ref().and_then(Value::as_str) == Some("error")
    }

    /// True when it is neither text, nor an end, nor usage: not the protocol.
    pub(super) fn is_foreign(&self) -> bool {
        self.choices.is_none() && self.usage.is_none() && self.object.is_none()
    }

    /// What it says. Only the first choice counts: more are never asked for.
    pub(super) fn told(self) -> Told {
        let usage = self.usage.as_ref().and_then(usage);
        let first = self.choices.into_iter().flatten().find(|choice| choice.index.unwrap_or(0) == 0);
        let Some(choice) = first else {
            return Told { usage, ..Told::default() };
        };
        let said = choice.delta.or(choice.message).unwrap_or_default();
        let thinking = said.reasoning.is_some() || said.reasoning_content.is_some();
        let mut text = match said.content {
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => parts.into_iter().filter_map(|part| part.text).collect(),
            None => String::new(),
        };
        // A refusal is what the model says to the person.
        text.push_str(said.refusal.as_deref().unwrap_or_default());
        let finish = choice.finish_reason.as_deref().filter(|reason| !reason.is_empty()).map(end);
        Told { text, thinking, finish, usage }
    }
}

fn end(reason: &str) -> End {
    match reason {
        "length" | "max_tokens" | "model_length" => End::Finished(Finish::Length),
        "content_filter" => End::Finished(Finish::ContentFilter),
        "error" => End::Failed,
        _ => End::Finished(Finish::Stop),
    }
}

fn usage(value: &Value) -> Option<Usage> {
    let count = |name| value.get(name).and_then(Value::as_i64).filter(|tokens| *tokens >= 0);
    Some(Usage { input_tokens: count("prompt_tokens")?, output_tokens: count("completion_tokens")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> Told {
        serde_json::from_str::<Answer>(json).expect("tolerant").told()
    }

    #[test]
    fn unknown_fields_and_nulls_are_tolerated() {
        let told = told(
            r#"{"id":null,"x":{"y":[1]},"choices":[{"index":0,"delta":{"role":"assistant","content":"가","tool_calls":null},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        );
        assert_eq!((told.text.as_str(), told.finish, told.usage), ("가", None, None));
    }

    #[test]
    fn parts_refusals_and_reasoning() {
        assert_eq!(told(r#"{"choices":[{"delta":{"content":[{"type":"text","text":"a"},{"type":"x"},{"text":"b"}]}}]}"#).text, "ab");
        assert_eq!(told(r#"{"choices":[{"delta":{"content":null,"refusal":"no"}}]}"#).text, "no");
        let thinking = told(r#"{"choices":[{"delta":{"content":"","reasoning_content":"hm"}}]}"#);
        assert!(thinking.thinking && thinking.text.is_empty());
    }

    #[test]
    fn ends_and_usage() {
        for (reason, finish) in [
            ("stop", Finish::Stop),
            ("length", Finish::Length),
            ("content_filter", Finish::ContentFilter),
            ("tool_calls", Finish::Stop),
        ] {
            let json = format!(r#"{{"choices":[{{"delta":{{}},"finish_reason":"{reason}"}}]}}"#);
            assert_eq!(told(&json).finish, Some(End::Finished(finish)), "{reason}");
        }
        let usage =
            told(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#)
                .usage;
        assert_eq!(usage, Some(Usage { input_tokens: 3, output_tokens: 4 }));
        assert_eq!(
            told(r#"{"choices":[],"usage":{"prompt_tokens":-3,"completion_tokens":"many"}}"#).usage,
            None
        );
    }

    #[test]
    fn only_the_first_choice_counts() {
        assert_eq!(
            told(r#"{"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}]}"#)
                .text,
            "a"
        );
    }
}
