//! Causal self-attention over all heads (Vaswani et al. 2017), block by block.
//!
//! For each head with queries Q, keys K, values V (T, d): P = softmax(Q·Kᵀ/√d + mask), O = P·V; position i sees j <= i.
//! Backward (as in FlashAttention, Dao et al. 2022): with D_i = dO_i·O_i and P recomputed from the kept logarithms of
//! the softmax sums, dV = Pᵀ·dO, dS = P∘(dO·Vᵀ - D)/√d, dQ = dS·K, dK = dSᵀ·Q. No T×T matrix is kept; on a CUDA device,
//! where softmax is a pass over memory between two products, P is.

use super::fused::{Fused, apply};
use super::gpu::{self, Arg, Kernels};
use super::product::{Into, Matrix, Threads, product};
use super::runs_fused;
use super::simd::{dispatch, dot, exp, max, sum_of};
use crate::{Error, Result};
use candle_core::{D, Device, Tensor};
use rayon::prelude::*;
use std::sync::OnceLock;

/// Queries that are worked on together: the scores of one block against 2048 keys are half a megabyte.
const BLOCK: usize = 64;

/// Attention of `qkv` (B, T, 3C), which holds queries, keys and values of all heads side by side: (B, T, C).
///
/// # Errors
/// The shapes do not fit each other, or the device fails.
pub fn causal_attention(qkv: &Tensor, n_head: usize) -> Result<Tensor> {
    let (batch, t, width) = qkv.dims3()?;
    if n_head == 0 || !width.is_multiple_of(3 * n_head) {
        return Err(Error::Tensor(format!("causal_attention: the last dimension {width} is not 3 · {n_head} heads")));
    }
    let c = width / 3;
    if runs_fused(&[qkv]) && batch * t * c > 0 {
        let attention = Attention { batch, t, c, n_head, log_sums: OnceLock::new(), weights: OnceLock::new() };
        return apply(attention, (batch, t, c), &[qkv]);
    }
    composite(qkv, n_head)
}

fn composite(qkv: &Tensor, n_head: usize) -> Result<Tensor> {
    let (batch, t, width) = qkv.dims3()?;
    let y = attention_weights(qkv, n_head)?.matmul(&heads(qkv, n_head, 2)?)?; // (B, n_head, T, d)
    Ok(y.transpose(1, 2)?.reshape((batch, t, width / 3))?)
}

/// P of the equation, (B, n_head, T, T): row i says how much position i looks at each position j. [`causal_attention`] never holds it.
///
/// # Errors
/// The device fails.
pub fn attention_weights(qkv: &Tensor, n_head: usize) -> Result<Tensor> {
    let (_, t, width) = qkv.dims3()?;
    let (q, k) = (heads(qkv, n_head, 0)?, heads(qkv, n_head, 1)?);
    let scores = (q.matmul(&k.t()?)? * (1.0 / ((width / 3 / n_head) as f64).sqrt()))?; // (B, n_head, T, T)
    Ok(candle_nn::ops::softmax(&scores.broadcast_add(&causal_mask(t, qkv)?)?, D::Minus1)?)
}

/// The queries (part 0), keys (1) or values (2) of `qkv`, head by head: (B, n_head, T, d).
fn heads(qkv: &Tensor, n_head: usize, part: usize) -> Result<Tensor> {
    let (batch, t, width) = qkv.dims3()?;
    let c = width / 3;
    let x = qkv.narrow(2, part * c, c)?.reshape((batch, t, n_head, c / n_head))?;
    Ok(x.transpose(1, 2)?.contiguous()?)
}

/// (T, T): 0 where a position may look, minus infinity where it may not.
fn causal_mask(t: usize, like: &Tensor) -> Result<Tensor> {
    let entry = |i: usize| if i % t > i / t { f32::NEG_INFINITY } else { 0.0 };
    let mask: Vec<f32> = (0..t * t).map(entry).collect();
    Ok(Tensor::from_vec(mask, (t, t), &Device::Cpu)?.to_device(like.device())?.to_dtype(like.dtype())?)
}

const KERNELS: Kernels = Kernels { name: "attention", text: include_str!("attention.cu") };

struct Attention {
    batch: usize,
    t: usize,
    c: usize,
    n_head: usize,
    log_sums: OnceLock<Vec<f32>>, // (B, n_head, T): top + ln Σ e^(score - top) of each row
    weights: OnceLock<Tensor>,    // (B, n_head, T, T): P, kept on a GPU
}

