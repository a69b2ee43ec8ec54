//! Profile-likelihood intervals, calibrated by F because there are few points.
//!
//! The region is every law with RSS ≤ RSS_min·(1 + F(level; 1, n-p) / (n-p)) and no share below zero; an interval is the range of
//! a quantity over it. With one exponent the region is, for each alpha, an ellipse in the shares that the edges cut, so a range is a
//! search over alpha alone; a straight line needs no search. With more exponents a quantity is held at a value while the rest is
//! fitted again, and the value is moved until the limit is reached.
//! (Bates and Watts 1988, Nonlinear Regression Analysis and Its Applications, chapter 6.)

use crate::Interval;
use crate::distributions::f_quantile;
use crate::law::Role;
use crate::sample::{Curve, Quantity, Sample, dot};
use crate::search::{log_grid, simplex};

const N_STEPS: usize = 120; // alphas across the interval; a search between neighbours does the rest
const N_HALVINGS: usize = 20; // of the way to the end of an interval: six digits of it
const TOLERANCE: f64 = 1e-6; // in ln of an exponent; the sum of squares is then right to 1e-12 of itself

/// The region of one sample.
pub(crate) struct Profile<'a> {
    sample: &'a Sample,
    best: &'a Curve,
    rss_limit: f64,
    places: Vec<Vec<f64>>, // exponents across the region, ends included; for laws with at most one exponent
    level: f64,
}

