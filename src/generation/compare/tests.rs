//! Planted truths: what is the same, what is shifted, what is drawn from one source.

use super::*;
use crate::data::composed::compose;
use rand::Rng;

/// Values of a normal distribution, two at a time (Box and Muller 1958).
pub fn gaussian(n: usize, mean: f64, sd: f64, seed: u64) -> Vec<f64> {
    let mut rng = rand_pcg::Pcg64::seed_from_u64(seed);
    let mut draw = || {
        let (u, v): (f64, f64) = (rng.random::<f64>().max(1e-300), rng.random());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    (0..n).map(|_| mean + sd * draw()).collect()
}

fn composed(seed: u64, n: usize) -> Vec<Features> {
    (0..n).map(|index| Features::of(&compose(seed, index))).collect()
}

fn scalar<'a>(comparison: &'a Comparison, name: &str) -> &'a ScalarComparison {
    comparison.scalars.iter().find(|row| row.name == name).unwrap()
}

#[test]
fn a_shift_by_one_standard_deviation_is_found_and_the_zero_line_lies_near_zero() {
    let (ours, people) = (gaussian(1000, 1.0, 1.0, 1), gaussian(2000, 0.0, 1.0, 2));
    let found = compare_scalar(("x", "1"), ours, people).unwrap();
    let (overlap, distance) = (found.overlap.unwrap(), found.wasserstein.unwrap());
    assert!((overlap.all - 0.62).abs() < 0.02 && (overlap.ours - 0.62).abs() < 0.02, "{overlap:?}");
    assert!((distance.all - 1.0).abs() < 0.06 && (distance.ours - 1.0).abs() < 0.06, "{distance:?}");
    assert!(overlap.zero > 0.95 && distance.zero < 0.08, "{overlap:?} {distance:?}");
}

#[test]
fn the_same_tunes_overlap_wholly_and_are_at_no_distance() {
    let tunes = composed(1, 60);
    let found = compare(&tunes, &tunes);
    for row in &found.scalars {
        assert!(row.overlap.is_some_and(|overlap| (overlap.all - 1.0).abs() < 1e-9), "{row:?}");
        assert!(row.wasserstein.is_none_or(|distance| distance.all < 1e-12), "{row:?}");
    }
    assert!(found.frechet.unwrap().distance.all < 1e-6);
}

#[test]
fn tunes_of_one_source_lie_on_the_zero_line_and_those_with_random_pitches_beyond() {
    let people = composed(1, 120);
    let same = compare(&composed(2, 60), &people);
    let frechet = same.frechet.clone().unwrap().distance;
    assert!((0.6..1.6).contains(&(frechet.ours / frechet.zero)), "{frechet:?}");
    let other: Vec<Features> = (0..60).map(|index| Features::of(&worsened(compose(2, index), index as u64))).collect();
    let other = compare(&other, &people);
    for name in ["pitch_range", "pitch_class_entropy", "repeated_bar_share", "mean_pitch_interval"] {
        let (same, other) = (scalar(&same, name).wasserstein.unwrap(), scalar(&other, name).wasserstein.unwrap());
        assert!(other.ours > 2.0 * other.zero && other.ours > 2.0 * same.ours, "{name}: {same:?} {other:?}");
    }
    let consistency = scalar(&other, "scale_consistency"); // people's never leave the scale: there is no unit to measure in
    assert!(consistency.wasserstein.is_none() && consistency.overlap.is_some_and(|overlap| overlap.ours < 0.01));
    assert!(other.frechet.as_ref().unwrap().distance.ours > 3.0 * frechet.ours);
    let matrix = |of: &Comparison| of.matrices[1].clone();
    assert!((matrix(&same).overlap - matrix(&same).overlap_zero).abs() < 0.1, "{:?}", matrix(&same));
    assert!(matrix(&other).overlap < matrix(&other).overlap_zero - 0.1, "{:?}", matrix(&other));
}

/// The tune with all of its pitches drawn anew from an octave and a half.
fn worsened(mut tune: crate::music::Score, seed: u64) -> crate::music::Score {
    let mut rng = rand_pcg::Pcg64::seed_from_u64(seed);
    let melodic = tune.voices.iter_mut().filter(|voice| !voice.is_drums());
    melodic.flat_map(|voice| &mut voice.notes).for_each(|note| note.pitch = rng.random_range(60..78));
    tune
}

#[test]
fn a_comparison_is_json_a_table_and_text() {
    let found = compare(&composed(2, 9), &composed(1, 20));
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap().n, (9, 20));
    assert_eq!((found.table().unwrap().height(), found.matrix_table().unwrap().height()), (SCALARS.len(), 4));
    assert!(found.to_string().starts_with("9 of our tunes beside 20 of people's"), "{found}");
}

#[test]
fn too_few_tunes_say_nothing() {
    let found = compare(&[], &[]);
    assert!(found.scalars.is_empty() && found.matrices.is_empty() && found.frechet.is_none());
    let one = compare(&composed(1, 1), &composed(2, 1));
    assert!(one.frechet.is_none() && one.scalars.iter().all(|row| row.overlap.is_none()));
}
