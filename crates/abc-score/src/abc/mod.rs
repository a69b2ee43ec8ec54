//! Music as ABC text (standard 2.1): writing, reading, the canonical form, and splitting into tunes and pieces.

mod canonical;
mod engrave;
mod read;
mod spelling;
mod split;
mod write;

pub use canonical::{canonical, split_tunebook};
pub use read::{Performance, bar_errors, closed_bars, parse, parse_lenient, parse_lenient_as};
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

/// How [`write()`] lays the text out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteOptions {
    /// Order of the voices.
    pub layout: Layout,
    /// Whether the page is for people: the title as `T:`, names and clefs of voices, drums without a key, words under the notes.
    /// The text that models learn has none of it.
    pub title: bool,
}

/// Something that the lenient reader mended or left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// One tune of a tune book, as text that stands alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TuneText {
    /// Line of the tune's `X:` in the book, counted from 1.
    pub line: usize,
    /// The number, or word, after `X:`; at most 32 letters and digits.
    pub reference: String,
    /// The first `T:`.
    pub title: Option<String>,
    /// The tune, with the fields of the book that hold for it.
    pub text: String,
    /// Where each line of `text` stands in the book, counted from 1.
    pub lines: Vec<usize>,
}

impl TuneText {
    /// The line of the book that is this line of the text, both counted from 1.
    pub fn line_in_book(&self, line: usize) -> usize {
        line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(self.line)
    }
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

/// The text of an ABC file: UTF-8, UTF-16 with its byte order mark, or Latin-1 as old files are.
pub fn decode(bytes: &[u8]) -> String {
    match bytes {
        [0xef, 0xbb, 0xbf, text @ ..] => decode(text),
        [0xff, 0xfe, text @ ..] => utf16(text, u16::from_le_bytes),
        [0xfe, 0xff, text @ ..] => utf16(text, u16::from_be_bytes),
        _ => {
            let latin1 = |_| bytes.iter().map(|&byte| char::from(byte)).collect();
            std::str::from_utf8(bytes).map(str::to_string).unwrap_or_else(latin1)
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|&pair| unit(pair)).collect();
    String::from_utf16_lossy(&units)
}
