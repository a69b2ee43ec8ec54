//! A study: one preset = corpus + two ladders of models + budgets + folders. What every notebook opens first.
//!
//! ```no_run
//! # use music_scaling::prelude::*;
//! let study = Study::open_default()?;                  // the preset that the environment variable STUDY names
//! let runs = study.train(Family::Transformer)?;        // trains what is not trained yet
//! # Ok::<(), Error>(())
//! ```

mod baselines;
mod budgets;
mod by_position;
mod families;
mod floors;
mod induction;
mod jury;
mod kernel;
mod learning_rate;
mod limits;
mod museum;
mod music_count;
mod pictures;
pub mod place;
mod prediction;
mod preset;
mod records;
mod rehearsal;
mod results;
mod subject;
mod sweep;
mod trainings;
mod tuning;

pub use baselines::{BestNGram, Gzip};
pub use budgets::Budgets;
pub use by_position::{ByPosition, loss_by_position};
pub use families::{
    CountingRow, Families, FittedVariant, countings_table, laws_table, objectives_table, sensitivity_table,
};
pub use floors::{Floor, Floors};
pub use induction::{Induction, attention_arcs, attention_roll, induction};
pub use jury::{Emergence, Judged, Jury, Start};
pub use learning_rate::LearningRate;
pub use museum::{Exhibit, museum_figure, museum_table};
pub use music_count::MusicCount;
pub use pictures::findings_figure;
pub(crate) use prediction::now;
pub use prediction::{Outcome, Prediction};
pub use preset::{Best, Generation, IsoFlopBudgets, Preset, Repeats, Training};
pub use records::{Axis, Counting, RunRecord, points, read_records};
pub use rehearsal::Rehearsal;
pub use results::{Baselines, CorpusResult, GenerationResults, GradientHorizon, LawResults, Results};
pub use subject::Subject;
pub use sweep::SweepTable;
pub use tuning::Sweep;

use self::preset::VOCAB_SIZE;
use crate::data::{Corpus, CorpusConfig, Split, TokenData};
use crate::models::{Family, Size};
use crate::training::{Run, RunConfig, Runs, TrainOptions, evaluate};
use crate::{Error, Result};
use std::path::{Path, PathBuf, absolute};
use std::sync::{Arc, OnceLock};

/// An opened study. Cheap to make and to clone: it holds the preset and knows the folders. Corpus and tokens are opened when they are
/// first asked for, once for all clones.
#[derive(Debug, Clone)]
pub struct Study {
    /// What `STUDY` or `--preset` said: a built-in name or the path of a TOML file.
    argument: String,
    name: String,
    /// Changes made here hold from the next call on.
    pub preset: Preset,
    root: PathBuf,
    results: PathBuf,
    opened: Arc<OnceLock<Opened>>,
}

/// The corpus and its tokens in memory.
#[derive(Debug, Clone)]
struct Opened {
    /// What was asked for: another choice in [`Study::preset`] is another corpus.
    of: (CorpusConfig, Option<usize>),
    corpus: Arc<Corpus>,
    data: Arc<TokenData>,
    /// Names the data; the preset decides all else.
    config: RunConfig,
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
    /// Code length of the test split for each of its notes ([`MusicCount`]); `None` for a text without tunes.
    #[serde(default)]
    pub bits_per_note: Option<f64>,
    /// The same for each beat.
    #[serde(default)]
    pub bits_per_beat: Option<f64>,
    /// Nats per token over the validation split.
    pub val_loss: f64,
    /// Length of the test split.
    pub n_test_tokens: usize,
}

impl TestResult {
    /// Of a run, or of whatever else was tested, on the test split of `data`.
    pub fn new(run: impl Into<String>, test_loss: f64, val_loss: f64, data: &TokenData) -> TestResult {
        let music = MusicCount::of(data, Split::Test);
        TestResult {
            run: run.into(),
            test_loss,
            perplexity: test_loss.exp(),
            bits_per_char: test_loss / std::f64::consts::LN_2,
            bits_per_note: music.map(|music| music.bits_per_note(test_loss)),
            bits_per_beat: music.map(|music| music.bits_per_beat(test_loss)),
            val_loss,
            n_test_tokens: data.test.len(),
        }
    }
}

