//! IsoFLOP profiles: at one training budget C a small model sees many tokens and a large one few; between them lies the best
//! (Hoffmann et al. 2022, approach 2).
//!
//! ```text
//! each budget:  parabola in ln N through the lowest run and its neighbours → N*(C),  the same in ln D → D*(C)
//! all budgets:  ln N* = const + p·ln C,  ln D* = const + q·ln C;  p + q = 1 where C = 6·N·D
//! ```
//! Where the smallest or the largest model has the lowest loss no optimum was found: that budget is kept, said to be open, and left out
//! of the exponents.

use crate::{Error, Result};
use serde::Serialize;
use std::fmt;

use crate::numbers::short;
use crate::points::{Needs, check, mean};
use crate::search::log_grid;
use crate::{Interval, Law, Point};

/// The best split of one budget.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Budget {
    /// FLOPs of the training.
    pub flops: f64,
    /// The runs, smallest model first.
    pub points: Vec<Point>,
    /// The lowest point of the parabola through the lowest run and its neighbours.
    pub best: Option<Optimum>,
    /// Why there is no best, in words.
    pub open: Option<String>,
}

/// The lowest point of a budget's parabola.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Optimum {
    /// Size of the model, or any cost that all points of a fit share.
    pub n_params: f64,
    /// Tokens trained on.
    pub n_tokens: f64,
    /// Loss in nats per token.
    pub val_loss: f64,
}

/// Power of C with which the best N or D grows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Growth {
    /// Power of C.
    pub exponent: f64,
    /// Student's t over the budgets; None for two budgets.
    pub interval: Option<Interval>,
}

/// Parabolas of all budgets and the growth of the best N and D.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IsoFlop {
    /// Every budget, cheapest first.
    pub budgets: Vec<Budget>,
    /// Growth of the best N.
    pub n_params: Growth,
    /// Growth of the best D.
    pub n_tokens: Growth,
}

const SAME_BUDGET: f64 = 1.1; // whole steps make the FLOPs of one budget differ by a few per cent

impl IsoFlop {
    /// Fits points that were trained at a few budgets: FLOPs within a tenth of their neighbour's are one budget.
    ///
    /// # Errors
    /// Fewer than two budgets with a best size between their smallest and their largest model.
    pub fn fit(points: &[Point]) -> Result<IsoFlop> {
        check(points, &[Needs::Tokens, Needs::Flops])?;
        let budgets: Vec<Budget> = by_budget(points).into_iter().map(Budget::fit).collect();
        let found: Vec<(f64, Optimum)> =
            budgets.iter().filter_map(|budget| Some((budget.flops, budget.best?))).collect();
        if found.len() < 2 {
            let why = |budget: &Budget| Some(format!("at {} FLOPs {}", short(budget.flops), budget.open.as_ref()?));
            let open: Vec<String> = budgets.iter().filter_map(why).collect();
            return Err(Error::Fit(format!(
                "{} of {} budgets have a best size, and an exponent needs two: {}",
                found.len(),
                budgets.len(),
                if open.is_empty() { "train at more budgets".into() } else { open.join("; ") }
            )));
        }
        let growth = |value: fn(&Optimum) -> f64| Growth::fit(&found, value);
        Ok(IsoFlop { n_params: growth(|best| best.n_params)?, n_tokens: growth(|best| best.n_tokens)?, budgets })
    }

    /// The same from whole loss curves: each size's loss and tokens are read off, linearly in ln C between its points, at
    /// `n_budgets` budgets spread over the FLOPs that at least three sizes have in common. So one set of trainings serves every way
    /// of counting FLOPs. Points of one size must have the same `n_params`.
    ///
    /// # Errors
    /// No budget that three sizes have in common, or what [`IsoFlop::fit`] refuses.
    pub fn of_curves(points: &[Point], n_budgets: usize) -> Result<IsoFlop> {
        check(points, &[Needs::Tokens, Needs::Flops])?;
        let curves = by_size(points);
        let (low, high) = shared_range(&curves)?;
        let budgets = log_grid(low, high, n_budgets.max(2));
        let read: Vec<Point> =
            budgets.iter().flat_map(|&flops| curves.iter().filter_map(move |curve| at(curve, flops))).collect();
        let kept: Vec<Point> = by_budget(&read).into_iter().filter(|budget| budget.len() >= 3).flatten().collect();
        IsoFlop::fit(&kept)
    }
}

