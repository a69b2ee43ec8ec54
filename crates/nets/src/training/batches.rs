//! Which tokens each step trains on: shuffled windows, a function of `(seed, step)` alone.
//!
//! ```text
//! The n tokens form a ring. Epoch e draws an offset o_e and cuts the ring into ⌊n / T⌋ windows of T targets:
//!   window k of epoch e:  inputs o_e + k·T … + T − 1,  targets one further        (all mod n)
//! The windows of all epochs, each epoch shuffled, form one stream; step s (from 0) takes windows s·B … s·B + B − 1.
//! ```
//! One epoch meets each token at most once as a target; `n mod T` tokens, fewer than one window, sit out and are others in
//! the next epoch. Nothing has to be saved to resume: the state is the step.

use crate::{Error, Result};
use candle_core::{Device, Tensor};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// The stream of training batches over one token sequence.
#[derive(Debug, Clone)]
pub struct Batches {
    block_size: usize,
    batch_size: usize,
    n_tokens: usize,
    seed: u64,
    epoch: Epoch,
}

/// The order of one epoch: where its ring is cut, and the shuffled window numbers.
#[derive(Debug, Clone)]
struct Epoch {
    number: u64,
    offset: usize,
    order: Vec<u32>,
}

impl Batches {
    /// For a training split of `n_tokens`.
    ///
    /// # Errors
    /// Fewer tokens than one window and its last target.
    pub fn new(n_tokens: usize, block_size: usize, batch_size: usize, seed: u64) -> Result<Self> {
        if block_size == 0 || batch_size == 0 || n_tokens < block_size + 1 {
            return Err(Error::Data(format!(
                "the training split has {n_tokens} tokens, but one window of block_size {block_size} needs {}; use more data or a smaller block_size",
                block_size + 1
            )));
        }
        let epoch = Epoch::draw(0, n_tokens, block_size, seed);
        Ok(Batches { block_size, batch_size, n_tokens, seed, epoch })
    }

    /// Windows in one epoch.
    pub fn windows_per_epoch(&self) -> usize {
        self.n_tokens / self.block_size
    }

    /// Where each of the B windows of step `step` (from 0) starts on the ring.
    pub fn starts(&mut self, step: usize) -> Vec<usize> {
        let per_epoch = self.windows_per_epoch() as u64;
        let first = step as u64 * self.batch_size as u64;
        (first..first + self.batch_size as u64)
            .map(|window| {
                if window / per_epoch != self.epoch.number {
                    self.epoch = Epoch::draw(window / per_epoch, self.n_tokens, self.block_size, self.seed);
                }
                self.epoch.start((window % per_epoch) as usize, self.block_size, self.n_tokens)
            })
            .collect()
    }

    /// Inputs and targets of step `step` (from 0): two tensors (B, T) u32. `tokens` is the split given to `new`.
    ///
    /// # Errors
    /// The device fails.
    pub fn batch(&mut self, tokens: &[u16], step: usize, device: &Device) -> Result<(Tensor, Tensor)> {
        let shape = (self.batch_size, self.block_size);
        let starts = self.starts(step);
        let window = |shift: usize| -> Vec<u32> {
            let ring =
                |start: usize| tokens.iter().skip((start + shift) % self.n_tokens).chain(tokens).take(self.block_size);
            starts.iter().flat_map(|&start| ring(start)).map(|&token| u32::from(token)).collect()
        };
        let inputs = Tensor::from_vec(window(0), shape, device)?; // (B, T)
        let targets = Tensor::from_vec(window(1), shape, device)?; // (B, T)
        Ok((inputs, targets))
    }
}

impl Epoch {
    fn draw(number: u64, n_tokens: usize, block_size: usize, seed: u64) -> Self {
        let mut rng = random_for(seed, "data order", number);
        let offset = rng.random_range(0..n_tokens);
        let mut order: Vec<u32> = (0..(n_tokens / block_size) as u32).collect();
        order.shuffle(&mut rng);
        Epoch { number, offset, order }
    }

