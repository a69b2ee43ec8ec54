//! Both families train on the device as on the CPU: the same losses and gradient norms, step after step, to 1e-5. Needs a GPU, or
//! the emulated one of `.ci/gpu`.
#![cfg(feature = "cuda")]

use candle_core::{Device, Tensor};
use nets::models::{InitialSpread, LstmConfig, Model, ModelConfig, Positions, TransformerConfig};
use nets::ops::Dropout;
use nets::training::{AdamW, device, with_threads};
use nets::{Error, Result};

const BATCH: usize = 3;
const BLOCK: usize = 16;

fn models() -> [(&'static str, ModelConfig); 2] {
    let (vocab_size, n_positions, n_layer, n_head, d_model, d_ff) = (11, BLOCK, 2, 2, 16, 40);
    let (bias, tied, positions, init) = (true, false, Positions::Rotary, InitialSpread::ByWidth);
    let gpt =
        TransformerConfig { vocab_size, n_positions, n_layer, n_head, d_model, d_ff, bias, tied, positions, init };
    let lstm = LstmConfig { vocab_size, d_embed: 12, d_hidden: 20, n_layer: 2 };
    [("transformer", ModelConfig::Transformer(gpt)), ("lstm", ModelConfig::Lstm(lstm))]
}

fn tokens(salt: usize, device: &Device) -> Result<Tensor> {
    let token = |i: usize| ((i * i / 5 + 3 * i + 7 * salt) % 11) as u32;
    Ok(Tensor::from_vec((0..BATCH * BLOCK).map(token).collect(), (BATCH, BLOCK), device)?)
}

/// Loss and norm of each of three steps on one batch, then its loss without dropout.
fn train(config: &ModelConfig, device: &Device) -> Result<Vec<f64>> {
    let model = Model::new(config, 1337, device)?;
    let mut adamw = AdamW::new(model.parameters(), (0.9, 0.95), 0.1, true)?;
    let (inputs, targets) = (tokens(0, device)?, tokens(1, device)?);
    let mut numbers = Vec::new();
    for step in 0..3 {
        let (loss, grads) = model.loss_and_gradients(&inputs, &targets, &Dropout::new(0.1, step as u64)?)?;
        numbers.extend([loss, adamw.step(&grads, 1e-2, 1.0)?]);
    }
    numbers.push(model.loss_value(&inputs, &targets)?);
    Ok(numbers)
}

#[test]
fn losses_and_norms_are_those_of_the_cpu() {
    let device = device().unwrap();
    for (name, config) in models() {
        let on = |device: &Device| with_threads(Some(4), || Ok::<_, Error>(train(&config, device)?)).unwrap();
        let (there, here) = (on(&device), on(&Device::Cpu));
        for (at, (a, b)) in there.iter().zip(&here).enumerate() {
            assert!((a - b).abs() < 1e-5, "{name}, number {at}: {there:?} on the device, {here:?} on the CPU");
        }
        assert!(here[6] < here[0] - 0.01, "{name} learns: {here:?}");
    }
}