impl Attention {
    /// `n` of the queries, keys and values of head `h`, each (n, d) and from position `from` on, in the (T, 3C) numbers of a sequence.
    fn head<'a>(&self, qkv: &'a [f32], h: usize, from: usize, n: usize) -> [Matrix<'a>; 3] {
        let (c, d) = (self.c, self.c / self.n_head);
        [0, 1, 2].map(|part| Matrix::strided(&qkv[from * 3 * c + part * c + h * d..], n, d, 3 * c))
    }

    /// `x` (B, T, parts·C) on a GPU head by head: (parts, B, n_head, T, d).
    fn by_head(&self, x: &Tensor, parts: usize) -> candle_core::Result<Tensor> {
        let Attention { batch, t, c, n_head, .. } = *self;
        let (n, d) = (x.elem_count(), c / n_head);
        let y = gpu::empty((parts, batch, n_head, t, d), x)?;
        let sizes = [n, batch, t, parts, n_head, d].map(Arg::Size);
        let args = [&[Arg::Numbers(x), Arg::Numbers(&y)], &sizes[..]].concat();
        gpu::launch(&KERNELS, "to_heads", gpu::Threads::Each(n), &args)?;
        Ok(y)
    }

    /// The way back: (B, T, parts·C) from the parts, each (B, n_head, T, d).
    fn side_by_side(&self, parts: &[Tensor]) -> candle_core::Result<Tensor> {
        let Attention { batch, t, c, n_head, .. } = *self;
        let y = gpu::empty((batch, t, parts.len() * c), &parts[0])?;
        for (part, x) in parts.iter().enumerate() {
            let n = x.elem_count();
            let sizes = [n, batch, t, parts.len(), n_head, c / n_head, part].map(Arg::Size);
            let args = [&[Arg::Numbers(x), Arg::Numbers(&y)], &sizes[..]].concat();
            gpu::launch(&KERNELS, "from_heads", gpu::Threads::Each(n), &args)?;
        }
        Ok(y)
    }

    fn softmax_on_gpu(&self, kernel: &str, numbers: &[&Tensor]) -> candle_core::Result<()> {
        let n_rows = self.batch * self.n_head * self.t;
        let numbers: Vec<Arg> = numbers.iter().map(|x| Arg::Numbers(x)).collect();
        let args = [&numbers[..], &[Arg::Size(n_rows), Arg::Size(self.t), Arg::Float(self.scale())]].concat();
        gpu::launch(&KERNELS, kernel, gpu::Threads::WarpEach(n_rows), &args)
    }

    fn scale(&self) -> f32 {
        1.0 / ((self.c / self.n_head) as f32).sqrt()
    }

    /// One sequence: `out` (T, C) and `log_sums` (n_head, T) from `qkv` (T, 3C).
    fn forward_sequence(&self, qkv: &[f32], out: &mut [f32], log_sums: &mut [f32]) {
        let (t, c, d) = (self.t, self.c, self.c / self.n_head);
        let mut scores = vec![0.0; BLOCK.min(t) * t];
        for h in 0..self.n_head {
            for from in (0..t).step_by(BLOCK) {
                let n = BLOCK.min(t - from);
                let seen = from + n;
                let ([q, ..], [_, k, v]) = (self.head(qkv, h, from, n), self.head(qkv, h, 0, seen));
                let scores = &mut scores[..n * seen];
                product(scores, seen, q, k.t(), Into::Overwrite, Threads::One);
                softmax_rows(scores, from, self.scale(), &mut log_sums[h * t + from..h * t + seen]);
                let p = Matrix::new(scores, n, seen);
                product(&mut out[from * c + h * d..], c, p, v, Into::Overwrite, Threads::One);
            }
        }
    }

    /// One sequence: `dqkv` (T, 3C). Blocks run from the last, which sees every key, so that it can overwrite.
    fn backward_sequence(&self, qkv: &[f32], out: &[f32], log_sums: &[f32], dout: &[f32], dqkv: &mut [f32]) {
        let (t, c, d) = (self.t, self.c, self.c / self.n_head);
        let mut p = vec![0.0; BLOCK.min(t) * t];
        let mut ds = vec![0.0; BLOCK.min(t) * t];
        for h in 0..self.n_head {
            for from in (0..t).step_by(BLOCK).rev() {
                let n = BLOCK.min(t - from);
                let seen = from + n;
                let ([q, ..], [_, k, v]) = (self.head(qkv, h, from, n), self.head(qkv, h, 0, seen));
                let into = if seen == t { Into::Overwrite } else { Into::Accumulate };
                let (p, ds) = (&mut p[..n * seen], &mut ds[..n * seen]);
                let dout_block = Matrix::strided(&dout[from * c + h * d..], n, d, c);
                product(p, seen, q, k.t(), Into::Overwrite, Threads::One);
                product(ds, seen, dout_block, v.t(), Into::Overwrite, Threads::One);
                let rows = Rows { out: &out[from * c + h * d..], dout: &dout[from * c + h * d..], stride: c, d };
                score_gradients(p, ds, from, self.scale(), &log_sums[h * t + from..h * t + seen], rows);
                let (p, ds) = (Matrix::new(p, n, seen), Matrix::new(ds, n, seen));
                let first = h * d;
                product(&mut dqkv[2 * c + first..], 3 * c, p.t(), dout_block, into, Threads::One); // dV
                product(&mut dqkv[from * 3 * c + first..], 3 * c, ds, k, Into::Overwrite, Threads::One); // dQ
                product(&mut dqkv[c + first..], 3 * c, ds.t(), q, into, Threads::One); // dK
            }
        }
    }
}

