//! The shapes of staff notation that are no lines: clefs, signs, heads, flags, rests, ties. Drawn here because no font that
//! every viewer has holds them.

use super::canvas::{At, Canvas};
use super::look::{self, INK};
use super::staff::{SPACE, System};

/// A smooth curve through `points` (Catmull and Rom), given in spaces right of and above `origin`.
fn curve(origin: At, points: &[At]) -> Vec<At> {
    const STEPS: u32 = 5;
    let mut smooth = Vec::new();
    for i in 0..points.len().saturating_sub(1) {
        let point = |k: usize| points.get(k.min(points.len() - 1)).copied().unwrap_or_default();
        let (before, from, to, after) = (point(i.saturating_sub(1)), point(i), point(i + 1), point(i + 2));
        for step in 0..STEPS {
            let t = f64::from(step) / f64::from(STEPS);
            let blend = |a: f64, b: f64, c: f64, d: f64| {
                0.5 * (2.0 * b
                    + (c - a) * t
                    + (2.0 * a - 5.0 * b + 4.0 * c - d) * t * t
                    + (3.0 * b - a - 3.0 * c + d) * t * t * t)
            };
            smooth.push((blend(before.0, from.0, to.0, after.0), blend(before.1, from.1, to.1, after.1)));
        }
    }
    smooth.extend(points.last());
    smooth.into_iter().map(|(x, y)| (origin.0 + x * SPACE, origin.1 - y * SPACE)).collect()
}

/// `at` is on the line of G4.
pub(super) fn treble_clef(canvas: &mut Canvas, at: At) {
    const OUTLINE: [At; 21] = [
        (0.05, -0.48),
        (-0.42, -0.12),
        (-0.22, 0.45),
        (0.35, 0.62),
        (0.88, 0.1),
        (0.68, -0.72),
        (-0.1, -1.02),
        (-0.98, -0.62),
        (-1.18, 0.3),
        (-0.72, 1.3),
        (0.0, 2.15),
        (0.42, 3.1),
        (0.36, 4.0),
        (0.1, 4.38),
        (-0.22, 3.85),
        (-0.2, 2.7),
        (0.05, 0.9),
        (0.34, -1.2),
        (0.3, -2.1),
        (-0.05, -2.5),
        (-0.5, -2.25),
    ];
    canvas.line(curve(at, &OUTLINE), INK, 1.25);
    canvas.line(curve((at.0 + 0.07 * SPACE, at.1), OUTLINE.get(6..11).unwrap_or_default()), INK, 1.6); // the belly is heavier
    spot(canvas, (at.0 - 0.42 * SPACE, at.1 + 2.1 * SPACE), 0.36);
}

/// `at` is on the line of F3.
pub(super) fn bass_clef(canvas: &mut Canvas, at: At) {
    const OUTLINE: [At; 8] =
        [(0.0, 0.0), (0.05, 0.7), (0.7, 1.0), (1.4, 0.55), (1.45, -0.4), (1.0, -1.4), (0.3, -2.1), (-0.4, -2.55)];
    canvas.line(curve(at, &OUTLINE), INK, 1.5);
    spot(canvas, (at.0 + 0.2 * SPACE, at.1), 0.33);
    for y in [0.5, -0.5] {
        spot(canvas, (at.0 + 2.0 * SPACE, at.1 - y * SPACE), 0.2);
    }
}

/// A sharp, flat or natural, its middle at `at`.
pub(super) fn sign(canvas: &mut Canvas, at: At, semitones: i32) {
    let text = match semitones {
        2 => "×",
        1 => "♯",
        -1 => "♭",
        -2 => "♭♭",
        _ => "♮",
    };
    let size = 2.6 * SPACE;
    let lift = if semitones < 0 { 0.22 } else { 0.34 }; // a flat's belly, not its middle, sits on the line
    canvas.text((at.0, at.1 + lift * size), text, look::text(size, INK).middle());
}

