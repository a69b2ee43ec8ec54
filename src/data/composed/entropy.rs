//! The entropy of a composed tune, summed over all that could be drawn.
//!
//! Expected bits add up along the draws (the chain rule), and a bar depends on the bar before it only through its chord and its last
//! degree. So one pass over the distribution of (chord, degree) gives the expected bits of every bar, exactly.

use super::*;
use serde::{Deserialize, Serialize};

/// Bits of one tune.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Entropy {
    /// Entropy of the random choices.
    pub bits: f64,
    /// The entropy of the *music* is smaller by at most this. Two choices give the same music only where the form is ambiguous, for
    /// which phrase B must begin with A's first bar, of probability p: at most p·log₂ 3 bits, for three forms.
    pub bits_lost_at_most: f64,
}

/// Notes of the longest rhythm.
const MOST_NOTES: usize = 8;
/// Degrees of the widest melody.
pub(super) const N_DEGREES: usize = 12;

/// Probability of each degree.
pub(super) type Degrees = [f64; N_DEGREES];
/// Of each last degree, for each chord.
type States = [Degrees; CHORDS.len()];

/// The entropy of the source, exactly: no tune is drawn.
pub(super) fn entropy() -> Entropy {
    let meters = shares(&GRIDS.each_ref().map(|grid| grid.weight));
    let mut bits = bits_of(&GRIDS.each_ref().map(|grid| grid.weight)) + bits_of(&MAJOR_WEIGHT_MINOR_WEIGHT);
    bits += [7, TEMPOS_BPM.len(), MELODY_PROGRAMS.len(), CHORD_PROGRAMS.len(), BASS_PROGRAMS.len(), 2, 3]
        .map(|n| (n as f64).log2()) // key, tempo, programs, strikes, bass: all equally likely
        .iter()
        .sum::<f64>();
    bits += bits_of(&[1, 2, 1]) + bits_of(&FORMS.map(|(_, weight)| weight)); // drums, form
    let (mut of_bars, mut same_bar) = (0.0, 0.0);
    for (grid, share) in GRIDS.iter().zip(meters) {
        of_bars += share * bits_of_bars(grid);
        same_bar += share * b_begins_like_a(grid);
    }
    Entropy { bits: bits + of_bars, bits_lost_at_most: same_bar * 3f64.log2() }
}

/// Expected bits of the bars of a tune, over all forms.
fn bits_of_bars(grid: &Grid) -> f64 {
    let forms = shares(&FORMS.map(|(_, weight)| weight));
    FORMS.iter().zip(forms).map(|((form, _), share)| share * bits_of_form(grid, form)).sum()
}

fn bits_of_form(grid: &Grid, form: &[char]) -> f64 {
    let mut drawn: HashMap<(char, usize), States> = HashMap::new();
    let (mut bits, mut before) = (0.0, None);
    for index in 0..N_BARS - 1 {
        let place = (form[index / 2], index % 2);
        let states = *drawn.entry(place).or_insert_with(|| {
            let (of_bar, states) = draw_states(grid, before.as_ref());
            bits += of_bar;
            states
        });
        before = Some(states);
    }
    bits
}

/// Expected bits of one more bar, and the chord and last degree that it leaves; `None`: the first bar of a tune.
fn draw_states(grid: &Grid, before: Option<&States>) -> (f64, States) {
    let mut bits = bits_of(&weights(grid.rhythms));
    let mut after = [[0.0; N_DEGREES]; CHORDS.len()];
    for (chord, degree, probability) in beginnings(before, &mut bits) {
        let options = first_notes(chord, degree);
        bits += probability * bits_of(&weights(&options));
        let mut here = [0.0; N_DEGREES];
        spread(&mut here, probability, &options);
        let (steps, ends) = after_bar(grid.rhythms, here, next_notes);
        bits += steps;
        ends.iter().zip(&mut after[chord]).for_each(|(p, after)| *after += p);
    }
    (bits, after)
}

