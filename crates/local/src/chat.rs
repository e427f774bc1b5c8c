//! Chat models: a decoder out of a GGUF file, its tokens, its template, and the worker that answers.

mod decoder;
mod engine;
mod memory;
mod prompt;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod tokens;
mod worker;

pub use engine::{Engine, EngineSettings, Question};
pub use template::Said;

use crate::LocalError;
use crate::gguf::Gguf;
use std::path::Path;

/// What a file says of itself, without its weights.
#[derive(Clone, Debug)]
pub struct About {
    /// The family: `llama`, `qwen2`, `qwen3`.
    pub family: String,
    /// The model's own name.
    pub name: String,
    /// The longest conversation that it was made for, in tokens.
    pub context: usize,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Looks at a file: cheap, and finds most of what is wrong with one.
///
/// # Errors
/// When the file cannot be read or holds no chat model of a known family.
pub fn about(path: &Path) -> Result<About, LocalError> {
    let gguf = Gguf::open(path)?;
    let shape = decoder::Shape::of(&gguf)?;
    let bytes = std::fs::metadata(path).map_err(LocalError::file(path))?.len();
    Ok(About {
        family: gguf.text_of("general.architecture").unwrap_or_default().to_owned(),
        name: gguf.text_of("general.name").unwrap_or_default().to_owned(),
        context: shape.context,
        bytes,
    })
}

/// What a model makes of a text: into its tokens and back again.
///
/// # Errors
/// When the file holds no vocabulary that can be used.
pub fn spelled(path: &Path, text: &str) -> Result<String, LocalError> {
    let tokens = tokens::Tokens::load(&Gguf::open(path)?, usize::MAX)?;
    let bytes: Vec<u8> =
        tokens.of_words(text)?.into_iter().flat_map(|token| tokens.bytes(token).to_vec()).collect();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
