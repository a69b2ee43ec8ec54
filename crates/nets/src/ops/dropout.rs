//! Dropout (Srivastava et al. 2014), whose random state is two numbers: a seed and the calls so far.
//!
//! y = x · keep / (1 - p), keep ~ Bernoulli(1 - p)
//! Whether entry i of the c-th call is kept is a hash of (seed, c, i): nothing is stored for the backward pass, all cores
//! can draw at once, every device draws the same, and a resumed run goes on with the same draws.

use super::fused::{Fused, apply};
use super::gpu::{self, Arg, Kernels, Threads};
use super::runs_fused;
use super::simd::dispatch;
use crate::{Error, Result};
use candle_core::Tensor;
use rayon::prelude::*;

/// Drops entries with probability `p`; [`Dropout::off`] is the identity.
#[derive(Debug, Clone)]
pub struct Dropout {
    p: f64,
    seed: u64,
    n_calls: u64,
    first_sequence: usize,
}

impl Dropout {
    /// No dropout: for evaluation and generation.
    pub fn off() -> Self {
        Dropout { p: 0.0, seed: 0, n_calls: 0, first_sequence: 0 }
    }

    /// Drops each entry with probability `p`; the seed decides every mask. A clone draws the same masks.
    ///
    /// # Errors
    /// `p` is not a probability below 1.
    pub fn new(p: f64, seed: u64) -> Result<Self> {
        if !(0.0..1.0).contains(&p) {
            return Err(Error::Config(format!("dropout {p} is not a probability below 1; try 0.1")));
        }
        Ok(Dropout { p, seed, n_calls: 0, first_sequence: 0 })
    }

    /// The same draws for a part of the batch that begins with sequence `first`.
    pub(crate) fn starting_at(&self, first: usize) -> Self {
        Dropout { first_sequence: first, ..self.clone() }
    }

    /// x (B, ...) with entries dropped and the rest scaled up; x itself where p = 0.
    ///
    /// # Errors
    /// The device fails.
    pub fn apply(&mut self, x: &Tensor) -> Result<Tensor> {
        if self.p == 0.0 {
            return Ok(x.clone());
        }
        let per_sequence = x.elem_count() / x.dims().first().copied().unwrap_or(1).max(1);
        let first = (self.first_sequence * per_sequence) as u32; // wraps around, as the index within does
        let op = Drop { draw: self.draw(), first };
        self.n_calls += 1;
        if runs_fused(&[x]) {
            return apply(op, x.shape(), &[x]);
        }
        let mut mask = vec![1.0; x.elem_count()];
        drop_entries(&mut mask, first, op.draw);
        Ok((x * Tensor::from_vec(mask, x.shape(), x.device())?.to_dtype(x.dtype())?)?)
    }

