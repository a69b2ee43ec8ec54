//! The tunes of a prepared corpus, read from `tunes.jsonl` one at a time: a corpus may be larger than memory.

use super::{Corpus, Split, Tune};
use crate::{Error, Result};
use std::fs;
use std::io::{BufRead, BufReader};

impl Corpus {
    /// All tunes: those of train, val and test in the order of their text, then the dropped ones, whose text is empty.
    ///
    /// # Errors
    /// `tunes.jsonl` is gone or damaged.
    pub fn tunes(&self) -> Result<impl Iterator<Item = Result<Tune>> + use<>> {
        self.tunes_from(0)
    }

    /// The tunes from a line on, those before it unread.
    fn tunes_from(&self, n_before: usize) -> Result<impl Iterator<Item = Result<Tune>> + use<>> {
        let path = self.dir.join("tunes.jsonl");
        let file = fs::File::open(&path).map_err(Error::file("open", &path))?;
        let lines = BufReader::with_capacity(1 << 20, file).split(b'\n').zip(1..).skip(n_before);
        Ok(lines.map(move |(line, number): (_, usize)| {
            let line = line.map_err(Error::file("read", &path))?;
            let broken = |error| Error::Data(format!("line {number} of {} is not a tune: {error}", path.display()));
            serde_json::from_slice(&line).map_err(broken)
        }))
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
        let earlier = Split::ALL.into_iter().take_while(|earlier| *earlier != split);
        let n_before = earlier.map(|earlier| self.n_tunes(earlier)).sum();
        Ok(self.tunes_from(n_before)?.take(self.n_tunes(split)))
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
