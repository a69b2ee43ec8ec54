//! The tunes of a tune book.

use crate::abc::TuneText;
use crate::abc::read::source::{field_line, without_comment};

/// Splits a tune book into its tunes. Fields in front of the first tune that hold for all (`L: M: Q: P:` and `%%MIDI`)
/// are copied into each tune that lacks them.
pub fn split_tunebook(text: &str) -> Vec<TuneText> {
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    let starts: Vec<usize> = (0..lines.len()).filter(|&index| lines[index].starts_with("X:")).collect();
    let file_header: Vec<&str> =
        lines.iter().take(starts.first().copied().unwrap_or(0)).copied().filter(|line| holds_for_all(line)).collect();
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| tune_text(lines.get(start..end).unwrap_or_default(), start + 1, &file_header))
        .collect()
}

fn holds_for_all(line: &str) -> bool {
    line.starts_with("%%MIDI") || matches!(field_line(line), Some(('L' | 'M' | 'Q', _)))
}

fn tune_text(lines: &[&str], line: usize, file_header: &[&str]) -> TuneText {
    let value = |letter: char| {
        lines
            .iter()
            .filter_map(|line| field_line(without_comment(line)))
            .find(|(found, _)| *found == letter)
            .map(|(_, value)| value)
    };
    let key_at = lines.iter().position(|line| line.starts_with("K:")).unwrap_or(lines.len());
    let music_ends =
        lines.iter().skip(key_at).position(|line| line.trim().is_empty()).map_or(lines.len(), |n| key_at + n);
    let has = |header_line: &str| {
        let letter = field_line(header_line).map(|(letter, _)| letter);
        letter.is_some_and(|letter| {
            lines.iter().take(key_at).any(|line| field_line(line).is_some_and(|(found, _)| found == letter))
        })
    };
    let mut kept: Vec<&str> = lines.iter().take(1).copied().collect();
    kept.extend(file_header.iter().filter(|line| !has(line)));
    kept.extend(lines.iter().take(music_ends).skip(1).filter(|line| !line.trim().is_empty()));
    TuneText {
        line,
        reference: value('X').unwrap_or_default().to_string(),
        title: value('T').filter(|title| !title.is_empty()).map(str::to_string),
        text: kept.join("\n") + "\n",
    }
}
