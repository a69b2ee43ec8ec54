//! What can go wrong, in sentences.

use std::path::Path;

/// A `Result` whose error is ours unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the laboratory could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The study or the library below it.
    #[error(transparent)]
    Study(#[from] music_scaling::Error),
    /// Arguments that contradict each other.
    #[error("{0}")]
    Config(String),
    /// The notebook kernel, Jupyter, or a notebook.
    #[error("{0}")]
    Lab(String),
}

impl Error {
    /// `fs::read(path).map_err(Error::file("read", path))`
    pub fn file(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.as_ref().to_path_buf();
        move |source| music_scaling::Error::file(action, path)(source).into()
    }
}

impl From<nets::Error> for Error {
    fn from(error: nets::Error) -> Error {
        Error::Study(error.into())
    }
}

impl From<scaling_laws::Error> for Error {
    fn from(error: scaling_laws::Error) -> Error {
        Error::Study(error.into())
    }
}
