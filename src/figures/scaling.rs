//! Loss against model size (dots are runs, lines are fitted laws, bands are their intervals, grey lines are baselines), and
//! loss against training tokens (one line a run, shade by size).

use super::axes::AxisPlan;
use super::reference::Reference;
use super::{Figure, Line, lines};

/// Validation loss (nats per token) against parameters on a log axis; `.log_y()` makes the loss logarithmic too. Runs are
/// [`Line::dots`] of (n_params, val_loss); a fitted law is a line of the same name, its interval a [`Line::band`].
pub fn scaling(runs_and_laws: impl AsRef<[Line]>, references: impl AsRef<[Reference]>) -> Figure {
    let x = AxisPlan::new("Parameters", "n_params").log();
    lines::drawn(runs_and_laws.as_ref(), ["fit", "run"], [x, loss()], references.as_ref())
}

/// Validation loss (nats per token) against training tokens, one [`Line`] a run: (tokens seen, loss). Of a family's runs the
/// larger ones ([`Line::size`]) are darker.
pub fn loss_curves(runs: impl AsRef<[Line]>, references: impl AsRef<[Reference]>) -> Figure {
    let runs = runs.as_ref();
    let shaded = |run: &Line| {
        let of_family = runs.iter().filter(|other| other.family == run.family);
        let mut sizes: Vec<f64> = of_family.map(|other| other.n_params).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        let smaller = sizes.iter().filter(|size| **size < run.n_params).count();
        let shade = if sizes.len() < 2 { run.shade } else { smaller as f64 / (sizes.len() - 1) as f64 };
        let mut shaded = run.clone();
        shaded.shade = shade;
        shaded
    };
    let x = AxisPlan::new("Training tokens", "tokens").with_zero();
    let runs: Vec<Line> = runs.iter().map(shaded).collect();
    lines::drawn(&runs, ["run", "run"], [x, loss()], references.as_ref())
}

fn loss() -> AxisPlan {
    AxisPlan::new("Validation loss (nats per token)", "val_loss")
}
