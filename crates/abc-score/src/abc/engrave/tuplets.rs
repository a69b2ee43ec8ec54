//! Tuplets: three in the time of two, over half a beat, a beat or two beats.

use super::{Part, Piece};
use crate::score::{Bar, TICKS_PER_BEAT};

/// The straight grid that needs no tuplet: a 64th note.
const STRAIGHT: u32 = TICKS_PER_BEAT / 16;

/// Pieces that are written as three in the time of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuplet {
    /// How many pieces it has.
    pub n: usize,
    /// Whether all are written with the same length.
    pub equal: bool,
    pub has_chord: bool,
}

impl Part {
    /// Where triplet positions are, the pieces of the last layer (from `first_piece` on) become tuplets.
    pub(super) fn add_tuplets(&mut self, first_piece: usize, bar: &Bar) {
        let pieces = self.pieces.get(first_piece..).unwrap_or_default();
        if !pieces.iter().any(|piece| is_odd(piece, bar)) {
            return;
        }
        for (from, to) in tuplet_windows(self, pieces, bar) {
            self.cut_at(first_piece, from);
            self.cut_at(first_piece, to);
            let pieces = self.pieces.get_mut(first_piece..).unwrap_or_default();
            let inside = |piece: &&mut Piece| from <= piece.tick && piece.tick < to;
            let mut within: Vec<&mut Piece> = pieces.iter_mut().filter(inside).collect();
            for piece in &mut within {
                piece.written = piece.ticks / 2 * 3; // grids are multiples of 10 ticks: exact
            }
            let equal = within.windows(2).all(|pair| matches!(pair, [a, b] if a.written == b.written));
            let has_chord = within.iter().any(|piece| piece.pitches.len() > 1);
            let n = within.len();
            if let Some(first) = within.first_mut() {
                first.tuplet = Some(Tuplet { n, equal, has_chord });
            }
        }
    }
}

/// Whether a piece begins off the straight grid.
fn is_odd(piece: &Piece, bar: &Bar) -> bool {
    !(piece.tick - bar.start_ticks).is_multiple_of(STRAIGHT)
}

/// Start and end of each tuplet of a bar.
fn tuplet_windows(part: &Part, pieces: &[Piece], bar: &Bar) -> Vec<(u32, u32)> {
    let end = bar.start_ticks + bar.ticks;
    let odd =
        |from: u32, to: u32| pieces.iter().any(|piece| from < piece.tick && piece.tick < to && is_odd(piece, bar));
    let rests_over = |piece: &Piece, tick: u32| {
        part.pitches(piece).is_empty() && piece.tick < tick && tick < piece.tick + piece.ticks
    };
    let whole = |tick: u32| tick >= end || pieces.iter().any(|piece| piece.tick == tick || rests_over(piece, tick));
    let mut windows = Vec::new();
    let mut from = bar.start_ticks;
    while from < end {
        let (half, to) = (from + TICKS_PER_BEAT / 2, (from + TICKS_PER_BEAT).min(end));
        let double = from + 2 * TICKS_PER_BEAT;
        let mut next = to;
        if odd(from, to) {
            if half < to && whole(half) {
                windows.extend([(from, half), (half, to)].into_iter().filter(|&(a, b)| odd(a, b)));
            } else if !whole(to) && double <= end && whole(double) {
                windows.push((from, double));
                next = double;
            } else {
                windows.push((from, to));
            }
        }
        from = next;
    }
    windows
}
