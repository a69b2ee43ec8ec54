#![warn(missing_docs, clippy::missing_errors_doc)]
//! Letting a model write tunes, and judging what it wrote.
//!
//! ```text
//! Prompt ─► Sampler (temperature, top-k, seed) ─► raw text ─┬─► Validity: the ladder, on the raw text
//!                                                           ├─► Originality: what was copied from the training text
//!                                                           └─► headers added and counted ─► text ─► Metrics, MIDI, files
//! ```
//! ```no_run
//! # use music_scaling::{generation::{self, Prompt, Rates, Settings}, data::TokenData, models::Model};
//! # fn write(model: Model, data: TokenData) -> music_scaling::Result<()> {
//! let settings = Settings { max_tokens: 1000, context: None, seed: 1337, quiet: false };
//! let samples = generation::generate(&model, &data, &Prompt::varied(&data, 10), &settings)?;
//! println!("{}", Rates::of(&samples));
//! # Ok(())
//! # }
//! ```

pub mod gallery;
pub mod headers;
pub mod listening;
mod metrics;
mod originality;
mod pages;
mod played;
mod prompts;
mod rates;
mod samples;
mod sampling;
mod table;
mod validity;

pub use gallery::{Group, Outcome};
pub use metrics::Metrics;
pub use originality::Originality;
pub use pages::{PageOptions, read_groups, write_pages};
pub use prompts::Prompt;
pub use rates::{Rate, Rates, wilson};
pub use samples::{Sample, write_samples};
pub use sampling::{Continuation, Sampler, continue_tune};
pub use table::table;
pub use validity::Validity;

use crate::data::TokenData;
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

/// One sample for each prompt, judged; what they copied is looked for in the training split of `data`. Prints a line for each
/// unless told to be quiet; on a CPU, as many are written at once as it has cores.
///
/// # Errors
/// The model has another vocabulary than `data`, a prompt has a character outside it (named with its place), a temperature or
/// top-k is impossible, or the model's output is not finite.
pub fn generate(model: &Model, data: &TokenData, prompts: &[Prompt], settings: &Settings) -> Result<Vec<Sample>> {
    let (of_model, of_data) = (model.config().vocab_size(), data.tokenizer.vocab_size());
    if of_model != of_data {
        let hash = data.tokenizer.hash();
        return Err(Error::Config(format!(
            "the model knows {of_model} characters, but the vocabulary {hash} has {of_data}; open the corpus that it was trained on"
        )));
    }
    for prompt in prompts {
        prompt.check(&data.tokenizer)?; // before any work is done
    }
    let on_cpu = model.parameters().first().is_none_or(|(_, parameter)| parameter.device().is_cpu());
    let n_at_once = if on_cpu { rayon::current_num_threads().max(1) } else { 1 }; // one device writes one tune at a time
    let numbered: Vec<(usize, &Prompt)> = (1..).zip(prompts).collect();
    let mut samples = Vec::with_capacity(prompts.len());
    for group in numbered.chunks(n_at_once) {
        let write = |(number, prompt): &(usize, &Prompt)| write_one(model, data, prompt, settings, *number);
        for (sample, tokens_per_s) in group.par_iter().map(write).collect::<Result<Vec<(Sample, f64)>>>()? {
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
    data: &TokenData,
    prompt: &Prompt,
    settings: &Settings,
    number: usize,
) -> Result<(Sample, f64)> {
    let start = Instant::now();
    let seed = settings.seed.wrapping_add(number as u64 - 1);
    let mut sampler = Sampler::new(prompt.temperature, prompt.top_k, seed)?;
    let mut decoder = match settings.context {
        Some(context) => model.decoder_with_context(context)?,
        None => model.decoder()?,
    };
    let next = |token| Ok(decoder.next(token)?);
    let written = continue_tune(next, &data.tokenizer, &prompt.prefix, &mut sampler, settings.max_tokens)?;
    let tokens_per_s = written.n_tokens as f64 / start.elapsed().as_secs_f64().max(1e-9);
    Ok((Sample::judge(number, prompt.clone(), seed, written, data), tokens_per_s))
}

#[cfg(test)]
mod pages_tests;
#[cfg(test)]
mod tests;
