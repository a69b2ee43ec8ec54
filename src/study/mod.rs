//! A study: one preset = corpus + two ladders of models + budgets + folders. What every notebook opens first.
//!
//! ```text
//! let study = Study::open_default()?;                  // the preset that the environment variable STUDY names
//! let runs = study.train(Family::Transformer)?;        // trains what is not trained yet
//! ```

mod baselines;
mod budgets;
mod by_position;
mod families;
mod floors;
mod limits;
mod pictures;
pub mod place;
mod prediction;
mod preset;
mod records;
mod results;
mod trainings;

pub use baselines::BestNGram;
pub use budgets::Budgets;
pub use by_position::{ByPosition, loss_by_position};
pub use families::{
    CountingRow, Families, FittedVariant, countings_table, laws_table, objectives_table, run_table, sensitivity_table,
};
pub use floors::{Floor, Floors, KnownSource};
pub use prediction::{Outcome, Prediction};
pub use preset::{Best, Generation, IsoFlopBudgets, LearningRate, Preset, Repeats, Training};
pub use records::{Axis, Counting, RunRecord, points, read_records};

use crate::Result;
use crate::data::{Corpus, TokenData};
use crate::models::{Family, Size, ladder};
use crate::training::{LiveRun, Run, RunConfig, Runs, TrainOptions, evaluate};
use std::path::PathBuf;
use std::sync::Arc;

/// An opened study. Cheap to make and to clone: it holds the preset and knows the folders; nothing is loaded yet.
#[derive(Debug, Clone)]
pub struct Study {
    /// What `STUDY` or `--preset` said: a built-in name or the path of a TOML file.
    argument: String,
    name: String,
    pub preset: Preset,
    root: PathBuf,
}

/// The one measurement on held-out tunes, made once with the model that validation loss chose.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TestResult {
    /// Name of the run whose best checkpoint was tested.
    pub run: String,
    /// Nats per token over the whole test split.
    pub test_loss: f64,
    /// exp(test_loss)
    pub perplexity: f64,
    /// test_loss / ln 2
    pub bits_per_char: f64,
    pub val_loss: f64,
    pub n_test_tokens: usize,
}

impl Study {
    /// Opens the study that the environment variable `STUDY` names; `laptop` where it is not set.
    pub fn open_default() -> Result<Study> {
        Study::open(&std::env::var("STUDY").unwrap_or_else(|_| "laptop".into()))
    }