/// Expected bits of a bar's notes after its first, which `here` tells, and its last degree. A rhythm of n notes makes n - 1 steps; all
/// rhythms walk the same way, and stop after their own number of them.
pub(super) fn after_bar(
    rhythms: &[Rhythm],
    mut here: Degrees,
    next_notes: fn(i32) -> Vec<(i32, u32)>,
) -> (f64, Degrees) {
    let (mut bits, mut after, mut left) = (0.0, [0.0; N_DEGREES], 1.0);
    for stops in shares_of_n_notes(rhythms, 1) {
        here.iter().zip(&mut after).for_each(|(p, after)| *after += p * stops);
        left -= stops;
        let mut next = [0.0; N_DEGREES];
        for (degree, p) in here.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            let options = next_notes(degree as i32);
            bits += left * p * bits_of(&weights(&options));
            spread(&mut next, *p, &options);
        }
        here = next;
    }
    (bits, after)
}

/// (chord, degree before, probability) of every way to begin a bar; adds the expected bits of the chord.
fn beginnings(before: Option<&States>, bits: &mut f64) -> Vec<(usize, i32, f64)> {
    let Some(before) = before else { return vec![(0, 4, 1.0)] };
    let mut all = Vec::new();
    for (states, changes) in before.iter().zip(&CHORD_CHANGES) {
        *bits += states.iter().sum::<f64>() * bits_of(changes);
        for (degree, p) in states.iter().enumerate() {
            all.extend(shares(changes).into_iter().enumerate().map(|(chord, q)| (chord, degree as i32, p * q)));
        }
    }
    all
}

/// The probability that the bar which begins phrase B (after A's two bars) is the bar which began the tune.
fn b_begins_like_a(grid: &Grid) -> f64 {
    let mut total = 0.0;
    for (first, p_first) in probabilities(&first_notes(0, 4)) {
        // Weight of A's first bar from this note, times that of the same rhythm and steps in B, by its last degree.
        let mut here = [0.0; N_DEGREES];
        here[first as usize] = p_first;
        for same_rhythm in shares_of_n_notes(grid.rhythms, 2) {
            for (last, weight) in here.iter().enumerate().filter(|(_, weight)| same_rhythm * **weight > 0.0) {
                total += weight * same_rhythm * follows(grid, last, first);
            }
            let mut next = [0.0; N_DEGREES];
            for (degree, weight) in here.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
                probabilities(&next_notes(degree as i32)).for_each(|(to, p)| next[to as usize] += weight * p * p);
            }
            here = next;
        }
    }
    total
}

/// After A's first bar, which ended on `last`, comes A's second bar and then a bar on the tonic that begins with `first`.
fn follows(grid: &Grid, last: usize, first: i32) -> f64 {
    let mut after_first = [[0.0; N_DEGREES]; CHORDS.len()];
    after_first[0][last] = 1.0;
    let (_, after_second) = draw_states(grid, Some(&after_first));
    let begins = |(chord, degree, p): (usize, i32, f64)| {
        let note = probabilities(&first_notes(chord, degree)).find(|(note, _)| *note == first);
        if chord == 0 { p * note.map_or(0.0, |(_, p)| p) } else { 0.0 }
    };
    beginnings(Some(&after_second), &mut 0.0).into_iter().map(begins).sum()
}

/// The probability that so many bars draw one and the same rhythm, by its number of notes: 1, 2 and so on.
pub(super) fn shares_of_n_notes(rhythms: &[Rhythm], n_bars: i32) -> [f64; MOST_NOTES] {
    let mut of_n_notes = [0.0; MOST_NOTES];
    for ((rhythm, _), share) in rhythms.iter().zip(shares(&weights(rhythms))) {
        of_n_notes[rhythm.len() - 1] += share.powi(n_bars);
    }
    of_n_notes
}

pub(super) fn spread(states: &mut Degrees, probability: f64, options: &[(i32, u32)]) {
    probabilities(options).for_each(|(degree, p)| states[degree as usize] += probability * p);
}

pub(super) fn probabilities(options: &[(i32, u32)]) -> impl Iterator<Item = (i32, f64)> {
    options.iter().map(|(option, _)| *option).zip(shares(&weights(options)))
}

pub(super) fn weights<T>(options: &[(T, u32)]) -> Vec<u32> {
    options.iter().map(|(_, weight)| *weight).collect()
}

