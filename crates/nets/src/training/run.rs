//! A run and its record: the config, the metrics, the summary, and the models it left.

use super::checkpoint::{check_vocabulary, saved_models};
use super::metrics::read_metrics;
use super::{Metric, RunConfig, SavedModel, device};
use crate::files::read_json;
use crate::models::Model;
use crate::words::{duration, human};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// A training that is finished, or that was stopped before its end (then `summary.finished` is false).
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What was trained, and how.
    pub config: RunConfig,
    /// The folder `runs/<name>/`.
    pub dir: PathBuf,
    /// The lines of `metrics.jsonl`.
    pub metrics: Vec<Metric>,
    /// The numbers that a study takes.
    pub summary: Summary,
}

/// The numbers that a study takes from a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// All parameters; a tied head counts once.
    pub n_params: usize,
    /// Without token and position tables.
    pub n_params_non_embedding: usize,
    /// Tokens trained on.
    pub n_tokens: u64,
    /// Optimiser steps taken.
    pub n_steps: usize,
    /// Training cost so far, floating-point operations.
    pub flops: f64,
    /// The last full-split validation, nats per token; at the end for a finished run. Infinite where there was none yet.
    pub val_loss: f64,
    /// The lowest full-split validation; infinite where there was none yet.
    pub best_val_loss: f64,
    /// The step after which it was the lowest.
    pub best_step: usize,
    /// All calls together, validation and saving included.
    pub elapsed_s: f64,
    /// Training speed, validation and saving not counted.
    pub tokens_per_s: f64,
    /// The most memory that the run added to what the process held before it, MB; 0 where not known.
    pub peak_rss_mb: f64,
    /// It was trained to its last step, or to where its patience ended; else it was stopped, and the next call goes on.
    pub finished: bool,
    /// What it ran on, in words.
    pub device: String,
}

impl Run {
    /// Reads a finished run from its folder.
    pub(super) fn load(dir: &Path) -> Result<Run> {
        let config = read_config(dir)?;
        let summary = read_json(dir.join("summary.json"), "remove it to train on")?;
        Ok(Run { config, dir: dir.to_path_buf(), metrics: read_metrics(&dir.join("metrics.jsonl"))?, summary })
    }

    /// The model with the lowest full-split validation loss.
    ///
    /// # Errors
    /// There is no such model yet, or its file is damaged.
    pub fn best_model(&self) -> Result<Model> {
        self.model(&self.dir.join("best.safetensors"))
    }

    /// The model after the last step.
    ///
    /// # Errors
    /// There is no such model yet, or its file is damaged.
    pub fn last_model(&self) -> Result<Model> {
        self.model(&self.dir.join("last.safetensors"))
    }

    /// The models kept along the way, in order of their steps.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn checkpoints(&self) -> Result<Vec<SavedModel>> {
        saved_models(&self.dir, self.config.tokens_per_step())
    }

    /// The model of one checkpoint.
    ///
    /// # Errors
    /// The file is gone or damaged.
    pub fn model_at(&self, saved: &SavedModel) -> Result<Model> {
        self.model(&saved.path)
    }

    /// (tokens trained on, validation loss) at each validation.
    pub fn val_curve(&self) -> Vec<(f64, f64)> {
        self.metrics.iter().filter_map(|metric| Some((metric.tokens as f64, metric.val_loss?))).collect()
    }

    /// (tokens trained on, training loss) at each metrics line.
    pub fn train_curve(&self) -> Vec<(f64, f64)> {
        self.metrics.iter().map(|metric| (metric.tokens as f64, metric.train_loss)).collect()
    }

    /// Refuses data with another vocabulary than this run was trained with; the error names both hashes.
    ///
    /// # Errors
    /// The hashes differ.
    pub fn check_vocabulary(&self, vocab_hash: &str) -> Result<()> {
        check_vocabulary(&self.dir.display().to_string(), &self.config.vocab_hash, vocab_hash)
    }

    fn model(&self, path: &Path) -> Result<Model> {
        if !path.exists() {
            let state = if self.summary.finished { "is finished" } else { "was stopped early" };
            return Err(Error::Checkpoint(format!(
                "there is no {}, although the run {state}; train it on, or remove its folder to train it again",
                path.display()
            )));
        }
        Model::load(&self.config.model, path, &device()?).map_err(|error| {
            Error::Checkpoint(format!(
                "{} cannot be loaded ({error}); remove the run's folder to train it again",
                path.display()
            ))
        })
    }
}

/// The config that a run folder was made for.
pub(super) fn read_config(dir: &Path) -> Result<RunConfig> {
    read_json(dir.join("config.json"), "move the run's folder away to train it again")
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = &self.summary;
        let (n_params, n_tokens) = (human(summary.n_params as f64), human(summary.n_tokens as f64));
        write!(f, "{}: {n_params} parameters, {n_tokens} tokens, ", self.config.name)?;
        if summary.val_loss.is_finite() {
            write!(f, "val_loss {:.4} nats per token (best {:.4}), ", summary.val_loss, summary.best_val_loss)?;
        } else {
            write!(f, "not validated yet, ")?;
        }
        let state = match (summary.finished, summary.n_steps < self.config.n_steps()) {
            (true, true) => " (its patience ended)",
            (true, false) => "",
            (false, _) => " (stopped early)",
        };
        write!(f, "{}{state}", duration(summary.elapsed_s))
    }
}
