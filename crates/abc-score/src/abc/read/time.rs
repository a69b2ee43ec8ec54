//! Time as a count of very small steps.

use super::token::Length;
use crate::TICKS_PER_BEAT;

/// Steps in a whole note. Divisible by 2^11·3·5 (the ticks) and by 3^3·5·7·11·13 with 2^4 to spare: tuplets don't drift.
pub(crate) const STEPS_PER_WHOLE: u64 = 4 * TICKS_PER_BEAT as u64 * 16 * 27 * 5 * 7 * 11 * 13;

const STEPS_PER_TICK: u64 = STEPS_PER_WHOLE / (4 * TICKS_PER_BEAT as u64);

/// Later ticks do not fit a score: half a million bars.
const MAX_TICKS: u64 = 1 << 30;

/// What so many whole notes last.
pub(crate) fn steps_of(whole_notes: Length) -> u64 {
    scaled(STEPS_PER_WHOLE, whole_notes)
}

/// So many times as long, to the nearest step; what is too long for any score stays too long.
pub(crate) fn scaled(steps: u64, times: Length) -> u64 {
    let Length { num, den } = times;
    if num == den {
        return steps;
    }
    let den = u64::from(den.max(1));
    steps.saturating_mul(num.into()).saturating_add(den / 2) / den
}

/// The nearest tick, or none if it lies too late for a score.
pub(crate) fn ticks(steps: u64) -> Option<u32> {
    let ticks = steps.saturating_add(STEPS_PER_TICK / 2) / STEPS_PER_TICK;
    u32::try_from(ticks).ok().filter(|&ticks| u64::from(ticks) <= MAX_TICKS)
}
