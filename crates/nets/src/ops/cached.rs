//! Causal self-attention of one new position of each sequence over all that came before: what a model that generates does.
//!
//! For each head with the new query q (d) and the keys K and values V (t, d) of all positions so far, the new one last:
//! p = softmax(K·q/√d), o = Vᵀ·p. The same numbers as the last row of [`super::causal_attention`], for t times less work. Keys and
//! values stay where they are, on the device, in room that is taken once; there are no gradients.

use super::fused::Values;
use super::runs_fused;
use super::simd::{dispatch, dot, exp, max, sum_of};
use crate::Result;
use candle_core::{D, Device, Tensor};
use rayon::prelude::*;

/// Products that one thread takes at a time: about ten microseconds' worth.
const LEAST_WORK: usize = 1 << 16;

/// Keys and values of one layer for n sequences in lock step, (n, n_head, room, d) each.
#[derive(Debug)]
pub(crate) struct Cache {
    keys: Tensor,
    values: Tensor,
}

impl Cache {
    /// Room for `room` positions of n sequences with `n_head` heads of width `d`, on the device and in the type of `like`.
    pub(crate) fn new([n, n_head, room, d]: [usize; 4], like: &Tensor) -> Result<Self> {
        let zeros = || Tensor::zeros((n, n_head, room, d), like.dtype(), like.device());
        Ok(Cache { keys: zeros()?, values: zeros()? })
    }

    /// Keeps keys and values of `qkv` (n, 3C) as those of `position`, and lets its queries look at all positions up to that: (n, C).
    pub(crate) fn attend(&mut self, qkv: &Tensor, position: usize) -> Result<Tensor> {
        let (n, n_head, _, d) = self.keys.dims4()?;
        let part = |i: usize| qkv.narrow(1, i * n_head * d, n_head * d)?.contiguous()?.reshape((n, n_head, 1, d));
        self.keys.slice_set(&part(1)?, 2, position)?;
        self.values.slice_set(&part(2)?, 2, position)?;
        if runs_fused(&[qkv, &self.keys]) {
            return self.fused(qkv, position + 1);
        }
        self.composite(&part(0)?, position + 1)
    }

    /// From the queries q (n, n_head, 1, d).
    fn composite(&self, q: &Tensor, t: usize) -> Result<Tensor> {
        let (n, n_head, _, d) = self.keys.dims4()?;
        let (k, v) = (self.keys.narrow(2, 0, t)?, self.values.narrow(2, 0, t)?); // (n, n_head, t, d)
        let scores = (q.matmul(&k.t()?)? * (1.0 / (d as f64).sqrt()))?; // (n, n_head, 1, t)
        let y = candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(&v)?; // (n, n_head, 1, d)
        Ok(y.reshape((n, n_head * d))?)
    }

    fn fused(&self, qkv: &Tensor, t: usize) -> Result<Tensor> {
        let (n, n_head, room, d) = self.keys.dims4()?;
        let (qkv, c) = (qkv.contiguous()?, n_head * d);
        let held = (Values::of(&qkv)?, Values::of(&self.keys)?, Values::of(&self.values)?);
        let (qkv, keys, values): (&[f32], &[f32], &[f32]) = (&held.0, &held.1, &held.2);
        let mut out = vec![0.0; n * c];
        let at_least = (LEAST_WORK / (2 * t * d)).max(1);
        out.par_chunks_exact_mut(d).enumerate().with_min_len(at_least).for_each(|(i, out)| {
            let q = &qkv[i / n_head * 3 * c + i % n_head * d..][..d];
            let seen = i * room * d..(i * room + t) * d;
            head(q, &keys[seen.clone()], &values[seen], out);
        });
        Ok(Tensor::from_vec(out, (n, c), &Device::Cpu)?)
    }

    /// Gives up a sequence; the last one takes its place, as in `Vec::swap_remove`.
    pub(crate) fn swap_remove(&mut self, row: usize) -> Result<()> {
        self.keys = swap_remove(&self.keys, row)?;
        self.values = swap_remove(&self.values, row)?;
        Ok(())
    }
}

/// `x` (n, ...) with the last of its n parts in the place of part `row`: (n - 1, ...). What `x` holds is lost.
pub(crate) fn swap_remove(x: &Tensor, row: usize) -> Result<Tensor> {
    let last = x.dim(0)? - 1;
    if row < last {
        x.slice_set(&x.narrow(0, last, 1)?.copy()?, 0, row)?;
    }
    Ok(x.narrow(0, 0, last)?)
}

dispatch!(fn head(q: &[f32], keys: &[f32], values: &[f32], out: &mut [f32]) = head_kernel);

/// One head of one sequence: `out` (d) from q (d), keys and values (t, d).
#[inline(always)]
fn head_kernel<const FMA: bool>(q: &[f32], keys: &[f32], values: &[f32], out: &mut [f32]) {
    let d = q.len();
    let scale = 1.0 / (d as f32).sqrt();
    let mut p: Vec<f32> = keys.chunks_exact(d).map(|key| dot(key, q) * scale).collect();
    let top = max(&p);
    p.iter_mut().for_each(|x| *x = exp::<FMA>(*x - top));
    let inverse = 1.0 / sum_of(&p, |x| x);
    for (p, value) in p.iter().zip(values.chunks_exact(d)) {
        let weight = p * inverse;
        out.iter_mut().zip(value).for_each(|(out, value)| *out += weight * value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::agreement_tests::uniform;
    use super::super::causal_attention;
    use super::*;

    fn farthest(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
    }

    /// Positions one after another, in both forms, are the rows of attention over all at once.
    #[test]
    fn each_position_agrees_with_the_composite_form_and_with_attention_over_the_whole() {
        for (n, t, n_head, d) in [(1, 1, 1, 1), (3, 9, 2, 5), (2, 70, 3, 40)] {
            let qkv = uniform(&[n, t, 3 * n_head * d], 1);
            let whole = causal_attention(&qkv, n_head).unwrap();
            let mut cache = Cache::new([n, n_head, t + 2, d], &qkv).unwrap();
            for position in 0..t {
                let row = qkv.narrow(1, position, 1).unwrap().squeeze(1).unwrap();
                let y = cache.attend(&row, position).unwrap();
                assert!(farthest(&y, &whole.narrow(1, position, 1).unwrap().squeeze(1).unwrap()) < 1e-5);
                let q = row.narrow(1, 0, n_head * d).unwrap().reshape((n, n_head, 1, d)).unwrap();
                assert!(farthest(&y, &cache.composite(&q, position + 1).unwrap()) < 1e-5);
            }
        }
    }

    #[test]
    fn the_last_part_takes_the_place_of_the_one_that_goes() {
        let x = Tensor::new(&[[1f32, 2.], [3., 4.], [5., 6.]], &Device::Cpu).unwrap();
        let rest = swap_remove(&x, 0).unwrap();
        assert_eq!(rest.to_vec2::<f32>().unwrap(), [[5., 6.], [3., 4.]]);
        assert_eq!(swap_remove(&rest, 1).unwrap().to_vec2::<f32>().unwrap(), [[5., 6.]]);
    }
}
