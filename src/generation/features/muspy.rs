//! The set of MusPy: Dong, Chen, McAuley and Berg-Kirkpatrick, "MusPy: a toolkit for symbolic music generation", ISMIR 2020;
//! formulas as in its module `muspy.metrics` (0.5.0). Pitches are those of all voices but the drums; drums count where it is
//! about beats and bars.
//!
//! Three differences, all at the ends of notes and of the tune. MusPy counts one more beat and one more measure behind a tune
//! that ends on a bar line, and lets a note touch the beat that begins where it ends; here a note sounds in [onset, end), and
//! the last bar is the one in which the last note sounds. MusPy's measures all have one length; here they are the score's bars,
//! and groove leaves out those of another length than the most (a pickup, a change of metre).

use super::{end_ticks, mean, ratio};
use crate::music::{Bar, Key, Note, Score, TICKS_PER_BEAT};
use std::collections::{BTreeMap, BTreeSet};

/// Semitones of the major scale above its tonic; the natural minor scale is the same seven pitch classes from its sixth on.
const MAJOR_SCALE: [u8; 7] = [0, 2, 4, 5, 7, 9, 11];

/// Positions of the groove patterns are 1/24 of a beat, MusPy's default resolution: 32nds and triplets have their own.
const TICKS_PER_STEP: u32 = TICKS_PER_BEAT / 24;

/// More pitches than this at a time make polyphony, as in MusPy.
const POLYPHONY_THRESHOLD: i32 = 2;

/// max - min
pub fn pitch_range(pitched: &[Note]) -> f64 {
    let pitches = || pitched.iter().map(|note| note.pitch);
    f64::from(pitches().max().unwrap_or(0) - pitches().min().unwrap_or(0))
}

/// How many values there are, each counted once.
pub fn n_different(values: impl Iterator<Item = u8>) -> usize {
    values.collect::<BTreeSet<u8>>().len()
}

/// polyphony = ∫ n(t) dt / ∫ [n(t) > 0] dt, rate = ∫ [n(t) > 2] dt / end, n(t) the number of different pitches that sound at t.
pub fn polyphony(pitched: &[Note], end: u32) -> (Option<f64>, Option<f64>) {
    let mut notes = pitched.to_vec();
    notes.sort_unstable_by_key(|note| (note.pitch, note.onset_ticks));
    let mut spans: Vec<(u8, u32, u32)> = Vec::new(); // a pitch that two voices hold sounds once
    for note in &notes {
        match spans.last_mut() {
            Some((pitch, _, end)) if *pitch == note.pitch && note.onset_ticks <= *end => {
                *end = end_ticks(note).max(*end)
            }
            _ => spans.push((note.pitch, note.onset_ticks, end_ticks(note))),
        }
    }
    let mut changes: Vec<(u32, i32)> = spans.iter().flat_map(|(_, start, end)| [(*start, 1), (*end, -1)]).collect();
    changes.sort_unstable();
    let (mut n, mut before) = (0, 0);
    let (mut pitch_ticks, mut sounding_ticks, mut many_ticks) = (0.0, 0.0, 0.0);
    for (tick, change) in changes {
        let ticks = f64::from(tick - before);
        pitch_ticks += f64::from(n) * ticks;
        sounding_ticks += if n > 0 { ticks } else { 0.0 };
        many_ticks += if n > POLYPHONY_THRESHOLD { ticks } else { 0.0 };
        (n, before) = (n + change, tick);
    }
    ((sounding_ticks > 0.0).then(|| pitch_ticks / sounding_ticks), (end > 0).then(|| many_ticks / f64::from(end)))
}

/// A key of f sharps has the notes of the major scale on 7f semitones above C, whatever its mode.
pub fn in_scale_share(pitched: &[Note], key_at: impl Fn(u32) -> Key) -> Option<f64> {
    let tonic = |key: Key| (7 * i16::from(key.fifths)).rem_euclid(12) as u8;
    let n_inside = pitched.iter().filter(|note| in_scale(note.pitch, tonic(key_at(note.onset_ticks)))).count();
    ratio(n_inside, pitched.len())
}

/// max over the scales of the share of notes inside; 24 scales have twelve different sets of notes.
pub fn scale_consistency(pitched: &[Note]) -> Option<f64> {
    let n_inside = |tonic| pitched.iter().filter(|note| in_scale(note.pitch, tonic)).count();
    ratio((0..12).map(n_inside).max()?, pitched.len())
}

fn in_scale(pitch: u8, tonic: u8) -> bool {
    MAJOR_SCALE.contains(&((pitch % 12 + 12 - tonic) % 12))
}

/// H = -Σ p·log₂ p
pub fn entropy(values: impl Iterator<Item = u8>) -> Option<f64> {
    let mut counts: BTreeMap<u8, f64> = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1.0);
    let n: f64 = counts.values().sum();
    (n > 0.0).then(|| counts.values().map(|count| count / n * (n / count).log2()).sum())
}

