//! The linear layer.
//!
//! y = x·Wᵀ + b, with W as torch keeps it: (out, in).
//! Backward: dx = dy·W, dW = dyᵀ·x, db = Σ_rows dy.

use super::fused::{Fused, apply};
use super::gpu::{self, Arg, Kernels};
use super::product::{Matrix, Threads, new_product};
use super::simd::{dispatch, rows_per_piece};
use super::{add::accumulate, runs_fused};
use crate::{Error, Result};
use candle_core::Tensor;
use rayon::prelude::*;

/// x (..., in) times the transpose of `weight` (out, in), plus `bias` (out) where there is one: (..., out).
///
/// # Errors
/// The shapes do not fit each other, or the device fails.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (n_out, n_in) = weight.dims2()?;
    let mut shape = x.dims().to_vec();
    if shape.pop() != Some(n_in) || bias.is_some_and(|b| b.dims() != [n_out]) {
        let bias = bias.map(|b| format!(" and bias {:?}", b.dims())).unwrap_or_default();
        let (x, weight) = (x.dims(), weight.dims());
        return Err(Error::Tensor(format!("linear: x {x:?} does not go with weight {weight:?}{bias}")));
    }
    let n_rows = shape.iter().product();
    shape.push(n_out);
    let mut operands = vec![x, weight];
    operands.extend(bias);
    if runs_fused(&operands) {
        return apply(Linear { n_rows, n_in, n_out }, shape, &operands);
    }
    composite(x, weight, bias)
}

fn composite(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (n_out, n_in) = weight.dims2()?;
    let leading = &x.dims()[..x.rank() - 1];
    let rows = x.reshape(((), n_in))?; // one product for all rows
    let y = rows.matmul(&weight.t()?)?.reshape([leading, &[n_out]].concat())?; // (..., out)
    Ok(match bias {
        Some(bias) => y.broadcast_add(bias)?,
        None => y,
    })
}

const KERNELS: Kernels = Kernels { name: "linear", text: include_str!("linear.cu") };

struct Linear {
    n_rows: usize,
    n_in: usize,
    n_out: usize,
}

impl Fused for Linear {
    fn forward(&self, args: &[&[f32]]) -> Vec<f32> {
        let x = Matrix::new(args[0], self.n_rows, self.n_in);
        let weight = Matrix::new(args[1], self.n_out, self.n_in);
        let mut out = new_product(x, weight.t(), Threads::All);
        if let Some(bias) = args.get(2) {
            let rows = rows_per_piece(self.n_rows) * self.n_out;
            out.par_chunks_mut(rows).for_each(|rows| add_to_rows(rows, bias));
        }
        out
    }

    fn backward(&self, args: &[&[f32]], _: &[f32], grad: Vec<f32>) -> Vec<Vec<f32>> {
        let dy = Matrix::new(&grad, self.n_rows, self.n_out);
        let weight = Matrix::new(args[1], self.n_out, self.n_in);
        let x = Matrix::new(args[0], self.n_rows, self.n_in);
        let dx = new_product(dy, weight, Threads::All);
        let dw = new_product(dy.t(), x, Threads::All);
        let mut grads = vec![dx, dw];
        if args.len() > 2 {
            grads.push(sum_of_rows(&grad, self.n_out));
        }
        grads
    }

    fn forward_on_gpu(&self, args: &[Tensor]) -> candle_core::Result<Tensor> {
        let y = args[0].reshape((self.n_rows, self.n_in))?.matmul(&args[1].t()?)?; // (rows, out)
        if let Some(bias) = args.get(2) {
            let n = y.elem_count();
            let args = [Arg::Numbers(&y), Arg::Numbers(bias), Arg::Size(n), Arg::Size(self.n_out)];
            gpu::launch(&KERNELS, "add_bias", gpu::Threads::Each(n), &args)?;
        }
        Ok(y)
    }

    fn backward_on_gpu(&self, args: &[Tensor], _: &Tensor, grad: Tensor) -> candle_core::Result<Vec<Tensor>> {
        let dy = grad.reshape((self.n_rows, self.n_out))?;
        let mut grads = vec![dy.matmul(&args[1])?, dy.t()?.matmul(&args[0].reshape((self.n_rows, self.n_in))?)?];
        if args.len() > 2 {
            grads.push(gpu::sum_of_rows(&dy)?);
        }
        Ok(grads)
    }
}

/// The sum over all rows of a (rows, width) matrix: pieces of rows side by side, then the pieces in order.
pub(super) fn sum_of_rows(x: &[f32], width: usize) -> Vec<f32> {
    let mut total = vec![0.0; width];
    if width == 0 {
        return total;
    }
    let rows = rows_per_piece(x.len() / width) * width;
    let pieces: Vec<Vec<f32>> = x
        .par_chunks(rows)
        .map(|rows| {
            let mut sum = vec![0.0; width];
            sum_rows(rows, &mut sum);
            sum
        })
        .collect();
    pieces.iter().for_each(|piece| accumulate(&mut total, piece));
    total
}

dispatch!(fn add_to_rows(rows: &mut [f32], bias: &[f32]) = add_to_rows_kernel);
dispatch!(fn sum_rows(rows: &[f32], sum: &mut [f32]) = sum_rows_kernel);

#[inline(always)]
fn add_to_rows_kernel<const FMA: bool>(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        row.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
    }
}

#[inline(always)]
fn sum_rows_kernel<const FMA: bool>(rows: &[f32], sum: &mut [f32]) {
    for row in rows.chunks_exact(sum.len()) {
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
}

#[cfg(test)]
mod tests {
    use super::super::agreement_tests::{agree, uniform};
    use super::*;

    #[test]
    fn fused_agrees_with_composite_and_finite_differences() {
        for (leading, n_in, n_out) in [(vec![1], 1, 1), (vec![3, 5], 7, 11), (vec![37], 16, 33)] {
            let operands =
                [uniform(&[leading, vec![n_in]].concat(), 1), uniform(&[n_out, n_in], 2), uniform(&[n_out], 3)];
            agree(&operands, |x| linear(&x[0], &x[1], Some(&x[2])), |x| composite(&x[0], &x[1], Some(&x[2])));
            agree(&operands[..2], |x| linear(&x[0], &x[1], None), |x| composite(&x[0], &x[1], None));
        }
    }

    #[test]
    fn shapes_that_do_not_go_together_are_named() {
        let error = linear(&uniform(&[2, 3], 1), &uniform(&[5, 4], 2), None).unwrap_err().to_string();
        assert_eq!(error, "linear: x [2, 3] does not go with weight [5, 4]");
    }
}
