//! L(N) = A + B·ln N: the loss falls by the same amount with each doubling of the size.

use crate::Result;
use serde::Serialize;
use std::fmt;

use super::distributions::t_quantile;
use super::numbers::{short, significant};
use super::points::{Interval, Point, check_enough, mean};
use super::power_law::r_squared;
use super::{LEVEL, Verdict, verdict};

/// A fitted straight line in ln N: ordinary least squares in nats per token; R² as in [`super::PowerLaw`].
/// A and B are `intercept` and `slope`, in JSON too their names are `A` and `B`.
#[derive(Clone, Debug, Serialize)]
pub struct LogLaw {
    /// A, the loss at N = 1.
    #[serde(rename = "A")]
    pub intercept: f64,
    /// B, the change of the loss for each e-fold of N.
    #[serde(rename = "B")]
    pub slope: f64,
    /// 1 - RSS / Σ(loss - mean loss)², in nats.
    pub r_squared: f64,
    /// Points fitted.
    pub n_points: usize,
    /// Always 2.
    pub n_parameters: usize,
    /// 95 % intervals; None with no point to spare.
    pub intervals: Option<LogIntervals>,
    /// Whether the points determine B.
    pub verdict: Verdict,
    /// What else a reader must know, in sentences.
    pub remarks: Vec<String>,
    /// Sum of squared residuals, nats².
    pub rss: f64,
    #[serde(skip)]
    pub(super) line: Line,
}

/// 95 % intervals by Student's t, exact for independent normal scatter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LogIntervals {
    /// A, the loss at N = 1.
    #[serde(rename = "A")]
    pub intercept: Interval,
    /// B, the change of the loss for each e-fold of N.
    #[serde(rename = "B")]
    pub slope: Interval,
}

/// The points around their centre, where a line's two coefficients are independent.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub x: Vec<f64>, // ln N - x_mean
    pub loss: Vec<f64>,
    pub x_mean: f64,
    pub s_xx: f64,
}

impl Line {
    fn new(points: &[Point]) -> Line {
        let ln_n: Vec<f64> = points.iter().map(|point| point.n_params.ln()).collect();
        let x_mean = mean(&ln_n);
        let x: Vec<f64> = ln_n.iter().map(|value| value - x_mean).collect();
        let s_xx = x.iter().map(|x| x * x).sum();
        Line { x, loss: points.iter().map(|point| point.val_loss).collect(), x_mean, s_xx }
    }

    /// Least squares: (A, B).
    pub fn fit(&self, loss: &[f64]) -> (f64, f64) {
        let slope = self.x.iter().zip(loss).map(|(x, loss)| x * loss).sum::<f64>() / self.s_xx;
        (mean(loss) - slope * self.x_mean, slope)
    }

    /// The standard error of A + B·ln N, for noise of one nat: √(1/n + (ln N - x_mean)² / s_xx).
    fn unit_error(&self, ln_n: f64) -> f64 {
        (1.0 / self.x.len() as f64 + (ln_n - self.x_mean).powi(2) / self.s_xx).sqrt()
    }
}

impl LogLaw {
    /// Fits L(N) = A + B·ln N.
    ///
    /// # Errors
    /// Fewer than two sizes, or a value that is no positive number.
    pub fn fit(points: &[Point]) -> Result<LogLaw> {
        check_enough(points, "A + B·ln N", 2)?;
        let line = Line::new(points);
        let (intercept, slope) = line.fit(&line.loss);
        let residual = |x: &f64, loss: &f64| loss - (intercept + slope * (x + line.x_mean));
        let rss = line.x.iter().zip(&line.loss).map(|(x, loss)| residual(x, loss).powi(2)).sum();
        let mut law = LogLaw {
            intercept,
            slope,
            r_squared: r_squared(&line.loss, rss),
            n_points: points.len(),
            n_parameters: 2,
            intervals: None,
            verdict: Verdict::Identified,
            remarks: verdict::remarks(points, rss, 2),
            rss,
            line,
        };
        law.intervals = law.half_width().map(|width| LogIntervals {
            intercept: around(intercept, width * law.line.unit_error(0.0)),
            slope: around(slope, width / law.line.s_xx.sqrt()),
        });
        law.verdict = match &law.intervals {
            Some(found) => verdict::of_slope(slope, &found.slope, points),
            None => Verdict::NotIdentified(verdict::without_interval(points, slope < 0.0, 2).unwrap_or_default()),
        };
        Ok(law)
    }

