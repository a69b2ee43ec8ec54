//! Which key a piece is in, judged from its notes (Krumhansl and Schmuckler; profiles of Krumhansl and Kessler 1982).
//!
//! `r(k) = corr(weight of each pitch class, profile turned to tonic k)`; the key is the one with the largest r.

use super::score::{Key, Mode, Score};

/// How well each degree fits a major key, C first.
const MAJOR: [f64; 12] = [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88];
/// How well each degree fits a minor key, C first.
const MINOR: [f64; 12] = [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17];

/// Sharps (positive) or flats (negative) of the major key on each pitch class, C first.
const FIFTHS: [i8; 12] = [0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5];

/// The most likely major or minor key of the notes, drums left out; C major when there are none.
pub fn find_key(score: &Score) -> Key {
    let weights = pitch_class_weights(score);
    let mut best = (Key { fifths: 0, mode: Mode::Major }, 0.0);
    for (tonic, &fifths) in FIFTHS.iter().enumerate() {
        let minor_fifths = FIFTHS[(tonic + 3) % 12]; // the relative major is three semitones up
        for (fifths, mode, profile) in [(fifths, Mode::Major, &MAJOR), (minor_fifths, Mode::Minor, &MINOR)] {
            let fit = correlation(&weights, profile, tonic);
            if fit > best.1 {
                best = (Key { fifths, mode }, fit);
            }
        }
    }
    best.0
}

/// Sounding time of each pitch class, in ticks; each note counts for at most a whole note so that drones do not decide.
fn pitch_class_weights(score: &Score) -> [f64; 12] {
    let mut weights = [0.0; 12];
    for note in score.voices.iter().filter(|voice| !voice.is_drums()).flat_map(|voice| &voice.notes) {
        weights[usize::from(note.pitch % 12)] += f64::from(note.duration_ticks.min(4 * super::score::TICKS_PER_BEAT));
    }
    weights
}

/// Pearson's r between the weights and a profile whose first entry stands for `tonic`; 0 when the weights are all equal.
fn correlation(weights: &[f64; 12], profile: &[f64; 12], tonic: usize) -> f64 {
    let mean = |values: &[f64; 12]| values.iter().sum::<f64>() / 12.0;
    let (mean_w, mean_p) = (mean(weights), mean(profile));
    let (mut cov, mut var_w, mut var_p) = (0.0, 0.0, 0.0);
    for (class, weight) in weights.iter().enumerate() {
        let (w, p) = (weight - mean_w, profile[(class + 12 - tonic) % 12] - mean_p);
        (cov, var_w, var_p) = (cov + w * p, var_w + w * w, var_p + p * p);
    }
    let scale = (var_w * var_p).sqrt();
    if scale > 0.0 { cov / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Note, Voice};

    fn key_of(pitches: &[u8]) -> Key {
        let note =
            |(i, &pitch): (usize, &u8)| Note { onset_ticks: 480 * i as u32, pitch, duration_ticks: 480, velocity: 80 };
        let notes = pitches.iter().enumerate().map(note).collect();
        find_key(&Score { voices: vec![Voice { notes, ..Voice::default() }], ..Score::default() })
    }

    #[test]
    fn a_d_major_scale_that_rests_on_its_triad_is_in_d_major() {
        assert_eq!(key_of(&[62, 64, 66, 67, 69, 71, 73, 74, 62, 66, 69, 62]), Key { fifths: 2, mode: Mode::Major });
    }

    #[test]
    fn an_a_minor_tune_with_its_leading_note_is_in_a_minor() {
        assert_eq!(key_of(&[69, 71, 72, 74, 76, 77, 80, 81, 76, 72, 69, 69]), Key { fifths: 0, mode: Mode::Minor });
    }

    #[test]
    fn no_notes_are_in_c_major() {
        assert_eq!(key_of(&[]), Key { fifths: 0, mode: Mode::Major });
    }
}
