//! Notes on a staff: heads, stems, beams, flags, signs and the figures of triplets.

use super::canvas::{At, Canvas};
use super::engraving::{Measure, Symbol};
use super::look::{self, AXIS, INK};
use super::ornaments;
use super::staff::{SPACE, System};
use crate::music::TICKS_PER_BEAT;

const STEM: f64 = 3.4 * SPACE;

/// Neighbouring notes that share a beam; everything else alone. The beats of a pickup are counted from its end.
pub(super) fn beam_groups<'a, 'b>(placed: &'b [(f64, &'a Symbol)], measure: &Measure) -> Vec<&'b [(f64, &'a Symbol)]> {
    let only_eighths = placed.iter().all(|(_, symbol)| symbol.value.halvings <= 3 && !symbol.value.triplet);
    let full = measure.bar.meter.bar_ticks();
    let unit = match measure.bar.meter.denominator {
        8 if full.is_multiple_of(720) => 720,
        2 | 4 if only_eighths && full.is_multiple_of(960) => 960,
        _ => TICKS_PER_BEAT,
    };
    let beat = |symbol: &Symbol| (measure.missing + symbol.start) / unit;
    let beamed = |symbol: &Symbol| symbol.value.halvings >= 3 && !symbol.heads.is_empty();
    let together = |a: &(f64, &Symbol), b: &(f64, &Symbol)| {
        let same_kind = beamed(a.1) && beamed(b.1) && a.1.value.triplet == b.1.value.triplet;
        same_kind && beat(a.1) == beat(b.1)
    };
    placed.chunk_by(together).collect()
}

/// Heads, stems, and a beam or flags.
pub(super) fn draw_group(canvas: &mut Canvas, system: &System, group: &[(f64, &Symbol)]) {
    if let [(x, symbol)] = group
        && symbol.heads.is_empty()
    {
        ornaments::rest(canvas, system, *x, symbol.value.halvings, symbol.value.dotted);
        return;
    }
    let steps = || group.iter().flat_map(|(_, symbol)| &symbol.heads).map(|head| head.step);
    let count = steps().count().max(1) as i32;
    let up = steps().sum::<i32>() < system.middle_step() * count;
    let ends = stem_ends(system, group, up);
    for ((x, symbol), end) in group.iter().zip(&ends) {
        draw_heads(canvas, system, *x, symbol, up);
        if symbol.value.halvings > 0 {
            let farthest = extreme(symbol, !up);
            canvas.line(vec![(end.0, system.y(farthest)), *end], INK, 0.9);
        }
        if group.len() == 1 && symbol.value.halvings >= 3 {
            ornaments::flags(canvas, *end, up, symbol.value.halvings - 2);
        }
    }
    if group.len() > 1 {
        draw_beams(canvas, group, &ends, up);
    }
}

/// The head nearest to (`near`) or farthest from the stem's end, for stems that go up; the reverse for down.
fn extreme(symbol: &Symbol, highest: bool) -> i32 {
    let steps = symbol.heads.iter().map(|head| head.step);
    if highest { steps.max().unwrap_or(0) } else { steps.min().unwrap_or(0) }
}

/// Where each stem ends: on one straight line under a beam, which rises or falls by two spaces at most.
fn stem_ends(system: &System, group: &[(f64, &Symbol)], up: bool) -> Vec<At> {
    let side = if up { 0.58 * SPACE } else { -0.58 * SPACE };
    let length = if up { -STEM } else { STEM };
    let own: Vec<At> = group
        .iter()
        .map(|(x, symbol)| {
            let end = system.y(extreme(symbol, up)) + length;
            let middle = system.y(system.middle_step());
            (x + side, if up { end.min(middle) } else { end.max(middle) }) // stems of notes far away reach the middle line
        })
        .collect();
    let (Some(first), Some(last)) = (own.first().copied(), own.last().copied()) else { return own };
    if own.len() < 2 {
        return own;
    }
    let rise = (0.5 * (last.1 - first.1)).clamp(-SPACE, SPACE);
    let slope = rise / (last.0 - first.0).max(1.0);
    let on_line = |at: &At| at.1 - slope * (at.0 - first.0);
    let heights = own.iter().map(on_line);
    let start = if up { heights.fold(f64::INFINITY, f64::min) } else { heights.fold(f64::NEG_INFINITY, f64::max) };
    own.iter().map(|at| (at.0, start + slope * (at.0 - first.0))).collect()
}

/// The heads of a note or chord. Of two heads a step apart, the second stands on the other side of the stem.
fn draw_heads(canvas: &mut Canvas, system: &System, x: f64, symbol: &Symbol, up: bool) {
    let mut heads = symbol.heads.clone();
    heads.sort_by_key(|head| if up { head.step } else { -head.step });
    let mut beside: Option<i32> = None; // the step of the last head on the stem's usual side
    for head in &heads {
        let shifted = beside.is_some_and(|step| (head.step - step).abs() == 1);
        beside = (!shifted).then_some(head.step);
        let shift = if !shifted {
            0.0
        } else if up {
            1.16 * SPACE
        } else {
            -1.16 * SPACE
        };
        let at = (x + shift, system.y(head.step));
        draw_ledger_lines(canvas, system, at.0, head.step);
        ornaments::head(canvas, at, symbol.value.halvings);
        if symbol.value.dotted {
            let on_line = (head.step - system.bottom_step) % 2 == 0;
            let lift = if on_line { SPACE / 2.0 } else { 0.0 };
            ornaments::spot(canvas, (x + 1.3 * SPACE, at.1 - lift), 0.22);
        }
    }
    draw_signs(canvas, system, x - 1.45 * SPACE, symbol);
}