pub(super) fn shares(weights: &[u32]) -> Vec<f64> {
    let total: u32 = weights.iter().sum();
    weights.iter().map(|weight| f64::from(*weight) / f64::from(total)).collect()
}

/// Entropy of one choice: −Σ p·log₂ p.
pub(super) fn bits_of(weights: &[u32]) -> f64 {
    shares(weights).iter().filter(|p| **p > 0.0).map(|p| -p * p.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_entropy_is_the_mean_information_of_sampled_tunes() {
        let exact = entropy();
        let n = 5_000;
        let bits: Vec<f64> = (0..n).map(|index| entropy_bits(11, index)).collect();
        let mean = bits.iter().sum::<f64>() / n as f64;
        let variance = bits.iter().map(|bits| (bits - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
        let standard_error = (variance / n as f64).sqrt();
        println!("{exact:?}; mean of {n} tunes {mean:.3} ± {standard_error:.3}");
        assert!((mean - exact.bits).abs() < 4.0 * standard_error, "{mean} {exact:?}");
        assert!(standard_error < 4e-3 * exact.bits && exact.bits_lost_at_most < 1e-3 * exact.bits);
    }

    /// Every first bar of a tune, written out: (rhythm, degrees) with its probability.
    fn all_first_bars(grid: &Grid) -> Vec<(usize, Vec<i32>, f64)> {
        let mut bars = Vec::new();
        for (index, p_rhythm) in shares(&grid.rhythms.iter().map(|it| it.1).collect::<Vec<u32>>()).iter().enumerate() {
            let mut partial: Vec<(Vec<i32>, f64)> =
                probabilities(&first_notes(0, 4)).map(|(note, p)| (vec![note], p * p_rhythm)).collect();
            for _ in 1..grid.rhythms[index].0.len() {
                let longer = |(notes, p): (Vec<i32>, f64)| {
                    let options: Vec<_> = probabilities(&next_notes(notes[notes.len() - 1])).collect();
                    options.into_iter().map(move |(note, q)| ([&notes[..], &[note]].concat(), p * q))
                };
                partial = partial.into_iter().flat_map(longer).collect();
            }
            bars.extend(partial.into_iter().map(|(notes, p)| (index, notes, p)));
        }
        bars
    }

    #[test]
    fn the_bits_of_a_bar_agree_with_writing_all_bars_out() {
        for grid in &GRIDS {
            let bars = all_first_bars(grid);
            let total: f64 = bars.iter().map(|(_, _, p)| p).sum();
            let enumerated: f64 = bars.iter().map(|(_, _, p)| -p * p.log2()).sum();
            let (bits, states) = draw_states(grid, None);
            println!("{}: {} first bars, {bits:.6} bits", grid.meter, bars.len());
            assert!((total - 1.0).abs() < 1e-9 && (enumerated - bits).abs() < 1e-9, "{enumerated} {bits}");
            let ends_on_4: f64 = bars.iter().filter(|(_, notes, _)| notes[notes.len() - 1] == 4).map(|it| it.2).sum();
            assert!((states[0][4] - ends_on_4).abs() < 1e-12);
            let different: HashSet<(usize, &[i32])> = bars.iter().map(|(r, notes, _)| (*r, &notes[..])).collect();
            assert_eq!(different.len(), bars.len(), "no bar can be drawn in two ways");
            let mut again: HashMap<(i32, i32), f64> = HashMap::new(); // P(B begins with this bar) without its notes
            let mut coincides = |(_, notes, p): &(usize, Vec<i32>, f64)| {
                let (first, last) = (notes[0], notes[notes.len() - 1]);
                let begins = *again.entry((last, first)).or_insert_with(|| follows(grid, last as usize, first));
                p * p / probability_of(&first_notes(0, 4), first) * begins
            };
            let same: f64 = bars.iter().map(&mut coincides).sum();
            assert!((same - b_begins_like_a(grid)).abs() < 1e-12, "{same} {}", b_begins_like_a(grid));
        }
    }

    fn probability_of(options: &[(i32, u32)], note: i32) -> f64 {
        probabilities(options).find(|(option, _)| *option == note).unwrap().1
    }
}
