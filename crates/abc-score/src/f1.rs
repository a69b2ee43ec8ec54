//! How many notes survive: F1 of one score against another.
//!
//! Two notes may be paired when pitch and drum flag are equal and their onsets differ by at most the tolerance. Pairing is
//! one to one and as large as can be: onsets of one pitch in ascending order, swept with two pointers. With P = pairs/found and
//! R = pairs/expected, F1 = 2·P·R/(P + R) = 2·pairs/(expected + found).

use crate::{DRUM_CHANNEL, Score};
use std::collections::BTreeMap;

/// F1 of the notes of `found` against those of `expected`, onsets at most `tolerance_ticks` apart; 1 for two empty scores.
///
/// ```
/// let score = abc_score::abc::parse("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|\n")?;
/// let three_of_four = abc_score::abc::parse("X:1\nM:4/4\nL:1/4\nK:C\nCDEz|\n")?;
/// assert_eq!(abc_score::f1(&score, &score, 0), 1.0);
/// assert_eq!(abc_score::f1(&score, &three_of_four, 30), 2.0 * 3.0 / 7.0);
/// # Ok::<(), abc_score::Error>(())
/// ```
pub fn f1(expected: &Score, found: &Score, tolerance_ticks: u32) -> f64 {
    let total = expected.n_notes() + found.n_notes();
    if total == 0 {
        return 1.0;
    }
    let (expected, found) = (onsets(expected), onsets(found));
    let pairs = |(key, a): (_, &Vec<u32>)| found.get(key).map_or(0, |b| n_pairs(a, b, tolerance_ticks));
    2.0 * expected.iter().map(pairs).sum::<usize>() as f64 / total as f64
}

/// Onsets by (pitch, whether it is a drum), ascending.
fn onsets(score: &Score) -> BTreeMap<(u8, bool), Vec<u32>> {
    let mut onsets: BTreeMap<_, Vec<u32>> = BTreeMap::new();
    for voice in &score.voices {
        for note in &voice.notes {
            onsets.entry((note.pitch, voice.channel == DRUM_CHANNEL)).or_default().push(note.onset_ticks);
        }
    }
    onsets.values_mut().for_each(|onsets| onsets.sort_unstable());
    onsets
}

/// Size of the largest one-to-one matching of two ascending lists under |a − b| ≤ tolerance.
pub fn n_pairs<T>(a: &[T], b: &[T], tolerance: T) -> usize
where
    T: Copy + Ord + std::ops::Sub<Output = T>,
{
    let (mut i, mut j, mut n) = (0, 0, 0);
    while let (Some(&x), Some(&y)) = (a.get(i), b.get(j)) {
        if x.max(y) - x.min(y) <= tolerance {
            (i, j, n) = (i + 1, j + 1, n + 1);
        } else if x < y {
            i += 1;
        } else {
            j += 1;
        }
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_paired_once_and_within_the_tolerance() {
        assert_eq!(n_pairs(&[0_u32, 480], &[10, 20, 500], 30), 2);
        assert_eq!(n_pairs(&[0_u32, 30, 60], &[25, 55, 85], 30), 3, "each to the next one, not the nearest");
        assert_eq!(n_pairs(&[0_u32], &[31], 30), 0);
    }

    #[test]
    fn a_drum_is_not_a_pitch() {
        let score = |channel| {
            let note = crate::Note { onset_ticks: 0, pitch: 60, duration_ticks: 10, velocity: 80 };
            Score {
                voices: vec![crate::Voice { channel, notes: vec![note], ..Default::default() }],
                ..Default::default()
            }
        };
        assert_eq!(f1(&score(0), &score(DRUM_CHANNEL), 0), 0.0);
        assert_eq!(f1(&score(0), &score(1), 0), 1.0);
    }
}
