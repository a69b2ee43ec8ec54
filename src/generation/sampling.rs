//! Drawing one token after another until the tune ends.
//!
//! ```text
//! p_i = exp(l_i / T) / Σ_j exp(l_j / T)      over the k largest logits l; T → 0 always takes the largest
//! ```

use crate::data::Tokenizer;
use crate::{Error, Result};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// What stands before every tune of the training text: a blank line.
const BEFORE_A_TUNE: &str = "\n\n";

/// Draws tokens from logits; the same seed draws the same tokens.
#[derive(Debug, Clone)]
pub struct Sampler {
    temperature: f64,
    top_k: Option<usize>,
    rng: Pcg64,
}

impl Sampler {
    /// `temperature` 1 draws as the model predicts, below 1 more boldly, 0 always the likeliest; `top_k` leaves out all but
    /// the k likeliest tokens.
    ///
    /// # Errors
    /// [`Error::Config`] for a temperature that is negative or not a number, or a `top_k` of 0.
    pub fn new(temperature: f64, top_k: Option<usize>, seed: u64) -> Result<Sampler> {
        if !(temperature >= 0.0 && temperature.is_finite()) {
            return Err(Error::Config(format!("a temperature of {temperature} is impossible; try 0.6 to 1.2")));
        }
        if top_k == Some(0) {
            return Err(Error::Config("top-k 0 leaves no token to choose; try 20, or leave top-k out".to_string()));
        }
        Ok(Sampler { temperature, top_k, rng: Pcg64::seed_from_u64(seed) })
    }

    /// p_i for every token; 0 outside the top k (of equal logits, the earlier token is kept).
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
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&i, &j| logits[j].total_cmp(&logits[i])); // stable: ties stay in the order of the tokens
        let n_kept = if self.temperature == 0.0 { 1 } else { self.top_k.unwrap_or(logits.len()) };
        let temperature = if self.temperature == 0.0 { 1.0 } else { self.temperature };
        let mut probabilities = vec![0.0; logits.len()];
        for &i in order.iter().take(n_kept) {
            probabilities[i] = (f64::from(logits[i] - largest) / temperature).exp();
        }
        let sum: f64 = probabilities.iter().sum();
        probabilities.iter_mut().for_each(|p| *p /= sum);
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

/// What a model wrote behind a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continuation {
    /// Prefix and continuation, without the blank line that ends the tune.
    pub text: String,
    /// Tokens drawn, those of the blank line too.
    pub n_tokens: usize,
    /// Whether the model ended the tune with a blank line; otherwise it was cut.
    pub ended: bool,
}