    /// Opens a built-in preset by name, or a user's by the path of its TOML file.
    pub fn open(argument: &str) -> Result<Study> {
        let (name, preset) = Preset::load(argument)?;
        let study = Study { argument: argument.to_owned(), name, preset, root: place::find_root()? };
        crate::figures::save_into(study.figures_folder());
        Ok(study)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn preset_argument(&self) -> &str {
        &self.argument
    }

    /// Changes with everything that the preset says.
    pub fn hash(&self) -> String {
        self.preset.hash()
    }

    /// `data/`: corpora, shared by all studies.
    pub fn data_folder(&self) -> PathBuf {
        place::data_folder(&self.root)
    }

    /// `data/studies/<name>/`: this study's runs and whatever else it makes.
    pub fn folder(&self) -> PathBuf {
        self.data_folder().join("studies").join(&self.name)
    }

    /// `figures/` for the committed study, `laptop`; inside the study's own folder for every other.
    pub fn figures_folder(&self) -> PathBuf {
        if self.name == "laptop" { self.root.join("figures") } else { self.folder().join("figures") }
    }

    /// Where executed notebooks go: in place for `laptop`, inside the study's own folder for every other.
    pub fn notebooks_folder(&self) -> PathBuf {
        if self.name == "laptop" { self.root.join("notebooks") } else { self.folder().join("notebooks") }
    }

    /// `data/results/<name>/`: the compact records that a report quotes; inside the study's own folder where they are not committed.
    pub fn results_folder(&self) -> PathBuf {
        if ["laptop", "composed"].contains(&self.name.as_str()) {
            self.data_folder().join("results").join(&self.name)
        } else {
            self.folder().join("results")
        }
    }

    pub fn samples_folder(&self) -> PathBuf {
        self.folder().join("samples")
    }

    /// The prepared corpus; made on the first call (download, conversion, splits).
    pub fn corpus(&self) -> Result<Corpus> {
        Corpus::get_or_prepare(&self.preset.corpus, &self.data_folder())
    }

    /// The corpus as tokens. Where the preset says so, the training split is cut to a subset; validation and test never are.
    pub fn data(&self) -> Result<TokenData> {
        Ok(TokenData::open_subset(&self.corpus()?.dir, self.preset.training.train_subset.unwrap_or(usize::MAX))?)
    }

    /// The models of one family, smallest first.
    pub fn ladder(&self, family: Family) -> Result<Vec<Size>> {
        let name = match family {
            Family::Transformer => &self.preset.transformer_ladder,
            Family::Lstm => &self.preset.lstm_ladder,
        };
        Ok(ladder(name, self.data()?.tokenizer.vocab_size(), self.preset.training.block_size)?)
    }

    /// The training of one size as the preset wants it.
    pub fn run_config(&self, size: &Size, data: &TokenData) -> RunConfig {
        let n_tokens = self.preset.training.budget(data.train.len());
        self.preset.run_config(size, data, size.name.clone(), n_tokens)
    }

    /// This study's runs. While one trains, its loss curve is drawn into `figures/live/` for [`crate::figures::live::watch`].
    pub fn runs(&self) -> Result<Runs> {
        let (figures, references) = (self.root.join("figures"), self.recorded_references()?);
        let draw = move |run: &LiveRun| {
            let curves = [&run.train_curve()[..], &run.val_curve()];
            // A picture that cannot be drawn is no reason to stop a training.
            let _ = crate::figures::live::update(&figures, &run.name, curves, references.clone());
        };
        let options = TrainOptions { live: Some(Arc::new(draw)), ..TrainOptions::default() };
        Ok(Runs::open(self.folder().join("runs"))?.with_options(options))
    }

    /// Scores the run's best checkpoint on the test split, once: the result is kept, and later calls return it. A kept result of
    /// the same config with another validation loss comes from another machine's weights and does not count.
    pub fn test_once(&self, run: &Run) -> Result<TestResult> {
        let key = format!("test/{}", run.config.hash());
        let kept: Option<TestResult> = self.recorded(&key)?;
        if let Some(kept) = kept.filter(|kept| (kept.val_loss - run.summary.best_val_loss).abs() < 1e-9) {
            return Ok(kept);
        }
        let data = self.data()?;
        let test_loss = evaluate(&run.best_model()?, &data.test, run.config.block_size, run.config.batch_size)?;
        let result = TestResult {
            run: run.config.name.clone(),
            test_loss,
            perplexity: test_loss.exp(),
            bits_per_char: test_loss / std::f64::consts::LN_2,
            val_loss: run.summary.best_val_loss,
            n_test_tokens: data.test.len(),
        };
        self.record(&key, &result)?;
        Ok(result)
    }
}

impl std::fmt::Display for Study {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Preset { corpus, training, best, seed, .. } = &self.preset;
        writeln!(f, "study   {}: {}", self.name, self.preset.about)?;
        writeln!(f, "corpus  {}", corpus.source)?;
        writeln!(f, "models  {} and {}", self.preset.transformer_ladder, self.preset.lstm_ladder)?;
        writeln!(f, "budget  {training} each; {best}")?;
        write!(f, "device  {}, seed {seed}", crate::training::device_name())
    }
}

impl std::fmt::Display for TestResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let TestResult { run, test_loss, perplexity, bits_per_char, val_loss, n_test_tokens } = self;
        write!(
            f,
            "{run}: test loss {test_loss:.4} nats per token over {n_test_tokens} tokens (validation {val_loss:.4}), \
             perplexity {perplexity:.3}, {bits_per_char:.3} bits per character"
        )
    }
}
