//! A preset is data, not code: a TOML file. Five are built in; a user adds one and names its path.

use crate::data::{CorpusConfig, TokenData};
use crate::files::read_text;
use crate::models::{Family, ModelConfig, Size};
use crate::training::RunConfig;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;

const BUILT_IN: [(&str, &str); 5] = [
    ("smoke", include_str!("smoke.toml")),
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
    pub seed: u64,
    /// Names of ladders in [`crate::models::ladder`].
    pub transformer_ladder: String,
    pub lstm_ladder: String,
    #[serde(default)]
    pub corpus: CorpusConfig,
    pub training: Training,
    pub best: Best,
    pub generation: Generation,
    #[serde(default)]
    pub repeats: Repeats,
    pub isoflop: Option<IsoFlopBudgets>,
}

/// How every model of the ladders is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    pub block_size: usize,
    pub batch_size: usize,
    /// Token budget of each run; or `n_epochs` over the training split.
    pub n_tokens: Option<u64>,
    pub n_epochs: Option<f64>,
    /// Train on whole tunes up to this many tokens only; validation and test stay whole.
    pub train_subset: Option<usize>,
    pub transformer_learning_rate: LearningRate,
    pub lstm_learning_rate: LearningRate,
    #[serde(default)]
    pub dropout: f64,
    /// Full-split validations along each run, the last one at its end.
    pub n_evals: usize,
}

/// The peak of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearningRate {
    pub peak: f64,
    /// Where set, `peak` holds at this width (d_model or d_hidden) and falls as 1 / width: wider matrices add up more terms, so
    /// that they need smaller steps (Yang et al. 2022). Where not, every size has the same peak.
    pub at_width: Option<usize>,
}

/// The longer training of the largest models: of all runs, the one with the lowest validation loss is the study's best model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    pub n_tokens: Option<u64>,
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
    /// A ladder for these trainings: the best size at a small cost may be smaller than any of the study's own.
    pub ladder: String,
    /// FLOPs of a whole training, one profile each.
    pub flops: Vec<f64>,
    /// Sizes that would see less than this share of the training text, or more than `max_epochs` of it, are left out.
    pub min_epochs: f64,
    pub max_epochs: f64,
}

/// What the best model is asked to write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    pub n_samples: usize,
    /// A tune that does not end before is cut there.
    pub max_tokens: usize,
}

impl Preset {
    /// A built-in preset by name, or the one in a TOML file; returns the study's name with it.
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
        Ok((name, Preset::parse(&read_text(path)?, argument)?))
    }

    fn parse(text: &str, origin: &str) -> Result<Preset> {
        let preset: Preset = toml::from_str(text)
            .map_err(|error| Error::Config(format!("the preset {origin} is not valid: {error}")))?;
        preset.training.check(origin)?;
        budget_given(preset.best.n_tokens, preset.best.n_epochs, origin, "best")?;
        if preset.best.families.is_empty() {
            return Err(Error::Config(format!(
                "the preset {origin} is not valid: best.families names no family; name transformer, lstm or both"
            )));
        }
        Ok(preset)
    }

    pub fn hash(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("{:x}", Sha256::digest(text))
    }

    /// The full description of one training.
    pub fn run_config(&self, size: &Size, data: &TokenData, name: String, n_tokens: u64) -> RunConfig {
        let training = &self.training;
        let learning_rate = match &size.model {
            ModelConfig::Transformer(config) => training.transformer_learning_rate.at(config.d_model),
            ModelConfig::Lstm(config) => training.lstm_learning_rate.at(config.d_hidden),
        };
        RunConfig {
            name,
            corpus: data.dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            data_hash: data.hash(),
            vocab_hash: data.tokenizer.hash(),
            model: size.model.clone(),
            block_size: training.block_size,
            batch_size: training.batch_size,
            learning_rate,
            min_learning_rate: learning_rate / 10.0, // nanoGPT's choice
            warmup_fraction: 0.05,
            weight_decay: 0.1,
            beta1: 0.9,
            beta2: 0.99, // nanoGPT's for small batches of characters
            grad_clip: 1.0,
            dropout: training.dropout,
            n_tokens,
            n_evals: training.n_evals,
            n_checkpoints: 10,
            seed: self.seed,
        }
    }
}

