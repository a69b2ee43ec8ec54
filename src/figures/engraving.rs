//! From ticks to note values: what a staff shows for a voice, bar by bar. Drawing is [`super::staff`]'s work.
//!
//! A note that crosses a bar line is cut there and tied. A length that no single value has becomes two or more tied
//! values. Overlapping notes end where the next begins (one voice has one stem at a time); notes that start together form
//! a chord.

use crate::music::{Bar, Key, Score, SignKind, TempoChange, Voice};

/// One bar as it is written.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    pub bar: Bar,
    pub key: Key,
    /// The key before, if it changes here.
    pub old_key: Option<Key>,
    pub new_meter: bool,
    /// Ticks that a pickup, or another short bar at the beginning of a part, lacks before it.
    pub missing: u32,
    pub tempo: Option<TempoChange>,
    /// Whether `|:` stands before it.
    pub repeats: bool,
    pub volta: Option<Volta>,
    /// The bar line behind it, if it is not a thin one.
    pub closes: Option<SignKind>,
    pub symbols: Vec<Symbol>,
}

/// A bar's share of the bracket over an ending.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Volta {
    /// `1` or `1,3` where the ending begins, else nothing.
    pub passes: String,
    /// From the start of the bar.
    pub start: u32,
    /// Whether the bracket is closed behind this bar.
    pub ends: bool,
}

/// An ending that nothing ends has a bracket over so many bars.
const LONGEST_VOLTA: usize = 4;

/// A note, a chord or (without heads) a rest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Symbol {
    /// From the start of the bar.
    pub start: u32,
    pub value: Value,
    pub heads: Vec<Head>,
    /// Whether it is tied to the symbol that follows.
    pub tied: bool,
}

/// A note value: 1/2^`halvings` of a whole note, times 3/2 if dotted, times 2/3 in a triplet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value {
    pub halvings: u32,
    pub dotted: bool,
    pub triplet: bool,
}

/// One note head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Lines and spaces above C0 (MIDI 12): middle C is 28.
    pub step: i32,
    /// Semitones above the plain letter, where a sign must be written.
    pub sign: Option<i32>,
}

const WHOLE_TICKS: u32 = 1920;
/// 32nds: nothing shorter is written.
const MOST_HALVINGS: u32 = 5;

impl Value {
    pub fn ticks(self) -> u32 {
        let plain = WHOLE_TICKS >> self.halvings.min(MOST_HALVINGS);
        let dotted = if self.dotted { plain * 3 / 2 } else { plain };
        if self.triplet { dotted * 2 / 3 } else { dotted }
    }

    /// All values, the longest first, triplets last.
    fn all() -> Vec<Value> {
        let plain = (0..=MOST_HALVINGS).flat_map(|halvings| {
            [true, false].map(|dotted| Value { halvings, dotted, triplet: false }) // dotted first: it is longer
        });
        let triplets = (2..=MOST_HALVINGS).map(|halvings| Value { halvings, dotted: false, triplet: true });
        plain.filter(|value| value.halvings < MOST_HALVINGS || !value.dotted).chain(triplets).collect()
    }
}

/// Writes `ticks` as one value if there is one, else as two, else as the longest that fits and so on.
pub(super) fn values(ticks: u32) -> Vec<Value> {
    let all = Value::all();
    let exactly = |ticks: u32| all.iter().copied().find(|value| value.ticks() == ticks);
    if let Some(value) = exactly(ticks) {
        return vec![value];
    }
    let shorter = || all.iter().filter(|value| value.ticks() < ticks);
    if let Some(pair) = shorter().find_map(|first| Some(vec![*first, exactly(ticks - first.ticks())?])) {
        return pair;
    }
    match shorter().find(|value| !value.triplet) {
        Some(first) => std::iter::once(*first).chain(values(ticks - first.ticks())).collect(),
        None => vec![], // shorter than a 32nd
    }
}

