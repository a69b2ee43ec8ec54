//! Points (N, loss), checked by hand-readable rules.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

use crate::numbers::short;

/// One trained model: its size and its loss in nats per token, and what its training cost where a law asks for that.
/// Several points at one size are repeats (seeds).
///
/// ```
/// use scaling_laws::Point;
/// let point = Point::new(1e6, 1.52).with_tokens(2e7).with_flops(1.2e14);
/// assert_eq!(point.n_tokens, Some(2e7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Parameters, or another cost that all points of a fit count alike.
    pub n_params: f64,
    /// Tokens trained on, repetitions included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_tokens: Option<f64>,
    /// The cost of the training, in whichever way it is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flops: Option<f64>,
    /// Tokens of the training text, each counted once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_unique_tokens: Option<f64>,
    /// Nats per token.
    pub val_loss: f64,
}

impl Point {
    /// A model of this size with this loss.
    pub fn new(n_params: f64, val_loss: f64) -> Point {
        Point { n_params, n_tokens: None, flops: None, n_unique_tokens: None, val_loss }
    }

    /// The same model, with the tokens that it was trained on.
    pub fn with_tokens(self, n_tokens: f64) -> Point {
        Point { n_tokens: Some(n_tokens), ..self }
    }

    /// The same model, with the FLOPs of its training.
    pub fn with_flops(self, flops: f64) -> Point {
        Point { flops: Some(flops), ..self }
    }

    /// The same model, with the size of the text that its tokens were taken from.
    pub fn with_unique_tokens(self, n_unique_tokens: f64) -> Point {
        Point { n_unique_tokens: Some(n_unique_tokens), ..self }
    }

    // What a law reads after `check` has seen that it is there.
    pub(crate) fn tokens(&self) -> f64 {
        self.n_tokens.unwrap_or(f64::NAN)
    }

    pub(crate) fn compute(&self) -> f64 {
        self.flops.unwrap_or(f64::NAN)
    }

    pub(crate) fn unique_tokens(&self) -> f64 {
        self.n_unique_tokens.unwrap_or(f64::NAN)
    }
}

/// A size alone, to ask a law about: its loss is not known, NaN.
impl From<f64> for Point {
    fn from(n_params: f64) -> Point {
        Point::new(n_params, f64::NAN)
    }
}

/// An interval that holds the true value with probability `level` under the assumptions of the method that made it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Probability, such as 0.95.
    pub level: f64,
}

impl Interval {
    /// Whether the value lies inside, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{} to {}", short(self.low), short(self.high))
    }
}

/// What a law needs of its points beside size and loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Needs {
    Tokens,
    Flops,
    UniqueTokens,
}

const SMALLEST: f64 = 1e-60; // squares and fifth powers of values between these two stay finite in f64
const LARGEST: f64 = 1e60;

/// What is wrong with a number, if anything is.
pub(crate) fn complaint(value: f64) -> Option<String> {
    if value.is_nan() || value <= 0.0 {
        return Some(format!("{value} is not a number greater than zero"));
    }
    let in_range = (SMALLEST..=LARGEST).contains(&value);
    (!in_range).then(|| format!("{value:e} is not between {SMALLEST:e} and {LARGEST:e}"))
}

/// The rule that every fit applies to points that did not come from a file; the error names the point, counted from 1.
pub(crate) fn check(points: &[Point], needs: &[Needs]) -> Result<()> {
    for (index, point) in points.iter().enumerate() {
        let needed = needs.iter().map(|need| match need {
            Needs::Tokens => ("n_tokens", point.n_tokens),
            Needs::Flops => ("flops", point.flops),
            Needs::UniqueTokens => ("n_unique_tokens", point.n_unique_tokens),
        });
        let always = [("n_params", Some(point.n_params)), ("val_loss", Some(point.val_loss))];
        for (column, value) in always.into_iter().chain(needed) {
            let missing = || Some("this law needs it, and it is not given".to_string());
            if let Some(problem) = value.map_or_else(missing, complaint) {
                return Err(Error::Fit(format!("point {}, {column}: {problem}", index + 1)));
            }
        }
    }
    Ok(())
}

/// The losses of each size, sizes ascending.
pub(crate) fn by_size(points: &[Point]) -> Vec<(f64, Vec<f64>)> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|p, q| p.n_params.total_cmp(&q.n_params));
    let same_size = sorted.chunk_by(|p, q| p.n_params == q.n_params);
    same_size.map(|same| (same[0].n_params, same.iter().map(|point| point.val_loss).collect())).collect()
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_given_directly_are_held_to_the_same_rule() {
        let points = [Point::new(1e5, 1.5), Point::new(2e5, 0.0)];
        assert_eq!(
            check(&points, &[]).unwrap_err().to_string(),
            "point 2, val_loss: 0 is not a number greater than zero"
        );
        let without = check(&points[..1], &[Needs::Tokens]).unwrap_err().to_string();
        assert_eq!(without, "point 1, n_tokens: this law needs it, and it is not given");
        let same = [Point::new(1e5, 1.5), Point::new(1e5, 1.4), Point::new(1e5, 1.6)];
        assert_eq!(
            crate::Law::Log.fit(&same).unwrap_err().to_string(),
            "L(N) = A + B·ln N has 2 parameters and the 3 given points have 1 size; \
             train models of at least 2 sizes, better 4 or more"
        );
    }
}
