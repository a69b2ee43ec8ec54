//! ABC files from anywhere, judged as samples are.

use super::{Features, Rates, Validity};
use crate::music::abc;
use crate::{Error, Result};
use rayon::prelude::*;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The largest tune books of the net have 5 MB; what is ten times as long is something else.
const MAX_FILE_MB: u64 = 50;

/// One tune of a file, judged. People's tunes have ended: the last rung is theirs.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    /// The file.
    pub file: PathBuf,
    /// Line of the tune's `X:` in it, counted from 1. Lines in `validity` are counted from there.
    pub line: usize,
    /// The first `T:`.
    pub title: Option<String>,
    /// What it passes.
    pub validity: Validity,
    /// Of the notes that can be read; `None` if there are none.
    pub features: Option<Features>,
}

/// Judges every tune of an ABC file, in its order.
///
/// # Errors
/// The file cannot be read, is larger than any tune book, or holds no tune.
pub fn check(file: &Path) -> Result<Vec<Checked>> {
    let n_mb = std::fs::metadata(file).map_err(Error::file("read", file))?.len() >> 20;
    if n_mb > MAX_FILE_MB {
        return Err(Error::Data(format!(
            "{} has {n_mb} MB, more than any tune book ({MAX_FILE_MB} MB): split it, or check whether it is ABC at all",
            file.display()
        )));
    }
    let book = abc::split_tunebook(&abc::decode(&std::fs::read(file).map_err(Error::file("read", file))?));
    if book.is_empty() {
        return Err(Error::Data(format!("{} holds no tune: no line begins with X:", file.display())));
    }
    let judge = |tune: &abc::TuneText| Checked {
        file: file.to_owned(),
        line: tune.line,
        title: tune.title.clone(),
        validity: Validity::of(&tune.text, true),
        features: abc::parse_lenient(&tune.text)
            .ok()
            .filter(|(score, _)| score.n_notes() > 0)
            .map(|(score, _)| Features::of(&score)),
    };
    Ok(book.par_iter().map(judge).collect())
}

impl Rates {
    /// Of tunes that were checked.
    pub fn of_checked(checked: &[Checked]) -> Rates {
        Rates::of(checked.iter().map(|tune| &tune.validity))
    }
}

impl std::fmt::Display for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let title = self.title.as_deref().unwrap_or("without a title");
        write!(f, "{}:{}: {title}: {}", self.file.display(), self.line, self.validity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tune_of_a_book_is_judged_and_named_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("book.abc");
        let book = "X:1\nT:One\nM:4/4\nL:1/4\nK:G\nGABc|dBGD|]\n\nX:2\nT:Two\nM:4/4\nL:1/4\nK:G\nGAB|cdef|g4|]\n\nX:3\nM:4/4\nL:1/4\nK:C\nGABc|d|efgf|e4|]\n";
        std::fs::write(&path, book).unwrap();
        let checked = check(&path).unwrap();
        let said: Vec<String> =
            checked.iter().map(|tune| tune.to_string().replace(&path.display().to_string(), "book")).collect();
        assert_eq!(said[0], "book:1: One: passes every rung");
        assert_eq!(said[1], "book:8: Two: passes every rung", "a first bar may be short");
        let third = "book:15: without a title: fails at \"bars fit\" (line 5, column 6: this bar lasts 1 quarter notes, but 4/4 asks for 4)";
        assert_eq!(said[2], third);
        assert_eq!(Rates::of_checked(&checked).passes_all.passed, 2);
        assert_eq!(checked[0].features.as_ref().map(|features| features.n_notes), Some(8));
    }

    #[test]
    fn what_is_no_tune_book_is_refused_in_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |name: &str| check(&folder.path().join(name)).unwrap_err().to_string();
        assert!(refused("none.abc").contains("none.abc"));
        std::fs::write(folder.path().join("letter.abc"), "Dear Sir,\n").unwrap();
        assert!(refused("letter.abc").ends_with("letter.abc holds no tune: no line begins with X:"));
        std::fs::File::create(folder.path().join("large.abc")).unwrap().set_len(100 << 20).unwrap();
        assert!(refused("large.abc").contains("large.abc has 100 MB, more than any tune book (50 MB)"));
    }
}
