//! Exact time: a duration is a fraction of a whole note; a position is a count of very small steps.

use super::token::Length;
use crate::{TICKS_PER_BEAT, gcd};

/// Steps in a whole note. Divisible by 2^11·3·5 (the ticks) and by 3^3·5·7·11·13 with 2^4 to spare: tuplets don't drift.
pub(crate) const STEPS_PER_WHOLE: u64 = 4 * TICKS_PER_BEAT as u64 * 16 * 27 * 5 * 7 * 11 * 13;

const STEPS_PER_TICK: u64 = STEPS_PER_WHOLE / (4 * TICKS_PER_BEAT as u64);

/// Later ticks do not fit a score: half a million bars.
const MAX_TICKS: u64 = 1 << 30;

/// A fraction of a whole note in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fraction {
    num: u64,
    den: u64,
}

impl Fraction {
    pub const ZERO: Fraction = Fraction { num: 0, den: 1 };

    pub fn new(num: u64, den: u64) -> Fraction {
        if den == 1 {
            return Fraction { num, den };
        }
        let (den, divisor) = (den.max(1), gcd(num, den.max(1)));
        Fraction { num: num / divisor, den: den / divisor }
    }

    pub fn of(length: Length) -> Fraction {
        Fraction::new(u64::from(length.num), u64::from(length.den))
    }

    pub fn times(self, num: u64, den: u64) -> Fraction {
        if num == den {
            return self;
        }
        let (a, b) = (Fraction::new(self.num, den), Fraction::new(num, self.den));
        Fraction { num: a.num.saturating_mul(b.num), den: a.den.saturating_mul(b.den).max(1) }
    }

    pub fn times_fraction(self, other: Fraction) -> Fraction {
        self.times(other.num, other.den)
    }

    pub fn steps(self) -> u64 {
        if STEPS_PER_WHOLE.is_multiple_of(self.den) {
            return self.num.saturating_mul(STEPS_PER_WHOLE / self.den);
        }
        let steps =
            (u128::from(self.num) * u128::from(STEPS_PER_WHOLE) + u128::from(self.den / 2)) / u128::from(self.den);
        u64::try_from(steps).unwrap_or(u64::MAX)
    }
}

/// The nearest tick, or none if it lies too late for a score.
pub(crate) fn ticks(steps: u64) -> Option<u32> {
    let ticks = steps.saturating_add(STEPS_PER_TICK / 2) / STEPS_PER_TICK;
    u32::try_from(ticks).ok().filter(|&ticks| u64::from(ticks) <= MAX_TICKS)
}
