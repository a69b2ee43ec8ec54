//! What a model is given to continue: nothing, a metre, a header, or the opening bar of a tune that it has not seen.
//!
//! Prefixes are taken from the corpus itself, so they are in its vocabulary and its style whether it holds folk tunes of four
//! header lines or pieces with ten voices.

use super::Drawing;
use super::headers::{field_of, header_len};
use crate::data::{TokenData, Tokenizer};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Headers are counted in so much of the training split; more would change no rank.
const N_TOKENS_COUNTED: usize = 2_000_000;

/// A longer opening bar would be most of a short tune.
const LONGEST_OPENING_CHARS: usize = 600;

/// What a model continues, and how boldly it draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    /// The beginning of a tune; empty: the model writes the header too.
    pub prefix: String,
    /// How each token behind it is drawn.
    pub drawing: Drawing,
}

/// Where a tune starts from.
enum Start {
    Nothing,
    Meter,
    Header,
    Opening,
}

/// Ten prompts: every kind of start, temperatures from bold to faithful, with and without top-k.
const PLAN: [(Start, f64, Option<usize>); 10] = [
    (Start::Nothing, 0.8, None),
    (Start::Nothing, 1.0, None),
    (Start::Meter, 0.8, None),
    (Start::Header, 0.6, None),
    (Start::Header, 0.8, Some(20)),
    (Start::Header, 1.0, None),
    (Start::Opening, 0.8, None),
    (Start::Opening, 0.6, Some(10)),
    (Start::Meter, 1.0, Some(10)),
    (Start::Nothing, 0.6, Some(20)),
];

impl Prompt {
    /// A prompt of one's own.
    pub fn new(prefix: impl Into<String>, drawing: Drawing) -> Prompt {
        Prompt { prefix: prefix.into(), drawing }
    }

    /// `n` different starts. Metres and headers are the commonest of the training split, each in a metre and key that few
    /// before it had; openings are first bars of validation tunes. A corpus without any of these gives unconditional prompts.
    pub fn varied(data: &TokenData, n: usize) -> Vec<Prompt> {
        let counted = data.train.get(..N_TOKENS_COUNTED).unwrap_or(&data.train);
        let headers = diverse(count_headers(&data.tokenizer.decode(counted)), n);
        let mut meters: Vec<String> = Vec::new();
        for header in &headers {
            let meter = up_to_field(header, 'M');
            if !meters.contains(&meter) {
                meters.push(meter);
            }
        }
        let openings = openings(&data.tokenizer.decode(&data.val), n);
        let mut used = [0; 3];
        let mut take = |kind: usize, prefixes: &[String]| {
            let prefix = prefixes.get(used[kind] % prefixes.len().max(1)).cloned().unwrap_or_default();
            used[kind] += 1;
            prefix
        };
        let prompt = |(start, temperature, top_k): &(Start, f64, Option<usize>)| {
            let prefix = match start {
                Start::Nothing => String::new(),
                Start::Meter => take(0, &meters),
                Start::Header => take(1, &headers),
                Start::Opening => take(2, &openings),
            };
            Prompt::new(prefix, Drawing { top_k: *top_k, ..Drawing::at(*temperature) })
        };
        PLAN.iter().cycle().take(n).map(prompt).collect()
    }

    /// Refuses a prompt that the vocabulary cannot write, or that cannot be drawn by.
    ///
    /// # Errors
    /// [`Error::Data`] naming the first character outside the vocabulary and its place, or as [`Drawing::check`].
    pub fn check(&self, tokenizer: &Tokenizer) -> Result<()> {
        self.drawing.check()?;
        let explain = |error| Error::Data(format!("the prompt {:?} cannot be continued: {error}", self.prefix));
        tokenizer.encode(&self.prefix).map(|_| ()).map_err(explain)
    }
}

/// `from M:6/8 K:G, temperature 0.8, top 20`
impl std::fmt::Display for Prompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (header, music) = self.prefix.split_at_checked(header_len(&self.prefix)).unwrap_or_default();
        let fields = header.lines().filter(|line| matches!(field_of(line), Some('M' | 'K')));
        let opening = if music.trim().is_empty() { None } else { Some("an opening bar") };
        let parts: Vec<&str> = fields.chain(opening).collect();
        match (parts.is_empty(), self.prefix.is_empty()) {
            (_, true) => write!(f, "from nothing")?,
            (true, false) => write!(f, "from {:?}", self.prefix)?,
            (false, false) => write!(f, "from {}", parts.join(" "))?,
        }
        write!(f, ", {}", self.drawing)
    }
}

/// How often each header stands over a tune, down to its key; the voices are left to the model.
fn count_headers(text: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for tune in text.split("\n\n") {
        let header = up_to_field(tune.get(..header_len(tune)).unwrap_or_default(), 'K');
        if !header.is_empty() {
            *counts.entry(header).or_default() += 1;
        }
    }
    counts
}

/// The lines down to the first with this field; nothing if there is none.
fn up_to_field(header: &str, field: char) -> String {
    let Some(last) = header.lines().position(|line| field_of(line) == Some(field)) else { return String::new() };
    header.split_inclusive('\n').take(last + 1).collect()
}

