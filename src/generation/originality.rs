//! What a tune has copied from the training text.
//!
//! Judged is the music that the model wrote itself: neither the prompt nor the header, which every tune shares. At each
//! character, the longest span ending there that stands in the training text is found exactly ([`SuffixAutomaton`]):
//! ```text
//! share of n-grams copied = #{places where that span has n characters or more} / (characters - n + 1)
//! ```

use super::automaton::SuffixAutomaton;
use super::headers::header_len;
use crate::data::Tokenizer;
use serde::{Deserialize, Serialize};

/// About two bars and about a line of a folk tune.
const SHORT: usize = 16;
const LONG: usize = 32;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Originality {
    /// Characters judged.
    pub n_chars: usize,
    /// Length of the longest span that stands in the training text, in characters.
    pub longest_copy_chars: usize,
    /// That span.
    pub longest_copy: String,
    /// Share of its 16-grams that stand in the training text; `None` for a shorter text.
    pub copied_16_grams: Option<f64>,
    /// Share of its 32-grams; `None` for a shorter text.
    pub copied_32_grams: Option<f64>,
}

impl Originality {
    /// Judges the music of `text` behind its first `prefix_len` bytes (the prompt) and behind its header. For a real tune,
    /// to compare with, `prefix_len` is 0. Time grows with the training text: about 10 ms a million tokens.
    pub fn of(text: &str, prefix_len: usize, tokenizer: &Tokenizer, train: &[u16]) -> Originality {
        let written = text.get(header_len(text).max(prefix_len)..).unwrap_or_default().trim_end();
        // A real tune may hold a character that no training tune has: no span runs across it.
        let encode =
            |c: char| tokenizer.encode(c.encode_utf8(&mut [0; 4])).ok().and_then(|tokens| tokens.first().copied());
        let tokens: Vec<u16> = written.chars().map(|c| encode(c).unwrap_or(u16::MAX)).collect();
        let lengths = SuffixAutomaton::new(&tokens).copied_lengths(train);
        let longest = lengths.iter().enumerate().max_by_key(|(end, length)| (**length, std::cmp::Reverse(*end)));
        let (end, length) = longest.map_or((0, 0), |(end, length)| (end + 1, *length));
        Originality {
            n_chars: tokens.len(),
            longest_copy_chars: length,
            longest_copy: written.chars().skip(end - length).take(length).collect(),
            copied_16_grams: share(&lengths, SHORT),
            copied_32_grams: share(&lengths, LONG),
        }
    }
}

/// Share of the n-grams that are copied.
fn share(lengths: &[usize], n: usize) -> Option<f64> {
    let n_grams = (lengths.len() + 1).checked_sub(n).filter(|n_grams| *n_grams > 0)?;
    Some(lengths.iter().filter(|length| **length >= n).count() as f64 / n_grams as f64)
}

impl std::fmt::Display for Originality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "longest copy {} of {} characters", self.longest_copy_chars, self.n_chars)?;
        let percent = |share: Option<f64>| {
            share.map_or("none long enough".to_string(), |share| format!("{:.0} %", 100.0 * share))
        };
        write!(f, ", copied 16-grams {}, 32-grams {}", percent(self.copied_16_grams), percent(self.copied_32_grams))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAIN: &str = "X:1\nM:4/4\nL:1/8\nK:G\nGABc d2B2|ABcd e2c2|dcBA GABG|A2 A2 A4|]\n\n";

    fn judge(text: &str, prefix_len: usize) -> Originality {
        let tokenizer = Tokenizer::from_text(&format!("{TRAIN}xyzf")).unwrap();
        Originality::of(text, prefix_len, &tokenizer, &tokenizer.encode(TRAIN).unwrap())
    }

    #[test]
    fn a_planted_copy_is_found_and_shown() {
        let found = judge("X:1\nM:4/4\nL:1/8\nK:G\nffffxABcd e2c2|dcBAyffff\n", 0);
        assert_eq!((found.longest_copy_chars, found.longest_copy.as_str()), (14, "ABcd e2c2|dcBA"));
        assert_eq!((found.n_chars, found.copied_16_grams), (24, Some(0.0)));
        assert_eq!(found.copied_32_grams, None);
    }

    #[test]
    fn the_share_counts_the_n_grams_inside_the_copy() {
        let copy = "GABc d2B2|ABcd e2c2|dcBA"; // 24 characters: 9 16-grams
        let found = judge(&format!("{copy}yyyyyyyyyyyyyyyy"), 0); // 40 characters: 25 16-grams, 9 32-grams
        assert_eq!(found.copied_16_grams, Some(9.0 / 25.0));
        assert_eq!(found.copied_32_grams, Some(0.0));
    }

    #[test]
    fn a_training_tune_is_copied_whole_and_its_header_does_not_count() {
        let found = judge(TRAIN, 0);
        assert_eq!((found.longest_copy_chars, found.n_chars), (40, 40));
        assert_eq!((found.copied_16_grams, found.copied_32_grams), (Some(1.0), Some(1.0)));
    }

    #[test]
    fn the_prompt_does_not_count() {
        let prompt = "X:1\nM:4/4\nL:1/8\nK:G\nGABc d2B2|";
        assert_eq!(judge(&format!("{prompt}yyAByy\n"), prompt.len()).longest_copy, "AB");
        assert_eq!(judge(prompt, prompt.len()).n_chars, 0);
    }
}
