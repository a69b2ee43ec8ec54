//! `metrics.jsonl`: one JSON object a line, whole lines after any kill.
//!
//! Lines are appended with one write each. A checkpoint notes how long the file was; a resumed run cuts the file back
//! to that length, so that in the end it has the lines of a run that was never disturbed.

use crate::files::read_text;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Metric {
    /// Optimiser steps taken.
    pub step: usize,
    /// Tokens trained on so far.
    pub tokens: u64,
    /// Mean loss of the training batches since the line before, nats per token.
    pub train_loss: f64,
    /// Loss over the full validation split, nats per token, where this step was validated.
    pub val_loss: Option<f64>,
    /// The learning rate of this step.
    pub lr: f64,
    /// Global norm of this step's gradient before clipping.
    pub grad_norm: f64,
    /// Training speed since the line before, validation and saving not counted.
    pub tokens_per_s: f64,
    /// Time spent on this run, all calls together.
    pub elapsed_s: f64,
    /// The most memory of the device so far that this run has added to what was held before it, MB; 0 where not known.
    pub peak_rss_mb: f64,
}

/// Twelve significant digits: more than any loss is good for, and few enough that every JSON reader gives the same bits back
/// (serde_json's default reader is off by the last bit of some seventeen-digit numbers).
pub(super) fn twelve_digits(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

/// The file while it grows.
#[derive(Debug)]
pub(super) struct MetricsLog {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl MetricsLog {
    /// Opens the file and drops what lies beyond `keep` bytes. Errors: the file is shorter than that.
    pub(super) fn open(path: &Path, keep: u64) -> Result<Self> {
        let opened = File::options().create(true).write(true).truncate(false).open(path);
        let mut file = opened.map_err(Error::file("open", path))?;
        let length = file.metadata().map_err(Error::file("read", path))?.len();
        if length < keep {
            return Err(Error::Checkpoint(format!(
                "{} has {length} bytes, but its checkpoint was made when it had {keep}; remove the run's folder to train it again",
                path.display()
            )));
        }
        file.set_len(keep).and_then(|()| file.seek(SeekFrom::End(0))).map_err(Error::file("write", path))?;
        Ok(MetricsLog { path: path.to_path_buf(), file, bytes: keep })
    }

    pub(super) fn append(&mut self, metric: &Metric) -> Result<()> {
        let line = serde_json::to_string(metric)
            .map_err(|error| Error::Checkpoint(format!("cannot write a line of {}: {error}", self.path.display())))?;
        let line = line + "\n";
        self.file.write_all(line.as_bytes()).map_err(Error::file("write", &self.path))?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// Makes sure that the lines are on the disk, and says how many bytes they are.
    pub(super) fn sync(&self) -> Result<u64> {
        self.file.sync_data().map_err(Error::file("write", &self.path))?;
        Ok(self.bytes)
    }
}

/// All whole lines of the file; a last line that a kill cut off is left out.
pub(super) fn read_metrics(path: &Path) -> Result<Vec<Metric>> {
    let text = read_text(path)?;
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
    let parse = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|_| {
            Error::Checkpoint(format!(
                "line {} of {} is not a whole record of a step: two processes wrote at once, or it was edited; delete the line to go \
                 on without it, or remove the run's folder to train the run again",
                number + 1,
                path.display()
            ))
        })
    };
    whole.lines().enumerate().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(step: usize) -> Metric {
        Metric { step, train_loss: 1.0 / step as f64, ..Metric::default() }
    }

    #[test]
    fn numbers_of_twelve_digits_come_back_from_json_bit_for_bit() {
        for i in 1..20_000u32 {
            let value = twelve_digits(f64::from(i).sqrt() * 10f64.powi(i as i32 % 19 - 9));
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<f64>(&text).unwrap().to_bits(), value.to_bits(), "{text}");
        }
    }

    #[test]
    fn a_torn_line_is_never_read_and_lines_after_the_checkpoint_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(&path, 0).unwrap();
        log.append(&metric(1)).unwrap();
        let kept = log.sync().unwrap();
        log.append(&metric(2)).unwrap();
        log.file.write_all(b"{\"step\":3,\"tok").unwrap(); // what a kill leaves
        assert_eq!(read_metrics(&path).unwrap().len(), 2);
        let mut log = MetricsLog::open(&path, kept).unwrap();
        log.append(&metric(2)).unwrap();
        let steps: Vec<usize> = read_metrics(&path).unwrap().iter().map(|metric| metric.step).collect();
        assert_eq!(steps, [1, 2]);
        assert!(MetricsLog::open(&path, 1 << 20).unwrap_err().to_string().contains("its checkpoint was made when"));
    }
}
