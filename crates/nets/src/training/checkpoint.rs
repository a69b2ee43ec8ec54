//! Checkpoints: what a run needs to go on exactly, and the models kept along the way.
//!
//! ```text
//! last.safetensors    the weights                        ┐ one set; state.json is written last and holds the others' size and
//! state.safetensors   AdamW's moments m.<name> v.<name>  │ SHA-256. The set before it stays as previous.safetensors,
//! state.json          step, sums, best, …, these hashes  ┘ previous.state.safetensors, previous.state.json.
//! best.safetensors, step_000561.safetensors               models only: further names (links) of a last.safetensors
//! ```
//! Each file gets a temporary name, is synced, then renamed. A set whose sizes and hashes do not agree is never loaded; the one
//! before it is. Data order and dropout have no state of their own: they follow from the seed and the step, which are here.

use super::config::hex16;
use super::optimizer::Moment;
use super::{AdamW, RunConfig};
use crate::files::{read_text, temporary_beside, write_atomic};
use crate::models::Model;
use crate::{Error, Result};
use candle_core::Tensor;
use safetensors::tensor::{Dtype, View};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1; // raise it when the meaning of a field changes

/// The files of one set: weights, moments, state.
type Names = [&'static str; 3];
const LAST: Names = ["last.safetensors", "state.safetensors", "state.json"];
const PREVIOUS: Names = ["previous.safetensors", "previous.state.safetensors", "previous.state.json"];

/// A model kept on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedModel {
    pub step: usize,
    /// Tokens trained on by then.
    pub n_tokens: u64,
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
    pub weights: FileMark,
    pub moments: FileMark,
}

/// By what a file is known to be whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileMark {
    bytes: u64,
    sha256: String,
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
            weights: FileMark::default(),
            moments: FileMark::default(),
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

/// A checkpoint that was found whole.
#[derive(Debug)]
pub(super) struct Found {
    pub state: State,
    pub weights: PathBuf,
    pub moments: HashMap<String, Tensor>,
    /// Why an older one was taken, where it was.
    pub fell_back: Option<String>,
}

/// Writes the checkpoints of one run folder.
#[derive(Debug)]
pub(super) struct Checkpoints {
    dir: PathBuf,
    /// Only a set known to be whole may replace the one before it.
    last_is_whole: bool,
}

impl Checkpoints {
    pub(super) fn new(dir: &Path) -> Self {
        Checkpoints { dir: dir.to_path_buf(), last_is_whole: false }
    }

    /// Removes what killed processes left half-written; the caller holds the folder's lock.
    pub(super) fn sweep(&self) -> Result<()> {
        for entry in fs::read_dir(&self.dir).map_err(Error::file("list", &self.dir))? {
            let path = entry.map_err(Error::file("list", &self.dir))?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            // Ours begin with a dot and end in .tmp; those of the crate safetensors begin with .tmp.
            if name.starts_with('.') && (name.ends_with(".tmp") || name.starts_with(".tmp")) {
                let _ = fs::remove_file(&path); // takes up space, does no harm
            }
        }
        Ok(())
    }

    /// The newest whole checkpoint; `None` where none was ever finished. Errors: there are some, but none is whole.
    pub(super) fn load(&mut self, config: &RunConfig) -> Result<Option<Found>> {
        let mut damage = Vec::new();
        for names in [LAST, PREVIOUS] {
            let [weights, moments, state] = names.map(|name| self.dir.join(name));
            if !state.exists() {
                continue;
            }
            match read_set(&weights, &moments, &state) {
                Ok((state, moments)) => {
                    state.check(config, &self.dir)?;
                    self.last_is_whole = names == LAST;
                    let fell_back = (!damage.is_empty()).then(|| damage.join("; "));
                    return Ok(Some(Found { state, weights, moments, fell_back }));
                }
                Err(error) => damage.push(error.to_string()),
            }
        }
        if damage.is_empty() {
            return Ok(None);
        }
        Err(Error::Checkpoint(format!(
            "no checkpoint in {} is whole ({}); remove the folder to train this run again",
            self.dir.display(),
            damage.join("; ")
        )))
    }

    /// Saves the set `last`, keeping the one before it. The files' marks are filled in here.
    pub(super) fn save(&mut self, model: &Model, optimizer: &AdamW, state: &State) -> Result<()> {
        let [weights, moments, state_path] = LAST.map(|name| self.dir.join(name));
        if self.last_is_whole {
            for (from, to) in LAST.iter().zip(PREVIOUS) {
                link(&self.dir.join(from), &self.dir.join(to))?;
            }
            sync_folder(&self.dir);
        }
        self.last_is_whole = false;
        let mut state = state.clone();
        state.weights = replace(&weights, |path| model.save(path))?;
        state.moments = replace(&moments, |path| write_moments(path, optimizer))?;
        share_permissions(&weights, &moments);
        let text = serde_json::to_string_pretty(&state)
            .map_err(|error| Error::Checkpoint(format!("cannot write {}: {error}", state_path.display())))?;
        write_atomic(&state_path, text + "\n")?;
        sync_folder(&self.dir);
        self.last_is_whole = true;
        Ok(())
    }

