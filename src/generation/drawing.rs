//! How boldly the next token is drawn.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// What decides a draw, beside the model and chance. The default draws as the model predicts.
///
/// In this order: forbidden tokens go (`guided`), the temperature flattens or sharpens what is left, the k likeliest stay (`top_k`), of
/// these the likeliest that together have the probability `top_p` (the nucleus of Holtzman et al. 2020), and of these all that have at
/// least `min_p` times the probability of the likeliest (Nguyen et al. 2024).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Drawing {
    /// Below 1 is more cautious, above 1 more daring, 0 always takes the likeliest.
    pub temperature: f64,
    /// Draw among so many of the likeliest tokens; `None`: among all.
    pub top_k: Option<usize>,
    /// Draw among the likeliest tokens that together have this probability, in (0, 1].
    pub top_p: Option<f64>,
    /// Draw among the tokens that have this part of the likeliest one's probability, in [0, 1].
    pub min_p: Option<f64>,
    /// Draw only what leaves a tune whose header is whole, which parses, and whose bars add up ([`super::Grammar`]).
    pub guided: bool,
}

impl Default for Drawing {
    fn default() -> Self {
        Drawing { temperature: 1.0, top_k: None, top_p: None, min_p: None, guided: false }
    }
}

impl Drawing {
    /// At this temperature, among all tokens.
    pub fn at(temperature: f64) -> Drawing {
        Drawing { temperature, ..Drawing::default() }
    }

    /// Refuses what cannot be drawn by.
    ///
    /// # Errors
    /// [`Error::Config`] for a temperature that is negative or not a number, a top-k of 0, a top-p outside (0, 1] or a min-p outside
    /// [0, 1].
    pub fn check(&self) -> Result<()> {
        let Drawing { temperature, top_k, top_p, min_p, .. } = *self;
        let problem = if !(temperature >= 0.0 && temperature.is_finite()) {
            format!("a temperature of {temperature} is impossible; try 0.6 to 1.2")
        } else if top_k == Some(0) {
            "top-k 0 leaves no token to choose; try 20, or leave top-k out".to_string()
        } else if let Some(p) = top_p.filter(|p| !(*p > 0.0 && *p <= 1.0)) {
            format!("a top-p of {p} is impossible: it is a probability above 0, at most 1; try 0.95")
        } else if let Some(p) = min_p.filter(|p| !(0.0..=1.0).contains(p)) {
            format!("a min-p of {p} is impossible: it is a share from 0 to 1; try 0.05")
        } else {
            return Ok(());
        };
        Err(Error::Config(problem))
    }
}

/// `temperature 0.8, top 20, top-p 0.9, guided`
impl std::fmt::Display for Drawing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "temperature {}", self.temperature)?;
        self.top_k.map_or(Ok(()), |top_k| write!(f, ", top {top_k}"))?;
        self.top_p.map_or(Ok(()), |top_p| write!(f, ", top-p {top_p}"))?;
        self.min_p.map_or(Ok(()), |min_p| write!(f, ", min-p {min_p}"))?;
        f.write_str(if self.guided { ", guided" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_draws_as_the_model_predicts_and_unknown_words_are_refused() {
        let read = |json: &str| serde_json::from_str::<Drawing>(json);
        assert_eq!(read("{}").unwrap(), Drawing::default());
        assert_eq!(read(r#"{ "temperature": 0.5, "top_p": 0.9 }"#).unwrap().top_p, Some(0.9));
        assert!(read(r#"{ "topp": 0.9 }"#).unwrap_err().to_string().contains("unknown field `topp`"));
    }

    #[test]
    fn impossible_draws_are_refused_in_a_sentence() {
        let refused = |drawing: Drawing| drawing.check().unwrap_err().to_string();
        let at = Drawing::default();
        for temperature in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(
                refused(Drawing::at(temperature)),
                format!("a temperature of {temperature} is impossible; try 0.6 to 1.2")
            );
        }
        assert!(refused(Drawing { top_k: Some(0), ..at }).starts_with("top-k 0 leaves no token"));
        for p in [0.0, 1.1, f64::NAN] {
            assert!(refused(Drawing { top_p: Some(p), ..at }).starts_with(&format!("a top-p of {p} is impossible")));
        }
        for p in [-0.1, 1.1, f64::NAN] {
            assert!(refused(Drawing { min_p: Some(p), ..at }).starts_with(&format!("a min-p of {p} is impossible")));
        }
        Drawing { top_p: Some(1.0), min_p: Some(0.0), ..Drawing::at(0.0) }.check().unwrap();
    }
}
