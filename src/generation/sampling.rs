//! Drawing one token from the logits of a model.
//!
//! ```text
//! p_i = exp(l_i / T) / Σ_j exp(l_j / T)      over the tokens that a Drawing keeps; T → 0 always takes the largest
//! ```

use super::Drawing;
use crate::{Error, Result};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// Draws tokens from logits; the same seed draws the same tokens.
#[derive(Debug, Clone)]
pub struct Sampler {
    drawing: Drawing,
    rng: Pcg64,
}

impl Sampler {
    /// Draws as `drawing` says. (Which tokens `guided` allows, the caller of [`Sampler::draw`] knows.)
    ///
    /// # Errors
    /// As [`Drawing::check`].
    pub fn new(drawing: Drawing, seed: u64) -> Result<Sampler> {
        drawing.check()?;
        Ok(Sampler { drawing, rng: Pcg64::seed_from_u64(seed) })
    }

    /// p_i for every token; 0 for those that cannot be drawn (of equal logits, the earlier token is kept).
    ///
    /// # Errors
    /// [`Error::Data`] if a logit is NaN or all are infinite, as those of a training that diverged are.
    pub fn probabilities(&self, logits: &[f32]) -> Result<Vec<f64>> {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if logits.iter().any(|logit| logit.is_nan()) || !largest.is_finite() {
            return Err(Error::Data(
                "the model's output is not finite, so its training must have diverged; use an earlier checkpoint"
                    .to_string(),
            ));
        }
        let Drawing { temperature, top_k, top_p, min_p, .. } = self.drawing;
        let n_most = if temperature == 0.0 { 1 } else { top_k.unwrap_or(logits.len()) };
        let temperature = if temperature == 0.0 { 1.0 } else { temperature };
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&i, &j| logits[j].total_cmp(&logits[i])); // stable: ties stay in the order of the tokens
        order.truncate(n_most);
        let weight = |i: usize| (f64::from(logits[i] - largest) / temperature).exp(); // 1 for the likeliest
        if let Some(top_p) = top_p.filter(|top_p| *top_p < 1.0) {
            let mut missing = top_p * order.iter().map(|&i| weight(i)).sum::<f64>();
            let is_of_nucleus = |i: &&usize| {
                let is = missing > 0.0;
                missing -= weight(**i);
                is
            };
            order = order.iter().take_while(is_of_nucleus).copied().collect();
        }
        order.retain(|&i| weight(i) >= min_p.unwrap_or(0.0));
        let sum: f64 = order.iter().map(|&i| weight(i)).sum();
        let mut probabilities = vec![0.0; logits.len()];
        order.iter().for_each(|&i| probabilities[i] = weight(i) / sum);
        Ok(probabilities)
    }

    /// Draws one token.
    ///
    /// # Errors
    /// As [`Sampler::probabilities`].
    pub fn draw(&mut self, logits: &[f32]) -> Result<u32> {
        let probabilities = self.probabilities(logits)?;
        let mut left: f64 = self.rng.random();
        let mut drawn = 0;
        for (token, &p) in probabilities.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            drawn = token; // rounding can leave a little of `left` at the end: then the last possible token
            if left < p {
                break;
            }
            left -= p;
        }
        Ok(drawn as u32)
    }
}

