//! The loss of a language model: mean cross-entropy in nats per token.
//!
//! `loss = -1/N · Σ_i log softmax(logits_i)[target_i]`
//! Backward: dlogits_i = (softmax(logits_i) - onehot(target_i)) / N.

use super::fused::{Fused, apply};
use super::gpu::{self, Arg, Kernels, Threads};
use super::runs_fused;
use super::simd::{dispatch, exp, max, rows_per_piece, sum_of};
use crate::{Error, Result};
use candle_core::{D, DType, Tensor};
use rayon::prelude::*;

/// The mean loss (a scalar) of `logits` (..., V) against `targets` (..., u32).
///
/// # Errors
/// There is a target outside the vocabulary. On a CUDA device the loss is NaN instead: to look would be to wait.
pub fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let vocab_size = logits.dim(D::Minus1)?;
    let n_rows = logits.elem_count() / vocab_size.max(1);
    if n_rows != targets.elem_count() || n_rows == 0 {
        let (logits, targets) = (logits.dims(), targets.dims());
        return Err(Error::Tensor(format!("cross_entropy: targets {targets:?} do not go with logits {logits:?}")));
    }
    let targets = targets.to_device(logits.device())?.to_dtype(DType::U32)?.flatten_all()?; // (N)
    if runs_fused(&[logits]) {
        if !logits.device().is_cpu() {
            return apply(CrossEntropy { targets: Vec::new(), on_gpu: targets, vocab_size }, (), &[logits]);
        }
        let on_gpu = targets.clone();
        let targets = targets.to_vec1::<u32>()?;
        if let Some(target) = targets.iter().find(|&&target| target as usize >= vocab_size) {
            return Err(Error::Tensor(format!("target {target} is outside the vocabulary of {vocab_size}")));
        }
        return apply(CrossEntropy { targets, on_gpu, vocab_size }, (), &[logits]);
    }
    composite(logits, &targets)
}

fn composite(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let n_rows = targets.elem_count();
    let logits = logits.reshape((n_rows, logits.dim(D::Minus1)?))?;
    let log_probs = candle_nn::ops::log_softmax(&logits, D::Minus1)?; // (N, V)
    let picked = log_probs.gather(&targets.unsqueeze(1)?, 1)?; // (N, 1)
    Ok((picked.sum_all()? * (-1.0 / n_rows as f64))?)
}

const KERNELS: Kernels = Kernels { name: "cross_entropy", text: include_str!("cross_entropy.cu") };

struct CrossEntropy {
    targets: Vec<u32>, // read on the CPU,
    on_gpu: Tensor,    // and on a GPU
    vocab_size: usize,
}

impl Fused for CrossEntropy {
    fn forward(&self, args: &[&[f32]]) -> Vec<f32> {
        let rows = rows_per_piece(self.targets.len());
        let pieces: Vec<f64> = args[0]
            .par_chunks(rows * self.vocab_size)
            .zip(self.targets.par_chunks(rows))
            .map(|(logits, targets)| loss_of_rows(logits, targets))
            .collect();
        vec![(pieces.iter().sum::<f64>() / self.targets.len() as f64) as f32]
    }

    fn backward(&self, args: &[&[f32]], _: &[f32], grad: Vec<f32>) -> Vec<Vec<f32>> {
        let scale = grad[0] / self.targets.len() as f32;
        let rows = rows_per_piece(self.targets.len());
        let mut dlogits = vec![0.0; args[0].len()];
        dlogits
            .par_chunks_mut(rows * self.vocab_size)
            .zip(args[0].par_chunks(rows * self.vocab_size))
            .zip(self.targets.par_chunks(rows))
            .for_each(|((dlogits, logits), targets)| gradient_of_rows(logits, targets, scale, dlogits));
        vec![dlogits]
    }

