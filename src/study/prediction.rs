//! The prediction of a family's largest loss: written before that model is trained, never after.
//!
//! [`Study::predict`] fits L(N) = a·N^-alpha + c to the smaller models and writes `prediction.json` (of the Transformers) or
//! `prediction_lstm.json`. Training the largest calls it first. What is written after the largest is trained is marked as void: it
//! predicts nothing.

use super::{RunRecord, Study};
use crate::files::{read_json, write_json};
use crate::fitting::{Interval, Law, Point};
use crate::models::{Family, Size};
use crate::training::RunConfig;
use crate::{Error, Result};
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the smaller models said about the largest, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The run that is predicted.
    pub model: String,
    /// Hash of its config.
    pub model_hash: String,
    /// Its size.
    pub n_params: f64,
    /// What was fitted.
    pub law: String,
    /// Nats per token.
    pub predicted: f64,
    /// 95 %, for the loss of one run; `None` where the points leave no degree of freedom.
    pub interval: Option<Interval>,
    /// What L(N) = A + B·ln N says.
    pub log_law: f64,
    /// The smaller runs, one point each.
    pub points: Vec<Point>,
    /// Hashes of the configs of the runs behind the points.
    pub runs: Vec<String>,
    /// Coordinated universal time, such as 2025-03-09 14:05:33 UTC.
    pub written_at: String,
    /// The largest was trained before this was written.
    #[serde(default)]
    pub void: bool,
}

/// The prediction and what was measured afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was said before.
    pub prediction: Prediction,
    /// Nats per token.
    pub measured: f64,
    /// measured - predicted
    pub error: f64,
    /// The same for L(N) = A + B·ln N.
    pub log_law_error: f64,
    /// Whether the interval held the measured loss; `None` where there was no interval.
    pub inside: Option<bool>,
    /// By how much the largest model is better than the best smaller one.
    pub gain_of_last_step: f64,
    /// The run that was measured.
    pub run: String,
}

/// Coordinated universal time, such as 2025-03-09 14:05:33 UTC.
pub(crate) fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() as i64);
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().to_string()
}

impl Prediction {
    /// What these runs say about `largest`, whose training has this config.
    fn from_runs(runs: &[RunRecord], largest: &Size, config: &RunConfig, void: bool) -> Result<Prediction> {
        let points = super::points(runs, super::Axis::Params);
        let (law, log_law) = (Law::Power.fit(&points)?, Law::Log.fit(&points)?);
        let n_params = largest.model.n_params() as f64;
        Ok(Prediction {
            model: largest.name.clone(),
            model_hash: config.hash(),
            n_params,
            law: "a·N^-alpha + c".into(),
            predicted: law.predict(n_params),
            interval: law.prediction_interval(n_params),
            log_law: log_law.predict(n_params),
            points,
            runs: runs.iter().map(|run| run.config.hash()).collect(),
            written_at: now(),
            void,
        })
    }

    /// The comparison with what was measured.
    pub fn compare(&self, measured: f64, run: String) -> Outcome {
        let best = self.points.iter().map(|point| point.val_loss).fold(f64::INFINITY, f64::min);
        Outcome {
            measured,
            error: measured - self.predicted,
            log_law_error: measured - self.log_law,
            inside: self.interval.map(|interval| interval.contains(measured)),
            gain_of_last_step: best - measured,
            run,
            prediction: self.clone(),
        }
    }
}

impl Study {
    /// The prediction of the largest model's loss from the smaller ones of its family.
    ///
    /// Written to a file of its own beside `results.json`, once. It stands as long as it is about the same trainings; where it
    /// isn't, a new one is made. Where the largest is trained already, the new one is void and says so.
    ///
    /// # Errors
    /// A smaller model isn't trained yet, or the file cannot be read or written.
    pub fn predict(&self, family: Family) -> Result<Prediction> {
        let (largest, smaller) = (self.largest(family)?, self.smaller_runs(family)?);
        let config = self.run_config(&largest, &*self.data()?);
        let is_trained = self.runs()?.find(&config)?.is_some();
        let new = Prediction::from_runs(&smaller, &largest, &config, is_trained)?;
        let path = self.results_folder().join(match family {
            Family::Transformer => "prediction.json",
            Family::Lstm => "prediction_lstm.json",
        });
        if path.exists() {
            let earlier: Prediction = read_json(&path, "what it said is lost, remove it")?;
            let same_runs = (&earlier.model_hash, &earlier.runs) == (&new.model_hash, &new.runs);
            if same_runs && (is_trained || !earlier.void && earlier.points == new.points) {
                return Ok(earlier);
            }
        }
        write_json(path, &new)?;
        Ok(new)
    }

