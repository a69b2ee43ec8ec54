//! What a picture is made of: paths, discs and texts, from which [`super::svg`], [`super::png`] and [`super::pdf`] make files.

use super::look::{self, Colour};
use ab_glyph::{Font, OutlineCurve, Point, point};
use serde::{Deserialize, Serialize};

/// A place in points (or, where it is said, in [`UNITS`]); x grows to the right, y downwards.
pub(super) type At = (f64, f64);

/// A place in whole [`UNITS`].
pub(super) type Place = (i32, i32);

/// Shapes are kept in tenths of a point: finer than print, and short in an SVG file.
pub(super) const UNITS: f64 = 10.0;

/// A picture that can be written into files.
pub(super) struct Drawing {
    pub shapes: Vec<Shape>,
    /// Width and height in units.
    pub size: At,
    /// For screen readers and tooltips.
    pub title: String,
    /// How wide it is printed, in inches.
    pub printed: f64,
    /// How wide it is on screen, in CSS pixels.
    pub shown: f64,
}

/// A colour, and how much of what lies below it covers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Paint {
    pub colour: Colour,
    pub opacity: f64,
}

/// Whether a path's inside is painted, or its line, with the line's width.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Ink {
    Fill,
    Stroke(f64),
}

/// One thing that was drawn; lengths in units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Shape {
    /// Lines from corner to corner: polygons where they are filled, the dashes of a dashed line otherwise.
    Path {
        pieces: Vec<Vec<Place>>,
        paint: Paint,
        ink: Ink,
    },
    Disc {
        at: Place,
        radius: f64,
        paint: Paint,
    },
    Text(Label),
}

/// A line of text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Label {
    pub text: String,
    /// On the baseline.
    pub at: Place,
    /// The em.
    pub size: f64,
    pub bold: bool,
    /// Which share of the text lies left of its place.
    pub anchor: f64,
    /// Degrees clockwise: 0, 90, 180 or 270.
    pub turn: u32,
    pub paint: Paint,
}

impl Shape {
    pub fn paint_mut(&mut self) -> &mut Paint {
        match self {
            Shape::Path { paint, .. } | Shape::Disc { paint, .. } | Shape::Text(Label { paint, .. }) => paint,
        }
    }

    /// The same so many times as large, and so many units further down.
    pub fn moved(&self, scale: f64, down: f64) -> Shape {
        let place = |(x, y): &Place| (whole(f64::from(*x) * scale), whole(f64::from(*y) * scale + down));
        match self {
            Shape::Path { pieces, paint, ink } => {
                let pieces = pieces.iter().map(|piece| piece.iter().map(place).collect()).collect();
                let ink = if let Ink::Stroke(width) = ink { Ink::Stroke(width * scale) } else { Ink::Fill };
                Shape::Path { pieces, paint: *paint, ink }
            }
            Shape::Disc { at, radius, paint } => Shape::Disc { at: place(at), radius: radius * scale, paint: *paint },
            Shape::Text(label) => {
                Shape::Text(Label { at: place(&label.at), size: label.size * scale, ..label.clone() })
            }
        }
    }
}

impl Label {
    /// The outlines of the glyphs: closed chains of cubic Bézier curves (start, two handles, end).
    pub fn curves(&self) -> Vec<[At; 4]> {
        let Some(font) = look::font(self.bold) else { return Vec::new() };
        let (glyphs, width) = look::layout(&self.text, self.size, self.bold);
        let left = -self.anchor * width;
        let scale = self.size / f64::from(font.units_per_em().unwrap_or(2048.0));
        let outline = |(id, along): (_, f64)| {
            let place = move |p: Point| self.turned((left + along + f64::from(p.x) * scale, -f64::from(p.y) * scale));
            let curves = font.outline(id).map(|outline| outline.curves).unwrap_or_default();
            curves.into_iter().map(move |curve| cubic(&curve).map(place))
        };
        glyphs.into_iter().flat_map(outline).collect()
    }

    /// Where a place lies that is given beside the start of the text before it is turned.
    pub fn turned(&self, (x, y): At) -> At {
        let (x, y) = match self.turn {
            90 => (-y, x),
            180 => (-x, -y),
            270 => (y, -x),
            _ => (x, y),
        };
        (f64::from(self.at.0) + x, f64::from(self.at.1) + y)
    }
}

/// Any curve of a glyph as a cubic one.
fn cubic(curve: &OutlineCurve) -> [Point; 4] {
    let towards = |from: Point, to: Point| {
        let third = |a: f32, b: f32| a + (b - a) * 2.0 / 3.0;
        point(third(from.x, to.x), third(from.y, to.y))
    };
    match *curve {
        OutlineCurve::Line(a, b) => [a, a, b, b],
        OutlineCurve::Quad(a, handle, b) => [a, towards(a, handle), towards(b, handle), b],
        OutlineCurve::Cubic(a, b, c, d) => [a, b, c, d],
    }
}

/// A whole number of units; what lies far outside every figure stays near enough to be added to.
pub(super) fn whole(units: f64) -> i32 {
    units.round().clamp(-1e7, 1e7) as i32
}
