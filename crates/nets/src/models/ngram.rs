//! Baselines that need no training: n-grams with Witten-Bell smoothing, and gzip.
//!
//! P_n(w | h) = (c(h, w) + T(h)·P_(n-1)(w | h')) / (c(h) + T(h)), where c counts in the training tokens, T(h) is the number
//! of different tokens seen after h, h' is h without its oldest token, and P_0 = 1/V (Witten and Bell 1991).

use crate::{Error, Result};
use flate2::{Compression, write::GzEncoder};
use rayon::slice::ParallelSliceMut;
use std::io::Write;

/// The longest n-gram.
const MAX_ORDER: usize = 8;

/// Counts of all n-grams up to an order. Memory: 12 bytes for each different n-gram.
///
/// ```
/// # fn main() -> nets::Result<()> {
/// // 0 was seen twice and 1 three times, two kinds out of three: P(1) = (3 + 2/3) / 7.
/// let model = nets::models::NGram::train(&[0, 1, 0, 1, 1], 3, 1)?;
/// assert!((model.loss(&[0, 1]) + f64::ln((3.0 + 2.0 / 3.0) / 7.0)).abs() < 1e-12);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct NGram {
    vocab_size: usize,
    bits: u32, // of one token inside a key
    tables: Vec<Table>,
}

/// The n-grams of one order, sorted: an n-gram is its tokens side by side in one number, the newest in the lowest bits.
#[derive(Clone)]
struct Table {
    keys: Vec<u64>,
    /// `ends[i]`: how many n-grams of the training tokens have a key up to the i-th.
    ends: Vec<u32>,
}

impl std::fmt::Debug for NGram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n_keys: usize = self.tables.iter().map(|table| table.keys.len()).sum();
        write!(f, "NGram {{ order: {}, vocab_size: {}, n_grams: {n_keys} }}", self.order(), self.vocab_size)
    }
}

impl NGram {
    /// Counts the n-grams of up to `order` (1 to 8) tokens.
    ///
    /// # Errors
    /// The tokens do not fit the vocabulary, or `order` of them not into 64 bits.
    pub fn train(tokens: &[u16], vocab_size: usize, order: usize) -> Result<Self> {
        if !(1..=MAX_ORDER).contains(&order) {
            return Err(Error::Config(format!("an n-gram of order {order} is not offered; try 1 to {MAX_ORDER}")));
        }
        if let Some(token) = tokens.iter().find(|&&token| usize::from(token) >= vocab_size) {
            return Err(Error::Data(format!("token {token} is outside the vocabulary of {vocab_size}")));
        }
        if u32::try_from(tokens.len()).is_err() {
            return Err(Error::Data(format!(
                "{} tokens are more than an n-gram model counts; give it a subset",
                tokens.len()
            )));
        }
        let bits = bits_of(vocab_size);
        if order as u32 * bits > u64::BITS {
            let fits = u64::BITS / bits;
            return Err(Error::Config(format!(
                "{order} tokens of a vocabulary of {vocab_size} do not fit 64 bits; try order {fits}"
            )));
        }
        let tables = (1..=order).map(|n| Table::count(tokens, n, bits)).collect();
        Ok(NGram { vocab_size, bits, tables })
    }

    /// The longest order that [`NGram::train`] takes for this vocabulary.
    pub fn longest_order(vocab_size: usize) -> usize {
        ((u64::BITS / bits_of(vocab_size)) as usize).clamp(1, MAX_ORDER)
    }

    /// The longest n-gram that is counted.
    pub fn order(&self) -> usize {
        self.tables.len()
    }

    /// Mean loss in nats per token at the highest order, every token predicted but the first.
    pub fn loss(&self, tokens: &[u16]) -> f64 {
        self.loss_by_order(tokens).last().copied().unwrap_or(f64::NAN)
    }

    /// The same for every order from 1 up. NaN where there is nothing to predict.
    pub fn loss_by_order(&self, tokens: &[u16]) -> Vec<f64> {
        let mut sums = vec![0.0; self.order()];
        for end in 1..tokens.len() {
            self.predict(tokens, end, |n, probability| sums[n] -= probability.ln());
        }
        let n_predicted = tokens.len().saturating_sub(1);
        sums.iter().map(|sum| if n_predicted > 0 { sum / n_predicted as f64 } else { f64::NAN }).collect()
    }

