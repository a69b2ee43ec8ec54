//! Layer normalisation over the last dimension (Ba, Kiros, Hinton 2016).
//!
//! x̂ = (x - mean x) / √(var x + eps),  y = w·x̂ + b, with the variance over n (not n - 1) entries.
//! Backward, with g = w·dy: dx = (g - mean g - x̂·mean(g·x̂)) / √(var x + eps), dw = Σ_rows dy·x̂, db = Σ_rows dy.

use super::fused::{Fused, apply};
use super::gpu::{self, Arg, Kernels, Threads};
use super::simd::{LANES, dispatch, fma, rows_per_piece, sum_of, total};
use super::{add::accumulate, runs_fused};
use crate::{Error, Result};
use candle_core::{D, Tensor};
use rayon::prelude::*;

/// x (..., n) normalised over its last dimension, scaled by `weight` (n) and shifted by `bias` (n) where there is one.
///
/// # Errors
/// The shapes do not fit each other, or the device fails.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, eps: f64) -> Result<Tensor> {
    let width = x.dim(D::Minus1)?;
    if weight.dims() != [width] || bias.is_some_and(|b| b.dims() != [width]) {
        let (x, weight) = (x.dims(), weight.dims());
        return Err(Error::Tensor(format!(
            "layer_norm: weight {weight:?} and bias must match the last dimension of {x:?}"
        )));
    }
    let mut operands = vec![x, weight];
    operands.extend(bias);
    if runs_fused(&operands) && width > 0 {
        return apply(LayerNorm { width, eps: eps as f32 }, x.shape(), &operands);
    }
    composite(x, weight, bias, eps)
}

fn composite(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, eps: f64) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?; // (..., 1)
    let normal = centred.broadcast_div(&(variance + eps)?.sqrt()?)?; // (..., n)
    let y = normal.broadcast_mul(weight)?;
    Ok(match bias {
        Some(bias) => y.broadcast_add(bias)?,
        None => y,
    })
}

const KERNELS: Kernels = Kernels { name: "layer_norm", text: include_str!("layer_norm.cu") };
const ROWS_PER_BLOCK: usize = 64;

struct LayerNorm {
    width: usize,
    eps: f32,
}

impl Fused for LayerNorm {
    fn forward(&self, args: &[&[f32]]) -> Vec<f32> {
        let (x, weight, bias) = (args[0], args[1], args.get(2).copied());
        let mut out = vec![0.0; x.len()];
        let piece = rows_per_piece(x.len() / self.width) * self.width;
        let pieces = out.par_chunks_mut(piece).zip(x.par_chunks(piece));
        pieces.for_each(|(out, x)| forward_rows(x, weight, bias, self.eps, out));
        out
    }

    fn backward(&self, args: &[&[f32]], _: &[f32], grad: Vec<f32>) -> Vec<Vec<f32>> {
        let (x, weight) = (args[0], args[1]);
        let mut dx = vec![0.0; x.len()];
        let piece = rows_per_piece(x.len() / self.width) * self.width;
        let sums: Vec<Vec<f32>> = dx
            .par_chunks_mut(piece)
            .zip(x.par_chunks(piece).zip(grad.par_chunks(piece)))
            .map(|(dx, (x, dy))| {
                let mut sums = vec![0.0; 2 * self.width]; // dw, then db
                backward_rows(x, dy, weight, self.eps, dx, &mut sums);
                sums
            })
            .collect();
        let mut dw = vec![0.0; 2 * self.width];
        sums.iter().for_each(|sums| accumulate(&mut dw, sums));
        let db = dw.split_off(self.width);
        let mut grads = vec![dx, dw, db];
        grads.truncate(args.len());
        grads
    }

    fn forward_on_gpu(&self, args: &[Tensor]) -> candle_core::Result<Tensor> {
        let (x, weight) = (&args[0], &args[1]);
        let (n_rows, bias) = (x.elem_count() / self.width, args.get(2));
        let y = gpu::empty(x.shape(), x)?;
        let numbers = [x, weight, bias.unwrap_or(weight), &y].map(Arg::Numbers); // without a bias, any address will do
        let sizes = [usize::from(bias.is_some()), n_rows, self.width].map(Arg::Size);
        let args = [&numbers[..], &sizes, &[Arg::Float(self.eps)]].concat();
        gpu::launch(&KERNELS, "layer_norm", Threads::WarpEach(n_rows), &args)?;
        Ok(y)
    }

    fn backward_on_gpu(&self, args: &[Tensor], _: &Tensor, grad: Tensor) -> candle_core::Result<Vec<Tensor>> {
        let (x, n_rows) = (&args[0], args[0].elem_count() / self.width);
        let n_blocks = n_rows.div_ceil(ROWS_PER_BLOCK);
        let (dx, sums) = (gpu::empty(x.shape(), x)?, gpu::empty((n_blocks, 2 * self.width), x)?);
        let numbers = [x, &args[1], &grad, &dx, &sums].map(Arg::Numbers);
        let sizes = [n_rows, self.width, ROWS_PER_BLOCK].map(Arg::Size);
        let launched = [&numbers[..], &sizes, &[Arg::Float(self.eps)]].concat();
        gpu::launch(&KERNELS, "layer_norm_back", Threads::Blocks(n_blocks, 1), &launched)?;
        let sums = gpu::sum_of_rows(&sums)?; // dw, then db
        let mut grads = vec![dx, sums.narrow(0, 0, self.width)?, sums.narrow(0, self.width, self.width)?];
        grads.truncate(args.len());
        Ok(grads)
    }
}

