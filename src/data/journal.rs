//! What a long job has done so far, so that one that was killed goes on where it was and ends with the same bytes.
//!
//! `<out>/.unfinished/journal.jsonl` says in its first line what is being done; the lines after it say what has been done, in
//! order. What was cut off at the end doesn't count: that part is done again. The folder goes when the job is finished.
//! Survives a kill at any moment; nothing is synced to the disk, so after a power cut what is there is only checked for
//! its form and its length.

use crate::{Error, Result};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

const FOLDER: &str = ".unfinished";

/// What a line that an earlier call wrote means for where this one goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// More belongs to it: it counts once the part that it belongs to has ended.
    Continues,
    /// It ends a part of the job; everything so far counts.
    Ends,
    /// It makes no sense: the job goes on from the part that ended last.
    Broken,
}

/// The record of one job that writes into one folder.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    path: PathBuf,
    file: fs::File,
    n_bytes: u64,
}

impl Journal {
    /// Opens the record of the job `stamp` in `out`; another job's record is thrown away. `earlier` is called with each line
    /// that an earlier call left and its place in the file (bytes from its beginning).
    pub fn open(out: &Path, stamp: &str, earlier: &mut dyn FnMut(u64, &[u8]) -> Line) -> Result<Journal> {
        let folder = out.join(FOLDER);
        fs::create_dir_all(&folder).map_err(Error::file("create the folder", &folder))?;
        let path = folder.join("journal.jsonl");
        let n_good = n_good_bytes(&path, stamp, earlier);
        let mut options = fs::OpenOptions::new();
        let file = options.create(true).append(true).open(&path).map_err(Error::file("open", &path))?;
        file.set_len(n_good).map_err(Error::file("cut", &path))?;
        let mut journal = Journal { folder, path, file, n_bytes: n_good };
        if n_good == 0 {
            journal.append(format!("{stamp}\n").as_bytes())?;
        }
        Ok(journal)
    }

    /// The folder of what is not finished; it goes with the journal.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next line will stand.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// Adds whole lines.
    pub fn append(&mut self, lines: &[u8]) -> Result<()> {
        self.n_bytes += lines.len() as u64;
        self.file.write_all(lines).map_err(Error::file("write", &self.path))
    }

    /// The job is finished: the record goes.
    pub fn finish(self) -> Result<()> {
        let Journal { folder, file, .. } = self;
        drop(file); // some systems keep a folder whose files are open
        fs::remove_dir_all(&folder).map_err(Error::file("remove", &folder))
    }
}

/// This program as a job's stamp names it: what another build left unfinished begins anew.
pub fn program() -> String {
    let modified = std::env::current_exe().and_then(fs::metadata).and_then(|program| program.modified()).ok();
    format!("{} {modified:?}", env!("CARGO_PKG_VERSION"))
}

/// How many bytes of the journal count: up to the end of the last part that ended. None, where it is of another job.
fn n_good_bytes(path: &Path, stamp: &str, earlier: &mut dyn FnMut(u64, &[u8]) -> Line) -> u64 {
    let Ok(file) = fs::File::open(path) else { return 0 }; // none yet, or one that cannot be read: from the beginning
    let (mut reader, mut line) = (BufReader::with_capacity(1 << 20, file), Vec::new());
    let mut next = |line: &mut Vec<u8>| {
        line.clear();
        let n_bytes = reader.read_until(b'\n', line).unwrap_or(0) as u64;
        line.ends_with(b"\n").then_some(n_bytes)
    };
    let Some(mut place) = next(&mut line).filter(|n_bytes| *n_bytes == stamp.len() as u64 + 1) else { return 0 };
    if line.strip_suffix(b"\n") != Some(stamp.as_bytes()) {
        return 0;
    }
    let mut n_good = place;
    while let Some(n_bytes) = next(&mut line) {
        let meaning = earlier(place, &line);
        place += n_bytes;
        match meaning {
            Line::Continues => {}
            Line::Ends => n_good = place,
            Line::Broken => break,
        }
    }
    n_good
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an earlier call left that counts: lines end a part at a full stop.
    fn left(out: &Path, stamp: &str) -> (Vec<String>, Journal) {
        let (mut whole, mut part) = (Vec::new(), Vec::new());
        let journal = Journal::open(out, stamp, &mut |place, line| {
            let text = String::from_utf8_lossy(line).trim().to_string();
            if text == "?" {
                return Line::Broken;
            }
            part.push(format!("{place} {text}"));
            if !text.ends_with('.') {
                return Line::Continues;
            }
            whole.append(&mut part);
            Line::Ends
        });
        (whole, journal.unwrap())
    }

    #[test]
    fn parts_that_ended_count_and_nothing_behind_them() {
        let out = std::env::temp_dir().join(format!("music-scaling-journal-{}", std::process::id()));
        let _ = fs::remove_dir_all(&out);
        let (nothing, mut journal) = left(&out, "job");
        assert!(nothing.is_empty());
        journal.append(b"one\ntwo.\nthree").unwrap(); // killed while it wrote the third line
        let (whole, mut journal) = left(&out, "job");
        assert_eq!((whole, journal.n_bytes()), (vec!["4 one".to_string(), "8 two.".to_string()], 13));
        journal.append(b"three\nfour.\n?\nfive.\n").unwrap(); // after the cut, a line begins where a line should
        let (whole, journal) = left(&out, "job");
        assert_eq!(whole.join(", "), "4 one, 8 two., 13 three, 19 four.");
        assert_eq!(fs::metadata(journal.path()).unwrap().len(), 25);
        assert!(left(&out, "another job").0.is_empty());
        left(&out, "another job").1.finish().unwrap();
        assert!(!out.join(FOLDER).exists());
        fs::remove_dir_all(&out).unwrap();
    }
}
