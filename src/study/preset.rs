//! A preset is data, not code: a TOML file. Five are built in; a user adds one and names its path.
//!
//! ```toml
//! about = "Three small Transformers and an LSTM on tunes of my own"
//! seed = 1
//! transformer = [
//!     { name = "mine-s", n_layer = 2, n_head = 2, d_model = 32 },
//!     { name = "mine-m", n_layer = 2, n_head = 4, d_model = 64 },
//!     { name = "mine-l", n_layer = 3, n_head = 4, d_model = 96 },
//! ]
//! lstm = [{ name = "mine-lstm", n_layer = 2, d_embed = 64, d_hidden = 64 }]
//! corpus = { source = "my/tunes" } # from this file's folder
//! training = { block_size = 128, batch_size = 8, n_epochs = 2, transformer_learning_rate = 2e-3, lstm_learning_rate = 6e-3, n_evals = 10 }
//! best = { n_epochs = 6 }
//! generation = { n_samples = 10, max_tokens = 600 }
//! ```

use super::{LearningRate, SweepTable};
use crate::data::{CorpusConfig, TokenData, Tokenizer};
use crate::files::read_text;
use crate::models::{Family, LstmSize, ModelConfig, Size, TransformerSize};
use crate::training::{Decay, RunConfig};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::{Path, absolute};

/// Stands in for the corpus's own, where that is not known yet: sizes have the same order over any.
pub(super) const VOCAB_SIZE: usize = 64;

const BUILT_IN: [(&str, &str); 6] = [
    ("smoke", include_str!("smoke.toml")),
    ("lesson", include_str!("lesson.toml")),
    ("laptop", include_str!("laptop.toml")),
    ("course", include_str!("course.toml")),
    ("full", include_str!("full.toml")),
    ("composed", include_str!("composed.toml")),
];

/// Everything that tells one study from another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// One sentence for a person who chooses.
    pub about: String,
    /// Decides weights, the order of the data, samples and resamples.
    pub seed: u64,
    /// The ladder of Transformers; runs are named after their sizes.
    pub transformer: Vec<TransformerSize>,
    /// The ladder of LSTMs.
    pub lstm: Vec<LstmSize>,
    /// What is read.
    #[serde(default)]
    pub corpus: CorpusConfig,
    /// How every model of the ladders is trained.
    pub training: Training,
    /// How the largest are trained for longer.
    pub best: Best,
    /// Shares of the budget, such as `[0.25, 0.5]`, that the ladders are trained for as well: what tokens are worth beside parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shorter: Vec<f64>,
    /// What the best model writes.
    pub generation: Generation,
    /// Trainings from other seeds.
    #[serde(default)]
    pub repeats: Repeats,
    /// Trainings at equal cost.
    pub isoflop: Option<IsoFlopBudgets>,
    /// Trainings for `sweep`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepTable>,
}

/// How every model of the ladders is trained. What is optional here has [`RunConfig::new`]'s value where it is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Context length, tokens.
    pub block_size: usize,
    /// Sequences a step.
    pub batch_size: usize,
    /// Sequences whose activations are in memory at once, where a step's are too many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batch: Option<usize>,
    /// Lets a GPU round the operands of its matrix products to TF32.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_tf32: bool,
    /// Token budget of each run; or `n_epochs` over the training split.
    pub n_tokens: Option<u64>,
    /// The budget in passes over the training split.
    pub n_epochs: Option<f64>,
    /// Train on whole tunes up to this many tokens only; validation and test stay whole.
    pub train_subset: Option<usize>,
    /// Highest learning rate of the Transformers.
    pub transformer_learning_rate: LearningRate,
    /// Highest learning rate of the LSTMs.
    pub lstm_learning_rate: LearningRate,
    /// The last step's share of the highest learning rate.
    pub final_rate_share: Option<f64>,
    /// Share of the steps that warm up.
    pub warmup_fraction: Option<f64>,
    /// The last share of the steps, in which a constant rate falls linearly; left out: a cosine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cool_down: Option<f64>,
    /// Decoupled weight decay of matrices.
    pub weight_decay: Option<f64>,
    /// AdamW's memory of gradients.
    pub beta1: Option<f64>,
    /// AdamW's memory of their squares.
    pub beta2: Option<f64>,
    /// Largest global gradient norm; 0 switches clipping off.
    pub grad_clip: Option<f64>,
    /// Share of activations that each step drops.
    pub dropout: Option<f64>,
    /// Full-split validations along each run, the last one at its end.
    pub n_evals: usize,
    /// Ends a run after so many validations without a new best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
}

