//! Airs: sixteen bars for one voice, near real tunes in how much a character says.
//!
//! - A tune is metre, key, a form of four phrases such as A B A C, and the key of its B: the same, or a fifth up or down.
//! - A phrase is three bars and a cadence on the tonic. When it comes back it is the same note for note, or its third bar is new and its
//!   cadence an octave higher, so that the text says which.
//! - A bar is a rhythm, a first note near the one before (a tone of the tonic's triad likelier), then steps and leaps along the scale.
//!
//! Every phrase is drawn as if a fifth above the tonic had sounded before it, so phrases are independent and the entropy is a short sum.

use super::entropy::{
    Degrees, Entropy, N_DEGREES, after_bar, bits_of, probabilities, shares, shares_of_n_notes, spread, weights,
};
use super::*;
use std::collections::HashSet;

#[rustfmt::skip]
const METERS: [(Meter, u32, &[Rhythm]); 3] = [
    (Meter { numerator: 4, denominator: 4 }, 5, &[
        (&[2, 2, 2, 2], 3), (&[2, 2, 4], 2), (&[4, 2, 2], 2), (&[2, 4, 2], 1), (&[6, 2], 1), (&[3, 1, 2, 2], 2), (&[2, 2, 3, 1], 2),
        (&[3, 1, 3, 1], 2), (&[1, 1, 2, 2, 2], 2), (&[2, 1, 1, 2, 2], 2), (&[2, 2, 1, 1, 2], 2), (&[2, 2, 2, 1, 1], 2),
        (&[1, 1, 1, 1, 2, 2], 1), (&[2, 2, 1, 1, 1, 1], 1), (&[1, 1, 2, 1, 1, 2], 1), (&[1, 1, 1, 1, 1, 1, 1, 1], 2),
    ]),
    (Meter { numerator: 3, denominator: 4 }, 3, &[
        (&[2, 2, 2], 3), (&[4, 2], 2), (&[2, 4], 1), (&[3, 3], 1), (&[3, 1, 2], 2), (&[2, 1, 1, 2], 2), (&[1, 1, 2, 2], 2),
        (&[2, 2, 1, 1], 2), (&[1, 1, 1, 1, 2], 2), (&[2, 1, 1, 1, 1], 2), (&[1, 1, 1, 1, 1, 1], 2),
    ]),
    (Meter { numerator: 6, denominator: 8 }, 4, &[
        (&[3, 3], 2), (&[4, 2], 1), (&[2, 1, 2, 1], 3), (&[2, 1, 3], 3), (&[3, 2, 1], 3), (&[1, 2, 2, 1], 1), (&[3, 1, 1, 1], 2),
        (&[1, 1, 1, 3], 2), (&[2, 1, 1, 1, 1], 3), (&[1, 1, 1, 2, 1], 3), (&[1, 1, 1, 1, 1, 1], 4),
    ]),
];

/// Of any two some phrases are equal in one that differ in the other, and the other way round: the text says which it is.
const FORMS: [([char; 4], u32); 4] =
    [(['A', 'A', 'B', 'A'], 1), (['A', 'B', 'A', 'C'], 3), (['A', 'A', 'B', 'B'], 1), (['A', 'B', 'B', 'A'], 1)];
/// Fifths from the tune's key to that of its B.
const MODULATIONS: [(i8, u32); 3] = [(0, 2), (1, 1), (-1, 1)];
/// A phrase that comes back: as it was, or varied.
const RETURNS: [(bool, u32); 2] = [(false, 1), (true, 1)];
const N_DRAWN_BARS: usize = 3;
const TONICS: [i8; 7] = [-3, -2, -1, 0, 1, 2, 3];
const FIFTH: i32 = 4;
const OCTAVE: i32 = 7;
const STEPS: [(i32, u32); 9] = [(-4, 1), (-3, 2), (-2, 3), (-1, 5), (0, 2), (1, 5), (2, 3), (3, 2), (4, 1)];
const HIGHEST: i32 = 11;

/// Its drawn bars, each (duration in eighths, degree), and the degree that it ends on.
#[derive(Clone)]
struct Phrase {
    bars: Vec<Vec<(u32, i32)>>,
    cadence: i32,
}

impl Phrase {
    fn new(chooser: &mut Chooser, rhythms: &[Rhythm]) -> Phrase {
        let mut bars: Vec<Vec<(u32, i32)>> = Vec::new();
        for _ in 0..N_DRAWN_BARS {
            bars.push(draw_bar(chooser, rhythms, bars.last()));
        }
        Phrase { bars, cadence: 0 }
    }

