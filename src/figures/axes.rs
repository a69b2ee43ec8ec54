//! Axes: where a value lies between two ends, and which values get a label.
//!
//! The log axis labels what a reader wants to read off: 0.9, 1.0, 1.1 within a decade; 10K, 100K, 1M over several.

use super::look;
use crate::{Error, Result};
pub use nets::words::human;
use nets::words::{UNITS, minus};
use serde::{Deserialize, Serialize};

/// Beyond this, differences overflow.
const LARGEST: f64 = 1e300;
/// Below this, a log axis sees nothing.
const SMALLEST: f64 = 1e-300;

/// What an axis shows, before it is known how much room there is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct AxisPlan {
    /// What stands at the axis: the quantity and, in brackets, its unit.
    pub label: String,
    /// The quantity's column in the CSV file.
    pub column: String,
    pub log: bool,
    /// Ends chosen by the caller, in place of the data's.
    pub range: Option<(f64, f64)>,
    /// Whether zero must be seen (counts, bars).
    pub from_zero: bool,
}

/// An axis with its ends fixed.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub label: String,
    pub log: bool,
    pub low: f64,
    pub high: f64,
    pub ticks: Vec<Tick>,
    /// Places without a label: the multiples within a decade.
    pub minor: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub value: f64,
    pub label: String,
}

impl Tick {
    pub fn width(&self) -> f64 {
        look::text_width(&self.label, look::TICK_SIZE, false)
    }
}

impl AxisPlan {
    pub fn new(label: &str, column: &str) -> Self {
        AxisPlan { label: label.into(), column: column.into(), log: false, range: None, from_zero: false }
    }

    pub fn log(self) -> Self {
        AxisPlan { log: true, ..self }
    }

    pub fn with_zero(self) -> Self {
        AxisPlan { from_zero: true, ..self }
    }

    /// Fixes the ends around `values`, with a little room on both sides, and chooses at most `max_labels` labels.
    ///
    /// Errors: no values at all; a value that is not finite; a value that is not positive on a log axis.
    pub fn fit(&self, values: impl Iterator<Item = f64>, max_labels: usize) -> Result<Axis> {
        let (low, high) = match self.range {
            Some(range) => self.check_range(range)?,
            None => self.padded(self.ends(values)?),
        };
        let (ticks, minor) =
            if self.log { log_ticks(low, high, max_labels) } else { (linear_ticks(low, high, max_labels), vec![]) };
        Ok(Axis { label: self.shown_label(), log: self.log, low, high, ticks, minor })
    }

    /// [`AxisPlan::fit`] with as many labels as stand apart along `length` points.
    pub fn fit_into(&self, values: &[f64], length: f64) -> Result<Axis> {
        let fit = |most| self.fit(values.iter().copied(), most);
        (4..=8)
            .rev()
            .map(fit)
            .find(|axis| axis.as_ref().map_or(true, |axis| axis.is_legible(length)))
            .unwrap_or_else(|| fit(3))
    }

    /// `Parameters` → `Parameters (log scale)`; `Loss (nats)` → `Loss (nats, log scale)`.
    fn shown_label(&self) -> String {
        match (self.log, self.label.strip_suffix(')')) {
            (false, _) => self.label.clone(),
            (true, Some(open)) => format!("{open}, log scale)"),
            (true, None) => format!("{} (log scale)", self.label),
        }
    }

    fn check_range(&self, (low, high): (f64, f64)) -> Result<(f64, f64)> {
        let fits = low.abs() <= LARGEST && high.abs() <= LARGEST && low < high && (!self.log || low >= SMALLEST);
        let rule = if self.log { "two positive numbers, the smaller first" } else { "two numbers, the smaller first" };
        let message = || format!("the range {low} to {high} of the axis '{}' does not work: give {rule}", self.label);
        if fits { Ok((low, high)) } else { Err(Error::Figure(message())) }
    }

