//! A page on which people choose blindly between two tunes, and what their choices say.
//!
//! ```text
//! groups ─► draw_pairs (seed) ─► page ─┬─► listen.html ─► a listener ─► code, such as 7KQ2-9XMA-4T0B ─┐
//!                                      └─► listen.json: the key ───────────────────────────────────────┴─► judge
//! ```
//! Which side is whose stands in the page only so that it can be told at the end, and encoded so that no glance shows it. That is
//! no secret: whoever reads the script can undo it.

mod code;
mod judge;

pub use code::Answer;
pub use judge::{Judgement, Preference, judge};

use super::gallery::Group;
use super::pages::{PLAYER, STYLE, fill, json};
use super::played::Played;
use super::{Sample, pages};
use crate::figures::svg::escape;
use crate::{Error, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;

/// What a listener is asked.
pub const QUESTION: &str = "Which would you rather hear again?";

/// Both tunes of a pair are played up to the last bar line within so many seconds: twelve pairs take a quarter of an hour at most.
const LONGEST_SECONDS: f64 = 32.0;

/// Two tunes to choose from.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair<'a> {
    /// Whose tunes are compared with whose.
    pub names: [&'a str; 2],
    /// A tune of each.
    pub samples: [&'a Sample; 2],
    /// The tune called A is the first.
    pub first_is_a: bool,
}

/// What a code's answers are answers to; written beside the page as `listen.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The first group of each code of this page: a hash of the pairs.
    pub page: String,
    /// What was asked.
    pub question: String,
    /// In the order of the page.
    pub pairs: Vec<KeyPair>,
}

/// One pair of a [`Key`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPair {
    /// Whose tune,
    pub first: String,
    /// against whose.
    pub second: String,
    /// Seeds of both tunes.
    pub seeds: [u64; 2],
    /// The tune called A is the first.
    pub first_is_a: bool,
}

impl Key {
    /// The key as it is kept in `listen.json`.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").map_err(|error| Error::Data(format!("the key cannot be written as JSON: {error}")))
    }

    /// Reads `listen.json`.
    ///
    /// # Errors
    /// The file is missing or is no key.
    pub fn read(file: &Path) -> Result<Key> {
        let text = std::fs::read_to_string(file).map_err(Error::file("read the listening page's key", file))?;
        serde_json::from_str(&text).map_err(|error| {
            let file = file.display();
            Error::Data(format!(
                "{file} is not the key of a listening page ({error}); write the page and its key again"
            ))
        })
    }
}

/// Which groups are compared, by their names: tunes by people with those of the best model (the lowest validation loss), and the
/// best model with the one of its family that stands half-way down the ladder.
pub fn usual_comparisons(groups: &[Group]) -> Vec<[&str; 2]> {
    let loss = |group: &&Group| group.val_loss.unwrap_or(f64::INFINITY);
    let models = groups.iter().filter(|group| group.family.is_some() && can_be_played(group).next().is_some());
    let Some(best) = models.clone().min_by(|a, b| loss(a).total_cmp(&loss(b))) else { return Vec::new() };
    let people = groups.iter().find(|group| group.family.is_none() && can_be_played(group).next().is_some());
    let mut smaller: Vec<&Group> =
        models.filter(|group| group.family == best.family && group.n_params < best.n_params).collect();
    smaller.sort_by_key(|group| group.n_params);
    let middle = smaller.get(smaller.len() / 2);
    let with_people = people.map(|people| [people.name.as_str(), &best.name]);
    let with_middle = middle.map(|middle| [best.name.as_str(), &middle.name]);
    with_people.into_iter().chain(with_middle).collect()
}

/// The tunes that have a note; the others cannot be on a listening page.
fn can_be_played(group: &Group) -> impl Iterator<Item = &Sample> {
    group.samples.iter().filter(|sample| sample.score().is_ok())
}

