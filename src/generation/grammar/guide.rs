//! The grammar in the tokens of a vocabulary.

use super::Grammar;
use crate::{Error, Result};

/// A guided tune is brought to its end with so many tokens left, if it has not ended.
const CLOSING: usize = 16;

/// A tune that is written under the grammar, in the characters of a vocabulary.
#[derive(Debug)]
pub(in crate::generation) struct Guide<'a> {
    chars: &'a [char],
    pub(super) grammar: Grammar,
}

impl<'a> Guide<'a> {
    /// A tune that begins with `prefix`. Errors: the grammar does not allow it.
    pub fn new(chars: &'a [char], prefix: &str) -> Result<Self> {
        Ok(Guide { chars, grammar: Grammar::read(prefix)? })
    }

    /// Which tokens may come next, where at most `n_left` can. Errors: there is none in this vocabulary.
    pub fn allowed(&self, n_left: usize) -> Result<Vec<bool>> {
        let mut allowed: Vec<bool> = self.chars.iter().map(|&c| self.grammar.after(c).is_some()).collect();
        let is_allowed = |wanted: &char| self.chars.iter().zip(&allowed).any(|(c, allowed)| c == wanted && *allowed);
        if let Some(closing) = ['\n', ']', '|', '}'].iter().find(|c| n_left <= CLOSING && is_allowed(c)) {
            allowed = self.chars.iter().map(|c| c == closing).collect();
        }
        if !allowed.contains(&true) {
            let message = "the grammar of guided sampling needs a character here that the vocabulary has not; sample without the guide";
            return Err(Error::Config(message.to_string()));
        }
        Ok(allowed)
    }

    /// Goes on with a character that was allowed.
    pub fn take(&mut self, c: char) {
        self.grammar = self.grammar.after(c).unwrap_or_else(|| self.grammar.clone());
    }
}
