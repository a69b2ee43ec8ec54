//! What can go wrong, in sentences.

/// A `Result` whose error is ours unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no law; the text is a finished sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A table that cannot be read, or points that no law can be fitted to.
    #[error("{0}")]
    Fit(String),
}
