//! Tensors out of safetensors files, one at a time: the files may be larger than what is free.

use crate::LocalError;
use crate::matrix::Matrix;
use half::{bf16, f16};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// No head of a file is longer.
const LONGEST_HEAD: u64 = 100 << 20;

#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// The tensors of a folder.
pub(crate) struct Weights {
    folder: PathBuf,
    files: Vec<(PathBuf, File, u64)>,
    tensors: HashMap<String, (usize, Tensor)>,
}

impl Weights {
    pub fn open(folder: &Path) -> Result<Self, LocalError> {
        let index = folder.join("model.safetensors.index.json");
        let mut names = vec!["model.safetensors".to_owned()];
        if index.is_file() {
            let text = std::fs::read(&index).map_err(LocalError::file(&index))?;
            let index: Index = serde_json::from_slice(&text)
                .map_err(|error| LocalError::format(&index, error.to_string()))?;
            names = index.weight_map.into_values().collect();
            names.sort();
            names.dedup();
        }
        let mut weights = Self { folder: folder.to_owned(), files: Vec::new(), tensors: HashMap::new() };
        for name in names {
            weights.add(folder.join(name))?;
        }
        Ok(weights)
    }

    fn add(&mut self, path: PathBuf) -> Result<(), LocalError> {
        let mut file = File::open(&path).map_err(LocalError::file(&path))?;
        let size = file.metadata().map_err(LocalError::file(&path))?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(LocalError::file(&path))?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST_HEAD.min(size) {
            return Err(LocalError::format(&path, "is not a safetensors file"));
        }
        let mut head = vec![0; usize::try_from(length).unwrap_or_default()];
        file.read_exact(&mut head).map_err(LocalError::file(&path))?;
        let head: HashMap<String, serde_json::Value> =
            serde_json::from_slice(&head).map_err(|error| LocalError::format(&path, error.to_string()))?;
        let at = self.files.len();
        for (name, value) in head {
            if name == "__metadata__" {
                continue;
            }
            let tensor: Tensor = serde_json::from_value(value)
                .map_err(|error| LocalError::format(&path, format!("tensor {name}: {error}")))?;
            let [from, to] = tensor.data_offsets;
            if from > to || to.saturating_add(8 + length) > size {
                return Err(LocalError::format(
                    &path,
                    format!("ends in the middle of {name}; fetch it again"),
                ));
            }
            self.tensors.insert(name, (at, tensor));
        }
        self.files.push((path, file, 8 + length));
        Ok(())
    }

    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    pub fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<Matrix, LocalError> {
        Ok(Matrix::of_floats(rows, cols, self.floats(name, &[rows, cols])?))
    }

    pub fn vector(&mut self, name: &str, length: usize) -> Result<Vec<f32>, LocalError> {
        self.floats(name, &[length])
    }

    fn floats(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LocalError> {
        let found = self.tensors.get(name).cloned();
        let (at, tensor) =
            found.ok_or_else(|| LocalError::format(&self.folder, format!("has no tensor {name}")))?;
        let (path, file, start) = &mut self.files[at];
        if tensor.shape != shape {
            let why = format!("tensor {name} is {:?} and not {shape:?}", tensor.shape);
            return Err(LocalError::format(path, why));
        }
        let width = match tensor.dtype.as_str() {
            "F32" => 4,
            "F16" | "BF16" => 2,
            other => {
                let why = format!("tensor {name} has the type {other}; F32, F16 and BF16 can be read");
                return Err(LocalError::format(path, why));
            }
        };
        let [from, to] = tensor.data_offsets;
        let count = shape.iter().product::<usize>();
        if to - from != (count * width) as u64 {
            return Err(LocalError::format(
                path,
                format!("tensor {name} has not as many bytes as its shape needs"),
            ));
        }
        let mut bytes = vec![0; count * width];
        file.seek(SeekFrom::Start(*start + from))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(LocalError::file(path))?;
        Ok(match tensor.dtype.as_str() {
            "F32" => bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            "F16" => bytes.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect(),
            _ => bytes.as_chunks().0.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()).collect(),
        })
    }
}
