//! What this part's tests train: a tiny corpus, and tiny models of both families.

use super::{RunConfig, Runs, TrainOptions};
use crate::models::{InitialSpread, LstmConfig, ModelConfig, Positions, TransformerConfig};
use crate::{TokenData, Tokenizer};
use std::path::{Path, PathBuf};

/// A fresh empty folder for one test, gone with this value.
pub struct Folder(tempfile::TempDir);

impl std::ops::Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        self.0.path()
    }
}

pub fn folder() -> Folder {
    Folder(tempfile::tempdir().unwrap())
}

/// 1,500 training tokens and 157 for validation, over the characters of a scale.
pub fn data() -> TokenData {
    data_over("ABCDEFG|")
}

/// The same over other characters (at least two).
pub fn data_over(alphabet: &str) -> TokenData {
    let tokenizer = Tokenizer::from_text(alphabet).unwrap();
    let n = alphabet.chars().count();
    let token = |i: usize| ((i * i / 7 + i / 3) % n) as u16; // some order to learn
    let tokens = |range: std::ops::Range<usize>| range.map(token).collect::<Vec<u16>>();
    TokenData {
        dir: PathBuf::from("data/scale"),
        tokenizer,
        train: tokens(0..1500),
        val: tokens(1500..1657),
        test: tokens(1657..1700),
    }
}

pub fn transformer() -> ModelConfig {
    let (vocab_size, n_positions, n_layer, n_head, d_model, d_ff) = (8, 16, 1, 2, 16, 32);
    let (bias, tied, positions, init) = (true, false, Positions::Learned, InitialSpread::Fixed);
    let config =
        TransformerConfig { vocab_size, n_positions, n_layer, n_head, d_model, d_ff, bias, tied, positions, init };
    ModelConfig::Transformer(config)
}

pub fn lstm() -> ModelConfig {
    ModelConfig::Lstm(LstmConfig { vocab_size: 8, d_embed: 8, d_hidden: 16, n_layer: 2 })
}

/// 40 steps of 4 windows of 16, with dropout, four validations and five checkpoints.
pub fn config(name: &str, model: ModelConfig) -> RunConfig {
    RunConfig {
        block_size: 16,
        batch_size: 4,
        learning_rate: 1e-2,
        min_learning_rate: 1e-3,
        warmup_fraction: 0.1,
        dropout: 0.1,
        n_evals: 4,
        n_checkpoints: 5,
        ..RunConfig::new(name, &model, &data(), 40 * 64)
    }
}

/// The folder's runs, trained quietly with two threads.
pub fn quiet_runs(dir: &Path) -> Runs {
    let options = TrainOptions { quiet: true, threads: Some(2), ..TrainOptions::default() };
    Runs::open(dir).unwrap().with_options(options)
}
