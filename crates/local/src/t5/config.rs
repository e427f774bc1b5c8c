//! `config.json`.

use crate::LocalError;
use serde::Deserialize;
use std::path::Path;

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Config {
    #[serde(default)]
    model_type: String,
    pub vocab_size: usize,
    pub d_model: usize,
    pub d_kv: usize,
    pub d_ff: usize,
    pub num_layers: usize,
    pub num_decoder_layers: Option<usize>,
    pub num_heads: usize,
    #[serde(default = "buckets")]
    pub relative_attention_num_buckets: usize,
    #[serde(default = "distance")]
    pub relative_attention_max_distance: usize,
    #[serde(default = "relu")]
    pub feed_forward_proj: String,
    #[serde(default = "epsilon")]
    pub layer_norm_epsilon: f32,
    tie_word_embeddings: Option<bool>,
    /// What newer files say in place of `tie_word_embeddings`.
    scale_decoder_outputs: Option<bool>,
    #[serde(default = "end")]
    pub eos_token_id: u32,
    #[serde(default)]
    pub decoder_start_token_id: Option<u32>,
}

fn buckets() -> usize {
    32
}

fn distance() -> usize {
    128
}

fn relu() -> String {
    "relu".to_owned()
}

fn epsilon() -> f32 {
    1e-6
}

fn end() -> u32 {
    1
}

impl Config {
    pub fn read(folder: &Path) -> Result<Self, LocalError> {
        let path = folder.join("config.json");
        let text = std::fs::read(&path).map_err(LocalError::file(&path))?;
        let config: Self =
            serde_json::from_slice(&text).map_err(|error| LocalError::format(&path, error.to_string()))?;
        let wrong = |why: &str| Err(LocalError::format(&path, why));
        if !["t5", "mt5", ""].contains(&config.model_type.as_str()) {
            return wrong("is of another family than t5");
        }
        let sizes = [
            config.vocab_size,
            config.d_model,
            config.d_kv,
            config.d_ff,
            config.num_heads,
            config.num_layers,
        ];
        if sizes.iter().any(|size| !(1..=1 << 20).contains(size)) || config.relative_attention_num_buckets < 4
        {
            return wrong("has an impossible size");
        }
        Ok(config)
    }

    /// The output is made smaller where words are looked up and foretold by one matrix.
    pub fn scales_output(&self) -> bool {
        self.scale_decoder_outputs.unwrap_or(self.tie_word_embeddings != Some(false))
    }
}
