//! What a corpus is made from and how: the choices that decide its text, and their hash.

use super::short_hash;
use crate::music::abc::Layout;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Names of the corpora that the library can get or make by itself.
pub const NAMED_CORPORA: [&str; 4] = ["folk", "composed", "lakh-clean", "lakh-full"];

/// Raised when the text that the same choices give has changed, so that prepared corpora are made anew.
const FORMAT_VERSION: u32 = 2;

/// What to do with a tune of `max_chars` or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LongTunes {
    /// Cut it at bar lines into pieces that repeat the header.
    #[default]
    Split,
    /// Leave it out, as project B did.
    Drop,
}

impl std::str::FromStr for LongTunes {
    type Err = crate::Error;

    fn from_str(name: &str) -> crate::Result<LongTunes> {
        match name {
            "split" => Ok(LongTunes::Split),
            "drop" => Ok(LongTunes::Drop),
            _ => Err(crate::Error::Config(format!("long_tunes is \"{name}\"; it must be split or drop"))),
        }
    }
}

/// The choices that decide a corpus. Two equal configs give the same files, byte for byte.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CorpusConfig {
    /// `folk`, `composed`, `lakh-clean`, `lakh-full`, or the path of a folder, an archive or a file.
    pub source: String,
    /// A tune is kept when `min_chars < characters < max_chars`.
    pub min_chars: usize,
    pub max_chars: usize,
    pub long_tunes: LongTunes,
    pub layout: Layout,
    /// Tunes that `composed` makes.
    pub n_composed: usize,
    /// Keep at most about this many tunes (a seeded sample; pieces count). `lakh-full` stops reading once it has them.
    pub max_tunes: Option<usize>,
    /// Decides what `composed` writes, the sample, the splits and the order of the tunes.
    pub seed: u64,
}

impl Default for CorpusConfig {
    fn default() -> CorpusConfig {
        CorpusConfig {
            source: "folk".to_string(),
            min_chars: 100,
            max_chars: 5000,
            long_tunes: LongTunes::default(),
            layout: Layout::default(),
            n_composed: 1000,
            max_tunes: None,
            seed: 1337,
        }
    }
}

impl CorpusConfig {
    /// The default choices for a source.
    pub fn of(source: impl Into<String>) -> CorpusConfig {
        CorpusConfig { source: source.into(), ..CorpusConfig::default() }
    }

    /// Hash of every choice and of the format's version.
    pub fn hash(&self) -> String {
        let config = serde_json::to_vec(self).unwrap_or_default(); // a struct of plain values: cannot fail
        short_hash(&[&FORMAT_VERSION.to_le_bytes(), &config])
    }

    /// The corpus is one of [`NAMED_CORPORA`], not a path.
    pub fn is_named(&self) -> bool {
        NAMED_CORPORA.contains(&self.source.as_str())
    }

    /// Name of the corpus in tables and titles: the named source, or the file name of the path without its endings.
    pub fn name(&self) -> String {
        if self.is_named() {
            return self.source.clone();
        }
        let path = Path::new(&self.source);
        let absolute = path.canonicalize().unwrap_or_else(|_| path.to_path_buf()); // so that "." has a name
        let file_name = absolute.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let stem = file_name.split('.').find(|part| !part.is_empty()).unwrap_or("corpus");
        stem.chars().map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect()
    }

    /// Folder of the corpus below the data folder: its plain name for default choices, so that `data/folk` is what one
    /// expects; else the name and the hash, so that no study writes over another's corpus.
    pub fn folder_name(&self) -> String {
        if self.is_named() && *self == CorpusConfig::of(self.source.clone()) {
            return self.name();
        }
        format!("{}-{}", self.name(), self.hash().get(..8).unwrap_or_default())
    }
}
