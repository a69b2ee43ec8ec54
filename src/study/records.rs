//! `runs.jsonl`: a compact record of each run, enough to compute every fit again without the run's folder.

use super::Study;
use crate::files::{read_text, write_atomic};
use crate::fitting::Point;
use crate::training::{Run, RunConfig, Summary};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a report needs of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// What was trained and how.
    pub config: RunConfig,
    /// What came of it.
    pub summary: Summary,
    /// (tokens trained on, nats per token) at each validation.
    pub val_curve: Vec<(f64, f64)>,
}

impl From<&Run> for RunRecord {
    fn from(run: &Run) -> RunRecord {
        RunRecord { config: run.config.clone(), summary: run.summary.clone(), val_curve: run.val_curve() }
    }
}

impl RunRecord {
    /// As `results.json` names a run: with its loss over the validation split at the end, nats per token.
    pub fn name_and_loss(&self) -> (String, f64) {
        (self.config.name.clone(), self.summary.val_loss)
    }
}

/// What stands below a loss: on the x axis of a law or of a cost figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// All parameters.
    Params,
    /// Those of the matrices: no token and position tables.
    ParamsWithoutTables,
    /// Of the whole training, head and attention counted ([`crate::models::ModelConfig::flops_per_token`]).
    Flops,
    /// Of the whole training, validation included, on the machine that it ran on.
    Seconds,
    /// Peak resident memory.
    Megabytes,
}

impl Axis {
    /// The value of a run.
    pub fn of(self, run: &RunRecord) -> f64 {
        let summary = &run.summary;
        match self {
            Axis::Params => summary.n_params as f64,
            Axis::ParamsWithoutTables => summary.n_params_non_embedding as f64,
            Axis::Flops => summary.flops,
            Axis::Seconds => summary.elapsed_s,
            Axis::Megabytes => summary.peak_rss_mb,
        }
    }

    /// For a figure's axis.
    pub fn label(self) -> &'static str {
        match self {
            Axis::Params => "Parameters",
            Axis::ParamsWithoutTables => "Parameters without token and position tables",
            Axis::Flops => "Training cost (FLOPs)",
            Axis::Seconds => "Training time (seconds, this machine)",
            Axis::Megabytes => "Peak memory (MB)",
        }
    }
}

/// How C = 6·N·D is counted: which N, and whether attention is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counting {
    /// N holds the token and position tables.
    pub tables: bool,
    /// C holds 6·n_layer·d_model·(T + 1) FLOPs a token for attention.
    pub attention: bool,
}

impl Counting {
    /// Every way.
    pub const ALL: [Counting; 4] = [
        Counting { tables: true, attention: false },
        Counting { tables: true, attention: true },
        Counting { tables: false, attention: false }, // Kaplan et al. 2020
        Counting { tables: false, attention: true },
    ];

    /// N.
    pub fn n_params(self, config: &RunConfig) -> f64 {
        (if self.tables { config.model.n_params() } else { config.model.n_params_non_embedding() }) as f64
    }

    /// Of the training up to `n_tokens` tokens.
    pub fn flops(self, config: &RunConfig, n_tokens: f64) -> f64 {
        let attention = if self.attention { config.model.attention_flops_per_token(config.block_size) } else { 0.0 };
        (6.0 * self.n_params(config) + attention) * n_tokens
    }

    /// The end of the run.
    pub fn point(self, run: &RunRecord) -> Point {
        let n_tokens = run.summary.n_tokens as f64;
        let (n_params, flops) = (self.n_params(&run.config), self.flops(&run.config, n_tokens));
        Point::new(n_params, run.summary.val_loss).with_tokens(n_tokens).with_flops(flops)
    }
}

impl std::fmt::Display for Counting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n = if self.tables { "N total" } else { "N without tables" };
        f.pad(&format!("{n}, 6·N·D{}", if self.attention { " + attention" } else { "" }))
    }
}

/// One point a run.
pub fn points(runs: &[RunRecord], axis: Axis) -> Vec<Point> {
    runs.iter().map(|run| Point::new(axis.of(run), run.summary.val_loss)).collect()
}

/// The smallest and the largest.
pub(super) fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |ends, value| (ends.0.min(value), ends.1.max(value)))
}

/// The lines of a `runs.jsonl`; no file is no runs.
///
/// # Errors
/// The file cannot be read, or a line is no record: the sentence names it.
pub fn read_records(path: &Path) -> Result<Vec<RunRecord>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let parse = |(index, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| {
            Error::Checkpoint(format!(
                "{}, line {}, is not the record of a run ({error}): delete the line, and the study writes it again",
                path.display(),
                index + 1
            ))
        })
    };
    let text = read_text(path)?;
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(parse).collect()
}

impl Study {
    /// The records of this study's runs.
    ///
    /// # Errors
    /// As [`read_records`].
    pub fn run_records(&self) -> Result<Vec<RunRecord>> {
        read_records(&self.results_folder().join("runs.jsonl"))
    }

    /// Adds the run's record to `runs.jsonl` if it is finished, replacing that of the same name.
    pub(super) fn record_into(&self, file: &str, run: &Run) -> Result<()> {
        let _alone = self.lock_results()?;
        let path = self.results_folder().join(file);
        let mut records = read_records(&path)?;
        if run.summary.finished {
            records.retain(|record| record.config.name != run.config.name);
            records.push(run.into());
        }
        // By way of a Value the fields stand in alphabetical order, so that a record that did not change is the same line.
        let lines = records.iter().map(|record| serde_json::to_value(record).map(|value| format!("{value}\n")));
        let lines: String = lines.collect::<serde_json::Result<_>>().map_err(|error| {
            Error::Config(format!("the record of {} cannot be written as JSON: {error}", run.config.name))
        })?;
        Ok(write_atomic(path, lines)?)
    }
}
