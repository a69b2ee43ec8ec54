//! Files: written so that what was good stays whole (a temporary name, a sync, a rename), read, locked and hashed.

pub use crate::lock::Lock;

use crate::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Writes `bytes` to `path`, creating its folder. A crash or a full disk leaves the earlier file as it was.
///
/// # Errors
/// The folder or the file cannot be written.
pub fn write_atomic(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<()> {
    let path = path.as_ref();
    replace(path, |temporary| fs::write(temporary, bytes).map_err(Error::file("write", path)))
}

/// Lets `write` make the file under a temporary name, then syncs it and renames it to `path`.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    make_folder_of(path)?;
    let temporary = temporary_beside(path);
    let written = write(&temporary).and_then(|()| {
        let synced = File::options().append(true).open(&temporary).and_then(|file| file.sync_all());
        synced.and_then(|()| fs::rename(&temporary, path)).map_err(Error::file("write", path))
    });
    if written.is_err() {
        let _ = fs::remove_file(&temporary); // the write already failed; its error is the one to report
    }
    written
}

pub(crate) fn make_folder_of(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), |folder| fs::create_dir_all(folder).map_err(Error::file("create the folder", folder)))
}

/// A name beside `path` for a file that is still being written; it carries the process id, so two writers do not meet.
pub(crate) fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

/// Reads a whole text file.
///
/// # Errors
/// The file cannot be read, or is not UTF-8.
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    fs::read_to_string(path.as_ref()).map_err(Error::file("read", path))
}

/// Reads a whole binary file.
///
/// # Errors
/// The file cannot be read.
pub fn read_bytes(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    fs::read(path.as_ref()).map_err(Error::file("read", path))
}

/// Reads a JSON file. `advice` ends the sentence where it does not hold a `T`: what the user may do then.
///
/// ```
/// # fn main() -> nets::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("sizes.json");
/// nets::files::write_json(&path, &[1, 2, 3])?;
/// assert_eq!(nets::files::read_json::<Vec<u32>>(&path, "remove it")?, [1, 2, 3]);
/// let error = nets::files::read_json::<String>(&path, "remove it").unwrap_err().to_string();
/// assert!(error.ends_with("expected a string at line 1 column 0); remove it"), "{error}");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The file cannot be read, or holds something else.
pub fn read_json<T: DeserializeOwned>(path: impl AsRef<Path>, advice: &'static str) -> Result<T> {
    let path = path.as_ref();
    let text = read_text(path)?;
    serde_json::from_str(&text).map_err(|source| Error::Json { path: path.to_path_buf(), source, advice })
}

/// Writes a value as JSON for people to read, with [`write_atomic`].
///
/// # Errors
/// The file cannot be written.
pub fn write_json(path: impl AsRef<Path>, value: &impl Serialize) -> Result<()> {
    let path = path.as_ref();
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::file("write", path)(error.into()))?;
    write_atomic(path, text + "\n")
}

/// The first 16 hexadecimal digits of a SHA-256: short enough to read, long enough to tell any two contents apart.
pub fn short_hash(parts: &[&[u8]]) -> String {
    format!("{:016x}", hash(parts))
}

/// The same as a number.
pub fn hash(parts: &[&[u8]]) -> u64 {
    use sha2::Digest;
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes()); // so that ("ab", "c") and ("a", "bc") differ
        hasher.update(part);
    }
    hasher.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_the_earlier_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept.txt");
        write_atomic(&path, "good").unwrap();
        fs::create_dir_all(temporary_beside(&path)).unwrap(); // the temporary name is taken by a folder: the write must fail
        assert!(write_atomic(&path, "bad").is_err());
        assert_eq!(read_text(&path).unwrap(), "good");
    }
}