    fn draw(&self) -> Draw {
        // splitmix64 spreads (seed, call) over the key
        let mut z = self.seed.wrapping_add((self.n_calls + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let keys = [z as u32, (z >> 32) as u32];
        Draw { keys, threshold: (self.p * 4_294_967_296.0) as u32, scale: (1.0 / (1.0 - self.p)) as f32 }
    }
}

/// The draws of one call.
#[derive(Clone, Copy)]
struct Draw {
    keys: [u32; 2],
    threshold: u32, // an entry is dropped where its hash is below
    scale: f32,
}

struct Drop {
    draw: Draw,
    first: u32,
}

const KERNELS: Kernels = Kernels { name: "dropout", text: include_str!("dropout.cu") };

/// Entries that one thread takes at a time.
const PIECE: usize = 16_384;

impl Drop {
    fn dropped(&self, mut x: Vec<f32>) -> Vec<f32> {
        let pieces = x.par_chunks_mut(PIECE).enumerate();
        pieces.for_each(|(i, x)| drop_entries(x, self.first.wrapping_add((i * PIECE) as u32), self.draw));
        x
    }
}

impl Fused for Drop {
    fn forward(&self, args: &[&[f32]]) -> Vec<f32> {
        self.dropped(args[0].to_vec())
    }

    fn backward(&self, _: &[&[f32]], _: &[f32], grad: Vec<f32>) -> Vec<Vec<f32>> {
        vec![self.dropped(grad)]
    }

    fn forward_on_gpu(&self, args: &[Tensor]) -> candle_core::Result<Tensor> {
        let (x, n, draw) = (&args[0], args[0].elem_count(), self.draw);
        let y = gpu::empty(x.shape(), x)?;
        let keys = draw.keys.map(Arg::Bits);
        let sizes =
            [Arg::Size(n), Arg::Bits(self.first), keys[0], keys[1], Arg::Bits(draw.threshold), Arg::Float(draw.scale)];
        let args = [&[Arg::Numbers(x), Arg::Numbers(&y)], &sizes[..]].concat();
        gpu::launch(&KERNELS, "drop", Threads::Each(n), &args)?;
        Ok(y)
    }

    fn backward_on_gpu(&self, _: &[Tensor], _: &Tensor, grad: Tensor) -> candle_core::Result<Vec<Tensor>> {
        Ok(vec![self.forward_on_gpu(&[grad])?])
    }
}

dispatch!(fn drop_entries(x: &mut [f32], first: u32, draw: Draw) = drop_kernel);

#[inline(always)]
fn drop_kernel<const FMA: bool>(x: &mut [f32], first: u32, draw: Draw) {
    for (i, x) in x.iter_mut().enumerate() {
        // the finaliser "lowbias32" (Wellons 2018): 32-bit multiplications, so that it vectorises
        let mut h = first.wrapping_add(i as u32) ^ draw.keys[0];
        h = (h ^ (h >> 16)).wrapping_mul(0x7FEB_352D);
        h ^= draw.keys[1];
        h = (h ^ (h >> 15)).wrapping_mul(0x846C_A68B);
        h ^= h >> 16;
        *x = if h < draw.threshold { 0.0 } else { *x * draw.scale };
    }
}

#[cfg(test)]
mod tests {
    use super::super::agreement_tests::uniform;
    use super::*;
    use candle_core::{Device, Var};

    fn numbers(x: &Tensor) -> Vec<f32> {
        x.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn drops_the_share_it_was_asked_to_and_keeps_the_mean() {
        let x = Tensor::ones((1000, 100), candle_core::DType::F32, &Device::Cpu).unwrap();
        let y = numbers(&Dropout::new(0.1, 7).unwrap().apply(&x).unwrap());
        let dropped = y.iter().filter(|&&y| y == 0.0).count() as f64 / 1e5;
        assert!((dropped - 0.1).abs() < 0.004, "{dropped}"); // four standard deviations
        assert!((y.iter().sum::<f32>() / 1e5 - 1.0).abs() < 0.005);
    }

    #[test]
    fn calls_differ_and_a_clone_draws_the_same() {
        let (x, mut dropout) = (uniform(&[50, 40], 1), Dropout::new(0.5, 7).unwrap());
        let first = numbers(&dropout.apply(&x).unwrap());
        let mut clone = dropout.clone();
        let second = numbers(&dropout.apply(&x).unwrap());
        assert_ne!(first, second);
        assert_eq!(second, numbers(&clone.apply(&x).unwrap()));
    }

    #[test]
    fn the_gradient_passes_where_the_entry_did() {
        let x = Var::from_tensor(&uniform(&[400], 1)).unwrap();
        let y = Dropout::new(0.25, 3).unwrap().apply(&x).unwrap();
        let grads = y.sum_all().unwrap().backward().unwrap();
        let expected: Vec<f32> = numbers(&y).iter().map(|&y| if y == 0.0 { 0.0 } else { 1.0 / 0.75 }).collect();
        assert_eq!(numbers(grads.get(&x).unwrap()), expected);
    }

    #[test]
    #[cfg(feature = "cuda")]
    fn a_gpu_draws_the_same_masks() {
        use super::super::tape::result_and_gradients;
        let device = crate::training::device().unwrap();
        let (x, dropout) = (uniform(&[5, 300], 1), Dropout::new(0.3, 11).unwrap().starting_at(2));
        let on_cpu = numbers(&dropout.clone().apply(&x).unwrap());
        let (there, ones) = (x.to_device(&device).unwrap(), |y: &Tensor| y.ones_like().unwrap());
        let (on_gpu, grads) = result_and_gradients(|| dropout.clone().apply(&there), ones).unwrap();
        assert_eq!(numbers(&on_gpu), on_cpu);
        let expected: Vec<f32> = on_cpu.iter().map(|&y| if y == 0.0 { 0.0 } else { (1.0 / 0.7) as f32 }).collect();
        assert_eq!(numbers(&grads[&there.id()]), expected);
    }

    #[test]
    fn a_probability_outside_its_range_is_refused() {
        assert_eq!(Dropout::new(1.0, 0).unwrap_err().to_string(), "dropout 1 is not a probability below 1; try 0.1");
        let x = uniform(&[3], 1);
        assert_eq!(numbers(&Dropout::off().apply(&x).unwrap()), numbers(&x));
    }
}