    fn ends(&self, values: impl Iterator<Item = f64>) -> Result<(f64, f64)> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            self.check_value(value)?;
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            let message = format!("there is nothing to draw: no point has a value for the axis '{}'", self.label);
            return Err(Error::Figure(message));
        }
        if self.from_zero && !self.log { Ok((low.min(0.0), high.max(0.0))) } else { Ok((low, high)) }
    }

    fn check_value(&self, value: f64) -> Result<()> {
        let label = &self.label;
        if !value.is_finite() || value.abs() > LARGEST {
            return Err(Error::Figure(format!(
                "the value {value} cannot be drawn on the axis '{label}': leave that point out"
            )));
        }
        if self.log && value < SMALLEST {
            let advice = "leave that point out or use a linear axis";
            return Err(Error::Figure(format!("the value {value} has no place on the log axis '{label}': {advice}")));
        }
        Ok(())
    }

    /// Room of 4 % at both ends, none beyond a zero that the axis starts from; a single value gets room to stand in.
    fn padded(&self, (low, high): (f64, f64)) -> (f64, f64) {
        const ROOM: f64 = 0.04;
        if self.log {
            let room = if high > low { ROOM * (high.ln() - low.ln()) } else { 2f64.ln() };
            return ((low.ln() - room).exp().max(SMALLEST / 10.0), (high.ln() + room).exp().min(LARGEST * 10.0));
        }
        let span = if high > low { high - low } else { low.abs().max(1.0) * 0.5 };
        let grounded = |end: f64| self.from_zero && end == 0.0;
        let low_end = if grounded(low) { 0.0 } else { low - ROOM * span };
        let high_end = if grounded(high) && high > low { 0.0 } else { high + ROOM * span };
        (low_end, high_end)
    }
}

impl Axis {
    /// Whether no two labels touch along `length` points.
    fn is_legible(&self, length: f64) -> bool {
        let apart = |pair: &[Tick]| (self.place(pair[1].value) - self.place(pair[0].value)) * length;
        self.ticks.windows(2).all(|pair| apart(pair) >= (pair[0].width() + pair[1].width()) / 2.0 + 7.0)
    }

