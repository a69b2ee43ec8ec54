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

use super::SweepTable;
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

/// The peak of the schedule: a plain number, or `{ peak = 2e-3, at_width = 128 }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "PeakOrRule")]
pub struct LearningRate {
    /// Reached at the end of the warm-up.
    pub peak: f64,
    /// Where set, `peak` holds at this width (d_model or d_hidden) and falls as 1 / width^power: wider matrices add up more terms, so
    /// that they need smaller steps (Yang et al. 2022). Where not, every size has the same peak.
    pub at_width: Option<usize>,
    /// 1 where it is left out; `tune` shows what fits.
    #[serde(skip_serializing_if = "is_one")]
    pub power: f64,
}

fn is_one(power: &f64) -> bool {
    *power == 1.0
}

fn one() -> f64 {
    1.0
}

#[derive(Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a learning rate is a number, the peak, or { peak = 2e-3, at_width = 128 }"
)]
enum PeakOrRule {
    Peak(f64),
    Rule {
        peak: f64,
        at_width: Option<usize>,
        #[serde(default = "one")]
        power: f64,
    },
}

impl From<PeakOrRule> for LearningRate {
    fn from(given: PeakOrRule) -> LearningRate {
        match given {
            PeakOrRule::Peak(peak) => LearningRate { peak, at_width: None, power: one() },
            PeakOrRule::Rule { peak, at_width, power } => LearningRate { peak, at_width, power },
        }
    }
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

impl LearningRate {
    /// The peak for a model of this width.
    pub fn at(&self, width: usize) -> f64 {
        self.peak * self.at_width.map_or(1.0, |at_width| (at_width as f64 / width as f64).powf(self.power))
    }

