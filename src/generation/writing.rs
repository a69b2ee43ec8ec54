//! Letting a model write: a batch of tunes in lock step, each until it ends.
//!
//! Every tune reads one token at each step: of its own prefix first, then what was drawn for it. A tune that ends leaves the batch.

use super::sampling::log_mass;
use super::{Guide, Prompt, Sampler, Settings};
use crate::data::Tokenizer;
use crate::models::Model;
use crate::music::abc;
use crate::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What stands before every tune of the training text: the bar line that ended the one before, and a blank line. Line breaks alone
/// would not do: attention over equal tokens is the same however many there are, so that a Transformer without a table of
/// positions could not tell a new line from a blank one.
const BEFORE_A_TUNE: [&str; 2] = ["|\n\n", "\n\n"]; // the second for texts that are no music

/// What a model wrote behind a prefix.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Continuation {
    /// Prefix and continuation, without the blank line that ends the tune.
    pub text: String,
    /// Tokens drawn, those of the blank line too.
    pub n_tokens: usize,
    /// Whether the model ended the tune: with a blank line, with the string [`Settings::stop`] or with as many bars as were asked for.
    /// Otherwise it was cut.
    pub ended: bool,
    /// Of a guided tune, the mean over its tokens of ln(probability that the model gave to what the grammar allows): what the guide
    /// cost, in nats per token, 0 or below.
    pub allowed_log_mass: Option<f64>,
}

/// Lets the model continue every prompt, as a tune that starts after a blank line, until a blank line ends it or
/// [`Settings::max_tokens`] are drawn. Prompt i draws with the seed `seed + i`: on a CPU the tunes are the same whatever the batch and
/// the number of cores; on other devices rounding may differ with the batch.
///
/// # Errors
/// The vocabulary is not the model's, a prompt or the settings cannot be followed (see [`Prompt::check`] and [`Settings::check`]), or
/// the model's output is not finite.
pub fn write(
    model: &Model,
    tokenizer: &Tokenizer,
    prompts: &[Prompt],
    settings: &Settings,
) -> Result<Vec<Continuation>> {
    let (of_model, of_data) = (model.config().vocab_size(), tokenizer.vocab_size());
    if of_model != of_data {
        let hash = tokenizer.hash();
        return Err(Error::Config(format!(
            "the model knows {of_model} characters, but the vocabulary {hash} has {of_data}; open the corpus that it was trained on"
        )));
    }
    settings.check()?;
    let writers = (0..).zip(prompts).map(|(i, prompt)| Writer::new(prompt, settings, i, tokenizer));
    let mut writers = writers.collect::<Result<Vec<Writer>>>()?; // before any work is done
    let on_cpu = model.device().is_cpu();
    let n_at_once = if on_cpu { rayon::current_num_threads().max(1) } else { 1 }; // each core has a batch of its own
    let batch = settings.batch.min(prompts.len().div_ceil(n_at_once)).max(1);
    let mut batches: Vec<&mut [Writer]> = writers.chunks_mut(batch).collect();
    match batches.as_mut_slice() {
        [alone] => write_batch(model, settings.context, alone)?,
        batches if on_cpu => {
            batches.par_iter_mut().with_max_len(1).try_for_each(|batch| write_batch(model, settings.context, batch))?
        }
        batches => batches.iter_mut().try_for_each(|batch| write_batch(model, settings.context, batch))?,
    }
    Ok(writers.into_iter().map(Writer::finish).collect())
}

fn write_batch(model: &Model, context: Option<usize>, batch: &mut [Writer]) -> Result<()> {
    let mut decoder = model.decoders(batch.len(), context)?;
    let mut writing: Vec<&mut Writer> = batch.iter_mut().collect();
    let mut tokens: Vec<u32> = writing.iter_mut().map(|writer| writer.first()).collect::<Result<_>>()?;
    let vocab_size = model.config().vocab_size();
    while !writing.is_empty() {
        let logits: Vec<f32> = decoder.next_each(&tokens)?.flatten_all()?.to_vec1()?;
        let next = writing.iter_mut().zip(logits.chunks_exact(vocab_size)).map(|(writer, logits)| writer.after(logits));
        let next = next.collect::<Result<Vec<Option<u32>>>>()?;
        for row in (0..next.len()).rev().filter(|&row| next[row].is_none()) {
            decoder.swap_remove(row)?;
            writing.swap_remove(row);
        }
        tokens = removed_alike(next);
    }
    Ok(())
}

