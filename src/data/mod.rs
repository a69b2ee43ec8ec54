//! From files of music to tokens: sources, conversion, duplicates, splits, the vocabulary, and the files of a corpus.
//!
//! ```text
//! sources ─► convert (MIDI or ABC → tunes) ─► split ─► tunes.jsonl, failed.csv, {train,val,test}.txt
//!                                                └─► tokens ─► {train,val,test}.bin, vocab.json, meta.pkl
//! ```
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
mod melody;
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
pub use convert::{ConvertReport, Target, convert, convert_as};
pub use corpus::{Corpus, SourceEntropy};
pub use nets::{Split, TokenData, Tokenizer, hash, short_hash};
pub use tune::{FailedFile, Tune};
pub use tunes::Tunes;
