//! Keys: how they are called, and which one a piece is in.

use crate::score::{Score, TICKS_PER_BEAT};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A key signature and mode; C major unless said otherwise.
///
/// ```
/// use abc_score::{Key, Mode};
/// assert_eq!(Key { fifths: 3, mode: Mode::Minor }.to_string(), "F# minor");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Key {
    /// Sharps (positive) or flats (negative) of the signature, -7..=7.
    pub fifths: i8,
    /// Which of the signature's notes is the tonic.
    pub mode: Mode,
}

/// The mode of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Mode {
    #[default]
    Major,
    Minor,
    Dorian,
    Phrygian,
    Lydian,
    Mixolydian,
    Locrian,
}

/// Letters by fifths: F is -1, C is 0, G is 1 and so on.
pub(crate) const LETTERS_BY_FIFTHS: [u8; 7] = *b"FCGDAEB";

/// Letter and number of sharps (negative: flats) of a place on the line of fifths.
pub(crate) fn spell(fifths: i8) -> (u8, i8) {
    let from_f = fifths + 1;
    (LETTERS_BY_FIFTHS[from_f.rem_euclid(7) as usize], from_f.div_euclid(7))
}

/// Semitones that a signature of so many sharps (negative: flats) puts on a letter, by its place in [`LETTERS_BY_FIFTHS`].
pub(crate) fn sharps_in_signature(fifths: i8, letter: i8) -> i8 {
    (fifths - letter + 6).div_euclid(7)
}

impl Mode {
    /// Each with its name, its suffix in ABC, and how many fifths its tonic lies above that of major.
    pub(crate) const ALL: [(Mode, &str, &str, i8); 7] = [
        (Mode::Major, "major", "", 0),
        (Mode::Minor, "minor", "m", 3),
        (Mode::Dorian, "dorian", "dor", 2),
        (Mode::Phrygian, "phrygian", "phr", 4),
        (Mode::Lydian, "lydian", "lyd", -1),
        (Mode::Mixolydian, "mixolydian", "mix", 1),
        (Mode::Locrian, "locrian", "loc", 5),
    ];
}

impl Key {
    /// Pitch class of the tonic: 0 is C, 11 is B.
    ///
    /// ```
    /// assert_eq!(abc_score::Key { fifths: 1, mode: abc_score::Mode::Dorian }.tonic(), 9); // A dorian has one sharp
    /// ```
    pub fn tonic(self) -> u8 {
        let (_, _, _, fifths) = Mode::ALL[self.mode as usize];
        (7 * i16::from(self.fifths + fifths)).rem_euclid(12) as u8
    }

    /// The tonic, such as `Bb`, with the mode's name and its suffix in ABC.
    fn names(self) -> (String, &'static str, &'static str) {
        let (_, name, suffix, fifths) = Mode::ALL[self.mode as usize];
        let (letter, sharps) = spell(self.fifths + fifths);
        let sign = if sharps < 0 { "b" } else { "#" };
        (char::from(letter).to_string() + &sign.repeat(sharps.unsigned_abs().into()), name, suffix)
    }

    /// As in a `K:` field: `Bb`, `F#m`, `Ddor`.
    pub(crate) fn in_abc(self) -> String {
        let (tonic, _, suffix) = self.names();
        tonic + suffix
    }
}

impl fmt::Display for Key {
    /// `D minor`, `F# major`, `E dorian`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tonic, mode, _) = self.names();
        write!(f, "{tonic} {mode}")
    }
}

/// How well each degree fits a major key, C first.
const MAJOR: [f64; 12] = [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88];
/// How well each degree fits a minor key, C first.
const MINOR: [f64; 12] = [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17];

/// Sharps (positive) or flats (negative) of the major key on each pitch class, C first.
const FIFTHS: [i8; 12] = [0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5];

/// The most likely major or minor key of the notes, drums left out; C major when there are none.
///
/// By Krumhansl and Schmuckler, with the profiles of Krumhansl and Kessler (1982): the key is the one with the largest
/// `r(k) = corr(weight of each pitch class, profile turned to tonic k)`.
pub fn find_key(score: &Score) -> Key {
    let weights = pitch_class_weights(score);
    let mut best = (Key::default(), 0.0);
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
        weights[usize::from(note.pitch % 12)] += f64::from(note.duration_ticks.min(4 * TICKS_PER_BEAT));
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
        assert_eq!(key_of(&[]), Key::default());
    }

    #[test]
    fn keys_have_the_names_that_their_signatures_have() {
        for (fifths, mode, name, in_abc) in [
            (0, Mode::Major, "C major", "C"),
            (-2, Mode::Major, "Bb major", "Bb"),
            (6, Mode::Major, "F# major", "F#"),
            (7, Mode::Major, "C# major", "C#"),
            (0, Mode::Minor, "A minor", "Am"),
            (-4, Mode::Minor, "F minor", "Fm"),
            (4, Mode::Minor, "C# minor", "C#m"),
            (0, Mode::Dorian, "D dorian", "Ddor"),
            (-2, Mode::Mixolydian, "F mixolydian", "Fmix"),
            (1, Mode::Lydian, "C lydian", "Clyd"),
            (0, Mode::Phrygian, "E phrygian", "Ephr"),
            (0, Mode::Locrian, "B locrian", "Bloc"),
        ] {
            let key = Key { fifths, mode };
            assert_eq!((key.to_string().as_str(), key.in_abc().as_str()), (name, in_abc));
        }
    }
}