/// The tokens of the rows that go on, in the order that `swap_remove` leaves, from the last row to the first.
fn removed_alike(mut next: Vec<Option<u32>>) -> Vec<u32> {
    for row in (0..next.len()).rev() {
        if next[row].is_none() {
            next.swap_remove(row);
        }
    }
    next.into_iter().flatten().collect()
}

/// One tune that grows.
#[derive(Debug)]
struct Writer<'a> {
    tokenizer: &'a Tokenizer,
    settings: &'a Settings,
    ahead: std::vec::IntoIter<u16>, // what is to be read before the first draw
    sampler: Sampler,
    guide: Option<Guide<'a>>,
    log_mass: f64, // Σ over the tokens drawn
    text: String,
    prefix_len: usize, // bytes
    n_bars_given: usize,
    n_tokens: usize,
    ended: bool,
}

impl<'a> Writer<'a> {
    /// Of prompt number `i`, from 0.
    fn new(prompt: &Prompt, settings: &'a Settings, i: u64, tokenizer: &'a Tokenizer) -> Result<Self> {
        prompt.check(tokenizer)?;
        let mut ahead = BEFORE_A_TUNE.iter().find_map(|before| tokenizer.encode(before).ok()).unwrap_or_default();
        ahead.extend(tokenizer.encode(&prompt.prefix)?);
        Ok(Writer {
            tokenizer,
            settings,
            ahead: ahead.into_iter(),
            sampler: Sampler::new(prompt.drawing, settings.seed.wrapping_add(i))?,
            guide: prompt.drawing.guided.then(|| Guide::new(tokenizer.chars(), &prompt.prefix)).transpose()?,
            log_mass: 0.0,
            text: prompt.prefix.clone(),
            prefix_len: prompt.prefix.len(),
            n_bars_given: settings.bars.map_or(0, |_| abc::closed_bars(&prompt.prefix)),
            n_tokens: 0,
            ended: false,
        })
    }

    /// The token to read first.
    fn first(&mut self) -> Result<u32> {
        let message = "this vocabulary has no line break, with which tunes begin and end: give the model a beginning (a prompt, --prefix)";
        self.ahead.next().map(u32::from).ok_or_else(|| Error::Data(message.to_string()))
    }

    /// The token to read next, given the logits behind those that were read; `None` where the tune has ended or is long enough.
    fn after(&mut self, logits: &[f32]) -> Result<Option<u32>> {
        if let Some(token) = self.ahead.next() {
            return Ok(Some(token.into()));
        }
        if self.n_tokens >= self.settings.max_tokens {
            return Ok(None);
        }
        let token = match &mut self.guide {
            None => self.sampler.draw(logits)?,
            Some(guide) => {
                let is_allowed = guide.allowed(self.settings.max_tokens - self.n_tokens)?;
                self.log_mass += log_mass(logits, &is_allowed);
                let allowed = |(logit, is): (&f32, bool)| if is { *logit } else { f32::NEG_INFINITY };
                let masked: Vec<f32> = logits.iter().zip(is_allowed).map(allowed).collect();
                self.sampler.draw(&masked)?
            }
        };
        self.n_tokens += 1;
        let drawn = self.tokenizer.chars().get(token as usize).copied().unwrap_or(char::REPLACEMENT_CHARACTER);
        self.ended = self.ends_with(drawn);
        if let Some(guide) = &mut self.guide {
            guide.take(drawn);
        }
        Ok((!self.ended && self.n_tokens < self.settings.max_tokens).then_some(token))
    }

    /// Writes a character down, unless it is the end of a blank line; whether the tune ends with it.
    fn ends_with(&mut self, drawn: char) -> bool {
        if drawn == '\n' && (self.text.is_empty() || self.text.ends_with('\n')) {
            return true;
        }
        self.text.push(drawn);
        let written = self.text.get(self.prefix_len..).unwrap_or_default();
        let has_stopped = self.settings.stop.as_ref().is_some_and(|stop| written.ends_with(stop.as_str()));
        let has_bars = |bars: usize| drawn == '|' && abc::closed_bars(&self.text) >= self.n_bars_given + bars;
        has_stopped || self.settings.bars.is_some_and(has_bars)
    }

