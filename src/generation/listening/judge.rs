//! What listeners would rather hear again: from their codes and the page's key.

use super::Key;
use super::code::{self, Answer};
use crate::generation::Rate;
use crate::{Error, Result};
use serde::Serialize;

/// Answers to one kind of comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preference {
    /// Whose tunes,
    pub first: String,
    /// against whose.
    pub second: String,
    /// Answers for the first, for the second, and for neither.
    pub n_first: usize,
    /// See `n_first`.
    pub n_second: usize,
    /// See `n_first`.
    pub n_neither: usize,
    /// Answers for the first among those that chose, with Wilson's 95 % interval.
    pub for_first: Rate,
}

/// What all codes together say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// Listeners: one code each.
    pub n_codes: usize,
    /// In the order in which the comparisons first come in the key.
    pub preferences: Vec<Preference>,
}

/// Counts the answers of all codes by kind of comparison.
///
/// # Errors
/// No code, a code that is not one of this page, or the same code twice: the error says which, where, and what to do.
pub fn judge(key: &Key, codes: &[String]) -> Result<Judgement> {
    if codes.is_empty() {
        return Err(Error::Data("there is no code to judge; the listening page shows one at its end".to_string()));
    }
    let mut preferences: Vec<Preference> = Vec::new();
    let mut sheets: Vec<Vec<Answer>> = Vec::new();
    for (number, code) in (1..).zip(codes) {
        let which = if codes.len() == 1 { "the code".to_string() } else { format!("code {number}") };
        let answers = code::decode(code, &which, &key.page, key.pairs.len())?;
        if let Some(earlier) = sheets.iter().position(|sheet| *sheet == answers) {
            let earlier = earlier + 1;
            return Err(Error::Data(format!(
                "{which} ({code}) is code {earlier} again; give each listener's code once"
            )));
        }
        for (pair, answer) in key.pairs.iter().zip(&answers) {
            count(&mut preferences, pair, *answer);
        }
        sheets.push(answers);
    }
    for one in &mut preferences {
        one.for_first = Rate::new(one.n_first, one.n_first + one.n_second);
    }
    Ok(Judgement { n_codes: codes.len(), preferences })
}

fn count(preferences: &mut Vec<Preference>, pair: &super::KeyPair, answer: Answer) {
    let is_same = |one: &Preference| one.first == pair.first && one.second == pair.second;
    let index = preferences.iter().position(is_same).unwrap_or_else(|| {
        let (first, second) = (pair.first.clone(), pair.second.clone());
        preferences.push(Preference {
            first,
            second,
            n_first: 0,
            n_second: 0,
            n_neither: 0,
            for_first: Rate::new(0, 0),
        });
        preferences.len() - 1
    });
    let Some(one) = preferences.get_mut(index) else { return };
    match answer {
        Answer::Neither => one.n_neither += 1,
        Answer::A if pair.first_is_a => one.n_first += 1,
        Answer::B if !pair.first_is_a => one.n_first += 1,
        Answer::A | Answer::B => one.n_second += 1,
    }
}

impl std::fmt::Display for Preference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Preference { first, second, n_first, n_second, n_neither, for_first } = self;
        write!(f, "{first} against {second}: {n_first} answers for the first, {n_second} for the second, ")?;
        write!(f, "{n_neither} without preference. ")?;
        if for_first.n == 0 {
            return write!(f, "Nobody chose, so nothing can be said.");
        }
        let Rate { n, rate, low, high, .. } = for_first;
        let [percent, from, to] = [rate, low, high].map(|share| 100.0 * share);
        write!(f, "Of {n} that chose, {percent:.0} % [{from:.0} %, {to:.0} %] would rather hear the first again: ")?;
        write!(
            f,
            "{}",
            match (*low > 0.5, *high < 0.5) {
                (true, _) => "the first is preferred.",
                (_, true) => "the second is preferred.",
                _ => "the interval holds 50 %, so no preference is shown.",
            }
        )
    }
}

impl std::fmt::Display for Judgement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let listeners = if self.n_codes == 1 { "listener" } else { "listeners" };
        write!(
            f,
            "{} {listeners}; shares with 95 % Wilson intervals, which take every answer as independent:",
            self.n_codes
        )?;
        write!(f, " those of one listener are not, so the intervals are rather too narrow.")?;
        self.preferences.iter().try_for_each(|one| write!(f, "\n  {one}"))
    }
}
