//! The tunes of a tune book.

use crate::abc::TuneText;
use crate::abc::read::source::{field_line, without_comment};

/// Splits a tune book into its tunes. Fields in front of the first tune that hold for all (`L: M: Q: P:` and `%%MIDI`)
/// are copied into each tune that lacks them.
///
/// ```
/// let tunes = abc_score::abc::split_tunebook("L:1/4\n\nX:1\nT:One\nK:C\nCD|\n\nX:2\nK:G\nG2}|\n");
/// assert_eq!(tunes[1].text, "X:2\nL:1/4\nK:G\nG2}|\n");
/// assert_eq!((tunes[1].line, tunes[1].line_in_book(4)), (8, 10));
/// ```
pub fn split_tunebook(text: &str) -> Vec<TuneText> {
    let lines: Vec<Line> = (1..).zip(text.trim_start_matches('\u{feff}').lines()).collect();
    let first = lines.iter().position(|(_, line)| line.starts_with("X:")).unwrap_or(lines.len());
    let (before, tunes) = lines.split_at(first);
    let file_header: Vec<Line> = before.iter().filter(|(_, line)| holds_for_all(line)).copied().collect();
    tunes.chunk_by(|_, (_, next)| !next.starts_with("X:")).map(|tune| tune_text(tune, &file_header)).collect()
}

/// Its number in the book, from 1, and its text.
type Line<'a> = (usize, &'a str);

fn holds_for_all(line: &str) -> bool {
    line.starts_with("%%MIDI") || matches!(field_line(line), Some(('L' | 'M' | 'Q', _)))
}

/// `lines` begin with `X:`.
fn tune_text(lines: &[Line], file_header: &[Line]) -> TuneText {
    let key_at = lines.iter().position(|(_, line)| line.starts_with("K:")).unwrap_or(lines.len());
    let (header, music) = lines.split_at(key_at);
    let value = |letter: char| {
        let mut fields = lines.iter().filter_map(|(_, line)| field_line(without_comment(line)));
        fields.find(|(found, _)| *found == letter).map(|(_, value)| value)
    };
    let letter_of = |line: &str| field_line(line).map(|(letter, _)| letter);
    let is_given =
        |line: &str| header.iter().any(|(_, own)| letter_of(own).is_some() && letter_of(own) == letter_of(line));
    let is_blank = |line: &str| line.trim().is_empty();
    let kept = header.iter().take(1).chain(file_header.iter().filter(|(_, line)| !is_given(line)));
    let kept = kept.chain(header.iter().skip(1).filter(|(_, line)| !is_blank(line)));
    let kept = kept.chain(music.iter().take_while(|(_, line)| !is_blank(line)));
    let (numbers, kept): (Vec<usize>, Vec<&str>) = kept.copied().unzip();
    TuneText {
        line: numbers.first().copied().unwrap_or(1),
        reference: value('X').unwrap_or_default().to_string(),
        title: value('T').filter(|title| !title.is_empty()).map(str::to_string),
        text: kept.join("\n") + "\n",
        lines: numbers,
    }
}
