//! Tunes from a small random grammar whose entropy is known: chords, a melody on them, a bass and drums, eight bars.
//!
//! - A tune is metre, key, tempo, programs, patterns of chords, bass and drums, and a form such as A A B A.
//! - A phrase is two bars; one that comes back is repeated note for note; the last bar is the cadence on the tonic.
//! - A bar is a chord (a Markov chain), a rhythm, a chord tone on the first beat, then steps along the scale.
//!
//! Every choice is drawn with a known probability, so a tune's choices carry exactly Σ −log₂ p bits. They can be read off
//! the notes, so no model's loss on these tunes can stay below bits · ln 2 / characters: a law's `c` can be checked.
//! One choice cannot always be read: where phrase B happens to begin with the very bar that A begins with, two forms can give
//! the same eight bars. [`entropy`] says how little that costs.
//!
//! ```
//! use music_scaling::data::composed;
//!
//! let tune = composed::compose(1337, 0);
//! assert_eq!(tune, composed::compose(1337, 0)); // the same every time
//! assert_eq!(tune.bars().len(), 8);
//! assert!((composed::entropy_bits(1337, 0) - composed::entropy().bits).abs() < 50.0);
//! ```

mod airs;
mod entropy;

pub use entropy::Entropy;

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

/// A grammar whose tunes make a corpus.
pub struct Grammar {
    /// Of the corpus.
    pub name: &'static str,
    draw: fn(u64, usize) -> (Score, f64),
    entropy: fn() -> Entropy,
}

/// That of this page: a band of three or four voices.
pub const BAND: Grammar = Grammar { name: "composed", draw, entropy: entropy::entropy };
/// One voice, nearer to real tunes: phrases that come back varied, a middle part in another key.
pub const AIRS: Grammar = Grammar { name: "airs", draw: airs::draw, entropy: airs::entropy };

impl Grammar {
    /// That of a corpus by name.
    pub fn of(corpus: &str) -> Option<Grammar> {
        [BAND, AIRS].into_iter().find(|grammar| grammar.name == corpus)
    }

    /// The tune of this seed and index: the same every time, everywhere.
    pub fn compose(&self, seed: u64, index: usize) -> Score {
        (self.draw)(seed, index).0
    }

    /// Information of the tune's choices in bits, Σ −log₂ p. It is the tune's own, unless another form would have given the same
    /// bars, which nearly never happens.
    pub fn entropy_bits(&self, seed: u64, index: usize) -> f64 {
        (self.draw)(seed, index).1
    }

    /// The entropy of the source, exactly: no tune is drawn.
    pub fn entropy(&self) -> Entropy {
        (self.entropy)()
    }

    /// The tune as a real MIDI file.
    pub fn midi_file(&self, seed: u64, index: usize) -> MusicFile {
        let path = format!("{}/{index:06}.mid", self.name);
        MusicFile { path, bytes: midi::write(&self.compose(seed, index)) }
    }

    /// The index in a path that [`Grammar::midi_file`] gave.
    pub fn index_of(&self, path: &str) -> Option<usize> {
        path.strip_prefix(self.name)?.strip_prefix('/')?.strip_suffix(".mid")?.parse().ok()
    }
}

/// [`BAND`]'s tune of this seed and index.
pub fn compose(seed: u64, index: usize) -> Score {
    BAND.compose(seed, index)
}

/// Of [`BAND`]'s tune.
pub fn entropy_bits(seed: u64, index: usize) -> f64 {
    BAND.entropy_bits(seed, index)
}

/// [`BAND`]'s tune as a real MIDI file.
pub fn midi_file(seed: u64, index: usize) -> MusicFile {
    BAND.midi_file(seed, index)
}

/// That of [`BAND`].
pub fn entropy() -> Entropy {
    BAND.entropy()
}

/// Draws with known probabilities and adds up the bits.
struct Chooser {
    rng: rand_pcg::Pcg64,
    bits: f64,
}

impl Chooser {
    fn new(seed: u64, index: usize) -> Chooser {
        let stream = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15); // spreads neighbouring indices over all seeds
        Chooser { rng: rand_pcg::Pcg64::seed_from_u64(seed ^ stream), bits: 0.0 }
    }

    /// An index, drawn in proportion to the weights.
    fn choose(&mut self, weights: &[u32]) -> usize {
        let total: u32 = weights.iter().sum();
        let mut left = self.rng.random_range(0..total);
        let mut index = 0;
        while left >= weights[index] {
            left -= weights[index];
            index += 1;
        }
        self.bits += (f64::from(total) / f64::from(weights[index])).log2();
        index
    }

    fn one_of<T: Copy>(&mut self, options: &[T]) -> T {
        options[self.choose(&vec![1; options.len()])]
    }

    /// One of (option, weight).
    fn weighted<T: Copy>(&mut self, options: &[(T, u32)]) -> T {
        options[self.choose(&options.iter().map(|(_, weight)| *weight).collect::<Vec<_>>())].0
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
        (self.tonic + 12 * degree.div_euclid(7) + self.steps[degree.rem_euclid(7) as usize]).clamp(0, 127) as u8
    }
}