/// The longer training of the largest models: of all runs, the one with the lowest validation loss is the study's best model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Token budget of each run; or `n_epochs`.
    pub n_tokens: Option<u64>,
    /// The budget in passes over the training split.
    pub n_epochs: Option<f64>,
    /// Those whose largest model is trained for longer. Where one is left out, the best model is only the best of what was tried.
    #[serde(default = "both_families")]
    pub families: Vec<Family>,
}

fn both_families() -> Vec<Family> {
    vec![Family::Transformer, Family::Lstm]
}

/// The same training from other seeds, to see how much a loss owes to chance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeats {
    /// Trainings of each of these sizes, the ladder's own included; 1 is no repeat.
    pub n_seeds: usize,
    /// So many of the smallest sizes of each family are repeated.
    pub n_sizes: usize,
}

impl Default for Repeats {
    fn default() -> Repeats {
        Repeats { n_seeds: 1, n_sizes: 0 }
    }
}

/// Trainings of Transformers at equal cost, for IsoFLOP profiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IsoFlopBudgets {
    /// The Transformers of these trainings: the best size at a small cost may be smaller than any of the study's own.
    pub transformer: Vec<TransformerSize>,
    /// FLOPs of a whole training, one profile each.
    pub flops: Vec<f64>,
    /// Sizes that would see less than this share of the training text, or more than `max_epochs` of it, are left out.
    pub min_epochs: f64,
    /// See `min_epochs`.
    pub max_epochs: f64,
}

/// What every model is asked to write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// Tunes of each model, so many from nothing and so many from a header.
    pub n_samples: usize,
    /// A tune that does not end before is cut there.
    pub max_tokens: usize,
}

