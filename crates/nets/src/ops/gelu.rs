//! The Gaussian error linear unit, exact (erf) form (Hendrycks and Gimpel 2016).
//!
//! gelu(x) = x·Φ(x),  gelu'(x) = Φ(x) + x·φ(x), with Φ and φ the standard normal distribution and density.

use super::fused::{Fused, apply};
use super::gpu::{self, Arg, Kernels, Threads};
use super::runs_fused;
use super::simd::{dispatch, fma, normal};
use crate::Result;
use candle_core::Tensor;
use rayon::prelude::*;

/// x·Φ(x), entry by entry.
///
/// # Errors
/// The shapes do not fit each other, or the device fails.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    if runs_fused(&[x]) {
        return apply(Gelu, x.shape(), &[x]);
    }
    composite(x)
}

fn composite(x: &Tensor) -> Result<Tensor> {
    // Not `gelu_erf`: its backward in candle rounds 1/√(2π) to six digits.
    let distribution = (((x * std::f64::consts::FRAC_1_SQRT_2)?.erf()? + 1.0)? * 0.5)?; // Φ(x)
    Ok((x * distribution)?)
}

const KERNELS: Kernels = Kernels { name: "gelu", text: include_str!("gelu.cu") };

struct Gelu;

/// Numbers that one thread takes at a time.
const PIECE: usize = 16_384;

impl Fused for Gelu {
    fn forward(&self, args: &[&[f32]]) -> Vec<f32> {
        let mut out = vec![0.0; args[0].len()];
        out.par_chunks_mut(PIECE).zip(args[0].par_chunks(PIECE)).for_each(|(out, x)| forward_piece(x, out));
        out
    }

    fn backward(&self, args: &[&[f32]], _: &[f32], grad: Vec<f32>) -> Vec<Vec<f32>> {
        let mut dx = grad; // dy, scaled in place
        dx.par_chunks_mut(PIECE).zip(args[0].par_chunks(PIECE)).for_each(|(dx, x)| backward_piece(x, dx));
        vec![dx]
    }

    fn forward_on_gpu(&self, args: &[Tensor]) -> candle_core::Result<Tensor> {
        let (x, n) = (&args[0], args[0].elem_count());
        let y = gpu::empty(x.shape(), x)?;
        gpu::launch(&KERNELS, "gelu", Threads::Each(n), &[Arg::Numbers(x), Arg::Numbers(&y), Arg::Size(n)])?;
        Ok(y)
    }

    fn backward_on_gpu(&self, args: &[Tensor], _: &Tensor, grad: Tensor) -> candle_core::Result<Vec<Tensor>> {
        let (x, n) = (&args[0], args[0].elem_count());
        let dx = gpu::empty(x.shape(), x)?;
        let args = [Arg::Numbers(x), Arg::Numbers(&grad), Arg::Numbers(&dx), Arg::Size(n)];
        gpu::launch(&KERNELS, "gelu_back", Threads::Each(n), &args)?;
        Ok(vec![dx])
    }
}

dispatch!(fn forward_piece(x: &[f32], out: &mut [f32]) = forward_kernel);
dispatch!(fn backward_piece(x: &[f32], dx: &mut [f32]) = backward_kernel);

#[inline(always)]
fn forward_kernel<const FMA: bool>(x: &[f32], out: &mut [f32]) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = x * normal::<FMA>(x).0;
    }
}

#[inline(always)]
fn backward_kernel<const FMA: bool>(x: &[f32], dx: &mut [f32]) {
    for (dx, &x) in dx.iter_mut().zip(x) {
        let (distribution, density) = normal::<FMA>(x);
        *dx *= fma::<FMA>(x, density, distribution);
    }
}

#[cfg(test)]
mod tests {
    use super::super::agreement_tests::{agree, uniform};
    use super::*;

    #[test]
    fn fused_agrees_with_composite_and_finite_differences() {
        for shape in [vec![1], vec![7, 13], vec![2, 3, 65]] {
            agree(&[(uniform(&shape, 1) * 6.0).unwrap()], |x| gelu(&x[0]), |x| composite(&x[0]));
        }
    }
}