/// ln Σ p over the tokens that `is_allowed` names, where p is as the model predicts it (temperature 1): what a guide costs.
pub(super) fn log_mass(logits: &[f32], is_allowed: &[bool]) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |logit: &f32| f64::from(logit - largest).exp();
    let allowed: f64 =
        logits.iter().zip(is_allowed).filter(|(_, is_allowed)| **is_allowed).map(|(l, _)| weight(l)).sum();
    (allowed / logits.iter().map(weight).sum::<f64>()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 5] = [1.0, 0.0, 2.5, -1.0, 0.5];

    fn frequencies(sampler: &mut Sampler, n: usize) -> [f64; 5] {
        let mut counts = [0.0; 5];
        for _ in 0..n {
            counts[sampler.draw(&LOGITS).unwrap() as usize] += 1.0;
        }
        counts.map(|count| count / n as f64)
    }

    #[test]
    fn tokens_are_drawn_as_often_as_the_equation_says() {
        for temperature in [0.5, 1.0, 2.0] {
            let n = 20_000;
            let found = frequencies(&mut Sampler::new(Drawing::at(temperature), 7).unwrap(), n);
            let weights = LOGITS.map(|logit| (f64::from(logit) / temperature).exp());
            let sum: f64 = weights.iter().sum();
            let chi_square: f64 = found
                .iter()
                .zip(weights.map(|weight| weight / sum))
                .map(|(found, expected)| n as f64 * (found - expected).powi(2) / expected)
                .sum();
            assert!(chi_square < 18.47, "temperature {temperature}: {chi_square}"); // 4 degrees of freedom, 0.1 %
        }
    }

    #[test]
    fn top_k_never_draws_outside_the_k_likeliest() {
        let found = frequencies(&mut Sampler::new(Drawing { top_k: Some(2), ..Drawing::at(3.0) }, 1).unwrap(), 5000);
        assert_eq!([found[1], found[3], found[4]], [0.0; 3]);
        assert!(found[0] > 0.3 && found[2] > 0.5); // 1 / (1 + e^0.5) = 0.378
    }

    #[test]
    fn equal_logits_still_leave_only_k() {
        let p = Sampler::new(Drawing { top_k: Some(2), ..Drawing::default() }, 1)
            .unwrap()
            .probabilities(&[0.0; 5])
            .unwrap();
        assert_eq!(p, [0.5, 0.5, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn temperature_near_or_at_zero_takes_the_likeliest() {
        for temperature in [0.0, 1e-300, 1e-3] {
            assert_eq!(frequencies(&mut Sampler::new(Drawing::at(temperature), 3).unwrap(), 200)[2], 1.0);
        }
    }

    #[test]
    fn what_cannot_be_drawn_from_is_an_error() {
        let error = Sampler::new(Drawing::at(-1.0), 0).unwrap_err().to_string();
        assert!(error.contains("a temperature of -1 is impossible"), "{error}");
        let mut sampler = Sampler::new(Drawing::default(), 0).unwrap();
        for logits in [&[f32::NAN, 1.0][..], &[f32::INFINITY, 0.0], &[f32::NEG_INFINITY; 2], &[]] {
            assert!(sampler.draw(logits).unwrap_err().to_string().contains("not finite"));
        }
        assert_eq!(sampler.draw(&[f32::NEG_INFINITY, 0.0]).unwrap(), 1);
    }

    /// Tokens that can be drawn of [`LOGITS`].
    fn kept(drawing: Drawing) -> Vec<usize> {
        let p = Sampler::new(drawing, 0).unwrap().probabilities(&LOGITS).unwrap();
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        (0..5).filter(|&i| p[i] > 0.0).collect()
    }

    #[test]
    fn a_nucleus_is_the_fewest_of_the_likeliest_that_have_its_probability() {
        let nucleus = |top_p| kept(Drawing { top_p: Some(top_p), ..Drawing::default() });
        assert_eq!(nucleus(1e-9), [2]);
        assert_eq!(nucleus(0.67), [2]); // e^2.5 / Σ e^l = .6799
        assert_eq!(nucleus(0.69), [0, 2]); // and e^1: .8316
        assert_eq!(nucleus(0.84), [0, 2, 4]);
        assert_eq!(nucleus(1.0), [0, 1, 2, 3, 4]);
        // within top-k, of what top-k leaves: .8176 and .1824
        assert_eq!(kept(Drawing { top_p: Some(0.81), top_k: Some(2), ..Drawing::default() }), [2]);
        assert_eq!(kept(Drawing { top_p: Some(0.82), top_k: Some(2), ..Drawing::default() }), [0, 2]);
    }

    #[test]
    fn min_p_keeps_what_has_a_part_of_the_likeliest_ones_probability() {
        let kept = |min_p, temperature| kept(Drawing { min_p: Some(min_p), ..Drawing::at(temperature) });
        assert_eq!(kept(0.0, 1.0), [0, 1, 2, 3, 4]);
        assert_eq!(kept(0.2, 1.0), [0, 2]); // e^-1.5 = .223, e^-2 = .135
        assert_eq!(kept(0.13, 1.0), [0, 2, 4]);
        assert_eq!(kept(0.2, 2.0), [0, 1, 2, 4]); // e^-.75, e^-1, e^-1.25 = .287, e^-1.75 = .174
        assert_eq!(kept(1.0, 1.0), [2]);
    }

    #[test]
    fn the_mass_of_what_is_allowed_is_the_sum_of_its_probabilities() {
        let p = Sampler::new(Drawing::default(), 0).unwrap().probabilities(&LOGITS).unwrap();
        let mass = log_mass(&LOGITS, &[true, false, false, true, true]);
        assert!((mass - (p[0] + p[3] + p[4]).ln()).abs() < 1e-12);
        assert_eq!(log_mass(&LOGITS, &[true; 5]), 0.0);
    }
}
