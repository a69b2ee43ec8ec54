//! Whether a model knows that what was played once comes again: induction, measured on people's tunes with a repeat written out.
//!
//! ```text
//! X:1 … K:G  |G A B c|…|  |G A B c|…|           a held-out header, its first repeated section S, and S once more, p characters later
//! gain of repetition = loss over the first S − loss over the second, nats per character
//! induction of a head = mean over the second S of its attention from i to i − p + 1, the character after the one that i repeats
//! ```
//! In a corpus without repeat signs S is the first bars of a tune, without its header. A head that looks there can copy what followed (Elhage et al. 2021, Olsson et al. 2022). Evenly spread attention gives about 1/i.

use crate::data::TokenData;
use crate::figures::{Figure, LONGEST_TEXT, Line, Reference, arcs, lines, piano_roll_with_arcs};
use crate::generation::headers::header_len;
use crate::models::{Family, Model};
use crate::music::abc;
use crate::training::{Run, token_losses};
use crate::{Error, Result};
use candle_core::Tensor;
use serde::{Deserialize, Serialize};

/// Shorter sections hold less than two bars.
const SHORTEST_SECTION: usize = 16;
/// Enough for a standard error of a hundredth of a nat.
const MOST_SECTIONS: usize = 100;

/// What one model makes of a section that comes again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Induction {
    /// The run's name.
    pub run: String,
    /// Of its model.
    pub family: Family,
    /// Of its model.
    pub n_params: usize,
    /// The lowest of the run, nats per token.
    pub val_loss: f64,
    /// Sections that it read.
    pub n_sections: usize,
    /// Mean loss over the sections when they come first, nats per character.
    pub first_loss: f64,
    /// When they come again.
    pub again_loss: f64,
    /// Induction of each head, 0 to 1, block by block; empty for an LSTM, which has no attention.
    pub heads: Vec<Vec<f64>>,
}

impl Induction {
    /// What repetition is worth, nats per character.
    pub fn gain(&self) -> f64 {
        self.first_loss - self.again_loss
    }

    /// The gain over the validation loss, one line a family.
    pub fn figure(all: &[Induction]) -> Figure {
        let of_family = |family: Family| {
            let of = all.iter().filter(|one| one.family == family);
            let mut points: Vec<(f64, f64)> = of.map(|one| (one.val_loss, one.gain())).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            Line::new(family.to_string(), points).with_dots().family(family)
        };
        let label = "Gain of repetition (nats per character)";
        lines(Family::ALL.map(of_family), "Validation loss (nats per token)", label, Vec::<Reference>::new())
    }

    /// The head that does it most: (block, head, its induction), the first two counted from 1.
    pub fn best_head(&self) -> Option<(usize, usize, f64)> {
        let heads = (1..)
            .zip(&self.heads)
            .flat_map(|(block, heads)| (1..).zip(heads).map(move |(h, share)| (block, h, *share)));
        heads.max_by(|a, b| a.2.total_cmp(&b.2))
    }
}

/// A section of a tune, twice.
struct Twice {
    tokens: Vec<u16>,
    /// Where the section begins for the first time.
    start: usize,
    /// From the first to the second time, the bar line included.
    period: usize,
}

impl Twice {
    /// `None` where the tune repeats nothing, has endings in the section, or is longer than `longest` with it written out.
    fn of(tune: &str, data: &TokenData, longest: usize) -> Option<Twice> {
        let (header, body) = tune.split_at_checked(header_len(tune))?;
        let (section, _) = body.split_once(":|")?;
        let section = section.rsplit_once("|:").map_or(section, |(_, section)| section);
        let has_ending = section.as_bytes().windows(2).any(|two| matches!(two, [b'|' | b'[', b'0'..=b'9']));
        if has_ending { None } else { Twice::written_out(header, section, data, longest) }
    }

    /// The first bars of a tune twice, as many as fit, its header left out: where a corpus has no repeat signs.
    fn of_first_bars(tune: &str, data: &TokenData, longest: usize) -> Option<Twice> {
        let body = tune.get(header_len(tune)..)?;
        let fits: String = body.chars().take(longest / 2).collect();
        Twice::written_out("", fits.rsplit_once('|')?.0, data, longest)
    }

