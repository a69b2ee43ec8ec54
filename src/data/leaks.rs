//! How much of what is held out stands in the training text, too: the share of n-grams of characters of val and test that
//! occur in train, beside the same figure for splits that don't keep the same music together.
//!
//! ```text
//! share(n) = |{i : x_i … x_{i+n-1} occurs in a training tune}| / |{i}|      over all places i of the held-out tunes
//! ```
//!
//! An n-gram lies within one tune. What is held out is kept as hashes, training text is read past it: memory grows with the
//! held-out part only. Two n-grams count as equal when their 61-bit hashes are, which for 10⁹ · 10⁶ pairs of different ones
//! happens by chance about once in 2,000 reports.

use super::{Corpus, Split, Tune};
use crate::{Error, Result};
use polars::prelude::*;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use std::collections::HashMap;

/// Lengths of the n-grams in the report, in characters: a bar, two bars, four bars of a folk tune.
pub const NGRAM_LENGTHS: [usize; 3] = [16, 32, 64];

/// Random splits that the report takes the mean of.
const N_RANDOM: u64 = 5;

impl Corpus {
    /// Percent of the n-grams of val and of test that occur in train, for our splits and for random ones of the same size
    /// (the mean of five): a row for each n and held-out split.
    pub fn leaks(&self) -> Result<DataFrame> {
        let kept: Vec<&Tune> = self.kept().collect();
        let texts: Vec<&str> = kept.iter().map(|tune| tune.abc.as_str()).collect();
        let ours: Vec<Option<Split>> = kept.iter().map(|tune| tune.split).collect();
        let random: Vec<Vec<Option<Split>>> = (0..N_RANDOM).map(|seed| shuffled(&ours, seed)).collect();
        let cases: Vec<(usize, Split)> =
            NGRAM_LENGTHS.into_iter().flat_map(|n| [(n, Split::Val), (n, Split::Test)]).collect();
        let percent = |splits: &[Option<Split>], &(n, held_out): &(usize, Split)| {
            let part = |split| texts.iter().zip(splits).filter(move |(_, s)| **s == Some(split)).map(|(text, _)| *text);
            100.0 * share_of_ngrams(part(held_out), part(Split::Train), n)
        };
        let mean = |case| random.iter().map(|splits| percent(splits, case)).sum::<f64>() / N_RANDOM as f64;
        let table = df!(
            "n" => cases.iter().map(|(n, _)| *n as u64).collect::<Vec<_>>(),
            "held_out" => cases.iter().map(|(_, split)| split.name()).collect::<Vec<_>>(),
            "our_splits_percent" => cases.iter().map(|case| percent(&ours, case)).collect::<Vec<_>>(),
            "random_splits_percent" => cases.iter().map(mean).collect::<Vec<_>>(),
        );
        table.map_err(|error| Error::Data(format!("the table cannot be put together: {error}")))
    }
}

/// The same splits dealt out anew, each tune by itself.
fn shuffled(splits: &[Option<Split>], seed: u64) -> Vec<Option<Split>> {
    let mut dealt = splits.to_vec();
    dealt.shuffle(&mut rand_pcg::Pcg64::seed_from_u64(seed));
    dealt
}

/// Share of the n-grams of `held_out` (each place counts) that occur in `train`; 0 where there are none. 0 ≤ share ≤ 1.
pub fn share_of_ngrams<'a>(
    held_out: impl Iterator<Item = &'a str>,
    train: impl Iterator<Item = &'a str>,
    n: usize,
) -> f64 {
    let mut places: HashMap<u64, u64> = HashMap::new(); // how often each n-gram is held out
    held_out.flat_map(|text| ngram_hashes(text, n)).for_each(|hash| *places.entry(hash).or_default() += 1);
    let n_places: u64 = places.values().sum();
    let n_found: u64 = train.flat_map(|text| ngram_hashes(text, n)).filter_map(|hash| places.remove(&hash)).sum();
    n_found as f64 / (n_places as f64).max(1.0)
}

