//! How fast sampling is: tokens a second, one tune alone beside a peer, and many in a batch.
//!
//! ```text
//! tokens_per_s = tunes · tokens of each / seconds, drawn at temperature 1 as a study draws them, each from its first character on
//! ratio        = median of our rounds / median of the peer's, one tune at a time, taken in turn
//! ```
//! The peer computes the whole context anew for each token, as nanoGPT does.

use super::peer::{Peer, median};
use super::train::Setting;
use music_scaling::data::Tokenizer;
use music_scaling::generation::{self, Drawing, Prompt, Settings};
use music_scaling::models::Model;
use music_scaling::{Error, Result};
use std::time::Instant;

const BATCH_SIZES: [usize; 5] = [1, 4, 16, 64, 256];

#[derive(Debug, clap::Args)]
pub struct Options {
    /// A rung of a ladder
    #[arg(long, default_value = "b-transformer-xl")]
    model: String,
    /// Tokens of each tune, and the longest context
    #[arg(long, default_value_t = 512)]
    tokens: usize,
    #[arg(long, default_value_t = 96)]
    vocab_size: usize,
    /// Rounds, in each of which ours and the peer have their turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The command of a program that samples from the same model, such as "python3 torch_peer.py"
    #[arg(long)]
    peer: Option<String>,
}

/// Prints what it measures, line by line.
pub fn measure(options: &Options) -> Result<()> {
    let setting = Setting {
        vocab_size: options.vocab_size,
        block_size: options.tokens,
        batch_size: 1,
        ..Setting::of(&options.model)
    };
    let config = setting.config()?;
    let ours = Ours::new(&setting, options.tokens)?;
    ours.tokens_per_s(1)?; // memory is asked for the first time
    println!("{}: {} parameters, {} tokens a tune", options.model, config.n_params(), options.tokens);
    let (mut rounds, mut peers) = (Vec::new(), Vec::new());
    let mut peer = options.peer.as_deref().map(Peer::new).transpose()?;
    for _ in 0..options.rounds.max(1) {
        rounds.push(ours.tokens_per_s(1)?);
        match peer.as_ref().map(|peer| peer.sample(&config, &setting, options.tokens)) {
            Some(Ok(tokens_per_s)) => peers.push(tokens_per_s),
            Some(Err(error)) => {
                println!("without the peer: {error}");
                peer = None;
            }
            None => {}
        }
    }
    let one = median(&rounds).unwrap_or_default();
    match median(&peers) {
        Some(theirs) => println!("one tune: {one:.0} tokens/s, the peer {theirs:.0}: ratio {:.1}", one / theirs),
        None => println!("one tune: {one:.0} tokens/s"),
    }
    println!("tunes at once  tokens/s  per tune");
    for n in BATCH_SIZES {
        let tokens_per_s = ours.tokens_per_s(n)?;
        println!("{n:>13} {tokens_per_s:>9.0} {:>9.0}", tokens_per_s / n as f64);
    }
    Ok(())
}

/// A fresh model over a vocabulary in which no tune can end.
struct Ours {
    model: Model,
    tokenizer: Tokenizer,
    n_tokens: usize,
}

impl Ours {
    fn new(setting: &Setting, n_tokens: usize) -> Result<Self> {
        let model = Model::new(&setting.config()?, 1337, &music_scaling::training::device()?)?;
        let chars = ('\u{4e00}'..).take(setting.vocab_size).collect();
        Ok(Ours { model, tokenizer: Tokenizer::from_chars(chars)?, n_tokens })
    }

    fn tokens_per_s(&self, n: usize) -> Result<f64> {
        let first: String = self.tokenizer.chars().iter().take(1).collect();
        let prompts = vec![Prompt::new(first, Drawing::default()); n];
        let settings = Settings { max_tokens: self.n_tokens, batch: n, quiet: true, ..Settings::default() };
        let start = Instant::now();
        let tunes = generation::write(&self.model, &self.tokenizer, &prompts, &settings)?;
        let seconds = start.elapsed().as_secs_f64();
        let n_drawn: usize = tunes.iter().map(|tune| tune.n_tokens).sum();
        if n_drawn != n * self.n_tokens {
            return Err(Error::Config(format!("{n_drawn} tokens were drawn, not {n} · {}", self.n_tokens)));
        }
        Ok(n_drawn as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tune_of_a_batch_is_as_long_as_was_asked() {
        let setting = Setting { block_size: 16, ..Setting::of("smoke-transformer-tiny") };
        assert!(Ours::new(&setting, 16).unwrap().tokens_per_s(3).unwrap() > 0.0);
    }
}