impl Budget {
    /// The lowest run decides whether a best size is bracketed; where it is, a parabola through it and its neighbours says where.
    fn fit(mut points: Vec<Point>) -> Budget {
        points.sort_by(|p, q| p.n_params.total_cmp(&q.n_params));
        let flops = mean(&points.iter().map(|point| point.compute().ln()).collect::<Vec<f64>>()).exp();
        let (best, open) = match lowest(&without_repeats(&points, |point| point.n_params)) {
            Ok(best) => (Some(best), None),
            Err(why) => (None, Some(why)),
        };
        Budget { flops, points, best, open }
    }
}

/// Repeats, which follow each other and have the same `place`, are one point with their mean loss.
fn without_repeats(points: &[Point], place: fn(&Point) -> f64) -> Vec<Point> {
    let loss = |same: &[Point]| mean(&same.iter().map(|point| point.val_loss).collect::<Vec<f64>>());
    let places = points.chunk_by(|p, q| place(p) == place(q));
    places.filter_map(|same| Some(Point { val_loss: loss(same), ..*same.first()? })).collect()
}

fn lowest(points: &[Point]) -> Result<Optimum, String> {
    let lowest = (0..points.len()).min_by(|&i, &j| points[i].val_loss.total_cmp(&points[j].val_loss)).unwrap_or(0);
    match points.get(lowest.saturating_sub(1)..=lowest + 1) {
        _ if points.len() < 3 => Err(format!("{} sizes cannot show where the best is", points.len())),
        _ if lowest == 0 => {
            Err(format!("the smallest model, N = {}, is the best: try smaller ones", short(points[0].n_params)))
        }
        Some([left, middle, right]) => {
            let at = |value: fn(&Point) -> f64| {
                vertex([left, middle, right].map(|point| (value(point).ln(), point.val_loss)))
            };
            let ((ln_n, val_loss), (ln_d, _)) = (at(|point| point.n_params), at(Point::tokens));
            Ok(Optimum { n_params: ln_n.exp(), n_tokens: ln_d.exp(), val_loss })
        }
        _ => Err(format!("the largest model, N = {}, is the best: try larger ones", short(points[lowest].n_params))),
    }
}

/// The lowest place of the parabola through three points, of which the middle one is the lowest: it lies between the outer two.
fn vertex([(x0, y0), (x1, y1), (x2, y2)]: [(f64, f64); 3]) -> (f64, f64) {
    let (left, right) = ((y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)); // slopes of the two chords
    let curvature = (right - left) / (x2 - x0);
    if curvature == 0.0 {
        return (x1, y1); // three equal losses
    }
    let x = 0.5 * (x0 + x1 - left / curvature);
    (x, y0 + (x - x0) * (left + curvature * (x - x1)))
}

impl Growth {
    fn fit(found: &[(f64, Optimum)], value: fn(&Optimum) -> f64) -> Result<Growth> {
        let points: Vec<Point> = found.iter().map(|(flops, best)| Point::new(*flops, value(best).ln())).collect();
        let line = Law::Log.fit(&points)?; // ln N* is a straight line in ln C
        Ok(Growth { exponent: line["B"].value, interval: line["B"].interval })
    }
}

/// Those of the runs (cost, loss) that no cheaper run beats: the frontier that a buyer sees, cheapest first.
pub fn frontier(runs: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut sorted = runs.to_vec();
    sorted.sort_by(|p, q| p.0.total_cmp(&q.0).then(p.1.total_cmp(&q.1)));
    let mut best = f64::INFINITY;
    sorted.retain(|(_, loss)| {
        let better = *loss < best;
        best = best.min(*loss);
        better
    });
    sorted
}

/// The points of each budget, cheapest first.
pub fn by_budget(points: &[Point]) -> Vec<Vec<Point>> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|p, q| p.compute().total_cmp(&q.compute()));
    let mut budgets: Vec<Vec<Point>> = Vec::new();
    for point in sorted {
        match budgets.last_mut() {
            Some(budget) if budget.first().is_some_and(|first| point.compute() < SAME_BUDGET * first.compute()) => {
                budget.push(point);
            }
            _ => budgets.push(vec![point]),
        }
    }
    budgets
}