/// A prime, 2⁶¹ − 1.
const MODULUS: u64 = (1 << 61) - 1;
const BASE: u64 = 0x1234_5678_9abc_def1 % MODULUS; // any number in the middle

/// Hashes of all n-grams of a text, in order: h = Σ c_i · BASE^(n-1-i), rolled along.
fn ngram_hashes(text: &str, n: usize) -> impl Iterator<Item = u64> {
    let leaving = (1..n).fold(1, |power, _| times(power, BASE)); // BASE^(n-1)
    let mut first = text.chars();
    let mut hash = 0;
    text.chars().enumerate().filter_map(move |(i, c)| {
        if i >= n {
            let gone = first.next().map_or(0, u64::from);
            hash = (hash + MODULUS - times(gone, leaving)) % MODULUS;
        }
        hash = (times(hash, BASE) + u64::from(c)) % MODULUS;
        (i + 1 >= n).then_some(hash)
    })
}

fn times(a: u64, b: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(MODULUS)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tune::tests::tune;
    use crate::data::{CorpusConfig, composed};
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn share(held_out: &[&str], train: &[&str], n: usize) -> f64 {
        share_of_ngrams(held_out.iter().copied(), train.iter().copied(), n)
    }

    #[test]
    fn shares_counted_by_hand() {
        // abcabd has abc, bca, cab, abd; the training text has abc and bca.
        assert_eq!(share(&["abcabd"], &["xabcay"], 3), 0.5);
        assert_eq!(share(&["abcabc"], &["xabcx"], 3), 0.5); // abc twice of abc, bca, cab, abc
        assert_eq!(share(&["abc"], &["ab", "c"], 3), 0.0); // not across tunes
        assert_eq!(share(&["abc"], &["abc"], 3), 1.0);
        assert_eq!(share(&["ab"], &["abc"], 3), 0.0); // too short to have any
        assert_eq!(share(&["é♯b"], &["xé♯b"], 3), 1.0); // characters, not bytes
    }

    #[test]
    fn a_planted_twin_leaks_through_random_splits_and_not_through_ours() {
        let text = |i: usize| crate::music::abc::write(&composed::compose(1, i), &Default::default());
        let mut tunes: Vec<Tune> = (0..400).map(|i| tune(&format!("t{i}"), &text(i / 2))).collect(); // each tune twice
        for (i, tune) in tunes.iter_mut().enumerate() {
            tune.fingerprint = (i / 2).to_string();
            tune.abc += &" ".repeat(i % 2); // not the very same text
        }
        super::super::split::assign_splits(&mut tunes, 1);
        let (config, dir, failed) = (CorpusConfig::default(), "x".into(), Vec::new());
        let corpus = Corpus { config, dir, tunes, failed, n_files: 400, n_inputs: 400, seconds: 0.0 };
        let table = corpus.leaks().unwrap();
        assert_eq!(table.shape(), (6, 4));
        let cell = |column: &str, row: usize| table.column(column).unwrap().f64().unwrap().get(row).unwrap();
        for row in [4, 5] {
            // n = 64: whole phrases. A twin stays in training with probability 0.98.
            assert!(cell("our_splits_percent", row) < 60.0, "{table}");
            assert!(cell("random_splits_percent", row) > 85.0, "{table}");
        }
    }

    proptest! {
        #[test]
        fn rolled_hashes_find_what_a_set_of_texts_finds(held_out in "[ab]{0,40}", train in "[ab]{0,40}", n in 1usize..6) {
            let grams = |text: &str| text.as_bytes().windows(n).map(<[u8]>::to_vec).collect::<Vec<_>>();
            let seen: HashSet<Vec<u8>> = grams(&train).into_iter().collect();
            let places = grams(&held_out);
            let n_found = places.iter().filter(|gram| seen.contains(*gram)).count();
            let expected = n_found as f64 / (places.len() as f64).max(1.0);
            prop_assert_eq!(share(&[&held_out], &[&train], n), expected);
        }
    }
}
