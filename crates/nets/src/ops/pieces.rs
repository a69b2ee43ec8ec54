//! The batch in pieces: each core takes some sequences through the whole model, forward and backward.
//!
//! loss = Σ_i n_i/n · loss_i and ∇loss = Σ_i n_i/n · ∇loss_i, where piece i has n_i of the n sequences; the sums run in the
//! order of the pieces. So the cores meet once in a step: a small model's single operations take less time than waking a core.

use super::add::accumulate;
use super::tape::{Gradients, gradients};
use crate::Result;
use candle_core::Tensor;
use rayon::prelude::*;
use std::cell::Cell;
use std::ops::Range;

/// Numbers that further copies of the gradient may hold (64 MB). Larger models keep all cores busy within an operation.
const SPARE: usize = 16 << 20;

thread_local! {
    static SHARE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Threads that share one operation: all, or within a piece its share of them.
pub(super) fn threads() -> usize {
    SHARE.get().unwrap_or_else(rayon::current_num_threads)
}

/// The mean over `n_sequences` of a loss and its gradients, given the loss (a scalar made of fused operations alone) of some of
/// them. `n_params` bounds the number of pieces.
pub(crate) fn mean_loss_and_gradients(
    n_sequences: usize,
    n_params: usize,
    loss: impl Fn(Range<usize>) -> Result<Tensor> + Sync,
) -> Result<(f64, Gradients)> {
    let pieces = side_by_side(n_sequences, 1 + SPARE / n_params.max(1), |piece| {
        let weight = piece.len() as f32 / n_sequences as f32;
        gradients(weight, || loss(piece))
    })?;
    let mut total = (0.0, Gradients::new());
    for (loss, grads) in pieces {
        total.0 += loss;
        if total.1.is_empty() {
            total.1 = grads;
            continue;
        }
        for (id, grad) in grads {
            total.1.entry(id).and_modify(|sum| accumulate(sum, &grad)).or_insert(grad);
        }
    }
    Ok(total)
}

/// The mean over `n_sequences` of a loss, given the loss of some of them.
pub(crate) fn mean_loss(n_sequences: usize, loss: impl Fn(Range<usize>) -> Result<Tensor> + Sync) -> Result<f64> {
    let pieces = side_by_side(n_sequences, usize::MAX, |piece| {
        let weight = piece.len() as f64 / n_sequences as f64;
        Ok(f64::from(loss(piece)?.to_scalar::<f32>()?) * weight)
    })?;
    Ok(pieces.iter().sum())
}

/// What `work` gives for each piece of `0..n`, in order: as many pieces as there are threads, but at most `most`.
fn side_by_side<T: Send>(n: usize, most: usize, work: impl Fn(Range<usize>) -> Result<T> + Sync) -> Result<Vec<T>> {
    let n_pieces = threads().min(n).min(most).max(1);
    let share = (threads() / n_pieces).max(1);
    let piece = |i: usize| i * n / n_pieces..(i + 1) * n / n_pieces;
    (0..n_pieces).into_par_iter().with_max_len(1).map(|i| with_share(share, || work(piece(i)))).collect()
}

/// Runs `work` on a share of the threads. A thread may take up a piece while it waits within another: the share is put back.
fn with_share<T>(share: usize, work: impl FnOnce() -> T) -> T {
    let before = SHARE.replace(Some(share));
    let result = work();
    SHARE.set(before);
    result
}
