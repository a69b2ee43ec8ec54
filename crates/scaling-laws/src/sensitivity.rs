//! How much a fit hangs on single points: leave one out, leave the largest out, and which law the points prefer.

use crate::{Error, Result};
use serde::Serialize;
use std::cmp::Ordering;
use std::fmt;

use crate::numbers::short;
use crate::points::{check, mean};
use crate::{Fit, Interval, Law, Point};

/// The fit without one point.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    /// Size of the point that was left out.
    pub n_params: f64,
    /// Loss in nats per token.
    pub val_loss: f64,
    /// The fit.
    pub fit: Fit,
}

/// Every fit with one point left out.
#[derive(Clone, Debug, Serialize)]
pub struct Jackknife {
    /// The law.
    pub law: Law,
    /// The least alpha (or B) among the fits.
    pub rate_low: f64,
    /// The greatest.
    pub rate_high: f64,
    /// Standard error of alpha (or B): √((n-1)/n · Σ(rate_i - mean)²).
    pub standard_error: f64,
    /// The fits, in the order of the points.
    pub fits: Vec<LeftOut>,
}

const MOST_LEFT_OUT: usize = 100; // of more points none decides, and each costs a fit

/// Refits without each point in turn.
///
/// # Errors
/// Fewer sizes than parameters once a point is left out; more than 100 points.
pub fn jackknife(points: &[Point], law: Law) -> Result<Jackknife> {
    if points.len() > MOST_LEFT_OUT {
        let n = points.len();
        return Err(Error::Fit(format!(
            "one of {n} points decides nothing; leave out up to {MOST_LEFT_OUT} points in turn"
        )));
    }
    let mut fits = Vec::new();
    for (index, point) in points.iter().enumerate() {
        let mut rest = points.to_vec();
        rest.remove(index);
        fits.push(LeftOut { n_params: point.n_params, val_loss: point.val_loss, fit: law.fit(&rest)? });
    }
    let rates: Vec<f64> = fits.iter().map(|left_out| left_out.fit[law.rate()].value).collect();
    let (n, rate_mean) = (rates.len() as f64, mean(&rates));
    let squares: f64 = rates.iter().map(|rate| (rate - rate_mean).powi(2)).sum();
    Ok(Jackknife {
        law,
        rate_low: rates.iter().copied().fold(f64::INFINITY, f64::min),
        rate_high: rates.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        standard_error: ((n - 1.0) / n * squares).sqrt(),
        fits,
    })
}

impl fmt::Display for Jackknife {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let (rate, low, high) = (self.law.rate(), short(self.rate_low), short(self.rate_high));
        write!(out, "Leaving out one point at a time, {rate} runs from {low} to {high}")
    }
}

/// What a law says about a size that it was not fitted to, and what was measured there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Size of the model, or any cost that all points of a fit share.
    pub n_params: f64,
    /// What the law says.
    pub predicted: f64,
    /// 95 % interval for the loss of one run; None where the rest leaves no point to spare.
    pub interval: Option<Interval>,
    /// Mean over the runs of that size.
    pub measured: f64,
    /// Measured - predicted, nats per token.
    pub error: f64,
}

/// Fits all sizes but the largest and predicts the largest, the one with the most tokens where there are several.
///
/// # Errors
/// Too few sizes below the largest.
pub fn leave_largest_out(points: &[Point], law: Law) -> Result<Prediction> {
    check(points, &[])?;
    let size = |point: &Point| (point.n_params, point.n_tokens.unwrap_or_default());
    let largest = points.iter().max_by(|p, q| size(p).partial_cmp(&size(q)).unwrap_or(Ordering::Equal));
    let Some(largest) = largest else {
        return Err(Error::Fit("there are no points to fit a law to".into()));
    };
    let rest: Vec<Point> = points.iter().copied().filter(|point| point.n_params < largest.n_params).collect();
    let same = points
        .iter()
        .filter(|point| size(point) == size(largest) || law.is_of_n() && point.n_params == largest.n_params);
    let measured = mean(&same.map(|point| point.val_loss).collect::<Vec<f64>>());
    let fit = law.fit(&rest)?;
    let (predicted, interval) = (fit.predict(*largest), fit.prediction_interval(*largest));
    Ok(Prediction { n_params: largest.n_params, predicted, interval, measured, error: measured - predicted })
}

