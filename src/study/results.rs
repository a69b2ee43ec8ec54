//! `results.json`: every number that a report quotes, with the run it came from.
//!
//! ```no_run
//! use music_scaling::prelude::*;
//! let study = Study::open_default()?;
//! study.record(|results| results.baselines.unigram = Some(3.149))?;
//! println!("{:?}", study.results()?.baselines.unigram);
//! # Ok::<(), Error>(())
//! ```

use super::{BestNGram, ByPosition, Emergence, Floor, Gzip, Induction, Judged, Outcome, Study, TestResult};
use crate::data::{Corpus, SourceEntropy, Split};
use crate::files::{Lock, read_json, write_json};
use crate::generation::{Comparison, Rates};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

const VERSION: u32 = 2; // 1 was a map of keys such as "baselines/ngram"
const ADVICE: &str = "move it away, and cargo run -- study writes it again from the runs";

/// What `results.json` holds; a section is empty until its notebook has filled it. Losses are nats per token. A [`Value`] is a fit as
/// the crate scaling-laws writes it, or the sentence that says why there is none: it follows from `runs.jsonl` alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Results {
    /// Of this form of the file.
    pub version: u32,
    /// The study's name.
    pub study: String,
    /// 01: what became of the corpus.
    pub corpus: Option<CorpusResult>,
    /// 02: what needs no neural model.
    pub baselines: Baselines,
    /// 03: each size and its loss before training, about ln(vocab_size).
    pub first_losses: Vec<(String, f64)>,
    /// 04: the prediction of the largest Transformer and what was measured.
    pub outcome: Option<Outcome>,
    /// 05: the same of the largest LSTM.
    pub lstm_outcome: Option<Outcome>,
    /// 05: (parameters of an LSTM, its loss minus that of a Transformer of its size)
    pub lstm_minus_transformer: Vec<(f64, f64)>,
    /// 05: loss at growing distance from the beginning of the context.
    pub by_position: Vec<ByPosition>,
    /// 05: how far back a gradient reaches.
    pub gradient_horizon: Option<GradientHorizon>,
    /// 06: the runs behind the laws and the validation loss of each, repeats included, smallest first.
    pub transformers: Vec<(String, f64)>,
    /// The same of the LSTMs.
    pub lstms: Vec<(String, f64)>,
    /// 06: what follows from them.
    pub laws: Option<LawResults>,
    /// 06: (published fit, whether its numbers came out again)
    pub reproduced: Vec<(String, bool)>,
    /// 06: [`super::Exhibit`]s, ours and those of the museum.
    pub exponents: Value,
    /// 06: the entropy of the text, where its source is known.
    pub source: Option<SourceEntropy>,
    /// 06: each family's floor beside that entropy.
    pub floors: Vec<Floor>,
    /// 07: the runs of `[best]` and the lowest validation loss of each.
    pub longer: Vec<(String, f64)>,
    /// 07: the run that writes the tunes.
    pub best_run: Option<String>,
    /// 07: what was tested, by the hash of its config.
    pub test: BTreeMap<String, TestResult>,
    /// 07: the best n-gram on the same text.
    pub test_ngram: Option<TestResult>,
    /// 07: what the best model wrote.
    pub generation: GenerationResults,
}

/// What became of a corpus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusResult {
    /// Its name.
    pub source: String,
    /// Share of the files that could be read.
    pub success_rate: f64,
    /// Files that were read.
    pub n_files: usize,
    /// Tunes in them.
    pub n_inputs: usize,
    /// Files or tunes that could not be read.
    pub n_failed: usize,
    /// Tunes kept.
    pub n_kept: usize,
    /// Tunes left out.
    pub n_dropped: usize,
    /// (tunes, characters) of each split.
    pub train: (usize, usize),
    /// See `train`.
    pub val: (usize, usize),
    /// See `train`.
    pub test: (usize, usize),
}

/// Losses on validation without a neural model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Baselines {
    /// Of the characters' frequencies.
    pub unigram: Option<f64>,
    /// Of the best n-gram.
    pub ngram: Option<BestNGram>,
    /// Of gzip.
    pub gzip: Option<Gzip>,
    /// The entropy of the validation text, where the source is known.
    pub entropy_floor: Option<f64>,
}

/// Characters back at which a hundredth of the gradient is left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradientHorizon {
    /// The LSTM that was asked.
    pub run: String,
    /// Before training.
    pub fresh: f64,
    /// After it.
    pub trained: f64,
}

/// Everything that the runs say, computed from their records alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LawResults {
    /// L(N) = a·N^-alpha + c of the Transformers.
    pub transformer: Value,
    /// L(N) = A + B·ln N of the Transformers.
    pub transformer_log: Value,
    /// L(N) = a·N^-alpha + c of the LSTMs.
    pub lstm: Value,
    /// L(N) = A + B·ln N of the LSTMs.
    pub lstm_log: Value,
    /// [`super::Families::rank_laws`]
    pub ranking: Value,
    /// [`super::Families::sensitivity`]
    pub sensitivity: Value,
    /// [`super::Families::objectives`]
    pub objectives: Value,
    /// [`super::Families::compare`] at equal size.
    pub at_equal_size: Value,
    /// [`super::Families::compare`] at equal cost.
    pub at_equal_flops: Value,
    /// The runs of `[isoflop]`.
    pub isoflop_runs: Vec<String>,
    /// Length of the text that they may have seen several times.
    pub n_unique_tokens: usize,
    /// [`super::Budgets::profiles`]
    pub isoflop: Value,
    /// [`super::Budgets::in_n_and_d`] by least squares.
    pub in_n_and_d: Value,
    /// The same by the Chinchilla objective.
    pub in_n_and_d_huber: Value,
    /// [`super::Budgets::repeated`]
    pub repeated: Value,
    /// [`super::Budgets::countings`]
    pub countings: Value,
}