    fn forward_on_gpu(&self, args: &[Tensor]) -> candle_core::Result<Tensor> {
        let n_rows = self.on_gpu.elem_count();
        let losses = gpu::empty(n_rows, &args[0])?;
        let sizes = [Arg::Size(n_rows), Arg::Size(self.vocab_size)];
        let args = [&[Arg::Numbers(&args[0]), Arg::Numbers(&self.on_gpu), Arg::Numbers(&losses)], &sizes[..]].concat();
        gpu::launch(&KERNELS, "row_losses", Threads::WarpEach(n_rows), &args)?;
        losses.mean_all()
    }

    fn backward_on_gpu(&self, args: &[Tensor], _: &Tensor, grad: Tensor) -> candle_core::Result<Vec<Tensor>> {
        let (logits, n_rows) = (&args[0], self.on_gpu.elem_count());
        let dlogits = gpu::empty(logits.shape(), logits)?;
        let numbers = [logits, &self.on_gpu, &grad, &dlogits].map(Arg::Numbers);
        let args = [&numbers[..], &[Arg::Size(n_rows), Arg::Size(self.vocab_size)]].concat();
        gpu::launch(&KERNELS, "row_losses_back", Threads::WarpEach(n_rows), &args)?;
        Ok(vec![dlogits])
    }
}

dispatch!(fn loss_of_rows(logits: &[f32], targets: &[u32]) -> f64 = loss_kernel);
dispatch!(fn gradient_of_rows(logits: &[f32], targets: &[u32], scale: f32, dlogits: &mut [f32]) = gradient_kernel);

#[inline(always)]
fn loss_kernel<const FMA: bool>(logits: &[f32], targets: &[u32]) -> f64 {
    let width = logits.len() / targets.len();
    let mut total = 0.0;
    for (row, &target) in logits.chunks_exact(width).zip(targets) {
        let top = max(row);
        let sum = sum_of(row, |x| exp::<FMA>(x - top));
        total += f64::from(sum).ln() + f64::from(top) - f64::from(row[target as usize]);
    }
    total
}

#[inline(always)]
fn gradient_kernel<const FMA: bool>(logits: &[f32], targets: &[u32], scale: f32, dlogits: &mut [f32]) {
    let width = logits.len() / targets.len();
    for ((row, out), &target) in logits.chunks_exact(width).zip(dlogits.chunks_exact_mut(width)).zip(targets) {
        let top = max(row);
        out.iter_mut().zip(row).for_each(|(out, x)| *out = exp::<FMA>(x - top));
        let factor = scale / sum_of(out, |x| x);
        out.iter_mut().for_each(|out| *out *= factor);
        out[target as usize] -= scale;
    }
}

#[cfg(test)]
mod tests {
    use super::super::agreement_tests::{agree, uniform};
    use super::*;

    #[test]
    fn fused_agrees_with_composite_and_finite_differences() {
        for (n, v) in [(1, 1), (5, 7), (40, 75)] {
            let targets: Vec<u32> = (0..n).map(|i| (i * 5 % v) as u32).collect();
            let targets = Tensor::new(targets, &candle_core::Device::Cpu).unwrap();
            let logits = (uniform(&[n, v], 1) * 10.0).unwrap();
            agree(&[logits], |x| cross_entropy(&x[0], &targets), |x| composite(&x[0], &targets));
        }
    }

    #[test]
    fn equal_logits_cost_ln_vocab_size_however_large() {
        for level in [-1e4f32, 0.0, 1e4] {
            let logits = Tensor::full(level, (3, 8), &candle_core::Device::Cpu).unwrap();
            let targets = Tensor::new(&[0u32, 7, 3], &candle_core::Device::Cpu).unwrap();
            let loss = cross_entropy(&logits, &targets).unwrap().to_scalar::<f32>().unwrap();
            assert!((loss - 8f32.ln()).abs() < 1e-6, "{loss}");
        }
    }

    #[test]
    fn a_target_outside_the_vocabulary_is_refused() {
        let targets = Tensor::new(&[9u32], &candle_core::Device::Cpu).unwrap();
        let error = cross_entropy(&uniform(&[1, 4], 1), &targets).unwrap_err().to_string();
        assert_eq!(error, "target 9 is outside the vocabulary of 4");
    }
}