/// Headers in the order of count / (times that the metre was taken + 1) / (times that the key was taken + 1).
fn diverse(mut counts: BTreeMap<String, usize>, n: usize) -> Vec<String> {
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut headers: Vec<String> = Vec::new();
    let traits = |header: &str| -> Vec<String> {
        header.lines().filter(|line| matches!(field_of(line), Some('M' | 'K'))).map(str::to_string).collect()
    };
    while headers.len() < n {
        let score = |(header, count): &(&String, &usize)| {
            let divisor: usize = traits(header).iter().map(|one| 1 + taken.get(one).copied().unwrap_or(0)).product();
            **count as f64 / divisor as f64
        };
        let best = counts.iter().max_by(|a, b| score(a).total_cmp(&score(b))).map(|(header, _)| header.clone());
        let Some(best) = best else { break };
        counts.remove(&best);
        traits(&best).into_iter().for_each(|one| *taken.entry(one).or_default() += 1);
        headers.push(best);
    }
    headers
}

/// The first tunes up to their first bar line that has music before it.
fn openings(text: &str, n: usize) -> Vec<String> {
    let opening = |tune: &str| {
        let start = header_len(tune);
        let body = tune.get(start..)?;
        let after_first = body.find(|c: char| c.is_ascii_alphabetic())?; // past `|:` at the start
        let in_bar = body.get(after_first..)?;
        let in_bar =
            after_first + in_bar.find(['A', 'B', 'C', 'D', 'E', 'F', 'G', 'a', 'b', 'c', 'd', 'e', 'f', 'g'])?;
        let bar_line = in_bar + body.get(in_bar..)?.find('|')?;
        let prefix = tune.get(..=start + bar_line)?;
        (prefix.chars().count() <= LONGEST_OPENING_CHARS).then(|| prefix.to_string())
    };
    text.split("\n\n").filter(|tune| header_len(tune) > 0).filter_map(opening).take(n).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn data(train: &str, val: &str) -> TokenData {
        let tokenizer = Tokenizer::from_texts([train, val]).unwrap();
        let (train, val) = (tokenizer.encode(train).unwrap(), tokenizer.encode(val).unwrap());
        TokenData { dir: PathBuf::new(), tokenizer, train, val, test: Vec::new() }
    }

    fn tune(meter: &str, key: &str) -> String {
        format!("X:1\nM:{meter}\nL:1/8\nK:{key}\n|:GAB|c3:|\n\n")
    }

    #[test]
    fn the_commonest_headers_come_first_but_not_twice_the_same_metre_and_key() {
        let train = tune("6/8", "G").repeat(9) + &tune("6/8", "D").repeat(5) + &tune("2/4", "D").repeat(4);
        let prompts = Prompt::varied(&data(&train, &tune("3/4", "Am")), 10);
        let prefixes: Vec<&str> = prompts.iter().map(|prompt| prompt.prefix.as_str()).collect();
        assert_eq!(
            prefixes[3..6],
            ["X:1\nM:6/8\nL:1/8\nK:G\n", "X:1\nM:2/4\nL:1/8\nK:D\n", "X:1\nM:6/8\nL:1/8\nK:D\n"]
        );
        assert_eq!([prefixes[2], prefixes[8]], ["X:1\nM:6/8\n", "X:1\nM:2/4\n"]);
        assert_eq!([prefixes[0], prefixes[1], prefixes[9]], [""; 3]);
        assert_eq!(prefixes[6], "X:1\nM:3/4\nL:1/8\nK:Am\n|:GAB|");
    }

    #[test]
    fn voices_are_left_to_the_model_unless_a_tune_is_opened() {
        let piece = "X:1\nM:4/4\nL:1/4\nQ:1/4=90\nK:C\n%%MIDI chordattack 0\nV:1\n%%MIDI program 3\n[V:1]cdef|g4|\n\n";
        let prompts = Prompt::varied(&data(piece, piece), 10);
        assert_eq!(prompts[3].prefix, "X:1\nM:4/4\nL:1/4\nQ:1/4=90\nK:C\n");
        assert!(prompts[6].prefix.ends_with("V:1\n%%MIDI program 3\n[V:1]cdef|"), "{}", prompts[6].prefix);
    }

    #[test]
    fn a_corpus_that_is_not_abc_gives_unconditional_prompts() {
        let prompts = Prompt::varied(&data("To be or not to be\n", "that is\n"), 12);
        assert_eq!(prompts.len(), 12);
        assert!(prompts.iter().all(|prompt| prompt.prefix.is_empty()));
    }

    #[test]
    fn a_prompt_outside_the_vocabulary_is_refused_with_character_and_place() {
        let error = Prompt::new("X:1\nK:é", Drawing::default())
            .check(&data("X:1\nK:C\n", "").tokenizer)
            .unwrap_err()
            .to_string();
        assert!(error.contains("the prompt \"X:1\\nK:é\" cannot be continued"), "{error}");
        assert!(error.contains("the character 'é' in line 2, column 3"), "{error}");
    }

    #[test]
    fn a_prompt_is_named_by_its_metre_and_key() {
        let name = |prefix: &str| Prompt::new(prefix, Drawing { top_k: Some(20), ..Drawing::at(0.8) }).to_string();
        assert_eq!(name("X:1\nM:6/8\nL:1/8\nK:G\n"), "from M:6/8 K:G, temperature 0.8, top 20");
        assert_eq!(name("X:1\nM:6/8\nK:G\nGAB|"), "from M:6/8 K:G an opening bar, temperature 0.8, top 20");
        assert_eq!(name(""), "from nothing, temperature 0.8, top 20");
        assert_eq!(name("X:1\n"), "from \"X:1\\n\", temperature 0.8, top 20");
    }
}
