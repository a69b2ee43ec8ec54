//! Loss against model size: points are runs, lines are fitted laws, bands are their intervals, grey lines are baselines.

use super::axes::AxisPlan;
use super::chart::{Chart, Mark, MarkShape, Reference};
use super::{Figure, look};
use crate::models::Family;

/// One family's runs and, where there is one, the law fitted to them. x is the number of parameters, y the loss.
#[derive(Debug, Clone)]
pub struct ScalingSeries {
    pub label: String,
    pub family: Family,
    /// (n_params, val_loss) of each run
    pub points: Vec<(f64, f64)>,
    /// (n_params, val_loss) along the fitted law
    pub curve: Vec<(f64, f64)>,
    /// (n_params, low, high) of the law's interval
    pub band: Vec<(f64, f64, f64)>,
    /// The loss that the law tends to
    pub asymptote: Option<f64>,
}

impl ScalingSeries {
    /// `points` are (n_params, val_loss).
    pub fn new(label: impl Into<String>, family: Family, points: Vec<(f64, f64)>) -> Self {
        ScalingSeries { label: label.into(), family, points, curve: Vec::new(), band: Vec::new(), asymptote: None }
    }

    /// The fitted law as (n_params, val_loss); fifty places or more look smooth.
    pub fn curve(mut self, curve: Vec<(f64, f64)>) -> Self {
        self.curve = curve;
        self
    }

    /// The law's interval as (n_params, low, high).
    pub fn band(mut self, band: Vec<(f64, f64, f64)>) -> Self {
        self.band = band;
        self
    }

    /// The loss c that the law tends to.
    pub fn asymptote(mut self, c: f64) -> Self {
        self.asymptote = Some(c);
        self
    }
}

/// Validation loss (nats per token) against parameters on a log axis; `.log_y()` makes the loss logarithmic too.
pub fn scaling(series: impl AsRef<[ScalingSeries]>, references: impl AsRef<[Reference]>) -> Figure {
    let series = series.as_ref();
    let x = AxisPlan::new("Parameters", "n_params").log();
    let mut chart = Chart::new(x, AxisPlan::new("Validation loss (nats per token)", "val_loss"));
    chart.references = references.as_ref().to_vec();
    let asymptote =
        |one: &ScalingSeries| one.asymptote.map(|c| Reference::new(format!("c = {c:.2}"), c).of_family(one.family));
    chart.references.extend(series.iter().filter_map(asymptote));
    let marks = |layer: fn(&ScalingSeries) -> Option<Mark>| series.iter().filter_map(layer).collect::<Vec<_>>();
    chart.marks.extend([marks(band), marks(curve), marks(runs)].into_iter().flatten());
    Figure::new(chart)
}

fn band(series: &ScalingSeries) -> Option<Mark> {
    let shape = MarkShape::Band(series.band.clone());
    (!series.band.is_empty()).then(|| mark(series, "interval", shape, false))
}

fn curve(series: &ScalingSeries) -> Option<Mark> {
    let shape = MarkShape::Line { points: series.curve.clone(), width: 1.8, dashed: false };
    (!series.curve.is_empty()).then(|| mark(series, "fit", shape, true))
}

fn runs(series: &ScalingSeries) -> Option<Mark> {
    let shape = MarkShape::Dots { points: series.points.clone(), radius: 4.2 };
    Some(mark(series, "run", shape, series.curve.is_empty()))
}

fn mark(series: &ScalingSeries, role: &'static str, shape: MarkShape, labelled: bool) -> Mark {
    let colour = look::family_colour(series.family);
    Mark { role, series: series.label.clone(), family: Some(series.family), colour, shape, labelled }
}
