//! A few numbers about the music itself, the same for generated and for real tunes.

use crate::music::{DRUM_CHANNEL, Key, Note, Score};
use serde::{Deserialize, Serialize};

/// Semitones of the major scale above its tonic.
const MAJOR_SCALE: [u8; 7] = [0, 2, 4, 5, 7, 9, 11];

/// What can be counted in a score. Drums count as notes; they have no pitch, so all else leaves them out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Voices that have notes.
    pub n_voices: usize,
    /// Notes of all voices.
    pub n_notes: usize,
    /// Bars up to the last note's end.
    pub n_bars: usize,
    /// n_notes / n_bars, all voices together; 0 without bars.
    pub notes_per_bar: f64,
    /// MIDI numbers of the lowest and the highest pitch; `None` without pitched notes.
    pub lowest_pitch: Option<u8>,
    /// See `lowest_pitch`.
    pub highest_pitch: Option<u8>,
    /// Semitones from the lowest to the highest pitch.
    pub pitch_range: u8,
    /// H = -Σ p·log₂ p over the twelve pitch classes, in bits: 0 for one class, 2.81 for an even diatonic scale, at most 3.58.
    pub pitch_class_entropy: f64,
    /// Share of notes in the seven pitch classes of the key signature in force; 1 without pitched notes.
    pub in_scale_share: f64,
}

impl Metrics {
    /// Counts.
    pub fn of(score: &Score) -> Metrics {
        let pitched: Vec<Note> = score
            .voices
            .iter()
            .filter(|voice| voice.channel != DRUM_CHANNEL)
            .flat_map(|voice| voice.notes.clone())
            .collect();
        let pitches = || pitched.iter().map(|note| note.pitch);
        let (lowest_pitch, highest_pitch) = (pitches().min(), pitches().max());
        let (n_notes, n_bars) = (score.n_notes(), score.n_bars());
        let n_in_scale = pitched.iter().filter(|note| in_scale(note.pitch, key_at(score, note.onset_ticks))).count();
        Metrics {
            n_voices: score.voices.iter().filter(|voice| !voice.notes.is_empty()).count(),
            n_notes,
            n_bars,
            notes_per_bar: if n_bars == 0 { 0.0 } else { n_notes as f64 / n_bars as f64 },
            lowest_pitch,
            highest_pitch,
            pitch_range: highest_pitch.unwrap_or(0) - lowest_pitch.unwrap_or(0),
            pitch_class_entropy: entropy(pitches().map(|pitch| pitch % 12)),
            in_scale_share: if pitched.is_empty() { 1.0 } else { n_in_scale as f64 / pitched.len() as f64 },
        }
    }
}

fn key_at(score: &Score, tick: u32) -> Key {
    score.keys.iter().rev().find(|change| change.tick <= tick).map_or(score.key(), |change| change.key)
}

/// A key of f sharps has the notes of the major scale on 7f semitones above C, whatever its mode.
fn in_scale(pitch: u8, key: Key) -> bool {
    let tonic = (7 * i16::from(key.fifths)).rem_euclid(12) as u8;
    MAJOR_SCALE.contains(&((pitch % 12 + 12 - tonic) % 12))
}

/// H = -Σ p·log₂ p
fn entropy(classes: impl Iterator<Item = u8>) -> f64 {
    let mut counts = [0.0_f64; 12];
    for class in classes {
        counts[usize::from(class % 12)] += 1.0;
    }
    let n: f64 = counts.iter().sum();
    let terms = counts.iter().filter(|count| **count > 0.0).map(|count| count / n * (n / count).log2());
    terms.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::abc;

    fn metrics(header: &str, music: &str) -> Metrics {
        Metrics::of(&abc::parse(&format!("X:1\nM:4/4\nL:1/4\n{header}\n{music}\n")).unwrap())
    }

    #[test]
    fn a_scale_of_g_major_is_counted_by_hand() {
        let found = metrics("K:G", "GABc|defg|");
        assert_eq!((found.n_notes, found.n_bars, found.notes_per_bar), (8, 2, 4.0));
        assert_eq!((found.lowest_pitch, found.highest_pitch, found.pitch_range), (Some(67), Some(79), 12));
        assert_eq!(found.in_scale_share, 1.0);
        // eight notes, G twice: 6/8 · log₂ 8 + 2/8 · log₂ 4
        assert!((found.pitch_class_entropy - (0.75 * 3.0 + 0.25 * 2.0)).abs() < 1e-12);
    }

    #[test]
    fn accidentals_are_outside_the_scale_and_modes_share_their_signature() {
        assert_eq!(metrics("K:C", "C^CDE|").in_scale_share, 0.75);
        assert_eq!(metrics("K:Ddor", "DEFG|ABcd|").in_scale_share, 1.0);
        assert_eq!(metrics("K:C", "CCCC|[K:Eb]EABE|").in_scale_share, 1.0);
    }

    #[test]
    fn nothing_is_nothing() {
        let found = Metrics::of(&Score::default());
        assert_eq!(
            (found.n_notes, found.pitch_range, found.pitch_class_entropy, found.notes_per_bar),
            (0, 0, 0.0, 0.0)
        );
    }
}