/// One curve a size, cheapest point first; repeats at one cost are one point with their mean loss.
fn by_size(points: &[Point]) -> Vec<Vec<Point>> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|p, q| p.n_params.total_cmp(&q.n_params).then(p.compute().total_cmp(&q.compute())));
    let sizes = sorted.chunk_by(|p, q| p.n_params == q.n_params);
    sizes.map(|curve| without_repeats(curve, Point::compute)).collect()
}

/// The FLOPs at which at least three curves can be read.
fn shared_range(curves: &[Vec<Point>]) -> Result<(f64, f64)> {
    let mut starts: Vec<f64> = curves.iter().filter_map(|curve| Some(curve.first()?.compute())).collect();
    let mut ends: Vec<f64> = curves.iter().filter_map(|curve| Some(curve.last()?.compute())).collect();
    starts.sort_by(f64::total_cmp);
    ends.sort_by(|p, q| q.total_cmp(p));
    match (starts.get(2), ends.get(2)) {
        (Some(&low), Some(&high)) if low < high => Ok((low, high)),
        _ => Err(Error::Fit(format!(
            "no budget is covered by three of the {} sizes; train small models for longer, or large ones for less",
            curves.len()
        ))),
    }
}

/// The curve at this cost; None outside of it.
fn at(curve: &[Point], flops: f64) -> Option<Point> {
    let edge = 1.0 + 1e-9; // the shared range begins and ends at points of curves
    let pair = curve.windows(2).find(|pair| pair[0].compute() <= flops * edge && flops <= pair[1].compute() * edge)?;
    let share = ((flops / pair[0].compute()).ln() / (pair[1].compute() / pair[0].compute()).ln()).clamp(0.0, 1.0);
    let n_tokens = pair[0].tokens() * (pair[1].tokens() / pair[0].tokens()).powf(share);
    let val_loss = pair[0].val_loss + share * (pair[1].val_loss - pair[0].val_loss);
    Some(Point::new(pair[0].n_params, val_loss).with_tokens(n_tokens).with_flops(flops))
}

impl fmt::Display for Growth {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "C^{}", short(self.exponent))?;
        match &self.interval {
            Some(interval) => write!(out, " (95 % {interval})"),
            None => write!(out, " (no interval: two budgets)"),
        }
    }
}

