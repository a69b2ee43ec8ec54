//! L(N, D) = E + A/N^alpha + B/D^beta: the loss as a function of parameters and training tokens (Hoffmann et al. 2022).
//!
//! Variable projection again: for one (alpha, beta) the law is linear in (E, A, B) ≥ 0 and is solved exactly, so what is
//! left is a search over two exponents: every valley of a logarithmic grid, then Nelder and Mead. No starting guess.

use crate::{Error, Result};
use serde::Serialize;
use std::fmt;

use super::Objective;
use super::bootstrap::{Noise, percentiles};
use super::global::{ALPHA_RANGE, log_grid};
use super::numbers::{short, significant};
use super::objective::{LogTerms, Start, delta};
use super::points::{self, Interval, Needs, Point, mean};
use super::power_law::r_squared;
use rayon::prelude::*;

/// A fitted L(N, D) = e + a/N^alpha + b/D^beta; least squares in nats per token unless another objective was asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LossInNAndD {
    /// What was made as small as it can be.
    pub objective: Objective,
    /// Floor that neither size nor data remove, nats per token.
    #[serde(rename = "E")]
    pub e: f64,
    /// Factor of the power of N.
    #[serde(rename = "A")]
    pub a: f64,
    /// Exponent of N.
    pub alpha: f64,
    /// Factor of the power of D.
    #[serde(rename = "B")]
    pub b: f64,
    /// Exponent of D.
    pub beta: f64,
    /// 1 - RSS / Σ(loss - mean loss)², in nats.
    pub r_squared: f64,
    /// Sum of squared residuals, nats².
    pub rss: f64,
    /// Points fitted.
    pub n_points: usize,
}

impl LossInNAndD {
    /// Fits five parameters.
    ///
    /// # Errors
    /// Fewer than five points, or fewer than three values of N or of D.
    pub fn fit(points: &[Point]) -> Result<LossInNAndD> {
        LossInNAndD::fit_by(points, Objective::LeastSquares)
    }

    /// The same by another objective: [`Objective::CHINCHILLA`] is that of Hoffmann et al. 2022.
    ///
    /// # Errors
    /// As [`LossInNAndD::fit`].
    pub fn fit_by(points: &[Point], objective: Objective) -> Result<LossInNAndD> {
        check(points)?;
        let plane = Plane::new(points);
        let (alpha, beta) = plane.optimum();
        let best = plane.solve(alpha, beta);
        let Some(delta) = delta(objective) else { return Ok(plane.law(&best, (alpha, beta), objective)) };
        let terms = LogTerms { t: vec![plane.t.clone(), plane.s.clone()], loss: plane.loss.clone() };
        let start = |(alpha, beta): (f64, f64)| -> Start {
            let best = plane.solve(alpha, beta);
            (best.e, vec![(best.h, alpha), (best.k, beta)])
        };
        let grid = [0.1, 0.3, 0.6, 1.2].map(|alpha| [0.1, 0.3, 0.6, 1.2].map(|beta| (alpha, beta)));
        let starts: Vec<Start> = std::iter::once((alpha, beta)).chain(grid.into_iter().flatten()).map(start).collect();
        let found = terms.fit(&starts, delta);
        let [(h, alpha), (k, beta)] = found.terms[..] else {
            return Err(Error::Fit("the search lost one of its two terms".into()));
        };
        Ok(plane.law(&plane.with(found.floor, (h, alpha), (k, beta)), (alpha, beta), objective))
    }

    /// L(N, D) = e + a/N^alpha + b/D^beta, in nats per token.
    pub fn predict(&self, n_params: f64, n_tokens: f64) -> f64 {
        self.e + self.a / n_params.powf(self.alpha) + self.b / n_tokens.powf(self.beta)
    }

    /// The N that spends C = 6·N·D FLOPs best: G·(C/6)^(beta/(alpha+beta)), G = (alpha·A / (beta·B))^(1/(alpha+beta)).
    /// (Hoffmann et al. 2022, equation 4.)
    pub fn optimal_n_params(&self, flops: f64) -> f64 {
        let sum = self.alpha + self.beta;
        (self.alpha * self.a / (self.beta * self.b)).powf(1.0 / sum) * (flops / 6.0).powf(self.beta / sum)
    }

