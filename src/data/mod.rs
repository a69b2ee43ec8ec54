//! From files of music to tokens: sources, conversion, duplicates, splits, the vocabulary, and the files of a corpus.
//!
//! ```text
//! sources ─► convert (MIDI or ABC → tunes) ─► split ─► tunes.jsonl, failed.csv, {train,val,test}.txt
//!                                                └─► tokens ─► {train,val,test}.bin, vocab.json, meta.pkl
//! ```

pub mod archives;
pub mod composed;
mod config;
pub mod convert;
mod corpus;
mod corpus_files;
mod download;
pub mod fingerprint;
mod journal;
pub mod leaks;
mod melody;
mod near_duplicates;
mod outputs;
pub(crate) mod parallel;
mod preparation;
pub mod reading;
mod row;
pub mod sources;
pub mod split;
pub mod tables;
mod token_data;
mod tokens;
mod tune;
mod tune_store;
mod tunes;

pub use config::{CorpusConfig, LongTunes};
pub use convert::{ConvertReport, Target, convert, convert_as};
pub use corpus::{Corpus, SourceEntropy};
pub use leaks::Leak;
pub use token_data::TokenData;
pub use tokens::Tokenizer;
pub use tune::{FailedFile, Split, Tune};
pub use tunes::Tunes;

/// The first 16 hexadecimal digits of a SHA-256: short enough to read, long enough to tell any two contents apart.
pub fn short_hash(parts: &[&[u8]]) -> String {
    format!("{:016x}", hash(parts))
}

/// The same as a number.
fn hash(parts: &[&[u8]]) -> u64 {
    use sha2::Digest;
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes()); // so that ("ab", "c") and ("a", "bc") differ
        hasher.update(part);
    }
    hasher.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
