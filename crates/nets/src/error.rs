//! What can go wrong, in sentences.

use std::path::{Path, PathBuf};

/// A `Result` whose error is ours unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One kind of failure for each part of the house; the text is a finished sentence.
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
    /// A JSON file that does not hold what belongs there.
    #[error("{} is damaged or of another version ({source}); {advice}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: serde_json::Error,
        /// What the user may do.
        advice: &'static str,
    },
    /// Tokens that cannot be read or do not fit their vocabulary.
    #[error("{0}")]
    Data(String),
    /// A model or training configuration that contradicts itself.
    #[error("{0}")]
    Config(String),
    /// A checkpoint or run record that is missing, cut off, or belongs to something else.
    #[error("{0}")]
    Checkpoint(String),
    /// Tensors whose shapes do not fit.
    #[error("{0}")]
    Tensor(String),
    /// candle refused a tensor operation (shapes, devices, memory).
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

impl Error {
    /// What the system said about a file, for `map_err`.
    ///
    /// ```
    /// use nets::Error;
    /// let error = std::fs::read("no/such/file").map_err(Error::file("read", "no/such/file")).unwrap_err();
    /// assert!(error.to_string().starts_with("cannot read no/such/file: "));
    /// ```
    pub fn file(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.as_ref().to_path_buf();
        move |source| Error::File { action, path, source }
    }
}
