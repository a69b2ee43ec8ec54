//! The rows of a corpus: a tune, and a file that could not become one.

use super::Split;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// One tune of a corpus: one line of `tunes.jsonl`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tune {
    /// Unique in its corpus: `source`, and for a piece of a long tune `~1`, `~2` and so on.
    pub tune_id: String,
    /// Path of the file inside the corpus; for a tune of an ABC book followed by `:` and the line of its `X:`.
    pub source: String,
    /// Hash of the source file's bytes, or of the tune's text in its book.
    pub source_hash: String,
    /// Hash of the whole tune's notes that neither transposition nor tempo changes; pieces of one tune share it.
    pub fingerprint: String,
    /// Where the path names one.
    pub artist: Option<String>,
    /// From the path or the tune itself.
    pub title: Option<String>,
    /// Key at the start, such as `D minor`.
    pub key: String,
    /// Metre at the start, such as `6/8`.
    pub meter: String,
    /// Tempo at the start, in quarter notes per minute.
    pub tempo_bpm: f64,
    /// Voices that have notes.
    pub n_voices: usize,
    /// Notes of all voices.
    pub n_notes: usize,
    /// Bars up to the last note's end.
    pub n_bars: usize,
    /// Characters of the tune's text (counted before it was dropped, if it was).
    pub n_chars: usize,
    /// The text that models read; empty for a tune that was dropped.
    pub abc: String,
    /// Where the tune went; `None` for a tune that was dropped.
    pub split: Option<Split>,
    /// Why it is in none; `None` for a tune that was kept.
    pub dropped_because: Option<String>,
}

/// A file, or a tune of an ABC book, that gave no tune: one line of `failed.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedFile {
    /// Path of the file inside the corpus, and the line of a tune in a book.
    pub source: String,
    /// What was being done: `open`, `read midi`, `write abc`, `read abc`, `split`, `write`.
    pub stage: String,
    /// A sentence.
    pub reason: String,
}

impl Tune {
    /// The tune was kept and stands in one of the splits.
    pub fn is_kept(&self) -> bool {
        self.dropped_because.is_none()
    }

    /// The tune is a piece of a longer one.
    pub fn is_piece(&self) -> bool {
        self.tune_id != self.source
    }

    /// Takes the tune out of the corpus: its numbers stay, its text goes.
    pub fn drop_because(&mut self, reason: impl Into<String>) {
        self.dropped_because = Some(reason.into());
        self.abc = String::new();
        self.split = None;
    }

    /// Adds the tune as a line of `tunes.jsonl`.
    pub(super) fn write_line(&self, lines: &mut Vec<u8>) -> Result<()> {
        let written = serde_json::to_writer(&mut *lines, self);
        lines.push(b'\n');
        written.map_err(|error| Error::Data(format!("the tune {} cannot be written: {error}", self.tune_id)))
    }
}

impl std::fmt::Display for Tune {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let title = self.title.as_deref().unwrap_or("untitled");
        write!(
            f,
            "{} ({title}): {} in {}, {}, {}, {}, {}",
            self.tune_id,
            self.key,
            self.meter,
            counted(self.n_voices, "voice"),
            counted(self.n_notes, "note"),
            counted(self.n_bars, "bar"),
            counted(self.n_chars, "character")
        )
    }
}

/// `1 voice`, `2 voices`
fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

impl FailedFile {
    /// What failed, at which stage, and why.
    pub fn new(source: impl Into<String>, stage: &str, reason: impl std::fmt::Display) -> FailedFile {
        FailedFile { source: source.into(), stage: stage.to_string(), reason: reason.to_string() }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A kept tune with this text; everything else is plain.
    pub fn tune(tune_id: &str, abc: &str) -> Tune {
        Tune {
            tune_id: tune_id.to_string(),
            source: tune_id.to_string(),
            fingerprint: tune_id.to_string(),
            key: "C major".to_string(),
            meter: "4/4".to_string(),
            tempo_bpm: 120.0,
            n_voices: 1,
            n_notes: 1,
            n_bars: 1,
            n_chars: abc.chars().count(),
            abc: abc.to_string(),
            ..Tune::default()
        }
    }
}
