//! The files of a prepared corpus: `tunes.jsonl`, `failed.csv`, the splits' texts, and `corpus.json`, which is written last.

use super::{CorpusConfig, FailedFile, Split, Tune};
use crate::{Error, Result, files};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// All files of a prepared corpus but `corpus.json`.
const FILES: [&str; 10] = [
    "tunes.jsonl",
    "failed.csv",
    "train.txt",
    "val.txt",
    "test.txt",
    "train.bin",
    "val.bin",
    "test.bin",
    "vocab.json",
    "meta.pkl",
];

/// `corpus.json`: says that the folder is whole, and what it was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    pub version: u32,
    pub config_hash: String,
    /// Changes when the user's files do (see `Source::stamp`).
    pub source_stamp: String,
    pub config: CorpusConfig,
    pub n_files: usize,
    pub n_inputs: usize,
    pub seconds: f64,
}

impl Prepared {
    /// What the folder says of itself; `None` if it is not there, not whole, or from another version.
    pub fn read(dir: &Path) -> Option<Prepared> {
        if !FILES.iter().all(|name| dir.join(name).is_file()) {
            return None;
        }
        serde_json::from_slice(&files::read_bytes(dir.join("corpus.json")).ok()?).ok()
    }

    /// Marks the folder as whole.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self).map_err(|error| unwritable("corpus.json", &error))?;
        files::write_atomic(dir.join("corpus.json"), json)
    }

    /// Marks the folder as not whole while its files are being replaced.
    pub fn remove(dir: &Path) -> Result<()> {
        let path = dir.join("corpus.json");
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("replace", path)(error)),
            _ => Ok(()),
        }
    }
}

/// `tunes.jsonl`: one tune a line.
pub fn write_tunes(path: &Path, tunes: &[Tune]) -> Result<()> {
    let mut lines = Vec::new();
    for tune in tunes {
        serde_json::to_writer(&mut lines, tune).map_err(|error| unwritable("tunes.jsonl", &error))?;
        lines.push(b'\n');
    }
    files::write_atomic(path, lines)
}

pub fn read_tunes(path: &Path) -> Result<Vec<Tune>> {
    let text = files::read_text(path)?;
    let lines = text.lines().enumerate().map(|(index, line)| {
        let broken = |error| Error::Data(format!("line {} of {} is not a tune: {error}", index + 1, path.display()));
        serde_json::from_str(line).map_err(broken)
    });
    lines.collect()
}

/// `failed.csv`: source, stage, reason.
pub fn write_failed(path: &Path, failed: &[FailedFile]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = writer.write_record(["source", "stage", "reason"]);
    let rows = failed.iter().map(|row| writer.write_record([&row.source, &row.stage, &row.reason]));
    header.and_then(|()| rows.collect::<Result<(), _>>()).map_err(|error| unwritable("failed.csv", &error))?;
    files::write_atomic(path, writer.into_inner().map_err(|error| unwritable("failed.csv", &error))?)
}

pub fn read_failed(path: &Path) -> Result<Vec<FailedFile>> {
    let text = files::read_text(path)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let broken = |error| Error::Data(format!("{} is not a table of failures: {error}", path.display()));
    reader.deserialize().collect::<Result<_, _>>().map_err(broken)
}

/// The texts of a split's tunes one after another.
pub fn text_of(tunes: &[Tune], split: Split) -> String {
    tunes.iter().filter(|tune| tune.split == Some(split)).map(|tune| tune.abc.as_str()).collect()
}

fn unwritable(name: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Data(format!("cannot put {name} together: {error}"))
}
