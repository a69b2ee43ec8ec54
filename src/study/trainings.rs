//! What a study trains: the two ladders, the largest models for longer, repeats from other seeds, and IsoFLOP profiles.

use super::preset::VOCAB_SIZE;
use super::{RunRecord, Study};
use crate::models::{Family, Size};
use crate::training::{Run, RunConfig, answer_interrupt_key, interrupted};
use crate::{Error, Result};
use std::path::Path;

impl Study {
    /// Trains every size of one family, smallest first; finished runs are loaded, half-done ones continued. Before the largest
    /// Transformer is trained, its loss is predicted ([`Study::predict`]).
    ///
    /// A run that is stopped stops those after it: it is the last of those returned, `summary.finished` is false.
    ///
    /// # Errors
    /// A training failed, such as by a loss that is no number; the others are trained first.
    pub fn train(&self, family: Family) -> Result<Vec<Run>> {
        self.train_all(&self.ladder_configs(family)?)
    }

    /// What [`Study::train`] trains.
    ///
    /// # Errors
    /// As [`Study::corpus`].
    pub fn ladder_configs(&self, family: Family) -> Result<Vec<RunConfig>> {
        let data = self.data()?;
        Ok(self.ladder(family)?.iter().map(|size| self.run_config(size, &data)).collect())
    }

    /// Everything that the study trains: both ladders, repeats, longer and shorter runs, and those at equal FLOPs.
    ///
    /// # Errors
    /// As [`Study::corpus`].
    pub fn configs(&self) -> Result<Vec<RunConfig>> {
        let mut configs = Vec::new();
        for family in Family::ALL {
            configs.extend(self.ladder_configs(family)?);
            configs.extend(self.repeat_configs(family)?);
        }
        configs.extend(self.longer_configs()?);
        configs.extend(self.shorter_configs()?);
        configs.extend(self.isoflop_configs()?);
        Ok(configs)
    }

    /// Those of these runs that are finished. Trains nothing.
    pub(super) fn found(&self, configs: &[RunConfig]) -> Result<Vec<Run>> {
        let runs = self.runs()?;
        let found: nets::Result<Vec<Option<Run>>> = configs.iter().map(|config| runs.find(config)).collect();
        Ok(found?.into_iter().flatten().collect())
    }

    /// Trains one size of either family, by name.
    ///
    /// # Errors
    /// There is no such size, or its training failed.
    pub fn train_size(&self, name: &str) -> Result<Run> {
        Ok(self.train_all(&[self.size_config(name)?])?.remove(0))
    }

    /// The same with first weights of a finished run, or of a file from elsewhere, instead of drawn ones
    /// ([`crate::training::Runs::origin`]).
    ///
    /// # Errors
    /// As [`Study::train_size`]; or there are no such weights, or they are another model's.
    pub fn train_size_from(&self, name: &str, run_or_file: &str) -> Result<Run> {
        let config = self.size_config(name)?;
        let origin = Some(self.runs()?.origin(run_or_file, &config.vocab_hash)?);
        let from = Path::new(run_or_file).file_stem().unwrap_or_default().to_string_lossy();
        let config = RunConfig { name: format!("{name}-from-{from}"), origin, ..config };
        Ok(self.train_all(&[config])?.remove(0))
    }

    fn size_config(&self, name: &str) -> Result<RunConfig> {
        let sizes = Family::ALL.map(|family| self.preset.ladder(family, VOCAB_SIZE)).concat(); // refused before a corpus is prepared
        let size = sizes.iter().find(|size| size.name == name).ok_or_else(|| {
            let names: Vec<&str> = sizes.iter().map(|size| size.name.as_str()).collect();
            Error::Config(format!("the study {} has no size {name:?}: choose one of {}", self.name(), names.join(", ")))
        })?;
        let (data, ladder) = (self.data()?, self.ladder(size.model.family())?);
        let size = ladder.iter().find(|size| size.name == name).unwrap_or(size);
        Ok(self.run_config(size, &data))
    }