    /// beta/(alpha + beta): the best N grows as this power of the FLOPs.
    pub fn optimal_exponent(&self) -> f64 {
        self.beta / (self.alpha + self.beta)
    }

    /// 95 % intervals from `n_resamples` refits, by the same objective, of the law plus normal noise, as in `bootstrap.rs`; an
    /// objective of logarithms gets its noise in logarithms. `points` are those of the fit.
    ///
    /// # Errors
    /// Where a resample cannot be fitted.
    pub fn bootstrap(&self, points: &[Point], n_resamples: usize, seed: u64) -> Result<PlaneBootstrap> {
        let plane = Plane::new(points);
        let delta = delta(self.objective);
        let seen = |loss: f64| if delta.is_some() { loss.ln() } else { loss };
        let fitted: Vec<f64> = points.iter().map(|point| seen(self.predict(point.n_params, point.tokens()))).collect();
        let squares = fitted.iter().zip(&plane.loss).map(|(fitted, loss)| (seen(*loss) - fitted).powi(2)).sum();
        let mut noise = Noise::new(squares, points.len().saturating_sub(5), n_resamples, seed)?;
        let resamples: Vec<Vec<f64>> = (0..n_resamples).map(|_| noise.add_to(&fitted)).collect();
        let refit = |values: &Vec<f64>| match delta {
            None => {
                let plane = Plane { loss: values.clone(), ..plane.clone() };
                let (_, (alpha, beta)) = plane.descend(self.alpha, self.beta);
                (alpha, beta, plane.solve(alpha, beta).e)
            }
            Some(delta) => self.refit_logs(&plane, values, delta),
        };
        let found: Vec<(f64, f64, f64)> = resamples.par_iter().map(refit).collect();
        Ok(PlaneBootstrap {
            n_resamples,
            seed,
            alpha: percentiles(found.iter().map(|it| it.0)),
            beta: percentiles(found.iter().map(|it| it.1)),
            e: percentiles(found.iter().map(|it| it.2)),
            optimal_exponent: percentiles(found.iter().map(|(alpha, beta, _)| beta / (alpha + beta))),
        })
    }

    /// alpha, beta and e of other losses at the same points, from this law on.
    fn refit_logs(&self, plane: &Plane, logs: &[f64], delta: f64) -> (f64, f64, f64) {
        let share = |at_one: f64, exponent: f64, ln_least: f64| at_one * (-exponent * ln_least).exp();
        let h = share(self.a, self.alpha, plane.ln_n0);
        let start = (self.e, vec![(h, self.alpha), (share(self.b, self.beta, plane.ln_d0), self.beta)]);
        let loss = logs.iter().map(|log| log.exp()).collect();
        let found = LogTerms { t: vec![plane.t.clone(), plane.s.clone()], loss }.fit(&[start], delta);
        let exponent = |term: usize| found.terms.get(term).map_or(f64::NAN, |term| term.1);
        (exponent(0), exponent(1), found.floor)
    }
}

/// 95 % percentile intervals of L(N, D) over the resamples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlaneBootstrap {
    /// Resamples drawn.
    pub n_resamples: usize,
    /// Seed of the resamples.
    pub seed: u64,
    /// Exponent of N.
    pub alpha: Interval,
    /// Exponent of D.
    pub beta: Interval,
    /// Floor that neither size nor data remove, nats per token.
    #[serde(rename = "E")]
    pub e: Interval,
    /// Power of the FLOPs with which the best N grows.
    pub optimal_exponent: Interval,
}

fn check(points: &[Point]) -> Result<()> {
    points::check(points, &[Needs::Tokens])?;
    if points.len() < 5 {
        let n = points.len();
        return Err(Error::Fit(format!(
            "L(N, D) = E + A/N^alpha + B/D^beta has 5 parameters and there are {n} points"
        )));
    }
    for (name, n) in [("N", distinct(points, |p| p.n_params)), ("D", distinct(points, Point::tokens))] {
        if n < 3 {
            return Err(Error::Fit(format!(
                "the points have {n} different values of {name}; L(N, D) = E + A/N^alpha + B/D^beta needs at least 3"
            )));
        }
    }
    Ok(())
}

