//! The tunes of a prepared corpus, read from `tunes.jsonl` one at a time: a corpus may be larger than memory.

use super::{Corpus, Split, Tune};
use crate::{Error, Result};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

/// Reads tunes from a file, a line each: `for tune in corpus.tunes()? { let tune = tune?; … }`.
#[derive(Debug)]
pub struct Tunes {
    path: PathBuf,
    reader: BufReader<fs::File>,
    n_lines: usize,
    line: Vec<u8>,
}

impl Tunes {
    fn open(path: PathBuf) -> Result<Tunes> {
        let file = fs::File::open(&path).map_err(Error::file("open", &path))?;
        Ok(Tunes { path, reader: BufReader::with_capacity(1 << 20, file), n_lines: 0, line: Vec::new() })
    }

    /// Reads the next line; false at the end of the file.
    fn next_line(&mut self) -> Result<bool> {
        self.line.clear();
        self.n_lines += 1;
        let n_bytes = self.reader.read_until(b'\n', &mut self.line).map_err(Error::file("read", &self.path))?;
        Ok(n_bytes > 0)
    }

    fn next_tune(&mut self) -> Result<Option<Tune>> {
        if !self.next_line()? {
            return Ok(None);
        }
        let broken =
            |error| Error::Data(format!("line {} of {} is not a tune: {error}", self.n_lines, self.path.display()));
        serde_json::from_slice(&self.line).map(Some).map_err(broken)
    }
}

impl Iterator for Tunes {
    type Item = Result<Tune>;

    fn next(&mut self) -> Option<Result<Tune>> {
        self.next_tune().transpose()
    }
}

impl Corpus {
    /// All tunes: those of train, val and test in the order of their text, then the dropped ones, whose text is empty.
    ///
    /// # Errors
    /// `tunes.jsonl` is gone or damaged.
    pub fn tunes(&self) -> Result<Tunes> {
        Tunes::open(self.dir.join("tunes.jsonl"))
    }

    /// The tunes that stand in the splits, in the order of the text.
    ///
    /// # Errors
    /// `tunes.jsonl` is gone or damaged.
    pub fn kept(&self) -> Result<impl Iterator<Item = Result<Tune>> + use<>> {
        Ok(self.tunes()?.take(self.n_kept()))
    }

    /// The tunes of one split, in the order of its text.
    ///
    /// # Errors
    /// `tunes.jsonl` is gone or damaged.
    pub fn tunes_of(&self, split: Split) -> Result<impl Iterator<Item = Result<Tune>> + use<>> {
        let mut tunes = self.tunes()?;
        for _ in Split::ALL.into_iter().take_while(|earlier| *earlier != split).flat_map(|s| 0..self.n_tunes(s)) {
            tunes.next_line()?;
        }
        Ok(tunes.take(self.n_tunes(split)))
    }

    /// The first tune of a split; a prepared corpus has one in each.
    ///
    /// # Errors
    /// `tunes.jsonl` is gone or damaged.
    pub fn first_tune(&self, split: Split) -> Result<Tune> {
        let none = || Error::Data(format!("{} has no tune in {split}; prepare the corpus again", self.dir.display()));
        self.tunes_of(split)?.next().ok_or_else(none)?
    }

    /// Something of every tune, kept or dropped: `corpus.map_tunes(|tune| tune.n_chars)?`.
    ///
    /// # Errors
    /// `tunes.jsonl` is gone or damaged.
    pub fn map_tunes<T>(&self, of: impl Fn(&Tune) -> T) -> Result<Vec<T>> {
        self.tunes()?.map(|tune| tune.map(|tune| of(&tune))).collect()
    }

    /// Something of every kept tune: `corpus.map_kept(|tune| tune.key.clone())?`.
    ///
    /// # Errors
    /// `tunes.jsonl` is gone or damaged.
    pub fn map_kept<T>(&self, of: impl Fn(&Tune) -> T) -> Result<Vec<T>> {
        self.kept()?.map(|tune| tune.map(|tune| of(&tune))).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::data::corpus::tests::corpus_of;
    use crate::data::tune::tests::tune;
    use crate::data::{Split, Tune};

    #[test]
    fn tunes_are_found_by_split_and_a_damaged_line_is_named() {
        let split = |id: &str, split| Tune { split, ..tune(id, id) };
        let mut tunes =
            vec![split("a", Some(Split::Train)), split("b", Some(Split::Train)), split("c", Some(Split::Val))];
        tunes.extend([split("d", Some(Split::Test)), split("e", None)]);
        tunes[4].drop_because("too short");
        let folder = tempfile::tempdir().unwrap();
        let corpus = corpus_of(folder.path(), &tunes, Vec::new());
        assert_eq!(corpus.tunes().unwrap().collect::<Result<Vec<_>, _>>().unwrap(), tunes);
        let ids = |split| corpus.tunes_of(split).unwrap().map(|tune| tune.unwrap().tune_id).collect::<String>();
        assert_eq!(Split::ALL.map(ids), ["ab", "c", "d"]);
        assert_eq!(corpus.first_tune(Split::Test).unwrap().tune_id, "d");
        assert_eq!(corpus.map_kept(|tune| tune.tune_id.clone()).unwrap().concat(), "abcd");
        std::fs::write(corpus.dir.join("tunes.jsonl"), "{cut in hal").unwrap();
        let error = corpus.map_tunes(|tune| tune.n_chars).unwrap_err().to_string();
        assert!(error.starts_with("line 1 of ") && error.contains("tunes.jsonl is not a tune"), "{error}");
    }
}