/// At most `n` pairs, as many of each comparison as of the others (one more of the first), in an order and with sides that
/// the seed decides. A comparison takes each tune once, first those that no other has taken; its partner has the same prompt where
/// there is one left.
pub fn draw_pairs<'a>(groups: &'a [Group], comparisons: &[[&str; 2]], n: usize, seed: u64) -> Vec<Pair<'a>> {
    let mut rng = Pcg64::seed_from_u64(seed);
    let mut pairs: Vec<Pair> = Vec::new();
    let group = |name: &str| groups.iter().find(|group| group.name == name);
    for (index, [first, second]) in comparisons.iter().enumerate() {
        let Some((first, second)) = group(first).zip(group(second)) else { continue };
        let mut samples = [first, second].map(|group| can_be_played(group).collect::<Vec<&Sample>>());
        for samples in &mut samples {
            samples.shuffle(&mut rng);
            samples.sort_by_key(|sample| {
                pairs.iter().any(|pair| pair.samples.iter().any(|used| std::ptr::eq(*used, *sample)))
            });
        }
        let [firsts, mut seconds] = samples;
        let wanted = (n + comparisons.len() - 1 - index) / comparisons.len().max(1);
        for sample in firsts.into_iter().take(wanted) {
            let has_same_prompt = |other: &&Sample| other.prompt.prefix == sample.prompt.prefix;
            let partner = seconds.iter().position(has_same_prompt).unwrap_or(0);
            if partner < seconds.len() {
                let samples = [sample, seconds.remove(partner)];
                pairs.push(Pair { names: [&first.name, &second.name], samples, first_is_a: rng.random() });
            }
        }
    }
    pairs.shuffle(&mut rng);
    pairs
}

/// The page and its key.
///
/// # Errors
/// There is no pair, or a tune of one has no note.
pub fn page(pairs: &[Pair]) -> Result<(String, Key)> {
    if pairs.is_empty() {
        return Err(Error::Data("a listening page needs at least one pair of tunes that have notes".to_string()));
    }
    let number = page_number(pairs);
    let key = key(pairs, number);
    let mut tunes: Vec<[Played; 2]> = Vec::new();
    for pair in pairs {
        let [first, second] = pair.samples;
        let [first, second] = [first.score()?, second.score()?].map(|score| Played::of(&score, LONGEST_SECONDS));
        tunes.push(if pair.first_is_a { [first, second] } else { [second, first] });
    }
    let content = serde_json::json!({ "page": number, "sides": veiled(&sides(pairs)?, number), "tunes": tunes });
    let parts = [
        ("question", escape(QUESTION)),
        ("n", pairs.len().to_string()),
        ("page", key.page.clone()),
        ("style", format!("{STYLE}{}", include_str!("listening/listening.css"))),
        ("content", json(&content)?),
        ("script", [PLAYER, include_str!("listening/code.js"), include_str!("listening/listening.js")].concat()),
    ];
    let parts: Vec<(&str, &str)> = parts.iter().map(|(name, part)| (*name, part.as_str())).collect();
    Ok((fill(include_str!("listening/listening.html"), &parts), key))
}

/// Whose each side is and its text, A first, for the end of the page.
fn sides(pairs: &[Pair]) -> Result<String> {
    let side = |name: &str, sample: &Sample| serde_json::json!({ "name": name, "text": sample.text });
    let both = |pair: &Pair| {
        let ([first, second], [first_tune, second_tune]) = (pair.names, pair.samples);
        let (first, second) = (side(first, first_tune), side(second, second_tune));
        if pair.first_is_a { [first, second] } else { [second, first] }
    };
    pages::json(&pairs.iter().map(both).collect::<Vec<_>>())
}

/// A hash of the pairs, so that a code of another page is noticed.
fn page_number(pairs: &[Pair]) -> u16 {
    let mut hasher = Sha256::new();
    for Pair { names, samples, first_is_a } in pairs {
        let texts = samples.map(|sample| sample.text.as_str());
        hasher.update(format!("{names:?}{texts:?}{first_is_a}\n"));
    }
    let hash = hasher.finalize();
    hash.iter().take(2).fold(0, |number: u16, byte| (number << 8) | u16::from(*byte)) % code::N_PAGES
}

fn key(pairs: &[Pair], number: u16) -> Key {
    let pair = |pair: &Pair| {
        let [first, second] = pair.names;
        KeyPair {
            first: first.to_string(),
            second: second.to_string(),
            seeds: pair.samples.map(|sample| sample.seed),
            first_is_a: pair.first_is_a,
        }
    };
    Key { page: code::page_name(number), question: QUESTION.to_string(), pairs: pairs.iter().map(pair).collect() }
}

/// Text that no glance reads: each byte changed by a stream that starts from the page's number, then base 64.
fn veiled(text: &str, page: u16) -> String {
    let mut state = u32::from(page) + 1;
    let mut next = || {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7FFF_FFFF;
        (state >> 16) as u8
    };
    STANDARD.encode(text.bytes().map(|byte| byte ^ next()).collect::<Vec<u8>>())
}

/// Judges codes with the key `listen.json` in `folder`.
///
/// # Errors
/// As [`Key::read`] and [`judge()`].
pub fn judge_in(folder: &Path, codes: &[String]) -> Result<Judgement> {
    judge(&Key::read(&folder.join("listen.json"))?, codes)
}

#[cfg(test)]
mod tests;
