//! The output files of a conversion and their journal: a line for each input file, written when its outputs lie in place.

use super::FailedFile;
use super::journal::{Journal, Line};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

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

/// The outputs of one conversion into one folder.
#[derive(Debug)]
pub struct Outputs {
    out: PathBuf,
    journal: Journal,
    /// What an earlier call did and this one has not come past yet.
    earlier: VecDeque<Done>,
}

impl Outputs {
    /// Opens the conversion `stamp` into `out`: what an earlier call did counts up to the first file whose outputs are gone.
    pub fn open(out: &Path, stamp: &str) -> Result<Outputs> {
        let mut earlier = VecDeque::new();
        let journal = Journal::open(out, stamp, &mut |_, line| {
            let Ok(done) = serde_json::from_slice::<Done>(line) else { return Line::Broken };
            let in_place =
                |output: &Written| fs::metadata(out.join(&output.name)).is_ok_and(|m| m.len() == output.n_bytes);
            if !done.outputs.iter().all(in_place) {
                return Line::Broken;
            }
            earlier.push_back(done);
            Line::Ends
        })?;
        Ok(Outputs { out: out.to_path_buf(), journal, earlier })
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
        let (path, temporary) = (self.out.join(name), self.journal.folder().join("output"));
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
        self.journal.append(&line)
    }

    /// The conversion is finished: its journal goes.
    pub fn finish(self) -> Result<()> {
        self.journal.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(name: &str) -> Done {
        let outputs = vec![Written { name: name.to_string(), n_bytes: 3, n_chars: 3 }];
        Done { source: format!("{name}.mid"), outputs, failed: Vec::new() }
    }

    fn sources(outputs: &Outputs) -> Vec<&str> {
        outputs.earlier().map(|done| done.source.as_str()).collect()
    }

    #[test]
    fn files_whose_outputs_are_there_count_and_nothing_else() {
        let out = std::env::temp_dir().join(format!("music-scaling-outputs-{}", std::process::id()));
        let _ = fs::remove_dir_all(&out);
        let mut outputs = Outputs::open(&out, "stamp").unwrap();
        for name in ["a", "b", "c"] {
            outputs.write(name, b"abc").unwrap();
            outputs.add(&done(name)).unwrap();
        }
        drop(outputs);
        let mut outputs = Outputs::open(&out, "stamp").unwrap();
        assert_eq!(sources(&outputs), ["a.mid", "b.mid", "c.mid"]);
        assert!(!outputs.is_done("other.mid") && outputs.is_done("a.mid") && outputs.is_done("b.mid"));
        fs::remove_file(out.join("b")).unwrap();
        assert_eq!(sources(&Outputs::open(&out, "stamp").unwrap()), ["a.mid"]);
        Outputs::open(&out, "stamp").unwrap().finish().unwrap();
        assert!(out.join("a").is_file());
        fs::remove_dir_all(&out).unwrap();
    }
}