    /// −ln p of every token but the first, at the highest order, nats.
    pub fn token_losses(&self, tokens: &[u16]) -> Vec<f64> {
        let loss = |end| {
            let mut last = f64::NAN;
            self.predict(tokens, end, |_, probability| last = -probability.ln());
            last
        };
        (1..tokens.len()).map(loss).collect()
    }

    /// Calls `each` with the probability of `tokens[end]` for each order, from the shortest (0) to the longest; an order that
    /// reaches back before the first token has that of the order before.
    fn predict(&self, tokens: &[u16], end: usize, mut each: impl FnMut(usize, f64)) {
        let mut probability = 1.0 / self.vocab_size as f64;
        for (n, table) in self.tables.iter().enumerate() {
            if n <= end {
                probability = table.smooth(key(&tokens[end - n..=end], self.bits), self.bits, probability);
            }
            each(n, probability);
        }
    }
}

/// Bits that one token of this vocabulary takes in a key.
fn bits_of(vocab_size: usize) -> u32 {
    (usize::BITS - vocab_size.saturating_sub(1).leading_zeros()).max(1)
}

/// Tokens side by side in one number.
fn key(tokens: &[u16], bits: u32) -> u64 {
    tokens.iter().fold(0, |key, &token| key << bits | u64::from(token))
}

impl Table {
    fn count(tokens: &[u16], n: usize, bits: u32) -> Self {
        let mut all: Vec<u64> = tokens.windows(n).map(|tokens| key(tokens, bits)).collect();
        all.par_sort_unstable();
        let mut ends = Vec::new();
        for (i, key) in all.iter().enumerate() {
            if all.get(i + 1) != Some(key) {
                ends.push(i as u32 + 1);
            }
        }
        all.dedup();
        all.shrink_to_fit();
        Table { keys: all, ends }
    }

    /// How many training n-grams have one of the first `i` keys.
    fn before(&self, i: usize) -> u32 {
        if i == 0 { 0 } else { self.ends[i - 1] }
    }

    /// P_n of the newest token of `key`, given P_(n-1).
    fn smooth(&self, key: u64, bits: u32, shorter: f64) -> f64 {
        let context = key >> bits;
        let from = self.keys.partition_point(|&key| key >> bits < context);
        let here = &self.keys[from..];
        let n_different = here.partition_point(|&key| key >> bits == context); // T(h)
        if n_different == 0 {
            return shorter;
        }
        let of_context = self.before(from + n_different) - self.before(from); // c(h)
        let of_key = match here[..n_different].binary_search(&key) {
            Ok(i) => self.before(from + i + 1) - self.before(from + i), // c(h, w)
            Err(_) => 0,
        };
        (f64::from(of_key) + n_different as f64 * shorter) / (f64::from(of_context) + n_different as f64)
    }
}

/// Bits per character of `text` compressed alone by gzip at its highest level.
pub fn gzip_bits_per_char(text: &str) -> f64 {
    8.0 * gzip(&[text]) as f64 / text.chars().count() as f64
}

/// Bits per character that `text` adds when it is compressed after `before`. gzip looks back 32 KB, so it gains little
/// more from the training text than its last tunes.
pub fn gzip_bits_per_char_after(before: &str, text: &str) -> f64 {
    8.0 * (gzip(&[before, text]) as f64 - gzip(&[before]) as f64) / text.chars().count() as f64
}

