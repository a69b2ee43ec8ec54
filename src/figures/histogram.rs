//! How often values occur: columns of equal width (on a log axis, of equal ratio).

use super::axes::AxisPlan;
use super::canvas::Canvas;
use super::chart::{Chart, Mark, MarkShape};
use super::reference::Reference;
use super::{Figure, Kind, Numbers, Options, Picture, lines, look};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Histogram {
    values: Vec<f64>,
    x_label: String,
    counted: String,
    references: Vec<Reference>,
}

/// Counts of `values`; `counted` names what is counted (`tunes`). Use [`Reference::vertical`] for medians and limits.
pub fn histogram(
    values: impl AsRef<[f64]>,
    x_label: &str,
    counted: &str,
    references: impl AsRef<[Reference]>,
) -> Figure {
    let (values, references) = (values.as_ref().to_vec(), references.as_ref().to_vec());
    Figure::new(Kind::Histogram(Histogram { values, x_label: x_label.into(), counted: counted.into(), references }))
}

impl Histogram {
    fn chart(&self, options: &Options) -> Chart {
        let x = AxisPlan::new(&self.x_label, &lines::column(&self.x_label));
        let y = AxisPlan::new(&capitalised(&self.counted), "count").with_zero();
        let inside = |value: &f64| options.x.range.is_none_or(|(low, high)| (low..=high).contains(value));
        let values: Vec<f64> = self.values.iter().copied().filter(inside).collect();
        let mark = Mark {
            role: "count".into(),
            series: self.counted.clone(),
            family: None,
            colour: look::NEUTRAL,
            shape: MarkShape::Columns(columns(&values, options.x.log)),
        };
        Chart { x, y, marks: vec![mark], references: self.references.clone() }
    }
}

impl Picture for Histogram {
    fn draw(&self, options: &Options, canvas: &mut Canvas, top: f64) -> Result<f64> {
        let log = options.x.log;
        if let Some(value) = self.values.iter().find(|value| !value.is_finite() || (log && **value <= 0.0)) {
            let rule = if log { "a positive number, which a log axis needs" } else { "a finite number" };
            let advice = format!("leave it out of the histogram of '{}'", self.x_label);
            return Err(Error::Figure(format!("the value {value} is not {rule}: {advice}")));
        }
        self.chart(options).draw(options, canvas, top)
    }

    fn numbers(&self, options: &Options) -> Numbers {
        self.chart(options).numbers(options)
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// (left, right, count) of each column. Finite values only; on a log axis, positive ones only.
fn columns(values: &[f64], log: bool) -> Vec<(f64, f64, f64)> {
    let usable = values.iter().filter(|value| value.is_finite() && (!log || **value > 0.0));
    let mut places: Vec<f64> = usable.map(|value| if log { value.ln() } else { *value }).collect();
    places.sort_by(f64::total_cmp);
    let (Some(low), Some(high)) = (places.first().copied(), places.last().copied()) else { return vec![] };
    let (start, width, n) = bins(&places, low, high, log);
    let mut counts = vec![0.0; n];
    for place in &places {
        let index = (((place - start) / width) as usize).min(n - 1);
        if let Some(count) = counts.get_mut(index) {
            *count += 1.0;
        }
    }
    let edge = |i: usize| if log { (start + width * i as f64).exp() } else { start + width * i as f64 };
    counts.into_iter().enumerate().map(|(i, count)| (edge(i), edge(i + 1), count)).collect()
}

/// Start, width and number of the columns: Freedman and Diaconis' width 2·IQR/∛n, between 5 and 60 columns; whole numbers
/// of few kinds get one column each, centred.
fn bins(sorted: &[f64], low: f64, high: f64, log: bool) -> (f64, f64, usize) {
    let spread = high - low;
    if spread <= 0.0 {
        return (low - 0.5, 1.0, 1);
    }
    let whole = !log && sorted.iter().all(|value| value.fract() == 0.0);
    if whole && spread <= 60.0 {
        return (low - 0.5, 1.0, spread as usize + 1);
    }
    let quantile = |share: f64| sorted.get((share * (sorted.len() - 1) as f64) as usize).copied().unwrap_or(low);
    let best = 2.0 * (quantile(0.75) - quantile(0.25)) / (sorted.len() as f64).cbrt();
    let n = if best > 0.0 { (spread / best).ceil().clamp(5.0, 60.0) } else { 20.0 };
    if log || !whole {
        return (low, spread / n, n as usize);
    }
    let width = (spread / n).ceil().max(1.0); // whole numbers: columns that hold the same number of them
    (low - 0.5, width, ((spread + 1.0) / width).ceil() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_counted_once() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i * i % 977) + 0.5).collect();
        for log in [false, true] {
            let total: f64 = columns(&values, log).iter().map(|column| column.2).sum();
            assert_eq!(total, 1000.0);
        }
    }

    #[test]
    fn a_few_whole_numbers_get_a_column_each() {
        assert_eq!(
            columns(&[3.0, 4.0, 4.0, 6.0], false),
            [(2.5, 3.5, 1.0), (3.5, 4.5, 2.0), (4.5, 5.5, 0.0), (5.5, 6.5, 1.0)]
        );
    }

    #[test]
    fn one_value_and_no_value_have_columns_too() {
        assert_eq!(columns(&[7.0, 7.0], false), [(6.5, 7.5, 2.0)]);
        assert!(columns(&[], false).is_empty());
    }
}