    /// Trains the largest models for the longer budget of `[best]`, each with a schedule of its own.
    ///
    /// # Errors
    /// As [`Study::train`].
    pub fn train_longer(&self) -> Result<Vec<Run>> {
        self.train_all(&self.longer_configs()?)
    }

    /// What [`Study::train_longer`] trains.
    ///
    /// # Errors
    /// As [`Study::corpus`].
    pub fn longer_configs(&self) -> Result<Vec<RunConfig>> {
        let data = self.data()?;
        let n_tokens = self.preset.best.budget(data.train.len());
        let config = |family: &Family| -> Result<RunConfig> {
            let largest = self.largest(*family)?;
            Ok(RunConfig { name: format!("{}-longer", largest.name), ..self.config(&largest, &data, n_tokens) })
        };
        self.preset.best.families.iter().map(config).collect()
    }

    /// Trains both ladders for the shares of their budget that the preset lists as `shorter`, each with a schedule of its own.
    ///
    /// # Errors
    /// As [`Study::train`].
    pub fn train_shorter(&self) -> Result<Vec<Run>> {
        self.train_all(&self.shorter_configs()?)
    }

    /// What [`Study::train_shorter`] trains, the smallest share first.
    ///
    /// # Errors
    /// As [`Study::corpus`].
    pub fn shorter_configs(&self) -> Result<Vec<RunConfig>> {
        let mut configs = Vec::new();
        for share in &self.preset.shorter {
            for ladder in [self.ladder_configs(Family::Transformer)?, self.ladder_configs(Family::Lstm)?] {
                configs.extend(ladder.into_iter().map(|config| RunConfig {
                    name: format!("{}-{share}x", config.name),
                    n_tokens: (share * config.n_tokens as f64) as u64,
                    ..config
                }));
            }
        }
        Ok(configs)
    }

    /// The best model: of both ladders and the longer runs the finished one with the lowest validation loss. Trains nothing.
    ///
    /// # Errors
    /// Nothing is trained yet.
    pub fn best_run(&self) -> Result<Run> {
        let mut configs = self.longer_configs()?;
        for family in Family::ALL {
            configs.extend(self.ladder_configs(family)?);
        }
        let found = self.found(&configs)?.into_iter();
        let best = found.min_by(|p, q| p.summary.best_val_loss.total_cmp(&q.summary.best_val_loss));
        best.ok_or_else(|| Error::Data(format!("the study {} has no finished run: train one first", self.name())))
    }

    pub(super) fn largest(&self, family: Family) -> Result<Size> {
        let largest = self.ladder(family)?.pop();
        largest.ok_or_else(|| Error::Config(format!("the ladder of {family}s is empty")))
    }

    /// Trains the smallest sizes of one family again from other seeds, as `[repeats]` says: their scatter is the noise of a loss.
    /// Only the seed differs; the ladder's own runs are not among those returned.
    ///
    /// # Errors
    /// As [`Study::train`].
    pub fn train_repeats(&self, family: Family) -> Result<Vec<Run>> {
        self.train_all(&self.repeat_configs(family)?)
    }

    /// Those of the repeats that are finished. Trains nothing.
    ///
    /// # Errors
    /// As [`Study::corpus`], or a run's folder cannot be read.
    pub fn repeats(&self, family: Family) -> Result<Vec<Run>> {
        self.found(&self.repeat_configs(family)?)
    }

    /// What [`Study::train_repeats`] trains.
    ///
    /// # Errors
    /// As [`Study::corpus`].
    pub fn repeat_configs(&self, family: Family) -> Result<Vec<RunConfig>> {
        let (data, repeats) = (self.data()?, &self.preset.repeats);
        let mut configs = Vec::new();
        for size in self.ladder(family)?.iter().take(repeats.n_sizes) {
            for seed in (1..repeats.n_seeds as u64).map(|i| self.preset.seed + i) {
                let config = self.run_config(size, &data);
                configs.push(RunConfig { name: format!("{}-seed{seed}", size.name), seed, ..config });
            }
        }
        Ok(configs)
    }