impl Fused for Attention {
    fn forward(&self, args: &[&[f32]]) -> Vec<f32> {
        let mut out = vec![0.0; self.batch * self.t * self.c];
        let mut log_sums = vec![0.0; self.batch * self.n_head * self.t];
        out.par_chunks_mut(self.t * self.c)
            .zip(args[0].par_chunks(self.t * 3 * self.c))
            .zip(log_sums.par_chunks_mut(self.n_head * self.t))
            .for_each(|((out, qkv), log_sums)| self.forward_sequence(qkv, out, log_sums));
        let _ = self.log_sums.set(log_sums); // a second forward of the same operation would set the same numbers
        out
    }

    fn backward(&self, args: &[&[f32]], result: &[f32], grad: Vec<f32>) -> Vec<Vec<f32>> {
        let mut dqkv = vec![0.0; args[0].len()];
        let Some(log_sums) = self.log_sums.get() else { return vec![dqkv] }; // no forward, no gradient
        let size = self.t * self.c;
        dqkv.par_chunks_mut(3 * size)
            .zip(args[0].par_chunks(3 * size))
            .zip(result.par_chunks(size).zip(grad.par_chunks(size)))
            .zip(log_sums.par_chunks(self.n_head * self.t))
            .for_each(|(((dqkv, qkv), (out, dout)), log_sums)| self.backward_sequence(qkv, out, log_sums, dout, dqkv));
        vec![dqkv]
    }

    fn forward_on_gpu(&self, args: &[Tensor]) -> candle_core::Result<Tensor> {
        let qkv = self.by_head(&args[0], 3)?;
        let (q, k, v) = (qkv.get(0)?, qkv.get(1)?, qkv.get(2)?); // (B, n_head, T, d) each
        let p = q.matmul(&k.t()?)?;
        self.softmax_on_gpu("causal_softmax", &[&p])?;
        let out = p.matmul(&v)?;
        let _ = self.weights.set(p);
        self.side_by_side(&[out])
    }

    fn backward_on_gpu(&self, args: &[Tensor], _: &Tensor, grad: Tensor) -> candle_core::Result<Vec<Tensor>> {
        let Some(p) = self.weights.get() else { return Ok(vec![args[0].zeros_like()?]) }; // no forward, no gradient
        let (qkv, dout) = (self.by_head(&args[0], 3)?, self.by_head(&grad, 1)?.get(0)?);
        let (q, k, v) = (qkv.get(0)?, qkv.get(1)?, qkv.get(2)?);
        let ds = dout.matmul(&v.t()?)?; // dP at first
        self.softmax_on_gpu("causal_softmax_back", &[p, &ds])?;
        let (dq, dk, dv) = (ds.matmul(&k)?, ds.t()?.matmul(&q)?, p.t()?.matmul(&dout)?);
        Ok(vec![self.side_by_side(&[dq, dk, dv])?])
    }
}

