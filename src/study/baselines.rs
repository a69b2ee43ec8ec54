//! The lines that every loss figure carries: the best n-gram and gzip.

use super::Study;
use crate::Result;
use crate::data::Split;
use crate::figures::Reference;
use crate::models::{NGram, gzip_bits_per_char};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;

/// The n-gram that does best on the validation split, of orders 1 to 8; counted on as many tokens as each model of the study sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestNGram {
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

    pub fn reference(&self) -> Reference {
        Reference::new(format!("{}-gram", self.order), self.val_loss)
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
    /// The best n-gram: as recorded under `baselines/ngram`, else counted now and recorded.
    pub fn best_ngram(&self) -> Result<BestNGram> {
        let data = self.data()?;
        let vocab_size = data.tokenizer.vocab_size();
        let seen = data.subset(usize::try_from(self.preset.training.budget(data.train.len())).unwrap_or(usize::MAX));
        let recorded: Option<BestNGram> = self.recorded("baselines/ngram")?;
        if let Some(recorded) = recorded.filter(|recorded| recorded.n_tokens == seen.train.len()) {
            return Ok(recorded); // of this text, not of an earlier form of the corpus
        }
        let model = NGram::train(&seen.train, vocab_size, NGram::longest_order(vocab_size))?;
        let val_loss_by_order = model.loss_by_order(&data.val);
        let best = val_loss_by_order.iter().enumerate().min_by(|p, q| p.1.total_cmp(q.1));
        let (order, val_loss) = best.map_or((1, f64::NAN), |(index, loss)| (index + 1, *loss));
        let found = BestNGram { order, val_loss, val_loss_by_order, n_tokens: seen.train.len() };
        self.record("baselines/ngram", &found)?;
        Ok(found)
    }

    /// gzip's bits per character of the validation text: as recorded under `baselines/gzip` for a text of this length, else
    /// compressed now and recorded.
    pub fn gzip_bits_per_char(&self) -> Result<f64> {
        let (n_tokens, recorded) = (self.data()?.val.len(), self.recorded::<serde_json::Value>("baselines/gzip")?);
        let recorded = recorded.filter(|recorded| recorded["n_tokens"] == n_tokens);
        if let Some(bits) = recorded.and_then(|recorded| recorded["bits_per_char"].as_f64()) {
            return Ok(bits);
        }
        let bits = gzip_bits_per_char(&self.corpus()?.text(Split::Val)?);
        let val_loss = bits * std::f64::consts::LN_2; // one token is one character
        self.record("baselines/gzip", &json!({ "bits_per_char": bits, "val_loss": val_loss, "n_tokens": n_tokens }))?;
        Ok(bits)
    }

    /// The best n-gram and gzip as lines of a loss figure, in nats per token. Every figure whose axis is a loss has them.
    pub fn references(&self) -> Result<Vec<Reference>> {
        Ok(vec![self.best_ngram()?.reference(), self.gzip_reference()?])
    }

    /// Those of them that are recorded, whatever the corpus is now: for pictures that cannot wait, and for a study read from its records.
    pub(super) fn recorded_references(&self) -> Result<Vec<Reference>> {
        let ngram: Option<BestNGram> = self.recorded("baselines/ngram")?;
        let gzip = self.recorded::<serde_json::Value>("baselines/gzip")?;
        let gzip = gzip.and_then(|gzip| Some(Reference::new("gzip", gzip["val_loss"].as_f64()?)));
        Ok(ngram.map(|ngram| ngram.reference()).into_iter().chain(gzip).collect())
    }

    /// gzip alone, where an n-gram is in the figure already.
    pub fn gzip_reference(&self) -> Result<Reference> {
        Ok(Reference::new("gzip", self.gzip_bits_per_char()? * std::f64::consts::LN_2))
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