    /// L(N) = A + B·ln N, in nats per token. It goes below zero for N large enough, as no loss does.
    pub fn predict(&self, n_params: f64) -> f64 {
        self.intercept + self.slope * n_params.ln()
    }

    /// 95 % intervals of the law itself at these sizes; empty where there are none (`intervals` is None).
    pub fn band(&self, n_params: &[f64]) -> Vec<Interval> {
        let Some(width) = self.half_width() else { return Vec::new() };
        n_params.iter().map(|&n| around(self.predict(n), width * self.line.unit_error(n.ln()))).collect()
    }

    /// The 95 % interval for the loss of one more run at N: the law's own interval widened by the scatter of runs.
    pub fn prediction_interval(&self, n_params: f64) -> Option<Interval> {
        let width = self.half_width()?;
        Some(around(self.predict(n_params), width * self.line.unit_error(n_params.ln()).hypot(1.0)))
    }

    /// t·s, with s² = RSS/(n - 2); None with two points.
    fn half_width(&self) -> Option<f64> {
        let degrees = self.n_points.checked_sub(2).filter(|degrees| *degrees > 0)? as f64;
        Some(t_quantile(LEVEL, degrees) * (self.rss / degrees).sqrt())
    }
}

fn around(value: f64, half_width: f64) -> Interval {
    Interval { low: value - half_width, high: value + half_width, level: LEVEL }
}

impl fmt::Display for LogLaw {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let sign = if self.slope < 0.0 { '-' } else { '+' };
        let (a, b, r_squared) = (short(self.intercept), short(self.slope.abs()), significant(self.r_squared, 5));
        writeln!(out, "L(N) = {a} {sign} {b}·ln N   ({} points, R² = {r_squared})", self.n_points)?;
        if let Some(found) = &self.intervals {
            writeln!(out, "95 % intervals: B {}, A {}", found.slope, found.intercept)?;
        }
        write!(out, "B is {}", self.verdict)?;
        self.remarks.iter().try_for_each(|remark| write!(out, "\n{remark}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worked_example_by_hand() {
        // ln N = 1, 2, 3 and losses 3, 2, 2: B = -1/2, A = 10/3, RSS = 1/6, s_xx = 2, t(1) = 12.706
        let points = [(1.0, 3.0), (2.0, 2.0), (3.0, 2.0)].map(|(x, y): (f64, f64)| Point::new(x.exp(), y));
        let law = LogLaw::fit(&points).unwrap();
        assert!((law.slope + 0.5).abs() < 1e-12 && (law.intercept - 10.0 / 3.0).abs() < 1e-12);
        assert!((law.rss - 1.0 / 6.0).abs() < 1e-12 && (law.r_squared - 0.75).abs() < 1e-12);
        let slope = law.intervals.unwrap().slope;
        assert!((slope.high - slope.low - 2.0 * 12.7062 * (1.0f64 / 12.0).sqrt()).abs() < 1e-4);
    }

    #[test]
    fn two_points_give_the_line_and_no_interval() {
        let law = LogLaw::fit(&[Point::new(1e5, 2.0), Point::new(1e6, 1.0)]).unwrap();
        assert!((law.predict(1e5) - 2.0).abs() < 1e-12 && law.intervals.is_none() && law.band(&[1e6]).is_empty());
        assert_eq!(
            law.verdict.to_string(),
            "NOT identified: 2 parameters pass through 2 points exactly, whatever the truth is"
        );
    }
}
