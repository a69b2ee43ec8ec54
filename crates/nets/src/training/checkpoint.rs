//! Checkpoints: what a run needs to go on exactly, and the models kept along the way.
//!
//! ```text
//! state.safetensors     all that the next step follows from: weights p.<name>, AdamW's moments m.<name> v.<name>, and in the
//!                       header's metadata the state as JSON (step, sums, best, …)
//! trunk.safetensors     a further name of the state.safetensors at the end of a constant rate: longer runs begin there
//! last.safetensors      the model alone, written after it
//! best.safetensors, step_000561.safetensors     models: further names (links) of a last.safetensors
//! ```
//! Each file gets a temporary name, is synced, then renamed: whenever a process is killed, `state.safetensors` is whole, and what
//! else belongs to its step is written again by the process that goes on. Data order and dropout have no state of their own:
//! they follow from the seed and the step, which are here.

use super::{AdamW, RunConfig};
use crate::files::{read_bytes, replace, temporary_beside, write_atomic};
use crate::models::Model;
use crate::{Error, Result};
use candle_core::{Device, Tensor};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

const FORMAT: u32 = 2; // raise it when the meaning of a field changes
pub(super) const STATE: &str = "state.safetensors";
const LAST: &str = "last.safetensors";
pub(super) const TRUNK: &str = "trunk.safetensors";

/// A model kept on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedModel {
    /// Steps taken by then.
    pub step: usize,
    /// Tokens trained on by then.
    pub n_tokens: u64,
    /// Its safetensors file.
    pub path: PathBuf,
}

/// Where a run stands. Floats are written so that they come back bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub format: u32,
    pub config_hash: String,
    pub vocab_hash: String,
    /// The random state: with `step` it decides the data order and every dropout mask.
    pub seed: u64,
    /// Steps taken; the next batch is number `step`, counted from 0.
    pub step: usize,
    /// Training losses since the last metrics line, and how many.
    #[serde(with = "exact")]
    pub loss_sum: f64,
    pub loss_count: usize,
    #[serde(with = "exact")]
    pub best_val_loss: f64,
    pub best_step: usize,
    #[serde(with = "exact")]
    pub elapsed_s: f64,
    /// Seconds spent in training steps alone.
    #[serde(with = "exact")]
    pub stepping_s: f64,
    #[serde(with = "exact")]
    pub peak_rss_mb: f64,
    /// Length of metrics.jsonl when this was written.
    pub metrics_bytes: u64,
}

impl State {
    pub(super) fn start(config: &RunConfig) -> Self {
        State {
            format: FORMAT,
            config_hash: config.hash(),
            vocab_hash: config.vocab_hash.clone(),
            seed: config.seed,
            step: 0,
            loss_sum: 0.0,
            loss_count: 0,
            best_val_loss: f64::INFINITY,
            best_step: 0,
            elapsed_s: 0.0,
            stepping_s: 0.0,
            peak_rss_mb: 0.0,
            metrics_bytes: 0,
        }
    }

    /// Refuses a state that belongs to another vocabulary or config.
    fn check(&self, config: &RunConfig, dir: &Path) -> Result<()> {
        check_vocabulary(&dir.display().to_string(), &self.vocab_hash, &config.vocab_hash)?;
        if self.config_hash != config.hash() {
            return Err(Error::Checkpoint(format!(
                "the checkpoint in {} belongs to a run with config hash {}, but this config has {}; give this run another name",
                dir.display(),
                self.config_hash,
                config.hash()
            )));
        }
        Ok(())
    }
}

/// Refuses weights of one vocabulary for the tokens of another: the same number would mean another character.
pub(super) fn check_vocabulary(run: &str, of_checkpoint: &str, of_data: &str) -> Result<()> {
    if of_checkpoint == of_data {
        return Ok(());
    }
    Err(Error::Checkpoint(format!(
        "the checkpoint in {run} was trained with the vocabulary {of_checkpoint}, but the data have the vocabulary {of_data}; use the data folder that it was trained on, or train a new run under another name"
    )))
}

/// A checkpoint as it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub state: State,
    /// Weights `p.<name>` and moments `m.<name>`, `v.<name>`.
    tensors: HashMap<String, Tensor>,
}

impl Found {
    /// Puts the weights into the model and the moments into the optimiser.
    pub(super) fn restore(&self, model: &Model, optimizer: &mut AdamW) -> Result<()> {
        for (name, var) in model.parameters() {
            match self.tensors.get(&format!("p.{name}")) {
                Some(weights) => var.set(&weights.to_device(var.device())?)?,
                None => {
                    return Err(Error::Checkpoint(format!(
                        "the checkpoint has no weights {name}: it belongs to another model"
                    )));
                }
            }
        }
        optimizer.restore(&self.tensors, self.state.step)
    }
}

/// Removes what killed processes left half-written; the caller holds the folder's lock.
pub(super) fn sweep(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(Error::file("list", dir))? {
        let path = entry.map_err(Error::file("list", dir))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // Ours begin with a dot and end in .tmp; those of the crate safetensors begin with .tmp.
        if name.starts_with('.') && (name.ends_with(".tmp") || name.starts_with(".tmp")) {
            let _ = fs::remove_file(&path); // takes up space, does no harm
        }
    }
    Ok(())
}

/// The checkpoint; `None` where none was ever finished. Errors: there is one, but it is damaged or belongs to another run.
pub(super) fn load(dir: &Path, config: &RunConfig) -> Result<Option<Found>> {
    let path = dir.join(STATE);
    if !path.exists() {
        return Ok(None);
    }
    let found = read(&path).map_err(|what| {
        Error::Checkpoint(format!("{} {what}; remove the folder to train this run again", path.display()))
    })?;
    found.state.check(config, dir)?;
    Ok(Some(found))
}

