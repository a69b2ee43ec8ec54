//! Repeated data: what a token is worth when it is seen again (Muennighoff et al. 2023, equation 5).
//!
//! ```text
//! D' = U + U·R*·(1 - exp(-R/R*))        U unique tokens, R = D/U - 1 repetitions after the first epoch
//! L(N, D') = E + A/N^alpha + B/D'^beta
//! ```
//! The first repetitions are worth almost as much as new text; after R* of them their worth has fallen to 1/e, and however long
//! one trains, D' stays below U·(1 + R*). For a fixed R* this is [`LossInNAndD`], so what is left is a search over R* alone.

use crate::{Error, Result};
use serde::Serialize;
use std::fmt;

use super::distributions::f_quantile;
use super::global::{golden, log_grid};
use super::numbers::short;
use super::points::{Needs, check};
use super::{Interval, LEVEL, LossInNAndD, Point, Verdict};

/// The R* that are searched: 0.1 makes even the second epoch nearly worthless, 1000 makes repeating as good as new text.
pub const R_STAR_RANGE: (f64, f64) = (0.1, 1000.0);

/// A fitted data-constrained law; `law` takes D' for D.
#[derive(Clone, Debug, Serialize)]
pub struct RepeatedData {
    /// R*, the repetitions after which their worth has fallen to 1/e.
    pub r_star: f64,
    /// 95 % interval by profile likelihood by F; None with no point to spare.
    pub interval: Option<Interval>,
    /// Whether the points determine R*.
    pub verdict: Verdict,
    /// The law.
    pub law: LossInNAndD,
}

/// D' = U + U·R*·(1 - exp(-R/R*)), with U = min(D, unique tokens) and R = D/U - 1.
pub fn effective_tokens(n_tokens: f64, n_unique_tokens: f64, r_star: f64) -> f64 {
    let unique = n_tokens.min(n_unique_tokens);
    let repetitions = n_tokens / unique - 1.0;
    unique * (1.0 - r_star * (-repetitions / r_star).exp_m1())
}

impl RepeatedData {
    /// Fits six parameters.
    ///
    /// # Errors
    /// Points that [`LossInNAndD::fit`] would refuse, and none that saw its text more than once.
    pub fn fit(points: &[Point]) -> Result<RepeatedData> {
        check(points, &[Needs::Tokens, Needs::UniqueTokens])?;
        if points.len() < 6 {
            return Err(Error::Fit(format!(
                "the law of repeated data has 6 parameters and there are {} points",
                points.len()
            )));
        }
        if !points.iter().any(|point| point.tokens() > 1.5 * point.unique_tokens()) {
            return Err(Error::Fit(
                "no run saw its text for more than one epoch and a half, so the worth of repetition cannot be seen; train some for longer"
                    .into(),
            ));
        }
        LossInNAndD::fit(&fresh(points, 1.0))?; // what is wrong with the points is said once, here
        let rss = |r_star: f64| LossInNAndD::fit(&fresh(points, r_star)).map_or(f64::INFINITY, |law| law.rss);
        let r_star = coarse_minimum(rss);
        let law = LossInNAndD::fit(&fresh(points, r_star))?;
        let interval = interval(points.len(), r_star, law.rss, rss);
        let verdict = verdict(interval.as_ref(), points.len());
        Ok(RepeatedData { r_star, interval, verdict, law })
    }

    /// The loss after `n_tokens` tokens of a text that has `n_unique_tokens`, in nats per token.
    pub fn predict(&self, n_params: f64, n_tokens: f64, n_unique_tokens: f64) -> f64 {
        self.law.predict(n_params, effective_tokens(n_tokens, n_unique_tokens, self.r_star))
    }
}

/// The points with D' in place of D.
fn fresh(points: &[Point], r_star: f64) -> Vec<Point> {
    let worth = |point: &Point| effective_tokens(point.tokens(), point.unique_tokens(), r_star);
    points.iter().map(|point| point.with_tokens(worth(point))).collect()
}

/// The valley of a coarse grid, then the fine search inside it: each value is a whole fit of its own.
fn coarse_minimum(rss: impl Fn(f64) -> f64) -> f64 {
    let grid = log_grid(R_STAR_RANGE.0, R_STAR_RANGE.1, 24);
    let values: Vec<f64> = grid.iter().map(|&r_star| rss(r_star)).collect();
    let best = (0..grid.len()).min_by(|&i, &j| values[i].total_cmp(&values[j])).unwrap_or(0);
    let (left, right) = (grid[best.saturating_sub(1)], grid[(best + 1).min(grid.len() - 1)]);
    let refined = golden(left, right, &rss);
    if rss(refined) <= values[best] { refined } else { grid[best] }
}

