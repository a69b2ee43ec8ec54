//! The global fit of L(N) = a·N^-alpha + c with a, c ≥ 0: variable projection.
//!
//! Written at the smallest size N0 with t = ln(N / N0) and f = e^(-alpha·t) in (0, 1], the law is h·f + c, where
//! h = a·N0^-alpha is the reducible loss at N0. For one alpha that is a straight line in f, solved exactly; what is left is
//! a bounded search over alpha: every valley of a dense logarithmic grid, then golden section. No starting guess.

use super::points::{Point, mean};

/// The exponents that are searched: 0.001 is a straight line in ln N to any eye, 5 a step after the smallest model.
pub const ALPHA_RANGE: (f64, f64) = (1e-3, 5.0);

const N_GRID: usize = 300; // steps of 2.9 %: far narrower than any valley of the projected sum of squares

/// Points as the search sees them.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub t: Vec<f64>,    // ln(N / N0)
    pub loss: Vec<f64>, // nats per token
    pub ln_n0: f64,
    pub with_c: bool, // false: c is fixed at zero
}

/// The best law of a sample. `h` = 0 means that no falling law beats a constant; alpha is then 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Optimum {
    pub alpha: f64,
    pub h: f64,
    pub c: f64,
    pub rss: f64,
}

impl Sample {
    pub fn new(points: &[Point], with_c: bool) -> Sample {
        let ln_n: Vec<f64> = points.iter().map(|point| point.n_params.ln()).collect();
        let ln_n0 = ln_n.iter().copied().fold(f64::INFINITY, f64::min);
        let t = ln_n.iter().map(|value| value - ln_n0).collect();
        Sample { t, loss: points.iter().map(|point| point.val_loss).collect(), ln_n0, with_c }
    }

    pub fn n_parameters(&self) -> usize {
        if self.with_c { 3 } else { 2 }
    }

    /// Points minus parameters: what is left to measure the noise with.
    pub fn degrees_of_freedom(&self) -> usize {
        self.loss.len().saturating_sub(self.n_parameters())
    }

    pub fn optimum(&self) -> Optimum {
        let alpha = minimise(ALPHA_RANGE, |alpha| self.section(alpha).best().rss);
        let best = self.section(alpha).best();
        if best.h == 0.0 { Optimum { alpha: 0.0, ..best } } else { best }
    }

    /// The linear problem at one exponent.
    pub fn section(&self, alpha: f64) -> Section {
        let (n, loss_mean) = (self.loss.len() as f64, mean(&self.loss));
        let drop: Vec<f64> = self.t.iter().map(|t| (-alpha * t).exp_m1()).collect(); // f - 1, exact for small alpha
        let drop_mean = mean(&drop);
        let (mut s_ff, mut s_fy, mut sum_ff, mut sum_fy) = (0.0, 0.0, 0.0, 0.0);
        for (drop, loss) in drop.iter().zip(&self.loss) {
            let (f, centred) = (1.0 + drop, drop - drop_mean);
            s_ff += centred * centred;
            s_fy += centred * (loss - loss_mean);
            sum_ff += f * f;
            sum_fy += f * loss;
        }
        let h_free = if s_ff > 0.0 { s_fy / s_ff } else { 0.0 };
        let h_at_zero_c = sum_fy / sum_ff; // f = 1 at the smallest size, so sum_ff ≥ 1
        let (mut rss_free, mut rss_zero_c, mut rss_flat) = (0.0, 0.0, 0.0);
        for (drop, loss) in drop.iter().zip(&self.loss) {
            rss_free += (loss - loss_mean - h_free * (drop - drop_mean)).powi(2);
            rss_zero_c += (loss - h_at_zero_c * (1.0 + drop)).powi(2);
            rss_flat += (loss - loss_mean).powi(2);
        }
        let f_mean = 1.0 + drop_mean;
        let with_c = self.with_c;
        Section {
            alpha,
            n,
            with_c,
            f_mean,
            loss_mean,
            s_ff,
            sum_ff,
            h_free,
            h_at_zero_c,
            rss_free,
            rss_zero_c,
            rss_flat,
        }
    }
}