/// Lets a model continue `prefix`, as a tune that starts after a blank line, until a blank line ends it or `max_tokens` are
/// drawn. `next` reads one token and gives the logits of the one after it, as [`crate::models::Decoder::next`] does.
///
/// # Errors
/// [`Error::Data`] for a prefix with characters outside the vocabulary, and what `next` and [`Sampler::draw`] fail with.
pub fn continue_tune(
    mut next: impl FnMut(u32) -> Result<Vec<f32>>,
    tokenizer: &Tokenizer,
    prefix: &str,
    sampler: &mut Sampler,
    max_tokens: usize,
) -> Result<Continuation> {
    let prefix_tokens = tokenizer.encode(prefix)?; // by itself, so that an error counts its lines from the prefix
    let before = tokenizer.encode(BEFORE_A_TUNE).unwrap_or_default(); // a vocabulary without line breaks knows no tunes
    if before.is_empty() && prefix.is_empty() {
        return Err(Error::Data(
            "this vocabulary has no line break, with which tunes begin and end: give the model a beginning (a prompt, --prefix)"
                .to_string(),
        ));
    }
    let mut logits = Vec::new();
    for token in before.into_iter().chain(prefix_tokens) {
        logits = next(u32::from(token))?;
    }
    let mut text = prefix.to_string();
    for n_tokens in 1..=max_tokens {
        let token = sampler.draw(&logits)?;
        let drawn = tokenizer.decode(&[token as u16]);
        let at_line_start = text.is_empty() || text.ends_with('\n');
        if drawn == "\n" && at_line_start {
            return Ok(Continuation { text, n_tokens, ended: true });
        }
        text.push_str(&drawn);
        if n_tokens < max_tokens {
            logits = next(token)?;
        }
    }
    Ok(Continuation { text, n_tokens: max_tokens, ended: false })
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
            let found = frequencies(&mut Sampler::new(temperature, None, 7).unwrap(), n);
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
        let found = frequencies(&mut Sampler::new(3.0, Some(2), 1).unwrap(), 5000);
        assert_eq!([found[1], found[3], found[4]], [0.0; 3]);
        assert!(found[0] > 0.3 && found[2] > 0.5); // 1 / (1 + e^0.5) = 0.378
    }

    #[test]
    fn equal_logits_still_leave_only_k() {
        let p = Sampler::new(1.0, Some(2), 1).unwrap().probabilities(&[0.0; 5]).unwrap();
        assert_eq!(p, [0.5, 0.5, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn temperature_near_or_at_zero_takes_the_likeliest() {
        for temperature in [0.0, 1e-300, 1e-3] {
            assert_eq!(frequencies(&mut Sampler::new(temperature, None, 3).unwrap(), 200)[2], 1.0);
        }
    }

    #[test]
    fn what_cannot_be_drawn_from_is_an_error() {
        let error = |result: Result<Sampler>| result.unwrap_err().to_string();
        assert!(error(Sampler::new(-1.0, None, 0)).contains("a temperature of -1 is impossible"));
        assert!(error(Sampler::new(f64::NAN, None, 0)).contains("impossible"));
        assert!(error(Sampler::new(1.0, Some(0), 0)).contains("top-k 0"));
        let mut sampler = Sampler::new(1.0, None, 0).unwrap();
        for logits in [&[f32::NAN, 1.0][..], &[f32::INFINITY, 0.0], &[f32::NEG_INFINITY; 2], &[]] {
            assert!(sampler.draw(logits).unwrap_err().to_string().contains("not finite"));
        }
        assert_eq!(sampler.draw(&[f32::NEG_INFINITY, 0.0]).unwrap(), 1);
    }

    /// Plays back `script` whatever it is told, and keeps what it is told.
    fn play_back(script: &str, prefix: &str, max_tokens: usize) -> (Continuation, String) {
        let tokenizer = Tokenizer::from_text("\nABC|:").unwrap();
        let script = tokenizer.encode(script).unwrap();
        let (mut told, n_before) = (Vec::new(), 2 + prefix.len());
        let next = |token: u32| {
            told.push(token as u16);
            let mut logits = vec![0.0; tokenizer.vocab_size()];
            if let Some(&token) = (told.len() - 1).checked_sub(n_before - 1).and_then(|i| script.get(i)) {
                logits[usize::from(token)] = 100.0;
            }
            Ok(logits)
        };
        let mut sampler = Sampler::new(0.0, None, 0).unwrap();
        let written = continue_tune(next, &tokenizer, prefix, &mut sampler, max_tokens).unwrap();
        (written, tokenizer.decode(&told))
    }

    #[test]
    fn a_tune_starts_after_a_blank_line_and_ends_at_one() {
        let (written, told) = play_back("BC|\nA|\n\nB", "A:\n", 100);
        assert_eq!(written, Continuation { text: "A:\nBC|\nA|\n".to_string(), n_tokens: 8, ended: true });
        assert_eq!(told, "\n\nA:\nBC|\nA|\n");
    }

    #[test]
    fn a_tune_that_does_not_end_is_cut() {
        assert_eq!(play_back("ABC", "", 2).0, Continuation { text: "AB".to_string(), n_tokens: 2, ended: false });
        assert_eq!(play_back("ABC", "A", 0).0, Continuation { text: "A".to_string(), n_tokens: 0, ended: false });
    }

    #[test]
    fn a_vocabulary_without_line_breaks_needs_a_beginning_and_goes_on_to_the_longest_length() {
        let tokenizer = Tokenizer::from_text("ACGT").unwrap();
        let write = |prefix: &str| {
            let mut sampler = Sampler::new(0.0, None, 0).unwrap();
            continue_tune(|token| Ok(vec![token as f32, 0.5, 0.0, 0.0]), &tokenizer, prefix, &mut sampler, 3)
        };
        assert_eq!(write("GC").unwrap(), Continuation { text: "GCACA".to_string(), n_tokens: 3, ended: false });
        let error = write("").unwrap_err().to_string();
        assert!(error.contains("no line break") && error.contains("--prefix"), "{error}");
    }

    #[test]
    fn a_blank_line_at_once_is_an_empty_tune() {
        assert_eq!(play_back("\nA", "", 9).0, Continuation { text: String::new(), n_tokens: 1, ended: true });
        assert_eq!(play_back("\nA", "A\n", 9).0, Continuation { text: "A\n".to_string(), n_tokens: 1, ended: true });
    }
}
