//! What one turn is asked beside its message: words for this reply only, and how the model is to choose.

use crate::ids::TurnId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a client asks of one turn. Kept with it: a turn may be begun again after a crash.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TurnOptions {
    /// The model that was asked for, when it is not to be the room's. The store keeps it here at the send; a retry asks
    /// for it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What the model is told after the room's own prompt, for this reply only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// How the model chooses its words.
    #[serde(skip_serializing_if = "Sampling::is_default")]
    pub sampling: Sampling,
    /// The client's own notes on the turn.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// The turn that the client goes on from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<TurnId>,
    /// The client does not wait for the reply.
    #[serde(skip_serializing_if = "is_false")]
    pub background: bool,
    /// So many messages were told along with the turn's own, and stand just before it.
    #[serde(skip_serializing_if = "is_zero")]
    pub past: i64,
    /// The room was opened by this turn, and goes with it when nothing else is left there.
    #[serde(skip_serializing_if = "is_false")]
    pub opened: bool,
}

/// How a model chooses its words. What is not said is the model's own choice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// 0 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// At most so many tokens of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// At most so many tokens, those of thinking among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<u32>,
    /// -2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// -2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// The same seed gives the same reply, as far as the model keeps that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Words at which the reply ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// How much a model thinks, in its provider's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<String>,
    /// How much a model says: `low`, `medium` or `high`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verbosity: Option<String>,
}

impl Sampling {
    /// Nothing is asked for.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &i64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_asked_for_takes_no_room() {
        assert_eq!(serde_json::to_value(TurnOptions::default()).unwrap(), json!({}));
        assert_eq!(serde_json::from_value::<TurnOptions>(json!({})).unwrap(), TurnOptions::default());
    }

    #[test]
    fn options_survive_the_database() {
        let sampling = Sampling { temperature: Some(0.5), stop: vec!["x".into()], ..Sampling::default() };
        let options = TurnOptions {
            instructions: Some("be brief".into()),
            sampling,
            past: 2,
            ..TurnOptions::default()
        };
        let json = serde_json::to_value(&options).unwrap();
        assert_eq!(serde_json::from_value::<TurnOptions>(json).unwrap(), options);
    }
}