impl Study {
    /// Opens the study that the environment variable `STUDY` names; `laptop` where it is not set.
    ///
    /// # Errors
    /// As [`Study::open`].
    pub fn open_default() -> Result<Study> {
        kernel::greet();
        Study::open(&std::env::var("STUDY").unwrap_or_else(|_| "laptop".into()))
    }

    /// Opens a built-in preset by name, or a user's by the path of its TOML file. Figures are saved into its folder from now on.
    ///
    /// # Errors
    /// The preset is not valid, or the current folder is in no project.
    pub fn open(argument: &str) -> Result<Study> {
        let study = Study::beside(argument)?;
        crate::figures::save_into(study.figures_folder());
        Ok(study)
    }

    /// The same beside an opened study, whose figures stay where they are.
    fn beside(argument: &str) -> Result<Study> {
        let (name, preset) = Preset::load(argument)?;
        // A notebook starts in another folder than whoever names it a preset.
        let path = absolute(argument).map_err(Error::file("find", argument))?;
        let argument = if argument.ends_with(".toml") { path.display().to_string() } else { argument.to_owned() };
        let root = place::find_root()?;
        place::link_finished(&root)?;
        let results = place::data_folder(&root).join("studies").join(&name).join("results");
        Ok(Study { argument, name, preset, root, results, opened: Arc::default() })
    }

    /// The same, read from its committed records where it was not run here.
    pub fn or_committed(self) -> Study {
        let was_run = self.results.join("results.json").exists();
        let results = if was_run { self.results } else { self.committed_results_folder() };
        Study { results, ..self }
    }

    /// The smoke study under another name, all of it in one folder.
    #[cfg(test)]
    pub(crate) fn smoke_in(folder: &Path) -> Study {
        let (_, preset) = Preset::load("smoke").expect("a built-in preset");
        let (root, results) = (folder.to_owned(), folder.join("results"));
        Study { argument: "tiny".into(), name: "tiny".into(), preset, root, results, opened: Arc::default() }
    }

    /// The project's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Of the built-in preset, or of the TOML file without its ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What [`Study::open`] finds this study by, from every folder.
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

    /// Where notebooks save figures.
    pub fn figures_folder(&self) -> PathBuf {
        self.folder().join("figures")
    }

    /// Where executed notebooks go.
    pub fn notebooks_folder(&self) -> PathBuf {
        self.folder().join("notebooks")
    }

    /// The compact records that a report quotes.
    pub fn results_folder(&self) -> &Path {
        &self.results
    }

    /// `data/results/<name>/`: such records of a study that was run and committed.
    pub fn committed_results_folder(&self) -> PathBuf {
        self.root.join("data/results").join(&self.name)
    }

    /// Where the best model's tunes go.
    pub fn samples_folder(&self) -> PathBuf {
        self.folder().join("samples")
    }

    /// The prepared corpus; made on the first call (download, conversion, splits).
    ///
    /// # Errors
    /// It cannot be had, read or written.
    pub fn corpus(&self) -> Result<Arc<Corpus>> {
        Ok(self.opened()?.corpus)
    }

    /// The corpus as tokens. Where the preset says so, the training split is cut to a subset; validation and test never are.
    ///
    /// # Errors
    /// As [`Study::corpus`].
    pub fn data(&self) -> Result<Arc<TokenData>> {
        Ok(self.opened()?.data)
    }

    fn opened(&self) -> Result<Opened> {
        let of = (self.preset.corpus.clone(), self.preset.training.train_subset);
        if let Some(opened) = self.opened.get().filter(|opened| opened.of == of) {
            return Ok(opened.clone());
        }
        let corpus = Arc::new(Corpus::get_or_prepare(&self.preset.corpus, &self.data_folder())?);
        let data = Arc::new(TokenData::open_subset(&corpus.dir, of.1.unwrap_or(usize::MAX))?);
        let any_model = self.preset.ladder(Family::Lstm, data.tokenizer.vocab_size()).remove(0).model;
        let opened = Opened { of, corpus, config: RunConfig::new("", &any_model, &data, 0), data };
        let _ = self.opened.set(opened.clone()); // taken already: the preset was changed, and each call opens what it says now
        Ok(opened)
    }

