//! What can go wrong, in sentences.

/// A `Result` whose error is ours unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What was not music; the text is a finished sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that are not a MIDI file, or one beyond repair.
    #[error("{0}")]
    Midi(String),
    /// ABC text that does not parse; line and column count from 1.
    #[error("line {line}, column {column}: {message}")]
    Abc {
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong, and what would be right.
        message: String,
    },
}
