//! How a model is to choose its words. What the model can be told is passed on; what would change the
//! reply and cannot be done is refused by its name; the rest does no harm.

use super::Refusal;
use super::fields::Fields;
use maru_domain::turns::Sampling;
use serde_json::Value;

/// The most words at which a reply may end.
const STOPS: usize = 4;

const NO_TOOLS: &str = "runs no tools";
const NO_LOGPROBS: &str = "tells no probabilities";

/// What chat completions and responses have in common.
fn common(fields: &Fields<'_>) -> Result<Sampling, Refusal> {
    fields.without("tools", NO_TOOLS)?;
    fields.only("tool_choice", &["auto", "none"], NO_TOOLS)?;
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

/// Of a chat completion.
pub fn of_completion(fields: &Fields<'_>) -> Result<Sampling, Refusal> {
    for name in ["functions", "function_call", "web_search_options"] {
        if fields.get(name).and_then(Value::as_str) != Some("none") {
            fields.without(name, NO_TOOLS)?;
        }
    }
    fields.without("logprobs", NO_LOGPROBS)?;
    fields.without("audio", "neither hears nor speaks")?;
    fields.without("prediction", "takes no prediction of the reply")?;
    fields.without("logit_bias", "does not bias tokens")?;
    if fields.whole("n", 1..=128)?.is_some_and(|n| n > 1) {
        return Err(Refusal::unsupported("n", "gives one reply to a message"));
    }
    if let Some(kinds) = fields.list("modalities")?
        && kinds.iter().any(|kind| kind != "text")
    {
        return Err(Refusal::unsupported("modalities", "answers in text only"));
    }
    if let Some(format) = fields.object("response_format")? {
        format.only("type", &["text"], "answers in plain text only")?;
    }
    Ok(Sampling {
        max_tokens: tokens(fields, "max_tokens")?,
        max_completion_tokens: tokens(fields, "max_completion_tokens")?,
        frequency_penalty: fields.number("frequency_penalty", -2.0..=2.0)?,
        presence_penalty: fields.number("presence_penalty", -2.0..=2.0)?,
        seed: fields.whole("seed", i64::MIN..=i64::MAX)?,
        stop: stops(fields)?,
        reasoning_effort: fields.text("reasoning_effort")?.map(str::to_owned),
        ..common(fields)?
    })
}

fn stops(fields: &Fields<'_>) -> Result<Vec<String>, Refusal> {
    let words = match fields.get("stop") {
        None => return Ok(Vec::new()),
        Some(Value::String(word)) => return Ok(vec![word.clone()]),
        Some(_) => fields.list("stop")?.map_or(&[][..], Vec::as_slice),
    };
    if words.len() > STOPS {
        return Err(Refusal::value("stop", format!("it may have at most {STOPS} words")));
    }
    let text = |(n, word): (usize, &Value)| {
        let wrong = || super::fields::wrong_type(format!("stop[{n}]"), "a string", word);
        word.as_str().map(str::to_owned).ok_or_else(wrong)
    };
    words.iter().enumerate().map(text).collect()
}

/// Of a response.
pub fn of_response(fields: &Fields<'_>) -> Result<Sampling, Refusal> {
    fields.without("prompt", "keeps no prompt templates")?;
    if let Some(text) = fields.object("text")?
        && let Some(format) = text.object("format")?
    {
        format.only("type", &["text"], "answers in plain text only")?;
    }
    for (n, what) in fields.list("include")?.into_iter().flatten().enumerate() {
        if what == "message.output_text.logprobs" {
            return Err(Refusal::unsupported(format!("include[{n}]"), NO_LOGPROBS));
        }
    }
    let reasoning = fields.object("reasoning")?;
    let effort = match &reasoning {
        Some(reasoning) => {
            for name in ["summary", "generate_summary"] {
                reasoning.without(name, "does not tell what a model thinks")?;
            }
            reasoning.text("effort")?.map(str::to_owned)
        }
        None => None,
    };
    Ok(Sampling {
        max_completion_tokens: tokens(fields, "max_output_tokens")?,
        reasoning_effort: effort,
        ..common(fields)?
    })
}