    fn written_out(header: &str, section: &str, data: &TokenData, longest: usize) -> Option<Twice> {
        let tokens = data.tokenizer.encode(&format!("{header}{section}|{section}|")).ok()?;
        let (start, period) = (header.chars().count(), section.chars().count() + 1);
        (period > SHORTEST_SECTION && tokens.len() <= longest + 1).then_some(Twice { tokens, start, period })
    }

    /// Mean loss over the section the first and the second time, without each time's first character, which nothing foretells.
    fn losses(&self, model: &Model) -> Result<[f64; 2]> {
        let losses = token_losses(model, &self.tokens, self.tokens.len() - 1, 1)?; // of every token but the first
        let mean = |from: usize| {
            let time = losses.get(from..from + self.period - 2).unwrap_or_default();
            time.iter().map(|loss| f64::from(*loss)).sum::<f64>() / time.len().max(1) as f64
        };
        Ok([mean(self.start), mean(self.start + self.period)])
    }

    /// Where each head looks, block by block, as (T, T) numbers; no block for an LSTM.
    fn weights(&self, model: &Model) -> Result<Vec<Vec<Vec<Vec<f32>>>>> {
        let device = model.device();
        let Model::Transformer(model) = model else { return Ok(Vec::new()) };
        let ids: Vec<u32> = self.tokens.iter().map(|token| u32::from(*token)).collect();
        let tokens = Tensor::from_vec(ids, (1, self.tokens.len()), &device)?; // (1, T)
        let of_block = |weights: &Tensor| Ok(weights.squeeze(0)?.to_vec3::<f32>()?); // n_head × (T, T)
        model.attention_weights(&tokens)?.iter().map(of_block).collect()
    }

    /// Induction of each head, block by block.
    fn heads(&self, model: &Model) -> Result<Vec<Vec<f64>>> {
        let share = |weights: &Vec<Vec<f32>>| {
            let second = self.start + self.period..self.tokens.len() - 1;
            let there = second.clone().filter_map(|i| weights.get(i)?.get(i - self.period + 1)).map(|w| f64::from(*w));
            there.sum::<f64>() / second.len().max(1) as f64
        };
        Ok(self.weights(model)?.iter().map(|heads| heads.iter().map(share).collect()).collect())
    }
}

/// Each run's best model on the held-out tunes of `data` (validation, then test), as said above.
///
/// # Errors
/// A checkpoint cannot be read, or nothing fits the context twice.
pub fn induction(runs: &[Run], data: &TokenData) -> Result<Vec<Induction>> {
    let sections = sections(data, runs.iter().map(|run| run.config.block_size).min().unwrap_or(0))?;
    let one = |run: &Run| {
        let model = run.best_model()?.without_gradients()?;
        let losses = sections.iter().map(|section| section.losses(&model)).collect::<Result<Vec<_>>>()?;
        let heads = sections.iter().map(|section| section.heads(&model)).collect::<Result<Vec<_>>>()?;
        let n = sections.len() as f64;
        let mean_head = |block: usize, head: usize| heads.iter().map(|of| of[block][head]).sum::<f64>() / n;
        let shape = heads.first().map(|blocks| blocks.iter().map(Vec::len).collect::<Vec<_>>()).unwrap_or_default();
        Ok(Induction {
            run: run.config.name.clone(),
            family: run.config.model.family(),
            n_params: run.summary.n_params,
            val_loss: run.summary.best_val_loss,
            n_sections: sections.len(),
            first_loss: losses.iter().map(|[first, _]| first).sum::<f64>() / n,
            again_loss: losses.iter().map(|[_, again]| again).sum::<f64>() / n,
            heads: (0..)
                .zip(shape)
                .map(|(block, n_head)| (0..n_head).map(|head| mean_head(block, head)).collect())
                .collect(),
        })
    };
    runs.iter().map(one).collect()
}

/// Held-out tunes with their first section twice; in a corpus without repeat signs first bars, so few that their arcs can be drawn.
fn sections(data: &TokenData, longest: usize) -> Result<Vec<Twice>> {
    let texts = [data.tokenizer.decode(&data.val), data.tokenizer.decode(&data.test)].concat();
    let tunes = || texts.split("\n\n");
    let repeated: Vec<Twice> = tunes().filter_map(|tune| Twice::of(tune, data, longest)).take(MOST_SECTIONS).collect();
    if !repeated.is_empty() {
        return Ok(repeated);
    }
    let longest = longest.min(LONGEST_TEXT);
    let first: Vec<Twice> =
        tunes().filter_map(|tune| Twice::of_first_bars(tune, data, longest)).take(MOST_SECTIONS).collect();
    match first.is_empty() {
        true => Err(Error::Data(format!(
            "no held-out text has bars that fit {longest} characters twice: induction cannot be measured"
        ))),
        false => Ok(first),
    }
}

