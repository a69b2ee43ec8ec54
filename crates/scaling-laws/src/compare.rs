//! Two families under one law: L(N) = a·N^-alpha + c for both, never one law for each.
//!
//! A larger alpha does not mean "scales better" where the floors c differ, so the comparison is made where it counts: the
//! difference in predicted loss at the same N, where the curves cross, and the exponents with one floor shared by both.
//! For a comparison at matched FLOPs give points whose `n_params` hold FLOPs.

use crate::{Error, Result};
use serde::Serialize;
use std::fmt;

use crate::bootstrap::percentiles;
use crate::distributions::f_tail;
use crate::numbers::{p_value, short};
use crate::sample::{Curve, Sample};
use crate::search::{log_grid, minimise};
use crate::{Bootstrap, Fit, Interval, Law, Point};

/// First minus second, with its 95 % bootstrap interval; None where one of the two has no point to spare.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The value.
    pub value: f64,
    /// 95 % interval.
    pub interval: Option<Interval>,
}

/// The two laws at one size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LossDifference {
    /// Size of the model, or any cost that all points of a fit share.
    pub n_params: f64,
    /// The first family.
    pub first: f64,
    /// The second family.
    pub second: f64,
    /// First minus second.
    pub difference: Difference,
    /// Outside the sizes that both families were measured at.
    pub extrapolated: bool,
}

/// Where the two curves meet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Crossing {
    /// Size of the model, or any cost that all points of a fit share.
    pub n_params: f64,
    /// Loss in nats per token.
    pub val_loss: f64,
    /// Outside the sizes that both families were measured at.
    pub extrapolated: bool,
}

/// Both families fitted with one floor c, which makes their exponents comparable.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SharedFloor {
    /// Floor that no size removes, nats per token.
    pub c: f64,
    /// The first family's exponent.
    pub first_alpha: f64,
    /// The second family's exponent.
    pub second_alpha: f64,
    /// P of a misfit this much larger than that of separate floors if the floors were one; small: the floors differ.
    pub p_value: Option<f64>,
}

/// Two families side by side.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Name of the first family.
    pub first_name: String,
    /// Name of the second family.
    pub second_name: String,
    /// The first family.
    pub first: Fit,
    /// The second family.
    pub second: Fit,
    /// Exponent of N.
    pub alpha: Difference,
    /// The two laws at the sizes asked for.
    pub losses: Vec<LossDifference>,
    /// Where the curves meet, smallest N first.
    pub crossings: Vec<Crossing>,
    /// Both families with one floor.
    pub shared_floor: SharedFloor,
}

impl Comparison {
    /// Fits both families and compares them at the sizes `at`. Intervals come from `n_resamples` seeded resamples.
    ///
    /// # Errors
    /// Too few points of a family, which is named; fewer than 100 resamples.
    pub fn new(
        (first_name, first_points): (&str, &[Point]),
        (second_name, second_points): (&str, &[Point]),
        at: &[f64],
        n_resamples: usize,
        seed: u64,
    ) -> Result<Comparison> {
        let named = |name: &str, points: &[Point]| {
            Law::Power.fit(points).map_err(|error| Error::Fit(format!("{name}: {error}")))
        };
        let (first, second) = (named(first_name, first_points)?, named(second_name, second_points)?);
        let resamples = resample_both(&first, &second, n_resamples, seed)?;
        let common = common_sizes(first_points, second_points);
        let losses = at.iter().map(|&n| loss_difference(&first, &second, n, common, resamples.as_ref())).collect();
        Ok(Comparison {
            first_name: first_name.into(),
            second_name: second_name.into(),
            alpha: alpha_difference(&first, &second, resamples.as_ref()),
            losses,
            crossings: crossings(&first, &second, common),
            shared_floor: shared_floor(&first, &second),
            first,
            second,
        })
    }
}

type Resamples = (Bootstrap, Bootstrap);

fn resample_both(first: &Fit, second: &Fit, n_resamples: usize, seed: u64) -> Result<Option<Resamples>> {
    if first["alpha"].interval.is_none() || second["alpha"].interval.is_none() {
        return Ok(None);
    }
    Ok(Some((first.bootstrap(n_resamples, seed)?, second.bootstrap(n_resamples, seed ^ 0x5ec0)?))) // independent noise
}

