//! Reads GGUF files: metadata, and where each tensor lies. A file is a stranger's: every length in it
//! is held against the file's own size before anything is allocated.

use crate::LocalError;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// No name or text of the metadata is longer, in bytes.
const LONGEST_TEXT: u64 = 1 << 24;
/// No more keys or tensors than that.
const MOST: u64 = 1 << 16;

/// A value of the metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Text.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
    /// A list of numbers.
    Numbers(Vec<f64>),
}

/// Where a tensor lies and how it is written.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// From the innermost dimension.
    pub shape: Vec<usize>,
    /// ggml's number of the type.
    pub kind: u32,
    /// From the start of the file.
    pub offset: u64,
}

/// An open GGUF file.
pub struct Gguf {
    path: PathBuf,
    file: BufReader<File>,
    size: u64,
    metadata: HashMap<String, Value>,
    tensors: HashMap<String, Place>,
}

impl Gguf {
    /// Opens a file and reads everything but its tensors.
    ///
    /// # Errors
    /// When the file cannot be read or is no GGUF file.
    pub fn open(path: &Path) -> Result<Self, LocalError> {
        let file = File::open(path).map_err(LocalError::file(path))?;
        let size = file.metadata().map_err(LocalError::file(path))?.len();
        let mut gguf = Self {
            path: path.to_owned(),
            file: BufReader::with_capacity(1 << 16, file),
            size,
            metadata: HashMap::new(),
            tensors: HashMap::new(),
        };
        gguf.read_head()?;
        Ok(gguf)
    }

    fn read_head(&mut self) -> Result<(), LocalError> {
        if self.size < 24 || &self.bytes::<4>()? != b"GGUF" {
            return Err(self.wrong("is not a GGUF file"));
        }
        let version = self.u32()?;
        if !(2..=3).contains(&version) {
            return Err(self.wrong(format!("is GGUF of version {version}; 2 and 3 can be read")));
        }
        let (tensors, keys) = (self.u64()?, self.u64()?);
        if tensors > MOST || keys > MOST {
            return Err(self.wrong("has an absurd number of keys or tensors"));
        }
        for _ in 0..keys {
            let key = self.text()?;
            let kind = self.u32()?;
            let value = self.value(kind)?;
            self.metadata.insert(key, value);
        }
        for _ in 0..tensors {
            let name = self.text()?;
            let dimensions = self.u32()?;
            if dimensions > 4 {
                return Err(self.wrong(format!("tensor {name} has {dimensions} dimensions")));
            }
            let mut shape = Vec::with_capacity(4);
            for _ in 0..dimensions {
                let length = self.u64()?;
                shape.push(usize::try_from(length).map_err(|_| self.wrong("has an absurd tensor"))?);
            }
            let kind = self.u32()?;
            let offset = self.u64()?;
            self.tensors.insert(name, Place { shape, kind, offset });
        }
        let here = self.file.stream_position().map_err(LocalError::file(&self.path))?;
        let alignment = u64::try_from(self.int("general.alignment").unwrap_or(32).max(1)).unwrap_or(32);
        let start = here.div_ceil(alignment) * alignment;
        for place in self.tensors.values_mut() {
            place.offset = place.offset.saturating_add(start);
        }
        Ok(())
    }

    /// Which file it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A value by its key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// A whole number by its key.
    #[must_use]
    pub fn int(&self, key: &str) -> Option<i64> {
        match self.metadata.get(key)? {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// A size by its key.
    pub(crate) fn size(&self, key: &str) -> Option<usize> {
        usize::try_from(self.int(key)?).ok()
    }

    pub(crate) fn float(&self, key: &str) -> Option<f32> {
        match self.metadata.get(key)? {
            Value::Float(number) => Some(*number as f32),
            Value::Int(number) => Some(*number as f32),
            _ => None,
        }
    }

    /// A text by its key.
    #[must_use]
    pub fn text_of(&self, key: &str) -> Option<&str> {
        match self.metadata.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn texts(&self, key: &str) -> Option<&[String]> {
        match self.metadata.get(key)? {
            Value::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    pub(crate) fn numbers(&self, key: &str) -> Option<&[f64]> {
        match self.metadata.get(key)? {
            Value::Numbers(numbers) => Some(numbers),
            _ => None,
        }
    }

    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        match self.metadata.get(key)? {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    pub(crate) fn place(&self, name: &str) -> Option<&Place> {
        self.tensors.get(name)
    }

    /// So many bytes of the file.
    pub(crate) fn read_at(&mut self, offset: u64, length: usize) -> Result<Vec<u8>, LocalError> {
        let end = offset.checked_add(length as u64).filter(|end| *end <= self.size);
        if end.is_none() {
            return Err(self.wrong("ends in the middle of a tensor; fetch it again"));
        }
        let mut bytes = vec![0; length];
        self.file
            .seek(SeekFrom::Start(offset))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(LocalError::file(&self.path))?;
        Ok(bytes)
    }

    pub(crate) fn wrong(&self, why: impl Into<String>) -> LocalError {
        LocalError::format(&self.path, why)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], LocalError> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes).map_err(LocalError::file(&self.path))?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, LocalError> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, LocalError> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<String, LocalError> {
        let length = self.u64()?;
        if length > LONGEST_TEXT.min(self.size) {
            return Err(self.wrong("has an absurdly long text"));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.file.read_exact(&mut bytes).map_err(LocalError::file(&self.path))?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned()))
    }

    fn value(&mut self, kind: u32) -> Result<Value, LocalError> {
        Ok(match kind {
            0 => Value::Int(i64::from(u8::from_le_bytes(self.bytes()?))),
            1 => Value::Int(i64::from(i8::from_le_bytes(self.bytes()?))),
            2 => Value::Int(i64::from(u16::from_le_bytes(self.bytes()?))),
            3 => Value::Int(i64::from(i16::from_le_bytes(self.bytes()?))),
            4 => Value::Int(i64::from(self.u32()?)),
            5 => Value::Int(i64::from(i32::from_le_bytes(self.bytes()?))),
            6 => Value::Float(f64::from(f32::from_le_bytes(self.bytes()?))),
            7 => Value::Bool(self.bytes::<1>()? != [0]),
            8 => Value::Text(self.text()?),
            9 => return self.list(),
            10 => Value::Int(i64::try_from(self.u64()?).unwrap_or(i64::MAX)),
            11 => Value::Int(i64::from_le_bytes(self.bytes()?)),
            12 => Value::Float(f64::from_le_bytes(self.bytes()?)),
            _ => return Err(self.wrong(format!("has metadata of the unknown type {kind}"))),
        })
    }

    fn list(&mut self) -> Result<Value, LocalError> {
        let kind = self.u32()?;
        let length = self.u64()?;
        // Each element takes a byte at least.
        if length > self.size {
            return Err(self.wrong("has an absurdly long list"));
        }
        let (mut texts, mut numbers) = (Vec::new(), Vec::new());
        for _ in 0..length {
            match if kind == 9 { Err(self.wrong("has lists of lists"))? } else { self.value(kind)? } {
                Value::Text(text) => texts.push(text),
                Value::Int(number) => numbers.push(number as f64),
                Value::Float(number) => numbers.push(number),
                Value::Bool(flag) => numbers.push(f64::from(u8::from(flag))),
                Value::Texts(_) | Value::Numbers(_) => {}
            }
        }
        Ok(if kind == 8 { Value::Texts(texts) } else { Value::Numbers(numbers) })
    }
}