    /// As it comes back.
    fn again(&self, chooser: &mut Chooser, rhythms: &[Rhythm]) -> Phrase {
        let mut again = self.clone();
        if chooser.weighted(&RETURNS) {
            again.bars.pop();
            again.bars.push(draw_bar(chooser, rhythms, again.bars.last()));
            again.cadence = OCTAVE;
        }
        again
    }
}

fn draw_bar(chooser: &mut Chooser, rhythms: &[Rhythm], before: Option<&Vec<(u32, i32)>>) -> Vec<(u32, i32)> {
    let before = before.and_then(|bar| bar.last()).map_or(FIFTH, |note| note.1);
    draw_notes(chooser, rhythms, &first_notes(before), next_notes)
}

/// What a bar may begin with after a note of this degree, with weights.
fn first_notes(before: i32) -> Vec<(i32, u32)> {
    let weight = |degree: i32| {
        (16 >> degree.abs_diff(before).min(4)) * if [0, 2, 4].contains(&degree.rem_euclid(7)) { 3 } else { 1 }
    };
    (0..=HIGHEST).map(|degree| (degree, weight(degree))).collect()
}

fn next_notes(degree: i32) -> Vec<(i32, u32)> {
    let steps = STEPS.iter().map(|(step, weight)| (degree + step, *weight));
    steps.filter(|(degree, _)| (0..=HIGHEST).contains(degree)).collect()
}

pub(super) fn draw(seed: u64, index: usize) -> (Score, f64) {
    let mut chooser = Chooser::new(seed, index);
    let (meter, _, rhythms) = METERS[chooser.choose(&METERS.map(|(_, weight, _)| weight))];
    let mode = [Mode::Major, Mode::Minor][chooser.choose(&MAJOR_WEIGHT_MINOR_WEIGHT)];
    let fifths = chooser.one_of(&TONICS);
    let (of_b, form) = (fifths + chooser.weighted(&MODULATIONS), chooser.weighted(&FORMS));
    let (mut phrases, mut keys, mut notes, mut onset) = (HashMap::<char, Phrase>::new(), Vec::new(), Vec::new(), 0);
    for letter in form {
        let key = Key { fifths: if letter == 'B' { of_b } else { fifths }, mode };
        keys.push(KeyChange { tick: onset * EIGHTH, key });
        let phrase = match phrases.get(&letter) {
            Some(known) => known.again(&mut chooser, rhythms),
            None => Phrase::new(&mut chooser, rhythms),
        };
        let cadence = (meter.bar_ticks() / EIGHTH, phrase.cadence);
        for (duration, degree) in phrase.bars.iter().flatten().chain([&cadence]) {
            notes.push(note(onset, Scale::new(key).pitch(*degree), *duration, 96));
            onset += duration;
        }
        phrases.entry(letter).or_insert(phrase);
    }
    keys.dedup_by_key(|change| change.key);
    let meters = vec![MeterChange { tick: 0, meter }];
    let voices = vec![Voice { programs: Vec::new(), ..voice("air", 0, 0, notes) }];
    (Score { meters, keys, voices, ..Score::default() }, chooser.bits)
}

/// The entropy of the source, exactly.
pub(super) fn entropy() -> Entropy {
    let (meters, forms, returns) = (METERS.map(|it| it.1), weights(&FORMS), weights(&RETURNS));
    let mut bits = bits_of(&meters) + bits_of(&MAJOR_WEIGHT_MINOR_WEIGHT) + (TONICS.len() as f64).log2();
    bits += bits_of(&weights(&MODULATIONS)) + bits_of(&forms);
    let n_new = |(form, share): (&([char; 4], u32), f64)| share * form.0.iter().collect::<HashSet<_>>().len() as f64;
    let n_new: f64 = FORMS.iter().zip(shares(&forms)).map(n_new).sum(); // phrases of a tune, the others come back
    let mut same_bar = 0.0;
    for ((_, _, rhythms), share) in METERS.iter().zip(shares(&meters)) {
        let mut degrees = [0.0; N_DEGREES];
        degrees[FIFTH as usize] = 1.0;
        same_bar += share * coincidence(rhythms);
        let mut of_bars = [0.0; N_DRAWN_BARS];
        for of_bar in &mut of_bars {
            (*of_bar, degrees) = bits_of_bar(rhythms, &degrees);
        }
        let varied = bits_of(&returns) + shares(&returns)[1] * of_bars[N_DRAWN_BARS - 1];
        bits += share * (n_new * of_bars.iter().sum::<f64>() + (FORMS[0].0.len() as f64 - n_new) * varied);
    }
    // Forms give the same text only where one of at most three pairs of different phrases begins alike.
    Entropy { bits, bits_lost_at_most: 3.0 * same_bar * (FORMS.len() as f64).log2() }
}