impl Preset {
    /// A built-in preset by name, or the one in a TOML file; returns the study's name with it. A relative path in the file is taken
    /// from the file's folder.
    ///
    /// # Errors
    /// There is no such preset, or it is not valid: the sentence names the line or the field.
    pub fn load(argument: &str) -> Result<(String, Preset)> {
        if let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == argument) {
            return Ok(((*name).to_owned(), Preset::parse(text, argument)?));
        }
        let path = Path::new(argument);
        if path.extension().is_none_or(|extension| extension != "toml") {
            let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            return Err(Error::Config(format!(
                "there is no preset {argument:?}: choose one of {}, or name a .toml file",
                names.join(", ")
            )));
        }
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if BUILT_IN.iter().any(|(built_in, _)| *built_in == name) {
            return Err(Error::Config(format!(
                "{argument} has the name of a built-in preset: rename it, or it would write over that study's results"
            )));
        }
        let mut preset = Preset::parse(&read_text(path)?, argument)?;
        let file = absolute(path).map_err(Error::file("find", path))?;
        preset.corpus = preset.corpus.relative_to(file.parent().unwrap_or(Path::new("/")));
        Ok((name, preset))
    }

    pub(super) fn parse(text: &str, origin: &str) -> Result<Preset> {
        let preset: Result<Preset, String> = toml::from_str(text).map_err(|error| in_words(&error, text));
        preset
            .and_then(|preset| preset.check().and_then(|()| preset.check_sweep()).map(|()| preset))
            .map_err(|what| Error::Config(format!("the preset {origin} is not valid: {what}")))
    }

    /// What is wrong, in words.
    pub(super) fn check(&self) -> Result<(), String> {
        self.training.check()?;
        budget_given(self.best.n_tokens, self.best.n_epochs, "best")?;
        let isoflop = self.isoflop.as_ref();
        let empty = [
            (self.transformer.is_empty(), "transformer lists no size"),
            (self.lstm.is_empty(), "lstm lists no size"),
            (self.best.families.is_empty(), "best.families names no family; name transformer, lstm or both"),
            (
                self.shorter.iter().any(|share| !(*share > 0.0 && *share < 1.0)),
                "shorter lists shares above 0 and below 1",
            ),
            (self.generation.n_samples == 0, "generation.n_samples must be above 0"),
            (self.generation.max_tokens == 0, "generation.max_tokens must be above 0"),
            (isoflop.is_some_and(|budgets| budgets.transformer.is_empty()), "isoflop.transformer lists no size"),
            (isoflop.is_some_and(|budgets| budgets.flops.is_empty()), "isoflop.flops lists no budget"),
        ];
        if let Some((_, what)) = empty.iter().find(|(is_empty, _)| *is_empty) {
            return Err((*what).to_owned());
        }
        let tokenizer = Tokenizer::from_text("\n").map_err(|error| error.to_string())?;
        let any_data = TokenData { dir: "".into(), tokenizer, train: vec![], val: vec![], test: vec![] };
        let mut names = BTreeSet::new();
        let of_isoflop = isoflop.map_or(&[][..], |budgets| &budgets.transformer);
        let isoflop_sizes = of_isoflop.iter().map(|size| size.size(VOCAB_SIZE, self.training.block_size));
        for size in Family::ALL.into_iter().flat_map(|family| self.ladder(family, VOCAB_SIZE)).chain(isoflop_sizes) {
            let config = self.run_config(RunConfig::new("", &size.model, &any_data, 0), &size, 0);
            config.validate().map_err(|error| error.to_string())?;
            if !names.insert(size.name.clone()) {
                return Err(format!("two sizes are named {}", size.name));
            }
        }
        Ok(())
    }

    /// The models of one family over a vocabulary, smallest first.
    pub fn ladder(&self, family: Family, vocab_size: usize) -> Vec<Size> {
        let mut sizes: Vec<Size> = match family {
            Family::Transformer => {
                self.transformer.iter().map(|size| size.size(vocab_size, self.training.block_size)).collect()
            }
            Family::Lstm => self.lstm.iter().map(|size| size.size(vocab_size)).collect(),
        };
        sizes.sort_by_key(|size| size.model.n_params());
        sizes
    }

    /// Changes with everything that the preset says; where the corpus lies is not among it.
    pub fn hash(&self) -> String {
        let said = Preset { corpus: self.corpus.without_path(), ..self.clone() };
        let text = serde_json::to_string(&said).unwrap_or_default(); // plain fields: cannot fail
        format!("{:x}", Sha256::digest(text))
    }

    /// `config`, which names the data, with this size and everything that the preset says about its training.
    pub(super) fn run_config(&self, config: RunConfig, size: &Size, n_tokens: u64) -> RunConfig {
        let training = &self.training;
        let peak = match &size.model {
            ModelConfig::Transformer(config) => training.transformer_learning_rate.at(config.d_model),
            ModelConfig::Lstm(config) => training.lstm_learning_rate.at(config.d_hidden),
        };
        let final_share = training.final_rate_share.unwrap_or(config.min_learning_rate / config.learning_rate);
        let config = RunConfig {
            name: size.name.clone(),
            model: size.model.clone(),
            block_size: training.block_size,
            batch_size: training.batch_size,
            micro_batch: training.micro_batch,
            allow_tf32: training.allow_tf32,
            warmup_fraction: training.warmup_fraction.unwrap_or(config.warmup_fraction),
            decay: training.cool_down.map_or(config.decay, |share| Decay::CoolDown { share }),
            weight_decay: training.weight_decay.unwrap_or(config.weight_decay),
            beta1: training.beta1.unwrap_or(config.beta1),
            beta2: training.beta2.unwrap_or(config.beta2),
            grad_clip: training.grad_clip.unwrap_or(config.grad_clip),
            dropout: training.dropout.unwrap_or(config.dropout),
            n_tokens,
            n_evals: training.n_evals,
            patience: training.patience,
            seed: self.seed,
            ..config
        };
        config.with_rates(peak, final_share)
    }
}

