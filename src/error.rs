//! What can go wrong, in sentences.
//!
//! Every fallible function of the library returns [`Result`]. The `Display` of an [`Error`] is one whole sentence that
//! names the file, the place and what to do: it is what `?` prints in a notebook cell and what the command line shows.

use std::path::{Path, PathBuf};

/// A `Result` whose error is ours unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One kind of failure for each part of the house; the text is a finished sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused: which file, what was tried, and what the system said.
    #[error("cannot {action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: std::io::Error },
    /// Bytes that are not a MIDI file, or one beyond repair.
    #[error("{0}")]
    Midi(String),
    /// ABC text that does not parse; line and column count from 1.
    #[error("line {line}, column {column}: {message}")]
    Abc { line: usize, column: usize, message: String },
    /// A corpus that cannot be had, read, split or tokenised.
    #[error("{0}")]
    Data(String),
    /// A model, training or study configuration that contradicts itself.
    #[error("{0}")]
    Config(String),
    /// A checkpoint or run record that is missing, cut off, or belongs to something else.
    #[error("{0}")]
    Checkpoint(String),
    /// Points that no law can be fitted to.
    #[error("{0}")]
    Fit(String),
    /// A figure that cannot be drawn.
    #[error("{0}")]
    Figure(String),
    /// The notebook kernel, Jupyter, or a notebook.
    #[error("{0}")]
    Lab(String),
    /// A tensor operation failed (shapes, devices, memory).
    #[error("{0}")]
    Tensor(String),
}

impl Error {
    /// `fs::read(path).map_err(Error::file("read", path))`
    pub fn file(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.as_ref().to_path_buf();
        move |source| Error::File { action, path, source }
    }
}
