//! Letting a model write tunes, and judging what it wrote.
//!
//! ```text
//! Prompt ─► Sampler (temperature, top-k, seed) ─► raw text ─┬─► Validity: the ladder, on the raw text
//!                                                           ├─► Originality: what was copied from the training text
//!                                                           └─► headers added and counted ─► text ─► Metrics, MIDI, files
//! ```
//! ```text
//! let prompts = Prompt::varied(&data, 10);
//! let samples = generation::generate(&model, &data.tokenizer, &prompts, 1000, &data.train, seed)?;
//! println!("{}", Rates::of(&samples));
//! ```

mod automaton;
pub mod headers;
mod metrics;
mod originality;
mod prompts;
mod rates;
mod samples;
mod sampling;
mod table;
mod validity;

pub use metrics::Metrics;
pub use originality::Originality;
pub use prompts::Prompt;
pub use rates::{Rate, Rates, wilson};
pub use samples::{MidiSource, Sample, write_samples};
pub use sampling::{Continuation, Sampler, continue_tune};
pub use table::{compare_with_held_out, table};
pub use validity::Validity;

use crate::data::Tokenizer;
use crate::models::Model;
use crate::{Error, Result};
use rayon::prelude::*;
use std::time::Instant;

/// How long the tunes may get, what the model sees while it writes, and where chance starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A tune that has not ended after this many tokens is cut there.
    pub max_tokens: usize,
    /// A Transformer looks back over at most this many tokens: the block size that it was trained with, where its position
    /// table is longer (rows beyond it were never trained). `None`: the whole table.
    pub context: Option<usize>,
    /// Sample number i (from 0) draws with the seed `seed + i`.
    pub seed: u64,
    /// Prints no line for each sample.
    pub quiet: bool,
}

/// One sample for each prompt, judged. `train` is the training split, to find what was copied from it.
///
/// # Errors
/// [`Error::Data`] if a prompt has a character outside the vocabulary (it is named with its place), [`Error::Config`] for an
/// impossible temperature or top-k, [`Error::Data`] if the model's output is not finite.
pub fn generate(
    model: &Model,
    tokenizer: &Tokenizer,
    prompts: &[Prompt],
    max_tokens: usize,
    train: &[u16],
    seed: u64,
) -> Result<Vec<Sample>> {
    generate_with(model, tokenizer, prompts, train, &Settings { max_tokens, context: None, seed, quiet: false })
}

/// [`generate`] with all its settings. Prints a line for each sample unless told to be quiet; on a CPU, as many are written at once as it has cores.
pub fn generate_with(
    model: &Model,
    tokenizer: &Tokenizer,
    prompts: &[Prompt],
    train: &[u16],
    settings: &Settings,
) -> Result<Vec<Sample>> {
    let vocab_size = model.config().vocab_size();
    if vocab_size != tokenizer.vocab_size() {
        let (hash, n) = (tokenizer.hash(), tokenizer.vocab_size());
        return Err(Error::Config(format!(
            "the model knows {vocab_size} characters, but the vocabulary {hash} has {n}; open the corpus that it was trained on"
        )));
    }
    for prompt in prompts {
        prompt.check(tokenizer)?; // before any work is done
    }
    let one = |(index, prompt): (usize, &Prompt)| write_one(model, tokenizer, prompt, train, settings, index);
    let on_cpu = model.parameters().first().is_none_or(|(_, parameter)| parameter.device().is_cpu());
    let n_at_once = if on_cpu { rayon::current_num_threads().max(1) } else { 1 }; // one device writes one tune at a time
    let numbered: Vec<(usize, &Prompt)> = prompts.iter().enumerate().collect();
    let mut samples = Vec::with_capacity(prompts.len());
    for group in numbered.chunks(n_at_once) {
        let written: Result<Vec<(Sample, f64)>> = group.par_iter().copied().map(one).collect();
        for (sample, tokens_per_s) in written? {
            if !settings.quiet {
                let n_chars = sample.raw.chars().count();
                let Sample { number, prompt, validity, .. } = &sample;
                println!("sample {number:>2}: {prompt}: {n_chars} characters, {tokens_per_s:.0} tokens/s, {validity}");
            }
            samples.push(sample);
        }
    }
    Ok(samples)
}

/// A sample, and how many tokens a second it was written at.
fn write_one(
    model: &Model,
    tokenizer: &Tokenizer,
    prompt: &Prompt,
    train: &[u16],
    settings: &Settings,
    index: usize,
) -> Result<(Sample, f64)> {
    let start = Instant::now();
    let seed = settings.seed.wrapping_add(index as u64);
    let mut sampler = Sampler::new(prompt.temperature, prompt.top_k, seed)?;
    let mut decoder = match settings.context {
        Some(context) => model.decoder_with_context(context)?,
        None => model.decoder()?,
    };
    let next = |token| Ok(decoder.next(token)?);
    let written = continue_tune(next, tokenizer, &prompt.prefix, &mut sampler, settings.max_tokens)?;
    let tokens_per_s = written.n_tokens as f64 / start.elapsed().as_secs_f64().max(1e-9);
    let sample = Sample::judge(index + 1, prompt.clone(), seed, written, tokenizer, train);
    Ok((sample, tokens_per_s))
}

#[cfg(test)]
mod tests;
