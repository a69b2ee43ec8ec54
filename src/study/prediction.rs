//! The prediction of the largest Transformer's loss: written before it is trained, never after.
//!
//! [`Study::predict`] fits L(N) = a·N^-alpha + c to the smaller Transformers and writes `prediction.json`. Training the largest
//! calls it first. Once the largest is trained the file is not written any more: without it there is no comparison.

use super::{RunRecord, Study};
use crate::files::{read_text, write_atomic};
use crate::fitting::{Interval, Law, Point};
use crate::models::{Family, Size};
use crate::training::{Run, RunConfig};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the smaller models said about the largest, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The run that is predicted, and the hash of its config.
    pub model: String,
    pub model_hash: String,
    pub n_params: f64,
    pub law: String,
    /// Nats per token.
    pub predicted: f64,
    /// 95 %, for the loss of one run; `None` where the points leave no degree of freedom.
    pub interval: Option<Interval>,
    /// What L(N) = A + B·ln N says.
    pub log_law: f64,
    pub points: Vec<Point>,
    /// Hashes of the configs of the runs behind the points.
    pub runs: Vec<String>,
    /// Coordinated universal time, such as 2025-03-09 14:05:33 UTC.
    pub written_at: String,
}

/// The prediction and what was measured afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub prediction: Prediction,
    /// Nats per token.
    pub measured: f64,
    /// measured - predicted
    pub error: f64,
    pub log_law_error: f64,
    /// Whether the interval held the measured loss; `None` where there was no interval.
    pub inside: Option<bool>,
    /// By how much the largest model is better than the best smaller one.
    pub gain_of_last_step: f64,
    pub run: String,
}

impl Prediction {
    /// The prediction that these runs, smaller than the largest, make.
    pub fn from_runs(
        runs: &[RunRecord],
        largest: &Size,
        largest_hash: String,
        written_at: String,
    ) -> Result<Prediction> {
        let points = super::points(runs, super::Axis::Params);
        let (law, log_law) = (Law::Power.fit(&points)?, Law::Log.fit(&points)?);
        let n_params = largest.model.n_params() as f64;
        Ok(Prediction {
            model: largest.name.clone(),
            model_hash: largest_hash,
            n_params,
            law: "a·N^-alpha + c".into(),
            predicted: law.predict(n_params),
            interval: law.prediction_interval(n_params),
            log_law: log_law.predict(n_params),
            points,
            runs: runs.iter().map(|run| run.config.hash()).collect(),
            written_at,
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
    /// The prediction of the largest Transformer's loss from the smaller ones.
    ///
    /// Written to `prediction.json` beside `results.json`, once. It stands as long as it is about the same trainings; where
    /// it isn't, a new one is made, unless the largest is trained already: then it is an error, for nothing was predicted. Errors
    /// also where a smaller model isn't trained yet.
    pub fn predict(&self) -> Result<Prediction> {
        let (data, runs) = (self.data()?, self.runs()?);
        let largest = self.largest(Family::Transformer)?;
        let config = self.run_config(&largest, &data);
        let (smaller, hash) = (self.smaller_runs()?, config.hash());
        let hashes: Vec<String> = smaller.iter().map(|run| run.config.hash()).collect();
        let points = super::points(&smaller, super::Axis::Params);
        let earlier = self.written_prediction()?.filter(|earlier| earlier.model_hash == hash && earlier.runs == hashes);
        let is_trained = runs.find(&config)?.is_some();
        match earlier {
            Some(earlier) if is_trained || earlier.points == points => Ok(earlier),
            None if is_trained => Err(Error::Data(format!(
                "{} is trained already and nothing was predicted before: a prediction made now would be none. To make one, move \
                 {} away and run the notebook again",
                largest.name,
                runs.dir.join(&largest.name).display()
            ))),
            _ => {
                let prediction = Prediction::from_runs(&smaller, &largest, hash, now())?;
                let text = serde_json::to_string_pretty(&prediction)
                    .map_err(|error| Error::Config(format!("cannot write the prediction: {error}")))?;
                write_atomic(self.prediction_path(), text + "\n")?;
                Ok(prediction)
            }
        }
    }

    /// The prediction beside the loss that was measured. Errors where no prediction was written before, or the largest
    /// Transformer isn't trained yet.
    pub fn outcome(&self) -> Result<Outcome> {
        let (data, largest) = (self.data()?, self.largest(Family::Transformer)?);
        let config = self.run_config(&largest, &data);
        let Some(run) = self.runs()?.find(&config)? else {
            return Err(Error::Data(format!(
                "{} is not trained yet, so there is nothing to compare with: study.train_size(\"{}\")",
                largest.name, largest.name
            )));
        };
        let prediction = self.written_prediction()?.filter(|prediction| prediction.model_hash == config.hash());
        let prediction = prediction.ok_or_else(|| {
            Error::Data(format!(
                "no prediction was written before {} was trained, so there is nothing to compare: study.predict() belongs before",
                largest.name
            ))
        })?;
        let outcome = prediction.compare(run.summary.val_loss, run.config.name);
        self.record("prediction/outcome", &outcome)?;
        Ok(outcome)
    }

    /// Called before each training: predicts the largest Transformer if it is the one, has not been trained, and the smaller ones
    /// have. Too few sizes for a law make no prediction.
    pub(super) fn predict_before_training(&self, config: &RunConfig) -> Result<()> {
        let ladder = self.ladder(Family::Transformer)?;
        let is_largest = ladder.last().is_some_and(|largest| largest.name == config.name);
        if is_largest && ladder.len() >= 4 && self.runs()?.find(config)?.is_none() && self.smaller_runs().is_ok() {
            self.predict()?;
        }
        Ok(())
    }

    fn smaller_runs(&self) -> Result<Vec<RunRecord>> {
        let (data, runs) = (self.data()?, self.runs()?);
        let mut ladder = self.ladder(Family::Transformer)?;
        ladder.pop();
        let found = |size: &Size| -> Result<Run> {
            runs.find(&self.run_config(size, &data))?.ok_or_else(|| {
                Error::Data(format!("{} is not trained yet: a prediction needs all smaller Transformers", size.name))
            })
        };
        ladder.iter().map(|size| Ok(RunRecord::from(&found(size)?))).collect()
    }

    fn written_prediction(&self) -> Result<Option<Prediction>> {
        let path = self.prediction_path();
        if !path.exists() {
            return Ok(None);
        }
        serde_json::from_str(&read_text(&path)?).map(Some).map_err(|error| {
            Error::Config(format!("{} is not a prediction ({error}): what it said is lost, remove it", path.display()))
        })
    }

    fn prediction_path(&self) -> PathBuf {
        self.results_folder().join("prediction.json")
    }
}

fn now() -> String {
    utc(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()))
}

/// The date of a number of seconds since 1970, by the civil calendar (H. Hinnant, "chrono-compatible low-level date algorithms").
fn utc(seconds: u64) -> String {
    let (days, second) = ((seconds / 86_400) as i64, seconds % 86_400);
    let shifted = days + 719_468; // days since 1 March of year 0
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097)); // 400 years
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100); // from 1 March
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + 400 * era + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Prediction { model, n_params, predicted, log_law, points, written_at, .. } = self;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_dates_that_the_calendar_knows() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_827_696), "2000-02-29 12:34:56 UTC");
        assert_eq!(utc(1_735_689_599), "2024-12-31 23:59:59 UTC");
    }
}