    /// The models of one family, smallest first.
    ///
    /// # Errors
    /// As [`Study::corpus`], which has the vocabulary.
    pub fn ladder(&self, family: Family) -> Result<Vec<Size>> {
        Ok(self.preset.ladder(family, self.data()?.tokenizer.vocab_size()))
    }

    /// The training of one size as the preset wants it.
    pub fn run_config(&self, size: &Size, data: &TokenData) -> RunConfig {
        self.config(size, data, self.preset.training.budget(data.train.len()))
    }

    /// The same with a budget of its own.
    fn config(&self, size: &Size, data: &TokenData, n_tokens: u64) -> RunConfig {
        let opened = self.opened.get().filter(|opened| std::ptr::eq(&*opened.data, data)); // hashed already
        let config = opened.map_or_else(|| RunConfig::new("", &size.model, data, 0), |opened| opened.config.clone());
        self.preset.run_config(config, size, n_tokens)
    }

    /// This study's runs. While one trains, its loss curve is drawn into `figures/live/` for [`crate::figures::live::watch`].
    ///
    /// # Errors
    /// The folder of the runs cannot be made, or `results.json` cannot be read.
    pub fn runs(&self) -> Result<Runs> {
        let (figures, references) = (place::home(&self.root).join("figures"), self.results()?.baselines.references());
        let draw = move |run: &Run| {
            let curves = [&run.train_curve()[..], &run.val_curve()];
            // A picture that cannot be drawn is no reason to stop a training.
            let _ = crate::figures::live::update(&figures, &run.config.name, curves, references.clone());
        };
        let options = TrainOptions { live: Some(Arc::new(draw)), ..TrainOptions::default() };
        Ok(Runs::open(self.folder().join("runs"))?.with_options(options))
    }

    /// Scores the run's best checkpoint on the test split, once: the result is kept, and later calls return it. A kept result of
    /// the same config with another validation loss comes from another machine's weights and does not count.
    ///
    /// # Errors
    /// The checkpoint or the data cannot be read.
    pub fn test_once(&self, run: &Run) -> Result<TestResult> {
        let (hash, val_loss) = (run.config.hash(), run.summary.best_val_loss);
        let kept = self.results()?.test.remove(&hash);
        let data = self.data()?;
        let test_loss = match kept.filter(|kept| (kept.val_loss - val_loss).abs() < 1e-9) {
            Some(kept) => kept.test_loss,
            None => evaluate(&run.best_model()?, &data.test, run.config.block_size, run.config.batch_size)?,
        };
        let result = TestResult::new(&run.config.name, test_loss, val_loss, &data);
        self.record(|results| drop(results.test.insert(hash, result.clone())))?;
        Ok(result)
    }
}

impl std::fmt::Display for Study {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Preset { corpus, training, best, seed, .. } = &self.preset;
        writeln!(f, "study   {}: {}", self.name, self.preset.about)?;
        writeln!(f, "corpus  {}", corpus.source)?;
        let ends = |family| {
            let ladder = self.preset.ladder(family, VOCAB_SIZE);
            let names: Vec<&str> = ladder.iter().map(|size| size.name.as_str()).collect();
            format!("{} from {} to {}", names.len(), names.first().unwrap_or(&"-"), names.last().unwrap_or(&"-"))
        };
        writeln!(f, "models  {}; {}", ends(Family::Transformer), ends(Family::Lstm))?;
        writeln!(f, "budget  {training} each; {best}")?;
        write!(f, "device  {}, seed {seed}", crate::training::device_name())
    }
}

impl std::fmt::Display for TestResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let TestResult { run, test_loss, perplexity, bits_per_char, val_loss, n_test_tokens, .. } = self;
        write!(
            f,
            "{run}: test loss {test_loss:.4} nats per token over {n_test_tokens} tokens (validation {val_loss:.4}), \
             perplexity {perplexity:.3}, {bits_per_char:.3} bits per character"
        )?;
        match self.bits_per_note.zip(self.bits_per_beat) {
            Some((note, beat)) => write!(f, ", {note:.2} per note, {beat:.2} per beat"),
            None => Ok(()),
        }
    }
}