    /// Gives the model of the last save another name: `best`, or `step_000561`.
    pub(super) fn keep_last_as(&self, name: &str) -> Result<()> {
        self.keep(&self.dir.join(LAST[0]), name)
    }

    /// Gives the weights in `from` another name.
    pub(super) fn keep(&self, from: &Path, name: &str) -> Result<()> {
        link(from, &self.dir.join(format!("{name}.safetensors")))?;
        sync_folder(&self.dir);
        Ok(())
    }

    /// The run is finished: the set before the last is no longer needed.
    pub(super) fn drop_previous(&self) {
        for name in PREVIOUS {
            let _ = fs::remove_file(self.dir.join(name)); // takes up space, does no harm
        }
    }
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

fn read_set(weights: &Path, moments: &Path, state_path: &Path) -> Result<(State, HashMap<String, Tensor>)> {
    let state: State = serde_json::from_str(&read_text(state_path)?)
        .map_err(|error| Error::Checkpoint(format!("{} is cut off or damaged: {error}", state_path.display())))?;
    if state.format != FORMAT {
        return Err(Error::Checkpoint(format!(
            "{} has format {}, this version reads {FORMAT}",
            state_path.display(),
            state.format
        )));
    }
    check_whole(weights, &state.weights)?;
    check_whole(moments, &state.moments)?;
    let tensors = candle_core::safetensors::load(moments, &candle_core::Device::Cpu)?;
    Ok((state, tensors))
}

fn check_whole(path: &Path, expected: &FileMark) -> Result<()> {
    let found = mark(path)?;
    if found.bytes != expected.bytes {
        return Err(Error::Checkpoint(format!(
            "{} is cut off or of another step: {} bytes where {} were written",
            path.display(),
            found.bytes,
            expected.bytes
        )));
    }
    if found.sha256 != expected.sha256 {
        return Err(Error::Checkpoint(format!(
            "{} is damaged or of another step: SHA-256 {} where {} was written",
            path.display(),
            found.sha256,
            expected.sha256
        )));
    }
    Ok(())
}

fn mark(path: &Path) -> Result<FileMark> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path).map_err(Error::file("read", path))?;
    let bytes = std::io::copy(&mut file, &mut hasher).map_err(Error::file("read", path))?;
    Ok(FileMark { bytes, sha256: hex16(&hasher.finalize()) })
}

/// Lets `write` make the file under a temporary name, then syncs it and renames it to `path`.
fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<FileMark> {
    let temporary = temporary_beside(path);
    let written = write(&temporary).and_then(|()| {
        let synced = File::options().append(true).open(&temporary).and_then(|file| file.sync_all());
        synced.map_err(Error::file("write", &temporary))?;
        let mark = mark(&temporary)?;
        fs::rename(&temporary, path).map_err(Error::file("write", path))?;
        Ok(mark)
    });
    if written.is_err() {
        let _ = fs::remove_file(&temporary); // the write already failed; its error is the one to report
    }
    written
}

/// A second name for a file, in place of whatever had that name; a copy where the file system has no hard links.
fn link(from: &Path, to: &Path) -> Result<()> {
    let temporary = temporary_beside(to);
    let _ = fs::remove_file(&temporary); // left over from a kill, with the same process id
    let linked = fs::hard_link(from, &temporary).or_else(|_| fs::copy(from, &temporary).map(|_| ()));
    linked.and_then(|()| fs::rename(&temporary, to)).map_err(Error::file("write", to))?;
    let _ = fs::remove_file(&temporary); // rename leaves it where both names already were the same file (POSIX)
    Ok(())
}

/// Renames are on the disk once their folder is. Some file systems refuse; then the order of renames is theirs to keep.
fn sync_folder(dir: &Path) {
    let _ = File::open(dir).and_then(|folder| folder.sync_all());
}

fn write_moments(path: &Path, optimizer: &AdamW) -> Result<()> {
    let moments = optimizer.moments().into_iter().map(|moment| (moment.name(), moment));
    safetensors::serialize_to_file(moments, None, path)
        .map_err(|error| Error::Checkpoint(format!("cannot write {}: {error}", path.display())))?;
    let expected: usize = optimizer.moments().iter().map(View::data_len).sum();
    let written = fs::metadata(path).map_err(Error::file("read", path))?.len();
    if (written as usize) < expected {
        return Err(Error::Checkpoint(format!(
            "cannot write {}: the device did not hand out the moments",
            path.display()
        )));
    }
    Ok(())
}

/// safetensors makes files that only their owner may read; the moments are no more secret than the weights.
fn share_permissions(from: &Path, to: &Path) {
    let _ = fs::metadata(from).and_then(|metadata| fs::set_permissions(to, metadata.permissions()));
}

/// As safetensors wants it: bytes made only while that tensor is being written.
impl View for Moment<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.dims()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = self.values().unwrap_or_default(); // nothing where a device fails: write_moments finds the file too short
        Cow::Owned(values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    fn data_len(&self) -> usize {
        4 * self.dims().iter().product::<usize>()
    }
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
