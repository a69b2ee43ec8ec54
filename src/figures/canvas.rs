//! A canvas: collects a figure's lines, areas, dots and texts as shapes.
//!
//! Lengths are in points, of which a figure is [`look::WIDTH`] wide unless it is printed at another width.

use super::look::{self, Colour};
pub(super) use super::shapes::At;
use super::shapes::{Ink, Label, Paint, Place, Shape, UNITS, whole};

pub(super) struct Canvas {
    pub shapes: Vec<Shape>,
    /// How wide the figure is, in points.
    pub width: f64,
}

#[derive(Clone, Copy)]
pub(super) struct TextLook {
    pub size: f64,
    pub bold: bool,
    pub colour: Colour,
    /// Which share of the text lies left of its place.
    pub anchor: f64,
}

impl Canvas {
    /// An open line.
    pub fn line(&mut self, points: Vec<At>, colour: Colour, width: f64) {
        self.dashed(points, colour, width, &[]);
    }

    /// An open line that is drawn for the first length of `dash`, not for the second, drawn for the third and so on; solid if
    /// there are none.
    pub fn dashed(&mut self, points: Vec<At>, colour: Colour, width: f64, dash: &[f64]) {
        let pieces = dashes(&without_straight_runs(points), dash);
        self.path(&pieces, colour, 1.0, Ink::Stroke(width * UNITS));
    }

    /// A filled polygon.
    pub fn area(&mut self, points: Vec<At>, colour: Colour, opacity: f64) {
        self.path(&[points], colour, opacity, Ink::Fill);
    }

    /// A filled rectangle.
    pub fn rectangle(&mut self, (x, y): At, (width, height): At, colour: Colour) {
        self.area(vec![(x, y), (x + width, y), (x + width, y + height), (x, y + height)], colour, 1.0);
    }

    fn path(&mut self, pieces: &[Vec<At>], colour: Colour, opacity: f64, ink: Ink) {
        let pieces = pieces.iter().map(|piece| piece.iter().copied().map(place).collect()).collect();
        self.shapes.push(Shape::Path { pieces, paint: Paint { colour, opacity }, ink });
    }

    /// The mark of the `index`-th series, so large as a disc of `radius`: a disc, a square, a triangle, a diamond, then the same
    /// hollow. A thin white edge keeps neighbours apart.
    pub fn mark(&mut self, at: At, radius: f64, colour: Colour, index: usize) {
        self.filled_mark(at, radius + 0.4, look::PAPER, index);
        self.filled_mark(at, radius - 0.4, colour, index);
        if index / CORNERS.len() % 2 == 1 {
            self.filled_mark(at, 0.5 * (radius - 0.4), look::PAPER, index);
        }
    }

    fn filled_mark(&mut self, at: At, radius: f64, colour: Colour, index: usize) {
        let corners = CORNERS[index % CORNERS.len()];
        if corners.is_empty() {
            let paint = Paint { colour, opacity: 1.0 };
            return self.shapes.push(Shape::Disc { at: place(at), radius: (radius * UNITS).round(), paint });
        }
        self.area(corners.iter().map(|(x, y)| (at.0 + radius * x, at.1 + radius * y)).collect(), colour, 1.0);
    }

    /// One line of text; `at` is on its baseline.
    pub fn text(&mut self, at: At, text: impl Into<String>, look: TextLook) {
        let text: String = text.into().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if !text.trim().is_empty() {
            let TextLook { size, bold, colour, anchor } = look;
            let paint = Paint { colour, opacity: 1.0 };
            self.shapes.push(Shape::Text(Label {
                text,
                at: place(at),
                size: size * UNITS,
                bold,
                anchor,
                turn: 0,
                paint,
            }));
        }
    }

    /// An axis's label around `middle` below an axis; a long one is broken into lines and stays on the page. Returns the last
    /// line's baseline.
    pub fn label_below(&mut self, label: &str, (middle, first): At) -> f64 {
        let mut baseline = first;
        for (i, line) in look::wrap(label, look::LABEL_SIZE, false, self.width - 6.0).into_iter().enumerate() {
            let half = look::text_width(&line, look::LABEL_SIZE, false) / 2.0;
            let middle = middle.min(self.width - half - 3.0).max(half + 3.0);
            baseline = first + 1.3 * look::LABEL_SIZE * i as f64;
            self.text((middle, baseline), line, look::text(look::LABEL_SIZE, look::INK).middle());
        }
        baseline
    }
}

/// Corners of marks that cover about as much as a disc of radius 1 (which has none).
const CORNERS: [&[At]; 4] = [
    &[],
    &[(-0.89, -0.89), (0.89, -0.89), (0.89, 0.89), (-0.89, 0.89)],
    &[(0.0, -1.5), (1.3, 0.75), (-1.3, 0.75)],
    &[(0.0, -1.35), (1.35, 0.0), (0.0, 1.35), (-1.35, 0.0)],
];

fn place((x, y): At) -> Place {
    (whole(x * UNITS), whole(y * UNITS))
}

