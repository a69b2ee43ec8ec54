//! How much of what is held out stands in the training text, too: the share of n-grams of characters of val and test that
//! occur in train, beside the same figure for splits that don't keep the same music together.
//!
//! share(n) = |{i : x_i … x_{i+n-1} occurs in a training tune}| / |{i}|, over all places i of the held-out tunes
//!
//! An n-gram lies within one tune. What is held out is kept as hashes, all tunes are read past it from the disk: memory grows
//! with the held-out part only, and not beyond a limit: of more than 200,000 held-out characters a share of the n-grams is
//! looked at, chosen by their hashes. Two n-grams count as equal when their 64-bit hashes are.

use super::{Corpus, Split};
use crate::Result;
use polars::prelude::*;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use std::collections::HashMap;

/// Lengths of the n-grams in the report, in characters: a bar, two bars, four bars of a folk tune.
const NGRAM_LENGTHS: [usize; 3] = [16, 32, 64];

/// Random splits that the report takes the mean of.
const N_RANDOM: u64 = 5;

/// N-grams of each length and held-out split that are looked for, about; keeps memory below 200 MB.
const N_PLACES: usize = 200_000;

impl Corpus {
    /// Percent of the n-grams of val and of test that occur in train, for our splits and for random ones of the same size
    /// (the mean of five): a row for each n and held-out split.
    ///
    /// # Errors
    /// The tunes cannot be read.
    pub fn leaks(&self) -> Result<DataFrame> {
        let ours = self.map_kept(|tune| tune.split)?;
        let mut random = [0.0; 2 * NGRAM_LENGTHS.len()];
        for seed in 0..N_RANDOM {
            let percents = self.leaked_percents(&shuffled(&ours, seed))?;
            random.iter_mut().zip(percents).for_each(|(mean, percent)| *mean += percent / N_RANDOM as f64);
        }
        let cases = NGRAM_LENGTHS.iter().flat_map(|&n| [(n as u64, "val"), (n as u64, "test")]);
        let (lengths, held_out): (Vec<u64>, Vec<&str>) = cases.unzip();
        Ok(df!(
            "n" => lengths,
            "held_out" => held_out,
            "our_splits_percent" => self.leaked_percents(&ours)?,
            "random_splits_percent" => random,
        )?)
    }

    /// Of val and of test, for each length of n-grams, where the kept tunes are split like this.
    fn leaked_percents(&self, splits: &[Option<Split>]) -> Result<Vec<f64>> {
        let every = 1 + (self.n_chars(Split::Val).max(self.n_chars(Split::Test)) / N_PLACES) as u64;
        let mut held_out: [[Ngrams; 2]; NGRAM_LENGTHS.len()] = Default::default();
        for looks_at_train in [false, true] {
            for (tune, split) in self.kept()?.zip(splits) {
                let text = tune?.abc;
                if (*split == Some(Split::Train)) != looks_at_train {
                    continue;
                }
                for (n, [val, test]) in NGRAM_LENGTHS.into_iter().zip(&mut held_out) {
                    let hashes = ngram_hashes(&text, n).filter(|hash| hash.is_multiple_of(every));
                    match split {
                        Some(Split::Val) => hashes.for_each(|hash| val.add(hash)),
                        Some(Split::Test) => hashes.for_each(|hash| test.add(hash)),
                        _ => hashes.for_each(|hash| [&mut *val, &mut *test].into_iter().for_each(|of| of.find(hash))),
                    }
                }
            }
        }
        Ok(held_out.iter().flatten().map(|ngrams| 100.0 * ngrams.share()).collect())
    }
}

/// The same splits dealt out anew, each tune by itself.
fn shuffled(splits: &[Option<Split>], seed: u64) -> Vec<Option<Split>> {
    let mut dealt = splits.to_vec();
    dealt.shuffle(&mut rand_pcg::Pcg64::seed_from_u64(seed));
    dealt
}

/// The n-grams of what is held out.
#[derive(Default)]
struct Ngrams {
    /// How often each occurs that was not found yet.
    places: HashMap<u64, u64>,
    n_places: u64,
    n_found: u64,
}

impl Ngrams {
    fn add(&mut self, hash: u64) {
        *self.places.entry(hash).or_default() += 1;
        self.n_places += 1;
    }

    fn find(&mut self, hash: u64) {
        self.n_found += self.places.remove(&hash).unwrap_or(0);
    }

    /// Share of the places whose n-gram was found; 0 where there are none. 0 ≤ share ≤ 1.
    fn share(&self) -> f64 {
        self.n_found as f64 / (self.n_places as f64).max(1.0)
    }
}

/// Any odd number with its bits well mixed.
const BASE: u64 = 0x1234_5678_9abc_def1;

/// Hashes of all n-grams of a text, in order: h = Σ c_i · BASE^(n-1-i) modulo 2⁶⁴, rolled along, its high bits mixed into the low.
fn ngram_hashes(text: &str, n: usize) -> impl Iterator<Item = u64> {
    let leaving = BASE.wrapping_pow(n as u32);
    let mut first = text.chars();
    let mut hash = 0_u64;
    text.chars().enumerate().filter_map(move |(i, c)| {
        hash = hash.wrapping_mul(BASE).wrapping_add(u64::from(c));
        if i >= n {
            hash = hash.wrapping_sub(first.next().map_or(0, u64::from).wrapping_mul(leaving));
        }
        (i + 1 >= n).then_some(hash ^ (hash >> 32))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::corpus::tests::corpus_of;
    use crate::data::tune::tests::tune;
    use crate::data::{Tune, composed};
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn share(held_out: &[&str], train: &[&str], n: usize) -> f64 {
        let mut ngrams = Ngrams::default();
        held_out.iter().flat_map(|text| ngram_hashes(text, n)).for_each(|hash| ngrams.add(hash));
        train.iter().flat_map(|text| ngram_hashes(text, n)).for_each(|hash| ngrams.find(hash));
        ngrams.share()
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
            tune.abc += &" ".repeat(i % 2); // not the very same text
            tune.split = Some([Split::Train, Split::Val, Split::Test][usize::from(i > 391) + usize::from(i > 395)]); // twins together
        }
        let folder = tempfile::tempdir().unwrap();
        let table = corpus_of(folder.path(), &tunes, Vec::new()).leaks().unwrap();
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
