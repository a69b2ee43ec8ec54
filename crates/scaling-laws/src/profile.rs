//! Profile-likelihood intervals of the power law, calibrated by F because there are few points.
//!
//! The region is every (alpha, h, c) with RSS ≤ RSS_min·(1 + F(level; 1, n-p) / (n-p)), h ≥ 0 and c ≥ 0. An interval is the
//! range of a quantity over the region: alpha itself, a, c, or the loss at some N. For one alpha the region is an ellipse in
//! (h, c) cut by the two edges, and all but alpha are linear there, so each range is a one-dimensional search over alpha.
//! (Bates and Watts 1988, Nonlinear Regression Analysis and Its Applications, chapter 6.)

use super::distributions::f_quantile;
use super::global::{ALPHA_RANGE, Optimum, Sample, Section, golden, log_grid};
use super::points::Interval;

const N_STEPS: usize = 120; // alphas across the interval; golden section does the rest

/// The region of one sample.
pub(crate) struct Profile<'a> {
    sample: &'a Sample,
    rss_limit: f64,
    alphas: Vec<f64>, // across the interval of alpha, ends included
    level: f64,
}

/// A quantity that is linear in (h, c) at fixed alpha: `h_weight`·h + `c_weight`·c.
struct Weights {
    h_weight: f64,
    c_weight: f64,
}