fn alpha_difference(first: &Fit, second: &Fit, resamples: Option<&Resamples>) -> Difference {
    let interval = resamples.map(|(first, second)| {
        let pairs = first.replicates.iter().zip(&second.replicates);
        let falling = pairs.filter(|(p, q)| !first.is_flat(p) && !second.is_flat(q)); // a flat resample has no alpha
        percentiles(falling.map(|(p, q)| p[1] - q[1]).collect()) // a, alpha, c
    });
    Difference { value: first["alpha"].value - second["alpha"].value, interval }
}

fn loss_difference(
    first: &Fit,
    second: &Fit,
    n_params: f64,
    common: (f64, f64),
    resamples: Option<&Resamples>,
) -> LossDifference {
    let interval = resamples.map(|(first, second)| {
        let pairs = first.losses(&n_params.into()).into_iter().zip(second.losses(&n_params.into()));
        percentiles(pairs.map(|(p, q)| p - q).collect())
    });
    let (at_first, at_second) = (first.predict(n_params), second.predict(n_params));
    LossDifference {
        n_params,
        first: at_first,
        second: at_second,
        difference: Difference { value: at_first - at_second, interval },
        extrapolated: outside(n_params, common),
    }
}

/// The smallest and the largest N that lie within the measured sizes of both families.
fn common_sizes(first: &[Point], second: &[Point]) -> (f64, f64) {
    let least = |points: &[Point]| points.iter().map(|point| point.n_params).fold(f64::INFINITY, f64::min);
    let most = |points: &[Point]| points.iter().map(|point| point.n_params).fold(0.0, f64::max);
    (least(first).max(least(second)), most(first).min(most(second)))
}

fn outside(n_params: f64, (low, high): (f64, f64)) -> bool {
    n_params < low || n_params > high
}

/// Every N between a thousandth and a million times the measured sizes where the two laws give the same loss.
fn crossings(first: &Fit, second: &Fit, common: (f64, f64)) -> Vec<Crossing> {
    let gap = |n: f64| first.predict(n) - second.predict(n);
    let (low, high) = (common.0.min(common.1) / 1e3, common.0.max(common.1) * 1e6);
    let grid = log_grid(low, high, 2000);
    let pairs = grid.iter().zip(grid.iter().skip(1)).filter(|(left, right)| gap(**left) * gap(**right) < 0.0);
    pairs
        .map(|(left, right)| {
            let (mut left, mut right) = (*left, *right);
            for _ in 0..60 {
                let middle = (left * right).sqrt();
                if gap(left) * gap(middle) <= 0.0 { right = middle } else { left = middle }
            }
            Crossing { n_params: left, val_loss: first.predict(left), extrapolated: outside(left, common) }
        })
        .collect()
}

/// One c for both: for a given c each family is a law without floor through loss - c, so the fit is a search over c.
fn shared_floor(first: &Fit, second: &Fit) -> SharedFloor {
    let highest = first.points.iter().chain(&second.points).map(|point| point.val_loss).fold(0.0, f64::max);
    let both = |c: f64| (above(&first.sample, c), above(&second.sample, c));
    let rss = |c: f64| {
        let (p, q) = both(c);
        p.rss + q.rss
    };
    let searched = minimise(&[(1e-6 * highest, highest)], |c| rss(c[0]))[0];
    let c = if rss(0.0) <= rss(searched) { 0.0 } else { searched };
    let (p, q) = both(c);
    let separate = first.rss + second.rss;
    let spare = (first.n_points + second.n_points).saturating_sub(6) as f64;
    let p_value = (spare > 0.0 && separate > 0.0)
        .then(|| f_tail((p.rss + q.rss - separate).max(0.0) / (separate / spare), 1.0, spare));
    SharedFloor { c, first_alpha: p.exponents[0], second_alpha: q.exponents[0], p_value }
}