/// Every R* whose sum of squares is at most RSS·(1 + F(1, n-6)/(n-6)).
fn interval(n_points: usize, best: f64, least: f64, rss: impl Fn(f64) -> f64) -> Option<Interval> {
    let spare = n_points.checked_sub(6).filter(|spare| *spare > 0)? as f64;
    let inside = |r_star: f64| rss(r_star) <= least * (1.0 + f_quantile(LEVEL, 1.0, spare) / spare);
    let end = |limit: f64| {
        if inside(limit) {
            return limit;
        }
        let (mut inner, mut outer) = (best, limit);
        for _ in 0..12 {
            let middle = (inner * outer).sqrt();
            if inside(middle) { inner = middle } else { outer = middle }
        }
        inner
    };
    Some(Interval { low: end(R_STAR_RANGE.0), high: end(R_STAR_RANGE.1), level: LEVEL })
}

fn verdict(interval: Option<&Interval>, n_points: usize) -> Verdict {
    match interval {
        None => Verdict::NotIdentified(format!("6 parameters pass through {n_points} points, whatever the truth is")),
        Some(range) if range.low <= R_STAR_RANGE.0 || range.high >= R_STAR_RANGE.1 => {
            Verdict::NotIdentified(format!("its 95 % interval is {range}, to the end of the range that was searched"))
        }
        Some(range) if range.high > 3.0 * range.low => Verdict::WeaklyIdentified(format!(
            "its 95 % interval is {range}, ends that differ by a factor of {}",
            short(range.high / range.low)
        )),
        Some(_) => Verdict::Identified,
    }
}

impl fmt::Display for RepeatedData {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        writeln!(out, "{} of D'", self.law)?;
        write!(out, "R* = {}", short(self.r_star))?;
        if let Some(interval) = &self.interval {
            write!(out, " (95 % {interval})")?;
        }
        write!(out, " is {}", self.verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R* = 15.4 (Muennighoff et al. 2023) on three sizes, three texts and one to forty epochs.
    fn planted(r_star: f64, noise: f64) -> Vec<Point> {
        let mut points = Vec::new();
        for n_params in [1e7_f64, 1e8, 1e9] {
            for n_unique_tokens in [1e8_f64, 4e8, 1.6e9] {
                for epochs in [1.0, 4.0, 12.0, 40.0] {
                    let n_tokens = epochs * n_unique_tokens;
                    let d = effective_tokens(n_tokens, n_unique_tokens, r_star);
                    let wobble = noise * (53.0 * points.len() as f64).sin();
                    let val_loss = 1.69 + 406.4 / n_params.powf(0.34) + 410.7 / d.powf(0.28) + wobble;
                    points
                        .push(Point::new(n_params, val_loss).with_tokens(n_tokens).with_unique_tokens(n_unique_tokens));
                }
            }
        }
        points
    }

    #[test]
    fn effective_tokens_by_hand() {
        assert_eq!(effective_tokens(5e8, 1e9, 15.0), 5e8); // less than one epoch: every token is new
        assert_eq!(effective_tokens(1e9, 1e9, 15.0), 1e9);
        let once_again = effective_tokens(2e9, 1e9, 1.0); // R = R* = 1: 1 + (1 - 1/e)
        assert!((once_again / 1e9 - 2.0 + (-1.0f64).exp()).abs() < 1e-12);
        assert!(effective_tokens(1e15, 1e9, 15.0) <= 16.0 * 1e9 * (1.0 + 1e-12)); // at most U·(1 + R*)
    }

    #[test]
    fn a_planted_worth_of_repetition_is_recovered() {
        let found = RepeatedData::fit(&planted(15.4, 0.0)).unwrap();
        println!("{found}");
        assert!((found.r_star / 15.4 - 1.0).abs() < 1e-4, "{}", found.r_star);
        assert!((found.law.alpha / 0.34 - 1.0).abs() < 1e-4 && (found.law.beta / 0.28 - 1.0).abs() < 1e-4);
    }

    #[test]
    fn with_noise_the_interval_holds_the_truth() {
        let found = RepeatedData::fit(&planted(15.4, 0.01)).unwrap();
        println!("{found}");
        assert!(found.interval.unwrap().contains(15.4));
        assert!(found.predict(1e8, 4e9, 4e8) < found.predict(1e8, 4e8, 4e8));
    }

    #[test]
    fn one_epoch_says_nothing_about_repetition() {
        let mut points = planted(15.4, 0.0);
        points.retain(|point| point.n_tokens == point.n_unique_tokens);
        let error = RepeatedData::fit(&points).unwrap_err().to_string();
        assert!(error.starts_with("no run saw its text for more than one epoch"), "{error}");
    }
}
