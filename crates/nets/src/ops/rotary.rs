//! Rotary positions (Su et al. 2021): queries and keys are turned by angles that grow with their position, so that their products
//! depend on how far apart they are.
//!
//! Of a head of d numbers x, pair i is (x_i, x_(i + d/2)), i < d/2. At position p it is turned by θ = p · 10000^(-2i/d):
//! y_i = x_i·cos θ - x_(i + d/2)·sin θ,  y_(i + d/2) = x_i·sin θ + x_(i + d/2)·cos θ. Backward turns the gradient by -θ.

use super::fused::{Fused, apply};
use super::gpu::{self, Arg, Kernels};
use super::runs_fused;
use super::simd::{dispatch, fma, rows_per_piece};
use crate::{Error, Result};
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// `qkv` (B, T, 3C), which holds queries, keys and values of all heads side by side, with queries and keys turned for the positions
/// 0 … T - 1.
///
/// # Errors
/// A head's width is odd, the shapes do not fit each other, or the device fails.
pub fn rotary(qkv: &Tensor, n_head: usize) -> Result<Tensor> {
    let (_, t, width) = qkv.dims3()?;
    if n_head == 0 || !width.is_multiple_of(6 * n_head) {
        return Err(Error::Tensor(format!(
            "rotary: the last dimension {width} is not 3 · {n_head} heads of an even width"
        )));
    }
    rotate(qkv, n_head, &Turns::new(0..t, width / 3 / n_head, qkv.device())?)
}

/// `qkv` (B, T, 3C) with queries and keys turned by `turns`, which are of T positions.
pub(crate) fn rotate(qkv: &Tensor, n_head: usize, turns: &Turns) -> Result<Tensor> {
    let (_, t, width) = qkv.dims3()?;
    if runs_fused(&[qkv]) && t > 0 {
        return apply(Rotary { t, width, turns: turns.clone() }, qkv.shape(), &[qkv]);
    }
    composite(qkv, n_head, turns)
}

fn composite(qkv: &Tensor, n_head: usize, turns: &Turns) -> Result<Tensor> {
    let (batch, t, width) = qkv.dims3()?;
    let (c, half) = (width / 3, width / 6 / n_head);
    let table = |numbers: &Tensor| numbers.reshape((1, t, 1, half))?.to_dtype(qkv.dtype());
    let (cos, sin) = (table(&turns.on_device.0)?, table(&turns.on_device.1)?);
    let turned = |part: usize| -> Result<Tensor> {
        let x = qkv.narrow(2, part * c, c)?.reshape((batch, t, n_head, 2 * half))?;
        let (a, b) = (x.narrow(3, 0, half)?, x.narrow(3, half, half)?);
        let first = (a.broadcast_mul(&cos)? - b.broadcast_mul(&sin)?)?;
        let second = (a.broadcast_mul(&sin)? + b.broadcast_mul(&cos)?)?;
        Ok(Tensor::cat(&[first, second], 3)?.reshape((batch, t, c))?)
    };
    Ok(Tensor::cat(&[turned(0)?, turned(1)?, qkv.narrow(2, 2 * c, c)?], 2)?)
}

/// Cosines and sines of all angles, (positions, d/2) each; where there is more than one layer, they share them.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    cos: Arc<Vec<f32>>,
    sin: Arc<Vec<f32>>,
    on_device: (Tensor, Tensor),
}

impl Turns {
    /// Of these positions, for heads of width d.
    pub(crate) fn new(positions: Range<usize>, d: usize, device: &Device) -> Result<Turns> {
        let speeds: Vec<f64> = (0..d / 2).map(|i| 1e4f64.powf(-2.0 * i as f64 / d as f64)).collect();
        let angles: Vec<f64> = positions.flat_map(|p| speeds.iter().map(move |speed| p as f64 * speed)).collect();
        let cos: Vec<f32> = angles.iter().map(|angle| angle.cos() as f32).collect();
        let sin: Vec<f32> = angles.iter().map(|angle| angle.sin() as f32).collect();
        let on_device = (Tensor::new(cos.as_slice(), device)?, Tensor::new(sin.as_slice(), device)?);
        Ok(Turns { cos: Arc::new(cos), sin: Arc::new(sin), on_device })
    }
}

struct Rotary {
    t: usize,
    width: usize,
    turns: Turns,
}

impl Rotary {
    /// Turns queries and keys of all rows (B·T, 3C) in place, for `sign` = -1 the other way round.
    fn turn(&self, numbers: &mut [f32], sign: f32) {
        let (c, d) = (self.width / 3, 2 * self.turns.cos.len() / self.t);
        let rows = rows_per_piece(numbers.len() / self.width);
        numbers.par_chunks_mut(rows * self.width).enumerate().for_each(|(piece, numbers)| {
            for (row, numbers) in numbers.chunks_exact_mut(self.width).enumerate() {
                turn_rows(&mut numbers[..2 * c], d, &self.turns, (piece * rows + row) % self.t, sign);
            }
        });
    }
}