/// Compressed bytes.
fn gzip(texts: &[&str]) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = texts.iter().try_for_each(|text| encoder.write_all(text.as_bytes())).and_then(|()| encoder.finish());
    written.map_or(0, |bytes| bytes.len()) // memory takes all that is written: it cannot fail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_witten_bell_worked_by_hand() {
        // Training 0 1 0 1 1: c(0) = 2, c(1) = 3, T = 2 of V = 3. P_1(1) = (3 + 2/3) / 7, P_1(0) = (2 + 2/3) / 7.
        // After 0: 1 twice, so T = 1 and P_2(1 | 0) = (2 + P_1(1)) / 3; after 1: 0 and 1 once each.
        let model = NGram::train(&[0, 1, 0, 1, 1], 3, 2).unwrap();
        let (p_1, p_0) = ((3.0 + 2.0 / 3.0) / 7.0, (2.0 + 2.0 / 3.0) / 7.0);
        assert!((model.loss_by_order(&[0, 1])[0] + f64::ln(p_1)).abs() < 1e-12);
        assert!((model.loss(&[0, 1]) + f64::ln((2.0 + p_1) / 3.0)).abs() < 1e-12);
        assert!((model.loss(&[1, 0]) + f64::ln((1.0 + 2.0 * p_0) / 4.0)).abs() < 1e-12);
        let unseen = f64::ln((2.0 / 3.0) / 7.0); // token 2 after token 2: an unknown context falls back
        assert!((model.loss(&[2, 2]) + unseen).abs() < 1e-12);
    }

    #[test]
    fn probabilities_add_up_to_one_at_every_order() {
        let tokens: Vec<u16> = (0..500u32).map(|i| (i * i % 7 + i % 3) as u16 % 6).collect();
        let model = NGram::train(&tokens, 6, 8).unwrap();
        for context in [&tokens[3..10], &[5, 5, 5, 5, 5, 5, 5]] {
            let mut sums = [0.0; 8];
            for next in 0..6 {
                let with = model.loss_by_order(&[context, &[next]].concat());
                let without = model.loss_by_order(context);
                let n = context.len() as f64;
                (0..8).for_each(|i| sums[i] += (without[i] * (n - 1.0) - with[i] * n).exp());
            }
            sums.iter().for_each(|sum| assert!((sum - 1.0).abs() < 1e-9, "{sums:?}"));
        }
    }

    #[test]
    fn the_losses_of_the_tokens_have_the_loss_as_their_mean() {
        let tokens: Vec<u16> = (0..300u32).map(|i| (i * i % 11) as u16 % 6).collect();
        let model = NGram::train(&tokens[..200], 6, NGram::longest_order(6)).unwrap();
        let losses = model.token_losses(&tokens[200..]);
        assert_eq!(losses.len(), 99);
        assert!((losses.iter().sum::<f64>() / 99.0 - model.loss(&tokens[200..])).abs() < 1e-12);
        assert_eq!((NGram::longest_order(67), NGram::longest_order(50_257)), (8, 4));
    }

    #[test]
    fn a_longer_context_predicts_a_repeated_phrase_better() {
        let phrase: Vec<u16> = vec![1, 2, 1, 3, 1, 2, 1, 4, 0];
        let losses = NGram::train(&phrase.repeat(100), 5, 6).unwrap().loss_by_order(&phrase.repeat(5));
        assert!(losses.windows(2).all(|pair| pair[1] <= pair[0] + 1e-3) && losses[5] < 0.2, "{losses:?}");
    }

    #[test]
    fn bad_requests_are_refused_in_a_sentence() {
        let message = |tokens: &[u16], v, n| NGram::train(tokens, v, n).unwrap_err().to_string();
        assert_eq!(message(&[0], 2, 9), "an n-gram of order 9 is not offered; try 1 to 8");
        assert_eq!(message(&[7], 5, 2), "token 7 is outside the vocabulary of 5");
        assert_eq!(message(&[7], 50_257, 8), "8 tokens of a vocabulary of 50257 do not fit 64 bits; try order 4");
        assert!(NGram::train(&[], 5, 2).unwrap().loss(&[1, 2]) - 5f64.ln() < 1e-12);
    }

    #[test]
    fn gzip_needs_few_bits_for_what_it_has_seen() {
        let text = "X:1\nM:4/4\nK:G\nG2 B2 d2 g2|\n";
        assert!(gzip_bits_per_char(text) > 8.0); // its header is longer than what it saves
        assert!(gzip_bits_per_char_after(text, text) < 2.0);
        assert!(gzip_bits_per_char(&text.repeat(1000)) < 0.1);
    }
}
