//! Writing files so that what was good stays whole: a temporary name, a sync, a rename.

use crate::{Error, Result};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes `bytes` to `path`, creating its folder. A crash or a full disk leaves the earlier file as it was.
pub fn write_atomic(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<()> {
    let path = path.as_ref();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::file("create the folder", folder))?;
    }
    let temporary = temporary_beside(path);
    let written = fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes.as_ref()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary); // the write already failed; its error is the one to report
    }
    written.map_err(Error::file("write", path))
}

/// A name beside `path` for a file that is still being written; it carries the process id, so two writers do not meet.
pub fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

/// Reads a whole text file.
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    fs::read_to_string(path.as_ref()).map_err(Error::file("read", path))
}

/// Reads a whole binary file.
pub fn read_bytes(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    fs::read(path.as_ref()).map_err(Error::file("read", path))
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
        let folder = std::env::temp_dir().join(format!("music-scaling-files-{}", std::process::id()));
        let path = folder.join("kept.txt");
        write_atomic(&path, "good").unwrap();
        fs::create_dir_all(temporary_beside(&path)).unwrap(); // the temporary name is taken by a folder: the write must fail
        assert!(write_atomic(&path, "bad").is_err());
        assert_eq!(read_text(&path).unwrap(), "good");
        fs::remove_dir_all(&folder).unwrap();
    }
}