fn draw_ledger_lines(canvas: &mut Canvas, system: &System, x: f64, step: i32) {
    let above = (system.bottom_step + 10..=step).step_by(2);
    let below = (step..=system.bottom_step - 2).filter(|step| (system.bottom_step - step) % 2 == 0);
    for step in above.chain(below) {
        let y = system.y(step);
        canvas.line(vec![(x - 1.05 * SPACE, y), (x + 1.05 * SPACE, y)], AXIS, 0.7);
    }
}

/// Signs before a chord, from the top down; one that would touch the sign above it moves to the left.
fn draw_signs(canvas: &mut Canvas, system: &System, x: f64, symbol: &Symbol) {
    let mut signs: Vec<(i32, i32)> = symbol.heads.iter().filter_map(|head| Some((head.step, head.sign?))).collect();
    signs.sort_by_key(|(step, _)| -step);
    let mut columns: Vec<i32> = Vec::new(); // the lowest step that carries a sign, for each column
    for (step, sign) in signs {
        let free = columns.iter().position(|lowest| lowest - step >= 6).unwrap_or(columns.len());
        match columns.get_mut(free) {
            Some(lowest) => *lowest = step,
            None => columns.push(step),
        }
        ornaments::sign(canvas, (x - 0.9 * SPACE * free as f64, system.y(step)), sign);
    }
}

/// One beam for eighths, two for sixteenths: each level over the neighbours that both need it, a stub where one is alone.
fn draw_beams(canvas: &mut Canvas, group: &[(f64, &Symbol)], ends: &[At], up: bool) {
    const THICKNESS: f64 = 0.5 * SPACE;
    let inward = if up { 1.0 } else { -1.0 };
    let needs = |i: usize, level: u32| group.get(i).is_some_and(|(_, symbol)| symbol.value.halvings >= level);
    let mut beam = |from: At, to: At, level: u32| {
        let offset = inward * f64::from(level - 3) * 0.78 * SPACE;
        let (inner, outer) = (offset + inward * THICKNESS, offset);
        canvas.area(
            vec![(from.0, from.1 + outer), (to.0, to.1 + outer), (to.0, to.1 + inner), (from.0, from.1 + inner)],
            INK,
            1.0,
        );
    };
    for level in 3..=5 {
        for (i, pair) in ends.windows(2).enumerate() {
            let [from, to] = pair else { continue };
            let towards = |share: f64| (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            match (needs(i, level), needs(i + 1, level)) {
                (true, true) => beam(*from, *to, level),
                (true, false) if i == 0 => beam(*from, towards(0.4), level), // later ones have a stub or beam on their left
                (false, true) if !needs(i + 2, level) => beam(towards(0.6), *to, level),
                _ => {}
            }
        }
    }
}

/// A 3 over each complete triplet, with a bracket where no beam holds it together.
pub(super) fn draw_triplets(canvas: &mut Canvas, system: &System, placed: &[(f64, &Symbol)]) {
    for run in placed.split(|(_, symbol)| !symbol.value.triplet) {
        let mut ticks = 0;
        let mut rest = run;
        while let Some(last) = rest.iter().position(|(_, symbol)| {
            ticks += symbol.value.ticks();
            ticks.is_multiple_of(240)
        }) {
            let (triplet, behind) = rest.split_at(last + 1);
            draw_triplet(canvas, system, triplet);
            (rest, ticks) = (behind, 0);
        }
    }
}

fn draw_triplet(canvas: &mut Canvas, system: &System, triplet: &[(f64, &Symbol)]) {
    let [(first, _), .., (last, _)] = triplet else { return };
    let steps = triplet.iter().flat_map(|(_, symbol)| &symbol.heads).map(|head| head.step);
    let highest = steps.max().unwrap_or(0);
    let clear = if highest < system.middle_step() { SPACE } else { 0.0 }; // of stems that go up
    let y = (system.y(highest) - 1.4 * SPACE).min(system.top - 1.4 * SPACE).min(system.top - clear);
    let middle = (first + last) / 2.0;
    canvas.text((middle, y), "3", look::text(10.0, INK).middle());
    if triplet.iter().any(|(_, symbol)| symbol.value.halvings < 3 || symbol.heads.is_empty()) {
        let line = y - 3.5;
        for (end, inner) in [(first - 0.8 * SPACE, middle - 5.0), (last + 0.8 * SPACE, middle + 5.0)] {
            canvas.line(vec![(end, line + 0.6 * SPACE), (end, line), (inner, line)], INK, 0.8);
        }
    }
}
