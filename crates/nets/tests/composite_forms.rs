//! With the fused operations switched off, both families train as they do with them, the same losses, step after step, to 1e-4; and a
//! decoder gives the logits of the forward pass to 1e-4, with learned and rotary positions, beyond a full context and while
//! sequences leave. The composite forms are what a GPU runs where it has no kernels of ours.

use candle_core::{Device, Tensor};
use nets::models::{InitialSpread, LstmConfig, Model, ModelConfig, Positions, TransformerConfig};
use nets::ops::{Dropout, set_fused};
use nets::training::{RunConfig, Runs, TrainOptions};
use nets::{TokenData, Tokenizer};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Whether fused forms run is a switch of the whole process: one test at a time.
static SWITCH: Mutex<()> = Mutex::new(());

const VOCAB_SIZE: usize = 8;

fn models() -> [(&'static str, ModelConfig); 3] {
    let gpt = |positions| {
        let (vocab_size, n_positions, n_layer, n_head, d_model, d_ff) = (VOCAB_SIZE, 32, 2, 2, 16, 64);
        let (bias, tied, init) = (true, false, InitialSpread::ByWidth);
        let config =
            TransformerConfig { vocab_size, n_positions, n_layer, n_head, d_model, d_ff, bias, tied, positions, init };
        ModelConfig::Transformer(config)
    };
    let lstm = ModelConfig::Lstm(LstmConfig { vocab_size: VOCAB_SIZE, d_embed: 12, d_hidden: 16, n_layer: 2 });
    [("learned", gpt(Positions::Learned)), ("rotary", gpt(Positions::Rotary)), ("lstm", lstm)]
}

/// A scale in an order that can be learned: 3,000 tokens of 8 kinds.
fn data() -> TokenData {
    let token = |i: usize| ((i * i / 7 + i / 3) % 8) as u16;
    let tokens = |range: std::ops::Range<usize>| range.map(token).collect::<Vec<u16>>();
    TokenData {
        dir: PathBuf::from("data/scale"),
        tokenizer: Tokenizer::from_text("ABCDEFG|").unwrap(),
        train: tokens(0..3000),
        val: tokens(3000..3200),
        test: tokens(3200..3300),
    }
}

#[test]
fn losses_of_a_training_agree_with_those_of_the_fused_forms() {
    let _alone = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    let base = folder.path();
    let options = TrainOptions { quiet: true, ..TrainOptions::default() };
    for (name, model) in models() {
        let config = RunConfig {
            block_size: 32,
            batch_size: 4,
            dropout: 0.1,
            n_evals: 3,
            ..RunConfig::new(name, &model, &data, 30 * 128)
        };
        let train = |fused: bool| {
            set_fused(fused);
            let runs = Runs::open(base.join(if fused { "fused" } else { "composite" })).unwrap();
            runs.with_options(options.clone()).get_or_train(&config, &data).unwrap()
        };
        let (composite, fused) = (train(false), train(true));
        assert_eq!((composite.metrics.len(), fused.metrics.len()), (30, 30));
        for (a, b) in composite.metrics.iter().zip(&fused.metrics) {
            assert!((a.train_loss - b.train_loss).abs() < 1e-4, "{name}, step {}: {a:?}, {b:?}", a.step);
            let norms = (a.grad_norm - b.grad_norm).abs() / b.grad_norm;
            assert!(norms < 1e-3, "{name}, step {}: the gradient's norm is off by {norms}", a.step);
        }
        assert!((composite.summary.val_loss - fused.summary.val_loss).abs() < 1e-4, "{name}");
        assert!(fused.summary.val_loss < fused.metrics[0].train_loss - 0.01, "{name} learns");
    }
}

/// The logits behind `tokens`, without a cache.
fn plain(model: &Model, tokens: &[u32]) -> Vec<f32> {
    let tokens = Tensor::from_slice(tokens, (1, tokens.len()), &Device::Cpu).unwrap();
    let logits = model.forward(&tokens, &mut Dropout::off()).unwrap(); // (1, T, V)
    logits.narrow(1, tokens.dim(1).unwrap() - 1, 1).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn logits_of_a_decoder_agree_with_those_of_the_forward_pass() {
    const N: usize = 3;
    let _alone = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
    set_fused(false);
    for (name, config) in models() {
        let model = Model::new(&config, 3, &Device::Cpu).unwrap();
        let has_context = matches!(model, Model::Transformer(_));
        let mut decoder = model.decoders(N, Some(8)).unwrap();
        let mut read = vec![Vec::new(); N];
        let mut seen_from = 0;
        for i in 0..18_u32 {
            if i == 10 {
                decoder.swap_remove(0).unwrap();
                read.swap_remove(0);
            }
            let tokens: Vec<u32> =
                (0..read.len() as u32).map(|row| (i * i * 5 + row * 3 + i) % VOCAB_SIZE as u32).collect();
            read.iter_mut().zip(&tokens).for_each(|(read, token)| read.push(*token));
            if has_context && i as usize - seen_from == 8 {
                seen_from = i as usize - 4; // the last half of 8
            }
            let logits = decoder.next_each(&tokens).unwrap().to_vec2::<f32>().unwrap();
            for (read, logits) in read.iter().zip(logits) {
                let apart = plain(&model, &read[seen_from..])
                    .iter()
                    .zip(logits)
                    .fold(0f32, |top, (a, b)| top.max((a - b).abs()));
                assert!(apart < 1e-4, "{name}, token {i}: {apart}");
            }
        }
    }
}