/// A voice's bars. Times are moved to the nearest multiple of a 32nd or of a triplet 16th.
pub(super) fn measures(page: &Score, voice: &Voice) -> Vec<Measure> {
    let chords = chords(voice);
    let mut next = 0;
    let mut measures: Vec<Measure> = Vec::new();
    for bar in page.bars() {
        let (start, end) = (bar.start_ticks, bar.end_ticks());
        let mut measure = Measure::new(page, bar, measures.last());
        let mut spelling = Spelling::new(measure.key);
        let mut written = start;
        while let Some(chord) = chords.get(next).filter(|chord| chord.onset < end) {
            let onset = chord.onset.max(start);
            measure.push(start, written, onset, &[], false);
            let heads: Vec<Head> =
                chord.pitches.iter().map(|pitch| spelling.head(*pitch, chord.onset < start)).collect();
            measure.push(start, onset, chord.end.min(end), &heads, chord.end > end);
            written = chord.end.min(end).max(onset);
            if chord.end > end {
                break; // the rest of it belongs to the next bar
            }
            next += 1;
        }
        measure.push(start, written, end, &[], false);
        measures.push(measure);
    }
    if let Some(last) = measures.last_mut() {
        last.closes = last.closes.take().or(Some(SignKind::Final));
    }
    add_voltas(page, &mut measures);
    measures
}

/// The brackets over endings, each up to the next sign.
fn add_voltas(page: &Score, measures: &mut [Measure]) {
    let mut left = 0;
    for measure in measures {
        let begins = page.signs.iter().find_map(|sign| match &sign.kind {
            SignKind::Ending(passes) if (measure.bar.start_ticks..measure.bar.end_ticks()).contains(&sign.tick) => {
                let passes = passes.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
                Some((passes, sign.tick - measure.bar.start_ticks))
            }
            _ => None,
        });
        left = if begins.is_some() {
            LONGEST_VOLTA
        } else if measure.repeats {
            0
        } else {
            left
        };
        let (passes, start) = begins.unwrap_or_default();
        measure.volta = (left > 0).then_some(Volta { passes, start, ends: measure.closes.is_some() });
        left = if measure.closes.is_some() { 0 } else { left.saturating_sub(1) };
    }
}

impl Measure {
    /// What the page says of the bar, without its notes.
    fn new(page: &Score, bar: Bar, before: Option<&Measure>) -> Measure {
        let signs_at = |tick: u32| page.signs.iter().filter(move |sign| sign.tick == tick).map(|sign| &sign.kind);
        let key = page
            .keys
            .iter()
            .rev()
            .find(|change| change.tick <= bar.start_ticks)
            .map_or(page.key(), |change| change.key);
        let within = bar.start_ticks..bar.end_ticks();
        let repeats = signs_at(bar.start_ticks).any(|kind| *kind == SignKind::RepeatBegins);
        let begins = repeats || before.is_none_or(|before| before.closes.is_some());
        Measure {
            key,
            old_key: before.map(|before| before.key).filter(|old| old.fifths != key.fifths),
            new_meter: before.is_none_or(|before| before.bar.meter != bar.meter),
            tempo: page.tempos.iter().find(|change| within.contains(&change.tick)).copied(),
            missing: if begins { bar.meter.bar_ticks().saturating_sub(bar.ticks) } else { 0 },
            repeats,
            volta: None,
            closes: signs_at(bar.end_ticks())
                .find(|kind| matches!(kind, SignKind::Double | SignKind::Final | SignKind::RepeatEnds(_)))
                .cloned(),
            symbols: Vec::new(),
            bar,
        }
    }

    /// Appends what stands from tick `from` to `to` of the score.
    fn push(&mut self, bar_start: u32, from: u32, to: u32, heads: &[Head], tied_on: bool) {
        let values = values(to.saturating_sub(from));
        let mut start = from - bar_start.min(from);
        let last = values.len().saturating_sub(1);
        for (i, value) in values.into_iter().enumerate() {
            let heads =
                heads.iter().map(|head| if i == 0 { *head } else { Head { sign: None, ..*head } }).collect::<Vec<_>>();
            let tied = !heads.is_empty() && (i < last || tied_on);
            self.symbols.push(Symbol { start, value, heads, tied });
            start += value.ticks();
        }
    }
}

struct Chord {
    onset: u32,
    end: u32,
    pitches: Vec<u8>,
}