/// What became of the tunes that the models wrote, and of people's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenerationResults {
    /// Of the tunes that 07 shows.
    pub shown: Option<Rates>,
    /// The ceiling: people's held-out tunes.
    pub people: Option<Judged>,
    /// Of every run, from nothing and from a header, by falling validation loss.
    pub judged: Vec<Judged>,
    /// The size at which each ability is reached.
    pub emergence: Vec<Emergence>,
    /// What repetition is worth to each run's model.
    pub induction: Vec<Induction>,
    /// The features of the best model's tunes from a header beside people's.
    pub features: Option<Comparison>,
    /// The best model from a header, drawn otherwise; last from nothing, guided.
    pub drawings: Vec<Judged>,
}

impl From<&Corpus> for CorpusResult {
    fn from(corpus: &Corpus) -> CorpusResult {
        let size = |split| (corpus.n_tunes(split), corpus.n_chars(split));
        CorpusResult {
            source: corpus.config.name(),
            success_rate: corpus.success_rate(),
            n_files: corpus.n_files,
            n_inputs: corpus.n_inputs,
            n_failed: corpus.failed.len(),
            n_kept: corpus.n_kept(),
            n_dropped: corpus.n_dropped(),
            train: size(Split::Train),
            val: size(Split::Val),
            test: size(Split::Test),
        }
    }
}

impl Study {
    /// Changes `results.json`; what other cells recorded stays.
    ///
    /// # Errors
    /// The file cannot be read or written, or a number in it is none.
    pub fn record(&self, change: impl FnOnce(&mut Results)) -> Result<()> {
        let _alone = self.lock_results()?;
        let mut results = self.results()?;
        change(&mut results);
        // JSON has no NaN: what cannot be read again must not take the place of what can.
        let again = serde_json::to_value(&results).and_then(serde_json::from_value::<Results>);
        again.map_err(|error| Error::Data(format!("a result is not a number, nothing was recorded ({error})")))?;
        Ok(write_json(self.results_folder().join("results.json"), &results)?)
    }

    /// What is recorded so far.
    ///
    /// # Errors
    /// The file is damaged or of another version.
    pub fn results(&self) -> Result<Results> {
        let path = self.results_folder().join("results.json");
        if !path.exists() {
            return Ok(Results { version: VERSION, study: self.name().to_owned(), ..Results::default() });
        }
        let value: Value = read_json(&path, ADVICE)?;
        let refused = |what: String| Error::Data(format!("{} {what}: {ADVICE}", path.display()));
        if value["version"] != VERSION {
            let found = value["version"].as_u64().unwrap_or(1);
            return Err(refused(format!("is of version {found}, and this program reads version {VERSION}")));
        }
        serde_json::from_value(value).map_err(|error| refused(format!("is damaged ({error})")))
    }

    /// Two notebooks may record at the same time: whoever holds this file's lock reads, changes and writes alone.
    pub(super) fn lock_results(&self) -> Result<Lock> {
        Ok(Lock::wait(self.folder().join("results.lock"))?)
    }
}

/// A fit as it stands in the file, or the reason why there is none. Fits are numbers, texts and lists: they cannot fail to be JSON.
pub(super) fn fit_or_reason<T: Serialize>(fit: Result<T>) -> Value {
    match fit {
        Ok(fit) => serde_json::to_value(fit).unwrap_or_default(),
        Err(reason) => Value::String(reason.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_cells_recorded_stays_and_what_is_no_number_is_not_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let study = Study::smoke_in(folder.path());
        study.record(|results| results.baselines.unigram = Some(3.1)).unwrap();
        study.record(|results| results.longer = vec![("xl".into(), 0.9)]).unwrap();
        let error = study.record(|results| results.longer = vec![("xl".into(), f64::NAN)]).unwrap_err().to_string();
        assert!(error.starts_with("a result is not a number, nothing was recorded"), "{error}");
        let results = study.results().unwrap();
        assert_eq!((results.version, results.study.as_str()), (VERSION, "tiny"));
        assert_eq!((results.baselines.unigram, results.longer), (Some(3.1), vec![("xl".into(), 0.9)]));
    }

    #[test]
    fn a_file_of_another_version_or_with_unknown_fields_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let study = Study::smoke_in(folder.path());
        let path = study.results_folder().join("results.json");
        for (text, expected) in [
            ("{\"baselines/unigram\": 3.1}", "is of version 1, and this program reads version 2"),
            ("{\"version\": 3}", "is of version 3, and this program reads version 2"),
            ("{\"version\": 2, \"losses\": 1}", "is damaged (unknown field `losses`"),
        ] {
            crate::files::write_atomic(&path, text).unwrap();
            let error = study.results().unwrap_err().to_string();
            assert!(error.contains(expected) && error.ends_with(ADVICE), "{error}");
        }
    }
}