fn draw(seed: u64, index: usize) -> (Score, f64) {
    let mut chooser = Chooser::new(seed, index);
    let grid = &GRIDS[chooser.choose(&GRIDS.each_ref().map(|grid| grid.weight))];
    let mode = [Mode::Major, Mode::Minor][chooser.choose(&MAJOR_WEIGHT_MINOR_WEIGHT)];
    let key = Key { fifths: chooser.one_of(&[-3, -2, -1, 0, 1, 2, 3]), mode };
    let tempo = chooser.one_of(&TEMPOS_BPM);
    let scale = Scale::new(key);
    let [melody_program, chord_program, bass_program] =
        [chooser.one_of(&MELODY_PROGRAMS), chooser.one_of(&CHORD_PROGRAMS), chooser.one_of(&BASS_PROGRAMS)];
    let (strikes, bass) = (chooser.one_of(&grid.strikes), chooser.choose(&[1, 1, 1]));
    let drums = chooser.weighted(&[(None, 1), (Some(0), 2), (Some(1), 1)]);
    let bars = draw_bars(&mut chooser, grid);
    let melody = |bar: &Bar| bar.melody.iter().map(|(duration, degree)| (*duration, vec![*degree])).collect();
    let chord = |bar: &Bar| {
        let triad = [0, 2, 4].map(|third| CHORDS[bar.chord] + third - 7); // an octave below the melody
        strikes.iter().map(|duration| (*duration, triad.to_vec())).collect()
    };
    let tones: &[i32] = if bass == 2 { &[0, 2, 4, 2] } else { &[0, 4] };
    let root = |bar: &Bar| {
        let degrees = tones.iter().cycle().map(|tone| vec![CHORDS[bar.chord] + tone - 14]);
        grid.basses[bass].iter().copied().zip(degrees).collect()
    };
    let mut voices = vec![
        voice("melody", 0, melody_program, notes(&bars, &scale, 96, &melody)),
        voice("chords", 1, chord_program, notes(&bars, &scale, 72, &chord)),
        voice("bass", 2, bass_program, notes(&bars, &scale, 88, &root)),
    ];
    voices.extend(drums.map(|pattern| voice("drums", DRUM_CHANNEL, 0, drum_notes(grid, pattern))));
    let score = Score {
        meters: vec![MeterChange { tick: 0, meter: grid.meter }],
        tempos: vec![TempoChange { tick: 0, micros_per_beat: 60_000_000 / tempo }],
        keys: vec![KeyChange { tick: 0, key }],
        voices,
        ..Score::default()
    };
    (score, chooser.bits)
}

/// The bars of the form. A bar of a phrase that came before is that bar again, at no cost; the last is the cadence.
fn draw_bars(chooser: &mut Chooser, grid: &Grid) -> Vec<Bar> {
    let form = chooser.weighted(&FORMS);
    let mut drawn: HashMap<(char, usize), Bar> = HashMap::new();
    let mut bars: Vec<Bar> = Vec::with_capacity(N_BARS);
    for index in 0..N_BARS - 1 {
        let place = (form[index / 2], index % 2);
        let bar = drawn.entry(place).or_insert_with(|| draw_bar(chooser, grid, bars.last())).clone();
        bars.push(bar);
    }
    bars.push(Bar { chord: 0, melody: vec![(bar_eighths(grid), 0)] });
    bars
}

fn draw_bar(chooser: &mut Chooser, grid: &Grid, before: Option<&Bar>) -> Bar {
    let chord = before.map_or(0, |bar| chooser.choose(&CHORD_CHANGES[bar.chord])); // the first chord is the tonic's
    let degree = before.and_then(|bar| bar.melody.last()).map_or(4, |(_, degree)| *degree);
    Bar { chord, melody: draw_notes(chooser, grid.rhythms, &first_notes(chord, degree), next_notes) }
}

/// A rhythm, a first note, then what may follow each note: (duration in eighths, degree).
fn draw_notes(
    chooser: &mut Chooser,
    rhythms: &[Rhythm],
    first_notes: &[(i32, u32)],
    next_notes: fn(i32) -> Vec<(i32, u32)>,
) -> Vec<(u32, i32)> {
    let mut notes: Vec<(u32, i32)> = Vec::new();
    for &duration in chooser.weighted(rhythms) {
        let degree = match notes.last() {
            Some((_, degree)) => chooser.weighted(&next_notes(*degree)),
            None => chooser.weighted(first_notes),
        };
        notes.push((duration, degree));
    }
    notes
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
    (0..=HIGHEST_DEGREE).filter(move |degree| [0, 2, 4].contains(&(degree - CHORDS[chord]).rem_euclid(7)))
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

/// (duration in eighths, scale degrees) of what a voice strikes in a bar, one after another.
type Strikes = Vec<(u32, Vec<i32>)>;

/// The notes of a voice.
fn notes(bars: &[Bar], scale: &Scale, velocity: u8, strikes: &dyn Fn(&Bar) -> Strikes) -> Vec<Note> {
    let (mut notes, mut onset) = (Vec::new(), 0);
    for (duration, degrees) in bars.iter().flat_map(strikes) {
        notes.extend(degrees.iter().map(|degree| note(onset, scale.pitch(*degree), duration, velocity)));
        onset += duration; // every pattern fills its bar
    }
    notes
}

fn drum_notes(grid: &Grid, pattern: usize) -> Vec<Note> {
    let (bass_drum, snare) = grid.drums[pattern];
    let mut notes = Vec::new();
    for start in (0..N_BARS as u32).map(|bar| bar * bar_eighths(grid)) {
        let hits = (0..bar_eighths(grid)).step_by(2).map(|eighth| (eighth, HI_HAT));
        let hits = hits.chain(bass_drum.iter().map(|&eighth| (eighth, BASS_DRUM)));
        let hits = hits.chain(snare.iter().map(|&eighth| (eighth, SNARE_DRUM)));
        notes.extend(hits.map(|(eighth, sound)| note(start + eighth, sound, 1, 80)));
    }
    notes
}

#[cfg(test)]
mod tests;
