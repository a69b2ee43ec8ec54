//! The tunes of a corpus that is being prepared: on disk as they were read, a line each, and a row of each in memory.

use super::near_duplicates::Sketches;
use super::reading::Reading;
use super::row::Row;
use super::{FailedFile, Tune, hash};
use crate::{Error, Result};
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What has been read of a corpus.
#[derive(Debug)]
pub struct TuneStore {
    path: PathBuf,
    lines: fs::File,
    n_bytes: u64,
    seed: u64,
    pub rows: Vec<Row>,
    pub sketches: Sketches,
    pub failed: Vec<FailedFile>,
    pub n_files: usize,
    pub n_inputs: usize,
}

impl TuneStore {
    /// An empty store in this folder. `seed` decides the rows' lots.
    pub fn new(folder: &Path, seed: u64) -> Result<TuneStore> {
        let path = folder.join("read.jsonl");
        let mut options = fs::OpenOptions::new();
        let lines = options.create(true).truncate(true).read(true).write(true).open(&path);
        let lines = lines.map_err(Error::file("create", &path))?;
        let (rows, sketches, failed) = (Vec::new(), Sketches::default(), Vec::new());
        Ok(TuneStore { path, lines, n_bytes: 0, seed, rows, sketches, failed, n_files: 0, n_inputs: 0 })
    }

    /// Puts one file's tunes and failures away.
    pub fn add(&mut self, reading: Reading) -> Result<()> {
        let mut lines = Vec::new();
        for tune in &reading.tunes {
            let start = lines.len();
            tune.write_line(&mut lines)?;
            self.rows.push(Row::new(tune, self.n_bytes + start as u64, lines.len() - start, self.seed));
        }
        let with_hash = |(fingerprint, sketch): (String, Vec<u64>)| (hash(&[fingerprint.as_bytes()]), sketch);
        self.sketches.extend(reading.sketches.into_iter().map(with_hash));
        self.failed.extend(reading.failed);
        (self.n_files, self.n_inputs) = (self.n_files + 1, self.n_inputs + reading.n_inputs);
        self.n_bytes += lines.len() as u64;
        self.lines.write_all(&lines).map_err(Error::file("write", &self.path))
    }

    /// The tune of a row, with what has become of it since. After this, nothing more is added.
    pub fn tune(&self, row: &Row) -> Result<Tune> {
        let mut line = vec![0; row.n_bytes as usize];
        let mut lines = &self.lines;
        let read = lines.seek(SeekFrom::Start(row.place)).and_then(|_| lines.read_exact(&mut line));
        read.map_err(Error::file("read", &self.path))?;
        let changed =
            |_| Error::Data(format!("{} was changed while it was being read; try again", self.path.display()));
        let mut tune = serde_json::from_slice(&line).map_err(changed)?;
        row.decide(&mut tune);
        Ok(tune)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tune::tests::tune;

    #[test]
    fn a_tune_comes_back_by_its_row() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = TuneStore::new(folder.path(), 1).unwrap();
        let tunes = [tune("a~1", "X:1\nCé|\n\n"), tune("a~2", "X:1\nD|\n\n"), tune("b", "X:1\nE|\n\n")];
        for of_file in [&tunes[..2], &tunes[2..]] {
            let failed = vec![FailedFile::new("c", "read midi", "a reason")];
            store.add(Reading { tunes: of_file.to_vec(), failed, n_inputs: 2, ..Reading::default() }).unwrap();
        }
        assert_eq!((store.n_files, store.n_inputs, store.failed.len()), (2, 4, 2));
        for i in [2, 0, 1] {
            assert_eq!(store.tune(&store.rows[i]).unwrap(), tunes[i]);
        }
    }
}