impl fmt::Display for Prediction {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let (n, predicted, measured) = (short(self.n_params), short(self.predicted), short(self.measured));
        write!(out, "At N = {n} the smaller models predict {predicted}")?;
        match &self.interval {
            Some(interval) => write!(out, " ({interval})")?,
            None => write!(out, " (with no interval: too few points)")?,
        }
        write!(out, ", measured {measured}, error {}", short(self.error))
    }
}

/// How well one law suits the points, for what it costs in parameters.
#[derive(Clone, Debug, Serialize)]
pub struct LawScore {
    /// The law.
    pub law: Law,
    /// 1 - RSS / Σ(loss - mean loss)², in nats.
    pub r_squared: f64,
    /// Sum of squared residuals, nats².
    pub rss: f64,
    /// n·ln(RSS/n) + 2k + 2k(k+1)/(n-k-1), k = parameters + 1 for the noise; lower is better (Hurvich and Tsai 1989).
    /// None where n ≤ k + 1: so few points cannot choose between laws by this measure.
    pub aicc: Option<f64>,
    /// The prediction of the largest size from the others; None where they are too few to fit.
    pub largest: Option<Prediction>,
}

/// Scores those of the laws that the points suffice for, the best AICc first, laws without one last: [`Law::OF_N`] or
/// [`Law::OF_N_AND_D`].
///
/// # Errors
/// Too few points for every law.
pub fn rank_laws(points: &[Point], laws: &[Law]) -> Result<Vec<LawScore>> {
    let mut scores = Vec::new();
    let mut problem = None;
    for &law in laws {
        match law.fit(points) {
            Ok(fit) => scores.push(LawScore {
                law,
                r_squared: fit.r_squared,
                rss: fit.rss,
                aicc: aicc(fit.rss, points.len(), fit.parameters.len()),
                largest: leave_largest_out(points, law).ok(),
            }),
            Err(error) => problem = Some(error),
        }
    }
    let key = |score: &LawScore| score.aicc.unwrap_or(f64::INFINITY);
    scores.sort_by(|p, q| key(p).total_cmp(&key(q)));
    match problem {
        Some(error) if scores.is_empty() => Err(error),
        _ => Ok(scores),
    }
}

fn aicc(rss: f64, n_points: usize, n_parameters: usize) -> Option<f64> {
    let (n, k) = (n_points as f64, (n_parameters + 1) as f64);
    let spare = n - k - 1.0;
    (spare > 0.0 && rss > 0.0).then(|| n * (rss / n).ln() + 2.0 * k + 2.0 * k * (k + 1.0) / spare)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published::a_transformer;

    #[test]
    fn dropping_one_point_moves_project_as_alpha_across_004_to_104() {
        let jackknife = jackknife(&a_transformer(), Law::Power).unwrap();
        println!("{jackknife}");
        assert!((jackknife.rate_low - 0.04).abs() < 0.005, "{}", jackknife.rate_low);
        assert!((jackknife.rate_high - 1.04).abs() < 0.005, "{}", jackknife.rate_high);
    }

    #[test]
    fn the_largest_model_is_predicted_exactly_by_the_law_that_made_it() {
        let law = |n: f64| 30.0 * n.powf(-0.3) + 0.5;
        let points: Vec<Point> = [1e5, 3e5, 1e6, 3e6, 1e7].map(|n| Point::new(n, law(n))).to_vec();
        let prediction = leave_largest_out(&points, Law::Power).unwrap();
        assert!(prediction.n_params == 1e7 && prediction.error.abs() < 1e-8);
        assert!(leave_largest_out(&points, Law::Log).unwrap().error.abs() > 0.01);
    }

    #[test]
    fn aicc_prefers_the_law_that_made_the_points_and_refuses_five_points() {
        let noise = [0.002, -0.003, 0.001, 0.002, -0.002, -0.001, 0.003, -0.001, 0.001];
        let line = |index: usize| 10f64.powf(5.0 + 0.4 * index as f64);
        let points: Vec<Point> =
            noise.iter().enumerate().map(|(i, e)| Point::new(line(i), 3.0 - 0.12 * line(i).ln() + e)).collect();
        assert_eq!(rank_laws(&points, &Law::OF_N).unwrap()[0].law, Law::Log);
        let five = rank_laws(&a_transformer(), &Law::OF_N).unwrap();
        assert!(five.iter().all(|score| score.aicc.is_none() == (score.law == Law::Power)));
    }
}
