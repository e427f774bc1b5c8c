//! How a model is to choose its words. What the model can be told is passed on; what would change the
//! reply and cannot be done is refused by its name.

use super::Refusal;
use super::fields::{Fields, wrong_type};
use super::known::{self, NO_LOGPROBS, NO_TOOLS};
use maru_domain::turns::Sampling;
use serde_json::Value;

/// The most words at which a reply may end.
const STOPS: usize = 4;

/// What may be asked to stand in a response beside its text. All of it belongs to what maru does not do, or to
/// thoughts that it does not keep: there is nothing of it to leave out.
const INCLUDABLE: [&str; 7] = [
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
];
/// What is never included.
pub const LOGPROBS: &str = "message.output_text.logprobs";

/// What chat completions and responses have in common.
fn common(fields: &Fields<'_>) -> Result<Sampling, Refusal> {
    if fields.whole("top_logprobs", 0..=20)?.is_some_and(|count| count > 0) {
        return Err(Refusal::unsupported("top_logprobs", NO_LOGPROBS));
    }
    Ok(Sampling {
        temperature: fields.number("temperature", 0.0..=2.0)?,
        top_p: fields.number("top_p", 0.0..=1.0)?,
        ..Sampling::default()
    })
}

fn tokens(fields: &Fields<'_>, name: &str) -> Result<Option<u32>, Refusal> {
    Ok(fields.whole(name, 1..=i64::from(u32::MAX))?.and_then(|most| u32::try_from(most).ok()))
}

fn owned(fields: &Fields<'_>, name: &str) -> Result<Option<String>, Refusal> {
    Ok(fields.text(name)?.map(str::to_owned))
}

/// Of a chat completion.
pub fn of_completion(fields: &Fields<'_>) -> Result<Sampling, Refusal> {
    fields.check(known::COMPLETION)?;
    // There at all, it asks for a search.
    if fields.object("web_search_options")?.is_some() {
        return Err(Refusal::unsupported("web_search_options", NO_TOOLS));
    }
    if fields.whole("n", 1..=128)?.is_some_and(|n| n > 1) {
        return Err(Refusal::unsupported("n", "gives one reply to a message"));
    }
    for (n, kind) in fields.texts("modalities")?.into_iter().enumerate() {
        if kind != "text" {
            return Err(Refusal::unsupported(format!("modalities[{n}]"), "answers in text only"));
        }
    }
    Ok(Sampling {
        max_tokens: tokens(fields, "max_tokens")?,
        max_completion_tokens: tokens(fields, "max_completion_tokens")?,
        frequency_penalty: fields.number("frequency_penalty", -2.0..=2.0)?,
        presence_penalty: fields.number("presence_penalty", -2.0..=2.0)?,
        seed: fields.whole("seed", i64::MIN..=i64::MAX)?,
        stop: stops(fields)?,
        reasoning_effort: owned(fields, "reasoning_effort")?,
        verbosity: owned(fields, "verbosity")?,
        ..common(fields)?
    })
}

fn stops(fields: &Fields<'_>) -> Result<Vec<String>, Refusal> {
    let words = match fields.get("stop") {
        Some(Value::String(word)) => vec![word.clone()],
        None | Some(Value::Array(_)) => fields.texts("stop")?.into_iter().map(str::to_owned).collect(),
        Some(other) => return Err(wrong_type("stop".to_owned(), "a string or an array of strings", other)),
    };
    if words.len() > STOPS {
        return Err(Refusal::value("stop", format!("it may have at most {STOPS} words")));
    }
    Ok(words)
}

/// Of a response.
pub fn of_response(fields: &Fields<'_>) -> Result<Sampling, Refusal> {
    fields.check(known::RESPONSE)?;
    for (n, what) in fields.texts("include")?.into_iter().enumerate() {
        let at = format!("include[{n}]");
        match what {
            LOGPROBS => return Err(Refusal::unsupported(at, NO_LOGPROBS)),
            what if !INCLUDABLE.contains(&what) => {
                return Err(Refusal::value(at, "there is nothing of that name to include"));
            }
            _ => {}
        }
    }
    let of = |object: &str, name: &str| match fields.object(object)? {
        Some(object) => owned(&object, name),
        None => Ok(None),
    };
    Ok(Sampling {
        max_completion_tokens: tokens(fields, "max_output_tokens")?,
        reasoning_effort: of("reasoning", "effort")?,
        verbosity: of("text", "verbosity")?,
        ..common(fields)?
    })
}
