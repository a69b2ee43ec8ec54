//! Bars that lie, so that their names can be read: one value each, written at its end, with its interval if there is one.

use super::axes::{AxisPlan, human};
use super::canvas::Canvas;
use super::look::{self, AXIS, Colour, GRID, INK, LABEL_SIZE};
use super::{Figure, Kind, Numbers, Options, Picture, lines, show_table};
use crate::models::Family;
use crate::{Error, Result};
use nets::words::minus;
use serde::{Deserialize, Serialize};

/// One value with its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NamedValue {
    /// What stands left of the bar.
    pub label: String,
    /// Where the bar ends.
    pub value: f64,
    /// (low, high)
    pub interval: Option<(f64, f64)>,
    /// What is written at the bar's end in place of the value.
    pub note: Option<String>,
    colour: Colour,
    family: Option<Family>,
}

impl NamedValue {
    /// A bar in a colour of no family.
    pub fn new(label: impl Into<String>, value: f64) -> Self {
        NamedValue { label: label.into(), value, interval: None, note: None, colour: look::NEUTRAL, family: None }
    }

    /// The family's colour.
    pub fn family(mut self, family: Family) -> Self {
        self.family = Some(family);
        self.colour = look::family_colour(family);
        self
    }

    /// Grey: there for comparison.
    pub fn grey(mut self) -> Self {
        self.colour = Colour(0xBB, 0xBB, 0xBB);
        self
    }

    /// The interval that the value may lie in.
    pub fn interval(mut self, low: f64, high: f64) -> Self {
        self.interval = Some((low, high));
        self
    }

    /// Text at the bar's end in place of the value: `9 of 10`.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Bars {
    bars: Vec<NamedValue>,
    value_label: String,
}

/// One bar below the other, in the order given (with `.log_x()` dots, since bars need a zero); `value_label` names the quantity
/// and, in brackets, its unit.
pub fn bars(bars: impl AsRef<[NamedValue]>, value_label: &str) -> Figure {
    let bars = bars.as_ref().to_vec();
    Figure::new(Kind::Bars(Bars { bars, value_label: value_label.into() }))
}

const ROW: f64 = 25.0;
const THICKNESS: f64 = 15.0;

impl Picture for Bars {
    fn legend(&self) -> String {
        if self.has_whiskers() { "Whiskers are 95 % intervals. ".into() } else { String::new() }
    }

    fn draw(&self, options: &Options, canvas: &mut Canvas, top: f64) -> Result<f64> {
        let (axis, ends) = (self.axis(options)?, self.end_texts());
        let widest = |texts: &mut dyn Iterator<Item = &String>| {
            texts.map(|text| look::text_width(text, LABEL_SIZE, false)).fold(0.0, f64::max)
        };
        let label_room = widest(&mut self.bars.iter().map(|bar| &bar.label)).min(0.4 * canvas.width);
        let note_room = widest(&mut ends.iter()).min(0.3 * canvas.width);
        let (left, right) = (label_room + 12.0, canvas.width - note_room - 14.0);
        let axis = axis.fit_into(&self.values(), right - left)?;
        let x = |value: f64| left + (right - left) * axis.place(value).clamp(0.0, 1.0);
        let (first, last) = (top + 4.0, top + 4.0 + ROW * self.bars.len() as f64);
        for tick in &axis.ticks {
            canvas.line(vec![(x(tick.value), first), (x(tick.value), last)], GRID, 0.7);
            canvas.text((x(tick.value), last + 16.0), tick.label.as_str(), look::text(look::TICK_SIZE, AXIS).middle());
        }
        let zero = x(if axis.log { axis.low } else { 0.0 });
        for (i, (bar, end_text)) in self.bars.iter().zip(ends).enumerate() {
            let middle = first + ROW * (i as f64 + 0.5);
            let baseline = middle + 0.36 * LABEL_SIZE;
            let label = look::shorten(&bar.label, LABEL_SIZE, label_room + 1.0);
            canvas.text((left - 7.0, baseline), label, look::text(LABEL_SIZE, INK).end());
            draw_bar(canvas, bar, middle, (!axis.log).then_some(zero), &x);
            if self.has_whiskers() {
                canvas.text((canvas.width - 4.0, baseline), end_text, look::text(LABEL_SIZE, INK).end());
            } else {
                canvas.text((x(bar.value.max(0.0)) + 6.0, baseline), end_text, look::text(LABEL_SIZE, INK));
            }
        }
        canvas.line(vec![(zero, first), (zero, last)], AXIS, 1.0);
        Ok(canvas.label_below(&axis.label, ((left + right) / 2.0, last + 33.0)) + 8.0)
    }

