//! When are two tunes the same? When their notes are, in whatever key, tempo, note unit or order of the voices.

use super::short_hash;
use crate::music::Score;
use std::collections::BTreeSet;

/// Hash of the score's notes: onsets from the first note on, in units of their greatest common divisor, and pitches
/// against the lowest of the first onset. Drums are not transposed. Durations, velocities, voices and tempo don't count.
pub fn fingerprint(score: &Score) -> String {
    let drums = onsets_and_pitches(score, true);
    let melodic = onsets_and_pitches(score, false);
    let first_onset = drums.first().into_iter().chain(melodic.first()).map(|(onset, _)| *onset).min().unwrap_or(0);
    let onsets = drums.iter().chain(&melodic).map(|(onset, _)| onset - first_onset);
    let unit = onsets.fold(0, greatest_common_divisor).max(1);
    let lowest_first = melodic.first().map_or(0, |(_, pitch)| i32::from(*pitch));
    let mut bytes = Vec::with_capacity(6 * (drums.len() + melodic.len()));
    for (notes, kind, base) in [(&melodic, 0u8, lowest_first), (&drums, 1, 0)] {
        for (onset, pitch) in notes {
            bytes.extend_from_slice(&((onset - first_onset) / unit).to_le_bytes());
            bytes.extend_from_slice(&[kind, (i32::from(*pitch) - base) as i8 as u8]);
        }
    }
    short_hash(&[&bytes])
}

/// All (onset, pitch) of the drum voices or of the others, each once, by onset and then pitch.
fn onsets_and_pitches(score: &Score, drums: bool) -> BTreeSet<(u32, u8)> {
    let voices = score.voices.iter().filter(|voice| voice.is_drums() == drums);
    voices.flat_map(|voice| &voice.notes).map(|note| (note.onset_ticks, note.pitch)).collect()
}

pub(crate) fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::{DRUM_CHANNEL, Note, Voice};

    fn voice(channel: u8, notes: &[(u32, u8)]) -> Voice {
        let note = |&(onset_ticks, pitch)| Note { onset_ticks, pitch, duration_ticks: 240, velocity: 80 };
        Voice { channel, notes: notes.iter().map(note).collect(), ..Voice::default() }
    }

    fn score(voices: Vec<Voice>) -> Score {
        Score { voices, ..Score::default() }
    }

    #[test]
    fn transposed_slowed_and_delayed_tunes_share_a_fingerprint() {
        let original = score(vec![voice(0, &[(0, 60), (480, 62), (720, 64)]), voice(1, &[(0, 48)])]);
        let transposed = score(vec![voice(0, &[(0, 63), (480, 65), (720, 67)]), voice(1, &[(0, 51)])]);
        let slowed = score(vec![voice(0, &[(0, 60), (960, 62), (1440, 64)]), voice(1, &[(0, 48)])]);
        let delayed = score(vec![voice(0, &[(1920, 60), (2400, 62), (2640, 64)]), voice(1, &[(1920, 48)])]);
        let voices_swapped = score(vec![voice(3, &[(0, 48)]), voice(0, &[(0, 60), (480, 62), (720, 64)])]);
        for same in [transposed, slowed, delayed, voices_swapped] {
            assert_eq!(fingerprint(&original), fingerprint(&same));
        }
    }

    #[test]
    fn one_changed_note_or_drum_changes_the_fingerprint() {
        let original = score(vec![voice(0, &[(0, 60), (480, 62)]), voice(DRUM_CHANNEL, &[(0, 36)])]);
        let other_pitch = score(vec![voice(0, &[(0, 60), (480, 63)]), voice(DRUM_CHANNEL, &[(0, 36)])]);
        let other_drum = score(vec![voice(0, &[(0, 60), (480, 62)]), voice(DRUM_CHANNEL, &[(0, 38)])]);
        let drum_as_note = score(vec![voice(0, &[(0, 60), (480, 62)]), voice(5, &[(0, 36)])]);
        for different in [other_pitch, other_drum, drum_as_note] {
            assert_ne!(fingerprint(&original), fingerprint(&different));
        }
    }
}