/// #{beats in which no note sounds} / #{beats up to the end of the last note}
pub fn empty_beat_rate(score: &Score) -> Option<f64> {
    let beat = |tick: u32| (tick / TICKS_PER_BEAT) as usize;
    empty_rate(score, score.end_ticks().div_ceil(TICKS_PER_BEAT) as usize, beat)
}

/// #{bars in which no note sounds} / #{bars}
pub fn empty_measure_rate(score: &Score) -> Option<f64> {
    let bars = score.bars();
    empty_rate(score, bars.len(), |tick| bar_at(&bars, tick))
}

/// Share of the `n` places in which no note sounds; `place` of a tick.
fn empty_rate(score: &Score, n: usize, place: impl Fn(u32) -> usize) -> Option<f64> {
    let notes = score.voices.iter().flat_map(|voice| &voice.notes);
    let mut spans: Vec<(usize, usize)> =
        notes.map(|note| (place(note.onset_ticks), place(end_ticks(note).saturating_sub(1)))).collect();
    spans.sort_unstable();
    let (mut n_filled, mut next) = (0, 0); // all places before `next` are counted
    for (first, last) in spans {
        n_filled += (last + 1).saturating_sub(first.max(next));
        next = next.max(last + 1);
    }
    Some(1.0 - ratio(n_filled, n)?)
}

fn bar_at(bars: &[Bar], tick: u32) -> usize {
    bars.partition_point(|bar| bar.start_ticks <= tick).saturating_sub(1)
}

/// The onset patterns of the bars that have the commonest length.
struct Grooves {
    /// Places of those bars.
    bars: BTreeSet<usize>,
    /// (bar, step) wherever a note of any voice begins.
    onsets: BTreeSet<(usize, u32)>,
    /// Steps in a bar.
    n_steps: f64,
}

impl Grooves {
    fn of(score: &Score) -> Option<Grooves> {
        let bars = score.bars();
        let mut lengths: BTreeMap<u32, usize> = BTreeMap::new();
        bars.iter().for_each(|bar| *lengths.entry(bar.ticks).or_default() += 1);
        let (ticks, _) = lengths.into_iter().max_by_key(|(ticks, n)| (*n, *ticks))?;
        let onset = |note: &Note| {
            let place = bar_at(&bars, note.onset_ticks);
            let bar = bars.get(place).filter(|bar| bar.ticks == ticks)?;
            Some((place, (note.onset_ticks - bar.start_ticks) / TICKS_PER_STEP))
        };
        Some(Grooves {
            bars: bars.iter().enumerate().filter(|(_, bar)| bar.ticks == ticks).map(|(place, _)| place).collect(),
            onsets: score.voices.iter().flat_map(|voice| &voice.notes).filter_map(onset).collect(),
            n_steps: f64::from(ticks.div_ceil(TICKS_PER_STEP)),
        })
    }

    /// Hamming distance of a bar and the next.
    fn distance_to_next(&self, bar: usize) -> f64 {
        let steps = |bar: usize| self.onsets.range((bar, 0)..(bar + 1, 0)).map(|(_, step)| *step);
        let next: BTreeSet<u32> = steps(bar + 1).collect();
        let n_common = steps(bar).filter(|step| next.contains(step)).count();
        (steps(bar).count() + next.len() - 2 * n_common) as f64
    }

    /// 1 - 1/(T-1) Σ d(G_i, G_{i+1}) / L
    fn neighbours(&self) -> Option<f64> {
        let pairs = self.bars.iter().filter(|bar| self.bars.contains(&(*bar + 1)));
        Some(1.0 - mean(pairs.map(|bar| self.distance_to_next(*bar)))? / self.n_steps)
    }

    /// 1 - 2/(T(T-1)) Σ_{i<j} d(G_i, G_j) / L. Where k of T bars have an onset, k(T-k) pairs differ.
    fn all_pairs(&self) -> Option<f64> {
        let n_bars = self.bars.len() as f64;
        let mut n_with: BTreeMap<u32, f64> = BTreeMap::new();
        self.onsets.iter().for_each(|(_, step)| *n_with.entry(*step).or_default() += 1.0);
        let n_different: f64 = n_with.values().map(|k| k * (n_bars - k)).sum();
        (n_bars > 1.0).then(|| 1.0 - n_different / (n_bars * (n_bars - 1.0) / 2.0) / self.n_steps)
    }
}

