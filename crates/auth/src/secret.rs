//! The server's secret: made once, kept beside the data, never shown.

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The fewest characters of a secret.
pub const MIN_CHARS: usize = 32;

/// Why there is no secret to work with.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// A secret that can be guessed.
    #[error(
        "{place} holds a secret of {chars} characters; it needs at least {MIN_CHARS}. Make one with `openssl rand -hex 32`"
    )]
    TooShort {
        /// The setting or the file.
        place: String,
        /// How many it has.
        chars: usize,
    },
    /// A file that is there and holds nothing.
    #[error("{} is empty. Restore it from a backup, or remove it: then a new one is made, and everybody has to log in again", .0.display())]
    Empty(PathBuf),
    /// A file that holds something else.
    #[error("{} is not text; a secret is one line of at least {MIN_CHARS} characters", .0.display())]
    NotText(PathBuf),
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// The file cannot be read or made.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A secret out of the settings, if it is long enough.
///
/// # Errors
/// When it is too short; `place` says where it came from.
pub fn checked(secret: SecretString, place: &str) -> Result<SecretString, SecretError> {
    let chars = secret.expose_secret().chars().count();
    if chars < MIN_CHARS {
        return Err(SecretError::TooShort { place: place.to_owned(), chars });
    }
    Ok(secret)
}

/// The secret in the file at `path`, made if there is none. Processes that start at once get the
/// same secret, and one that was handed out survives a power cut.
///
/// # Errors
/// When the file cannot be read or made, or holds no good secret: it is never replaced.
pub fn load_or_create(path: &Path) -> Result<SecretString, SecretError> {
    if let Some(secret) = load(path)? {
        return Ok(secret);
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let failed = |source| SecretError::Io { path: path.to_owned(), source };
    fs::create_dir_all(directory).map_err(failed)?;
    let mut random = Zeroizing::new([0_u8; 32 + 8]);
    getrandom::fill(&mut *random).map_err(SecretError::Random)?;
    let (secret, suffix) = random.split_at(32);
    // Not `with_extension`: two secrets in one directory must not share a temporary name.
    let temporary = directory.join(format!(".auth-secret-{}", *hex(suffix)));
    let made = write_new(&temporary, &hex(secret)).and_then(|()| publish(&temporary, path, &hex(secret)));
    let removed = fs::remove_file(&temporary);
    made.map_err(failed)?;
    removed.map_err(failed)?;
    sync_directory(directory).map_err(failed)?;
    // Read back: another process may have been first.
    load(path)?.ok_or_else(|| failed(ErrorKind::NotFound.into()))
}

fn load(path: &Path) -> Result<Option<SecretString>, SecretError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(SecretError::Io { path: path.to_owned(), source }),
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::NotText(path.to_owned()))?;
    // Editors and `echo` end a file with a line feed.
    let text = text.trim();
    if text.is_empty() {
        return Err(SecretError::Empty(path.to_owned()));
    }
    warn_if_others_may_read(path);
    checked(SecretString::from(text), &path.display().to_string()).map(Some)
}

/// Writes a file that nobody else may read and that must not be there yet.
fn write_new(path: &Path, secret: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(secret.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Gives the finished file its name, unless another process was first.
fn publish(temporary: &Path, path: &Path, secret: &str) -> io::Result<()> {
    let linked = match fs::hard_link(temporary, path) {
        Ok(()) => return Ok(()),
        // Some file systems have no hard links. Creating exclusively is the next best: still one
        // secret, though a process that starts in the same instant may find it half written and refuse.
        Err(error) if error.kind() != ErrorKind::AlreadyExists => write_new(path, secret),
        exists => exists,
    };
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// A directory cannot be opened as a file here; its entries are durable without.
#[cfg(not(unix))]
fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}

fn warn_if_others_may_read(path: &Path) {
    #[cfg(unix)]
    if let Ok(metadata) = fs::metadata(path) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "others may read the server's secret; chmod 600");
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

fn hex(bytes: &[u8]) -> Zeroizing<String> {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    Zeroizing::new(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
}

#[cfg(test)]
mod tests;