/// Cuts a line into the pieces that are drawn.
fn dashes(points: &[At], dash: &[f64]) -> Vec<Vec<At>> {
    const MOST: f64 = 1e5; // a line to far outside the page would have no end of dashes
    let length: f64 = points.windows(2).map(|ends| distance(ends[0], ends[1], ends[1])).sum();
    if !(length < MOST && dash.iter().sum::<f64>() > 0.1) {
        return vec![points.to_vec()];
    }
    let mut lengths = dash.iter().copied().cycle();
    let (mut left, mut is_on) = (lengths.next().unwrap_or(MOST), true);
    let mut pieces = vec![points.get(..1).unwrap_or_default().to_vec()];
    for ends in points.windows(2) {
        let (mut from, to) = (ends[0], ends[1]);
        loop {
            let rest = distance(from, to, to);
            let share = if rest > left { left / rest } else { 1.0 };
            from = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            if is_on && let Some(piece) = pieces.last_mut() {
                piece.push(from);
            }
            left -= share * rest;
            if share == 1.0 {
                break;
            }
            (left, is_on) = (lengths.next().unwrap_or(MOST), !is_on);
            if is_on {
                pieces.push(vec![from]);
            }
        }
    }
    pieces
}

/// How far, in points, a dropped vertex may lie from the line that replaces it: well below a printed dot.
const TOLERANCE: f64 = 0.08;

/// Drops the vertices that nobody can see (Ramer, Douglas and Peucker), so that a curve of 10,000 steps stays small.
fn without_straight_runs(points: Vec<At>) -> Vec<At> {
    let Some(last) = points.len().checked_sub(1).filter(|last| *last > 1) else { return points };
    let mut keep = vec![false; points.len()];
    keep[0] = true;
    keep[last] = true;
    let mut open = vec![(0, last)];
    while let Some((from, to)) = open.pop() {
        let offsets = (from + 1..to).map(|i| (i, distance(points[i], points[from], points[to])));
        let farthest = offsets.max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((middle, _)) = farthest.filter(|(_, offset)| *offset > TOLERANCE) {
            keep[middle] = true;
            open.extend([(from, middle), (middle, to)]);
        }
    }
    points.into_iter().zip(keep).filter_map(|(point, kept)| kept.then_some(point)).collect()
}

/// Distance of `p` from the segment `a`–`b`.
fn distance(p: At, a: At, b: At) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length_squared = dx * dx + dy * dy;
    let along = if length_squared > 0.0 { ((p.0 - a.0) * dx + (p.1 - a.1) * dy) / length_squared } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    (p.0 - a.0 - along * dx).hypot(p.1 - a.1 - along * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_keeps_its_two_ends_and_a_corner_stays() {
        let straight: Vec<At> = (0..1000).map(|i| (f64::from(i), 2.0 * f64::from(i))).collect();
        assert_eq!(without_straight_runs(straight), [(0.0, 0.0), (999.0, 1998.0)]);
        let corner = vec![(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (2.0, 5.0)];
        assert_eq!(without_straight_runs(corner), [(0.0, 0.0), (2.0, 0.0), (2.0, 5.0)]);
    }

    #[test]
    fn dashes_go_round_corners_and_gaps_do_too() {
        let corner = [(0.0, 0.0), (5.0, 0.0), (5.0, 5.0)];
        let on_three =
            vec![vec![(0.0, 0.0), (3.0, 0.0)], vec![(4.0, 0.0), (5.0, 0.0), (5.0, 2.0)], vec![(5.0, 3.0), (5.0, 5.0)]];
        assert_eq!(dashes(&corner, &[3.0, 1.0]), on_three);
        assert_eq!(dashes(&corner, &[4.0, 3.0]), [vec![(0.0, 0.0), (4.0, 0.0)], vec![(5.0, 2.0), (5.0, 5.0)]]);
        assert_eq!(dashes(&corner, &[]), [corner.to_vec()]);
        assert_eq!(dashes(&[], &[1.0, 1.0]), [Vec::new()]);
    }

    #[test]
    fn places_that_no_canvas_holds_do_no_harm() {
        let mut canvas = Canvas { shapes: Vec::new(), width: 100.0 };
        for at in [(-1e9, 5.0), (1e300, -1e9), (f64::NAN, 2.0), (f64::INFINITY, 2.0)] {
            (0..8).for_each(|index| canvas.mark(at, 3.0, look::INK, index));
            canvas.line(vec![(0.0, 0.0), at], look::INK, 1.0);
            canvas.dashed(vec![(0.0, 0.0), at, (5.0, 5.0)], look::INK, 1.0, &[4.0, 3.0]);
            canvas.rectangle(at, (1e300, f64::NAN), look::INK);
            canvas.area(vec![(0.0, 0.0), at, (5.0, 5.0)], look::INK, 1.0);
            canvas.text(at, "far away", look::text(12.0, look::INK));
        }
        let drawing = super::super::shapes::Drawing {
            shapes: canvas.shapes,
            size: (1000.0, 1000.0),
            title: String::new(),
            printed: 5.0,
            shown: 650.0,
        };
        assert!(super::super::png::write(&drawing).is_ok() && super::super::pdf::write(&drawing).is_ok());
    }
}
