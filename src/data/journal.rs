//! What a conversion has done so far, so that one that was killed goes on where it was and ends with the same bytes.
//!
//! `<out>/.unfinished/journal.jsonl` says in its first line what is being converted, then has one line for each file, in
//! the files' order, written when the file's outputs lie in place. A last line that was cut off doesn't count: its file is
//! converted again. The folder goes when the conversion is finished. Survives a kill at any moment; nothing is synced to
//! the disk, so after a power cut outputs of another length are made again, and that is all that is checked.

use super::FailedFile;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

const FOLDER: &str = ".unfinished";

/// One file that is done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Done {
    /// The file's path inside its input.
    pub source: String,
    pub outputs: Vec<Written>,
    pub failed: Vec<FailedFile>,
}

/// One output that lies in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Path below the output folder.
    pub name: String,
    pub n_bytes: u64,
    pub n_chars: usize,
}

/// The record of one conversion into one folder.
#[derive(Debug)]
pub struct Journal {
    out: PathBuf,
    file: fs::File,
    /// What an earlier call did and this one has not come past yet.
    earlier: VecDeque<Done>,
}

impl Journal {
    /// Opens the record of the conversion `stamp` into `out`; another conversion's record is thrown away.
    pub fn open(out: &Path, stamp: &str) -> Result<Journal> {
        let folder = out.join(FOLDER);
        fs::create_dir_all(&folder).map_err(Error::file("create the folder", &folder))?;
        let path = folder.join("journal.jsonl");
        let known = fs::read(&path).unwrap_or_default(); // none yet, or one that cannot be read: from the beginning
        let (earlier, n_good) = read(&known, stamp, out);
        let mut options = fs::OpenOptions::new();
        let mut file = options.create(true).append(true).open(&path).map_err(Error::file("open", &path))?;
        file.set_len(n_good as u64).map_err(Error::file("cut", &path))?;
        if n_good == 0 {
            writeln!(file, "{stamp}").map_err(Error::file("write", &path))?;
        }
        Ok(Journal { out: out.to_path_buf(), file, earlier })
    }

    /// What an earlier call did that this one has not come past.
    pub fn earlier(&self) -> impl Iterator<Item = &Done> {
        self.earlier.iter()
    }

    /// Whether the next file, `source`, was done by an earlier call; each is asked about once, in order.
    pub fn is_done(&mut self, source: &str) -> bool {
        match self.earlier.front() {
            Some(done) if done.source == source => self.earlier.pop_front().is_some(),
            _ => false,
        }
    }

    /// Puts an output in its place, whole or not at all.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let (path, temporary) = (self.out.join(name), self.out.join(FOLDER).join("output"));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::file("create the folder", folder))?;
        }
        fs::write(&temporary, bytes).map_err(Error::file("write", &temporary))?;
        fs::rename(&temporary, &path).map_err(Error::file("write", &path))
    }

    /// Notes that a file is done; its outputs lie in place.
    pub fn add(&mut self, done: &Done) -> Result<()> {
        let mut line = serde_json::to_vec(done).unwrap_or_default(); // a struct of texts and numbers: cannot fail
        line.push(b'\n');
        self.file.write_all(&line).map_err(Error::file("write the journal in", self.out.join(FOLDER)))
    }

    /// The conversion is finished: the record goes.
    pub fn finish(self) -> Result<()> {
        let folder = self.out.join(FOLDER);
        drop(self.file); // some systems keep a folder whose files are open
        fs::remove_dir_all(&folder).map_err(Error::file("remove", &folder))
    }
}

/// The files that are done, and how many bytes of the journal say so: up to the first line that is cut off or whose outputs
/// are gone. Nothing, where the journal is of another conversion.
fn read(journal: &[u8], stamp: &str, out: &Path) -> (VecDeque<Done>, usize) {
    let mut lines = journal.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let mut earlier = VecDeque::new();
    let Some(head) = lines.next().filter(|line| line.strip_suffix(b"\n") == Some(stamp.as_bytes())) else {
        return (earlier, 0);
    };
    let mut n_good = head.len();
    for line in lines {
        let Ok(done) = serde_json::from_slice::<Done>(line) else { break };
        let in_place = |output: &Written| fs::metadata(out.join(&output.name)).is_ok_and(|m| m.len() == output.n_bytes);
        if !done.outputs.iter().all(in_place) {
            break;
        }
        earlier.push_back(done);
        n_good += line.len();
    }
    (earlier, n_good)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(name: &str) -> Done {
        let outputs = vec![Written { name: name.to_string(), n_bytes: 3, n_chars: 3 }];
        Done { source: format!("{name}.mid"), outputs, failed: Vec::new() }
    }

    fn sources(journal: &Journal) -> Vec<&str> {
        journal.earlier().map(|done| done.source.as_str()).collect()
    }

    #[test]
    fn whole_lines_whose_outputs_are_there_count_and_nothing_else() {
        let out = std::env::temp_dir().join(format!("music-scaling-journal-{}", std::process::id()));
        let _ = fs::remove_dir_all(&out);
        let mut journal = Journal::open(&out, "stamp").unwrap();
        for name in ["a", "b", "c"] {
            journal.write(name, b"abc").unwrap();
            journal.add(&done(name)).unwrap();
        }
        drop(journal);
        let path = out.join(FOLDER).join("journal.jsonl");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 5]).unwrap(); // killed while it wrote the last line
        assert_eq!(sources(&Journal::open(&out, "stamp").unwrap()), ["a.mid", "b.mid"]);
        let mut journal = Journal::open(&out, "stamp").unwrap();
        assert!(!journal.is_done("other.mid") && journal.is_done("a.mid") && journal.is_done("b.mid"));
        journal.add(&done("c")).unwrap(); // after the cut, a line begins where a line should
        assert_eq!(sources(&Journal::open(&out, "stamp").unwrap()), ["a.mid", "b.mid", "c.mid"]);
        fs::remove_file(out.join("b")).unwrap();
        assert_eq!(sources(&Journal::open(&out, "stamp").unwrap()), ["a.mid"]);
        assert!(sources(&Journal::open(&out, "another stamp").unwrap()).is_empty());
        Journal::open(&out, "another stamp").unwrap().finish().unwrap();
        assert!(out.join("a").is_file() && !out.join(FOLDER).exists());
        fs::remove_dir_all(&out).unwrap();
    }
}