impl fmt::Display for IsoFlop {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        for budget in &self.budgets {
            match (&budget.best, &budget.open) {
                (Some(best), _) => {
                    let [c, n, d, loss] = [budget.flops, best.n_params, best.n_tokens, best.val_loss].map(short);
                    writeln!(out, "C = {c} FLOPs: N* = {n}, D* = {d} tokens, loss {loss}")?;
                }
                (None, why) => {
                    let why = why.as_deref().unwrap_or_default();
                    writeln!(out, "C = {} FLOPs: open, {why}", short(budget.flops))?;
                }
            }
        }
        write!(out, "N* grows as {}, D* as {}", self.n_params, self.n_tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E 1.69, A 406.4, alpha .34, B 410.7, beta .28 (Hoffmann et al. 2022).
    fn hoffmann(n_params: f64, flops: f64) -> Point {
        let at = Point::from(n_params).with_tokens(flops / (6.0 * n_params)).with_flops(flops);
        Point { val_loss: Law::Plane.loss(&[1.69, 406.4, 0.34, 410.7, 0.28], &at), ..at }
    }

    /// The same paper's equation 4.
    fn best(flops: f64) -> f64 {
        (0.34 * 406.4 / (0.28 * 410.7f64)).powf(1.0 / 0.62) * (flops / 6.0).powf(0.28 / 0.62)
    }

    /// Nine sizes around the closed-form optimum of each budget.
    fn profiles(budgets: &[f64]) -> Vec<Point> {
        let sizes = |flops: f64| log_grid(best(flops) / 2.0, best(flops) * 2.0, 9);
        let profile = |&flops: &f64| sizes(flops).into_iter().map(move |n_params| hoffmann(n_params, flops));
        budgets.iter().flat_map(profile).collect()
    }

    #[test]
    fn the_best_size_grows_as_the_closed_form_says() {
        let found = IsoFlop::fit(&profiles(&[1e18, 1e19, 1e20, 1e21])).unwrap();
        println!("{found}");
        // beta / (alpha + beta) and alpha / (alpha + beta); the parabola is an approximation of the same shape at each budget
        assert!((found.n_params.exponent - 0.28 / 0.62).abs() < 1e-3 && found.n_params.interval.is_some());
        assert!((found.n_tokens.exponent - 0.34 / 0.62).abs() < 1e-3);
        let at_1e20 = found.budgets[2].best.unwrap().n_params;
        assert!((at_1e20 / best(1e20) - 1.0).abs() < 0.03, "{at_1e20} {}", best(1e20));
    }

    #[test]
    fn curves_of_each_size_give_the_same_exponent() {
        let curve = |n_params: f64| log_grid(1e17, 1e22, 60).into_iter().map(move |flops| hoffmann(n_params, flops));
        let sizes = log_grid(best(1e18) / 2.0, best(1e21) * 2.0, 25);
        let near: Vec<Point> = sizes
            .into_iter()
            .flat_map(curve)
            .filter(|point| (point.n_params / best(point.compute())).ln().abs() < 1.1)
            .collect();
        let found = IsoFlop::of_curves(&near, 12).unwrap();
        println!("{found}");
        assert!((found.n_params.exponent - 0.28 / 0.62).abs() < 0.02, "{}", found.n_params.exponent);
    }

    #[test]
    fn repeats_at_one_cost_are_their_mean() {
        let point = |flops: f64, val_loss: f64| Point::new(1e5, val_loss).with_tokens(flops / 6e5).with_flops(flops);
        let curve = by_size(&[point(1e12, 2.0), point(1e12, 1.8), point(4e12, 1.5)]).remove(0);
        assert_eq!(curve.iter().map(|it| it.val_loss).collect::<Vec<f64>>(), [1.9, 1.5]);
        assert!((at(&curve, 2e12).unwrap().val_loss - 1.7).abs() < 1e-9);
        assert!(at(&curve, 5e12).is_none());
    }

    #[test]
    fn a_best_size_at_the_edge_is_no_best_size() {
        let mut points = profiles(&[1e18, 1e19]);
        points.retain(|point| point.compute() < 5e18 || point.n_params > 1.3 * best(1e19));
        let error = IsoFlop::fit(&points).unwrap_err().to_string();
        assert!(
            error.starts_with("1 of 2 budgets have a best size, and an exponent needs two: at 1e19 FLOPs"),
            "{error}"
        );
        assert!(error.contains("the smallest model") && error.ends_with("try smaller ones"), "{error}");
    }

    /// Losses of five sizes at 6·10^10 FLOPs of this project: the vertex of a parabola through all lies below the smallest.
    #[test]
    fn the_lowest_run_decides_whether_a_best_size_is_bracketed() {
        let table = [(3376.0, 2.0521), (5640.0, 1.9277), (11392.0, 2.2246), (21696.0, 2.438), (35072.0, 2.6232)];
        let point = |(n, loss): (f64, f64)| Point::new(n, loss).with_tokens(1e10 / n).with_flops(6e10);
        let best = Budget::fit(table.map(point).to_vec()).best.unwrap();
        assert!(best.n_params > 3376.0 && best.n_params < 11392.0 && best.val_loss <= 1.9277, "{best:?}");
        let open = Budget::fit(table[1..].iter().copied().map(point).collect()).open.unwrap();
        assert_eq!(open, "the smallest model, N = 5640, is the best: try smaller ones");
        let (x, y) = vertex([(0.0, 5.0), (1.0, 2.0), (4.0, 5.0)]); // (x - 2)² + 1
        assert!((x - 2.0).abs() < 1e-12 && (y - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_frontier_holds_what_no_cheaper_run_beats() {
        let runs = [(3.0, 1.0), (1.0, 2.0), (2.0, 2.5), (4.0, 1.2), (5.0, 0.9)];
        assert_eq!(frontier(&runs), [(1.0, 2.0), (3.0, 1.0), (5.0, 0.9)]);
    }
}