/// Expected bits of a bar, and the degree that it leaves.
fn bits_of_bar(rhythms: &[Rhythm], before: &Degrees) -> (f64, Degrees) {
    let mut bits = bits_of(&weights(rhythms));
    let mut here = [0.0; N_DEGREES];
    for (degree, p) in before.iter().enumerate().filter(|(_, p)| **p > 0.0) {
        let options = first_notes(degree as i32);
        bits += p * bits_of(&weights(&options));
        spread(&mut here, *p, &options);
    }
    let (steps, after) = after_bar(rhythms, here, next_notes);
    (bits + steps, after)
}

/// The probability that two phrases begin with the same bar: the sum of squares over all first bars.
fn coincidence(rhythms: &[Rhythm]) -> f64 {
    let mut here = [0.0; N_DEGREES];
    probabilities(&first_notes(FIFTH)).for_each(|(degree, p)| here[degree as usize] = p * p);
    let mut total = 0.0;
    for same_rhythm in shares_of_n_notes(rhythms, 2) {
        total += same_rhythm * here.iter().sum::<f64>();
        let mut next = [0.0; N_DEGREES];
        for (degree, weight) in here.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            probabilities(&next_notes(degree as i32)).for_each(|(to, p)| next[to as usize] += weight * p * p);
        }
        here = next;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::abc;

    fn mean_bits(n: usize) -> (f64, f64) {
        let bits: Vec<f64> = (0..n).map(|index| AIRS.entropy_bits(11, index)).collect();
        let mean = bits.iter().sum::<f64>() / n as f64;
        let variance = bits.iter().map(|bits| (bits - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
        (mean, (variance / n as f64).sqrt())
    }

    #[test]
    fn the_entropy_is_the_mean_information_of_sampled_airs() {
        let (exact, (mean, standard_error)) = (AIRS.entropy(), mean_bits(20_000));
        println!("{exact:?}; mean {mean:.3} ± {standard_error:.3}");
        assert!((mean - exact.bits).abs() < 4.0 * standard_error, "{mean} {exact:?}");
        assert!(standard_error < 2e-3 * exact.bits && exact.bits_lost_at_most < 1e-4 * exact.bits);
    }

    #[test]
    fn every_choice_can_be_read_in_the_text() {
        let n = 3000;
        let texts = (0..n).map(|index| abc::write(&AIRS.compose(1, index), &abc::WriteOptions::default()));
        let texts: Vec<String> = texts.collect();
        println!("{}\n{}", texts[0], texts[1]);
        assert_eq!(texts.iter().collect::<HashSet<_>>().len(), n);
        for (index, text) in texts.iter().enumerate().take(50) {
            let (score, read) = (AIRS.compose(1, index), abc::parse(text).unwrap());
            assert_eq!((&read.keys, &read.meters), (&score.keys, &score.meters), "{text}");
            assert_eq!(read.voices[0].notes.len(), score.voices[0].notes.len());
            assert_eq!(score.bars().len(), 16);
        }
    }

    #[test]
    fn patterns_fill_their_bars_and_forms_cannot_be_taken_for_each_other() {
        for (meter, _, rhythms) in METERS {
            let all: HashSet<_> = rhythms.iter().map(|it| it.0).collect();
            assert_eq!(all.len(), rhythms.len());
            assert!(rhythms.iter().all(|(rhythm, _)| rhythm.iter().sum::<u32>() * EIGHTH == meter.bar_ticks()));
        }
        let pairs = |form: [char; 4]| {
            let all = (0..4).flat_map(|i| (0..i).map(move |j| (i, j)));
            all.filter(move |(i, j)| form[*i] == form[*j]).collect::<HashSet<_>>()
        };
        for (a, b) in FORMS.iter().flat_map(|a| FORMS.iter().map(move |b| (a.0, b.0))).filter(|(a, b)| a != b) {
            assert!(!pairs(a).is_subset(&pairs(b)), "{a:?} {b:?}");
        }
    }
}
