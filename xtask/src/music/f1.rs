//! How many notes survive: precision, recall and F1 of one MIDI file against another.
//!
//! Two notes may be paired when pitch and drum flag are equal and their onsets differ by at most the tolerance. Pairing is
//! one to one and as large as can be: onsets of one pitch in ascending order, swept with two pointers.
//!
//! ```text
//! P = pairs / found      R = pairs / expected      F1 = 2·pairs / (expected + found)
//! ```

use super::notes::Notes;

/// Pairs of notes whose onsets differ by at most one beat in `beat_fraction` (16: a sixteenth of a beat), and their F1.
pub fn f1(expected: &Notes, found: &Notes, beat_fraction: u32) -> f64 {
    let total = expected.len() + found.len();
    if total == 0 {
        return 1.0;
    }
    2.0 * n_pairs(expected, found, beat_fraction) as f64 / total as f64
}

/// Pairs, counted exactly: all times are brought to one denominator.
fn n_pairs(expected: &Notes, found: &Notes, beat_fraction: u32) -> usize {
    let ((n_a, d_a), (n_b, d_b), k) = (expected.tick, found.tick, i128::from(beat_fraction));
    let (scale_a, scale_b) = (i128::from(n_a) * i128::from(d_b) * k, i128::from(n_b) * i128::from(d_a) * k);
    let tolerance = i128::from(d_a) * i128::from(d_b); // 1/k beat, as scaled
    let pairs = |(key, onsets): (&(u8, bool), &Vec<u64>)| {
        let scaled = |onsets: &[u64], scale: i128| onsets.iter().map(|&t| i128::from(t) * scale).collect::<Vec<_>>();
        let found = found.onsets.get(key).map_or(Vec::new(), |onsets| scaled(onsets, scale_b));
        music_scaling::music::n_pairs(&scaled(onsets, scale_a), &found, tolerance)
    };
    expected.onsets.iter().map(pairs).sum()
}

/// The value below which `share` of the values lie, interpolated; NaN for no values.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * sorted.len().saturating_sub(1) as f64;
    let value = |i: usize| sorted.get(i.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN);
    let below = value(place as usize);
    below + (value(place as usize + 1) - below) * place.fract()
}
