//! The inputs that other programs read wrongly: each kind in ../shared/cases/music, with the notes that are right.

use abc_score::{Score, TICKS_PER_BEAT, abc, midi, quantise};
use std::io::Write;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    let shared = std::env::var("MUSIC_SCALING_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    PathBuf::from(shared).join("cases/music")
}

/// The notes of the first tune or piece, as read, and as they come back from the text that is written of it.
fn notes(path: &Path) -> [Vec<String>; 2] {
    let bytes = std::fs::read(path).unwrap();
    let score = if path.extension().is_some_and(|ending| ending == "abc") {
        let book = abc::split_tunebook(&abc::decode(&bytes));
        abc::parse_lenient(&book.first().unwrap_or_else(|| panic!("{}", path.display())).text).unwrap().0
    } else {
        midi::read(&bytes).unwrap()
    };
    let text = abc::write(&quantise::quantise(&score), &abc::WriteOptions::default());
    [score, abc::parse(&text).unwrap()].map(|score| in_beats(&score))
}

/// `0:C#4/1`: onset, name and length of each note, as the table has them.
fn in_beats(score: &Score) -> Vec<String> {
    let mut notes: Vec<_> = score.voices.iter().flat_map(|voice| &voice.notes).collect();
    notes.sort_by_key(|note| (note.onset_ticks, note.pitch));
    let beats = |ticks: u32| f64::from(ticks) / f64::from(TICKS_PER_BEAT);
    let names = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
    let text = |note: &&abc_score::Note| {
        let (name, octave) = (names[usize::from(note.pitch % 12)], i32::from(note.pitch / 12) - 1);
        format!("{:.3}:{name}{octave}/{:.3}", beats(note.onset_ticks), beats(note.duration_ticks))
    };
    notes.iter().map(text).collect()
}

/// Onset and length of a note of the table, and its name.
fn parsed(note: &str) -> (f64, &str, f64) {
    let (onset, rest) = note.split_once(':').unwrap();
    let (name, length) = rest.split_once('/').unwrap();
    (onset.parse().unwrap(), name, length.parse().unwrap())
}

fn are_same(found: &[String], expected: &[&str], tolerance: f64) -> bool {
    let is_same = |(found, expected): (&String, &&str)| {
        let ((onset, name, length), (right_onset, right_name, right_length)) = (parsed(found), parsed(expected));
        name == right_name
            && (onset - right_onset).abs() <= tolerance
            && (length - right_length).abs() <= 2.0 * tolerance
    };
    found.len() == expected.len() && found.iter().zip(expected).all(is_same)
}

#[test]
fn every_kind_of_the_table_has_the_right_notes() {
    let Ok(table) = std::fs::read_to_string(folder().join("index.tsv")) else {
        let _ = writeln!(std::io::stderr(), "skipped, as {} is not here", folder().display());
        return;
    };
    let mut wrong = Vec::new();
    let mut n_compared = 0;
    for row in table.lines().skip(1).map(|row| row.split('\t').collect::<Vec<_>>()) {
        let expected: Vec<&str> = row[4].split_whitespace().collect();
        if !row[4].starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        n_compared += 1;
        let [read, written] = notes(&folder().join(row[0]));
        // text holds what is played within a 32nd of a beat, which a quintuplet needs
        if !are_same(&read, &expected, 0.002) || !are_same(&written, &expected, 1.0 / 32.0) {
            wrong.push(format!("{} ({}):\n{read:?}\n{written:?}\n{expected:?}", row[0], row[3]));
        }
    }
    assert!(wrong.is_empty() && n_compared > 40, "{n_compared} compared; wrong:\n{}", wrong.join("\n"));
}