impl<'a> Profile<'a> {
    /// None where no degree of freedom is left or the best law is flat: there is then nothing to calibrate by.
    pub fn new(sample: &'a Sample, best: &'a Curve, level: f64) -> Option<Profile<'a>> {
        let degrees = sample.degrees_of_freedom() as f64;
        if degrees == 0.0 || best.exponents.contains(&0.0) {
            return None;
        }
        let rounding: f64 = sample.losses.iter().map(|loss| (4.0 * f64::EPSILON * loss).powi(2)).sum();
        let rss_limit = best.rss.max(rounding) * (1.0 + f_quantile(level, 1.0, degrees) / degrees);
        let mut places = vec![best.exponents.clone()];
        if let ([alpha], [range]) = (&best.exponents[..], sample.law.ranges()) {
            let inside = |alpha: f64| sample.solve(&[alpha]).rss <= rss_limit;
            let (low, high) = region(*range, *alpha, inside);
            places.extend(log_grid(low, high, N_STEPS).into_iter().map(|alpha| vec![alpha]));
            places.sort_by(|p, q| p[0].total_cmp(&q[0]));
        }
        Some(Profile { sample, best, rss_limit, places, level })
    }

    pub fn interval(&self, quantity: Quantity) -> Interval {
        let (low, high) = match quantity {
            _ if self.best.exponents.len() > 1 => (self.end(&quantity, false), self.end(&quantity, true)),
            Quantity::Parameter(Role::Exponent(_)) => {
                let end = |place: Option<&Vec<f64>>| place.map_or(f64::NAN, |place| place[0]);
                (end(self.places.first()), end(self.places.last()))
            }
            _ => {
                let across = |exponents: &[f64]| {
                    let weights = self.sample.weights(&quantity, exponents);
                    self.sample.section(exponents).extremes(&weights, self.rss_limit)
                };
                (self.least(|exponents| across(exponents).0), -self.least(|exponents| -across(exponents).1))
            }
        };
        Interval { low, high, level: self.level }
    }

    /// The least value of `f` over the places of the region.
    fn least(&self, f: impl Fn(&[f64]) -> f64) -> f64 {
        let values: Vec<f64> = self.places.iter().map(|place| f(place)).collect();
        let Some(best) = (0..values.len()).min_by(|&i, &j| values[i].total_cmp(&values[j])) else { return f64::NAN };
        let place = |index: usize| self.places[index].first().copied();
        match (place(best.saturating_sub(1)), place(best), place((best + 1).min(self.places.len() - 1))) {
            (Some(left), Some(here), Some(right)) if left < right => simplex(&[(left, right)], &[here], 1e-13, f).0,
            _ => values[best],
        }
    }

    /// One end of an interval: the last value that a law of the region can be held at.
    fn end(&self, quantity: &Quantity, upwards: bool) -> f64 {
        let (here, limits, step, is_exponent) = match quantity {
            Quantity::Parameter(Role::Exponent(index)) => {
                let (low, high) = self.sample.law.ranges()[*index];
                (self.best.exponents[*index].ln(), (low.ln(), high.ln()), 0.1, true)
            }
            _ => {
                let weights = self.sample.weights(quantity, &self.best.exponents);
                let value = dot(&weights, &self.best.shares);
                let (low, high) = self.sample.section(&self.best.exponents).extremes(&weights, self.rss_limit);
                (value, (0.0, f64::INFINITY), (high - low).max(1e-9 * value), false) // no loss or share of one is below zero
            }
        };
        let mut near = self.best.exponents.clone(); // the search goes on from where the last value was held
        let mut holds = |x: f64| {
            let (rss, found) = self.held(quantity, if is_exponent { x.exp() } else { x }, &near);
            let inside = rss <= self.rss_limit;
            near = if inside { found } else { near.clone() };
            inside
        };
        let (mut inner, mut step) = (here, step);
        for _ in 0..60 {
            let outer = if upwards { (inner + step).min(limits.1) } else { (inner - step).max(limits.0) };
            if !holds(outer) {
                inner = bisect(inner, outer, N_HALVINGS, holds);
                break;
            }
            (inner, step) = (outer, 2.0 * step);
            if inner == limits.0 || inner == limits.1 {
                break;
            }
        }
        if is_exponent { inner.exp() } else { inner }
    }

    /// The least sum of squares with a quantity held at a value, and the exponents that give it, searched from `start`.
    fn held(&self, quantity: &Quantity, value: f64, start: &[f64]) -> (f64, Vec<f64>) {
        let ranges = self.sample.law.ranges();
        let Quantity::Parameter(Role::Exponent(index)) = quantity else {
            return simplex(ranges, start, TOLERANCE, |exponents| {
                let weights = self.sample.weights(quantity, exponents);
                self.sample.section(exponents).held(&weights, value)
            });
        };
        let others = [&ranges[..*index], &ranges[index + 1..]].concat();
        let rest = [&start[..*index], &start[index + 1..]].concat();
        let with = |rest: &[f64]| [&rest[..*index], &[value], &rest[*index..]].concat();
        let (rss, rest) = simplex(&others, &rest, TOLERANCE, |rest| self.sample.solve(&with(rest)).rss);
        (rss, with(&rest))
    }
}

/// The lowest and the highest alpha of the region within its range; a gap between two parts is bridged.
fn region((low, high): (f64, f64), best: f64, inside: impl Fn(f64) -> bool) -> (f64, f64) {
    let grid = log_grid(low, high, 300);
    let low_inside = grid.iter().copied().find(|&alpha| inside(alpha)).unwrap_or(best).min(best);
    let high_inside = grid.iter().rev().copied().find(|&alpha| inside(alpha)).unwrap_or(best).max(best);
    let below = grid.iter().rev().copied().find(|&alpha| alpha < low_inside);
    let above = grid.iter().copied().find(|&alpha| alpha > high_inside);
    let edge = |outside: Option<f64>, inner: f64| {
        outside.map_or(inner, |outer| bisect(inner.ln(), outer.ln(), 60, |x| inside(x.exp())).exp())
    };
    (edge(below, low_inside), edge(above, high_inside))
}

/// The last value that is still inside, between one that is and one that is not.
fn bisect(inside: f64, outside: f64, n_halvings: usize, mut holds: impl FnMut(f64) -> bool) -> f64 {
    let (mut inner, mut outer) = (inside, outside);
    for _ in 0..n_halvings {
        let middle = 0.5 * (inner + outer);
        if holds(middle) { inner = middle } else { outer = middle }
    }
    inner
}