/// What one head looks at in the shortest of the sections, read twice.
struct Look {
    /// The tune's header, which the model read before; a short one of its own where the section has none.
    header: String,
    text: String,
    /// From each character of the text to each.
    weights: Vec<Vec<f64>>,
}

impl Look {
    fn of(run: &Run, data: &TokenData, (block, head): (usize, usize)) -> Result<Look> {
        let sections = sections(data, run.config.block_size)?;
        let Some(section) = sections.iter().min_by_key(|section| section.period) else {
            return Err(Error::Data("there is no section to read".into())); // `sections` has refused this
        };
        let weights = section.weights(&run.best_model()?.without_gradients()?)?;
        let of_head = block.checked_sub(1).zip(head.checked_sub(1)).and_then(|(b, h)| weights.get(b)?.get(h));
        let of_head = of_head.ok_or_else(|| {
            let shape = weights.first().map_or(0, Vec::len);
            Error::Config(format!(
                "{} has no head {head} in block {block}: it has {} blocks of {shape} heads",
                run.config.name,
                weights.len()
            ))
        })?;
        let music = |row: &Vec<f32>| row.iter().skip(section.start).map(|weight| f64::from(*weight)).collect();
        let (header, text) = section.tokens.split_at(section.start);
        let header = if header.is_empty() { "X:1\nL:1/8\nK:C\n".into() } else { data.tokenizer.decode(header) };
        let weights = of_head.iter().skip(section.start).map(music).collect();
        Ok(Look { header, text: data.tokenizer.decode(text), weights })
    }

    /// The note that each character counts for: the last that has begun, so that lengths and bar lines go with the note before them.
    fn notes(&self) -> Vec<Option<usize>> {
        let begun = |(at, character): (usize, char)| {
            let read = abc::parse_lenient(&[&self.header, &self.text[..at + character.len_utf8()]].concat());
            read.ok()?.0.n_notes().checked_sub(1)
        };
        self.text.char_indices().map(begun).collect()
    }

    /// From note to note: what the characters of the one give to all of the other's, as a mean over the former.
    fn between_notes(&self, n_notes: usize) -> Vec<Vec<f64>> {
        let notes = self.notes();
        let mut weights = vec![vec![0.0; n_notes]; n_notes];
        for (from, row) in notes.iter().zip(&self.weights) {
            let n_characters = notes.iter().filter(|note| *note == from).count() as f64;
            for (to, weight) in notes.iter().zip(row) {
                if let (Some(from), Some(to)) = (*from, *to) {
                    weights[from][to] += weight / n_characters;
                }
            }
        }
        weights
    }
}

/// Where one head of a Transformer (block and head counted from 1) looks while it reads the shortest of those sections twice.
///
/// # Errors
/// As [`induction`]; or there is no such head.
pub fn attention_arcs(run: &Run, data: &TokenData, head: (usize, usize)) -> Result<Figure> {
    let look = Look::of(run, data, head)?;
    Ok(arcs(&look.text, look.weights))
}

