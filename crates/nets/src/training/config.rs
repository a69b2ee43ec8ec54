//! Everything that decides how a run goes, and the numbers that follow from it.

use super::{Decay, Origin, Schedule};
use crate::models::ModelConfig;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// One training, completely described. Two runs with equal [`RunConfig::hash`] are the same run.
///
/// ```text
/// tokens_per_step = batch_size · block_size
/// n_steps         = ⌊n_tokens / tokens_per_step⌋, at least 1
/// flops           = n_steps · tokens_per_step · flops_per_token(block_size)
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// The folder under `runs/`; not part of the hash.
    pub name: String,
    /// The corpus by name, for people; not part of the hash: `data_hash` is what counts.
    pub corpus: String,
    /// Hash of the tokens trained on ([`crate::TokenData::hash`]).
    pub data_hash: String,
    /// Hash of the vocabulary ([`crate::Tokenizer::hash`]).
    pub vocab_hash: String,
    /// What is trained.
    pub model: ModelConfig,
    /// Context length, tokens.
    pub block_size: usize,
    /// Sequences per step.
    pub batch_size: usize,
    /// Sequences whose activations are in memory at once, where that is fewer: their gradients are added up to those of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_batch: Option<usize>,
    /// Whether a GPU may round the operands of its matrix products to TF32 (10 bits of mantissa, with sums in f32): several times as fast.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_tf32: bool,
    /// The highest learning rate, reached at the end of the warm-up.
    pub learning_rate: f64,
    /// The learning rate of the last step.
    pub min_learning_rate: f64,
    /// Share of this run's steps that warm up, 0 to 1.
    pub warmup_fraction: f64,
    /// How the rate falls after that.
    #[serde(default, skip_serializing_if = "Decay::is_cosine")]
    pub decay: Decay,
    /// Decoupled weight decay of matrices (biases and norms have none).
    pub weight_decay: f64,
    /// AdamW's memory of gradients.
    pub beta1: f64,
    /// AdamW's memory of their squares.
    pub beta2: f64,
    /// Largest global gradient norm; 0 switches clipping off.
    pub grad_clip: f64,
    /// Share of activations that each step drops.
    pub dropout: f64,
    /// Training budget, tokens; may be several epochs.
    pub n_tokens: u64,
    /// Full-split validations, evenly spaced, the last one at the end.
    pub n_evals: usize,
    /// Ends the run after so many validations without a new best, before its rate has fallen to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Models kept along the way, evenly spaced.
    pub n_checkpoints: usize,
    /// Decides first weights, data order and dropout.
    pub seed: u64,
    /// The first weights, where they are not drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

impl RunConfig {
    /// This project's defaults, the only place where they stand: context 256, batch 16, learning rate 1e-3 falling to a tenth after
    /// a warm-up over 5 % of the steps, AdamW(.9, .99; nanoGPT's for small batches of characters), decay .1, clipping at 1, no
    /// dropout, ten validations and ten checkpoints. Change fields after.
    pub fn new(name: &str, model: &ModelConfig, data: &crate::TokenData, n_tokens: u64) -> Self {
        RunConfig {
            name: name.to_string(),
            corpus: data.dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            data_hash: data.hash(),
            vocab_hash: data.tokenizer.hash(),
            model: model.clone(),
            block_size: 256,
            batch_size: 16,
            micro_batch: None,
            allow_tf32: false,
            learning_rate: 1e-3,
            min_learning_rate: 1e-4,
            warmup_fraction: 0.05,
            decay: Decay::Cosine,
            weight_decay: 0.1,
            beta1: 0.9,
            beta2: 0.99,
            grad_clip: 1.0,
            dropout: 0.0,
            n_tokens,
            n_evals: 10,
            patience: None,
            n_checkpoints: 10,
            seed: 1337,
            origin: None,
        }
    }

    /// The same with another schedule: the highest learning rate, and which share of it the last step has (nanoGPT: a tenth).
    pub fn with_rates(self, peak: f64, final_share: f64) -> Self {
        RunConfig { learning_rate: peak, min_learning_rate: peak / (1.0 / final_share), ..self } // a tenth is peak / 10 to the bit
    }

    /// The same for another budget, with as many steps of warm-up. Where both rates are constant and cool down, the longer run
    /// begins where the shorter one's cool-down began ([`crate::training::Runs::get_or_train`]).
    pub fn for_budget(self, n_tokens: u64) -> Self {
        let warmup_steps = self.warmup_fraction * self.n_steps() as f64;
        let config = RunConfig { n_tokens, ..self };
        RunConfig { warmup_fraction: warmup_steps / config.n_steps() as f64, ..config }
    }

    /// What decides the steps before the cool-down: where it is equal, the runs are equal up to there. None for a cosine, all of
    /// which depends on its end.
    pub(super) fn trunk_hash(&self) -> Option<String> {
        let schedule = Schedule::new(self);
        let trunk = RunConfig {
            n_tokens: 0,
            min_learning_rate: 0.0,
            warmup_fraction: schedule.warmup_steps as f64,
            decay: Decay::Cosine,
            n_evals: 0,
            patience: None,
            n_checkpoints: 0,
            ..self.clone()
        };
        schedule.cool_down_steps.map(|_| trunk.hash())
    }

