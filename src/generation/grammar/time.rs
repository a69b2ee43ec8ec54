//! How full a bar is, and what still fits into it.

/// Steps in a whole note, as many as the reader of ABC counts: what divides without a rest here is exact there.
pub(super) const STEPS_PER_WHOLE: u64 = 1920 * 16 * 27 * 5 * 7 * 11 * 13;

/// Denominators that a length may have.
pub(super) const DENOMINATORS: [u32; 14] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 24, 32, 64];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tuplet {
    pub left: u32,
    /// It multiplies lengths by q / p.
    q: u32,
    p: u32,
}

/// The bar that is being written. All times are steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time {
    pub unit: u64,
    /// What the metre asks for; none in free metre.
    pub bar: Option<u64>,
    /// Whether the metre counts in threes, which tells what `(5` means.
    pub is_compound: bool,
    pub filled: u64,
    pub may_be_short: bool,
    pub tuplet: Option<Tuplet>,
    /// The last sound of the bar; 0 if there is none.
    last: u64,
    /// Broken rhythm between `last` and the sound that comes next: `>` is 1, `<<` -2.
    pub broken: i8,
}

fn exact(steps: u64, num: u64, den: u64) -> Option<u64> {
    let product = steps.checked_mul(num)?;
    product.is_multiple_of(den).then(|| product / den)
}

/// `a>b` lasts a3/2 b/2, `a>>b` a7/4 b/4, and `<` the other way round.
fn stretched(steps: u64, broken: i8, is_first: bool) -> Option<u64> {
    let den = 1 << broken.unsigned_abs();
    let is_long = (broken > 0) == is_first;
    exact(steps, if is_long && broken != 0 { 2 * den - 1 } else { 1 }, den)
}

impl Time {
    pub fn new() -> Self {
        let (unit, bar) = (STEPS_PER_WHOLE / 8, Some(STEPS_PER_WHOLE));
        Time { unit, bar, is_compound: false, filled: 0, may_be_short: true, tuplet: None, last: 0, broken: 0 }
    }

    /// Whether only a bar line that is more than plain may end the bar here.
    pub fn is_short(&self) -> bool {
        self.filled > 0 && !self.may_be_short && self.bar.is_some_and(|bar| self.filled < bar)
    }

    /// Whether nothing is open that wants a note.
    pub fn may_pause(&self) -> bool {
        self.tuplet.is_none() && self.broken == 0
    }

    pub fn is_full(&self) -> bool {
        self.bar == Some(self.filled)
    }

    /// Steps of the next sound, written as num / den, where they can be counted and leave room for all that must follow.
    fn steps(&self, num: u32, den: u32) -> Option<u64> {
        let unit = self.unit_in_tuplet()?;
        let steps = stretched(exact(unit, num.into(), den.into())?, self.broken, false)?;
        let shortest = || DENOMINATORS.iter().filter_map(|&den| exact(unit, 1, den.into())).min();
        let to_follow = match self.tuplet {
            Some(Tuplet { left, .. }) if left > 1 => u64::from(left - 1) * shortest()?,
            _ => 0,
        };
        let after = self.filled.checked_add(steps)?.checked_add(to_follow)?;
        self.bar.is_none_or(|bar| after <= bar).then_some(steps)
    }

    fn unit_in_tuplet(&self) -> Option<u64> {
        self.tuplet.map_or(Some(self.unit), |Tuplet { q, p, .. }| exact(self.unit, q.into(), p.into()))
    }

    pub fn fits(&self, num: u32, den: u32) -> bool {
        self.steps(num, den).is_some()
    }

    /// Whether some sound fits.
    pub fn has_room(&self) -> bool {
        DENOMINATORS.iter().any(|&den| self.fits(1, den))
    }

    pub fn with_sound(mut self, num: u32, den: u32) -> Option<Time> {
        self.last = self.steps(num, den)?;
        self.filled += self.last;
        self.broken = 0;
        self.tuplet =
            self.tuplet.map(|tuplet| Tuplet { left: tuplet.left - 1, ..tuplet }).filter(|tuplet| tuplet.left > 0);
        Some(self)
    }

    /// The last sound and the next one broken (anew, if they were), where there is room for both.
    pub fn with_broken(mut self, broken: i8) -> Option<Time> {
        self.filled = self.filled - stretched(self.last, self.broken, true)? + stretched(self.last, broken, true)?;
        self.broken = broken;
        (self.last > 0 && broken.abs() <= 3 && self.has_room()).then_some(self)
    }

    /// (p:q:r, where there is room for its notes. What q is by default, the standard says (4.13).
    pub fn with_tuplet(mut self, p: u32, q: Option<u32>, r: Option<u32>) -> Option<Time> {
        let default_q = match p {
            2 | 4 | 8 => 3,
            3 | 6 => 2,
            _ if self.is_compound => 3,
            _ => 2,
        };
        self.tuplet = Some(Tuplet { left: r.unwrap_or(p), q: q.unwrap_or(default_q), p });
        self.has_room().then_some(self)
    }

    /// The next bar, behind a bar line that is plain or not.
    pub fn next_bar(self, is_plain: bool) -> Time {
        let may_be_short = !is_plain || self.filled == 0 && self.may_be_short;
        Time { filled: 0, last: 0, may_be_short, ..self }
    }
}
