//! Everything that decides how a run goes, and the numbers that follow from it.

use crate::models::ModelConfig;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One training, completely described. Two runs with equal [`RunConfig::hash`] are the same run.
///
/// ```text
/// tokens_per_step = batch_size · block_size
/// n_steps         = ⌊n_tokens / tokens_per_step⌋, at least 1
/// flops           = n_steps · tokens_per_step · flops_per_token(block_size)
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    /// The folder under `runs/`; not part of the hash.
    pub name: String,
    /// The corpus by name, for people; `data_hash` is what counts.
    pub corpus: String,
    /// Hash of the tokens trained on ([`crate::TokenData::hash`]).
    pub data_hash: String,
    /// Hash of the vocabulary ([`crate::Tokenizer::hash`]).
    pub vocab_hash: String,
    pub model: ModelConfig,
    /// Context length, tokens.
    pub block_size: usize,
    /// Sequences per step.
    pub batch_size: usize,
    /// The highest learning rate, reached at the end of the warm-up.
    pub learning_rate: f64,
    /// The learning rate of the last step.
    pub min_learning_rate: f64,
    /// Share of this run's steps that warm up, 0 to 1.
    pub warmup_fraction: f64,
    /// Decoupled weight decay of matrices (biases and norms have none).
    pub weight_decay: f64,
    pub beta1: f64,
    pub beta2: f64,
    /// Largest global gradient norm; 0 switches clipping off.
    pub grad_clip: f64,
    pub dropout: f64,
    /// Training budget, tokens; may be several epochs.
    pub n_tokens: u64,
    /// Full-split validations, evenly spaced, the last one at the end.
    pub n_evals: usize,
    /// Models kept along the way, evenly spaced.
    pub n_checkpoints: usize,
    pub seed: u64,
}

impl RunConfig {
    /// A config with this project's defaults: context 256, batch 16, learning rate 1e-3 falling to a tenth, AdamW(.9, .99), decay
    /// .1, clipping at 1, no dropout, ten validations and ten checkpoints. Change fields after.
    pub fn new(name: &str, model: &ModelConfig, data: &crate::TokenData, n_tokens: u64) -> Self {
        RunConfig {
            name: name.to_string(),
            corpus: data.dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            data_hash: data.hash(),
            vocab_hash: data.tokenizer.hash(),
            model: model.clone(),
            block_size: 256,
            batch_size: 16,
            learning_rate: 1e-3,
            min_learning_rate: 1e-4,
            warmup_fraction: 0.02,
            weight_decay: 0.1,
            beta1: 0.9,
            beta2: 0.99,
            grad_clip: 1.0,
            dropout: 0.0,
            n_tokens,
            n_evals: 10,
            n_checkpoints: 10,
            seed: 1337,
        }
    }

    /// Sixteen hex digits over every field but the name. Floats count to twelve digits, so that a config that went
    /// through JSON keeps its hash.
    pub fn hash(&self) -> String {
        // Taken apart by name: a new field does not compile until it is either hashed or left out on purpose.
        let RunConfig {
            name: _,
            corpus,
            data_hash,
            vocab_hash,
            model,
            block_size,
            batch_size,
            learning_rate,
            min_learning_rate,
            warmup_fraction,
            weight_decay,
            beta1,
            beta2,
            grad_clip,
            dropout,
            n_tokens,
            n_evals,
            n_checkpoints,
            seed,
        } = self;
        let floats =
            [learning_rate, min_learning_rate, warmup_fraction, weight_decay, beta1, beta2, grad_clip, dropout];
        let floats = floats.map(|value| format!("{value:.12e}")).join(" ");
        let integers = format!("{block_size} {batch_size} {n_tokens} {n_evals} {n_checkpoints} {seed}");
        let text = format!("{corpus}\n{data_hash}\n{vocab_hash}\n{model:?}\n{integers}\n{floats}");
        hex16(&Sha256::digest(text.as_bytes()))
    }

    /// Tokens that one step trains on: batch_size · block_size.
    pub fn tokens_per_step(&self) -> usize {
        self.batch_size * self.block_size
    }

    /// Steps that fit into the budget, at least one.
    pub fn n_steps(&self) -> usize {
        ((self.n_tokens / self.tokens_per_step().max(1) as u64) as usize).max(1)
    }

    /// Training cost of the whole run, floating-point operations.
    pub fn flops(&self) -> f64 {
        self.n_steps() as f64 * self.tokens_per_step() as f64 * self.model.flops_per_token(self.block_size)
    }

    /// The steps after which something happens `times` times, evenly spaced, the last at the end; each step counted once.
    pub fn milestones(&self, times: usize) -> Vec<usize> {
        let n_steps = self.n_steps();
        let times = times.min(n_steps);
        (1..=times).map(|i| (i * n_steps).div_ceil(times)).collect()
    }

    /// Refuses what cannot be trained, in a sentence.
    pub fn validate(&self) -> Result<()> {
        self.model.validate()?;
        let named = |what: String| Err(Error::Config(format!("run {}: {what}", self.name)));
        if self.name.is_empty() || self.name.starts_with('.') || self.name.contains(['/', '\\', '\0']) {
            return Err(Error::Config(format!(
                "the run name {:?} cannot be a folder name; use letters, digits, - and _",
                self.name
            )));
        }
        if self.block_size == 0 || self.batch_size == 0 {
            return named(format!(
                "block_size {} and batch_size {} must both be at least 1",
                self.block_size, self.batch_size
            ));
        }
        if let ModelConfig::Transformer(model) = &self.model
            && model.n_positions < self.block_size
        {
            return named(format!(
                "block_size {} is longer than the model's n_positions {}; lower the one or raise the other",
                self.block_size, model.n_positions
            ));
        }
        self.validate_rates()
    }

    fn validate_rates(&self) -> Result<()> {
        let shares = [("warmup_fraction", self.warmup_fraction), ("dropout", self.dropout)];
        let betas = [("beta1", self.beta1), ("beta2", self.beta2)];
        let positive = [
            ("learning_rate", self.learning_rate),
            ("min_learning_rate", self.min_learning_rate),
            ("weight_decay", self.weight_decay),
            ("grad_clip", self.grad_clip),
        ];
        for (field, value) in shares.into_iter().chain(betas) {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::Config(format!(
                    "run {}: {field} {value} must be at least 0 and below 1",
                    self.name
                )));
            }
        }
        for (field, value) in positive {
            if !value.is_finite() || value < 0.0 {
                return Err(Error::Config(format!("run {}: {field} {value} must be a number from 0 up", self.name)));
            }
        }
        if self.min_learning_rate > self.learning_rate {
            return Err(Error::Config(format!(
                "run {}: min_learning_rate {} is above learning_rate {}; the schedule falls from the second to the first",
                self.name, self.min_learning_rate, self.learning_rate
            )));
        }
        Ok(())
    }
}

/// The first sixteen hex digits of a digest.
pub(super) fn hex16(digest: &[u8]) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
