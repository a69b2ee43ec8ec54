#![warn(missing_docs, clippy::missing_errors_doc)]
//! Letting a model write tunes, and judging what it wrote.
//!
//! ```text
//! Prompt ─► write (batches; Drawing, Grammar, seed) ─► raw text ─┬─► Validity: the ladder, on the raw text
//!                                                                └─► headers added and counted ─► text ─┬─► MIDI, files
//!                                                                       Originality: what of its melodies ┤
//!                                                                       stands in the training tunes      └─► Features
//! ```
//! ```no_run
//! # use music_scaling::{generation::{self, Melodies, Prompt, Rates, Settings}, data::TokenData, models::Model};
//! # fn write(model: Model, data: TokenData) -> music_scaling::Result<()> {
//! let settings = Settings { max_tokens: 1000, seed: 1337, ..Settings::default() };
//! let train = Melodies::of_train(&data);
//! let samples = generation::generate(&model, &data, &train, &Prompt::varied(&data, 10), &settings)?;
//! println!("{}", Rates::of(samples.iter().map(|sample| &sample.validity)));
//! # Ok(())
//! # }
//! ```

mod abilities;
mod beginnings;
mod check;
mod compare;
mod distribution;
mod drawing;
mod features;
pub mod gallery;
mod grammar;
pub mod headers;
pub mod listening;
mod melodies;
mod originality;
mod pages;
mod played;
mod prompts;
mod rates;
mod samples;
mod sampling;
mod table;
mod validity;
mod writing;

pub use abilities::Ability;
pub use beginnings::beginning;
pub use check::{Checked, check};
pub use compare::{Comparison, FrechetComparison, MatrixComparison, Measured, ScalarComparison, compare};
pub use distribution::Distribution;
pub use drawing::Drawing;
pub use features::{Features, Histogram, NOTE_LENGTHS, SCALARS, Scalar, Transitions};
pub use gallery::{Group, Outcome};
pub use grammar::Grammar;
use grammar::Guide;
pub use melodies::Melodies;
pub use originality::{Copying, Originality};
pub use pages::{PageOptions, write_pages};
pub use prompts::Prompt;
pub use rates::{Rate, Rates, wilson};
pub use samples::{Sample, write_samples};
pub use sampling::Sampler;
pub use table::table;
pub use validity::{Failure, Rung, Validity};
pub use writing::{Continuation, write};

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
    /// A tune ends behind the bar line that closes so many bars of the model's own.
    pub bars: Option<usize>,
    /// A tune ends where the model has written this; it stays in the text. (At a blank line it ends in any case.)
    pub stop: Option<String>,
    /// A Transformer looks back over at most this many tokens: the block size that it was trained with, where its position
    /// table is longer (rows beyond it were never trained). `None`: the whole table.
    pub context: Option<usize>,
    /// Sample number i (from 0) draws with the seed `seed + i`.
    pub seed: u64,
    /// At most so many tunes are written in lock step; memory grows with them, and no tune depends on it.
    pub batch: usize,
    /// Prints no line for each sample.
    pub quiet: bool,
}

/// 1000 tokens and no other end, over the whole context, 64 at a time.
impl Default for Settings {
    fn default() -> Self {
        Settings { max_tokens: 1000, bars: None, stop: None, context: None, seed: 1337, batch: 64, quiet: false }
    }
}

impl Settings {
    /// Refuses what cannot be done.
    ///
    /// # Errors
    /// [`Error::Config`] for a stop string without a character, or no bars or batch at all.
    pub fn check(&self) -> Result<()> {
        let problem = if self.stop.as_ref().is_some_and(String::is_empty) {
            "the stop string is empty, so every tune would end at once; give it a character, or leave it out"
        } else if self.bars == Some(0) {
            "0 bars are no tune; ask for 1 or more, or leave the number of bars out"
        } else if self.batch == 0 {
            "a batch of 0 tunes writes none; try 64"
        } else {
            return Ok(());
        };
        Err(Error::Config(problem.to_string()))
    }
}

/// One sample for each prompt, judged; what they copied is looked for in `train`, the melodies of the training split. Prints a line for
/// each and the speed, unless told to be quiet.
///
/// # Errors
/// As [`write()`]: the model has another vocabulary than `data`, a prompt has a character outside it (named with its place), a drawing or
/// a setting is impossible, or the model's output is not finite.
pub fn generate(
    model: &Model,
    data: &TokenData,
    train: &Melodies,
    prompts: &[Prompt],
    settings: &Settings,
) -> Result<Vec<Sample>> {
    let start = Instant::now();
    let written = write(model, &data.tokenizer, prompts, settings)?;
    let seconds = start.elapsed().as_secs_f64();
    let n_tokens: usize = written.iter().map(|tune| tune.n_tokens).sum();
    let judge = |(i, (prompt, written)): (usize, (&Prompt, Continuation))| {
        Sample::judge(i + 1, prompt.clone(), settings.seed.wrapping_add(i as u64), written, train)
    };
    let samples: Vec<Sample> = prompts.par_iter().zip(written).enumerate().map(judge).collect();
    if !settings.quiet {
        for Sample { number, prompt, raw, validity, .. } in &samples {
            println!("sample {number:>2}: {prompt}: {} characters, {validity}", raw.chars().count());
        }
        println!("{n_tokens} tokens in {seconds:.1} s: {:.0} tokens/s", n_tokens as f64 / seconds.max(1e-9));
    }
    Ok(samples)
}

#[cfg(test)]
mod pages_tests;
#[cfg(test)]
mod tests;