/// Rows of one head in the result and in its gradient.
#[derive(Clone, Copy)]
struct Rows<'a> {
    out: &'a [f32],
    dout: &'a [f32],
    stride: usize,
    d: usize,
}

dispatch!(fn softmax_rows(scores: &mut [f32], from: usize, scale: f32, log_sums: &mut [f32]) = softmax_kernel);
dispatch!(fn score_gradients(p: &mut [f32], ds: &mut [f32], from: usize, scale: f32, log_sums: &[f32], rows: Rows) = gradient_kernel);

/// Scores (n, seen) to probabilities; row i belongs to position from + i and sees as many keys plus one.
#[inline(always)]
fn softmax_kernel<const FMA: bool>(scores: &mut [f32], from: usize, scale: f32, log_sums: &mut [f32]) {
    let width = scores.len() / log_sums.len();
    for (i, (row, log_sum)) in scores.chunks_exact_mut(width).zip(log_sums).enumerate() {
        let (row, beyond) = row.split_at_mut(in_registers(from + i + 1, width));
        row[from + i + 1..].fill(f32::NEG_INFINITY);
        beyond.fill(0.0);
        let top = max(row) * scale;
        row.iter_mut().for_each(|x| *x = exp::<FMA>(*x * scale - top));
        row[from + i + 1..].fill(0.0); // where `exp` gives 1e-38
        let sum = sum_of(row, |x| x);
        let inverse = 1.0 / sum;
        row.iter_mut().for_each(|x| *x *= inverse);
        *log_sum = top + sum.ln();
    }
}

/// The visible part of a row, rounded up so that whole registers are worked on: what a loop has left over costs far more.
#[inline(always)]
fn in_registers(visible: usize, width: usize) -> usize {
    visible.next_multiple_of(64).min(width)
}

/// Scores become probabilities in `p`; dO·Vᵀ becomes the gradient of the unscaled scores in `ds`.
#[inline(always)]
fn gradient_kernel<const FMA: bool>(
    p: &mut [f32],
    ds: &mut [f32],
    from: usize,
    scale: f32,
    log_sums: &[f32],
    rows: Rows,
) {
    let width = p.len() / log_sums.len();
    for (i, ((p, ds), log_sum)) in p.chunks_exact_mut(width).zip(ds.chunks_exact_mut(width)).zip(log_sums).enumerate() {
        let (out, dout) = (&rows.out[i * rows.stride..][..rows.d], &rows.dout[i * rows.stride..][..rows.d]);
        let d = dot(out, dout);
        let visible = from + i + 1;
        let whole = in_registers(visible, width);
        for (p, ds) in p[..whole].iter_mut().zip(&mut ds[..whole]) {
            *p = exp::<FMA>(*p * scale - log_sum);
            *ds = *p * (*ds - d) * scale;
        }
        p[visible..].fill(0.0);
        ds[visible..].fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::agreement_tests::{agree, agree_with_composite, uniform};
    use super::*;

    #[test]
    fn fused_agrees_with_composite_and_finite_differences() {
        for (batch, t, n_head, d) in [(1, 1, 1, 1), (2, 5, 3, 4), (1, 3, 2, 7), (2, 67, 1, 2)] {
            let qkv = (uniform(&[batch, t, 3 * n_head * d], 1) * 2.0).unwrap();
            agree(&[qkv], |x| causal_attention(&x[0], n_head), |x| composite(&x[0], n_head));
        }
    }

    #[test]
    fn long_sequences_of_several_blocks_agree() {
        for t in [63, 64, 65, 200] {
            let qkv = (uniform(&[2, t, 3 * 24], 1) * 3.0).unwrap();
            agree_with_composite(&[qkv], |x| causal_attention(&x[0], 3), |x| composite(&x[0], 3));
        }
    }

    #[test]
    fn a_later_token_changes_nothing_before_it() {
        let qkv = uniform(&[1, 70, 3 * 8], 1);
        let last = (qkv.narrow(1, 69, 1).unwrap() * 5.0).unwrap();
        let changed = Tensor::cat(&[&qkv.narrow(1, 0, 69).unwrap(), &last], 1).unwrap();
        let before = |qkv: &Tensor| {
            let y = causal_attention(qkv, 2).unwrap().narrow(1, 0, 69).unwrap();
            y.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(before(&qkv), before(&changed));
    }
}
