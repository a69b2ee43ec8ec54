//! The notes of an ornament.

use super::body::{Figure, GRACE_PART};
use super::time::STEPS_PER_WHOLE;
use super::token::Ornament;
use crate::gcd;

/// A trill's notes are at most so long (microseconds).
const LONGEST_TRILL_NOTE: u64 = 100_000;

/// More notes than this are noise.
const MOST_TRILL_NOTES: u64 = 256;

/// One note of an ornament; it lasts until the next one.
pub(super) struct Stroke {
    pub pitch: u8,
    /// Steps since the beginning of the ornament.
    pub at: u64,
}

/// An ornamented note, in steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ornamented {
    pub figure: Figure,
    pub pitch: u8,
    /// How long it sounds.
    pub steps: u64,
    /// Its own length, with what grace notes took from it and without what is tied to it.
    pub written: u64,
    /// What grace notes took.
    pub late: u64,
}

pub(super) fn strokes(note: &Ornamented, micros_per_beat: u32) -> Vec<Stroke> {
    let Ornamented { figure: Figure { ornament, upper, lower, unit }, pitch, steps, written, late } = *note;
    let (unit, grace) = (unit.steps(), unit.times(1, GRACE_PART).steps());
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
