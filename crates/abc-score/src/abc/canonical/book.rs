//! The tunes of a tune book.

use crate::abc::TuneText;
use crate::abc::read::accents::accented;
use crate::abc::read::lines::{Line, lines};
use crate::abc::read::source::{field_line, is_music, without_comment};

/// Splits a tune book into its tunes. Fields in front of the first tune that hold for all (`L: M: Q: P:` and `%%MIDI`)
/// are copied into each tune that lacks them.
///
/// ```
/// let tunes = abc_score::abc::split_tunebook("L:1/4\n\nX:1\nT:One\nK:C\nCD|\n\nX:2\nK:G\nG2}|\n");
/// assert_eq!(tunes[1].text, "X:2\nL:1/4\nK:G\nG2}|\n");
/// assert_eq!((tunes[1].line, tunes[1].line_in_book(4)), (8, 10));
/// ```
pub fn split_tunebook(text: &str) -> Vec<TuneText> {
    let lines = lines(text);
    let begins = |line: &Line| line.text.starts_with("X:");
    let Some(first) = lines.iter().position(begins) else { return without_number(&lines) };
    let (before, tunes) = lines.split_at(first);
    let file_header: Vec<Line> = before.iter().filter(|line| holds_for_all(line.text)).copied().collect();
    tunes.chunk_by(|_, next| !begins(next)).map(|tune| tune_text(tune, &file_header)).collect()
}

/// A text without any X: is one tune, if it has K:.
fn without_number(lines: &[Line]) -> Vec<TuneText> {
    let has_key = lines.iter().any(|line| line.text.starts_with("K:"));
    let first = lines.iter().position(|line| field_line(line.text).is_some()).filter(|_| has_key);
    first.map(|first| tune_text(&lines[first..], &[])).into_iter().collect()
}

fn holds_for_all(line: &str) -> bool {
    line.starts_with("%%MIDI") || matches!(field_line(line), Some(('L' | 'M' | 'Q' | 'm', _)))
}

/// `lines` are those of one tune, with what stands behind it. Music behind an empty line stays, for the reader to report.
fn tune_text(lines: &[Line], file_header: &[Line]) -> TuneText {
    let key_at = lines.iter().position(|line| line.text.starts_with("K:")).unwrap_or(lines.len());
    let (header, music) = lines.split_at(key_at);
    let ends = music.iter().position(Line::is_blank).unwrap_or(music.len());
    let n_lost = music.iter().skip(ends).rposition(is_music).map_or(0, |last| last + 1);
    let value = |letter: char| {
        let mut fields = lines.iter().filter_map(|line| field_line(without_comment(line.text)));
        fields.find(|(found, _)| *found == letter).map(|(_, value)| value)
    };
    let letter_of = |line: &Line| field_line(line.text).map(|(letter, _)| letter).filter(|&letter| letter != 'm');
    let is_given = |line: &Line| header.iter().any(|own| letter_of(own).is_some() && letter_of(own) == letter_of(line));
    let kept = header.iter().take(1).chain(file_header.iter().filter(|line| !is_given(line)));
    let kept = kept.chain(header.iter().skip(1).filter(|line| !line.is_blank()));
    let kept = kept.chain(music.iter().take(ends + n_lost));
    let (numbers, kept): (Vec<usize>, Vec<&str>) = kept.map(|line| (line.number, line.text)).unzip();
    let reference = value('X').unwrap_or_default().split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    TuneText {
        line: numbers.first().copied().unwrap_or(1),
        reference: reference.chars().take(LONGEST_REFERENCE).collect(),
        title: value('T').map(accented).filter(|title| !title.is_empty()),
        text: kept.join("\n") + "\n",
        lines: numbers,
    }
}

/// Characters of a reference that a file may be named by.
const LONGEST_REFERENCE: usize = 32;
