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
pub(crate) mod parallel;
mod passages;
pub mod reading;
pub mod sources;
pub mod split;
pub mod tables;
mod token_data;
mod tokens;
mod tune;

pub use config::{CorpusConfig, LongTunes};
pub use convert::{ConvertReport, Target, convert, convert_as};
pub use corpus::{Corpus, SourceEntropy};
pub use token_data::TokenData;
pub use tokens::Tokenizer;
pub use tune::{FailedFile, Split, Tune};

/// The first 16 hexadecimal digits of a SHA-256: short enough to read, long enough to tell any two contents apart.
pub fn short_hash(parts: &[&[u8]]) -> String {
    use sha2::Digest;
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes()); // so that ("ab", "c") and ("a", "bc") differ
        hasher.update(part);
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
