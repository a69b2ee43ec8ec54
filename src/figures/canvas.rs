//! A canvas: hands a figure's lines, areas, dots and texts to plotters.
//!
//! Lengths are in points, of which a figure is [`look::WIDTH`] wide unless it is printed at another width; x grows to the right, y downwards. Plotters knows whole
//! numbers only, so it is given [`UNITS`] to the point.

use super::drawing::{Area, failed};
use super::look::{self, Colour};
use super::recording::Recorder;
use crate::Result;
use plotters::element::{DashedPathElement, Drawable, PointCollection};
use plotters::prelude::{Circle, FontDesc, FontFamily, FontStyle, PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, RGBAColor, ShapeStyle, TextStyle};

/// A place on the canvas.
pub(super) type At = (f64, f64);

/// Plotters' whole numbers to the point.
pub(super) const UNITS: f64 = 10.0;

pub(super) struct Canvas<'a> {
    pub area: Area<'a>,
    /// How wide the figure is, in points.
    pub width: f64,
    /// The first thing that plotters refused.
    pub outcome: Result<()>,
}

#[derive(Clone, Copy)]
pub(super) struct TextLook {
    pub size: f64,
    pub bold: bool,
    pub colour: Colour,
    /// Which part of the text stands at its place.
    pub anchor: HPos,
}

impl<'a> Canvas<'a> {
    pub fn new(area: &Area<'a>) -> Self {
        let width = f64::from(area.dim_in_pixel().0) / UNITS;
        Canvas { area: area.clone(), width, outcome: Ok(()) }
    }

    fn draw<E>(&mut self, element: E)
    where
        for<'b> &'b E: PointCollection<'b, (i32, i32)>,
        E: Drawable<Recorder<'a>>,
    {
        if self.outcome.is_ok() {
            self.outcome = self.area.draw(&element).map_err(failed);
        }
    }

    /// An open line.
    pub fn line(&mut self, points: Vec<At>, colour: Colour, width: f64) {
        self.draw(PathElement::new(on_grid(&without_straight_runs(points)), stroke(colour, width)));
    }

    /// An open line, 4 points on, 3 off.
    pub fn dashed(&mut self, points: Vec<At>, colour: Colour, width: f64) {
        let points = on_grid(&without_straight_runs(points));
        self.draw(DashedPathElement::new(points, units(4.0), units(3.0), stroke(colour, width)));
    }

    /// A filled polygon.
    pub fn area(&mut self, points: Vec<At>, colour: Colour, opacity: f64) {
        self.draw(Polygon::new(on_grid(&points), fill(colour, opacity)));
    }

    /// A filled rectangle.
    pub fn rectangle(&mut self, at: At, size: At, colour: Colour) {
        self.draw(Rectangle::new([grid(at), grid((at.0 + size.0, at.1 + size.1))], fill(colour, 1.0)));
    }

    /// A disc with a thin white edge, so that neighbours stay apart.
    pub fn dot(&mut self, at: At, radius: f64, colour: Colour) {
        for (radius, colour) in [(radius + 0.4, look::PAPER), (radius - 0.4, colour)] {
            self.draw(Circle::new(grid(at), units(radius), fill(colour, 1.0)));
        }
    }

    /// One line of text; `at` is on its baseline.
    pub fn text(&mut self, at: At, text: impl Into<String>, look: TextLook) {
        let text: String = text.into().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if !text.trim().is_empty() {
            let top = (at.0, at.1 - BASELINE * look.size);
            self.draw(Text::new(text, grid(top), look.style()));
        }
    }
}

/// Plotters' SVG puts a text's baseline this share of the font size below the text's top.
pub(super) const BASELINE: f64 = 0.76;
/// Plotters divides font sizes by this, to get from a line's height to the em.
pub(super) const LINE_PER_EM: f64 = 1.24;

impl TextLook {
    /// As plotters wants it.
    pub fn style(self) -> TextStyle<'static> {
        let weight = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::SansSerif, self.size * UNITS * LINE_PER_EM, weight);
        TextStyle { font, color: self.colour.rgb().to_backend_color(), pos: Pos::new(self.anchor, VPos::Top) }
    }
}

/// A line's style; `width` in points.
pub(super) fn stroke(colour: Colour, width: f64) -> ShapeStyle {
    ShapeStyle { color: colour.rgb().into(), filled: false, stroke_width: units(width).max(1).unsigned_abs() }
}

fn fill(Colour(red, green, blue): Colour, opacity: f64) -> ShapeStyle {
    ShapeStyle { color: RGBAColor(red, green, blue, opacity), filled: true, stroke_width: 1 }
}

/// Points in plotters' whole numbers; what lies far outside every figure stays near enough to be added to.
pub(super) fn units(points: f64) -> i32 {
    (points * UNITS).round().clamp(-1e6, 1e6) as i32
}

fn grid((x, y): At) -> (i32, i32) {
    (units(x), units(y))
}

fn on_grid(points: &[At]) -> Vec<(i32, i32)> {
    points.iter().map(|at| grid(*at)).collect()
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
    fn places_that_no_canvas_holds_do_no_harm() {
        let drawn = super::super::draw(100, 100, |area| {
            let mut canvas = Canvas::new(&area.clone().shrink((10, 10), (50, 50)));
            for at in [(-1e9, 5.0), (1e300, -1e9), (f64::NAN, 2.0), (f64::INFINITY, 2.0)] {
                canvas.dot(at, 3.0, look::INK);
                canvas.line(vec![(0.0, 0.0), at], look::INK, 1.0);
                canvas.rectangle(at, (1e300, f64::NAN), look::INK);
                canvas.area(vec![(0.0, 0.0), at, (5.0, 5.0)], look::INK, 1.0);
                canvas.text(at, "far away", look::text(12.0, look::INK));
            }
            Ok(canvas.outcome?)
        });
        assert!(drawn.unwrap().png().is_ok());
    }
}
