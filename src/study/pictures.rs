//! The figures of 06_scaling: loss against size with the fitted laws, loss against cost, and IsoFLOP profiles; and that of `fit`.

use super::records::ends;
use super::{Axis, Budgets, Families};
use crate::figures::{Figure, Line, Reference, human, lines, scaling};
use crate::fitting::isoflop::by_budget;
use crate::fitting::{Findings, Fit, Law, Verdict};
use crate::models::Family;
use crate::{Error, Result};

impl Families {
    /// Runs, fitted laws with their 95 % bands, and floors where c is not "NOT identified". The frame holds the runs and the
    /// references; a band that leaves it says that the law is free there.
    ///
    /// # Errors
    /// The runs allow no law.
    pub fn scaling_figure(&self, axis: Axis, mut references: Vec<Reference>) -> Result<Figure> {
        let losses = || self.all().map(|run| run.summary.val_loss);
        let (low, high) = ends(losses());
        let lines = references.iter().map(|line| line.value);
        let (low, high) = ends(losses().chain(lines.filter(|value| Reference::is_near((value - low) / (high - low)))));
        let room = high - low;
        let mut lines = Vec::new();
        for family in Family::ALL {
            let (law, runs, floor) = self.law_and_runs(family, axis)?;
            lines.extend([law, runs]);
            references.extend(floor);
        }
        let figure = scaling(lines, references).x_label(axis.label());
        Ok(figure.y_range((low - 0.25 * room).max(0.0), high + 0.15 * room))
    }

    /// One family's law with its band, its runs, and its floor if there is one.
    fn law_and_runs(&self, family: Family, axis: Axis) -> Result<(Line, Line, Option<Reference>)> {
        let points = self.points(family, axis);
        let law = Law::Power.fit(&points)?;
        let [curve, runs] = curve_and_points(&law, &family.to_string()).map(|line| line.family(family));
        let floor = Reference::new(format!("c = {:.2}", law["c"].value), law["c"].value).family(family);
        Ok((curve, runs, (!matches!(law["c"].verdict, Verdict::NotIdentified(_))).then_some(floor)))
    }

    /// Loss against one kind of cost, and the frontier: the runs that no cheaper run beats.
    pub fn cost_figure(&self, axis: Axis, references: Vec<Reference>) -> Figure {
        let line = |family: Family| {
            let runs = self.of(family).iter().map(|run| (axis.of(run), run.summary.val_loss)).collect::<Vec<_>>();
            Line::new(family.to_string(), runs).dots().family(family)
        };
        let frontier = self.frontier(axis).into_iter().map(|(_, cost, loss)| (cost, loss)).collect::<Vec<_>>();
        let all = vec![Line::new("frontier", frontier).dashed().grey(), line(Family::Transformer), line(Family::Lstm)];
        lines(all, axis.label(), "Validation loss (nats per token)", references).log_x().height(300.0)
    }
}

/// A law over the range of its points and a little more, with its 95 % band; and the points.
fn curve_and_points(law: &Fit, name: &str) -> [Line; 2] {
    let (low, high) = ends(law.points().iter().map(|point| point.n_params));
    let (low, high) = (0.8 * low, 1.25 * high);
    let sizes: Vec<f64> = (0..=80).map(|i| low * (high / low).powf(f64::from(i) / 80.0)).collect();
    let band = sizes.iter().zip(law.band(&sizes)).map(|(n, interval)| (*n, interval.low, interval.high)).collect();
    let curve: Vec<(f64, f64)> = sizes.iter().map(|n| (*n, law.predict(*n))).collect();
    let points: Vec<(f64, f64)> = law.points().iter().map(|point| (point.n_params, point.val_loss)).collect();
    [Line::new(name, curve).band(band), Line::new(name, points).dots()]
}

/// What a table says, drawn: its points, the fitted law with its 95 % band and, where one was checked, the claimed losses.
///
/// # Errors
/// A law of N and D, which is no curve over N.
pub fn findings_figure(found: &Findings) -> Result<Figure> {
    let law = match found {
        Findings::Law(found) => &found.fit,
        Findings::Check(check) => &check.optimum,
    };
    if !matches!(law.law, Law::Power | Law::PowerWithoutC | Law::Log) {
        return Err(Error::Config("a law of N and D is no curve over N: --figure draws laws of N alone".into()));
    }
    let mut lines = curve_and_points(law, "fit").to_vec();
    if let Findings::Check(check) = found {
        let claimed: Vec<(f64, f64)> = check.misses.iter().map(|miss| (miss.n_params, miss.claimed)).collect();
        lines.push(Line::new("claim", claimed).dashed().grey());
    }
    let text = law.to_string();
    let title = text.split("   (").next().unwrap_or_default().trim_end();
    Ok(scaling(lines, []).title(&format!("{title}: {} {}", law.law.rate(), law.verdict().in_brief())))
}

impl Budgets {
    /// Loss against size, one line a budget, and the best size of each budget joined by a dashed line where the parabolas have one.
    pub fn figure(&self, references: Vec<Reference>) -> Figure {
        let profile = |points: Vec<crate::fitting::Point>| {
            let flops = points.first().and_then(|point| point.flops).unwrap_or(f64::NAN);
            let mut at: Vec<(f64, f64)> = points.iter().map(|point| (point.n_params, point.val_loss)).collect();
            at.sort_by(|p, q| p.0.total_cmp(&q.0));
            Line::new(format!("{} FLOPs", human(flops)), at).with_dots()
        };
        let mut all: Vec<Line> = by_budget(&self.points()).into_iter().map(profile).collect();
        if let Ok(found) = self.profiles() {
            let best = found.budgets.iter().filter_map(|budget| budget.best);
            all.push(
                Line::new("best", best.map(|best| (best.n_params, best.val_loss)).collect::<Vec<_>>()).dashed().grey(),
            );
        }
        lines(all, "Parameters", "Validation loss (nats per token)", references).log_x().height(300.0)
    }
}
