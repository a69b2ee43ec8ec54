//! The beginning of a tune out of a file, for a model to go on with.

use crate::data::archives::{MusicFile, is_abc_name};
use crate::data::reading::score_of_midi;
use crate::music::abc::{self, WriteOptions};
use crate::{Error, Result};
use std::path::Path;

/// The tune of a MIDI file, or the first one of an ABC file (by its name), in canonical form and open at its end: the blank line is gone,
/// a final bar line has become a plain one, and where the last bar is not full there is none.
///
/// # Errors
/// The file cannot be read, is not what its name says, or holds no note.
pub fn beginning(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(Error::file("read", path))?;
    let name = path.display().to_string();
    let failed = |reason: &dyn std::fmt::Display| Error::Data(format!("{name} cannot be continued: {reason}"));
    let text = if is_abc_name(&name) {
        let tunes = abc::split_tunebook(&abc::decode(&bytes));
        let first = tunes.first().ok_or_else(|| failed(&"it is not ABC: no line begins with X:"))?;
        first.text.clone()
    } else {
        let score = score_of_midi(&MusicFile { path: name.clone(), bytes }).map_err(|error| failed(&error.reason))?;
        abc::write(&score, &WriteOptions::default())
    };
    let text = abc::canonical(&text).map_err(|error| failed(&error))?;
    if abc::parse(&text)?.n_notes() == 0 {
        return Err(failed(&"the tune holds no notes"));
    }
    Ok(opened(&text))
}

/// Without what ends a tune.
fn opened(text: &str) -> String {
    let text = text.trim_end();
    let Some(music) = text.strip_suffix("|]").or_else(|| text.strip_suffix("||")) else { return text.to_string() };
    let n_wrong = |text: &str| abc::bar_errors(text).map_or(0, |errors| errors.len());
    let on_a_new_bar = format!("{music}|");
    if n_wrong(&on_a_new_bar) > n_wrong(text) { music.to_string() } else { on_a_new_bar }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::midi;

    const HEADER: &str = "X:1\nM:3/4\nL:1/4\nK:C\n";

    fn of_file(name: &str, bytes: &[u8]) -> Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        beginning(&path)
    }

    #[test]
    fn a_tune_is_opened_at_its_end() {
        for (body, open) in
            [("CDE|F3|]", "CDE|F3|"), ("C|DEF|G2||", "C|DEF|G2"), ("|:CDE|F3:|", "|:CDE|F3:|"), ("CDE|F2", "CDE|F2")]
        {
            let text = format!("T:with a title\n{HEADER}{body}\n\nX:2\nK:C\nC\n");
            let text = text.replacen("T:with a title\nX:1\n", "X:1\nT:with a title\n", 1);
            assert_eq!(of_file("two.abc", text.as_bytes()).unwrap(), format!("{HEADER}{open}"));
        }
    }

    #[test]
    fn a_midi_file_becomes_canonical_abc() {
        let score = abc::parse(&format!("{HEADER}CDE|F3|]\n")).unwrap();
        let text = of_file("tune.mid", &midi::write(&score)).unwrap();
        assert!(text.ends_with("CDE|F3|") && !text.ends_with('\n'), "{text}");
    }

    #[test]
    fn files_that_hold_no_tune_are_refused_in_a_sentence() {
        let refusal = |name: &str, bytes: &[u8]| of_file(name, bytes).unwrap_err().to_string();
        let silent = midi::write(&abc::parse(&format!("{HEADER}z3|\n")).unwrap());
        assert!(refusal("silent.mid", &silent).ends_with("silent.mid cannot be continued: the file holds no notes"));
        assert!(refusal("page.mid", b"<html>").contains("page.mid cannot be continued: "));
        assert!(refusal("words.abc", b"some words").ends_with("it is not ABC: no line begins with X:"));
        let error = refusal("broken.abc", format!("{HEADER}CD}}|\n").as_bytes());
        assert!(error.contains("line 5, column 3: this } closes nothing"), "{error}");
        assert!(refusal("rests.abc", format!("{HEADER}z3|\n").as_bytes()).ends_with("the tune holds no notes"));
    }
}
