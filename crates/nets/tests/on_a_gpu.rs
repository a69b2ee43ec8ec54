//! Both families train on the device as on the CPU: the same losses and gradient norms, step after step, to 1e-5; a run that was
//! stopped ends with the bits of one that was not. Needs a GPU, or the emulated one of `.ci/gpu`.
#![cfg(feature = "cuda")]

use candle_core::{Device, Tensor};
use nets::models::{InitialSpread, LstmConfig, Model, ModelConfig, Positions, TransformerConfig};
use nets::ops::Dropout;
use nets::training::{
    AdamW, RunConfig, Runs, TrainOptions, describe_device, device, memory_mb, peak_memory_mb, with_threads,
};
use nets::{Error, Result, TokenData, Tokenizer};
use std::path::Path;
use std::time::Duration;

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

#[test]
fn decoders_give_the_logits_of_the_cpus() {
    let device = device().unwrap();
    for (name, config) in models() {
        let models = [&device, &Device::Cpu].map(|device| Model::new(&config, 7, device).unwrap());
        let mut decoders = models.each_ref().map(|model| model.decoders(3, None).unwrap());
        for i in 0..BLOCK as u32 + 4 {
            let tokens = [i % 11, 3 * i % 11, (i * i + 1) % 11]; // beyond the positions at last
            let logits = decoders.each_mut().map(|decoder| decoder.next_each(&tokens).unwrap().flatten_all().unwrap());
            let [there, here] = logits.map(|logits| logits.to_vec1::<f32>().unwrap());
            let apart = there.iter().zip(&here).fold(0f32, |top, (a, b)| top.max((a - b).abs()));
            assert!(apart < 1e-4, "{name}, token {i}: {apart}");
        }
    }
}

fn data() -> TokenData {
    let tokens = |n: usize| (0..n).map(|i| ((i * i / 7 + i / 3) % 11) as u16).collect();
    let tokenizer = Tokenizer::from_text("ABCDEFGabc|").unwrap();
    TokenData { dir: "data/scale".into(), tokenizer, train: tokens(500), val: tokens(60), test: tokens(60) }
}

/// Each step's loss and norm, and what the last model lost, of a run that each call stops after one step.
fn train_in_calls(folder: &Path, config: &RunConfig, n_calls: usize) -> Vec<f64> {
    let stops = TrainOptions { quiet: true, time_budget: Some(Duration::ZERO), ..TrainOptions::default() };
    let whole = TrainOptions { quiet: true, ..TrainOptions::default() };
    for _ in 1..n_calls {
        let run = Runs::open(folder).unwrap().with_options(stops.clone()).get_or_train(config, &data()).unwrap();
        assert!(!run.summary.finished);
    }
    let run = Runs::open(folder).unwrap().with_options(whole).get_or_train(config, &data()).unwrap();
    assert!(run.summary.finished && run.summary.device == describe_device(&device().unwrap()));
    assert!(run.summary.peak_rss_mb > 0.0, "the device's memory is measured");
    run.metrics.iter().flat_map(|m| [m.train_loss, m.grad_norm, m.val_loss.unwrap_or(0.0)]).collect()
}

#[test]
fn a_run_that_was_stopped_after_each_step_ends_with_the_same_bits() {
    for (name, model) in models() {
        let sizes = RunConfig {
            block_size: BLOCK,
            batch_size: BATCH,
            n_evals: 2,
            dropout: 0.1,
            ..RunConfig::new(name, &model, &data(), 0)
        };
        let config = RunConfig { n_tokens: 5 * (BLOCK * BATCH) as u64, ..sizes };
        let [at_once, in_calls] = [1, 4].map(|n_calls| {
            let folder = tempfile::tempdir().unwrap();
            train_in_calls(folder.path(), &config, n_calls)
        });
        assert_eq!(at_once, in_calls, "{name}");
    }
}

#[test]
fn the_peak_is_what_was_held_at_once() {
    let device = device().unwrap();
    let held = memory_mb(&device);
    drop(Tensor::zeros((1000, 1000), candle_core::DType::F32, &device).unwrap());
    assert!(peak_memory_mb(&device) >= held + 4.0);
}