    /// The prediction beside the loss that was measured.
    ///
    /// # Errors
    /// The largest model isn't trained yet, or as [`Study::predict`].
    pub fn outcome(&self, family: Family) -> Result<Outcome> {
        let largest = self.largest(family)?;
        let run = self.runs()?.find(&self.run_config(&largest, &*self.data()?))?.ok_or_else(|| {
            Error::Data(format!(
                "{} is not trained yet, so there is nothing to compare with: study.train_size(\"{}\")",
                largest.name, largest.name
            ))
        })?;
        let outcome = self.predict(family)?.compare(run.summary.val_loss, run.config.name);
        self.record(|results| match family {
            Family::Transformer => results.outcome = Some(outcome.clone()),
            Family::Lstm => results.lstm_outcome = Some(outcome.clone()),
        })?;
        Ok(outcome)
    }

    /// Called before each training: predicts the largest model of its family if it is the one, has not been trained, and the smaller
    /// ones have. Too few sizes for a law make no prediction.
    pub(super) fn predict_before_training(&self, config: &RunConfig) -> Result<()> {
        let family = config.model.family();
        let ladder = self.ladder(family)?;
        let is_largest = ladder.last().is_some_and(|largest| largest.name == config.name);
        if is_largest && ladder.len() >= 4 && self.runs()?.find(config)?.is_none() && self.smaller_runs(family).is_ok()
        {
            self.predict(family)?;
        }
        Ok(())
    }

    fn smaller_runs(&self, family: Family) -> Result<Vec<RunRecord>> {
        let mut configs = self.ladder_configs(family)?;
        configs.pop();
        let found = self.found(&configs)?;
        match configs.iter().find(|config| !found.iter().any(|run| run.config.name == config.name)) {
            None => Ok(found.iter().map(RunRecord::from).collect()),
            Some(missing) => Err(Error::Data(format!(
                "{} is not trained yet: a prediction needs all smaller {family}s",
                missing.name
            ))),
        }
    }
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Prediction { model, n_params, predicted, log_law, points, written_at, void, .. } = self;
        if *void {
            writeln!(
                f,
                "VOID: {model} was trained before anything was predicted; what follows was computed afterwards."
            )?;
        }
        writeln!(f, "{model}, {n_params} parameters: {predicted:.4} nats per token by L(N) = a·N^-alpha + c")?;
        match &self.interval {
            Some(interval) => writeln!(f, "95 % interval for one run: {interval}")?,
            None => writeln!(f, "no interval: the points leave no degree of freedom")?,
        }
        writeln!(f, "by L(N) = A + B·ln N: {log_law:.4}")?;
        write!(f, "from {} smaller runs, written {written_at}", points.len())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { prediction, measured, error, log_law_error, gain_of_last_step, .. } = self;
        if prediction.void {
            writeln!(f, "The prediction is VOID: it was computed after {} was trained.", prediction.model)?;
        }
        writeln!(
            f,
            "Predicted {:.4} ({}), measured {measured:.4}: error {error:+.4} nats per token.",
            prediction.predicted, prediction.written_at
        )?;
        writeln!(
            f,
            "{}",
            match (&prediction.interval, self.inside) {
                (Some(interval), Some(true)) => format!("Inside the 95 % interval, {interval}."),
                (Some(interval), _) => format!("OUTSIDE the 95 % interval, {interval}."),
                (None, _) => "There was no interval.".into(),
            }
        )?;
        write!(f, "The log law's error: {log_law_error:+.4}. The last step up bought {gain_of_last_step:.4} nats.")
    }
}

#[cfg(test)]
#[path = "prediction_tests.rs"]
mod of_a_tiny_study;