    fn finish(self) -> Continuation {
        let mean = || self.log_mass / self.n_tokens.max(1) as f64;
        let allowed_log_mass = self.guide.is_some().then(mean);
        Continuation { text: self.text, n_tokens: self.n_tokens, ended: self.ended, allowed_log_mass }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Drawing;
    use super::*;

    fn settings(max_tokens: usize) -> Settings {
        Settings { max_tokens, quiet: true, ..Settings::default() }
    }

    /// Plays back `script` whatever it is told, and keeps what it is told.
    fn play_back(script: &str, prefix: &str, settings: &Settings) -> (Continuation, String) {
        let tokenizer = Tokenizer::from_text("\nABC|:").unwrap();
        let script = tokenizer.encode(script).unwrap();
        let prompt = Prompt::new(prefix, Drawing::at(0.0));
        let mut writer = Writer::new(&prompt, settings, 0, &tokenizer).unwrap();
        let n_before = 3 + prefix.len();
        let mut told = Vec::new();
        let mut next = Some(writer.first().unwrap());
        while let Some(token) = next {
            told.push(token as u16);
            let mut logits = vec![0.0; tokenizer.vocab_size()];
            if let Some(&token) = told.len().checked_sub(n_before).and_then(|i| script.get(i)) {
                logits[usize::from(token)] = 100.0;
            }
            next = writer.after(&logits).unwrap();
        }
        (writer.finish(), tokenizer.decode(&told))
    }

    fn written(text: &str, n_tokens: usize, ended: bool) -> Continuation {
        Continuation { text: text.to_string(), n_tokens, ended, allowed_log_mass: None }
    }

    #[test]
    fn a_tune_starts_after_a_blank_line_and_ends_at_one() {
        let (tune, told) = play_back("BC|\nA|\n\nB", "A:\n", &settings(100));
        assert_eq!(tune, written("A:\nBC|\nA|\n", 8, true));
        assert_eq!(told, "|\n\nA:\nBC|\nA|\n");
    }

    #[test]
    fn a_tune_that_does_not_end_is_cut() {
        assert_eq!(play_back("ABC", "", &settings(2)).0, written("AB", 2, false));
        assert_eq!(play_back("ABC", "A", &settings(0)).0, written("A", 0, false));
    }

    #[test]
    fn a_blank_line_at_once_is_an_empty_tune() {
        assert_eq!(play_back("\nA", "", &settings(9)).0, written("", 1, true));
        assert_eq!(play_back("\nA", "A\n", &settings(9)).0, written("A\n", 1, true));
    }

    #[test]
    fn a_stop_string_ends_a_tune_where_the_model_has_written_all_of_it() {
        let stop = |stop: &str| Settings { stop: Some(stop.to_string()), ..settings(99) };
        assert_eq!(play_back("BC:|A\n\n", "A:|", &stop(":|")).0, written("A:|BC:|", 4, true));
        assert_eq!(play_back("|A:|\n\n", "A:", &stop(":|")).0, written("A:|A:|", 4, true), "half of it is the prefix");
        assert_eq!(play_back("BC|\n\n", "", &stop("BB")).0, written("BC|\n", 5, true));
    }

    #[test]
    fn bars_are_counted_where_they_have_music_and_the_prefixs_are_not() {
        let bars = |bars: usize| Settings { bars: Some(bars), ..settings(99) };
        let tune = play_back("C|AB|:C:|AA|\n\n", "AB|B", &bars(3)).0;
        assert_eq!(tune, written("AB|BC|AB|:C:|", 9, true));
        assert_eq!(play_back("|:A|\n|B|\n\n", "", &bars(2)).0, written("|:A|\n|B|", 8, true));
    }

    #[test]
    fn rows_that_end_leave_the_batch_as_swap_remove_has_it() {
        assert_eq!(removed_alike(vec![None, Some(1), None, Some(3), Some(4)]), [3, 1, 4]);
        assert_eq!(removed_alike(vec![None, None]), [0_u32; 0]);
    }
}