    fn numbers(&self, options: &Options) -> Numbers {
        let value = lines::column(options.x.label.as_ref().unwrap_or(&self.value_label));
        let mut numbers = Numbers::new(&["label", "family", &value, "low", "high", "note"]);
        for bar in &self.bars {
            let family = bar.family.map(|family| family.to_string()).unwrap_or_default();
            let (low, high) = bar.interval.map(|(low, high)| (low.to_string(), high.to_string())).unwrap_or_default();
            numbers.row([
                bar.label.clone(),
                family,
                bar.value.to_string(),
                low,
                high,
                bar.note.clone().unwrap_or_default(),
            ]);
        }
        numbers.without_empty_columns(&["family", "low", "high", "note"])
    }
}

impl Bars {
    fn has_whiskers(&self) -> bool {
        self.bars.iter().any(|bar| bar.interval.is_some())
    }

    /// Of the bars and their intervals.
    fn values(&self) -> Vec<f64> {
        let ends = self.bars.iter().filter_map(|bar| bar.interval).flat_map(|(low, high)| [low, high]);
        self.bars.iter().map(|bar| bar.value).chain(ends).collect()
    }

    /// The notes or the values, these with the same decimals where one of them does not become a zero.
    fn end_texts(&self) -> Vec<String> {
        let values = || self.bars.iter().filter(|bar| bar.note.is_none()).map(|bar| bar.value);
        let decimals = show_table::decimals(values(), 3);
        let alike = values().all(|value| value == 0.0 || (10f64.powi(-(decimals as i32))..1e4).contains(&value.abs()));
        let text = |value: f64| if alike { minus(&format!("{value:.decimals$}")) } else { human(value) };
        self.bars.iter().map(|bar| bar.note.clone().unwrap_or_else(|| text(bar.value))).collect()
    }

    fn axis(&self, options: &Options) -> Result<AxisPlan> {
        if self.bars.is_empty() {
            return Err(Error::Figure("there is nothing to draw: the figure was given no bars".into()));
        }
        let ends =
            |bar: &NamedValue| [Some(bar.value), bar.interval.map(|ends| ends.0), bar.interval.map(|ends| ends.1)];
        if let Some(bar) = self.bars.iter().find(|bar| ends(bar).into_iter().flatten().any(|value| !value.is_finite()))
        {
            let message = format!("the bar '{}' has a value that is not a finite number: leave it out", bar.label);
            return Err(Error::Figure(message));
        }
        let label = options.x.label.as_ref().unwrap_or(&self.value_label);
        let plan = AxisPlan { range: options.x.range, ..AxisPlan::new(label, "value").with_zero() };
        Ok(if options.x.log { plan.log() } else { plan })
    }
}

/// A bar from `zero`, or a dot where the axis has none.
fn draw_bar(canvas: &mut Canvas, bar: &NamedValue, middle: f64, zero: Option<f64>, x: &dyn Fn(f64) -> f64) {
    let at = x(bar.value);
    if let Some(zero) = zero {
        let size = ((at - zero).abs().max(0.1), THICKNESS);
        canvas.rectangle((at.min(zero), middle - THICKNESS / 2.0), size, bar.colour);
    }
    if let Some((low, high)) = bar.interval {
        canvas.line(vec![(x(low), middle), (x(high), middle)], INK, 1.2);
        for value in [low, high] {
            canvas.line(vec![(x(value), middle - 3.5), (x(value), middle + 3.5)], INK, 1.2);
        }
    }
    if zero.is_none() {
        canvas.mark((at, middle), 5.0, bar.colour, bar.family.map_or(0, look::number_of));
    }
}