/// The best h·f with the floor held at c.
fn above(sample: &Sample, c: f64) -> Curve {
    let mut above = sample.with(sample.losses.iter().map(|loss| loss - c));
    above.law = Law::PowerWithoutC;
    above.optimum()
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{} ", short(self.value))?;
        match &self.interval {
            Some(interval) if interval.contains(0.0) => write!(out, "(95 % {interval}: may be either way)"),
            Some(interval) => write!(out, "(95 % {interval})"),
            None => write!(out, "(no interval: too few points)"),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let (first, second) = (&self.first_name, &self.second_name);
        writeln!(out, "alpha of {first} minus alpha of {second}: {}", self.alpha)?;
        for loss in &self.losses {
            let note = if loss.extrapolated { ", extrapolated" } else { "" };
            let (n, difference) = (short(loss.n_params), &loss.difference);
            writeln!(out, "Loss of {first} minus loss of {second} at N = {n}{note}: {difference}")?;
        }
        match self.crossings.first() {
            None => writeln!(out, "The two curves do not cross."),
            Some(crossing) => {
                let note = if crossing.extrapolated { ", outside the sizes measured" } else { "" };
                let (n, loss) = (short(crossing.n_params), short(crossing.val_loss));
                writeln!(out, "The two curves cross at N = {n}, loss {loss}{note}.")
            }
        }?;
        let shared = &self.shared_floor;
        let (c, p, q) = (short(shared.c), short(shared.first_alpha), short(shared.second_alpha));
        write!(out, "With one floor c = {c} for both, alpha is {p} and {q}")?;
        match shared.p_value {
            Some(p) if p < 0.05 => write!(out, "; but the floors differ ({}).", p_value(p)),
            Some(p) => write!(out, "; the points do not rule one floor out ({}).", p_value(p)),
            None => write!(out, "."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [f64; 5] = [1e5, 4e5, 1e6, 4e6, 1e7];

    fn planted(a: f64, alpha: f64, c: f64) -> Vec<Point> {
        SIZES.map(|n| Point::new(n, a * n.powf(-alpha) + c)).to_vec()
    }

    #[test]
    fn two_planted_laws_cross_where_algebra_says() {
        // 10·N^-0.25 + 0.5 = 4·N^-0.15 + 0.5 at N = 2.5^10 = 9536.7
        let (first, second) = (planted(10.0, 0.25, 0.5), planted(4.0, 0.15, 0.5));
        let comparison = Comparison::new(("Transformer", &first), ("LSTM", &second), &[1e6, 1e9], 100, 1).unwrap();
        assert_eq!(comparison.crossings.len(), 1);
        assert!(
            (comparison.crossings[0].n_params / 2.5f64.powi(10) - 1.0).abs() < 1e-4
                && comparison.crossings[0].extrapolated
        );
        assert!((comparison.alpha.value - 0.1).abs() < 1e-6);
        let at_1e6 = comparison.losses[0];
        assert!((at_1e6.difference.value - (10.0 * 1e6f64.powf(-0.25) - 4.0 * 1e6f64.powf(-0.15))).abs() < 1e-6);
        assert!(!at_1e6.extrapolated && comparison.losses[1].extrapolated);
        assert!(at_1e6.difference.interval.unwrap().high < 0.0);
        let shared = comparison.shared_floor;
        assert!((shared.c - 0.5).abs() < 1e-4 && (shared.first_alpha - 0.25).abs() < 1e-4, "{shared:?}");
    }

    #[test]
    fn different_floors_are_told_apart_and_equal_ones_are_not() {
        let noise = [0.001, -0.002, 0.001, 0.002, -0.001];
        let noisy = |points: Vec<Point>, sign: f64| -> Vec<Point> {
            points.iter().zip(noise).map(|(p, e)| Point::new(p.n_params, p.val_loss + sign * e)).collect()
        };
        let first = noisy(planted(60.0, 0.35, 0.5), 1.0);
        let p_of = |second: &[Point]| {
            let comparison = Comparison::new(("Transformer", &first), ("LSTM", second), &[1e6], 200, 1).unwrap();
            println!("{comparison}\n");
            comparison.shared_floor.p_value.unwrap()
        };
        assert!(p_of(&noisy(planted(60.0, 0.35, 1.0), -1.0)) < 0.05);
        assert!(p_of(&noisy(planted(80.0, 0.35, 0.5), -1.0)) > 0.05);
    }

    #[test]
    fn an_error_names_the_family() {
        let error = Comparison::new(("Transformer", &planted(9.0, 0.2, 1.0)), ("LSTM", &[]), &[], 100, 1).unwrap_err();
        assert!(error.to_string().starts_with("LSTM: L(N) = a·N^-alpha + c has 3 parameters"), "{error}");
    }
}
