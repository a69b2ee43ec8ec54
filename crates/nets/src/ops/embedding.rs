//! Table look-up: a row for each token.
//!
//! `y[i] = table[token[i]]`

use super::fused::{Fused, apply};
use super::gpu::{self, Arg, Kernels, Threads};
use super::runs_fused;
use crate::{Error, Result};
use candle_core::{DType, Tensor};

/// The rows of `table` (V, d) that `tokens` (..., u32) name: (..., d).
///
/// # Errors
/// There is a token that has no row. On a CUDA device its numbers are NaN instead: to look would be to wait.
pub fn embedding(tokens: &Tensor, table: &Tensor) -> Result<Tensor> {
    let (n_rows, width) = table.dims2()?;
    let mut shape = tokens.dims().to_vec();
    shape.push(width);
    if runs_fused(&[table]) {
        let tokens = tokens.to_device(table.device())?.to_dtype(DType::U32)?.flatten_all()?;
        if !table.device().is_cpu() {
            return apply(Embedding { ids: Vec::new(), tokens, n_rows, width }, shape, &[table]);
        }
        let ids = tokens.to_vec1::<u32>()?;
        if let Some(id) = ids.iter().find(|&&id| id as usize >= n_rows) {
            return Err(Error::Tensor(format!("token {id} is outside the table of {n_rows} rows")));
        }
        return apply(Embedding { ids, tokens, n_rows, width }, shape, &[table]);
    }
    composite(tokens, table)
}

fn composite(tokens: &Tensor, table: &Tensor) -> Result<Tensor> {
    let shape = [tokens.dims(), &[table.dim(1)?]].concat();
    Ok(table.index_select(&tokens.flatten_all()?, 0)?.reshape(shape)?)
}

const KERNELS: Kernels = Kernels { name: "embedding", text: include_str!("embedding.cu") };

struct Embedding {
    ids: Vec<u32>,  // read on the CPU,
    tokens: Tensor, // and on a GPU, where nobody waits for a look at them
    n_rows: usize,
    width: usize,
}

impl Fused for Embedding {
    fn forward(&self, args: &[&[f32]]) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.ids.len() * self.width);
        for &id in &self.ids {
            out.extend_from_slice(&args[0][id as usize * self.width..][..self.width]);
        }
        out
    }

    fn backward(&self, _: &[&[f32]], _: &[f32], grad: Vec<f32>) -> Vec<Vec<f32>> {
        let mut table = vec![0.0; self.n_rows * self.width];
        for (&id, grad) in self.ids.iter().zip(grad.chunks_exact(self.width)) {
            let row = &mut table[id as usize * self.width..][..self.width];
            row.iter_mut().zip(grad).for_each(|(sum, grad)| *sum += grad);
        }
        vec![table]
    }

    fn forward_on_gpu(&self, args: &[Tensor]) -> candle_core::Result<Tensor> {
        let n = self.tokens.elem_count() * self.width;
        let y = gpu::empty(n, &args[0])?;
        let sizes = [Arg::Size(n), Arg::Size(self.width), Arg::Size(self.n_rows)];
        let args = [&[Arg::Numbers(&self.tokens), Arg::Numbers(&args[0]), Arg::Numbers(&y)], &sizes[..]].concat();
        gpu::launch(&KERNELS, "embed", Threads::Each(n), &args)?;
        Ok(y)
    }

    fn backward_on_gpu(&self, args: &[Tensor], _: &Tensor, grad: Tensor) -> candle_core::Result<Vec<Tensor>> {
        let table = gpu::empty(args[0].shape(), &args[0])?;
        let sizes = [Arg::Size(self.tokens.elem_count()), Arg::Size(self.width)];
        let args = [&[Arg::Numbers(&self.tokens), Arg::Numbers(&grad), Arg::Numbers(&table)], &sizes[..]].concat();
        gpu::launch(&KERNELS, "embed_back", Threads::Blocks(self.n_rows, self.width.div_ceil(256)), &args)?;
        Ok(vec![table])
    }
}

#[cfg(test)]
mod tests {
    use super::super::agreement_tests::{agree, uniform};
    use super::*;

    #[test]
    fn fused_agrees_with_composite_and_finite_differences() {
        let tokens = Tensor::new(&[[3u32, 0, 3], [1, 4, 3]], &candle_core::Device::Cpu).unwrap();
        agree(&[uniform(&[5, 7], 1)], |x| embedding(&tokens, &x[0]), |x| composite(&tokens, &x[0]));
        let error = embedding(&tokens, &uniform(&[4, 2], 1)).unwrap_err().to_string();
        assert_eq!(error, "token 4 is outside the table of 4 rows");
    }
}
