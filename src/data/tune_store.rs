//! The tunes of a corpus that is being prepared: on disk as they were read, and a row of each in memory.
//!
//! The journal has a line for each tune, each sketch of melodies and each failure of a file, then one that ends the file. A preparation that was
//! killed goes on behind the last file that has ended.

use super::journal::{Journal, Line};
use super::near_duplicates::Sketches;
use super::reading::Reading;
use super::row::Row;
use super::{FailedFile, Tune, hash};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// What has been read of a corpus.
#[derive(Debug)]
pub struct TuneStore {
    journal: Journal,
    lines: fs::File,
    seed: u64,
    pub rows: Vec<Row>,
    pub sketches: Sketches,
    pub failed: Vec<FailedFile>,
    pub n_files: usize,
    pub n_inputs: usize,
    /// Time that the reading took, once it has come to its end.
    pub seconds: Option<f64>,
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Tune(Box<Tune>),
    Sketch(String, Vec<u64>),
    Failed(FailedFile),
    /// A file has ended.
    File {
        n_inputs: usize,
    },
    /// All files have been read.
    End {
        seconds: f64,
    },
}

impl TuneStore {
    /// Opens what an earlier call left of the preparation `stamp` in `dir`, or begins anew. `seed` decides the rows' lots.
    pub fn open(dir: &Path, stamp: &str, seed: u64) -> Result<TuneStore> {
        let (mut rows, mut sketches, mut failed) = (Vec::new(), Sketches::default(), Vec::new());
        let (mut n_files, mut n_inputs, mut seconds) = (0, 0, None);
        let (mut n_rows, mut n_sketches, mut n_failed) = (0, 0, 0); // that belong to files that have ended
        let journal = Journal::open(dir, stamp, &mut |place, line| {
            match serde_json::from_slice(line) {
                Ok(Entry::Tune(tune)) => rows.push(Row::new(&tune, place, line.len(), seed)),
                Ok(Entry::Sketch(fingerprint, sketch)) => sketches.add(hash(&[fingerprint.as_bytes()]), &sketch),
                Ok(Entry::Failed(file)) => failed.push(file),
                Ok(Entry::File { n_inputs: n }) => {
                    (n_files, n_inputs) = (n_files + 1, n_inputs + n);
                    (n_rows, n_sketches, n_failed) = (rows.len(), sketches.len(), failed.len());
                    return Line::Ends;
                }
                Ok(Entry::End { seconds: taken }) => {
                    seconds = Some(taken);
                    return Line::Ends;
                }
                Err(_) => return Line::Broken,
            }
            Line::Continues
        })?;
        rows.truncate(n_rows);
        sketches.truncate(n_sketches);
        failed.truncate(n_failed);
        let lines = fs::File::open(journal.path()).map_err(Error::file("open", journal.path()))?;
        Ok(TuneStore { journal, lines, seed, rows, sketches, failed, n_files, n_inputs, seconds })
    }

    /// Puts one file's tunes and failures away.
    pub fn add(&mut self, reading: Reading) -> Result<()> {
        let Reading { tunes, sketches, failed, n_inputs } = reading;
        let mut lines = Vec::new();
        for tune in tunes {
            let (start, place) = (lines.len(), self.journal.n_bytes() + lines.len() as u64);
            let entry = Entry::Tune(Box::new(tune));
            write_line(&mut lines, &entry)?;
            if let Entry::Tune(tune) = entry {
                self.rows.push(Row::new(&tune, place, lines.len() - start, self.seed));
            }
        }
        for (fingerprint, sketch) in sketches {
            self.sketches.add(hash(&[fingerprint.as_bytes()]), &sketch);
            write_line(&mut lines, &Entry::Sketch(fingerprint, sketch))?;
        }
        for failed in &failed {
            write_line(&mut lines, &Entry::Failed(failed.clone()))?;
        }
        write_line(&mut lines, &Entry::File { n_inputs })?;
        self.failed.extend(failed);
        (self.n_files, self.n_inputs) = (self.n_files + 1, self.n_inputs + n_inputs);
        self.journal.append(&lines)
    }

    /// All files have been read.
    pub fn end(&mut self, seconds: f64) -> Result<()> {
        let mut line = Vec::new();
        write_line(&mut line, &Entry::End { seconds })?;
        self.seconds = Some(seconds);
        self.journal.append(&line)
    }

    /// The tune of a row, with what has become of it since.
    pub fn tune(&self, row: &Row) -> Result<Tune> {
        let path = self.journal.path();
        let mut line = vec![0; row.n_bytes as usize];
        let mut lines = &self.lines;
        lines.seek(SeekFrom::Start(row.place)).map_err(Error::file("read", path))?;
        lines.read_exact(&mut line).map_err(Error::file("read", path))?;
        match serde_json::from_slice(&line) {
            Ok(Entry::Tune(mut tune)) => {
                row.decide(&mut tune);
                Ok(*tune)
            }
            _ => Err(Error::Data(format!(
                "{} was changed while it was being read (byte {}); delete it and prepare the corpus again",
                path.display(),
                row.place
            ))),
        }
    }

    /// The folder for files that are not finished.
    pub fn folder(&self) -> &Path {
        self.journal.folder()
    }

    /// The corpus is prepared: what was only for its preparation goes.
    pub fn finish(self) -> Result<()> {
        drop(self.lines); // some systems keep a folder whose files are open
        self.journal.finish()
    }
}

fn write_line(lines: &mut Vec<u8>, entry: &Entry) -> Result<()> {
    let written = serde_json::to_writer(&mut *lines, entry);
    lines.push(b'\n');
    written.map_err(|error| Error::Data(format!("cannot note what was read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tune::tests::tune;

    fn reading(name: &str) -> Reading {
        let tunes = vec![tune(&format!("{name}~1"), "X:1\nCé|\n\n"), tune(&format!("{name}~2"), "X:1\nD|\n\n")];
        let sketches = vec![(name.to_string(), vec![1, u64::MAX])];
        Reading { tunes, sketches, failed: vec![FailedFile::new(name, "read midi", "a reason")], n_inputs: 2 }
    }

    #[test]
    fn a_store_that_was_cut_anywhere_goes_on_behind_the_last_whole_file() {
        let dir = std::env::temp_dir().join(format!("music-scaling-store-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        let mut store = TuneStore::open(&dir, "stamp", 1).unwrap();
        for name in ["a", "b"] {
            store.add(reading(name)).unwrap();
        }
        store.end(3.5).unwrap();
        let (path, rows) = (store.journal.path().to_path_buf(), store.rows.clone());
        assert_eq!(store.tune(&rows[2]).unwrap(), reading("b").tunes[0]);
        let whole = fs::read(&path).unwrap();
        for n_bytes in (0..=whole.len()).rev() {
            fs::write(&path, &whole[..n_bytes]).unwrap();
            let mut store = TuneStore::open(&dir, "stamp", 1).unwrap();
            assert_eq!(
                (store.rows.len(), store.failed.len(), store.n_inputs),
                (store.n_files * 2, store.n_files, store.n_files * 2)
            );
            assert_eq!(store.seconds.is_some(), n_bytes == whole.len());
            for name in ["a", "b"].iter().skip(store.n_files) {
                store.add(reading(name)).unwrap();
            }
            if store.seconds.is_none() {
                store.end(3.5).unwrap();
            }
            assert_eq!(store.rows, rows);
            assert_eq!(fs::read(&path).unwrap(), whole, "cut after {n_bytes} bytes");
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
