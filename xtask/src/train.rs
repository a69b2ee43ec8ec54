//! How fast training is: tokens a second, FLOP/s, memory, and how near that comes to the machine's matrix product.
//!
//! ```text
//! a step          = forward, backward, clipping, AdamW on batch_size · block_size random tokens
//! tokens_per_s    = tokens of a step / seconds of the best step
//! gflops          = tokens_per_s · training FLOPs per token (6·N + attention)
//! product_gflops  = the best of a few plain matrix products, taken in turn with the steps
//! ratio to a peer = median of our rounds / median of its rounds, taken in turn
//! ```
//! Other work on the machine slows both sides of a ratio, so ratios and shares say more than seconds do.

use super::peer::{Peer, PeerSpeed};
use music_scaling::models::{ModelConfig, Size, ladder};
use music_scaling::ops;
use music_scaling::study::Rehearsal;
use music_scaling::training::{default_threads, evaluate, peak_memory_mb, with_threads};
use music_scaling::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Instant;

const WARM_UP: usize = 2; // steps in which memory is asked for the first time

/// What is measured, and how often.
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct Setting {
    /// A rung of a ladder, such as b-transformer-xl.
    #[arg(skip)]
    pub model: String,
    #[arg(long, default_value_t = 75)]
    pub vocab_size: usize,
    #[arg(long, default_value_t = 256)]
    pub block_size: usize,
    #[arg(long, default_value_t = 16)]
    pub batch_size: usize,
    /// Rounds, in each of which everything that is compared has its turn
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Steps in a round, of which the best counts
    #[arg(long, default_value_t = 4)]
    pub steps: usize,
    /// Let a GPU round the operands of products to TF32
    #[arg(long)]
    pub allow_tf32: bool,
}

impl Setting {
    /// `model` at project B's vocabulary of 75, block size 256 and batch size 16: three rounds of four steps.
    pub fn of(model: impl Into<String>) -> Self {
        Setting {
            model: model.into(),
            vocab_size: 75,
            block_size: 256,
            batch_size: 16,
            rounds: 3,
            steps: 4,
            allow_tf32: false,
        }
    }

    /// The model's shape. Errors: no ladder has such a rung.
    pub fn config(&self) -> Result<ModelConfig> {
        let (name, _) = self.model.rsplit_once('-').unwrap_or((&self.model, ""));
        let rungs = ladder(name, self.vocab_size, self.block_size)?;
        let known = rungs.iter().map(|size| size.name.as_str()).collect::<Vec<_>>().join(", ");
        let found = rungs.into_iter().find(|Size { name, .. }| *name == self.model);
        let size = found.ok_or_else(|| Error::Config(format!("there is no model {:?}; there are {known}", self.model)));
        Ok(size?.model)
    }

    fn tokens_per_step(&self) -> usize {
        self.batch_size * self.block_size
    }
}

/// What was measured for one model: a line of the table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainSpeed {
    pub model: String,
    pub n_params: usize,
    pub block_size: usize,
    pub batch_size: usize,
    pub n_threads: usize,
    /// Trained tokens a second in the best step.
    pub tokens_per_s: f64,
    /// Training FLOPs a second in the best step, in 10⁹.
    pub gflops: f64,
    /// FLOPs a second of the best matrix product, in 10⁹.
    pub product_gflops: f64,
    /// gflops / product_gflops
    pub share_of_product: f64,
    /// Peak memory of the whole measurement on its device, MB; of this process, so meaningful for its first model.
    pub peak_rss_mb: f64,
    /// Tokens a second of the forward pass and the loss of one batch, nothing kept for gradients.
    pub forward_tokens_per_s: f64,
    /// Evaluated tokens a second: the same over a whole split.
    pub evaluate_tokens_per_s: f64,
    pub peer: Option<PeerSpeed>,
}

/// Measures one model in this process, in turn with `peer` where there is one.
pub fn measure(setting: &Setting, peer: Option<&Peer>) -> Result<TrainSpeed> {
    with_threads(None, || measure_here(setting, peer))
}