fn distinct(points: &[Point], value: impl Fn(&Point) -> f64) -> usize {
    let mut values: Vec<f64> = points.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values.len()
}

/// The points as the search sees them: loss = e + h·f + k·g with f = (N/N0)^-alpha, g = (D/D0)^-beta.
#[derive(Clone)]
struct Plane {
    t: Vec<f64>, // ln(N / N0)
    s: Vec<f64>, // ln(D / D0)
    loss: Vec<f64>,
    ln_n0: f64,
    ln_d0: f64,
}

/// The best e, h, k ≥ 0 for one pair of exponents.
#[derive(Clone, Copy)]
struct Solution {
    e: f64,
    h: f64,
    k: f64,
    rss: f64,
}

impl Plane {
    fn new(points: &[Point]) -> Plane {
        let logs = |value: fn(&Point) -> f64| -> (Vec<f64>, f64) {
            let logs: Vec<f64> = points.iter().map(|point| value(point).ln()).collect();
            let least = logs.iter().copied().fold(f64::INFINITY, f64::min);
            (logs.iter().map(|log| log - least).collect(), least)
        };
        let ((t, ln_n0), (s, ln_d0)) = (logs(|p| p.n_params), logs(Point::tokens));
        Plane { t, s, loss: points.iter().map(|point| point.val_loss).collect(), ln_n0, ln_d0 }
    }

    /// e, h, k given, with their sum of squares.
    fn with(&self, e: f64, (h, alpha): (f64, f64), (k, beta): (f64, f64)) -> Solution {
        let f: Vec<f64> = self.t.iter().map(|t| (-alpha * t).exp()).collect();
        let g: Vec<f64> = self.s.iter().map(|s| (-beta * s).exp()).collect();
        self.measured(&f, &g, (e, h, k))
    }

    fn law(&self, found: &Solution, (alpha, beta): (f64, f64), objective: Objective) -> LossInNAndD {
        LossInNAndD {
            objective,
            e: found.e,
            a: found.h * (alpha * self.ln_n0).exp(), // h = a·N0^-alpha, the share of N at the smallest size
            alpha,
            b: found.k * (beta * self.ln_d0).exp(), // k = b·D0^-beta
            beta,
            r_squared: r_squared(&self.loss, found.rss),
            rss: found.rss,
            n_points: self.loss.len(),
        }
    }

    /// The exponents of the least sum of squares over the square of [`ALPHA_RANGE`].
    fn optimum(&self) -> (f64, f64) {
        const N_GRID: usize = 60; // steps of 15 %
        let grid = log_grid(ALPHA_RANGE.0, ALPHA_RANGE.1, N_GRID);
        let rows: Vec<Vec<f64>> =
            grid.iter().map(|&alpha| grid.iter().map(|&beta| self.solve(alpha, beta).rss).collect()).collect();
        let at = |i: usize, j: usize| rows.get(i).and_then(|row| row.get(j)).copied().unwrap_or(f64::INFINITY);
        let mut best = (f64::INFINITY, (ALPHA_RANGE.0, ALPHA_RANGE.0));
        for (i, &alpha) in grid.iter().enumerate() {
            for (j, &beta) in grid.iter().enumerate() {
                let around = [i.wrapping_sub(1), i, i + 1].map(|i| [at(i, j.wrapping_sub(1)), at(i, j), at(i, j + 1)]);
                if around.iter().flatten().all(|&neighbour| at(i, j) <= neighbour) {
                    let refined = self.descend(alpha, beta);
                    best = if refined.0 < best.0 { refined } else { best };
                }
            }
        }
        best.1
    }

