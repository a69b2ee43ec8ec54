//! A line to compare with.

use super::axes::{Axis, human};
use super::look::{self, Colour, INK, REFERENCE};
use crate::models::Family;
use serde::{Deserialize, Serialize};

/// A grey line across the whole figure, for comparison: `6-gram`, `median`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// What stands beside it.
    pub label: String,
    /// Where it lies on its axis.
    #[serde(deserialize_with = "super::redraw::null_is_nan")]
    pub value: f64,
    /// Whether the value is on the y axis (a horizontal line) or on the x axis (a vertical one).
    pub horizontal: bool,
    pub(super) colour: Colour,
}

impl Reference {
    /// A horizontal line at `value` on the y axis.
    pub fn new(label: impl Into<String>, value: f64) -> Self {
        Reference { label: label.into(), value, horizontal: true, colour: REFERENCE }
    }

    /// Whether a figure whose own numbers span 0 to 1 shows this line at `place`. One span away it still does: what is compared
    /// is seen to be far off. Beyond, it would squash the numbers, and only its name and value stand at the edge.
    pub(crate) fn is_near(place: f64) -> bool {
        (-1.0..=2.0).contains(&place)
    }

    /// In a family's colour: the limit that its law tends to.
    pub fn family(self, family: Family) -> Self {
        Reference { colour: look::family_colour(family), ..self }
    }

    /// Its name, and where it lies if that is outside of the axis: `gzip ↑ 1.94`.
    pub(super) fn label_on(&self, y: &Axis) -> String {
        let Reference { label, value, .. } = self;
        match value {
            value if *value > y.high => format!("{label} ↑ {}", human(*value)),
            value if *value < y.low => format!("{label} ↓ {}", human(*value)),
            _ => label.clone(),
        }
    }

    /// A vertical line at `value` on the x axis.
    pub fn vertical(label: impl Into<String>, value: f64) -> Self {
        Reference { horizontal: false, colour: INK, ..Reference::new(label, value) } // dark: it may cross columns
    }
}