    /// 0 at the lower end, 1 at the upper.
    pub fn place(&self, value: f64) -> f64 {
        if self.log {
            (value.max(SMALLEST).ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }
}

/// Multiples of 1, 2, 2.5 or 5 times a power of ten within the ends, at most `max_labels` of them.
pub(super) fn linear_ticks(low: f64, high: f64, max_labels: usize) -> Vec<Tick> {
    let step = nice_step((high - low) / max_labels.max(2) as f64);
    if !(step.is_finite() && step > 0.0) {
        return vec![];
    }
    let first = (low / step - 1e-9).ceil();
    let count = ((high - first * step) / step + 1e-9).floor().clamp(-1.0, 50.0) as i64 + 1;
    let values: Vec<f64> = (0..count).map(|i| (first + i as f64) * step).collect();
    let largest = values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    let unit = UNITS.iter().copied().find(|(unit, _)| largest >= unit.max(1e4) && step >= 0.01 * unit);
    let (unit, suffix) = unit.unwrap_or((1.0, ""));
    let decimals = decimals(step / unit);
    let in_powers = decimals > 6 || largest >= 1e6 * unit;
    let label = |value: f64| match value {
        0.0 => "0".to_string(),
        _ if in_powers => in_powers_of_ten(value),
        _ => format!("{:.decimals$}{suffix}", value / unit),
    };
    values.into_iter().map(|value| Tick { value, label: minus(&label(value)) }).collect()
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is at least `least`.
fn nice_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|factor| factor * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// Decimals that a step needs: 0.25 → 2, 0.1 → 1, 5 → 0.
fn decimals(step: f64) -> usize {
    let is_whole = |places: &i32| {
        let scaled = step * 10f64.powi(*places);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    };
    (0..12).find(is_whole).unwrap_or(12) as usize
}

/// Labelled places and unlabelled ones. Within a third of a decade the labels are those of a linear axis; beyond, the
/// densest of (1, 2, …, 9), (1, 2, 5), (1, 3), (1) times powers of ten that has no more than `max_labels`.
fn log_ticks(low: f64, high: f64, max_labels: usize) -> (Vec<Tick>, Vec<f64>) {
    const ALL: [f64; 9] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    let decades = high.log10() - low.log10();
    let minor = if decades < 7.0 { multiples(low, high, &ALL, 1) } else { vec![] };
    if decades < 0.45 {
        return (linear_ticks(low, high, max_labels), vec![]);
    }
    let halves: &[f64] = if decades < 0.9 { &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0] } else { &ALL };
    let sets: [(&[f64], i32); 8] = [
        (halves, 1),
        (&ALL, 1),
        (&[1.0, 2.0, 5.0], 1),
        (&[1.0, 3.0], 1),
        (&[1.0], 1),
        (&[1.0], 2),
        (&[1.0], 5),
        (&[1.0], 50),
    ];
    let fitting =
        sets.iter().map(|(factors, every)| multiples(low, high, factors, *every)).find(|set| set.len() <= max_labels);
    let values = fitting.unwrap_or_default();
    let in_powers = values.iter().any(|value| !(1e-4..1e15).contains(value));
    let label = if in_powers { in_powers_of_ten } else { human };
    (values.into_iter().map(|value| Tick { value, label: label(value) }).collect(), minor)
}

/// `2·10⁻⁵`
fn in_powers_of_ten(value: f64) -> String {
    let digits = format!("{value:.1e}");
    let (mantissa, power) = digits.split_once('e').unwrap_or((&digits, "0"));
    let raised = |c: char| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(c.to_digit(10).unwrap_or(0) as usize);
    let power: String = power.chars().filter_map(|c| if c == '-' { Some('⁻') } else { raised(c) }).collect();
    match (mantissa.trim_end_matches(".0"), power.as_str()) {
        (mantissa, "⁰") => mantissa.into(),
        ("1", power) => format!("10{power}"),
        (mantissa, power) => format!("{mantissa}·10{power}"),
    }
}

/// `factors` times each `every`-th power of ten within the ends.
fn multiples(low: f64, high: f64, factors: &[f64], every: i32) -> Vec<f64> {
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let scaled = |power: i32| factors.iter().map(move |factor| factor * 10f64.powi(power));
    let values = powers.filter(|power| power.rem_euclid(every) == 0).flat_map(scaled);
    values.filter(|value| *value >= low * (1.0 - 1e-9) && *value <= high * (1.0 + 1e-9)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(plan: AxisPlan, low: f64, high: f64) -> Vec<String> {
        plan.fit([low, high].into_iter(), 7).unwrap().ticks.into_iter().map(|tick| tick.label).collect()
    }

    fn linear() -> AxisPlan {
        AxisPlan::new("Loss (nats)", "loss")
    }

    #[test]
    fn a_log_axis_within_a_decade_labels_tenths() {
        assert_eq!(labels(linear().log(), 0.88, 1.22), ["0.9", "1.0", "1.1", "1.2"]);
        assert_eq!(labels(linear().log(), 0.35, 0.53), ["0.35", "0.40", "0.45", "0.50"]);
        assert_eq!(labels(linear().log(), 0.9, 1.4), ["0.9", "1.0", "1.1", "1.2", "1.3", "1.4"]);
    }

    #[test]
    fn a_log_axis_over_decades_labels_powers_of_ten_in_words() {
        assert_eq!(labels(linear().log(), 1e4, 1e8), ["10K", "100K", "1M", "10M", "100M"]);
        assert_eq!(labels(linear().log(), 142_411.0, 7_609_675.0), ["200K", "500K", "1M", "2M", "5M"]);
        assert_eq!(labels(linear().log(), 1e-3, 10.0), ["0.001", "0.01", "0.1", "1", "10"]);
    }

    #[test]
    fn numbers_too_small_for_decimals_are_powers_of_ten() {
        assert_eq!(labels(linear().log(), 1e-12, 1.0), ["10⁻¹²", "10⁻¹⁰", "10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²", "1"]);
        assert_eq!(labels(linear(), 0.0, 4e-9), ["0", "10⁻⁹", "2·10⁻⁹", "3·10⁻⁹", "4·10⁻⁹"]);
        assert_eq!(in_powers_of_ten(-2.5e20), "-2.5·10²⁰");
    }

    #[test]
    fn a_short_axis_has_fewer_labels() {
        let n = |length| linear().log().fit_into(&[142_411.0, 7_609_675.0], length).unwrap().ticks.len();
        assert_eq!([n(400.0), n(60.0)], [5, 3]);
    }

    #[test]
    fn a_linear_axis_uses_round_steps_and_even_decimals() {
        assert_eq!(labels(linear(), 0.0, 1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(linear(), -30.0, 30.0), ["−30", "−20", "−10", "0", "10", "20", "30"]);
        assert_eq!(labels(linear(), 0.0, 1_000_000.0), ["0", "0.2M", "0.4M", "0.6M", "0.8M", "1.0M"]);
        assert_eq!(labels(linear(), 1.305, 1.345), ["1.31", "1.32", "1.33", "1.34"]);
    }

    #[test]
    fn every_label_lies_within_the_axis_and_there_are_at_least_two() {
        for low in [1e-6, 0.35, 1.0, 7.3, 99.0, 12_345.0] {
            for factor in [1.01, 1.3, 2.0, 5.0, 9.0, 30.0, 1e3, 1e6, 1e12] {
                for plan in [linear(), linear().log()] {
                    let axis = plan.fit([low, low * factor].into_iter(), 7).unwrap();
                    assert!(axis.ticks.len() >= 2 && axis.ticks.len() <= 8, "{low} × {factor}: {axis:?}");
                    assert!(axis.ticks.iter().all(|tick| (-1e-6..=1.0 + 1e-6).contains(&axis.place(tick.value))));
                }
            }
        }
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        let written: Vec<String> =
            [0.0, 950.0, 142_411.0, 7_609_675.0, 0.36174, 10_000.0, -2.5, 999_999.0, 1e-9].map(human).into();
        assert_eq!(written, ["0", "950", "142K", "7.61M", "0.362", "10K", "−2.5", "1M", "1.0e-9"]);
    }

    #[test]
    fn values_without_a_place_are_named() {
        let error = |plan: AxisPlan, values: &[f64]| plan.fit(values.iter().copied(), 7).unwrap_err().to_string();
        assert_eq!(error(linear(), &[]), "there is nothing to draw: no point has a value for the axis 'Loss (nats)'");
        assert_eq!(
            error(linear().log(), &[1.0, 0.0]),
            "the value 0 has no place on the log axis 'Loss (nats)': leave that point out or use a linear axis"
        );
        assert_eq!(
            error(linear(), &[f64::NAN]),
            "the value NaN cannot be drawn on the axis 'Loss (nats)': leave that point out"
        );
        let backwards = AxisPlan { range: Some((2.0, 1.0)), ..linear() };
        assert!(error(backwards, &[]).contains("the smaller first"));
    }

    #[test]
    fn one_value_stands_in_the_middle() {
        for plan in [linear(), linear().log()] {
            let axis = plan.fit([3.0].into_iter(), 7).unwrap();
            assert!((axis.place(3.0) - 0.5).abs() < 1e-9, "{axis:?}");
        }
    }

    #[test]
    fn a_log_axis_says_so() {
        assert_eq!(linear().log().shown_label(), "Loss (nats, log scale)");
        assert_eq!(AxisPlan::new("Parameters", "n_params").log().shown_label(), "Parameters (log scale)");
    }
}