/// Sums of squares of h·f + c around its minima, for one alpha: free, on the edge c = 0, and on the edge h = 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    pub alpha: f64,
    pub n: f64,
    pub with_c: bool,
    pub f_mean: f64,
    pub loss_mean: f64,
    pub s_ff: f64,   // sum of (f - f_mean)²
    pub sum_ff: f64, // sum of f²
    pub h_free: f64,
    pub h_at_zero_c: f64,
    pub rss_free: f64,
    pub rss_zero_c: f64,
    pub rss_flat: f64,
}

impl Section {
    /// The best h, c ≥ 0 at this exponent.
    pub fn best(&self) -> Optimum {
        let at = |h: f64, c: f64, rss: f64| Optimum { alpha: self.alpha, h, c, rss };
        let zero_c = if self.h_at_zero_c >= 0.0 {
            at(self.h_at_zero_c, 0.0, self.rss_zero_c)
        } else {
            at(0.0, 0.0, self.rss_zero_c + self.sum_ff * self.h_at_zero_c * self.h_at_zero_c) // Σ loss²
        };
        if !self.with_c {
            return zero_c;
        }
        let c_free = self.loss_mean - self.h_free * self.f_mean;
        if self.s_ff > 0.0 && self.h_free >= 0.0 && c_free >= 0.0 {
            return at(self.h_free, c_free, self.rss_free);
        }
        let flat = at(0.0, self.loss_mean, self.rss_flat);
        if flat.c < 0.0 || zero_c.rss < flat.rss { zero_c } else { flat }
    }
}

/// Where `f` is least over `low..high`, searched in ln x: every valley of the grid is refined, the lowest wins.
pub(crate) fn minimise((low, high): (f64, f64), f: impl Fn(f64) -> f64) -> f64 {
    let grid = log_grid(low, high, N_GRID);
    let values: Vec<f64> = grid.iter().map(|&x| f(x)).collect();
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::INFINITY);
    let mut best = (f64::INFINITY, low);
    for (index, &x) in grid.iter().enumerate() {
        let before = if index == 0 { f64::INFINITY } else { at(index - 1) };
        if at(index) <= before && at(index) < at(index + 1) || grid.len() == index + 1 && at(index) <= before {
            let left = grid.get(index.wrapping_sub(1)).copied().unwrap_or(x);
            let right = grid.get(index + 1).copied().unwrap_or(x);
            let refined = golden(left, right, &f);
            for candidate in [refined, x] {
                let value = f(candidate);
                if value < best.0 {
                    best = (value, candidate);
                }
            }
        }
    }
    best.1
}

/// The same for two variables, each over `low..high`: every valley of a square grid is refined.
pub(crate) fn minimise_pair((low, high): (f64, f64), f: impl Fn(f64, f64) -> f64) -> (f64, f64) {
    const N_SIDE: usize = 60; // steps of 15 %
    let grid = log_grid(low, high, N_SIDE);
    let rows: Vec<Vec<f64>> = grid.iter().map(|&x| grid.iter().map(|&y| f(x, y)).collect()).collect();
    let at = |i: usize, j: usize| rows.get(i).and_then(|row| row.get(j)).copied().unwrap_or(f64::INFINITY);
    let mut best = (f64::INFINITY, (low, low));
    for (i, &x) in grid.iter().enumerate() {
        for (j, &y) in grid.iter().enumerate() {
            let around = [i.wrapping_sub(1), i, i + 1].map(|i| [at(i, j.wrapping_sub(1)), at(i, j), at(i, j + 1)]);
            if around.iter().flatten().all(|&neighbour| at(i, j) <= neighbour) {
                let refined = simplex((low, high), (x, y), &f);
                best = if refined.0 < best.0 { refined } else { best };
            }
        }
    }
    best.1
}