/// Saves where the run stands, then its model.
pub(super) fn save(dir: &Path, model: &Model, optimizer: &AdamW, state: &State) -> Result<()> {
    let path = dir.join(STATE);
    let mut parts = optimizer.moments()?;
    for (name, var) in model.parameters() {
        parts.push((format!("p.{name}"), var.to_device(&Device::Cpu)?));
    }
    replace(&path, |temporary| write(temporary, parts, state))?;
    save_last(dir, model)?;
    share_permissions(&dir.join(LAST), &path);
    sync_folder(dir);
    Ok(())
}

/// Writes the model of a checkpoint: also again, since a kill may have come between the two.
pub(super) fn save_last(dir: &Path, model: &Model) -> Result<()> {
    model.save(dir.join(LAST))
}

/// Gives the model of the last save another name: `best`, or `step_000561`.
pub(super) fn keep_last_as(dir: &Path, name: &str) -> Result<()> {
    link(dir, LAST, &format!("{name}.safetensors"))
}

/// Keeps the whole state of the last save, for longer runs.
pub(super) fn keep_trunk(dir: &Path) -> Result<()> {
    link(dir, STATE, TRUNK)
}

/// Begins a run where another's constant rate ended: with its state and its metrics so far. The best model is looked for from
/// there on. Returns the step.
pub(super) fn branch(from: &Path, dir: &Path, config: &RunConfig) -> Result<usize> {
    let path = from.join(TRUNK);
    let found = read(&path).map_err(|what| {
        Error::Checkpoint(format!("{} {what}; remove it, and this run begins at its first step", path.display()))
    })?;
    let step = found.state.step;
    let state = State { config_hash: config.hash(), best_val_loss: f64::INFINITY, best_step: step, ..found.state };
    let mut lines = read_bytes(from.join("metrics.jsonl"))?;
    lines.truncate(state.metrics_bytes as usize);
    write_atomic(dir.join("metrics.jsonl"), lines)?;
    replace(&dir.join(STATE), |temporary| write(temporary, found.tensors, &state))?;
    Ok(step)
}

/// `step_000561`
pub(super) fn step_name(step: usize) -> String {
    format!("step_{step:06}")
}

/// The models kept along the way, in order of their steps.
pub(super) fn saved_models(dir: &Path, tokens_per_step: usize) -> Result<Vec<SavedModel>> {
    let mut models = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::file("list", dir))? {
        let path = entry.map_err(Error::file("list", dir))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let step = name.strip_prefix("step_").and_then(|name| name.strip_suffix(".safetensors"));
        if let Some(step) = step.and_then(|digits| digits.parse::<usize>().ok()) {
            models.push(SavedModel { step, n_tokens: step as u64 * tokens_per_step as u64, path });
        }
    }
    models.sort_by_key(|model| model.step);
    Ok(models)
}

/// What is wrong with the file comes back as the rest of a sentence.
fn read(path: &Path) -> Result<Found, String> {
    let bytes = read_bytes(path).map_err(|error| format!("is not readable: {error}"))?;
    let damaged = |error| format!("is cut off or damaged ({error})");
    let (_, head) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
    SafeTensors::deserialize(&bytes).map_err(damaged)?;
    let state = head.metadata().as_ref().and_then(|notes| notes.get("state"));
    let state = state.ok_or("is of an earlier version, whose half-done runs this one cannot go on with")?;
    let state: State =
        serde_json::from_str(state).map_err(|error| format!("holds no state of this version ({error})"))?;
    if state.format != FORMAT {
        return Err(format!("has format {}, this version reads {FORMAT}", state.format));
    }
    let tensors =
        candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(|error| format!("is damaged ({error})"))?;
    Ok(Found { state, tensors })
}

fn write(path: &Path, parts: impl IntoIterator<Item = (String, Tensor)>, state: &State) -> Result<()> {
    let cannot = |error: String| Error::Checkpoint(format!("cannot write {}: {error}", path.display()));
    let note = serde_json::to_string(state).map_err(|error| cannot(error.to_string()))?;
    let notes = HashMap::from([("state".to_string(), note)]);
    safetensors::serialize_to_file(parts, Some(notes), path).map_err(|error| cannot(error.to_string()))
}

/// A second name for a file, in place of whatever had that name; a copy where the file system has no hard links.
fn link(dir: &Path, from: &str, to: &str) -> Result<()> {
    let (from, to) = (dir.join(from), dir.join(to));
    let temporary = temporary_beside(&to);
    let _ = fs::remove_file(&temporary); // left over from a kill, with the same process id
    let linked = fs::hard_link(&from, &temporary).or_else(|_| fs::copy(&from, &temporary).map(|_| ()));
    linked.and_then(|()| fs::rename(&temporary, &to)).map_err(Error::file("write", &to))?;
    let _ = fs::remove_file(&temporary); // rename leaves it where both names already were the same file (POSIX)
    sync_folder(dir);
    Ok(())
}

/// Renames are on the disk once their folder is. Some file systems refuse; then the order of renames is theirs to keep.
fn sync_folder(dir: &Path) {
    let _ = File::open(dir).and_then(|folder| folder.sync_all());
}

/// safetensors makes files that only their owner may read; the state is no more secret than the model.
fn share_permissions(from: &Path, to: &Path) {
    let _ = fs::metadata(from).and_then(|metadata| fs::set_permissions(to, metadata.permissions()));
}

/// Floats as text that gives the same bits back, infinities included (serde_json alone may be off by the last bit).
mod exact {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{value:?}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| D::Error::custom(format!("{text:?} is not a number")))
    }
}