    /// Nelder and Mead (1965) in (ln alpha, ln beta), from a valley of the grid.
    fn descend(&self, alpha: f64, beta: f64) -> (f64, (f64, f64)) {
        let inside = |x: f64| x.clamp(ALPHA_RANGE.0.ln(), ALPHA_RANGE.1.ln());
        let value = |p: [f64; 2]| (self.solve(inside(p[0]).exp(), inside(p[1]).exp()).rss, p);
        let start = [alpha.ln(), beta.ln()];
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

    /// Non-negative least squares for one pair of exponents: all eight sets of parameters that may be zero are tried.
    fn solve(&self, alpha: f64, beta: f64) -> Solution {
        let f: Vec<f64> = self.t.iter().map(|t| (-alpha * t).exp()).collect();
        let g: Vec<f64> = self.s.iter().map(|s| (-beta * s).exp()).collect();
        let loss_mean = mean(&self.loss);
        let mut best = self.measured(&f, &g, (loss_mean, 0.0, 0.0)); // losses are positive, so a constant is allowed
        for with_e in [true, false] {
            let centre = |values: &[f64]| if with_e { mean(values) } else { 0.0 };
            let (f0, g0, y0) = (centre(&f), centre(&g), if with_e { loss_mean } else { 0.0 });
            let (mut ff, mut gg, mut fg, mut fy, mut gy) = (0.0, 0.0, 0.0, 0.0, 0.0);
            for ((f, g), y) in f.iter().zip(&g).zip(&self.loss) {
                let (f, g, y) = (f - f0, g - g0, y - y0);
                ff += f * f;
                gg += g * g;
                fg += f * g;
                fy += f * y;
                gy += g * y;
            }
            let determinant = ff * gg - fg * fg;
            let both = ((gg * fy - fg * gy) / determinant, (ff * gy - fg * fy) / determinant);
            for (h, k) in [both, (fy / ff, 0.0), (0.0, gy / gg)] {
                let e = y0 - h * f0 - k * g0;
                if h >= 0.0 && k >= 0.0 && e >= 0.0 && (h + k).is_finite() {
                    let found = self.measured(&f, &g, (e, h, k));
                    best = if found.rss < best.rss { found } else { best };
                }
            }
        }
        best
    }

    fn measured(&self, f: &[f64], g: &[f64], (e, h, k): (f64, f64, f64)) -> Solution {
        let residuals = f.iter().zip(g).zip(&self.loss).map(|((f, g), loss)| loss - e - h * f - k * g);
        Solution { e, h, k, rss: residuals.map(|residual| residual * residual).sum() }
    }
}

impl fmt::Display for LossInNAndD {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let (e, a, alpha, b, beta) = (short(self.e), short(self.a), short(self.alpha), short(self.b), short(self.beta));
        let r_squared = significant(self.r_squared, 5);
        write!(out, "L(N, D) = {e} + {a}/N^{alpha} + {b}/D^{beta}   ({} points, R² = {r_squared}", self.n_points)?;
        match self.objective {
            Objective::LeastSquares => write!(out, ")"),
            other => write!(out, ", {other})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E 1.69, A 406.4, alpha .34, B 410.7, beta .28 (Hoffmann et al. 2022) on a grid of runs.
    fn hoffmann(sizes: &[f64], tokens: &[f64]) -> Vec<Point> {
        let loss = |n: f64, d: f64| 1.69 + 406.4 / n.powf(0.34) + 410.7 / d.powf(0.28);
        let row = |&n: &f64| tokens.iter().map(move |&d| Point::new(n, loss(n, d)).with_tokens(d));
        sizes.iter().flat_map(row).collect()
    }

    fn assert_hoffmann(law: &LossInNAndD) {
        println!("{law}");
        let found = [law.e, law.a, law.alpha, law.b, law.beta];
        for (found, planted) in found.into_iter().zip([1.69, 406.4, 0.34, 410.7, 0.28]) {
            assert!((found / planted - 1.0).abs() < 1e-6, "{found} {planted}");
        }
    }

    #[test]
    fn recovers_all_five_parameters_of_hoffmann_to_six_digits() {
        assert_hoffmann(&LossInNAndD::fit(&hoffmann(&[1e7, 1e8, 1e9, 1e10], &[1e9, 1e10, 1e11])).unwrap());
    }

    #[test]
    fn the_chinchilla_objective_recovers_them_too_and_shrugs_off_outliers() {
        let mut points = hoffmann(&[1e7, 1e8, 1e9, 1e10], &[1e9, 1e10, 1e11]);
        assert_hoffmann(&LossInNAndD::fit_by(&points, Objective::CHINCHILLA).unwrap());
        points[5].val_loss *= 1.1;
        let alpha = |objective| LossInNAndD::fit_by(&points, objective).unwrap().alpha;
        assert!((alpha(Objective::LeastSquares) - 0.34).abs() > 0.01);
        assert!((alpha(Objective::CHINCHILLA) - 0.34).abs() < 0.003, "{}", alpha(Objective::CHINCHILLA));
    }

    #[test]
    fn the_bootstrap_holds_the_planted_exponents() {
        let mut points = hoffmann(&[1e7, 1e8, 1e9, 1e10], &[1e9, 1e10, 1e11]);
        points.iter_mut().enumerate().for_each(|(index, point)| point.val_loss += 0.01 * (37.0 * index as f64).sin());
        let law = LossInNAndD::fit(&points).unwrap();
        let found = law.bootstrap(&points, 500, 1).unwrap();
        println!("{found:?}");
        assert!(found.alpha.contains(0.34) && found.beta.contains(0.28) && found.e.contains(1.69));
        assert!(found.optimal_exponent.contains(law.optimal_exponent()));
    }

    #[test]
    fn two_hundred_and_forty_points_are_fitted_and_timed() {
        let points = hoffmann(&log_grid(5e7, 1.6e10, 20), &log_grid(5e9, 5e11, 12));
        let start = std::time::Instant::now();
        let law = LossInNAndD::fit(&points).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        println!("{} points in {seconds:.3} s", points.len());
        assert_hoffmann(&law);
    }

    #[test]
    fn noise_leaves_the_fit_at_least_as_close_to_the_points_as_the_truth() {
        let mut points = hoffmann(&[1e7, 1e8, 1e9, 1e10], &[1e9, 1e10, 1e11]);
        let noise = |index: usize| 0.01 * (37.0 * index as f64).sin();
        points.iter_mut().enumerate().for_each(|(index, point)| point.val_loss += noise(index));
        let law = LossInNAndD::fit(&points).unwrap();
        println!("{law}");
        assert!(law.rss <= (0..points.len()).map(|index| noise(index).powi(2)).sum());
        assert!((law.alpha - 0.34).abs() < 0.05 && (law.beta - 0.28).abs() < 0.05);
    }

    #[test]
    fn a_data_term_that_is_absent_gets_no_share() {
        let mut points = hoffmann(&[1e7, 1e8, 1e9, 1e10], &[1e9, 1e10, 1e11]);
        points.iter_mut().for_each(|point| point.val_loss = 1.69 + 406.4 / point.n_params.powf(0.34));
        let law = LossInNAndD::fit(&points).unwrap();
        assert!((law.alpha - 0.34).abs() < 1e-6 && (law.e - 1.69).abs() < 1e-6, "{law}");
        assert!(law.predict(1e8, 1e9) - law.predict(1e8, 1e11) < 1e-6, "{law}");
    }

    #[test]
    fn the_optimal_size_is_where_no_other_split_of_the_budget_is_better() {
        let law = LossInNAndD::fit(&hoffmann(&[1e7, 1e8, 1e9, 1e10], &[1e9, 1e10, 1e11])).unwrap();
        let (flops, n) = (1e21, law.optimal_n_params(1e21));
        let loss = |n: f64| law.predict(n, flops / (6.0 * n));
        assert!(loss(n) < loss(1.01 * n) && loss(n) < loss(0.99 * n));
    }

    #[test]
    fn one_token_count_cannot_tell_the_data_term_from_the_floor() {
        let error = LossInNAndD::fit(&hoffmann(&[1e7, 1e8, 1e9, 3e9, 1e10], &[1e10])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the points have 1 different values of D; L(N, D) = E + A/N^alpha + B/D^beta needs at least 3"
        );
    }
}
