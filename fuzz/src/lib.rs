//! The claims that all targets check.

use abc_score::abc::{self, Layout, WriteOptions};
use abc_score::{Score, quantise};

/// Longer scores are refused by the corpus reader as damage, so they are no input of the writer.
const MAX_BARS: usize = 10_000;

/// Bytes that one note can cost at most. It begins and ends one slice of a chord each, of up to 128 pitches of 8 letters
/// (`^c'''''-`): 2 KB; and it is tied over 256 bar lines at most (128 beats in bars of half a beat): another 2 KB.
const BYTES_A_NOTE: usize = 4096;

/// The text is bounded by the notes, bars and changes: no file of 20 KB becomes 100 MB.
fn check_length(text: &str, score: &Score) {
    let (n_voices, n_notes, n_bars) = (score.voices.len(), score.n_notes(), score.n_bars());
    let n_changes = score.meters.len() + score.keys.len() + score.tempos.len();
    let bound = 2000 + BYTES_A_NOTE * n_notes + n_voices * (100 * (1 + n_changes) + 16 * n_bars);
    assert!(text.len() <= bound, "{} bytes for {n_notes} notes in {n_voices} voices (bound {bound})", text.len());
}

/// Whatever was read: its text has bounded length, parses, holds the same notes in both layouts, and is written back the
/// same: `write(parse(write(score))) == write(score)`.
pub fn check_round_trip(score: &Score) {
    if score.n_notes() == 0 || score.n_bars() > MAX_BARS {
        return;
    }
    let written = quantise::quantise(score);
    let back = [Layout::Interleaved, Layout::InTurn].map(|layout| {
        let options = WriteOptions { layout, ..WriteOptions::default() };
        let text = abc::write(&written, &options);
        check_length(&text, &written);
        let back = abc::parse(&text).unwrap_or_else(|error| panic!("our own text is refused: {error}\n{text}"));
        assert_eq!(abc::write(&back, &options), text, "writing is not idempotent");
        back
    });
    let [interleaved, in_turn] = back.each_ref().map(all_notes);
    assert_eq!(interleaved, in_turn, "the layouts differ");
}

/// Notes of all voices together: (onset, pitch, is drum, duration).
pub fn all_notes(score: &Score) -> Vec<(u32, u8, bool, u32)> {
    let voices = score.voices.iter().flat_map(|voice| voice.notes.iter().map(|note| (note, voice.is_drums())));
    let mut notes: Vec<_> =
        voices.map(|(note, drum)| (note.onset_ticks, note.pitch, drum, note.duration_ticks)).collect();
    notes.sort_unstable();
    notes
}
