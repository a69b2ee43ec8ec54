//! What can go wrong, in sentences.

use std::path::{Path, PathBuf};

/// A `Result` whose error is ours unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no law; the text is a finished sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused: which file, what was tried, and what the system said.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried, such as "read".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Points that no law can be fitted to.
    #[error("{0}")]
    Fit(String),
}

impl Error {
    /// `fs::read(path).map_err(Error::file("read", path))`
    pub fn file(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.as_ref().to_path_buf();
        move |source| Error::File { action, path, source }
    }
}
