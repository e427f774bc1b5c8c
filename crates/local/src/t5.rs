//! T5 and Flan-T5, from a folder as Hugging Face saves it: `config.json`, `tokenizer.json` and
//! `model.safetensors`, or shards with their index. The folder decides the size, from tiny to xxl.

mod config;
mod engine;
mod model;
mod search;
#[cfg(test)]
mod tests;
mod weights;

pub use engine::{Engine, Question};
pub use search::Search;

use crate::LocalError;
use std::path::Path;

/// Looks at a folder: cheap, and finds most of what is wrong with one.
///
/// # Errors
/// When it holds no T5.
pub fn about(folder: &Path) -> Result<(), LocalError> {
    config::Config::read(folder)?;
    weights::Weights::open(folder)?;
    let tokenizer = folder.join("tokenizer.json");
    std::fs::metadata(&tokenizer).map(|_| ()).map_err(LocalError::file(&tokenizer))
}
