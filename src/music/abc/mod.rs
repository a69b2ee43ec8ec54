//! Music as ABC text (standard 2.1): writing, reading, the canonical form, and splitting into tunes and pieces.

mod canonical;
mod engrave;
mod read;
mod spelling;
mod split;
mod write;

pub use canonical::{canonical, split_tunebook};
pub use read::{bar_errors, parse, parse_lenient};
pub use split::split_long;
pub use write::write;

use serde::{Deserialize, Serialize};

/// Order of the voices in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Bar by bar: the same few bars of every voice, then the next few.
    #[default]
    Interleaved,
    /// Each voice from beginning to end, then the next.
    InTurn,
}

/// How [`write`] lays the text out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteOptions {
    pub layout: Layout,
    /// Whether to write the title as `T:`; the text that models learn has none.
    pub title: bool,
}

/// Something that the lenient reader mended or left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    pub message: String,
}

/// One tune of a tune book, as text that stands alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TuneText {
    /// Line of the tune's `X:` in the book, counted from 1.
    pub line: usize,
    /// What stands after `X:`.
    pub reference: String,
    pub title: Option<String>,
    pub text: String,
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}
