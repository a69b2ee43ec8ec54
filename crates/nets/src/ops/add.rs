//! Addition of two tensors of one shape: the residual stream.
//!
//! y = a + b

use super::fused::{Fused, apply};
use super::runs_fused;
use super::simd::dispatch;
use crate::Result;
use candle_core::Tensor;
use rayon::prelude::*;

/// a + b, both of the same shape.
///
/// # Errors
/// The shapes do not fit each other, or the device fails.
pub fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if runs_fused(&[a, b]) && a.shape() == b.shape() {
        return apply(Add, a.shape(), &[a, b]);
    }
    Ok((a + b)?)
}

struct Add;

/// Numbers that one thread adds at a time: 64 KB, so that three of them fit a core's cache.
const PIECE: usize = 16_384;

impl Fused for Add {
    fn forward(&self, args: &[&[f32]]) -> Vec<f32> {
        let (a, b) = (args[0], args[1]);
        let mut out = vec![0.0; a.len()];
        let pieces = out.par_chunks_mut(PIECE).zip(a.par_chunks(PIECE)).zip(b.par_chunks(PIECE));
        pieces.for_each(|((out, a), b)| sum_of(a, b, out));
        out
    }

    fn backward(&self, _: &[&[f32]], _: &[f32], grad: Vec<f32>) -> Vec<Vec<f32>> {
        vec![grad.clone(), grad]
    }

    fn forward_on_gpu(&self, args: &[Tensor]) -> candle_core::Result<Tensor> {
        &args[0] + &args[1]
    }

    fn backward_on_gpu(&self, _: &[Tensor], _: &Tensor, grad: Tensor) -> candle_core::Result<Vec<Tensor>> {
        Ok(vec![grad.clone(), grad])
    }
}

/// total += more, over all cores: how the gradients of a tensor that is used twice meet.
pub(super) fn accumulate(total: &mut [f32], more: &[f32]) {
    total.par_chunks_mut(PIECE).zip(more.par_chunks(PIECE)).for_each(|(total, more)| add_to(total, more));
}

dispatch!(fn sum_of(a: &[f32], b: &[f32], out: &mut [f32]) = sum_of_kernel);
dispatch!(fn add_to(total: &mut [f32], more: &[f32]) = add_to_kernel);

#[inline(always)]
fn sum_of_kernel<const FMA: bool>(a: &[f32], b: &[f32], out: &mut [f32]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = a + b;
    }
}

#[inline(always)]
fn add_to_kernel<const FMA: bool>(total: &mut [f32], more: &[f32]) {
    for (total, more) in total.iter_mut().zip(more) {
        *total += more;
    }
}

#[cfg(test)]
mod tests {
    use super::super::agreement_tests::{agree, uniform};
    use super::*;

    #[test]
    fn fused_agrees_with_candle() {
        let operands = [uniform(&[3, 7], 1), uniform(&[3, 7], 2)];
        agree(&operands, |x| add(&x[0], &x[1]), |x| Ok((&x[0] + &x[1])?));
    }
}
