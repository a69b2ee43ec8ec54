//! The files of a prepared corpus: `tunes.jsonl`, `failed.csv`, the splits' texts and tokens, the vocabulary, and
//! `corpus.json`, which is written last. Large files are written a tune at a time.

use super::split::Groups;
use super::tune_store::TuneStore;
use super::{CorpusConfig, FailedFile, Split, Tokenizer};
use crate::{Error, Result, files};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Of `corpus.json`; a folder of another version is prepared again.
pub const VERSION: u32 = 2;

/// All files of a prepared corpus but `corpus.json`.
#[rustfmt::skip]
const FILES: [&str; 10] = [
    "tunes.jsonl", "failed.csv", "train.txt", "val.txt", "test.txt", "train.bin", "val.bin", "test.bin", "vocab.json", "meta.pkl",
];

/// `corpus.json`: says that the folder is whole, and what it was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    pub version: u32,
    pub config_hash: String,
    /// Hash of the user's files (see `Source::content`).
    pub source_stamp: String,
    pub config: CorpusConfig,
    pub n_files: usize,
    pub n_inputs: usize,
    pub seconds: f64,
    pub contents: Contents,
    pub groups: Groups,
}

/// How much stands in train, val and test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Contents {
    pub n_tunes: [usize; 3],
    pub n_chars: [usize; 3],
    /// Tunes that stand in none of them.
    pub n_dropped: usize,
}

impl Contents {
    pub fn count(&mut self, split: Option<Split>, n_chars: usize) {
        let Some(split) = split else {
            self.n_dropped += 1;
            return;
        };
        let of_split = self.n_tunes.get_mut(split as usize).zip(self.n_chars.get_mut(split as usize));
        if let Some((tunes, chars)) = of_split {
            *tunes += 1;
            *chars += n_chars;
        }
    }
}

impl Prepared {
    /// What the folder says of itself; `None` if it is not there, not whole, or from another version.
    pub fn read(dir: &Path) -> Option<Prepared> {
        if !FILES.iter().all(|name| dir.join(name).is_file()) {
            return None;
        }
        let prepared: Prepared = files::read_json(dir.join("corpus.json"), "prepare the corpus again").ok()?;
        (prepared.version == VERSION).then_some(prepared)
    }

    /// Marks the folder as whole.
    pub fn write(&self, dir: &Path) -> Result<()> {
        Ok(files::write_json(dir.join("corpus.json"), self)?)
    }

    /// Marks the folder as not whole while its files are being replaced.
    fn remove(dir: &Path) -> Result<()> {
        let path = dir.join("corpus.json");
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("replace", path)(error)),
            _ => Ok(()),
        }
    }
}

/// Writes every file but `corpus.json` from the tunes in `order`. They are made in the folder `drafts` and put into `dir` when
/// all are whole.
pub fn write(dir: &Path, drafts: &Path, store: &TuneStore, order: &[usize]) -> Result<Contents> {
    let (contents, chars) = write_tunes(drafts, store, order)?;
    let tokenizer = Tokenizer::from_chars(chars.into_iter().collect())?;
    for split in Split::ALL {
        write_tokens(drafts, split, &tokenizer)?;
    }
    write_failed(&drafts.join("failed.csv"), &store.failed)?;
    tokenizer.save(drafts)?;
    Prepared::remove(dir)?;
    for name in FILES {
        fs::rename(drafts.join(name), dir.join(name)).map_err(Error::file("write", dir.join(name)))?;
    }
    Ok(contents)
}

/// `tunes.jsonl`, a tune a line, and the texts of the splits, one tune after another; returns the characters that occur.
fn write_tunes(drafts: &Path, store: &TuneStore, order: &[usize]) -> Result<(Contents, BTreeSet<char>)> {
    let mut lines = Draft::new(drafts.join("tunes.jsonl"))?;
    let texts = Split::ALL.map(|split| Draft::new(drafts.join(format!("{split}.txt"))));
    let mut texts = texts.into_iter().collect::<Result<Vec<Draft>>>()?;
    let (mut contents, mut chars, mut line) = (Contents::default(), BTreeSet::new(), Vec::new());
    for row in order.iter().filter_map(|index| store.rows.get(*index)) {
        let tune = store.tune(row)?;
        line.clear();
        tune.write_line(&mut line)?;
        lines.write(&line)?;
        if let Some(text) = tune.split.and_then(|split| texts.get_mut(split as usize)) {
            text.write(tune.abc.as_bytes())?;
            chars.extend(tune.abc.chars());
        }
        contents.count(tune.split, tune.n_chars);
    }
    lines.end()?;
    texts.into_iter().try_for_each(Draft::end)?;
    Ok((contents, chars))
}

/// The tokens of a split's text: little-endian u16.
fn write_tokens(drafts: &Path, split: Split, tokenizer: &Tokenizer) -> Result<()> {
    let path = drafts.join(format!("{split}.txt"));
    let file = fs::File::open(&path).map_err(Error::file("open", &path))?;
    let mut tokens = Draft::new(drafts.join(format!("{split}.bin")))?;
    let (mut reader, mut line) = (BufReader::with_capacity(1 << 20, file), String::new());
    while reader.read_line(&mut line).map_err(Error::file("read", &path))? > 0 {
        let bytes: Vec<u8> = tokenizer.encode(&line)?.into_iter().flat_map(u16::to_le_bytes).collect();
        tokens.write(&bytes)?;
        line.clear();
    }
    tokens.end()
}

/// A file that is being written.
struct Draft {
    path: PathBuf,
    file: BufWriter<fs::File>,
}

impl Draft {
    fn new(path: PathBuf) -> Result<Draft> {
        let file = fs::File::create(&path).map_err(Error::file("create", &path))?;
        Ok(Draft { path, file: BufWriter::with_capacity(1 << 20, file) })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::file("write", &self.path))
    }

    fn end(mut self) -> Result<()> {
        let written = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        written.map_err(Error::file("write", self.path))
    }
}

/// `failed.csv`: source, stage, reason.
pub fn write_failed(path: &Path, failed: &[FailedFile]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = writer.write_record(["source", "stage", "reason"]);
    let rows = failed.iter().map(|row| writer.write_record([&row.source, &row.stage, &row.reason]));
    header.and_then(|()| rows.collect::<Result<(), _>>()).map_err(|error| unwritable("failed.csv", &error))?;
    Ok(files::write_atomic(path, writer.into_inner().map_err(|error| unwritable("failed.csv", &error))?)?)
}

pub fn read_failed(path: &Path) -> Result<Vec<FailedFile>> {
    let text = files::read_text(path)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let broken = |error| Error::Data(format!("{} is not a table of failures: {error}", path.display()));
    reader.deserialize().collect::<Result<_, _>>().map_err(broken)
}

fn unwritable(name: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Data(format!("cannot put {name} together: {error}"))
}
