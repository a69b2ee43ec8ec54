//! Plain lines and points, for everything that has no figure of its own.

use super::axes::AxisPlan;
use super::chart::{Chart, Mark, MarkShape, Reference};
use super::look::Colour;
use super::{Figure, look};
use crate::models::Family;

/// One set of (x, y) with its name.
#[derive(Debug, Clone)]
pub struct Line {
    pub label: String,
    pub points: Vec<(f64, f64)>,
    /// (x, low, high), drawn as a band behind the line
    pub band: Vec<(f64, f64, f64)>,
    style: Style,
    colour: Option<Colour>,
    family: Option<Family>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Line,
    Dashed,
    Dots,
    LineAndDots,
}

impl Line {
    /// A solid line.
    pub fn new(label: impl Into<String>, points: impl AsRef<[(f64, f64)]>) -> Self {
        let points = points.as_ref().to_vec();
        Line { label: label.into(), points, band: Vec::new(), style: Style::Line, colour: None, family: None }
    }

    /// Points that are not joined.
    pub fn dots(mut self) -> Self {
        self.style = Style::Dots;
        self
    }

    /// Points joined by a line.
    pub fn with_dots(mut self) -> Self {
        self.style = Style::LineAndDots;
        self
    }

    /// A dashed line.
    pub fn dashed(mut self) -> Self {
        self.style = Style::Dashed;
        self
    }

    /// An interval around the line: (x, low, high).
    pub fn band(mut self, band: Vec<(f64, f64, f64)>) -> Self {
        self.band = band;
        self
    }

    /// The family's colour, in place of the next one of the palette.
    pub fn family(mut self, family: Family) -> Self {
        self.family = Some(family);
        self.colour = Some(look::family_colour(family));
        self
    }

    /// Grey: there for comparison.
    pub fn grey(mut self) -> Self {
        self.colour = Some(look::REFERENCE);
        self
    }

    fn marks(&self, index: usize) -> Vec<Mark> {
        let colour = self.colour.unwrap_or_else(|| look::category_colour(index));
        let mark = |role, shape, labelled| Mark {
            role,
            series: self.label.clone(),
            family: self.family,
            colour,
            shape,
            labelled,
        };
        let points = || self.points.clone();
        let line = |dashed| MarkShape::Line { points: points(), width: 1.8, dashed };
        let mut marks = match self.style {
            Style::Line => vec![mark("curve", line(false), true)],
            Style::Dashed => vec![mark("curve", line(true), true)],
            Style::Dots => vec![mark("point", MarkShape::Dots { points: points(), radius: 3.4 }, true)],
            Style::LineAndDots => {
                let dots = MarkShape::Dots { points: points(), radius: 3.4 };
                vec![mark("", line(false), false), mark("point", dots, true)] // the same numbers: written once
            }
        };
        if !self.band.is_empty() {
            marks.insert(0, mark("interval", MarkShape::Band(self.band.clone()), false));
        }
        marks
    }
}

/// Lines on two linear axes; `.log_x()` and `.log_y()` change that. A label names the quantity and its unit in brackets.
pub fn lines(lines: impl AsRef<[Line]>, x_label: &str, y_label: &str, references: impl AsRef<[Reference]>) -> Figure {
    let mut chart = Chart::new(AxisPlan::new(x_label, &column(x_label)), AxisPlan::new(y_label, &column(y_label)));
    chart.references = references.as_ref().to_vec();
    chart.marks = lines.as_ref().iter().enumerate().flat_map(|(i, line)| line.marks(i)).collect();
    Figure::new(chart)
}

/// A column name from a label: `Validation loss (nats)` → `validation_loss`.
pub(super) fn column(label: &str) -> String {
    let quantity = label.split('(').next().unwrap_or_default().trim().to_lowercase();
    let name: String = quantity.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    if name.is_empty() { "value".to_string() } else { name }
}