    fn is_valid(&self) -> bool {
        self.peak > 0.0 && self.peak.is_finite() && self.at_width != Some(0) && self.power.is_finite()
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
mod tests {
    use super::*;

    #[test]
    fn every_built_in_preset_is_valid_and_has_the_sizes_of_a_built_in_ladder_of_its_name() {
        for (name, text) in BUILT_IN {
            let preset = Preset::parse(text, name).unwrap();
            for family in Family::ALL {
                let ours = preset.ladder(family, 75);
                let ladder = ours[0].name.rsplit_once('-').unwrap().0;
                if let Ok(built_in) = crate::models::ladder(ladder, 75, preset.training.block_size) {
                    assert_eq!(ours, built_in, "{name}");
                } else {
                    assert!(
                        ["laptop-", "lesson-"].iter().any(|own| ladder.starts_with(own)),
                        "{name} has a ladder of its own, {ladder}"
                    );
                }
            }
        }
    }

    /// What is said about the preset `smoke` with `old` changed to `new`.
    fn refusal(old: &str, new: &str) -> String {
        assert!(BUILT_IN[0].1.contains(old), "{old}");
        Preset::parse(&BUILT_IN[0].1.replace(old, new), "mine.toml").unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_valid_is_said_in_words_with_its_line() {
        let start = "the preset mine.toml is not valid: ";
        for (old, new, expected) in [
            (
                "n_evals = 4",
                "n_evaluations = 4",
                "line 27: unknown field `n_evaluations`, expected one of `block_size`",
            ),
            (
                "source = \"composed\"",
                "sauce = \"composed\"",
                "line 18: unknown field `sauce`, expected one of `source`",
            ),
            ("n_evals = 4", "n_evals = 0.5", "line 27: the number `0.5`, expected a whole number"),
            ("{ peak = 1e-2 }", "\"high\"", "line 26: a learning rate is a number, the peak, or { peak"),
            ("{ peak = 1e-2 }", "{ peek = 1e-2 }", "line 26: a learning rate is a number, the peak, or { peak"),
            ("n_samples = 20", "n_samples = 0", "generation.n_samples must be above 0"),
            (
                "n_evals = 4",
                "n_evals = 4\ngrad_clip = -1.0",
                "run smoke-transformer-tiny: grad_clip -1 must be a number from 0 up",
            ),
            ("n_tokens = 60_000\n", "", "training needs n_tokens or n_epochs"),
            ("\n[best]", "\n[best]\nfamilies = []", "best.families names no family"),
            ("n_head = 2, d_model = 12", "n_head = 5, d_model = 12", "d_model 12 is not divisible"),
            ("smoke-lstm-tiny", "smoke-lstm-small", "two sizes are named smoke-lstm-small"),
        ] {
            let error = refusal(old, new);
            assert!(error.starts_with(start) && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn sizes_of_the_other_family_are_refused() {
        let swapped = BUILT_IN[0].1.replace("lstm = [", "other = [").replace("transformer = [", "lstm = [");
        let error =
            Preset::parse(&swapped.replace("other = [", "transformer = ["), "mine.toml").unwrap_err().to_string();
        assert!(
            error.contains("line 4: unknown field `d_model`, expected one of `name`, `n_layer`, `d_embed`"),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_preset_is_answered_with_the_names() {
        let error = Preset::load("latop").unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no preset \"latop\": choose one of smoke, lesson, laptop, course, full, composed, or name a .toml file"
        );
    }

    #[test]
    fn a_relative_source_is_taken_from_the_file_and_is_not_in_the_hash() {
        let folder = tempfile::tempdir().unwrap();
        let load = |place: &str| {
            let file = folder.path().join(place).join("mine.toml");
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, BUILT_IN[0].1.replace("\"composed\"", "\"tunes\"")).unwrap();
            Preset::load(&file.to_string_lossy()).unwrap()
        };
        let ((name, here), (_, there)) = (load("here"), load("there"));
        assert_eq!((name.as_str(), Path::new(&here.corpus.source)), ("mine", &*folder.path().join("here/tunes")));
        assert_ne!(here.corpus.source, there.corpus.source);
        assert_eq!(here.hash(), there.hash());
    }

    #[test]
    fn every_constant_of_the_training_can_be_set() {
        let constants = "n_evals = 4\nfinal_rate_share = 0.5\nwarmup_fraction = 0.2\nweight_decay = 0.3\nbeta1 = 0.8\nbeta2 = 0.7\n\
                         grad_clip = 2.0\ndropout = 0.25\ncool_down = 0.3\npatience = 5\nmicro_batch = 2\nallow_tf32 = true";
        let text = BUILT_IN[0].1.replace("n_evals = 4", constants).replace("{ peak = 1e-2 }", "1e-2");
        let preset = Preset::parse(&text, "mine.toml").unwrap();
        let size = &preset.ladder(Family::Lstm, 75)[0];
        let tokenizer = crate::data::Tokenizer::from_text("ab\n").unwrap();
        let data = crate::data::TokenData { dir: "".into(), tokenizer, train: vec![], val: vec![], test: vec![] };
        let base = RunConfig::new("", &size.model, &data, 0);
        let set = preset.run_config(base.clone(), size, 9);
        assert_eq!((set.learning_rate, set.min_learning_rate, set.n_tokens), (1e-2, 5e-3, 9));
        assert_eq!((set.warmup_fraction, set.weight_decay, set.beta1), (0.2, 0.3, 0.8));
        assert_eq!((set.beta2, set.grad_clip, set.dropout), (0.7, 2.0, 0.25));
        assert_eq!((set.decay, set.patience, set.micro_batch), (Decay::CoolDown { share: 0.3 }, Some(5), Some(2)));
        assert!(set.allow_tf32);
        let default = Preset::parse(BUILT_IN[0].1, "smoke").unwrap().run_config(base.clone(), size, 9);
        assert_eq!((default.min_learning_rate, default.warmup_fraction), (1e-2 / 10.0, base.warmup_fraction));
    }

    #[test]
    fn the_learning_rate_falls_with_the_width_where_the_preset_says_so() {
        let rate = LearningRate { peak: 2e-3, at_width: Some(128), power: 1.0 };
        assert_eq!((rate.at(128), rate.at(64)), (2e-3, 4e-3));
        assert_eq!(LearningRate { at_width: None, ..rate }.at(64), 2e-3);
        assert_eq!(LearningRate { power: 0.5, ..rate }.at(32), 4e-3);
    }

    #[test]
    fn both_families_are_trained_for_longer_unless_the_preset_names_one() {
        let smoke = |best: &str| Preset::parse(&BUILT_IN[0].1.replace("[best]", best), "mine.toml");
        assert_eq!(smoke("[best]").unwrap().best.to_string(), "180000 tokens for the largest Transformer and LSTM");
        assert_eq!(smoke("[best]\nfamilies = [\"lstm\"]").unwrap().best.families, [Family::Lstm]);
    }
}
