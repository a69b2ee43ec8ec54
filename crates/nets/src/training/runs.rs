//! The folder of all runs: what has been trained is never trained again.

use super::checkpoint::{self, check_vocabulary};
use super::device::with_threads;
use super::metrics::read_metrics;
use super::run::read_config;
use super::trainer::Trainer;
use super::{Origin, Run, RunConfig, Schedule};
use crate::TokenData;
use crate::files::{Lock, write_json};
use crate::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Called about once a second with the run as it stands, for instance to rewrite `figures/live/<name>.svg`.
pub type LiveHook = Arc<dyn Fn(&Run) + Send + Sync>;

/// How to train, as far as it does not change the result.
#[derive(Clone, Default)]
pub struct TrainOptions {
    /// A call that has taken this long saves and stops; the next call goes on.
    pub time_budget: Option<Duration>,
    /// Threads on the CPU; `None`: the process's usual number. The same number gives the same bits.
    pub threads: Option<usize>,
    /// Prints nothing.
    pub quiet: bool,
    /// For a live figure.
    pub live: Option<LiveHook>,
}

/// The folder `runs/`.
#[derive(Clone)]
pub struct Runs {
    /// Holds one folder a run.
    pub dir: PathBuf,
    /// For every training from here.
    pub options: TrainOptions,
}

impl Runs {
    /// Opens the folder, creating it where it is missing.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(dir: impl AsRef<Path>) -> Result<Runs> {
        let dir = dir.as_ref().to_path_buf();
        fs::create_dir_all(&dir).map_err(Error::file("create the folder", &dir))?;
        Ok(Runs { dir, options: TrainOptions::default() })
    }

    /// The same folder with other options.
    pub fn with_options(mut self, options: TrainOptions) -> Runs {
        self.options = options;
        self
    }

    /// The run of this config: loaded where it is finished, resumed exactly where it is half done, else trained.
    ///
    /// A run is found by [`RunConfig::hash`], whatever its name. Where the name is taken by another run, `-` and six digits of the
    /// hash are added to it: nothing is overwritten. A run stopped early comes back with `summary.finished == false`.
    ///
    /// With [`super::Decay::CoolDown`] a run begins where the constant rate of a shorter one ended, if all that came before is the
    /// same ([`RunConfig::for_budget`]), and ends with the bits that it would have had alone. Its time includes the shared steps'.
    ///
    /// # Errors
    /// A config that contradicts itself or the data, damage, a loss that is no number, another process at work.
    pub fn get_or_train(&self, config: &RunConfig, data: &TokenData) -> Result<Run> {
        config.validate()?;
        check_data(config, data)?;
        let dir = self.folder_for(config)?;
        if let Some(run) = finished(&dir)? {
            if !self.options.quiet {
                crate::messages::say(format_args!("{run}: loaded"));
            }
            return Ok(run); // to read it, nobody needs to be alone
        }
        let _lock = lock(&dir)?;
        if let Some(run) = finished(&dir)? {
            return Ok(run); // another process trained it meanwhile
        }
        let config = named_after(config, &dir);
        write_json(dir.join("config.json"), &config)?;
        if let Some(trunk) = self.trunk_for(&config, &dir)? {
            let step = checkpoint::branch(&trunk, &dir, &config)?;
            if !self.options.quiet {
                let (name, trunk) = (&config.name, trunk.display());
                crate::messages::say(format_args!("{name}: its first {step} steps are those of {trunk}"));
            }
        }
        with_threads(self.options.threads, || Trainer::open(&config, data, &dir, &self.options)?.train())
    }

    /// The finished run of this config, if there is one. Trains nothing.
    ///
    /// # Errors
    /// The folder cannot be listed, or the run is damaged.
    pub fn find(&self, config: &RunConfig) -> Result<Option<Run>> {
        finished(&self.folder_for(config)?)
    }

    /// Steps of this config's run that its metrics know of, finished or not; 0 where it has not begun.
    ///
    /// # Errors
    /// The folder cannot be listed, or the run is damaged.
    pub fn steps_of(&self, config: &RunConfig) -> Result<usize> {
        let metrics = self.folder_for(config)?.join("metrics.jsonl");
        Ok(if metrics.exists() { read_metrics(&metrics)?.last().map_or(0, |metric| metric.step) } else { 0 })
    }

    /// The finished run in the folder `name`.
    ///
    /// # Errors
    /// There is no such finished run; the sentence names those that there are.
    pub fn get(&self, name: &str) -> Result<Run> {
        if let Some(run) = finished(&self.dir.join(name))? {
            return Ok(run);
        }
        let known: Vec<String> = self.all()?.into_iter().map(|run| run.config.name).collect();
        let known = if known.is_empty() { "there are none yet".to_string() } else { known.join(", ") };
        Err(Error::Checkpoint(format!(
            "there is no finished run {name} in {}; finished runs: {known}",
            self.dir.display()
        )))
    }

    /// Weights to begin with: the best model of a finished run here, or a file of weights ([`Origin::open`]).
    ///
    /// # Errors
    /// There is neither, or the run has another vocabulary; a file's is not known.
    pub fn origin(&self, run_or_file: &str, vocab_hash: &str) -> Result<Origin> {
        if Path::new(run_or_file).is_file() {
            return Origin::open(run_or_file);
        }
        let run = self.get(run_or_file);
        let run = run.map_err(|error| Error::Checkpoint(format!("{error}; a file of weights is named by its path")))?;
        run.check_vocabulary(vocab_hash)?;
        Origin::open(run.dir.join("best.safetensors"))
    }

    /// All finished runs, by name.
    ///
    /// # Errors
    /// The folder cannot be listed, or a run is damaged.
    pub fn all(&self) -> Result<Vec<Run>> {
        self.folders()?.iter().filter_map(|dir| finished(dir).transpose()).collect()
    }

    /// The folder where this config's run is, or will be.
    fn folder_for(&self, config: &RunConfig) -> Result<PathBuf> {
        let hash = config.hash();
        let is_this = |dir: &Path| read_config(dir).is_ok_and(|found| found.hash() == hash);
        let by_name = self.dir.join(&config.name);
        if is_this(&by_name) {
            return Ok(by_name);
        }
        if let Some(renamed) = self.folders()?.into_iter().find(|dir| is_this(dir)) {
            return Ok(renamed);
        }
        if !by_name.join("config.json").exists() {
            return Ok(by_name);
        }
        let digits: String = hash.chars().take(6).collect();
        Ok(self.dir.join(format!("{}-{digits}", config.name)))
    }

    /// For a run that has not begun: the folder whose constant rate it shares for the most steps, where there is one.
    fn trunk_for(&self, config: &RunConfig, dir: &Path) -> Result<Option<PathBuf>> {
        let Some(hash) = config.trunk_hash().filter(|_| !dir.join(checkpoint::STATE).exists()) else { return Ok(None) };
        let at_most = Schedule::new(config).constant_until();
        let shared = self.folders()?.into_iter().filter(|dir| dir.join(checkpoint::TRUNK).exists()).filter_map(|dir| {
            let other = read_config(&dir).ok()?;
            let step = Schedule::new(&other).constant_until();
            (step <= at_most && other.trunk_hash().as_ref() == Some(&hash)).then_some((step, dir))
        });
        Ok(shared.max_by_key(|(step, _)| *step).map(|(_, dir)| dir))
    }

    /// Every folder with a config, by name.
    fn folders(&self) -> Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(Error::file("list", &self.dir))? {
            let path = entry.map_err(Error::file("list", &self.dir))?.path();
            if path.join("config.json").exists() {
                folders.push(path);
            }
        }
        folders.sort();
        Ok(folders)
    }
}