    /// Sixteen hex digits over what the config says: its JSON, keys sorted, without names and paths. Floats count
    /// to twelve digits, so that a config that went through a file keeps its hash.
    pub fn hash(&self) -> String {
        let mut said = serde_json::to_value(self).unwrap_or_default(); // plain fields: cannot fail
        if let Some(fields) = said.as_object_mut() {
            fields.remove("name");
            fields.remove("corpus");
            fields.get_mut("origin").and_then(Value::as_object_mut).map(|origin| origin.remove("path"));
        }
        hex16(&Sha256::digest(canonical(&said)))
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
    ///
    /// # Errors
    /// A value is out of range, or two contradict each other.
    pub fn validate(&self) -> Result<()> {
        self.model.validate()?;
        match self.contradiction() {
            Some(what) => Err(Error::Config(format!("run {}: {what}", self.name))),
            None => Ok(()),
        }
    }

    fn contradiction(&self) -> Option<String> {
        let RunConfig { name, block_size, batch_size, learning_rate, min_learning_rate, .. } = self;
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
            return Some("this name cannot be a folder's; use letters, digits, - and _".to_string());
        }
        if *block_size == 0 || *batch_size == 0 {
            return Some(format!("block_size {block_size} and batch_size {batch_size} must both be at least 1"));
        }
        if self.patience == Some(0) {
            return Some("patience 0 would end the run before it began; it must be at least 1".to_string());
        }
        if let Some(micro_batch) = self.micro_batch.filter(|n| !(1..=*batch_size).contains(n)) {
            return Some(format!("micro_batch {micro_batch} must be at least 1 and at most batch_size {batch_size}"));
        }
        if let ModelConfig::Transformer(model) = &self.model
            && model.n_positions < *block_size
        {
            let n_positions = model.n_positions;
            return Some(format!(
                "block_size {block_size} is longer than the model's n_positions {n_positions}; lower the one or raise the other"
            ));
        }
        let shares = [
            ("warmup_fraction", self.warmup_fraction),
            ("dropout", self.dropout),
            ("beta1", self.beta1),
            ("beta2", self.beta2),
        ];
        if let Some((field, value)) = shares.iter().find(|(_, value)| !(0.0..1.0).contains(value)) {
            return Some(format!("{field} {value} must be at least 0 and below 1"));
        }
        let positive = [
            ("learning_rate", *learning_rate),
            ("min_learning_rate", *min_learning_rate),
            ("weight_decay", self.weight_decay),
            ("grad_clip", self.grad_clip),
        ];
        if let Some((field, value)) = positive.iter().find(|(_, value)| !(0.0..f64::INFINITY).contains(value)) {
            return Some(format!("{field} {value} must be a number from 0 up"));
        }
        if let Decay::CoolDown { share } = self.decay
            && !(share > 0.0 && share + self.warmup_fraction <= 1.0)
        {
            return Some(format!(
                "a cool-down over {share} of the steps must be above 0 and, with warmup_fraction {}, at most 1",
                self.warmup_fraction
            ));
        }
        (min_learning_rate > learning_rate).then(|| {
            format!(
                "min_learning_rate {min_learning_rate} is above learning_rate {learning_rate}; the schedule falls to it"
            )
        })
    }
}

/// JSON in one way: keys sorted, floats with twelve digits.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            let fields = sorted.iter().map(|(name, value)| format!("{name:?}:{}", canonical(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Number(number) if number.is_f64() => format!("{:.12e}", number.as_f64().unwrap_or_default()),
        other => other.to_string(),
    }
}

/// The first sixteen hex digits of a digest.
pub(super) fn hex16(digest: &[u8]) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::stand_in_tests::{config, lstm, transformer};
    use super::*;

    #[test]
    fn a_config_is_known_by_what_it_says_and_not_by_its_names() {
        let config = config("one", transformer());
        let renamed = RunConfig { name: "two".into(), corpus: "elsewhere/copy".into(), ..config.clone() };
        assert_eq!(config.hash(), renamed.hash());
        let text = serde_json::to_string(&config).unwrap();
        assert!(!text.contains("\"decay\""), "what says nothing new is written as before");
        assert_eq!(serde_json::from_str::<RunConfig>(&text).unwrap().hash(), config.hash());
        let others = [
            RunConfig { model: lstm(), ..config.clone() },
            RunConfig { beta2: 0.95, ..config.clone() },
            RunConfig { data_hash: "other".into(), ..config.clone() },
            RunConfig { seed: 1, ..config.clone() },
            RunConfig { decay: Decay::CoolDown { share: 0.2 }, ..config.clone() },
        ];
        assert!(others.iter().all(|other| other.hash() != config.hash()));
        // Pinned: runs that were trained before must be found again.
        assert_eq!(RunConfig { data_hash: "d".into(), vocab_hash: "v".into(), ..config }.hash(), "872b6f6ea7c2296c");
    }

    #[test]
    fn a_field_that_is_not_known_is_refused_by_name() {
        let text = serde_json::to_string(&config("one", transformer())).unwrap().replace("\"seed\"", "\"seeds\"");
        assert!(serde_json::from_str::<RunConfig>(&text).unwrap_err().to_string().contains("unknown field `seeds`"));
    }

    #[test]
    fn the_schedule_ends_at_a_share_of_its_peak() {
        let config = config("one", lstm());
        for peak in [1e-3, 3e-3, 7.77e-4, 0.0123] {
            assert_eq!(config.clone().with_rates(peak, 0.1).min_learning_rate, peak / 10.0);
        }
        assert_eq!(config.with_rates(1e-3, 0.0).min_learning_rate, 0.0);
    }
}
