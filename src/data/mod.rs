#![warn(missing_docs, clippy::missing_errors_doc)]
//! From files of music to tokens: sources, conversion, duplicates, splits, the vocabulary, and the files of a corpus.
//!
//! Files of a source are read as tunes (MIDI or ABC), filtered, freed of duplicates and split: `tunes.jsonl`, `failed.csv` and
//! `{train,val,test}.txt`. The characters of the texts are the tokens: `{train,val,test}.bin`, `vocab.json` and `meta.pkl`.
//!
//! ```no_run
//! use music_scaling::data::{Corpus, CorpusConfig, Split};
//!
//! let corpus = Corpus::get_or_prepare(&CorpusConfig::of("my/music"), "data".as_ref())?; // prepared once, then opened
//! println!("{corpus}");
//! println!("{} tokens to train on, such as {}", corpus.n_chars(Split::Train), corpus.first_tune(Split::Train)?);
//! # Ok::<(), music_scaling::Error>(())
//! ```

pub mod archives;
pub mod composed;
mod config;
pub mod convert;
mod corpus;
mod corpus_files;
mod download;
pub mod fingerprint;
mod leaks;
pub(crate) mod melody;
mod near_duplicates;
pub mod parallel;
mod preparation;
pub mod reading;
mod row;
pub mod sources;
pub mod split;
pub mod tables;
mod tune;
mod tune_store;
mod tunes;

pub use config::{CorpusConfig, LongTunes};
pub use convert::{ConvertReport, Target, convert};
pub use corpus::{Corpus, SourceEntropy};
pub use nets::{Split, TokenData, Tokenizer, hash, short_hash};
pub use tune::{FailedFile, Tune};
