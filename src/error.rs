//! What can go wrong, in sentences.
//!
//! Every fallible function of the library returns [`Result`]. The `Display` of an [`Error`] is one whole sentence that
//! names the file, the place and what to do: it is what `?` prints in a notebook cell and what the command line shows.

use std::path::Path;

/// A `Result` whose error is ours unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One kind of failure for each part of the house; the text is a finished sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Music that could not be read or written.
    #[error(transparent)]
    Score(#[from] abc_score::Error),
    /// A model, its tokens or its training.
    #[error(transparent)]
    Nets(#[from] nets::Error),
    /// Points that no law can be fitted to.
    #[error(transparent)]
    Law(#[from] scaling_laws::Error),
    /// A tensor operation in a notebook's own code.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A polars table that cannot be put together.
    #[error("the table cannot be put together: {0}")]
    Table(#[from] polars::prelude::PolarsError),
    /// A corpus that cannot be had, read, split or tokenised.
    #[error("{0}")]
    Data(String),
    /// A study's configuration that contradicts itself.
    #[error("{0}")]
    Config(String),
    /// A run record that is missing or belongs to something else.
    #[error("{0}")]
    Checkpoint(String),
    /// A figure that cannot be drawn.
    #[error("{0}")]
    Figure(String),
}

impl Error {
    /// `fs::read(path).map_err(Error::file("read", path))`
    pub fn file(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.as_ref().to_path_buf();
        move |source| nets::Error::file(action, path)(source).into()
    }
}
