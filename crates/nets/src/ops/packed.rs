//! The linear layer of a model that generates: few rows at a time, the same weight at each of thousands of steps.
//!
//! y = x·Wᵀ + b, as in [`super::linear`], without gradients. The fused form lays the weight out once, in [`Panels`]; each sum is
//! added up in the order of the inputs, so that a row's result is the same bit for bit whatever rows stand beside it.

use super::fused::Values;
use super::panels::{PANEL, Panels, Strided, rows_times_panels};
use super::{linear, runs_fused};
use crate::Result;
use candle_core::{Device, Tensor};
use rayon::prelude::*;

/// A weight of fewer numbers is multiplied before another core has woken up.
const LEAST_FOR_TWO: usize = 1 << 15;

/// A weight (out, in) and a bias (out), ready for many products.
#[derive(Debug)]
pub(crate) struct Packed {
    weight: Tensor,
    bias: Option<Tensor>,
    pieces: Vec<Panels>, // columns of Wᵀ, a piece for each core that works on them; empty: the composite form
}

impl Packed {
    /// Where this is called from a thread of the pool, the other threads have work of their own and leave the products to one.
    pub(crate) fn new(weight: &Tensor, bias: Option<&Tensor>) -> Result<Self> {
        let (n_out, n_in) = weight.dims2()?;
        let mut pieces = Vec::new();
        if runs_fused(&[weight]) && n_in > 0 {
            let weight = weight.contiguous()?;
            let numbers = Values::of(&weight)?;
            let alone = rayon::current_thread_index().is_some() || n_in * n_out < 2 * LEAST_FOR_TWO;
            let n_pieces = if alone { 1 } else { rayon::current_num_threads().min(n_in * n_out / LEAST_FOR_TWO) };
            let width = n_out.div_ceil(n_pieces).next_multiple_of(PANEL);
            let piece = |from: usize| {
                let place = |k: usize, n: usize| (from + n) * n_in + k;
                Panels::pack(&numbers, n_in, width.min(n_out - from), place)
            };
            pieces = (0..n_out).step_by(width).map(piece).collect();
        }
        Ok(Packed { weight: weight.clone(), bias: bias.cloned(), pieces })
    }

    /// x (n, in) to (n, out).
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if self.pieces.is_empty() || !runs_fused(&[x]) {
            return linear(x, &self.weight, self.bias.as_ref());
        }
        let (x, (n_rows, n_in)) = (x.contiguous()?, x.dims2()?);
        let rows = Values::of(&x)?;
        let rows = Strided { numbers: &rows, stride: n_in };
        let of_piece = |panels: &Panels| {
            let mut out = vec![0.0; n_rows * panels.n];
            rows_times_panels(rows, n_rows, panels, &mut out);
            out
        };
        let mut out = match self.pieces.as_slice() {
            [all] => of_piece(all),
            pieces => side_by_side(&pieces.par_iter().map(of_piece).collect::<Vec<_>>(), n_rows),
        };
        let n_out = self.weight.dim(0)?;
        if let Some(bias) = &self.bias {
            let bias = Values::of(bias)?;
            out.chunks_exact_mut(n_out).for_each(|row| row.iter_mut().zip(&*bias).for_each(|(y, bias)| *y += bias));
        }
        Ok(Tensor::from_vec(out, (n_rows, n_out), &Device::Cpu)?)
    }
}

/// Matrices of `n_rows` rows each, joined row by row.
fn side_by_side(pieces: &[Vec<f32>], n_rows: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(pieces.iter().map(Vec::len).sum());
    for row in 0..n_rows {
        for piece in pieces {
            let width = piece.len() / n_rows;
            out.extend_from_slice(&piece[row * width..][..width]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::agreement_tests::uniform;
    use super::*;

    fn numbers(x: &Tensor) -> Vec<f32> {
        x.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn fused_agrees_with_the_linear_layer() {
        for (n_rows, n_in, n_out) in [(1, 1, 1), (3, 7, 33), (9, 320, 700)] {
            let (x, weight, bias) = (uniform(&[n_rows, n_in], 1), uniform(&[n_out, n_in], 2), uniform(&[n_out], 3));
            for bias in [None, Some(&bias)] {
                let packed = Packed::new(&weight, bias).unwrap();
                let (ours, plain) = (packed.forward(&x).unwrap(), linear(&x, &weight, bias).unwrap());
                assert_eq!(ours.dims(), plain.dims());
                let apart = numbers(&ours).iter().zip(numbers(&plain)).fold(0f32, |top, (a, b)| top.max((a - b).abs()));
                assert!(apart < 1e-5 * n_in as f32, "{apart}");
            }
        }
    }

    #[test]
    fn a_row_alone_gives_the_same_bits_as_among_others_on_one_core_or_two() {
        let (x, weight) = (uniform(&[11, 300], 1), uniform(&[400, 300], 2));
        let of_two = Packed::new(&weight, None).unwrap();
        let of_one = rayon::scope(|_| Packed::new(&weight, None)).unwrap();
        assert_eq!(of_one.pieces.len(), 1);
        let all = numbers(&of_two.forward(&x).unwrap());
        for (row, among) in all.chunks_exact(400).enumerate() {
            assert_eq!(numbers(&of_one.forward(&x.narrow(0, row, 1).unwrap()).unwrap()), among);
        }
    }
}
