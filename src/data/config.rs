//! What a corpus is made from and how: the choices that decide its text, and their hash.

use super::short_hash;
use crate::music::abc::Layout;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Names of the corpora that the library can get or make by itself.
pub const NAMED_CORPORA: [&str; 5] = ["folk", "composed", "airs", "lakh-clean", "lakh-full"];

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

/// The choices that decide a corpus. Two equal configs give the same files, byte for byte.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorpusConfig {
    /// `folk`, `composed`, `airs`, `lakh-clean`, `lakh-full`, or a path: of a folder, an archive or a file of music; of plain text
    /// (`.txt`); or of a folder of tokens, such as nanoGPT's `data/shakespeare_char`.
    pub source: String,
    /// A tune is kept when `min_chars < characters < max_chars`.
    pub min_chars: usize,
    /// See `min_chars`.
    pub max_chars: usize,
    /// What to do with a tune that is too long.
    pub long_tunes: LongTunes,
    /// How the voices of a tune from a MIDI file are written.
    pub layout: Layout,
    /// Tunes that `composed` or `airs` makes.
    pub n_composed: usize,
    /// Keep at most about this many tunes (a seeded sample; pieces count). `lakh-full` stops reading once it has them.
    pub max_tunes: Option<usize>,
    /// The shares of train, val and test, in any unit: `[98, 1, 1]`. A folder of tokens keeps its own splits.
    #[serde(skip_serializing_if = "is_usual")]
    // corpora that were prepared before it could be chosen keep their hash
    pub split: [f64; 3],
    /// Decides what `composed` or `airs` writes, the sample, the splits and the order of the tunes.
    pub seed: u64,
}

const USUAL_SPLIT: [f64; 3] = [98.0, 1.0, 1.0];

fn is_usual(split: &[f64; 3]) -> bool {
    *split == USUAL_SPLIT
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
            split: USUAL_SPLIT,
            seed: 1337,
        }
    }
}

impl CorpusConfig {
    /// The default choices for a source.
    pub fn of(source: impl Into<String>) -> CorpusConfig {
        CorpusConfig { source: source.into(), ..CorpusConfig::default() }
    }

    /// Refuses choices that no corpus can meet.
    pub(super) fn check(&self) -> Result<()> {
        if self.split.iter().all(|share| *share > 0.0 && share.is_finite()) {
            return Ok(());
        }
        Err(Error::Config(format!(
            "the corpus cannot be split {:?}: give the shares of train, val and test, three numbers above 0 such as [80, 10, 10]",
            self.split
        )))
    }

    /// The same choices, a source that is a relative path taken from `folder`: that of the file which holds the choices.
    pub fn relative_to(self, folder: &Path) -> CorpusConfig {
        match self.is_named() {
            true => self,
            false => CorpusConfig { source: folder.join(&self.source).to_string_lossy().into_owned(), ..self },
        }
    }

    /// The choices without the path of the source, which says nothing about the corpus. A source that has a name stays.
    pub fn without_path(&self) -> CorpusConfig {
        let source = if self.is_named() { self.source.clone() } else { String::new() };
        CorpusConfig { source, ..self.clone() }
    }

    /// Hash of every choice and of the format's version; the path of the source is none.
    pub fn hash(&self) -> String {
        let config = serde_json::to_vec(&self.without_path()).unwrap_or_default(); // a struct of plain values: cannot fail
        short_hash(&[&FORMAT_VERSION.to_le_bytes(), &config])
    }

    /// The corpus is one of `NAMED_CORPORA`, not a path.
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
    /// expects; else the name and a hash of the choices and of the `content` of a user's files, so that no study writes over
    /// another's corpus and the same music under another path is known again.
    pub(super) fn folder_name(&self, content: &str) -> String {
        let hash = match content {
            "" if *self == CorpusConfig::of(self.source.clone()) => return self.name(),
            "" => self.hash(),
            content => short_hash(&[self.hash().as_bytes(), content.as_bytes()]),
        };
        format!("{}-{}", self.name(), hash.get(..8).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_choice_is_named() {
        let error = toml::from_str::<CorpusConfig>("source = \"folk\"\nmax_char = 100").unwrap_err().to_string();
        assert!(error.contains("max_char") && error.contains("max_chars"), "{error}");
    }

    #[test]
    fn a_relative_path_is_taken_from_the_folder_of_its_file_and_is_no_choice() {
        let folder = Path::new("/home/me/study");
        let mine = CorpusConfig::of("tunes").relative_to(folder);
        assert_eq!(Path::new(&mine.source), folder.join("tunes"));
        assert_eq!(CorpusConfig::of("/tunes").relative_to(folder).source, "/tunes");
        assert_eq!(CorpusConfig::of("folk").relative_to(folder).source, "folk");
        assert_eq!(
            (mine.hash(), mine.folder_name("x")),
            (CorpusConfig::of("tunes").hash(), CorpusConfig::of("tunes").folder_name("x"))
        );
        assert_ne!(mine.folder_name("x"), mine.folder_name("y"));
        assert_ne!(CorpusConfig::of("folk").hash(), CorpusConfig::of("composed").hash());
    }

    #[test]
    fn the_usual_split_is_no_new_choice_and_an_impossible_one_is_refused() {
        let split = |split: &str| toml::from_str::<CorpusConfig>(&format!("split = {split}")).unwrap();
        assert_eq!(split("[98, 1, 1]").hash(), CorpusConfig::default().hash());
        assert!(!serde_json::to_string(&CorpusConfig::default()).unwrap().contains("\"split\":"));
        assert_ne!(split("[80, 10.5, 9.5]").hash(), CorpusConfig::default().hash());
        let error = split("[1, 0, 0]").check().unwrap_err().to_string();
        assert!(error.contains("[1.0, 0.0, 0.0]") && error.contains("[80, 10, 10]"), "{error}");
    }

    #[test]
    fn two_configs_of_one_source_do_not_share_a_folder() {
        let composed = |n_composed| CorpusConfig { n_composed, ..CorpusConfig::of("composed") };
        let names = [composed(1000), composed(50)].map(|config| config.folder_name(""));
        assert_eq!(names[0], "composed");
        assert!(names[1].starts_with("composed-") && names[1].len() == "composed-".len() + 8, "{names:?}");
    }
}
