//! The loss at each position of the context: does a model use what it read long before? (Kaplan et al. 2020, figure 7.)

use crate::models::Model;
use crate::ops::Dropout;
use crate::{Error, Result};
use candle_core::{D, Tensor};

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
    let device = model.device();
    let windows: Vec<&[u16]> = tokens.windows(block_size + 1).step_by((block_size / 2).max(1)).collect();
    let mut sums = vec![0.0; block_size];
    for batch in windows.chunks(batch_size) {
        let wide = |shift: usize| -> Vec<u32> {
            batch.iter().flat_map(|window| window.iter().skip(shift).take(block_size)).map(|&t| u32::from(t)).collect()
        };
        let shape = (batch.len(), block_size);
        let inputs = Tensor::from_vec(wide(0), shape, &device)?; // (B, T)
        let targets = Tensor::from_vec(wide(1), (shape.0, shape.1, 1), &device)?; // (B, T, 1)
        let logits = model.forward(&inputs, &mut Dropout::off())?; // (B, T, V)
        let losses = candle_nn::ops::log_softmax(&logits, D::Minus1)?.gather(&targets, D::Minus1)?.neg()?.squeeze(2)?;
        for row in losses.to_vec2::<f32>()? {
            sums.iter_mut().zip(row).for_each(|(sum, loss)| *sum += f64::from(loss));
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
    use super::super::evaluate;
    use super::super::stand_in_tests::{data, lstm, transformer};
    use super::*;
    use candle_core::Device;

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
