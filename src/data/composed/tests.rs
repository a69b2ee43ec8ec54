use super::*;
use crate::data::fingerprint::fingerprint;
use crate::music::quantise::quantise;
use std::collections::HashSet;

#[test]
fn every_pattern_fills_its_bar() {
    for grid in &GRIDS {
        let patterns = grid.rhythms.iter().map(|(pattern, _)| *pattern).chain(grid.strikes).chain(grid.basses);
        for pattern in patterns {
            assert_eq!(pattern.iter().sum::<u32>(), bar_eighths(grid), "{pattern:?} in {}", grid.meter);
        }
    }
}

#[test]
fn a_tune_survives_its_midi_file() {
    for index in 0..50 {
        let score = compose(1, index);
        let read = quantise(&midi::read(&midi_file(1, index).bytes).unwrap());
        assert_eq!(fingerprint(&read), fingerprint(&score));
        assert_eq!((read.meter(), read.key(), read.voices.len()), (score.meter(), score.key(), score.voices.len()));
        assert!((read.tempo_bpm() - score.tempo_bpm()).abs() < 0.01);
    }
}

#[test]
fn the_first_choices_cost_what_their_probabilities_say() {
    // metre 5/10, 3/10 or 2/10; then the chooser has drawn one choice only
    let mut chooser = Chooser { rng: rand_pcg::Pcg64::seed_from_u64(0), bits: 0.0 };
    let index = chooser.choose(&[5, 3, 2]);
    assert_eq!(chooser.bits, -[0.5f64, 0.3, 0.2][index].log2());
}

#[test]
fn different_choices_make_different_texts() {
    let text = |index| crate::music::abc::write(&compose(1, index), &crate::music::abc::WriteOptions::default());
    let texts: HashSet<String> = (0..3000).map(text).collect();
    assert_eq!(texts.len(), 3000);
}

#[test]
fn mean_bits_agree_with_the_entropy_of_the_tune_level_choices_plus_the_bars() {
    let entropy = |weights: &[f64]| {
        let total: f64 = weights.iter().sum();
        -weights.iter().map(|w| w / total * (w / total).log2()).sum::<f64>()
    };
    let uniform = |n: f64| n.log2();
    // metre, mode, key, tempo, three programs, strikes, bass, drums, form
    let tune_level = entropy(&[5.0, 3.0, 2.0])
        + entropy(&[2.0, 1.0])
        + uniform(7.0)
        + uniform(5.0)
        + uniform(4.0)
        + uniform(3.0)
        + uniform(2.0)
        + uniform(2.0)
        + uniform(3.0)
        + entropy(&[1.0, 2.0, 1.0])
        + entropy(&[2.0, 2.0, 1.0]);
    let mean = (0..2000).map(|index| entropy_bits(3, index)).sum::<f64>() / 2000.0;
    // the bars: three to five are drawn, each a chord, a rhythm and about four notes
    assert!(mean > tune_level + 3.0 * 6.0 && mean < tune_level + 5.0 * 16.0, "{mean} against {tune_level}");
}

#[test]
fn tunes_differ_and_are_the_same_each_time() {
    let prints: HashSet<String> = (0..500).map(|index| fingerprint(&compose(1, index))).collect();
    assert!(prints.len() > 495, "{}", prints.len());
    assert_eq!(compose(9, 4), compose(9, 4));
    assert_ne!(compose(9, 4), compose(10, 4));
    assert_eq!(BAND.index_of(&midi_file(9, 4).path), Some(4));
    assert_eq!(AIRS.index_of(&midi_file(9, 4).path), None);
}
