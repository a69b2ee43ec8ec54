//! A few real steps on random tokens: how fast a model trains here, and in how much memory, before it is trained.

use crate::Result;
use crate::models::{Model, ModelConfig};
use crate::ops::{self, Dropout};
use crate::training::{AdamW, device, memory_mb, peak_memory_mb, reset_peak_memory};
use candle_core::{Device, Tensor};
use std::time::Instant;

const SEED: u64 = 1337;

/// A model that trains on random tokens, on the device that trainings use.
///
/// ```no_run
/// # use music_scaling::{prelude::*, study::Rehearsal};
/// let size = models::ladder("b-lstm", 75, 256)?.remove(0);
/// let mut rehearsal = Rehearsal::new(&size.model, 16, 256, 0.1)?;
/// let (gradients_s, update_s) = rehearsal.step()?;
/// println!("{:.0} tokens a second", (16.0 * 256.0) / (gradients_s + update_s));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Rehearsal {
    model: Model,
    optimizer: AdamW,
    batch_size: usize,
    block_size: usize,
    dropout: f64,
    n_steps: usize,
    device: Device,
    memory_before_mb: f64,
}

impl Rehearsal {
    /// First weights, zero moments.
    ///
    /// # Errors
    /// The model contradicts itself, or there is no room for it.
    pub fn new(config: &ModelConfig, batch_size: usize, block_size: usize, dropout: f64) -> Result<Rehearsal> {
        let device = device()?;
        reset_peak_memory(&device);
        let memory_before_mb = memory_mb(&device);
        let model = Model::new(config, SEED, &device)?;
        let optimizer = AdamW::new(model.parameters(), (0.9, 0.95), 0.1, ops::fused())?;
        Ok(Rehearsal { model, optimizer, batch_size, block_size, dropout, n_steps: 0, device, memory_before_mb })
    }

    /// Tokens that look random enough: (B, T), others for each salt.
    fn tokens(&self, salt: usize) -> Result<Tensor> {
        let vocab_size = self.model.config().vocab_size();
        let token = |i: usize| (((i + 1) * (i + 7 * salt + 3) / 5 + salt) % vocab_size) as u32;
        let tokens: Vec<u32> = (0..self.batch_size * self.block_size).map(token).collect();
        Ok(Tensor::from_vec(tokens, (self.batch_size, self.block_size), &self.device)?)
    }

    /// One step. Seconds of its forward and backward passes, and of clipping and AdamW.
    ///
    /// # Errors
    /// There is no room for its activations.
    pub fn step(&mut self) -> Result<(f64, f64)> {
        let (inputs, targets) = (self.tokens(self.n_steps)?, self.tokens(self.n_steps + 1)?);
        let dropout = Dropout::new(self.dropout, SEED + self.n_steps as u64)?;
        let began = Instant::now();
        let (_, grads) = self.model.loss_and_gradients(&inputs, &targets, &dropout)?;
        let gradients_s = began.elapsed().as_secs_f64();
        self.optimizer.step(&grads, 3e-4, 1.0)?;
        self.device.synchronize()?;
        self.n_steps += 1;
        Ok((gradients_s, began.elapsed().as_secs_f64() - gradients_s))
    }

    /// Seconds of the loss of one batch, nothing kept for gradients.
    ///
    /// # Errors
    /// As [`Rehearsal::step`].
    pub fn forward_s(&self) -> Result<f64> {
        let (inputs, targets) = (self.tokens(0)?, self.tokens(1)?);
        let began = Instant::now();
        self.model.loss_value(&inputs, &targets)?;
        Ok(began.elapsed().as_secs_f64())
    }

    /// Where it trains.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What trains.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The most memory of the device that it added to what was held before it, MB; 0 where not known.
    pub fn peak_memory_mb(&self) -> f64 {
        peak_memory_mb(&self.device) - self.memory_before_mb
    }
}

impl Drop for Rehearsal {
    /// The memory of one is not there for the next, which would seem to need less.
    fn drop(&mut self) {
        ops::release_memory();
    }
}