    /// Trains Transformers at equal FLOPs, as `[isoflop]` says, each with a schedule of its own.
    ///
    /// # Errors
    /// The preset has no such budgets, or as [`Study::train`].
    pub fn train_isoflop(&self) -> Result<Vec<Run>> {
        if self.preset.isoflop.is_none() {
            return Err(Error::Config(format!(
                "the study {} has no IsoFLOP budgets: add [isoflop] with transformer, flops, min_epochs and max_epochs to its preset",
                self.name()
            )));
        }
        self.train_all(&self.isoflop_configs()?)
    }

    /// What [`Study::train_isoflop`] trains, cheapest budget first; nothing where the preset has no such budgets.
    ///
    /// # Errors
    /// As [`Study::corpus`].
    pub fn isoflop_configs(&self) -> Result<Vec<RunConfig>> {
        let Some(budgets) = &self.preset.isoflop else { return Ok(Vec::new()) };
        let data = self.data()?;
        let (vocab_size, block_size) = (data.tokenizer.vocab_size(), self.preset.training.block_size);
        let ladder: Vec<Size> = budgets.transformer.iter().map(|size| size.size(vocab_size, block_size)).collect();
        let mut configs = Vec::new();
        for &flops in &budgets.flops {
            for size in &ladder {
                let per_token = size.model.flops_per_token(block_size);
                let epochs = flops / per_token / data.train.len() as f64;
                if (budgets.min_epochs..=budgets.max_epochs).contains(&epochs) {
                    let (name, n_tokens) = (format!("{}-{flops:e}", size.name), (flops / per_token) as u64);
                    let config = self.config(size, &data, n_tokens);
                    configs.push(RunConfig { name, n_evals: 1, n_checkpoints: 1, ..config });
                }
            }
        }
        Ok(configs)
    }

    /// The finished runs of one family's ladder and of its repeats, smallest first. Trains what the ladder lacks.
    pub(super) fn family_records(&self, family: Family) -> Result<Vec<RunRecord>> {
        let mut runs = self.train(family)?;
        runs.extend(self.repeats(family)?);
        runs.retain(|run| run.summary.finished);
        runs.sort_by_key(|run| run.summary.n_params);
        Ok(runs.iter().map(RunRecord::from).collect())
    }

    /// One stop stops all that follow; a failure stops none of them.
    fn train_all(&self, configs: &[RunConfig]) -> Result<Vec<Run>> {
        let in_notebook = answer_interrupt_key();
        let (mut runs, mut failures): (Vec<Run>, Vec<Error>) = (Vec::new(), Vec::new());
        for config in configs {
            if interrupted() || runs.last().is_some_and(|run| !run.summary.finished) {
                break;
            }
            match self.get_or_train(config) {
                Ok(run) => runs.push(run),
                Err(error) => failures.push(error),
            }
        }
        if in_notebook && interrupted() {
            let sentence = "interrupted: what was trained is saved, all variables are kept, and this cell goes on from there when it is run again";
            return Err(Error::Checkpoint(sentence.into()));
        }
        match (failures.len(), runs.len()) {
            (0, _) => Ok(runs),
            (_, 0) => Err(failures.remove(0)), // what fails everywhere is said once
            (n_failed, n_done) => {
                let failures: Vec<String> = failures.iter().map(Error::to_string).collect();
                let failures = failures.join("; ");
                Err(Error::Checkpoint(format!("{n_failed} of the trainings failed, {n_done} are kept: {failures}")))
            }
        }
    }

    fn get_or_train(&self, config: &RunConfig) -> Result<Run> {
        self.predict_before_training(config)?;
        let run = self.runs()?.get_or_train(config, &*self.data()?)?;
        self.record_into("runs.jsonl", &run)?;
        Ok(run)
    }
}