fn measure_here(setting: &Setting, peer: Option<&Peer>) -> Result<TrainSpeed> {
    let config = setting.config()?;
    let _rounding = ops::AllowTf32::new(setting.allow_tf32);
    let mut rehearsal = Rehearsal::new(&config, setting.batch_size, setting.block_size, 0.0)?;
    let (forward_tokens_per_s, evaluate_tokens_per_s) = forward_and_evaluate_speed(&rehearsal, setting)?;
    best_step_s(&mut rehearsal, WARM_UP)?;
    let (mut product_gflops, mut ours, mut theirs) = (0f64, Vec::new(), Vec::new());
    for _ in 0..setting.rounds.max(1) {
        product_gflops = product_gflops.max(ops::product_gflops(rehearsal.device())?);
        ours.push(setting.tokens_per_step() as f64 / best_step_s(&mut rehearsal, setting.steps.max(1))?);
        if let Some(peer) = peer {
            theirs.push(peer.train(&config, setting)?);
        }
    }
    let tokens_per_s = ours.iter().copied().fold(0.0, f64::max);
    let gflops = tokens_per_s * config.flops_per_token(setting.block_size) / 1e9;
    Ok(TrainSpeed {
        model: setting.model.clone(),
        n_params: config.n_params(),
        block_size: setting.block_size,
        batch_size: setting.batch_size,
        n_threads: default_threads(),
        tokens_per_s,
        gflops,
        product_gflops,
        share_of_product: gflops / product_gflops,
        peak_rss_mb: peak_memory_mb(rehearsal.device()),
        forward_tokens_per_s,
        evaluate_tokens_per_s,
        peer: PeerSpeed::of(&ours, &theirs),
    })
}

/// Seconds of the best of `n` steps.
fn best_step_s(rehearsal: &mut Rehearsal, n: usize) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..n {
        let (gradients_s, update_s) = rehearsal.step()?;
        best = best.min(gradients_s + update_s);
    }
    Ok(best)
}

/// Tokens a second of a forward pass over one batch, and of an evaluation of four; the best of three each.
fn forward_and_evaluate_speed(rehearsal: &Rehearsal, setting: &Setting) -> Result<(f64, f64)> {
    let Setting { vocab_size, batch_size, block_size, .. } = *setting;
    let n_tokens = 4 * setting.tokens_per_step() + 1;
    let split: Vec<u16> = (0..n_tokens).map(|i| (i * (i / 3 + 1) % vocab_size) as u16).collect();
    let mut best = [f64::INFINITY; 2];
    for _ in 0..3 {
        best[0] = best[0].min(rehearsal.forward_s()?);
        let began = Instant::now();
        evaluate(rehearsal.model(), &split, block_size, batch_size)?;
        best[1] = best[1].min(began.elapsed().as_secs_f64());
    }
    Ok((setting.tokens_per_step() as f64 / best[0], n_tokens as f64 / best[1]))
}

/// The head of the table whose lines are the `Display` of [`TrainSpeed`].
pub const TABLE_HEAD: &str = "model                    n_params block ×   B  tokens/s  GFLOP/s   share peak MB forward/s evaluate/s    peer's  ratio";

impl fmt::Display for TrainSpeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TrainSpeed { model, n_params, block_size, batch_size, tokens_per_s, gflops, peak_rss_mb, .. } = self;
        let (share, forward, evaluate) =
            (100.0 * self.share_of_product, self.forward_tokens_per_s, self.evaluate_tokens_per_s);
        write!(f, "{model:<21} {n_params:>11} {block_size:>5} × {batch_size:>3} {tokens_per_s:>9.0} {gflops:>8.0}")?;
        write!(f, " {share:>6.0}% {peak_rss_mb:>7.0} {forward:>9.0} {evaluate:>10.0}")?;
        match &self.peer {
            Some(peer) => write!(f, " {:>9.0} {:>6.2}", peer.tokens_per_s, peer.ratio),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_is_of_the_model_that_was_asked_for() {
        let setting =
            Setting { block_size: 16, batch_size: 2, rounds: 1, steps: 1, ..Setting::of("smoke-transformer-tiny") };
        let speed = measure(&setting, None).unwrap();
        let config = setting.config().unwrap();
        assert_eq!((speed.model.as_str(), speed.n_params), ("smoke-transformer-tiny", config.n_params()));
        let flops_per_token = speed.gflops * 1e9 / speed.tokens_per_s;
        assert!((flops_per_token / config.flops_per_token(16) - 1.0).abs() < 1e-9);
        assert!((speed.share_of_product * speed.product_gflops / speed.gflops - 1.0).abs() < 1e-9);
        assert_eq!(speed.peer, None);
    }

    #[test]
    fn a_model_that_no_ladder_has_is_answered_with_those_it_has() {
        let error = Setting::of("b-lstm-huge").config().unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no model \"b-lstm-huge\"; there are b-lstm-tiny, b-lstm-small, b-lstm-medium, b-lstm-large"
        );
    }
}
