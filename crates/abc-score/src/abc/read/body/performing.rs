//! All that a tune read as played has over one read as written: the swing of hornpipes, fermatas, ornaments.

use super::sounds::{GRACE_PART, PITCHES, letter_index};
use super::{Event, Reader, TuneBody};
use crate::abc::read::token::{STEPS_PER_WHOLE, Tone, scaled, steps_of};
use crate::{Meter, gcd};
use serde::{Deserialize, Serialize};

/// How the reader takes a tune.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Performance {
    /// The notes as they stand: what corpora and models use.
    #[default]
    AsWritten,
    /// As a player would, by the rules of abc2midi 4.84:
    /// - a hornpipe (`R:hornpipe`) swings: what stands as `a>b` is played 2:1, and in 4/4 and 2/4 so is a pair of eighth
    ///   notes (in 2/4 of sixteenths) on the beat;
    /// - `a>b` between notes of unequal length, which the standard leaves open, leaves them as they are;
    /// - a fermata (`H`) doubles its note, chord or rest;
    /// - a trill (`T`) begins with the upper neighbour, and no note of it is longer than a tenth of a second;
    /// - a roll (`R`) is five equal notes: the note, the one above, the note, the one below, the note;
    /// - an ornament (`~`) is struck from above, by a note of a quarter of the unit note length; three units are struck
    ///   three times, the second time from above and the third from below;
    /// - neighbours are those of the key signature, and only what stands directly before its note (standard 2.1, 4.20) is
    ///   an ornament of it;
    /// - a repeat that never began goes back to the last repeat sign or the start, not to a double bar line.
    ///
    /// Unlike abc2midi, staccato dots leave broken rhythm alone, `a<b` stays a snap in a hornpipe, a second part with
    /// endings is repeated even without `|:`, and an ornament behind `>` loses no time.
    AsPlayed,
}

/// Decorations that change the notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ornament {
    /// `H` or `!fermata!`
    Fermata,
    /// `T` or `!trill!`
    Trill,
    /// `R`
    Roll,
    /// `~`
    Cut,
}

impl Ornament {
    pub fn of_letter(letter: char) -> Option<Ornament> {
        match letter {
            'H' => Some(Ornament::Fermata),
            'T' => Some(Ornament::Trill),
            'R' => Some(Ornament::Roll),
            '~' => Some(Ornament::Cut),
            _ => None,
        }
    }

    /// By what stands between exclamation marks.
    pub fn of_name(name: &str) -> Option<Ornament> {
        match name {
            "fermata" => Some(Ornament::Fermata),
            "trill" => Some(Ornament::Trill),
            _ => None,
        }
    }
}

/// An ornament and what is needed to play it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figure {
    pub ornament: Ornament,
    /// The neighbours by the key signature.
    upper: u8,
    lower: u8,
    /// The unit note length, in steps.
    unit: u64,
}

/// Whether the tune is played as a hornpipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hornpipe {
    No,
    /// In another metre than 4/4 and 2/4 only what stands as `a>b` is played 2:1.
    DotsSwing,
    PairsSwing,
}

impl Hornpipe {
    pub fn of(tune: &TuneBody, rhythm: Option<&str>) -> Hornpipe {
        let is_named = rhythm.is_some_and(|rhythm| rhythm.starts_with("hornpipe") || rhythm.starts_with("Hornpipe"));
        match tune.meter {
            _ if tune.performance == Performance::AsWritten || !is_named => Hornpipe::No,
            Some(Meter { numerator: 2 | 4, denominator: 4 }) => Hornpipe::PairsSwing,
            _ => Hornpipe::DotsSwing,
        }
    }

    /// `a>b` is played as a triplet: the long note, the short note, the denominator of both.
    pub fn dots(self) -> Option<(u32, u32, u32)> {
        (self != Hornpipe::No).then_some((4, 2, 3))
    }
}

/// How far the bar has come, for the swing of hornpipes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Beat {
    /// Steps since the bar line, as written.
    steps: u64,
    /// The steps of the note before, if it stood alone and nothing came between.
    pub last_written: Option<u64>,
}

impl Beat {
    pub fn rests(&mut self, steps: u64) {
        self.steps = self.steps.saturating_add(steps);
        self.last_written = None;
    }
}

