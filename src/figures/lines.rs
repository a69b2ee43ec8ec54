//! Plain lines and points, for everything that has no figure of its own.

use super::axes::AxisPlan;
use super::chart::{Chart, Mark, MarkShape};
use super::look::{self, Colour};
use super::reference::Reference;
use super::{Figure, Kind};
use crate::models::Family;

/// One set of (x, y) with its name.
#[derive(Debug, Clone)]
pub struct Line {
    /// What stands beside its last point.
    pub label: String,
    /// (x, y)
    pub points: Vec<(f64, f64)>,
    /// (x, low, high), drawn as a band behind the line
    pub band: Vec<(f64, f64, f64)>,
    is_line: bool,
    has_dots: bool,
    dashed: bool,
    grey: bool,
    pub(super) family: Option<Family>,
    pub(super) n_params: f64,
    /// From light (0) to dark (1), of a family's colour.
    pub(super) shade: f64,
}

impl Line {
    /// A line; the first one of a figure is solid, others differ in colour and dashes.
    pub fn new(label: impl Into<String>, points: impl AsRef<[(f64, f64)]>) -> Self {
        Line {
            label: label.into(),
            points: points.as_ref().to_vec(),
            band: Vec::new(),
            is_line: true,
            has_dots: false,
            dashed: false,
            grey: false,
            family: None,
            n_params: 0.0,
            shade: look::SHADE,
        }
    }

    /// Points that are not joined.
    pub fn dots(self) -> Self {
        Line { is_line: false, has_dots: true, ..self }
    }

    /// Points joined by a solid line.
    pub fn with_dots(self) -> Self {
        Line { has_dots: true, ..self }
    }

    /// A dashed line, whichever of the figure's lines it is.
    pub fn dashed(self) -> Self {
        Line { dashed: true, ..self }
    }

    /// An interval around the line: (x, low, high).
    pub fn band(self, band: Vec<(f64, f64, f64)>) -> Self {
        Line { band, ..self }
    }

    /// The family's colour, in place of the next one of the palette.
    pub fn family(self, family: Family) -> Self {
        Line { family: Some(family), ..self }
    }

    /// The model's number of parameters, which decides the shade in [`super::loss_curves`].
    pub fn size(self, n_params: f64) -> Self {
        Line { n_params, ..self }
    }

    /// Grey: there for comparison.
    pub fn grey(self) -> Self {
        Line { grey: true, ..self }
    }

    fn colour(&self, index: usize) -> Colour {
        match self.family {
            _ if self.grey => look::REFERENCE,
            Some(family) => look::shade(family, self.shade),
            None => look::category_colour(index),
        }
    }

    /// What is drawn for the `index`-th line of a figure, band first; a line's and dots' roles are given.
    fn marks(&self, index: usize, [curve, point]: [&'static str; 2]) -> Vec<Mark> {
        let number = self.family.map_or(if self.grey { 0 } else { index }, look::number_of);
        let dash = match (self.dashed, self.has_dots) {
            (true, _) => [look::DASH, look::dash(3)][number % 2],
            (false, true) => &[],
            (false, false) => look::dash(number),
        };
        let points = || self.points.clone();
        let shapes = [
            ("interval", MarkShape::Band(self.band.clone(), look::dash(number).into()), !self.band.is_empty()),
            (if self.has_dots { "" } else { curve }, MarkShape::Line(points(), 1.8, dash.into()), self.is_line), // written once
            (point, MarkShape::Dots(points(), 3.4, number), self.has_dots),
        ];
        let mark = |(role, shape, _): (&'static str, MarkShape, bool)| Mark {
            role: role.into(),
            series: self.label.clone(),
            family: self.family,
            colour: self.colour(index),
            shape,
        };
        shapes.into_iter().filter(|(_, _, is_drawn)| *is_drawn).map(mark).collect()
    }
}

/// Lines on two linear axes; `.log_x()` and `.log_y()` change that. A label names the quantity and its unit in brackets.
pub fn lines(lines: impl AsRef<[Line]>, x_label: &str, y_label: &str, references: impl AsRef<[Reference]>) -> Figure {
    let axes = [x_label, y_label].map(|label| AxisPlan::new(label, &column(label)));
    drawn(lines.as_ref(), ["curve", "point"], axes, references.as_ref())
}

/// Lines on any axes, with what the CSV file calls a line's and dots' numbers.
pub(super) fn drawn(
    lines: &[Line],
    roles: [&'static str; 2],
    [x, y]: [AxisPlan; 2],
    references: &[Reference],
) -> Figure {
    let marks = lines.iter().enumerate().flat_map(|(i, line)| line.marks(i, roles)).collect();
    Figure::new(Kind::Chart(Chart { x, y, marks, references: references.to_vec() }))
}

/// A column name from a label: `Validation loss (nats)` → `validation_loss`.
pub(super) fn column(label: &str) -> String {
    let quantity = label.split('(').next().unwrap_or_default().trim().to_lowercase();
    let name: String = quantity.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    if name.is_empty() { "value".to_string() } else { name }
}