/// Groove consistency of neighbouring bars, as in MusPy, and of all pairs of bars, as in Wu and Yang ("The Jazz Transformer on
/// the front line", ISMIR 2020, whose patterns have 64 steps a bar: here 24 a beat in both).
pub fn groove(score: &Score) -> (Option<f64>, Option<f64>) {
    let grooves = Grooves::of(score);
    (grooves.as_ref().and_then(Grooves::neighbours), grooves.as_ref().and_then(Grooves::all_pairs))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{close, score};
    use super::super::{Features, pitched_notes};
    use super::*;
    use crate::music::{DRUM_CHANNEL, Voice};

    /// Two bars of C and E held together, then three notes of C major, a rest, and a bar of silence before a last note.
    fn tune() -> Score {
        score("K:C", "[CE]2 G c|z E2 z|z4|C4|")
    }

    #[test]
    fn pitches_are_counted_by_hand() {
        let found = Features::of(&tune()); // C4 E4 G4 C5 E4 C4
        assert_eq!((found.pitch_range, found.n_pitches, found.n_pitch_classes), (12.0, 4, 3));
        // pitches: C4 and E4 twice, G4 and C5 once: 2·(2/6)·log₂ 3 + 2·(1/6)·log₂ 6
        close(found.pitch_entropy, 2.0 / 3.0 * 3f64.log2() + 1.0 / 3.0 * 6f64.log2());
        // classes: C 3, E 2, G 1 of 6
        close(found.pitch_class_entropy, 0.5 + 3f64.log2() / 3.0 + 6f64.log2() / 6.0);
    }

    #[test]
    fn polyphony_is_pitches_over_sounding_time() {
        // sounding: two pitches for 2 beats, one for 2 + 2 + 4 beats
        let (polyphony, rate) = polyphony(&pitched_notes(&tune()), tune().end_ticks());
        close(polyphony, (2.0 * 2.0 + 8.0) / 10.0);
        close(rate, 0.0);
        // three pitches for one of four beats; G in a second voice sounds once
        let two = score("K:C", "V:1\nV:2\n[V:1][CEG]G2C|\n[V:2]GGGG|");
        let found = Features::of(&two);
        close(found.polyphony, (3.0 + 1.0 + 1.0 + 2.0) / 4.0);
        close(found.polyphony_rate, 0.25);
    }

    #[test]
    fn accidentals_are_outside_the_scale_and_modes_share_their_signature() {
        let share = |header, music| Features::of(&score(header, music)).in_scale_share;
        close(share("K:C", "C^CDE|"), 0.75);
        close(share("K:Ddor", "DEFG|ABcd|"), 1.0);
        close(share("K:C", "CCCC|[K:Eb]EABE|"), 1.0);
    }

    #[test]
    fn scale_consistency_asks_no_declared_key() {
        // a scale of D major whose header says C: F# and C# are outside C major, nothing is outside D major
        let found = Features::of(&score("K:C", "DE^FG|AB^cd|"));
        close(found.in_scale_share, 0.75);
        close(found.scale_consistency, 1.0);
        // of C C# D D# the best scales hold three (C# D# with C: Ab major; C# with D, D#: none; C D D#: Bb major)
        close(Features::of(&score("K:C", "C^CD^D|")).scale_consistency, 0.75);
    }

    #[test]
    fn a_beat_is_empty_where_nothing_sounds() {
        // beats: 4 full, then rest, full, full, rest, then 4 of rest, then 4 full: 6 of 16
        close(empty_beat_rate(&tune()), 6.0 / 16.0);
        close(empty_measure_rate(&tune()), 0.25);
    }

    #[test]
    fn groove_is_the_hamming_distance_of_onsets_and_no_bar_is_counted_behind_the_last() {
        // onsets on beats: {0,2,3}, {1}, {}, {0}; neighbours differ in 4, 1 and 1 of 96 steps
        let (neighbours, pairs) = groove(&tune());
        close(neighbours, 1.0 - 6.0 / 3.0 / 96.0);
        // pairs: 12: 4, 13: 3, 14: 2, 23: 1, 24: 2, 34: 1
        close(pairs, 1.0 - 13.0 / 6.0 / 96.0);
        assert_eq!(groove(&score("K:C", "CDEF|")), (None, None), "one bar has no neighbour");
        // a pickup is left out: two bars alike
        close(groove(&score("K:C", "G|CDEF|CDEF|")).0, 1.0);
    }

    #[test]
    fn drums_have_no_pitch_but_fill_beats_and_make_groove() {
        let mut with_drums = tune();
        let hit = |onset_ticks| Note { onset_ticks, pitch: 36, duration_ticks: 240, velocity: 80 };
        let notes = (0..16).map(|beat| hit(beat * TICKS_PER_BEAT)).collect();
        with_drums.voices.push(Voice { channel: DRUM_CHANNEL, notes, ..Voice::default() });
        let (found, without) = (Features::of(&with_drums), Features::of(&tune()));
        assert_eq!((found.pitch_range, found.n_pitches, found.polyphony), (12.0, 4, without.polyphony));
        assert_eq!((found.empty_beat_rate, found.groove_consistency), (Some(0.0), Some(1.0)));
        let mut alone = with_drums.clone();
        alone.voices.remove(0);
        let found = Features::of(&alone);
        assert_eq!((found.pitch_entropy, found.scale_consistency, found.polyphony), (None, None, None));
    }
}