/// The run in a folder, if it came to its end.
fn finished(dir: &Path) -> Result<Option<Run>> {
    if dir.join("summary.json").exists() { Run::load(dir).map(Some) } else { Ok(None) }
}

/// Refuses data other than the config names.
fn check_data(config: &RunConfig, data: &TokenData) -> Result<()> {
    check_vocabulary(&format!("the config of run {}", config.name), &config.vocab_hash, &data.tokenizer.hash())?;
    let (expected, found) = (config.model.vocab_size(), data.tokenizer.vocab_size());
    if expected != found {
        return Err(Error::Config(format!(
            "run {}: the model has vocab_size {expected}, but the data have {found} characters; make the model with vocab_size {found}",
            config.name
        )));
    }
    let found = data.hash();
    if config.data_hash != found {
        return Err(Error::Config(format!(
            "run {}: the config is for the data {}, but these data are {found}; make the config from the data at hand",
            config.name, config.data_hash
        )));
    }
    Ok(())
}

/// The config under the name of the folder that it trains in.
fn named_after(config: &RunConfig, dir: &Path) -> RunConfig {
    let name = dir.file_name().map_or_else(|| config.name.clone(), |name| name.to_string_lossy().into_owned());
    RunConfig { name, ..config.clone() }
}

/// Holds the folder for this process.
fn lock(dir: &Path) -> Result<Lock> {
    Lock::try_take(dir.join(".lock"))?.ok_or_else(|| {
        Error::Checkpoint(format!(
            "another process is training in {}; wait for it, or stop it with a file STOP in that folder",
            dir.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::super::stand_in_tests::{config, data, data_over, folder, quiet_runs, transformer};
    use super::super::{SavedModel, evaluate};
    use super::*;
    use crate::models::Model;

    #[test]
    fn another_vocabulary_is_refused_and_both_hashes_named() {
        let (base, data, config) = (folder(), data(), config("v", transformer()));
        let other = data_over("abcdefg|");
        let (ours, theirs) = (data.tokenizer.hash(), other.tokenizer.hash());
        let error = quiet_runs(&base).get_or_train(&config, &other).unwrap_err().to_string();
        assert!(error.contains(&ours) && error.contains(&theirs), "{error}");
        let run = quiet_runs(&base).get_or_train(&config, &data).unwrap();
        run.check_vocabulary(&ours).unwrap();
        let error = run.check_vocabulary(&theirs).unwrap_err().to_string();
        assert!(error.contains(&format!("vocabulary {ours}, but the data have the vocabulary {theirs}")), "{error}");
        // A checkpoint that was put into a folder of another vocabulary.
        fs::remove_file(run.dir.join("summary.json")).unwrap();
        let mut state = crate::files::read_bytes(run.dir.join("state.safetensors")).unwrap();
        let at = state.windows(ours.len()).position(|bytes| bytes == ours.as_bytes()).unwrap();
        state[at..at + theirs.len()].copy_from_slice(theirs.as_bytes());
        fs::write(run.dir.join("state.safetensors"), state).unwrap();
        let error = quiet_runs(&base).get_or_train(&config, &data).unwrap_err().to_string();
        assert!(error.contains(&ours) && error.contains(&theirs), "{error}");
    }

    #[test]
    fn what_is_trained_is_loaded_and_never_overwritten() {
        let (base, data, config) = (folder(), data(), config("one", transformer()));
        let runs = quiet_runs(&base);
        let first = runs.get_or_train(&config, &data).unwrap();
        assert!(runs.get("one").unwrap() == first, "what comes back from training is what the files hold");
        let written = |run: &Run| fs::metadata(run.dir.join("last.safetensors")).unwrap().modified().unwrap();
        let at = written(&first);
        let again =
            runs.get_or_train(&RunConfig { name: "another name".to_string(), ..config.clone() }, &data).unwrap();
        assert!(again == first && written(&again) == at, "found by its hash, not trained again");
        let longer = RunConfig { n_tokens: config.n_tokens + 64, ..config.clone() };
        let other = runs.get_or_train(&longer, &data).unwrap();
        assert_eq!(other.config.name, format!("one-{}", &longer.hash()[..6]));
        assert_eq!(written(&runs.get("one").unwrap()), at);
        assert_eq!(runs.all().unwrap().len(), 2);
        assert!(runs.get_or_train(&longer, &data).unwrap() == other);
        let error = runs.get("two").unwrap_err().to_string();
        assert!(error.contains("finished runs: one, one-"), "{error}");
    }

    #[test]
    fn the_record_agrees_with_the_models_it_left() {
        let (base, data, config) = (folder(), data(), config("r", transformer()));
        let run = quiet_runs(&base).get_or_train(&config, &data).unwrap();
        let loss = |model: Model| evaluate(&model, &data.val, 16, 4).unwrap();
        let same = |a: f64, b: f64| assert!((a - b).abs() < 1e-10, "{a} {b}"); // the record keeps twelve digits
        same(loss(run.last_model().unwrap()), run.summary.val_loss);
        same(loss(run.best_model().unwrap()), run.summary.best_val_loss);
        let saved: Vec<SavedModel> = run.checkpoints().unwrap();
        assert_eq!(saved.iter().map(|saved| saved.step).collect::<Vec<_>>(), [8, 16, 24, 32, 40]);
        same(loss(run.model_at(&saved[4]).unwrap()), run.summary.val_loss);
        assert_eq!((run.summary.n_tokens, run.summary.n_steps), (40 * 64, 40));
        assert!(run.summary.val_loss < 8f64.ln(), "{run}");
    }

    #[test]
    fn a_finished_run_is_read_while_another_process_holds_its_folder() {
        let (base, data, config) = (folder(), data(), config("h", transformer()));
        let run = quiet_runs(&base).get_or_train(&config, &data).unwrap();
        let _held = lock(&run.dir).unwrap();
        assert!(quiet_runs(&base).get_or_train(&config, &data).unwrap() == run);
    }

    #[test]
    fn a_second_process_is_turned_away() {
        let dir = folder();
        let held = lock(&dir).unwrap();
        assert!(lock(&dir).unwrap_err().to_string().starts_with("another process is training in"));
        drop(held);
        lock(&dir).unwrap();
    }
}