dispatch!(fn forward_rows(x: &[f32], weight: &[f32], bias: Option<&[f32]>, eps: f32, out: &mut [f32]) = forward_kernel);
dispatch!(fn backward_rows(x: &[f32], dy: &[f32], weight: &[f32], eps: f32, dx: &mut [f32], sums: &mut [f32]) = backward_kernel);

/// The mean and 1 / √(var + eps) of a row.
#[inline(always)]
fn moments(x: &[f32], eps: f32) -> (f32, f32) {
    let n = x.len() as f32;
    let mean = sum_of(x, |x| x) / n;
    let variance = sum_of(x, |x| (x - mean) * (x - mean)) / n;
    (mean, 1.0 / (variance + eps).sqrt())
}

#[inline(always)]
fn forward_kernel<const FMA: bool>(x: &[f32], weight: &[f32], bias: Option<&[f32]>, eps: f32, out: &mut [f32]) {
    let width = weight.len();
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let (mean, scale) = moments(x, eps);
        match bias {
            Some(bias) => {
                for (((out, x), w), b) in out.iter_mut().zip(x).zip(weight).zip(bias) {
                    *out = fma::<FMA>((x - mean) * scale, *w, *b);
                }
            }
            None => out.iter_mut().zip(x).zip(weight).for_each(|((out, x), w)| *out = (x - mean) * scale * w),
        }
    }
}

#[inline(always)]
fn backward_kernel<const FMA: bool>(x: &[f32], dy: &[f32], weight: &[f32], eps: f32, dx: &mut [f32], sums: &mut [f32]) {
    let width = weight.len();
    let n = width as f32;
    let (dw, db) = sums.split_at_mut(width);
    for ((x, dy), dx) in x.chunks_exact(width).zip(dy.chunks_exact(width)).zip(dx.chunks_exact_mut(width)) {
        let (mean, scale) = moments(x, eps);
        let (sum_g, sum_gx) = sums_of_g(x, dy, weight, mean);
        let (mean_g, mean_gx) = (sum_g / n, sum_gx * scale / n);
        for (((dx, x), (dy, w)), (dw, db)) in
            dx.iter_mut().zip(x).zip(dy.iter().zip(weight)).zip(dw.iter_mut().zip(db.iter_mut()))
        {
            let normal = (x - mean) * scale;
            *dx = (dy * w - mean_g - normal * mean_gx) * scale;
            *dw += dy * normal;
            *db += dy;
        }
    }
}

/// Σ g and Σ g·(x - mean) with g = w·dy, in one pass.
#[inline(always)]
fn sums_of_g(x: &[f32], dy: &[f32], weight: &[f32], mean: f32) -> (f32, f32) {
    let (mut sum_g, mut sum_gx) = ([0f32; LANES], [0f32; LANES]);
    let (x, x_rest) = x.as_chunks::<LANES>();
    let (dy, dy_rest) = dy.as_chunks::<LANES>();
    let (weight, weight_rest) = weight.as_chunks::<LANES>();
    for ((x, dy), w) in x.iter().zip(dy).zip(weight) {
        for i in 0..LANES {
            let g = dy[i] * w[i];
            sum_g[i] += g;
            sum_gx[i] += g * (x[i] - mean);
        }
    }
    for (i, ((x, dy), w)) in x_rest.iter().zip(dy_rest).zip(weight_rest).enumerate() {
        sum_g[i] += dy * w;
        sum_gx[i] += dy * w * (x - mean);
    }
    (total(&sum_g), total(&sum_gx))
}

#[cfg(test)]
mod tests {
    use super::super::agreement_tests::{agree, uniform};
    use super::*;

    #[test]
    fn fused_agrees_with_composite_and_finite_differences() {
        for (shape, width) in [(vec![3, 5, 7], 7), (vec![2, 33], 33), (vec![70, 64], 64), (vec![1, 1], 1)] {
            let operands = [uniform(&shape, 1), uniform(&[width], 2), uniform(&[width], 3)];
            agree(
                &operands,
                |x| layer_norm(&x[0], &x[1], Some(&x[2]), 1e-5),
                |x| composite(&x[0], &x[1], Some(&x[2]), 1e-5),
            );
            agree(&operands[..2], |x| layer_norm(&x[0], &x[1], None, 1e-5), |x| composite(&x[0], &x[1], None, 1e-5));
        }
    }

    #[test]
    fn a_weight_of_another_width_is_refused() {
        let (x, w) = (uniform(&[2, 3], 1), uniform(&[4], 2));
        assert!(
            layer_norm(&x, &w, None, 1e-5).unwrap_err().to_string().contains("must match the last dimension of [2, 3]")
        );
    }
}