/// Nelder and Mead (1965) in (ln x, ln y), from a place that is close: (value, place).
pub(crate) fn simplex((low, high): (f64, f64), start: (f64, f64), f: impl Fn(f64, f64) -> f64) -> (f64, (f64, f64)) {
    let inside = |x: f64| x.clamp(low.ln(), high.ln());
    let value = |p: [f64; 2]| (f(inside(p[0]).exp(), inside(p[1]).exp()), p);
    let start = [start.0.ln(), start.1.ln()];
    let mut corners = [value(start), value([start[0] + 0.1, start[1]]), value([start[0], start[1] + 0.1])];
    for _ in 0..400 {
        corners.sort_by(|p, q| p.0.total_cmp(&q.0));
        let [best, middle, worst] = corners;
        let size = (0..2).map(|i| (best.1[i] - worst.1[i]).abs() + (best.1[i] - middle.1[i]).abs()).sum::<f64>();
        if size < 1e-13 {
            break;
        }
        let towards = |step: f64| {
            [0, 1].map(|i| {
                let centre = 0.5 * (best.1[i] + middle.1[i]);
                centre + step * (centre - worst.1[i])
            })
        };
        let reflected = value(towards(1.0));
        let replacement = if reflected.0 < best.0 {
            let expanded = value(towards(2.0));
            if expanded.0 < reflected.0 { expanded } else { reflected }
        } else if reflected.0 < middle.0 {
            reflected
        } else {
            let contracted = value(towards(if reflected.0 < worst.0 { 0.5 } else { -0.5 }));
            if contracted.0 < worst.0.min(reflected.0) {
                contracted
            } else {
                corners = [best, middle, worst].map(|p| value([0, 1].map(|i| 0.5 * (p.1[i] + best.1[i]))));
                continue;
            }
        };
        corners[2] = replacement;
    }
    corners.sort_by(|p, q| p.0.total_cmp(&q.0));
    let [(rss, point), ..] = corners;
    (rss, (inside(point[0]).exp(), inside(point[1]).exp()))
}

/// `n` values from `low` to `high`, both included exactly, evenly spaced in ln x.
pub(crate) fn log_grid(low: f64, high: f64, n: usize) -> Vec<f64> {
    let last = n.max(2) - 1;
    let inner = |index: usize| (low.ln() + (high / low).ln() * index as f64 / last as f64).exp();
    let at = |index: usize| match index {
        0 => low,
        index if index == last => high,
        index => inner(index),
    };
    (0..=last).map(at).collect()
}

/// Golden section in ln x down to one part in 10^13, where `f` has no more digits to tell two points apart.
pub(crate) fn golden(low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
    const SHRINK: f64 = 0.618_033_988_749_894_9;
    let (mut low, mut high) = (low.ln(), high.ln());
    let g = |x: f64| f(x.exp());
    let (mut left, mut right) = (high - SHRINK * (high - low), low + SHRINK * (high - low));
    let (mut f_left, mut f_right) = (g(left), g(right));
    while high - low > 1e-13 {
        if f_left < f_right {
            (high, right, f_right) = (right, left, f_left);
            left = high - SHRINK * (high - low);
            f_left = g(left);
        } else {
            (low, left, f_left) = (left, right, f_right);
            right = low + SHRINK * (high - low);
            f_right = g(right);
        }
        if left >= right {
            break; // the bracket is as narrow as f64 can hold
        }
    }
    (0.5 * (low + high)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_of_several_valleys_is_found() {
        let f = |x: f64| ((x.ln() * 3.0).sin() + 0.05 * (x.ln() - 1.0).powi(2)).min(1e9);
        let brute = log_grid(1e-3, 5.0, 200_001).into_iter().map(f).fold(f64::INFINITY, f64::min);
        assert!((f(minimise((1e-3, 5.0), f)) - brute).abs() < 1e-8);
    }

    #[test]
    fn a_minimum_at_the_end_of_the_range_is_returned_as_that_end() {
        assert_eq!(minimise(ALPHA_RANGE, |x| x), ALPHA_RANGE.0);
        assert_eq!(minimise(ALPHA_RANGE, |x| -x), ALPHA_RANGE.1);
    }
}
