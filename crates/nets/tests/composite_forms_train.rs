//! With the fused operations switched off, both families train as they do with them: the same losses, step after step, to
//! 1e-4. The composite forms are what a GPU runs.

use nets::models::{InitialSpread, LstmConfig, ModelConfig, Positions, TransformerConfig};
use nets::ops::set_fused;
use nets::training::{RunConfig, Runs, TrainOptions};
use nets::{TokenData, Tokenizer};
use std::path::PathBuf;

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

fn models() -> [(&'static str, ModelConfig); 2] {
    let (vocab_size, n_positions, n_layer, n_head, d_model, d_ff) = (8, 32, 2, 2, 16, 64);
    let (bias, tied, positions, init) = (true, false, Positions::Rotary, InitialSpread::ByWidth);
    let gpt =
        TransformerConfig { vocab_size, n_positions, n_layer, n_head, d_model, d_ff, bias, tied, positions, init };
    let lstm = LstmConfig { vocab_size, d_embed: 12, d_hidden: 16, n_layer: 2 };
    [("transformer", ModelConfig::Transformer(gpt)), ("lstm", ModelConfig::Lstm(lstm))]
}

#[test]
fn losses_agree_with_those_of_the_fused_forms() {
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
