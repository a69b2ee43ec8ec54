//! Loss over a full split, always the same windows in the same order.
//!
//! ```text
//! loss = −1/(n − 1) · Σ ln p(token_i | the tokens before it in its window),   i = 1 … n − 1
//! ```
//! The split is cut into windows of `block_size` targets, the last one shorter: every token but the first is predicted
//! exactly once. (Estimates from random batches wobble by more than the sizes of a study differ.)

use crate::models::Model;
use crate::ops::{Dropout, keep_memory};
use crate::{Error, Result};
use candle_core::{D, Tensor};

/// Nats per token over all of `tokens`.
///
/// # Errors
/// Fewer than two tokens, a zero size, or a loss that is not finite.
pub fn evaluate(model: &Model, tokens: &[u16], block_size: usize, batch_size: usize) -> Result<f64> {
    keep_memory(); // from batch to batch
    let device = model.device();
    let loss = split_loss(tokens, block_size, batch_size, |inputs, targets, shape| {
        let inputs = Tensor::from_vec(inputs, shape, &device)?; // (B, T)
        let targets = Tensor::from_vec(targets, shape, &device)?; // (B, T)
        model.loss_value(&inputs, &targets)
    })?;
    if !loss.is_finite() {
        return Err(Error::Tensor(format!(
            "the loss over the split is {loss}: the model's weights have diverged; train again with a lower learning_rate"
        )));
    }
    Ok(loss)
}

/// The loss of every token but the first, in their order, in the windows of [`evaluate`], which is their mean: a standard error over
/// tunes needs them one by one.
///
/// # Errors
/// As [`evaluate`].
pub fn token_losses(model: &Model, tokens: &[u16], block_size: usize, batch_size: usize) -> Result<Vec<f32>> {
    let (model, device) = (model.without_gradients()?, model.device());
    let mut losses = Vec::with_capacity(tokens.len());
    split_loss(tokens, block_size, batch_size, |inputs, targets, (b, t)| {
        let inputs = Tensor::from_vec(inputs, (b, t), &device)?; // (B, T)
        let targets = Tensor::from_vec(targets, (b, t, 1), &device)?; // (B, T, 1)
        let logits = model.forward(&inputs, &mut Dropout::off())?; // (B, T, V)
        let of_batch = candle_nn::ops::log_softmax(&logits, D::Minus1)?.gather(&targets, D::Minus1)?.neg()?;
        losses.extend(of_batch.flatten_all()?.to_vec1::<f32>()?);
        Ok(0.0)
    })?;
    Ok(losses)
}

/// The mean over all targets, given the mean over the targets of one batch (inputs, targets, shape (B, T)).
fn split_loss(
    tokens: &[u16],
    block_size: usize,
    batch_size: usize,
    mut batch_loss: impl FnMut(Vec<u32>, Vec<u32>, (usize, usize)) -> Result<f64>,
) -> Result<f64> {
    let n_targets = tokens.len().saturating_sub(1);
    if n_targets == 0 || block_size == 0 || batch_size == 0 {
        return Err(Error::Data(format!(
            "cannot evaluate a split of {} tokens in windows of {block_size}, {batch_size} at a time: two tokens and sizes of 1 are the least",
            tokens.len()
        )));
    }
    let n_whole = n_targets / block_size * block_size;
    let mut sum = 0.0;
    let mut add = |start: usize, end: usize, window: usize| -> Result<()> {
        let wide = |shift: usize| tokens.iter().skip(start + shift).take(end - start).map(|&t| u32::from(t)).collect();
        let n = end - start;
        sum += batch_loss(wide(0), wide(1), (n / window, window))? * n as f64;
        Ok(())
    };
    for start in (0..n_whole).step_by(block_size * batch_size) {
        add(start, (start + block_size * batch_size).min(n_whole), block_size)?;
    }
    if n_whole < n_targets {
        add(n_whole, n_targets, n_targets - n_whole)?;
    }
    Ok(sum / n_targets as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn every_token_but_the_first_is_predicted_once_after_the_token_before_it() {
        for (n, block_size, batch_size) in [(2, 4, 3), (4, 4, 3), (5, 4, 1), (37, 4, 3), (49, 4, 3), (50, 7, 2)] {
            let tokens: Vec<u16> = (0..n).collect();
            let mut seen: Vec<u32> = Vec::new();
            let loss = split_loss(&tokens, block_size, batch_size, |inputs, targets, (b, t)| {
                assert_eq!((inputs.len(), targets.len()), (b * t, b * t));
                assert!(b <= batch_size && t <= block_size);
                assert!(inputs.iter().zip(&targets).all(|(input, target)| input + 1 == *target));
                seen.extend(&targets);
                Ok(targets.iter().sum::<u32>() as f64 / targets.len() as f64)
            });
            assert_eq!(seen, (1..u32::from(n)).collect::<Vec<_>>());
            assert!((loss.unwrap() - f64::from(n) / 2.0).abs() < 1e-9, "mean of the targets 1 … n − 1");
        }
    }

    #[test]
    fn a_model_that_knows_nothing_loses_ln_v() {
        use super::super::stand_in_tests::{data, lstm, transformer};
        for config in [transformer(), lstm()] {
            let model = Model::new(&config, 1, &Device::Cpu).unwrap();
            for (_, parameter) in model.parameters() {
                parameter.set(&parameter.zeros_like().unwrap()).unwrap(); // all logits 0: every token has probability 1/8
            }
            let loss = evaluate(&model, &data().val, 16, 4).unwrap();
            assert!((loss - 8f64.ln()).abs() < 1e-6, "{loss}");
        }
    }

    #[test]
    fn the_loss_is_the_mean_of_the_tokens_losses_which_stand_in_their_order() {
        use super::super::stand_in_tests::{data, lstm, transformer};
        for config in [transformer(), lstm()] {
            let model = Model::new(&config, 3, &Device::Cpu).unwrap();
            let tokens = &data().val[..60]; // windows of 16, the last one shorter
            let losses = token_losses(&model, tokens, 16, 2).unwrap();
            let mean = losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / 59.0;
            assert_eq!(losses.len(), 59);
            assert!((mean - evaluate(&model, tokens, 16, 2).unwrap()).abs() < 1e-5);
            let first = evaluate(&model, &tokens[..17], 16, 2).unwrap();
            let of_first = losses[..16].iter().map(|loss| f64::from(*loss)).sum::<f64>() / 16.0;
            assert!((first - of_first).abs() < 1e-5);
        }
    }

    #[test]
    fn one_token_cannot_be_evaluated() {
        let error = split_loss(&[3], 8, 2, |_, _, _| Ok(0.0)).unwrap_err().to_string();
        assert!(error.starts_with("cannot evaluate a split of 1 tokens"), "{error}");
    }
}