const KERNELS: Kernels = Kernels { name: "rotary", text: include_str!("rotary.cu") };

impl Rotary {
    fn turn_on_gpu(&self, x: &Tensor, sign: f32) -> candle_core::Result<Tensor> {
        let (n_pairs, half) = (x.elem_count() / 2, self.turns.on_device.0.elem_count() / self.t);
        let y = gpu::empty(x.shape(), x)?;
        let numbers = [x, &self.turns.on_device.0, &self.turns.on_device.1, &y].map(Arg::Numbers);
        let sizes = [n_pairs, self.t, self.width, half].map(Arg::Size);
        let args = [&numbers[..], &sizes, &[Arg::Float(sign)]].concat();
        gpu::launch(&KERNELS, "turn", gpu::Threads::Each(n_pairs), &args)?;
        Ok(y)
    }
}

impl Fused for Rotary {
    fn forward(&self, args: &[&[f32]]) -> Vec<f32> {
        let mut out = args[0].to_vec();
        self.turn(&mut out, 1.0);
        out
    }

    fn backward(&self, _: &[&[f32]], _: &[f32], mut grad: Vec<f32>) -> Vec<Vec<f32>> {
        self.turn(&mut grad, -1.0);
        vec![grad]
    }

    fn forward_on_gpu(&self, args: &[Tensor]) -> candle_core::Result<Tensor> {
        self.turn_on_gpu(&args[0], 1.0)
    }

    fn backward_on_gpu(&self, _: &[Tensor], _: &Tensor, grad: Tensor) -> candle_core::Result<Vec<Tensor>> {
        Ok(vec![self.turn_on_gpu(&grad, -1.0)?])
    }
}

dispatch!(fn turn_rows(heads: &mut [f32], d: usize, turns: &Turns, position: usize, sign: f32) = turn_kernel);

/// Heads of d numbers each, all at one position.
#[inline(always)]
fn turn_kernel<const FMA: bool>(heads: &mut [f32], d: usize, turns: &Turns, position: usize, sign: f32) {
    let half = d / 2;
    let (cos, sin) = (&turns.cos[position * half..][..half], &turns.sin[position * half..][..half]);
    for head in heads.chunks_exact_mut(d) {
        let (first, second) = head.split_at_mut(half);
        for (((a, b), cos), sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
            let (x, y, sin) = (*a, *b, sign * sin);
            *a = fma::<FMA>(x, *cos, -(y * sin));
            *b = fma::<FMA>(x, sin, y * cos);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::agreement_tests::{agree, uniform};
    use super::super::causal_attention;
    use super::*;
    use candle_core::DType;

    #[test]
    fn fused_agrees_with_composite_and_finite_differences() {
        for (batch, t, n_head, d) in [(1, 1, 1, 2), (2, 5, 3, 4), (1, 70, 2, 6), (2, 3, 1, 40)] {
            let qkv = uniform(&[batch, t, 3 * n_head * d], 1);
            agree(&[qkv], |x| rotary(&x[0], n_head), |x| composite(&x[0], n_head, &Turns::new(0..t, d, &Device::Cpu)?));
        }
    }

    #[test]
    fn a_pair_at_position_one_turns_by_one_radian() {
        let qkv = Tensor::new(&[[[9f32, 9., 9., 9., 9., 9.], [1., 0., 0., 2., 5., 7.]]], &Device::Cpu).unwrap();
        let out = rotary(&qkv, 1).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let (cos, sin) = (1f32.cos(), 1f32.sin());
        let expected = [9., 9., 9., 9., 9., 9., cos, sin, -2.0 * sin, 2.0 * cos, 5., 7.];
        assert!(out.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{out:?}");
    }

    #[test]
    fn attention_sees_distances_and_not_positions() {
        // Four tokens at the beginning of a sequence, and the same four 37 positions later.
        let row = |salt| uniform(&[1, 1, 24], salt);
        let rows = Tensor::cat(&[row(1), row(2), row(3), row(4)], 1).unwrap();
        let scores = |shift: usize| {
            let padding = Tensor::zeros((1, shift, 24), DType::F32, &Device::Cpu).unwrap();
            let qkv = rotary(&Tensor::cat(&[&padding, &rows], 1).unwrap(), 2).unwrap();
            let y = causal_attention(&qkv.narrow(1, shift, 4).unwrap().contiguous().unwrap(), 2).unwrap();
            y.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        let apart: f32 = scores(0).iter().zip(scores(37)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-5, "{apart}");
    }

    #[test]
    fn an_odd_head_is_refused() {
        let error = rotary(&uniform(&[1, 2, 9], 1), 1).unwrap_err().to_string();
        assert!(error.contains("even width"), "{error}");
    }
}
