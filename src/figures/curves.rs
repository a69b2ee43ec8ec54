//! Loss curves: one line a run, shade by size, the run's name at the line's end.

use super::axes::AxisPlan;
use super::chart::{Chart, Mark, MarkShape, Reference};
use super::{Figure, look};
use crate::models::Family;

/// How one run's validation loss fell.
#[derive(Debug, Clone)]
pub struct LossCurve {
    pub label: String,
    pub family: Family,
    /// Decides the shade among the curves of a family.
    pub n_params: f64,
    /// (tokens seen, loss in nats per token)
    pub points: Vec<(f64, f64)>,
}

impl LossCurve {
    /// `points` are (tokens, loss).
    pub fn new(label: impl Into<String>, family: Family, n_params: f64, points: Vec<(f64, f64)>) -> Self {
        LossCurve { label: label.into(), family, n_params, points }
    }
}

/// Validation loss (nats per token) against training tokens.
pub fn loss_curves(curves: impl AsRef<[LossCurve]>, references: impl AsRef<[Reference]>) -> Figure {
    let curves = curves.as_ref();
    let x = AxisPlan::new("Training tokens", "tokens").with_zero();
    let mut chart = Chart::new(x, AxisPlan::new("Validation loss (nats per token)", "val_loss"));
    chart.references = references.as_ref().to_vec();
    chart.marks = curves.iter().map(|curve| mark(curve, size_rank(curve, curves))).collect();
    Figure::new(chart)
}

fn mark(curve: &LossCurve, rank: f64) -> Mark {
    Mark {
        role: "run",
        series: curve.label.clone(),
        family: Some(curve.family),
        colour: look::shade(curve.family, rank),
        shape: MarkShape::Line { points: curve.points.clone(), width: 1.7, dashed: false },
        labelled: true,
    }
}

/// 0 for the smallest of the curve's family, 1 for the largest, steps of equal size between.
fn size_rank(curve: &LossCurve, all: &[LossCurve]) -> f64 {
    let mut sizes: Vec<f64> =
        all.iter().filter(|other| other.family == curve.family).map(|other| other.n_params).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    let smaller = sizes.iter().filter(|size| **size < curve.n_params).count();
    if sizes.len() < 2 { 0.6 } else { smaller as f64 / (sizes.len() - 1) as f64 }
}
