//! What a tune has copied from the training text.
//!
//! Judged is the music that the model wrote itself: neither the prompt nor the header, which every tune shares. From each
//! character on, the longest span that stands in the training text is found exactly: wherever four characters in a row are
//! those of the training text, both are read on for as long as they agree.
//!
//! share of n-grams copied = #{places from which that span has n characters or more} / (characters - n + 1)

use super::headers::header_len;
use crate::data::TokenData;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// About two bars and about a line of a folk tune.
const SHORT: usize = 16;
const LONG: usize = 32;

/// Copies of fewer characters are not looked for: any two tunes have them in common.
const SHORTEST: usize = 4;

/// How much of a tune stands in the training text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Originality {
    /// Characters judged.
    pub n_chars: usize,
    /// Length of the longest span that stands in the training text, in characters; 0 where no four characters do.
    pub longest_copy_chars: usize,
    /// That span.
    pub longest_copy: String,
    /// Share of its 16-grams that stand in the training text; `None` for a shorter text.
    pub copied_16_grams: Option<f64>,
    /// Share of its 32-grams; `None` for a shorter text.
    pub copied_32_grams: Option<f64>,
}

impl Originality {
    /// Judges the music of `text` behind its first `prefix_len` bytes (the prompt) and behind its header, against the training
    /// split of `data`. For a real tune, to compare with, `prefix_len` is 0. Time grows with the training text: about 30 ms a
    /// million tokens.
    pub fn of(text: &str, prefix_len: usize, data: &TokenData) -> Originality {
        let written = text.get(header_len(text).max(prefix_len)..).unwrap_or_default().trim_end();
        // A real tune may hold a character that no training tune has: no span runs across it.
        let encode = |c: char| data.tokenizer.encode(c.encode_utf8(&mut [0; 4])).ok()?.first().copied();
        let tokens: Vec<u16> = written.chars().map(|c| encode(c).unwrap_or(u16::MAX)).collect();
        let lengths = copied_lengths(&tokens, &data.train);
        let longest = lengths.iter().enumerate().rev().max_by_key(|(_, length)| **length); // the first of several
        let (start, length) = longest.map_or((0, 0), |(start, length)| (start, *length));
        Originality {
            n_chars: tokens.len(),
            longest_copy_chars: length,
            longest_copy: written.chars().skip(start).take(length).collect(),
            copied_16_grams: share(&lengths, SHORT),
            copied_32_grams: share(&lengths, LONG),
        }
    }
}

/// For each place in `tokens`, the length of the longest span from there that stands in `train`, exact from [`SHORTEST`] on.
fn copied_lengths(tokens: &[u16], train: &[u16]) -> Vec<usize> {
    let mut places: HashMap<&[u16], Vec<usize>> = HashMap::new();
    for (place, seed) in tokens.windows(SHORTEST).enumerate() {
        places.entry(seed).or_default().push(place);
    }
    let mut lengths = vec![0; tokens.len()];
    for (start, seed) in train.windows(SHORTEST).enumerate() {
        for &place in places.get(seed).into_iter().flatten() {
            let is_inside_longer = place > 0 && start > 0 && tokens[place - 1] == train[start - 1];
            if !is_inside_longer {
                let same = tokens[place..].iter().zip(&train[start..]).take_while(|(ours, theirs)| ours == theirs);
                lengths[place] = same.count().max(lengths[place]);
            }
        }
    }
    for place in 1..lengths.len() {
        lengths[place] = lengths[place].max(lengths[place - 1].saturating_sub(1));
    }
    lengths
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
    use crate::data::Tokenizer;
    use rand::{Rng, SeedableRng};

    const TRAIN: &str = "X:1\nM:4/4\nL:1/8\nK:G\nGABc d2B2|ABcd e2c2|dcBA GABG|A2 A2 A4|]\n\n";

    fn judge(text: &str, prefix_len: usize) -> Originality {
        let tokenizer = Tokenizer::from_text(&format!("{TRAIN}xyzf")).unwrap();
        let train = tokenizer.encode(TRAIN).unwrap();
        let data = TokenData { dir: "".into(), tokenizer, train, val: Vec::new(), test: Vec::new() };
        Originality::of(text, prefix_len, &data)
    }

    /// The same by trying every span.
    fn by_trying(tokens: &[u16], train: &[u16]) -> Vec<usize> {
        let occurs = |span: &[u16]| train.windows(span.len()).any(|window| window == span);
        let longest = |start: usize| (1..=tokens.len() - start).rev().find(|n| occurs(&tokens[start..start + n]));
        (0..tokens.len()).map(|start| longest(start).unwrap_or(0)).collect()
    }

    #[test]
    fn copied_lengths_are_those_found_by_trying_every_span() {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(5);
        for n_symbols in [1, 2, 3, 8] {
            for _ in 0..50 {
                let mut random = |n: usize| (0..n).map(|_| rng.random_range(0..n_symbols)).collect::<Vec<u16>>();
                let (tokens, train) = (random(30), random(60));
                for (found, expected) in copied_lengths(&tokens, &train).into_iter().zip(by_trying(&tokens, &train)) {
                    assert!(found == expected || (found < SHORTEST && expected < SHORTEST), "{found} {expected}");
                }
            }
        }
        assert!(copied_lengths(&[], &[1, 2]).is_empty());
        assert_eq!(copied_lengths(&[1, 9], &[]), [0, 0]);
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
        assert_eq!(judge(&format!("{prompt}yyABcdyy\n"), prompt.len()).longest_copy, "ABcd");
        assert_eq!(judge(prompt, prompt.len()).n_chars, 0);
    }
}