impl<'a> Profile<'a> {
    /// None where no degree of freedom is left or the best law is flat: there is then nothing to calibrate by.
    pub fn new(sample: &'a Sample, optimum: &Optimum, level: f64) -> Option<Profile<'a>> {
        let degrees = sample.degrees_of_freedom() as f64;
        if degrees == 0.0 || optimum.h == 0.0 {
            return None;
        }
        let rounding: f64 = sample.loss.iter().map(|loss| (4.0 * f64::EPSILON * loss).powi(2)).sum();
        let rss_limit = optimum.rss.max(rounding) * (1.0 + f_quantile(level, 1.0, degrees) / degrees);
        let (low, high) = alpha_range(sample, optimum.alpha, rss_limit);
        let mut alphas = log_grid(low, high, N_STEPS);
        alphas.push(optimum.alpha);
        alphas.sort_by(f64::total_cmp);
        Some(Profile { sample, rss_limit, alphas, level })
    }

    pub fn alpha(&self) -> Interval {
        let end = |alpha: Option<&f64>| alpha.copied().unwrap_or(f64::NAN); // never empty: the optimum is in it
        Interval { low: end(self.alphas.first()), high: end(self.alphas.last()), level: self.level }
    }

    pub fn a(&self) -> Interval {
        self.range(|alpha| Weights { h_weight: (alpha * self.sample.ln_n0).exp(), c_weight: 0.0 }) // a = h·N0^alpha
    }

    pub fn c(&self) -> Interval {
        self.range(|_| Weights { h_weight: 0.0, c_weight: 1.0 })
    }

    /// The loss of the law at N, which is not the loss of one more run: that one scatters too.
    pub fn loss_at(&self, n_params: f64) -> Interval {
        let t = n_params.ln() - self.sample.ln_n0;
        self.range(|alpha| Weights { h_weight: (-alpha * t).exp(), c_weight: 1.0 })
    }

    fn range(&self, weights: impl Fn(f64) -> Weights) -> Interval {
        let low = |alpha: f64| self.across(alpha, &weights(alpha)).0;
        let high = |alpha: f64| -self.across(alpha, &weights(alpha)).1;
        Interval { low: self.least(low), high: -self.least(high), level: self.level }
    }

    /// The least value of `f` over the alphas of the region.
    fn least(&self, f: impl Fn(f64) -> f64) -> f64 {
        let values: Vec<f64> = self.alphas.iter().map(|&alpha| f(alpha)).collect();
        let Some(best) = (0..values.len()).min_by(|&i, &j| values[i].total_cmp(&values[j])) else { return f64::NAN };
        let left = self.alphas[best.saturating_sub(1)];
        let right = self.alphas[(best + 1).min(self.alphas.len() - 1)];
        if left < right { values[best].min(f(golden(left, right, &f))) } else { values[best] }
    }

    /// Least and greatest value of the quantity at one alpha; (∞, -∞) where the region has no such alpha.
    fn across(&self, alpha: f64, weights: &Weights) -> (f64, f64) {
        let section = self.sample.section(alpha);
        let mut range = (f64::INFINITY, f64::NEG_INFINITY);
        for (h, c) in candidates(&section, weights, self.rss_limit) {
            let value = weights.h_weight * h + weights.c_weight * c;
            range = (range.0.min(value), range.1.max(value));
        }
        range
    }
}

/// The (h, c) where a linear quantity can be extreme: the ellipse's two tangent points, and the ends of the edges.
fn candidates(section: &Section, weights: &Weights, rss_limit: f64) -> Vec<(f64, f64)> {
    let best = section.best();
    let mut found = if best.rss <= rss_limit * (1.0 + 1e-12) { vec![(best.h, best.c)] } else { Vec::new() };
    // Edge c = 0: RSS = rss_zero_c + sum_ff·(h - h_at_zero_c)²
    if let Some(reach) = reach(rss_limit - section.rss_zero_c, section.sum_ff) {
        found.extend([-reach, reach].map(|side| ((section.h_at_zero_c + side).max(0.0), 0.0)));
    }
    if !section.with_c {
        return found;
    }
    // Edge h = 0: RSS = rss_flat + n·(c - loss_mean)²
    if let Some(reach) = reach(rss_limit - section.rss_flat, section.n) {
        found.extend([-reach, reach].map(|side| (0.0, (section.loss_mean + side).max(0.0))));
    }
    // Inside, with m = h·f_mean + c: RSS = rss_free + s_ff·(h - h_free)² + n·(m - loss_mean)², the quantity p·h + q·m
    let (p, q) = (weights.h_weight - weights.c_weight * section.f_mean, weights.c_weight);
    let length = (p * p / section.s_ff + q * q / section.n).sqrt();
    if let Some(reach) = reach(rss_limit - section.rss_free, 1.0)
        && length > 0.0
    {
        for side in [-reach / length, reach / length] {
            let h = section.h_free + side * p / section.s_ff;
            let c = section.loss_mean + side * q / section.n - h * section.f_mean;
            if h >= 0.0 && c >= 0.0 {
                found.push((h, c));
            }
        }
    }
    found
}

/// How far a parabola of this curvature lets us go before it has used up `room`.
fn reach(room: f64, curvature: f64) -> Option<f64> {
    (room >= 0.0 && curvature > 0.0).then(|| (room / curvature).sqrt())
}

/// The lowest and the highest alpha of the region within [`ALPHA_RANGE`]; a gap between two parts is bridged.
fn alpha_range(sample: &Sample, best: f64, rss_limit: f64) -> (f64, f64) {
    let inside = |alpha: f64| sample.section(alpha).best().rss <= rss_limit;
    let grid = log_grid(ALPHA_RANGE.0, ALPHA_RANGE.1, 300);
    let low_inside = grid.iter().copied().find(|&alpha| inside(alpha)).unwrap_or(best).min(best);
    let high_inside = grid.iter().rev().copied().find(|&alpha| inside(alpha)).unwrap_or(best).max(best);
    let below = grid.iter().rev().copied().find(|&alpha| alpha < low_inside);
    let above = grid.iter().copied().find(|&alpha| alpha > high_inside);
    let edge = |outside: Option<f64>, inner: f64| outside.map_or(inner, |outer| bisect(inner, outer, inside));
    (edge(below, low_inside), edge(above, high_inside))
}

/// The last alpha that is still inside, between one that is and one that is not.
fn bisect(inside: f64, outside: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let (mut inner, mut outer) = (inside, outside);
    for _ in 0..60 {
        let middle = (inner * outer).sqrt();
        if holds(middle) { inner = middle } else { outer = middle }
    }
    inner
}