impl Training {
    fn check(&self, origin: &str) -> Result<()> {
        budget_given(self.n_tokens, self.n_epochs, origin, "training")?;
        let wrong = [
            (self.block_size == 0, "block_size"),
            (self.batch_size == 0, "batch_size"),
            (self.n_evals == 0, "n_evals"),
            (!self.transformer_learning_rate.is_valid(), "transformer_learning_rate"),
            (!self.lstm_learning_rate.is_valid(), "lstm_learning_rate"),
        ];
        match wrong.iter().find(|(is_wrong, _)| *is_wrong) {
            Some((_, field)) => {
                Err(Error::Config(format!("the preset {origin} is not valid: training.{field} must be above 0")))
            }
            None if !(0.0..1.0).contains(&self.dropout) => Err(Error::Config(format!(
                "the preset {origin} is not valid: training.dropout must be at least 0 and below 1"
            ))),
            None => Ok(()),
        }
    }

    /// Tokens that one run sees.
    pub fn budget(&self, n_train_tokens: usize) -> u64 {
        budget(self.n_tokens, self.n_epochs, n_train_tokens)
    }
}

impl LearningRate {
    /// The peak for a model of this width.
    pub fn at(&self, width: usize) -> f64 {
        self.peak * self.at_width.map_or(1.0, |at_width| at_width as f64 / width as f64)
    }

    fn is_valid(&self) -> bool {
        self.peak > 0.0 && self.peak.is_finite() && self.at_width != Some(0)
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

fn budget_given(n_tokens: Option<u64>, n_epochs: Option<f64>, origin: &str, section: &str) -> Result<()> {
    let given = match (n_tokens, n_epochs) {
        (Some(n_tokens), None) => n_tokens > 0,
        (None, Some(n_epochs)) => n_epochs > 0.0 && n_epochs.is_finite(),
        _ => false,
    };
    if given {
        return Ok(());
    }
    Err(Error::Config(format!(
        "the preset {origin} is not valid: {section} needs n_tokens or n_epochs (one of them, above 0)"
    )))
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
mod tests {
    use super::*;

    #[test]
    fn every_built_in_preset_is_valid() {
        for (name, text) in BUILT_IN {
            Preset::parse(text, name).unwrap();
        }
    }

    #[test]
    fn an_unknown_preset_is_answered_with_the_names() {
        let error = Preset::load("latop").unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no preset \"latop\": choose one of smoke, laptop, course, full, composed, or name a .toml file"
        );
    }

    #[test]
    fn a_misspelt_field_is_named() {
        let text = BUILT_IN[0].1.replace("n_evals", "n_evaluations");
        let error = Preset::parse(&text, "mine.toml").unwrap_err().to_string();
        assert!(error.contains("mine.toml") && error.contains("n_evaluations"), "{error}");
    }

    #[test]
    fn the_learning_rate_falls_with_the_width_where_the_preset_says_so() {
        let rate = LearningRate { peak: 2e-3, at_width: Some(128) };
        assert_eq!((rate.at(128), rate.at(64)), (2e-3, 4e-3));
        assert_eq!(LearningRate { at_width: None, ..rate }.at(64), 2e-3);
    }

    #[test]
    fn both_families_are_trained_for_longer_unless_the_preset_names_one() {
        let smoke = |best: &str| Preset::parse(&BUILT_IN[0].1.replace("[best]", best), "mine.toml");
        assert_eq!(smoke("[best]").unwrap().best.to_string(), "180000 tokens for the largest Transformer and LSTM");
        assert_eq!(smoke("[best]\nfamilies = [\"lstm\"]").unwrap().best.families, [Family::Lstm]);
        let error = smoke("[best]\nfamilies = []").unwrap_err().to_string();
        assert!(error.contains("best.families names no family"), "{error}");
    }

    #[test]
    fn a_budget_is_needed() {
        let text = BUILT_IN[0].1.replace("n_tokens = 60_000\n", "");
        let error = Preset::parse(&text, "mine.toml").unwrap_err().to_string();
        assert!(error.contains("training needs n_tokens or n_epochs"), "{error}");
    }
}
