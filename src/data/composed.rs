//! Tunes from a small random grammar whose entropy is known: chords, a melody on them, a bass and drums, eight bars.
//!
//! ```text
//! tune    → metre, key, tempo, programs, patterns of chords, bass and drums, a form such as A A B A
//! phrase  → two bars; a phrase that comes back is repeated note for note; the last bar is the cadence on the tonic
//! bar     → a chord (a Markov chain), a rhythm, a chord tone on the first beat, then steps along the scale
//! ```
//! Every choice is drawn with a known probability, so a tune carries exactly Σ −log₂ p bits. All choices can be read off
//! the notes, so no model's loss on these tunes can stay below bits · ln 2 / characters: a law's `c` can be checked.
//! One choice cannot always be read: where phrase B happens to begin with the very bar that A begins with, two forms can give
//! the same eight bars. [`entropy`] says how little that costs.

mod entropy;

pub use entropy::{Entropy, entropy};

use super::archives::MusicFile;
use crate::music::*;
use rand::{Rng, SeedableRng};
use std::collections::HashMap;

/// Ticks of an eighth note, the unit in which the patterns below count.
const EIGHTH: u32 = TICKS_PER_BEAT / 2;
const N_BARS: usize = 8;

/// A pattern of durations in eighth notes and its weight.
type Rhythm = (&'static [u32], u32);

/// What the patterns of one metre look like; every list of durations fills a bar.
struct Grid {
    meter: Meter,
    weight: u32,
    rhythms: &'static [Rhythm],
    /// Strikes of the chords: held, or on the beats.
    strikes: [&'static [u32]; 2],
    /// Bass: held root, root and fifth, arpeggio.
    basses: [&'static [u32]; 3],
    /// Eighths with a bass drum and with a snare drum, in two patterns.
    drums: [(&'static [u32], &'static [u32]); 2],
}

#[rustfmt::skip]
const GRIDS: [Grid; 3] = [
    Grid {
        meter: Meter { numerator: 4, denominator: 4 },
        weight: 5,
        rhythms: &[
            (&[2, 2, 2, 2], 4), (&[2, 2, 4], 3), (&[4, 2, 2], 2), (&[3, 1, 2, 2], 2),
            (&[1, 1, 2, 2, 2], 2), (&[2, 1, 1, 2, 2], 2), (&[2, 2, 1, 1, 2], 2), (&[1, 1, 1, 1, 2, 2], 1),
        ],
        strikes: [&[8], &[2, 2, 2, 2]],
        basses: [&[8], &[4, 4], &[2, 2, 2, 2]],
        drums: [(&[0, 4], &[2, 6]), (&[0, 3, 4], &[2, 6])],
    },
    Grid {
        meter: Meter { numerator: 3, denominator: 4 },
        weight: 3,
        rhythms: &[
            (&[2, 2, 2], 4), (&[4, 2], 3), (&[3, 1, 2], 2), (&[2, 1, 1, 2], 2),
            (&[1, 1, 2, 2], 2), (&[2, 2, 1, 1], 2),
        ],
        strikes: [&[6], &[2, 2, 2]],
        basses: [&[6], &[4, 2], &[2, 2, 2]],
        drums: [(&[0], &[2, 4]), (&[0, 3], &[4])],
    },
    Grid {
        meter: Meter { numerator: 6, denominator: 8 },
        weight: 2,
        rhythms: &[
            (&[3, 3], 2), (&[2, 1, 2, 1], 4), (&[2, 1, 3], 3), (&[3, 1, 1, 1], 2),
            (&[1, 1, 1, 3], 2), (&[1, 1, 1, 1, 1, 1], 1),
        ],
        strikes: [&[6], &[3, 3]],
        basses: [&[6], &[3, 3], &[1, 1, 1, 1, 1, 1]],
        drums: [(&[0], &[3]), (&[0, 5], &[3])],
    },
];

/// Two-bar phrases in order, and the form's weight.
const FORMS: [([char; N_BARS / 2], u32); 3] =
    [(['A', 'A', 'B', 'A'], 2), (['A', 'B', 'A', 'C'], 2), (['A', 'A', 'B', 'B'], 1)];

/// Scale degrees of the chords' roots (I, ii, IV, V, vi), and the weights of what may follow each.
const CHORDS: [i32; 5] = [0, 1, 3, 4, 5];
const CHORD_CHANGES: [[u32; 5]; 5] =
    [[1, 2, 4, 4, 2], [1, 0, 1, 5, 1], [3, 1, 0, 4, 1], [6, 0, 1, 1, 2], [1, 3, 3, 1, 0]];

/// Steps along the scale inside a bar, and their weights.
const STEPS: [(i32, u32); 5] = [(-2, 1), (-1, 4), (0, 1), (1, 4), (2, 1)];
/// Scale degrees that the melody may use, from the tonic up.
const HIGHEST_DEGREE: i32 = 9;

const MAJOR_WEIGHT_MINOR_WEIGHT: [u32; 2] = [2, 1];
const TEMPOS_BPM: [u32; 5] = [72, 90, 108, 126, 144];
const MELODY_PROGRAMS: [u8; 4] = [73, 40, 0, 65]; // flute, violin, piano, alto saxophone
const CHORD_PROGRAMS: [u8; 3] = [0, 24, 48]; // piano, nylon guitar, strings
const BASS_PROGRAMS: [u8; 2] = [32, 33]; // acoustic and electric bass
const BASS_DRUM: u8 = 36;
const SNARE_DRUM: u8 = 38;
const HI_HAT: u8 = 42;

/// The tune of this seed and index: the same every time, everywhere.
pub fn compose(seed: u64, index: usize) -> Score {
    draw(seed, index).0
}

/// Information of the tune in bits, −log₂ of its probability, exactly: the choices' probabilities multiplied, and added up over
/// the forms that would have given the same bars (nearly always one).
pub fn entropy_bits(seed: u64, index: usize) -> f64 {
    draw(seed, index).1
}

/// The tune as a real MIDI file.
pub fn midi_file(seed: u64, index: usize) -> MusicFile {
    MusicFile { path: format!("composed/{index:06}.mid"), bytes: midi::write(&compose(seed, index)) }
}

/// The index in a path that [`midi_file`] gave.
pub fn index_of(path: &str) -> Option<usize> {
    path.strip_prefix("composed/")?.strip_suffix(".mid")?.parse().ok()
}

/// Draws with known probabilities and adds up the bits.
struct Chooser {
    rng: rand_pcg::Pcg64,
    bits: f64,
}

impl Chooser {
    /// An index, drawn in proportion to the weights.
    fn choose(&mut self, weights: &[u32]) -> usize {
        let total: u32 = weights.iter().sum();
        let mut left = self.rng.random_range(0..total.max(1));
        for (index, &weight) in weights.iter().enumerate() {
            if left < weight {
                self.bits += (f64::from(total) / f64::from(weight)).log2();
                return index;
            }
            left -= weight;
        }
        0
    }

    fn one_of<T: Copy + Default>(&mut self, options: &[T]) -> T {
        let index = self.choose(&vec![1; options.len()]);
        options.get(index).copied().unwrap_or_default()
    }

    /// One of (option, weight).
    fn weighted<T: Copy + Default>(&mut self, options: &[(T, u32)]) -> T {
        let index = self.choose(&options.iter().map(|(_, weight)| *weight).collect::<Vec<_>>());
        options.get(index).map(|(option, _)| *option).unwrap_or_default()
    }
}

/// A bar that was drawn: its chord, and the melody's (duration in eighths, degree).
#[derive(Clone, Default, PartialEq)]
struct Bar {
    chord: usize,
    melody: Vec<(u32, i32)>,
}

/// The scale of a tune: degree 0 is the tonic that the melody starts from.
struct Scale {
    tonic: i32,
    steps: [i32; 7],
}

impl Scale {
    fn new(key: Key) -> Scale {
        let minor = key.mode == Mode::Minor;
        let class = (7 * i32::from(key.fifths) + if minor { 9 } else { 0 }).rem_euclid(12);
        let steps = if minor { [0, 2, 3, 5, 7, 8, 10] } else { [0, 2, 4, 5, 7, 9, 11] };
        Scale { tonic: 55 + (class - 55).rem_euclid(12), steps } // from G below middle C up
    }

    fn pitch(&self, degree: i32) -> u8 {
        let step = self.steps.get(degree.rem_euclid(7) as usize).copied().unwrap_or(0);
        (self.tonic + 12 * degree.div_euclid(7) + step).clamp(0, 127) as u8
    }
}

fn draw(seed: u64, index: usize) -> (Score, f64) {
    let stream = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15); // spreads neighbouring indices over all seeds
    let mut chooser = Chooser { rng: rand_pcg::Pcg64::seed_from_u64(seed ^ stream), bits: 0.0 };
    let grid = &GRIDS[chooser.choose(&GRIDS.each_ref().map(|grid| grid.weight)) % GRIDS.len()];
    let mode = [Mode::Major, Mode::Minor][chooser.choose(&MAJOR_WEIGHT_MINOR_WEIGHT) % 2];
    let key = Key { fifths: chooser.one_of(&[-3, -2, -1, 0, 1, 2, 3]), mode };
    let tempo = chooser.one_of(&TEMPOS_BPM).max(1);
    let scale = Scale::new(key);
    let [melody_program, chord_program, bass_program] =
        [chooser.one_of(&MELODY_PROGRAMS), chooser.one_of(&CHORD_PROGRAMS), chooser.one_of(&BASS_PROGRAMS)];
    let (strikes, bass) = (chooser.one_of(&grid.strikes), chooser.choose(&[1, 1, 1]));
    let drums = chooser.weighted(&[(None, 1), (Some(0), 2), (Some(1), 1)]);
    let bits_before_bars = chooser.bits;
    let bars = draw_bars(&mut chooser, grid);
    let bits = bits_before_bars + information(&bars, grid);
    let mut voices = vec![
        voice("melody", 0, melody_program, melody_notes(&bars, grid, &scale)),
        voice("chords", 1, chord_program, chord_notes(&bars, grid, &scale, strikes)),
        voice("bass", 2, bass_program, bass_notes(&bars, grid, &scale, bass)),
    ];
    voices.extend(drums.map(|pattern| voice("drums", DRUM_CHANNEL, 0, drum_notes(grid, pattern))));
    let score = Score {
        meters: vec![MeterChange { tick: 0, meter: grid.meter }],
        tempos: vec![TempoChange { tick: 0, micros_per_beat: 60_000_000 / tempo }],
        keys: vec![KeyChange { tick: 0, key }],
        voices,
        ..Score::default()
    };
    (score, bits)
}

/// The bars of the form. A bar of a phrase that came before is that bar again, at no cost; the last is the cadence.
fn draw_bars(chooser: &mut Chooser, grid: &Grid) -> Vec<Bar> {
    let form = chooser.weighted(&FORMS);
    let mut drawn: HashMap<(char, usize), Bar> = HashMap::new();
    let mut bars: Vec<Bar> = Vec::with_capacity(N_BARS);
    for index in 0..N_BARS - 1 {
        let place = (form.get(index / 2).copied().unwrap_or('A'), index % 2);
        let bar = drawn.entry(place).or_insert_with(|| draw_bar(chooser, grid, bars.last())).clone();
        bars.push(bar);
    }
    bars.push(Bar { chord: 0, melody: vec![(bar_eighths(grid), 0)] });
    bars
}

fn draw_bar(chooser: &mut Chooser, grid: &Grid, before: Option<&Bar>) -> Bar {
    let changes = before.and_then(|bar| CHORD_CHANGES.get(bar.chord));
    let chord = changes.map_or(0, |weights| chooser.choose(weights)); // the first chord is the tonic's
    let mut degree = before.and_then(|bar| bar.melody.last()).map_or(4, |(_, degree)| *degree);
    let rhythm = chooser.weighted(grid.rhythms);
    let mut melody = Vec::with_capacity(rhythm.len());
    for (index, &duration) in rhythm.iter().enumerate() {
        degree = chooser.weighted(&if index == 0 { first_notes(chord, degree) } else { next_notes(degree) });
        melody.push((duration, degree));
    }
    Bar { chord, melody }
}

/// −log₂ of the probability that these bars are drawn, by whichever form.
fn information(bars: &[Bar], grid: &Grid) -> f64 {
    let forms = FORMS.iter().map(|(form, weight)| (form, share(&FORMS.map(|(_, weight)| weight), *weight)));
    -forms.map(|(form, share)| share * probability_by(form, bars, grid)).sum::<f64>().log2()
}

/// The probability of the bars by one form: 0 where a bar that must come back does not.
fn probability_by(form: &[char], bars: &[Bar], grid: &Grid) -> f64 {
    let mut drawn: HashMap<(char, usize), &Bar> = HashMap::new();
    let mut probability = 1.0;
    for (index, bar) in bars.iter().enumerate().take(N_BARS - 1) {
        let place = (form.get(index / 2).copied().unwrap_or('A'), index % 2);
        match drawn.insert(place, bar) {
            Some(earlier) if earlier != bar => return 0.0,
            Some(_) => {}
            None => probability *= probability_of(bar, grid, index.checked_sub(1).and_then(|before| bars.get(before))),
        }
    }
    probability
}

fn probability_of(bar: &Bar, grid: &Grid, before: Option<&Bar>) -> f64 {
    let changes = before.and_then(|bar| CHORD_CHANGES.get(bar.chord));
    let mut probability = changes.map_or(1.0, |weights| share(weights, weights.get(bar.chord).copied().unwrap_or(0)));
    let rhythms: Vec<u32> = grid.rhythms.iter().map(|(_, weight)| *weight).collect();
    let durations: Vec<u32> = bar.melody.iter().map(|(duration, _)| *duration).collect();
    let rhythm = grid.rhythms.iter().find(|(rhythm, _)| *rhythm == durations);
    probability *= share(&rhythms, rhythm.map_or(0, |(_, weight)| *weight));
    let mut degree = before.and_then(|bar| bar.melody.last()).map_or(4, |(_, degree)| *degree);
    for (index, (_, note)) in bar.melody.iter().enumerate() {
        let options = if index == 0 { first_notes(bar.chord, degree) } else { next_notes(degree) };
        let weights: Vec<u32> = options.iter().map(|(_, weight)| *weight).collect();
        probability *= share(&weights, options.iter().find(|(option, _)| option == note).map_or(0, |it| it.1));
        degree = *note;
    }
    probability
}

fn share(weights: &[u32], weight: u32) -> f64 {
    f64::from(weight) / f64::from(weights.iter().sum::<u32>().max(1))
}

/// What a bar may begin with after a note of this degree, with weights: a chord tone, near ones likelier.
fn first_notes(chord: usize, degree: i32) -> Vec<(i32, u32)> {
    chord_tones(chord).map(|tone| (tone, 16 >> tone.abs_diff(degree).min(4))).collect()
}

/// What may follow inside a bar, with weights: a step along the scale that stays in the melody's range.
fn next_notes(degree: i32) -> Vec<(i32, u32)> {
    let steps = STEPS.iter().map(|(step, weight)| (degree + step, *weight));
    steps.filter(|(degree, _)| (0..=HIGHEST_DEGREE).contains(degree)).collect()
}

/// Degrees of the melody's range that belong to the chord.
fn chord_tones(chord: usize) -> impl Iterator<Item = i32> {
    let root = root_of(chord);
    (0..=HIGHEST_DEGREE).filter(move |degree| [0, 2, 4].contains(&(degree - root).rem_euclid(7)))
}

fn root_of(chord: usize) -> i32 {
    CHORDS.get(chord).copied().unwrap_or(0)
}

fn bar_eighths(grid: &Grid) -> u32 {
    grid.meter.bar_ticks() / EIGHTH
}

fn voice(name: &str, channel: u8, program: u8, mut notes: Vec<Note>) -> Voice {
    notes.sort_by_key(|note| (note.onset_ticks, note.pitch));
    Voice { name: Some(name.to_string()), channel, programs: vec![ProgramChange { tick: 0, program }], notes }
}

fn note(onset_eighths: u32, pitch: u8, duration_eighths: u32, velocity: u8) -> Note {
    Note { onset_ticks: onset_eighths * EIGHTH, pitch, duration_ticks: duration_eighths * EIGHTH, velocity }
}

fn melody_notes(bars: &[Bar], grid: &Grid, scale: &Scale) -> Vec<Note> {
    let mut notes = Vec::new();
    for (start, bar) in starts(bars, grid) {
        let onsets = onsets(start, bar.melody.iter().map(|(duration, _)| *duration));
        notes.extend(
            onsets
                .zip(&bar.melody)
                .map(|((onset, duration), (_, degree))| note(onset, scale.pitch(*degree), duration, 96)),
        );
    }
    notes
}

fn chord_notes(bars: &[Bar], grid: &Grid, scale: &Scale, strikes: &[u32]) -> Vec<Note> {
    let mut notes = Vec::new();
    for (start, bar) in starts(bars, grid) {
        for (onset, duration) in onsets(start, strikes.iter().copied()) {
            let triad = [0, 2, 4].map(|third| root_of(bar.chord) + third - 7); // an octave below the melody
            notes.extend(triad.map(|degree| note(onset, scale.pitch(degree), duration, 72)));
        }
    }
    notes
}

fn bass_notes(bars: &[Bar], grid: &Grid, scale: &Scale, pattern: usize) -> Vec<Note> {
    let durations = grid.basses.get(pattern).copied().unwrap_or(grid.basses[0]);
    let tones: &[i32] = if pattern == 2 { &[0, 2, 4, 2] } else { &[0, 4] };
    let mut notes = Vec::new();
    for (start, bar) in starts(bars, grid) {
        let tones = tones.iter().cycle().map(|tone| root_of(bar.chord) + tone - 14);
        let onsets = onsets(start, durations.iter().copied());
        notes.extend(
            onsets.zip(tones).map(|((onset, duration), degree)| note(onset, scale.pitch(degree), duration, 88)),
        );
    }
    notes
}

fn drum_notes(grid: &Grid, pattern: usize) -> Vec<Note> {
    let (bass_drum, snare) = grid.drums.get(pattern).copied().unwrap_or(grid.drums[0]);
    let mut notes = Vec::new();
    for start in (0..N_BARS as u32).map(|bar| bar * bar_eighths(grid)) {
        let hits = (0..bar_eighths(grid)).step_by(2).map(|eighth| (eighth, HI_HAT));
        let hits = hits.chain(bass_drum.iter().map(|&eighth| (eighth, BASS_DRUM)));
        let hits = hits.chain(snare.iter().map(|&eighth| (eighth, SNARE_DRUM)));
        notes.extend(hits.map(|(eighth, sound)| note(start + eighth, sound, 1, 80)));
    }
    notes
}

/// Each bar with its start in eighths.
fn starts<'a>(bars: &'a [Bar], grid: &Grid) -> impl Iterator<Item = (u32, &'a Bar)> {
    let length = bar_eighths(grid);
    bars.iter().enumerate().map(move |(index, bar)| (index as u32 * length, bar))
}

/// (onset, duration) of durations that follow each other from `start`, in eighths.
fn onsets(start: u32, durations: impl Iterator<Item = u32>) -> impl Iterator<Item = (u32, u32)> {
    durations.scan(start, |next, duration| {
        let onset = *next;
        *next += duration;
        Some((onset, duration))
    })
}

#[cfg(test)]
mod tests {
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
    fn a_tune_is_as_informative_as_its_choices_unless_two_forms_give_it() {
        let grid = &GRIDS[0];
        let mut n_ambiguous = 0;
        for seed in 0..3000 {
            let mut chooser = Chooser { rng: rand_pcg::Pcg64::seed_from_u64(seed), bits: 0.0 };
            let bars = draw_bars(&mut chooser, grid);
            let information = information(&bars, grid);
            let n_forms = FORMS.iter().filter(|(form, _)| probability_by(form, &bars, grid) > 0.0).count();
            n_ambiguous += usize::from(n_forms > 1);
            let gap = chooser.bits - information; // −log₂ p of one way against −log₂ of the sum over all ways
            assert!(if n_forms == 1 { gap.abs() < 1e-9 } else { gap > 0.0 }, "{gap} with {n_forms} forms");
        }
        assert!(n_ambiguous < 10, "{n_ambiguous} of 3000");
        // One bar of the tonic seven times: every form gives it.
        let bar = Bar { chord: 0, melody: vec![(2, 4), (2, 4), (2, 4), (2, 4)] };
        let bars = vec![bar; N_BARS];
        let ways = FORMS.map(|(form, _)| probability_by(&form, &bars, grid));
        assert!(ways.iter().all(|p| *p > 0.0) && ways[0] == ways[2], "{ways:?}");
        let by_hand = -(0.4 * ways[0] + 0.4 * ways[1] + 0.2 * ways[2]).log2();
        assert!((information(&bars, grid) - by_hand).abs() < 1e-9);
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
        assert_eq!(index_of(&midi_file(9, 4).path), Some(4));
    }
}