    fn start(&self, window: usize, block_size: usize, n_tokens: usize) -> usize {
        let k = self.order.get(window).map_or(0, |&k| k as usize);
        (self.offset + k * block_size) % n_tokens
    }
}

/// An independent random stream for one purpose at one step or epoch, from the run's seed.
pub(super) fn random_for(seed: u64, purpose: &str, index: u64) -> Pcg64Mcg {
    use sha2::{Digest, Sha256};
    let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(index.to_le_bytes()).chain_update(purpose);
    let mut state = [0u8; 16];
    state.iter_mut().zip(digest.finalize()).for_each(|(byte, drawn)| *byte = drawn);
    Pcg64Mcg::from_seed(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets_of_epoch(n_tokens: usize, block_size: usize, batch_size: usize, epoch: usize) -> Vec<usize> {
        let mut batches = Batches::new(n_tokens, block_size, batch_size, 7).unwrap();
        let tokens: Vec<u16> = (0..n_tokens as u16).collect(); // each token is its own place
        let windows = batches.windows_per_epoch();
        let steps = windows / batch_size;
        assert_eq!(windows % batch_size, 0, "the test wants whole steps");
        let step_targets = |step| {
            let (inputs, targets) = batches.batch(&tokens, step, &Device::Cpu).unwrap();
            let (inputs, targets) = (inputs.flatten_all().unwrap(), targets.flatten_all().unwrap());
            let (inputs, targets) = (inputs.to_vec1::<u32>().unwrap(), targets.to_vec1::<u32>().unwrap());
            for (input, target) in inputs.iter().zip(&targets) {
                assert_eq!((*input as usize + 1) % n_tokens, *target as usize, "a target is the token after its input");
            }
            targets.into_iter().map(|target| target as usize).collect::<Vec<_>>()
        };
        (epoch * steps..(epoch + 1) * steps).flat_map(step_targets).collect()
    }

    #[test]
    fn an_epoch_sees_each_token_exactly_once_as_a_target() {
        for epoch in [0, 1, 5] {
            let mut targets = targets_of_epoch(96, 8, 4, epoch);
            assert_ne!(targets, (0..96).collect::<Vec<_>>(), "the windows are shuffled");
            targets.sort_unstable();
            assert_eq!(targets, (0..96).collect::<Vec<_>>());
        }
    }

    #[test]
    fn tokens_that_fill_no_window_sit_out_once_and_are_others_in_the_next_epoch() {
        let missing = |epoch| {
            let targets = targets_of_epoch(101, 8, 4, epoch);
            let left: Vec<usize> = (0..101).filter(|token| !targets.contains(token)).collect();
            assert_eq!((targets.len(), left.len()), (96, 5), "101 mod 8 = 5 sit out, no target comes twice");
            left
        };
        assert_ne!(missing(0), missing(1));
    }

    #[test]
    fn a_step_is_the_same_whether_asked_in_order_or_alone() {
        let mut in_order = Batches::new(1000, 16, 3, 42).unwrap();
        let all: Vec<_> = (0..60).map(|step| in_order.starts(step)).collect(); // 60 · 3 windows: almost three epochs of 62
        for step in [59, 0, 21, 20, 41] {
            assert_eq!(Batches::new(1000, 16, 3, 42).unwrap().starts(step), all[step]);
        }
        assert_ne!(Batches::new(1000, 16, 3, 43).unwrap().starts(0), all[0], "another seed, another order");
    }

    #[test]
    fn too_few_tokens_are_one_clear_sentence() {
        let error = Batches::new(8, 8, 1, 0).unwrap_err().to_string();
        assert_eq!(
            error,
            "the training split has 8 tokens, but one window of block_size 8 needs 9; use more data or a smaller block_size"
        );
    }
}