/// A note head: open for wholes and halves.
pub(super) fn head(canvas: &mut Canvas, at: At, halvings: u32) {
    let (long, short, tilt) = if halvings == 0 { (0.74, 0.46, 0.0) } else { (0.66, 0.44, 0.4) };
    let corner = |i: u32| {
        let angle = f64::from(i) * std::f64::consts::TAU / 14.0;
        let (x, y) = (long * SPACE * angle.cos(), short * SPACE * angle.sin());
        let (sin, cos) = f64::sin_cos(-tilt);
        (at.0 + x * cos - y * sin, at.1 + x * sin + y * cos)
    };
    if halvings <= 1 {
        canvas.line((0..=14).map(corner).collect(), INK, 1.2);
    } else {
        canvas.area((0..14).map(corner).collect(), INK, 1.0);
    }
}

/// Flags of a note that stands alone; `end` is the end of its stem.
pub(super) fn flags(canvas: &mut Canvas, end: At, up: bool, count: u32) {
    let down = if up { -1.0 } else { 1.0 };
    for i in 0..count.min(3) {
        let from = (end.0, end.1 - down * f64::from(i) * 0.8 * SPACE);
        canvas.line(curve(from, &[(0.0, 0.0), (0.35, 0.75 * down), (0.95, 1.35 * down), (0.85, 2.3 * down)]), INK, 1.3);
    }
}

/// A rest of 1/2^`halvings`, its middle at `x`.
pub(super) fn rest(canvas: &mut Canvas, system: &System, x: f64, halvings: u32, dotted: bool) {
    let line = |n: f64| system.top + n * SPACE;
    match halvings {
        0 => canvas.rectangle((x - 0.65 * SPACE, line(1.0)), (1.3 * SPACE, 0.5 * SPACE), INK),
        1 => canvas.rectangle((x - 0.65 * SPACE, line(1.5)), (1.3 * SPACE, 0.5 * SPACE), INK),
        2 => {
            let zigzag = [(-0.3, 1.4), (0.3, 0.65), (-0.25, 0.05), (0.35, -0.75)];
            canvas.line(zigzag.map(|(dx, dy)| (x + dx * SPACE, line(2.0) - dy * SPACE)).to_vec(), INK, 1.8);
            canvas.line(curve((x, line(2.0)), &[(0.35, -0.75), (-0.2, -0.6), (-0.25, -1.05), (0.1, -1.4)]), INK, 1.2);
        }
        _ => {
            let dots = (halvings - 2).min(3);
            let foot = (x - 0.25 * SPACE, line(2.0) + (0.1 + f64::from(dots)) * SPACE);
            canvas.line(vec![(x + 0.45 * SPACE, line(1.4)), foot], INK, 1.1);
            for i in 0..dots {
                let (along, y) = (f64::from(i) * 0.25, line(1.5) + f64::from(i) * SPACE);
                spot(canvas, (x - (0.35 + along) * SPACE, y), 0.27);
                canvas.line(
                    vec![(x - (0.35 + along) * SPACE, y + 0.2 * SPACE), (x + (0.4 - along) * SPACE, y)],
                    INK,
                    0.9,
                );
            }
        }
    }
    if dotted {
        spot(canvas, (x + 1.1 * SPACE, line(1.5)), 0.22);
    }
}

/// A tie from `from` to the x `to`.
pub(super) fn tie(canvas: &mut Canvas, from: At, to: f64, below: bool) {
    let side = if below { 1.0 } else { -1.0 };
    let place = |share: f64, depth: f64| {
        let bow = 4.0 * share * (1.0 - share) * depth;
        (from.0 + (to - from.0) * share, from.1 + side * (0.55 + bow) * SPACE)
    };
    let shares = || (0..=10).map(|i| f64::from(i) / 10.0);
    let outer = shares().map(|share| place(share, 0.75));
    let inner = shares().rev().map(|share| place(share, 0.5));
    canvas.area(outer.chain(inner).collect(), INK, 1.0);
}

/// A disc; its radius in spaces.
pub(super) fn spot(canvas: &mut Canvas, at: At, radius: f64) {
    canvas.area(circle(at, radius * SPACE), INK, 1.0);
}

fn circle(at: At, radius: f64) -> Vec<At> {
    let angle = |i: u32| f64::from(i) * std::f64::consts::TAU / 10.0;
    (0..10).map(|i| (at.0 + radius * angle(i).cos(), at.1 + radius * angle(i).sin())).collect()
}
