//! The lines that every loss figure carries: the best n-gram and gzip.

use super::{Baselines, Study};
use crate::Result;
use crate::data::Split;
use crate::figures::Reference;
use crate::models::{NGram, gzip_bits_per_char};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The n-gram that does best on the validation split, of orders 1 to 8; counted on as many tokens as each model of the study sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BestNGram {
    /// Characters that it looks at, the predicted one included.
    pub order: usize,
    /// Nats per token.
    pub val_loss: f64,
    /// Of each order from 1 up.
    pub val_loss_by_order: Vec<f64>,
    /// Tokens of the training text that were counted.
    pub n_tokens: usize,
}

impl BestNGram {
    /// One sentence about a model's loss: whether it beats counting.
    pub fn judge(&self, name: &str, val_loss: f64) -> String {
        let (order, ngram) = (self.order, self.val_loss);
        let verb = if val_loss < ngram { "beats" } else { "LOSES to" };
        format!("{name} {verb} the {order}-gram: {val_loss:.4} against {ngram:.4} nats per token.")
    }

    /// A line of a loss figure.
    pub fn reference(&self) -> Reference {
        Reference::new(format!("{}-gram", self.order), self.val_loss)
    }
}

/// gzip on the validation text.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gzip {
    /// Bits of the compressed text for each character.
    pub bits_per_char: f64,
    /// The same in nats; one token is one character.
    pub val_loss: f64,
    /// Of the text.
    pub n_tokens: usize,
}

impl Gzip {
    /// Compresses a text of this length.
    pub fn of(text: &str, n_tokens: usize) -> Gzip {
        let bits_per_char = gzip_bits_per_char(text);
        Gzip { bits_per_char, val_loss: bits_per_char * std::f64::consts::LN_2, n_tokens }
    }

    /// A line of a loss figure.
    pub fn reference(&self) -> Reference {
        Reference::new("gzip", self.val_loss)
    }
}

impl Baselines {
    /// Those of the best n-gram and gzip that are recorded, as lines of a loss figure.
    pub fn references(&self) -> Vec<Reference> {
        let ngram = self.ngram.as_ref().map(BestNGram::reference);
        ngram.into_iter().chain(self.gzip.as_ref().map(Gzip::reference)).collect()
    }
}

impl fmt::Display for BestNGram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BestNGram { order, val_loss, n_tokens, .. } = self;
        write!(
            f,
            "best n-gram: order {order}, {val_loss:.4} nats per token on validation, counted on {n_tokens} tokens"
        )
    }
}

impl Study {
    /// The best n-gram: as recorded, else counted now and recorded.
    ///
    /// # Errors
    /// As [`Study::corpus`], or `results.json` cannot be read or written.
    pub fn best_ngram(&self) -> Result<BestNGram> {
        let data = self.data()?;
        let vocab_size = data.tokenizer.vocab_size();
        let seen = data.subset(usize::try_from(self.preset.training.budget(data.train.len())).unwrap_or(usize::MAX));
        let n_tokens = seen.train.len();
        if let Some(recorded) = self.results()?.baselines.ngram.filter(|recorded| recorded.n_tokens == n_tokens) {
            return Ok(recorded); // of this text, not of an earlier form of the corpus
        }
        let model = NGram::train(&seen.train, vocab_size, NGram::longest_order(vocab_size))?;
        let val_loss_by_order = model.loss_by_order(&data.val);
        let best = val_loss_by_order.iter().enumerate().min_by(|p, q| p.1.total_cmp(q.1));
        let (order, val_loss) = best.map_or((1, f64::NAN), |(index, loss)| (index + 1, *loss));
        let found = BestNGram { order, val_loss, val_loss_by_order, n_tokens };
        self.record(|results| results.baselines.ngram = Some(found.clone()))?;
        Ok(found)
    }

    /// gzip on the validation text: as recorded for a text of this length, else compressed now and recorded.
    ///
    /// # Errors
    /// As [`Study::best_ngram`].
    pub fn gzip(&self) -> Result<Gzip> {
        let n_tokens = self.data()?.val.len();
        if let Some(recorded) = self.results()?.baselines.gzip.filter(|recorded| recorded.n_tokens == n_tokens) {
            return Ok(recorded);
        }
        let found = Gzip::of(&self.corpus()?.text(Split::Val)?, n_tokens);
        self.record(|results| results.baselines.gzip = Some(found))?;
        Ok(found)
    }

    /// The best n-gram and gzip as lines of a loss figure, in nats per token. Every figure whose axis is a loss has them.
    ///
    /// # Errors
    /// As [`Study::best_ngram`].
    pub fn references(&self) -> Result<Vec<Reference>> {
        Ok(vec![self.best_ngram()?.reference(), self.gzip()?.reference()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_loses_to_counting_is_said_to() {
        let ngram = BestNGram { order: 6, val_loss: 1.43, val_loss_by_order: vec![], n_tokens: 100 };
        assert_eq!(ngram.judge("tiny", 1.8315), "tiny LOSES to the 6-gram: 1.8315 against 1.4300 nats per token.");
        assert_eq!(ngram.judge("xl", 1.3176), "xl beats the 6-gram: 1.3176 against 1.4300 nats per token.");
    }
}