impl Reader<'_> {
    /// The standard leaves open what `a>b` means between notes of unequal length: played, they stay as they are.
    pub(super) fn can_be_broken(&self, first: usize, last: usize) -> bool {
        let length = |index: usize| match self.tune.voices.get(self.current)?.events.get(index)?.event {
            Event::Sound { advance, .. } => Some(advance),
            _ => None,
        };
        self.tune.performance == Performance::AsWritten || length(first) == length(last)
    }

    /// The second of two eighth notes alone within a beat (in 2/4 of two sixteenths) is played as if a `>` stood before it.
    pub(super) fn swing(&mut self, tones: &[Tone], unit: u64) {
        if self.hornpipe != Hornpipe::PairsSwing {
            return;
        }
        let state = &mut self.voice().state;
        let pair = match state.meter {
            Some(Meter { numerator: 4, .. }) => STEPS_PER_WHOLE / 8,
            _ => STEPS_PER_WHOLE / 16,
        };
        let [tone, chord @ ..] = tones else { return };
        let length = scaled(unit, tone.length);
        let is_second = state.beat.steps % (2 * pair) == pair;
        if chord.is_empty() && is_second && length == pair && state.beat.last_written == Some(pair) && state.broken == 0
        {
            state.broken = 1;
        }
        state.beat.steps = state.beat.steps.saturating_add(length);
        state.beat.last_written = Some(length).filter(|_| chord.is_empty());
    }

    pub(super) fn ornament(&mut self, ornament: Ornament) {
        if self.tune.performance == Performance::AsPlayed {
            self.voice().state.ornaments.push(ornament);
        }
    }

    /// The ornament of a note; none of a chord.
    pub(super) fn figure(&mut self, tones: &[Tone]) -> Option<Figure> {
        let state = &self.voice().state;
        let of_note = |of: Ornament| state.ornaments.contains(&of).then_some(of);
        let ornament = of_note(Ornament::Trill).or(of_note(Ornament::Cut)).or(of_note(Ornament::Roll))?;
        let [tone] = tones else { return None };
        let (upper, lower) = (self.neighbour(tone, 1), self.neighbour(tone, -1));
        Some(Figure { ornament, upper, lower, unit: steps_of(self.voice().state.unit) })
    }

    /// The pitch so many places of the scale above, by the key signature.
    fn neighbour(&mut self, tone: &Tone, places: i16) -> u8 {
        let letter = (letter_index(tone) as i16 + places).rem_euclid(7) as usize;
        let from_c = (letter_index(tone) as i16 + 5).rem_euclid(7) + places; // octaves begin at C
        let state = &self.voice().state;
        let octave = i16::from(tone.octave) + from_c.div_euclid(7);
        let pitch = PITCHES[letter] + i16::from(state.key[letter]) + 12 * octave + state.moved();
        pitch.clamp(0, 127) as u8
    }

    /// What a fermata multiplies the length of the next note, chord or rest by; ends its ornaments.
    pub(super) fn stretch_of_fermata(&mut self) -> u64 {
        let ornaments = std::mem::take(&mut self.voice().state.ornaments);
        if ornaments.contains(&Ornament::Fermata) { 2 } else { 1 }
    }
}

/// A trill's notes are at most so long (microseconds).
const LONGEST_TRILL_NOTE: u64 = 100_000;

/// More notes than this are noise.
const MOST_TRILL_NOTES: u64 = 256;

/// One note of an ornament; it lasts until the next one.
pub(crate) struct Stroke {
    pub pitch: u8,
    /// Steps since the beginning of the ornament.
    pub at: u64,
}

/// An ornamented note, in steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ornamented {
    pub figure: Figure,
    pub pitch: u8,
    /// How long it sounds.
    pub steps: u64,
    /// Its own length, with what grace notes took from it and without what is tied to it.
    pub written: u64,
    /// What grace notes took.
    pub late: u64,
}

/// The notes of an ornament.
pub(crate) fn strokes(note: &Ornamented, micros_per_beat: u32) -> Vec<Stroke> {
    let Ornamented { figure: Figure { ornament, upper, lower, unit }, pitch, steps, written, late } = *note;
    let grace = unit / GRACE_PART;
    let stroke = |(pitch, at): (u8, u64)| Stroke { pitch, at };
    match ornament {
        Ornament::Trill => {
            let n = n_trill_notes(steps, unit, micros_per_beat);
            (0..n)
                .map(|i| stroke((if i % 2 == 0 { upper } else { pitch }, steps / n * i + steps % n * i / n)))
                .collect()
        }
        Ornament::Roll => {
            let pitches = [pitch, upper, pitch, lower, pitch].into_iter().zip(0..);
            pitches.map(|(pitch, i)| stroke((pitch, steps / 5 * i + steps % 5 * i / 5))).collect()
        }
        Ornament::Cut if written == 3 * unit => {
            let (second, third) = (unit.saturating_sub(late), (2 * unit).saturating_sub(late));
            [(pitch, 0), (upper, second), (pitch, second + grace), (lower, third), (pitch, third + grace)]
                .map(stroke)
                .into()
        }
        Ornament::Cut if grace < written => [(upper, 0), (pitch, grace)].map(stroke).into(),
        Ornament::Cut | Ornament::Fermata => vec![Stroke { pitch, at: 0 }],
    }
}

/// The largest common part of the note and the unit note length, halved until it is short enough.
fn n_trill_notes(steps: u64, unit: u64, micros_per_beat: u32) -> u64 {
    let micros = steps.saturating_mul(4 * u64::from(micros_per_beat)) / STEPS_PER_WHOLE;
    let mut n = (steps / gcd(steps, unit).max(1)).max(1);
    while micros > n * LONGEST_TRILL_NOTE && n < MOST_TRILL_NOTES {
        n *= 2;
    }
    n.min(MOST_TRILL_NOTES)
}