/// What TOML's reader says, with its line and without Rust's words.
fn in_words(error: &toml::de::Error, text: &str) -> String {
    let words = [
        ("invalid type: ", ""),
        ("invalid value: ", ""),
        ("floating point `", "the number `"),
        ("integer `", "the number `"),
        ("string \"", "the text \""),
        ("boolean `", "`"),
        ("expected usize", "expected a whole number"),
        ("expected u64", "expected a whole number"),
        ("expected f64", "expected a number"),
        ("expected a sequence", "expected a list in [ ]"),
        ("expected struct ", "expected a section with the fields of "),
        ("missing field", "there is no"),
    ];
    let message = words.iter().fold(error.message().to_owned(), |text, (rust, plain)| text.replace(rust, plain));
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) if !before.is_empty() => format!("line {}: {message}", 1 + before.matches('\n').count()),
        _ => message,
    }
}

impl Training {
    fn check(&self) -> Result<(), String> {
        budget_given(self.n_tokens, self.n_epochs, "training")?;
        let wrong = [
            (self.block_size == 0, "block_size"),
            (self.batch_size == 0, "batch_size"),
            (self.n_evals == 0, "n_evals"),
            (!self.transformer_learning_rate.is_valid(), "transformer_learning_rate"),
            (!self.lstm_learning_rate.is_valid(), "lstm_learning_rate"),
        ];
        if let Some((_, field)) = wrong.iter().find(|(is_wrong, _)| *is_wrong) {
            return Err(format!("training.{field} must be above 0"));
        }
        Ok(())
    }

    /// Tokens that one run sees.
    pub fn budget(&self, n_train_tokens: usize) -> u64 {
        budget(self.n_tokens, self.n_epochs, n_train_tokens)
    }
}

impl Best {
    /// Tokens that the longer run sees.
    pub fn budget(&self, n_train_tokens: usize) -> u64 {
        budget(self.n_tokens, self.n_epochs, n_train_tokens)
    }
}

fn budget(n_tokens: Option<u64>, n_epochs: Option<f64>, n_train_tokens: usize) -> u64 {
    n_tokens.unwrap_or_else(|| (n_epochs.unwrap_or(1.0) * n_train_tokens as f64) as u64)
}

fn budget_given(n_tokens: Option<u64>, n_epochs: Option<f64>, section: &str) -> Result<(), String> {
    let given = match (n_tokens, n_epochs) {
        (Some(n_tokens), None) => n_tokens > 0,
        (None, Some(n_epochs)) => n_epochs > 0.0 && n_epochs.is_finite(),
        _ => false,
    };
    if given { Ok(()) } else { Err(format!("{section} needs n_tokens or n_epochs (one of them, above 0)")) }
}

impl std::fmt::Display for Training {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_budget(f, self.n_tokens, self.n_epochs)
    }
}

impl std::fmt::Display for Best {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_budget(f, self.n_tokens, self.n_epochs)?;
        let families: Vec<String> = self.families.iter().map(Family::to_string).collect();
        write!(f, " for the largest {}", families.join(" and "))
    }
}

fn write_budget(f: &mut std::fmt::Formatter<'_>, n_tokens: Option<u64>, n_epochs: Option<f64>) -> std::fmt::Result {
    match n_tokens {
        Some(n_tokens) => write!(f, "{n_tokens} tokens"),
        None if n_epochs == Some(1.0) => write!(f, "one epoch"),
        None => write!(f, "{} epochs", n_epochs.unwrap_or(1.0)),
    }
}

#[cfg(test)]
mod tests;
