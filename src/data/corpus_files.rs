//! The files of a prepared corpus: `tunes.jsonl`, `failed.csv`, the splits' texts and tokens, the vocabulary, and
//! `corpus.json`, which is written last. Large files are written a tune at a time.

use super::tune_store::TuneStore;
use super::{FailedFile, Split, Tokenizer};
use crate::{Error, Result, files};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

/// Of `corpus.json`; a folder of another version is prepared again.
pub const VERSION: u32 = 2;

/// All files of a prepared corpus but `corpus.json`.
#[rustfmt::skip]
const FILES: [&str; 10] = [
    "tunes.jsonl", "failed.csv", "train.txt", "val.txt", "test.txt", "train.bin", "val.bin", "test.bin", "vocab.json", "meta.pkl",
];

/// How much stands in train, val and test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Contents {
    pub n_tunes: [usize; 3],
    pub n_chars: [usize; 3],
    /// Tunes that stand in none of them.
    pub n_dropped: usize,
}

impl Contents {
    /// Counts a tune.
    pub fn count(&mut self, split: Option<Split>, n_chars: usize) {
        match split {
            Some(split) => {
                self.n_tunes[split as usize] += 1;
                self.n_chars[split as usize] += n_chars;
            }
            None => self.n_dropped += 1,
        }
    }
}

/// Whether all files are there but `corpus.json`.
pub fn are_there(dir: &Path) -> bool {
    FILES.iter().all(|name| dir.join(name).is_file())
}

/// Writes every file but `corpus.json` from the tunes in `order`. They are made in the folder `drafts` and put into `dir` when
/// all are whole. Without a vocabulary, that of the tunes is taken.
pub fn write(
    dir: &Path,
    drafts: &Path,
    store: &TuneStore,
    order: &[usize],
    tokenizer: Option<Tokenizer>,
) -> Result<Contents> {
    let (contents, chars) = write_tunes(drafts, store, order)?;
    let tokenizer = tokenizer.map_or_else(|| Tokenizer::from_chars(chars.into_iter().collect()), Ok)?;
    for split in Split::ALL {
        write_tokens(drafts, split, &tokenizer)?;
    }
    write_failed(&drafts.join("failed.csv"), &store.failed)?;
    tokenizer.save(drafts)?;
    let mark = dir.join("corpus.json"); // without it, the folder is not whole
    if mark.exists() {
        fs::remove_file(&mark).map_err(Error::file("replace", mark))?;
    }
    for name in FILES {
        let (draft, path) = (drafts.join(name), dir.join(name));
        let whole = fs::File::open(&draft).and_then(|file| file.sync_all());
        whole.and_then(|()| fs::rename(draft, &path)).map_err(Error::file("write", path))?;
    }
    Ok(contents)
}

/// `tunes.jsonl`, a tune a line, and the texts of the splits, one tune after another; returns the characters that occur.
fn write_tunes(drafts: &Path, store: &TuneStore, order: &[usize]) -> Result<(Contents, BTreeSet<char>)> {
    let (mut lines, mut texts) = (create(drafts, "tunes.jsonl")?, Vec::new());
    for split in Split::ALL {
        texts.push(create(drafts, &format!("{split}.txt"))?);
    }
    let (mut contents, mut chars, mut line) = (Contents::default(), BTreeSet::new(), Vec::new());
    for index in order {
        let tune = store.tune(&store.rows[*index])?;
        line.clear();
        tune.write_line(&mut line)?;
        let mut written = lines.write_all(&line);
        if let Some(split) = tune.split {
            written = written.and_then(|()| texts[split as usize].write_all(tune.abc.as_bytes()));
            chars.extend(tune.abc.chars());
        }
        written.map_err(Error::file("write into", drafts))?;
        contents.count(tune.split, tune.n_chars);
    }
    let flushed = texts.iter_mut().chain([&mut lines]).try_for_each(|file| file.flush());
    flushed.map_err(Error::file("write into", drafts))?;
    Ok((contents, chars))
}

/// The tokens of a split's text: little-endian u16.
fn write_tokens(drafts: &Path, split: Split, tokenizer: &Tokenizer) -> Result<()> {
    let path = drafts.join(format!("{split}.txt"));
    let file = fs::File::open(&path).map_err(Error::file("open", &path))?;
    let mut tokens = create(drafts, &format!("{split}.bin"))?;
    let (mut reader, mut line) = (BufReader::with_capacity(1 << 20, file), String::new());
    while reader.read_line(&mut line).map_err(Error::file("read", &path))? > 0 {
        let bytes: Vec<u8> = tokenizer.encode(&line)?.into_iter().flat_map(u16::to_le_bytes).collect();
        tokens.write_all(&bytes).map_err(Error::file("write into", drafts))?;
        line.clear();
    }
    tokens.flush().map_err(Error::file("write into", drafts))
}

fn create(drafts: &Path, name: &str) -> Result<BufWriter<fs::File>> {
    let path = drafts.join(name);
    fs::File::create(&path).map(|file| BufWriter::with_capacity(1 << 20, file)).map_err(Error::file("create", path))
}

/// `failed.csv`: source, stage, reason.
pub fn write_failed(path: &Path, failed: &[FailedFile]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["source", "stage", "reason"];
    let mut rows = failed.iter().map(|row| [row.source.as_str(), &row.stage, &row.reason]);
    let written = writer.write_record(header).and_then(|()| rows.try_for_each(|row| writer.write_record(row)));
    let bytes = written.and_then(|()| writer.into_inner().map_err(|error| error.into_error().into()));
    let bytes = bytes.map_err(|error| Error::Data(format!("cannot put {} together: {error}", path.display())))?;
    Ok(files::write_atomic(path, bytes)?)
}

/// The rows of a `failed.csv`.
pub fn read_failed(path: &Path) -> Result<Vec<FailedFile>> {
    let broken = |error| Error::Data(format!("{} is not a table of failures: {error}", path.display()));
    csv::Reader::from_path(path).and_then(|mut reader| reader.deserialize().collect()).map_err(broken)
}