fn chords(voice: &Voice) -> Vec<Chord> {
    let mut chords: Vec<Chord> = Vec::new();
    for note in &voice.notes {
        let (onset, end) = (snapped(note.onset_ticks), snapped(note.onset_ticks.saturating_add(note.duration_ticks)));
        match chords.last_mut().filter(|chord| chord.onset == onset) {
            Some(chord) => {
                chord.end = chord.end.max(end);
                chord.pitches.push(note.pitch);
            }
            None => chords.push(Chord { onset, end, pitches: vec![note.pitch] }),
        }
    }
    let onsets: Vec<u32> = chords.iter().skip(1).map(|chord| chord.onset).chain([u32::MAX]).collect();
    for (chord, next) in chords.iter_mut().zip(onsets) {
        chord.end = chord.end.max(chord.onset + 60).min(next);
        chord.pitches.dedup();
    }
    chords.retain(|chord| chord.end > chord.onset);
    chords
}

/// The nearest multiple of a 32nd (60 ticks) or of a triplet 16th (80 ticks).
fn snapped(ticks: u32) -> u32 {
    let nearest = |grid: u32| ticks.saturating_add(grid / 2) / grid * grid;
    let (straight, triplet) = (nearest(60), nearest(80));
    if ticks.abs_diff(triplet) < ticks.abs_diff(straight) { triplet } else { straight }
}

/// Which sign each line and space carries at this place of the bar.
struct Spelling {
    key: Key,
    written: Vec<(i32, i32)>, // (step, sign in force since it was written in this bar)
}

impl Spelling {
    fn new(key: Key) -> Self {
        Spelling { key, written: Vec::new() }
    }

    /// `tied_over` notes keep the sign that they had before the bar line, unwritten.
    fn head(&mut self, pitch: u8, tied_over: bool) -> Head {
        let (step, sign) = spell(pitch, self.key.fifths);
        let before = self.written.iter().rev().find(|(other, _)| *other == step).map(|(_, sign)| *sign);
        let in_force = before.unwrap_or_else(|| key_sign(step.rem_euclid(7), self.key.fifths));
        if sign == in_force || tied_over {
            return Head { step, sign: None };
        }
        self.written.push((step, sign));
        Head { step, sign: Some(sign) }
    }
}

/// Letters along the circle of fifths: F C G D A E B, as steps above C.
const LETTERS: [i32; 7] = [3, 0, 4, 1, 5, 2, 6];

/// The step and sign of a pitch: of its names, the one that lies from three fifths below to eight above the key's own
/// major tonic (in C: E♭ B♭ F C G D A E B F♯ C♯ G♯).
pub(super) fn spell(pitch: u8, key_fifths: i8) -> (i32, i32) {
    let low = i32::from(key_fifths) - 3;
    let fifths = low + (i32::from(pitch) * 7 - low).rem_euclid(12); // 7 fifths are a semitone, modulo octaves
    let letter = LETTERS.get((fifths + 1).rem_euclid(7) as usize).copied().unwrap_or(0);
    let sign = (fifths + 1).div_euclid(7);
    const SEMITONES: [i32; 7] = [0, 2, 4, 5, 7, 9, 11];
    let letter_semitones = SEMITONES.get(letter as usize).copied().unwrap_or(0);
    let octave = (i32::from(pitch) - sign - letter_semitones).div_euclid(12) - 1;
    (octave * 7 + letter, sign)
}

/// The sign that the key signature gives to a letter (steps above C).
pub(super) fn key_sign(letter: i32, key_fifths: i8) -> i32 {
    let place = LETTERS.iter().position(|other| *other == letter).unwrap_or(0) as i32;
    let fifths = i32::from(key_fifths);
    if place < fifths {
        1
    } else if 6 - place < -fifths {
        -1
    } else {
        0
    }
}

/// The letters that a key signature marks, in the order in which they are written.
pub(super) fn key_letters(key_fifths: i8) -> Vec<i32> {
    let count = usize::from(key_fifths.unsigned_abs());
    if key_fifths >= 0 {
        LETTERS.iter().take(count).copied().collect()
    } else {
        LETTERS.iter().rev().take(count).copied().collect()
    }
}

#[cfg(test)]
mod tests;