/// The same on the section's piano roll, from note to note. A character counts for the last note that has begun; a note looks as its
/// characters do in the mean.
///
/// # Errors
/// As [`attention_arcs`]; or the section cannot be read as ABC.
pub fn attention_roll(run: &Run, data: &TokenData, head: (usize, usize)) -> Result<Figure> {
    let look = Look::of(run, data, head)?;
    let (score, _) = abc::parse_lenient(&[&*look.header, &look.text].concat())?;
    Ok(piano_roll_with_arcs(&score, look.between_notes(score.n_notes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Tokenizer;
    use crate::models::{LstmConfig, ModelConfig};
    use candle_core::Device;

    const TUNE: &str = "X:1\nM:4/4\nL:1/8\nK:G\nA|:GABc d2B2|AGFA G4:|dedB G4|]";

    fn data() -> TokenData {
        let tokenizer = Tokenizer::from_text(TUNE).unwrap();
        TokenData { dir: "".into(), val: tokenizer.encode(TUNE).unwrap(), tokenizer, train: vec![], test: vec![] }
    }

    #[test]
    fn the_first_section_is_written_out_twice() {
        let data = data();
        let twice = Twice::of(TUNE, &data, 256).unwrap();
        assert_eq!(
            data.tokenizer.decode(&twice.tokens),
            "X:1\nM:4/4\nL:1/8\nK:G\nGABc d2B2|AGFA G4|GABc d2B2|AGFA G4|"
        );
        assert_eq!((twice.start, twice.period), (20, 18));
        let same = |i: usize| twice.tokens[i] == twice.tokens[i + 18];
        assert!((20..38).all(same));
    }

    #[test]
    fn what_repeats_nothing_is_too_short_too_long_or_has_endings_is_left_out() {
        let data = data();
        for (tune, longest) in [
            ("X:1\nK:G\nGABc d2B2|AGFA G4|]", 256),
            ("X:1\nK:G\n|:GABc d2:|", 256),
            (TUNE, 40),
            ("X:1\nK:G\n|:GABc d2B2 dedB|1AGFA G4:|2G4|]", 256),
        ] {
            assert!(Twice::of(tune, &data, longest).is_none(), "{tune}");
        }
    }

    #[test]
    fn without_repeat_signs_the_first_bars_are_read_twice() {
        let data = data();
        let tune = "X:1\nM:4/4\nL:1/8\nK:G\nGABc d2B2|AGFA G4|dedB G4|]";
        let twice = Twice::of_first_bars(tune, &data, 44).unwrap();
        assert_eq!(data.tokenizer.decode(&twice.tokens), "GABc d2B2|AGFA G4|GABc d2B2|AGFA G4|");
        assert_eq!((twice.start, twice.period), (0, 18));
        let mut data = data;
        data.val = data.tokenizer.encode(tune).unwrap();
        assert_eq!(sections(&data, 44).unwrap().len(), 1);
        assert!(sections(&data, 20).is_err_and(|error| error.to_string().contains("fit 20 characters twice")));
    }

    /// With all weights 0 every character has probability 1/V and attention is spread evenly: at i, 1/(i + 1).
    #[test]
    fn a_model_that_knows_nothing_gains_nothing_and_looks_everywhere() {
        let data = data();
        let twice = Twice::of(TUNE, &data, 256).unwrap();
        let v = data.tokenizer.vocab_size();
        let transformer = crate::models::ladder("smoke-transformer", v, 256).unwrap()[0].model.clone();
        let lstm = ModelConfig::Lstm(LstmConfig { vocab_size: v, d_embed: 4, d_hidden: 4, n_layer: 1 });
        for config in [transformer, lstm] {
            let model = Model::new(&config, 1, &Device::Cpu).unwrap();
            for (_, parameter) in model.parameters() {
                parameter.set(&parameter.zeros_like().unwrap()).unwrap();
            }
            let [first, again] = twice.losses(&model).unwrap();
            let uniform = (v as f64).ln();
            assert!((first - uniform).abs() < 1e-5 && (again - uniform).abs() < 1e-5, "{first} {again}");
            let n = twice.tokens.len() - 1;
            let evenly = (38..n).map(|i| 1.0 / (i + 1) as f64).sum::<f64>() / (n - 38) as f64;
            let heads = twice.heads(&model).unwrap();
            assert_eq!(heads.is_empty(), config.family() == Family::Lstm);
            assert!(heads.iter().flatten().all(|share| (share - evenly).abs() < 1e-6), "{heads:?} {evenly}");
        }
    }

    /// Three notes, one of two characters and a bar line; the last looks at the first with half of its attention and at the bar line behind.
    #[test]
    fn attention_between_notes_adds_what_their_characters_get() {
        let row = |weights: [f64; 5]| weights.to_vec();
        let look = Look {
            header: "X:1\nL:1/8\nK:C\n".into(),
            text: "C2|DE".into(),
            weights: vec![
                row([0.0; 5]),
                row([1.0, 0.0, 0.0, 0.0, 0.0]),
                row([0.0; 5]),
                row([0.0; 5]),
                row([0.5, 0.0, 0.25, 0.25, 0.0]),
            ],
        };
        assert_eq!(look.notes(), [Some(0), Some(0), Some(0), Some(1), Some(2)]);
        let third = 1.0 / 3.0; // of the first note's three characters one looks at the note itself
        assert_eq!(look.between_notes(3), [[third, 0.0, 0.0], [0.0; 3], [0.75, 0.25, 0.0]]);
    }
}
