//! Loss over a full split, always the same windows in the same order.
//!
//! ```text
//! loss = −1/(n − 1) · Σ ln p(token_i | the tokens before it in its window),   i = 1 … n − 1
//! ```
//! The split is cut into windows of `block_size` targets, the last one shorter: every token but the first is predicted
//! exactly once. (Estimates from random batches wobble by more than the sizes of a study differ.)
//!
//! And the loss at each position of the context: does a model use what it read long before? (Kaplan et al. 2020, figure 7.)

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
    let model = model.without_gradients()?;
    let mut losses = Vec::with_capacity(tokens.len());
    split_loss(tokens, block_size, batch_size, |inputs, targets, shape| {
        losses.extend(loss_of_each(&model, inputs, targets, shape)?);
        Ok(0.0)
    })?;
    Ok(losses)
}

/// The loss of each target (B, T), row after row.
fn loss_of_each(model: &Model, inputs: Vec<u32>, targets: Vec<u32>, (b, t): (usize, usize)) -> Result<Vec<f32>> {
    let inputs = Tensor::from_vec(inputs, (b, t), &model.device())?; // (B, T)
    let targets = Tensor::from_vec(targets, (b, t, 1), &model.device())?; // (B, T, 1)
    let logits = model.forward(&inputs, &mut Dropout::off())?; // (B, T, V)
    let losses = candle_nn::ops::log_softmax(&logits, D::Minus1)?.gather(&targets, D::Minus1)?.neg()?;
    Ok(losses.flatten_all()?.to_vec1()?)
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

/// Mean loss in nats at each position 1 … `block_size` of windows of that length, which begin half a window apart.
/// At position k the model has read k tokens.
///
/// # Errors
/// Fewer than `block_size` + 1 tokens, or a zero size.
pub fn loss_by_position(model: &Model, tokens: &[u16], block_size: usize, batch_size: usize) -> Result<Vec<f64>> {
    if block_size == 0 || batch_size == 0 || tokens.len() <= block_size {
        return Err(Error::Data(format!(
            "{} tokens hold no window of {block_size} and its targets, {batch_size} at a time: use a shorter block_size",
            tokens.len()
        )));
    }
    let model = model.without_gradients()?;
    let windows: Vec<&[u16]> = tokens.windows(block_size + 1).step_by((block_size / 2).max(1)).collect();
    let mut sums = vec![0.0; block_size];
    for batch in windows.chunks(batch_size) {
        let wide = |shift: usize| -> Vec<u32> {
            batch.iter().flat_map(|window| window.iter().skip(shift).take(block_size)).map(|&t| u32::from(t)).collect()
        };
        for row in loss_of_each(&model, wide(0), wide(1), (batch.len(), block_size))?.chunks(block_size) {
            sums.iter_mut().zip(row).for_each(|(sum, loss)| *sum += f64::from(*loss));
        }
    }
    Ok(sums.iter().map(|sum| sum / windows.len() as f64).collect())
}

/// Means over positions 1, 2, 3–4, 5–8, …: (geometric middle of the octave, loss).
pub fn in_octaves(losses: &[f64]) -> Vec<(f64, f64)> {
    let mut octaves = Vec::new();
    let (mut start, mut end) = (0, 1);
    while let Some(octave) = losses.get(start..end.min(losses.len())).filter(|octave| !octave.is_empty()) {
        let middle = ((start + 1) as f64 * (start + octave.len()) as f64).sqrt();
        octaves.push((middle, octave.iter().sum::<f64>() / octave.len() as f64));
        (start, end) = (end, 2 * end);
    }
    octaves
}

#[cfg(test)]
mod tests {
    use super::super::stand_in_tests::{data, lstm, transformer};
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

    #[test]
    fn the_mean_over_the_positions_of_whole_windows_is_the_loss() {
        for config in [transformer(), lstm()] {
            let model = Model::new(&config, 3, &Device::Cpu).unwrap();
            let tokens = &data().val[..17]; // one window of 16 and its targets
            let by_position = loss_by_position(&model, tokens, 16, 4).unwrap();
            let whole = evaluate(&model, tokens, 16, 4).unwrap();
            assert_eq!(by_position.len(), 16);
            assert!((by_position.iter().sum::<f64>() / 16.0 - whole).abs() < 1e-5);
        }
    }

    #[test]
    fn octaves_by_hand() {
        let octaves = in_octaves(&[5.0, 4.0, 3.0, 2.0, 1.0]);
        assert_eq!(octaves, [(1.0, 5.0), (2.0, 4.0), (12f64.sqrt(), 2.5), (5.0, 1.0)]);
        assert!(in_octaves(&[]).is_empty());
    }

    #[test]
    fn too_short_a_text_is_refused() {
        let model = Model::new(&lstm(), 3, &Device::Cpu).unwrap();
        let error = loss_by_position(&model, &[1, 2, 3], 16, 4).unwrap_err().to_string();
        assert!(error.starts_with("3 tokens hold no window of 16"), "{error}");
    }
}
