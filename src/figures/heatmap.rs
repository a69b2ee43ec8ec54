//! A matrix as shades: attention weights, transition counts. White is the smallest value, dark blue the largest.

use super::axes::human;
use super::canvas::Canvas;
use super::look::{self, AXIS, Colour, INK, LABEL_SIZE};
use super::{Figure, Kind, Numbers, Options, Picture};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Heatmap {
    rows: Vec<String>,
    columns: Vec<String>,
    values: Vec<Vec<f64>>,
    value_label: String,
}

/// `values[row][column]`; the labels may be empty strings. `value_label` names the quantity and its unit.
pub fn heatmap(
    rows: impl AsRef<[String]>,
    columns: impl AsRef<[String]>,
    values: impl AsRef<[Vec<f64>]>,
    value_label: &str,
) -> Figure {
    let (rows, columns, values) = (rows.as_ref().to_vec(), columns.as_ref().to_vec(), values.as_ref().to_vec());
    Figure::new(Kind::Heatmap(Heatmap { rows, columns, values, value_label: value_label.into() }))
}

/// More cells than this on a side are thinner than a printed dot.
const MOST: usize = 256;
/// Steps between white and dark; neighbours of one step are drawn as one rectangle.
const STEPS: f64 = 48.0;
/// Neighbours overlap by this much, so that no white shines through between them.
const SEAM: f64 = 0.3;
const LABEL: f64 = look::TICK_SIZE;

impl Picture for Heatmap {
    fn draw(&self, options: &Options, canvas: &mut Canvas, top: f64) -> Result<f64> {
        let (low, high) = self.check()?;
        let label_room =
            self.rows.iter().map(|label| look::text_width(label, LABEL, false)).fold(0.0, f64::max).min(120.0);
        let (left, first) = (label_room + 8.0, top + 20.0);
        let cell_width = ((canvas.width - left - 76.0) / self.columns.len() as f64).min(40.0);
        let most_height = options.frame_height.unwrap_or(330.0) / self.rows.len() as f64;
        let cell = cell_width.min(most_height);
        let (width, height) = (cell, cell);
        let step = |value: f64| if high > low { ((value - low) / (high - low) * STEPS).round() } else { 0.0 };
        for (i, row) in self.values.iter().enumerate() {
            for (start, length, step) in runs(row.iter().map(|value| step(*value))) {
                let at = (left + width * start as f64, first + height * i as f64);
                canvas.rectangle(at, (width * length as f64 + SEAM, height + SEAM), heat(step / STEPS));
            }
        }
        self.draw_labels(canvas, (left, first), (width, height));
        let right = left + width * self.columns.len() as f64;
        draw_key(canvas, (right + 14.0, first), (low, high));
        let name = options.y.label.as_ref().unwrap_or(&self.value_label);
        canvas.text((2.0, top + 10.0), name.as_str(), look::text(LABEL_SIZE, INK));
        let x_label = options.x.label.as_deref().unwrap_or("");
        let bottom = first + (height * self.rows.len() as f64).max(90.0);
        canvas.text(((left + right) / 2.0, bottom + 30.0), x_label, look::text(LABEL_SIZE, INK).middle());
        Ok(bottom + if x_label.is_empty() { 20.0 } else { 38.0 })
    }

    fn numbers(&self, _options: &Options) -> Numbers {
        let mut numbers = Numbers::new(&["row", "column", "row_label", "column_label", "value"]);
        for (i, (row, row_label)) in self.values.iter().zip(&self.rows).enumerate() {
            for (j, (value, column_label)) in row.iter().zip(&self.columns).enumerate() {
                numbers.row([i.to_string(), j.to_string(), row_label.clone(), column_label.clone(), value.to_string()]);
            }
        }
        numbers
    }
}

impl Heatmap {
    /// The smallest and the largest value; zero counts as the smallest where nothing is negative.
    fn check(&self) -> Result<(f64, f64)> {
        let (n_rows, n_columns) = (self.rows.len(), self.columns.len());
        let fits = self.values.len() == n_rows && self.values.iter().all(|row| row.len() == n_columns);
        if n_rows == 0 || n_columns == 0 || !fits {
            let message = format!(
                "a heat map of {n_rows} row and {n_columns} column labels needs as many values, and at least one"
            );
            return Err(Error::Figure(message));
        }
        if n_rows > MOST || n_columns > MOST {
            let message =
                format!("a heat map of {n_rows} × {n_columns} cells cannot be read: show at most {MOST} × {MOST}");
            return Err(Error::Figure(message));
        }
        let cells = || self.values.iter().flatten().copied();
        if let Some(value) = cells().find(|value| !value.is_finite()) {
            return Err(Error::Figure(format!(
                "the heat map holds the value {value}, which has no shade: put 0 in its place"
            )));
        }
        Ok((cells().fold(0.0, f64::min), cells().fold(f64::NEG_INFINITY, f64::max)))
    }

    /// Every label that has room, evenly thinned out otherwise.
    fn draw_labels(&self, canvas: &mut Canvas, (left, first): (f64, f64), (width, height): (f64, f64)) {
        let every = |room: f64, needed: f64| (needed / room.max(0.01)).ceil().max(1.0) as usize;
        for (i, label) in self.rows.iter().enumerate().step_by(every(height, LABEL + 1.0)) {
            let y = first + height * (i as f64 + 0.5) + 0.36 * LABEL;
            let label = look::shorten(label, LABEL, 120.0);
            canvas.text((left - 4.0, y), label, look::text(LABEL, AXIS).end());
        }
        let widest = self.columns.iter().map(|label| look::text_width(label, LABEL, false)).fold(0.0, f64::max);
        let y = first + height * self.rows.len() as f64 + 13.0;
        for (i, label) in self.columns.iter().enumerate().step_by(every(width, widest + 3.0)) {
            canvas.text((left + width * (i as f64 + 0.5), y), label.as_str(), look::text(LABEL, AXIS).middle());
        }
    }
}

/// (start, length, value) of stretches of equal values.
fn runs(values: impl Iterator<Item = f64>) -> Vec<(usize, usize, f64)> {
    let mut runs: Vec<(usize, usize, f64)> = Vec::new();
    for (i, value) in values.enumerate() {
        match runs.last_mut().filter(|run| run.2 == value) {
            Some(run) => run.1 += 1,
            None => runs.push((i, 1, value)),
        }
    }
    runs
}

/// From nearly white through blue to nearly black.
fn heat(share: f64) -> Colour {
    let (light, middle, dark) = (Colour(0xF6, 0xF8, 0xFA), Colour(0x3D, 0x92, 0xC8), Colour(0x04, 0x22, 0x45));
    if share < 0.5 { light.towards(middle, 2.0 * share) } else { middle.towards(dark, 2.0 * share - 1.0) }
}

/// The scale beside the matrix.
fn draw_key(canvas: &mut Canvas, (x, y): (f64, f64), (low, high): (f64, f64)) {
    const HEIGHT: f64 = 84.0;
    const CELLS: u32 = 24;
    for i in 0..CELLS {
        let share = 1.0 - f64::from(i) / f64::from(CELLS - 1);
        let height = HEIGHT / f64::from(CELLS);
        canvas.rectangle((x, y + height * f64::from(i)), (11.0, height + SEAM), heat(share));
    }
    canvas.text((x + 15.0, y + 9.0), human(high), look::text(LABEL, AXIS));
    canvas.text((x + 15.0, y + HEIGHT), human(low), look::text(LABEL, AXIS));
}
