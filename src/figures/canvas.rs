//! A canvas: the list of shapes that a figure consists of, before anybody decides on SVG or PNG.
//!
//! Lengths are in points of a figure that is [`crate::figures::look::WIDTH`] wide; x grows to the right, y downwards.
//! [`super::svg`] writes the list as text, [`super::png`] fills pixels from it: both show the same picture.

use super::look::Colour;

/// A place on the canvas.
pub(super) type At = (f64, f64);

#[derive(Debug, Clone)]
pub(super) struct Canvas {
    pub width: f64,
    pub height: f64,
    pub shapes: Vec<Shape>,
}

#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// An open line through `points`; `dashed` draws 4 on, 3 off.
    Line { points: Vec<At>, colour: Colour, width: f64, dashed: bool },
    /// A filled polygon.
    Area { points: Vec<At>, colour: Colour, opacity: f64 },
    /// A filled rectangle.
    Box { at: At, size: At, colour: Colour },
    /// A disc with a thin white edge, so that neighbours stay apart.
    Dot { at: At, radius: f64, colour: Colour },
    /// One line of text; `at` is on its baseline.
    Text { at: At, text: String, look: TextLook },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TextLook {
    pub size: f64,
    pub bold: bool,
    pub colour: Colour,
    pub anchor: Anchor,
}

/// Which part of the text stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Canvas {
    pub fn new(width: f64, height: f64) -> Self {
        Canvas { width, height, shapes: Vec::new() }
    }

    pub fn line(&mut self, points: Vec<At>, colour: Colour, width: f64) {
        self.shapes.push(Shape::Line { points: without_straight_runs(points), colour, width, dashed: false });
    }

    pub fn dashed(&mut self, points: Vec<At>, colour: Colour, width: f64) {
        self.shapes.push(Shape::Line { points, colour, width, dashed: true });
    }

    pub fn area(&mut self, points: Vec<At>, colour: Colour, opacity: f64) {
        self.shapes.push(Shape::Area { points, colour, opacity });
    }

    pub fn rectangle(&mut self, at: At, size: At, colour: Colour) {
        self.shapes.push(Shape::Box { at, size, colour });
    }

    pub fn dot(&mut self, at: At, radius: f64, colour: Colour) {
        self.shapes.push(Shape::Dot { at, radius, colour });
    }

    /// Puts shapes of one kind beside each other, from the `first` on: for pictures in which no shape hides another, this
    /// makes the SVG a third smaller.
    pub fn gather(&mut self, first: usize) {
        let kind = |shape: &Shape| match shape {
            Shape::Line { width, .. } => (0, (width * 100.0) as i64),
            Shape::Area { .. } => (1, 0),
            Shape::Box { .. } => (2, 0),
            Shape::Dot { .. } => (3, 0),
            Shape::Text { look, .. } => (4, (look.size * 100.0) as i64),
        };
        if let Some(shapes) = self.shapes.get_mut(first..) {
            shapes.sort_by_key(kind);
        }
    }

    pub fn text(&mut self, at: At, text: impl Into<String>, look: TextLook) {
        let text = text.into();
        if !text.trim().is_empty() {
            self.shapes.push(Shape::Text { at, text, look });
        }
    }
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
}
