//! With the fused operations switched off, a decoder gives the logits of the forward pass to 1e-4, in both families, with learned and
//! rotary positions, beyond a full context and while sequences leave. The composite forms are what a GPU runs.

use candle_core::{Device, Tensor};
use nets::models::{InitialSpread, LstmConfig, Model, ModelConfig, Positions, TransformerConfig};
use nets::ops::{Dropout, set_fused};

const N: usize = 3;
const V: usize = 9;

fn models() -> [Model; 3] {
    let gpt = |positions| TransformerConfig {
        vocab_size: V,
        n_positions: 12,
        n_layer: 2,
        n_head: 2,
        d_model: 20,
        d_ff: 48,
        bias: true,
        tied: false,
        positions,
        init: InitialSpread::ByWidth,
    };
    let lstm = ModelConfig::Lstm(LstmConfig { vocab_size: V, d_embed: 12, d_hidden: 16, n_layer: 2 });
    let gpts = [Positions::Learned, Positions::Rotary].map(|positions| ModelConfig::Transformer(gpt(positions)));
    let [learned, rotary] = gpts;
    [learned, rotary, lstm].map(|config| Model::new(&config, 3, &Device::Cpu).unwrap())
}

/// The logits behind `tokens`, without a cache.
fn plain(model: &Model, tokens: &[u32]) -> Vec<f32> {
    let tokens = Tensor::from_slice(tokens, (1, tokens.len()), &Device::Cpu).unwrap();
    let logits = model.forward(&tokens, &mut Dropout::off()).unwrap(); // (1, T, V)
    logits.narrow(1, tokens.dim(1).unwrap() - 1, 1).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn logits_agree_with_those_of_the_forward_pass() {
    set_fused(false);
    for model in models() {
        let has_context = matches!(model, Model::Transformer(_));
        let mut decoder = model.decoders(N, Some(8)).unwrap();
        let mut read = vec![Vec::new(); N];
        let mut seen_from = 0;
        for i in 0..18_u32 {
            if i == 10 {
                decoder.swap_remove(0).unwrap();
                read.swap_remove(0);
            }
            let tokens: Vec<u32> = (0..read.len() as u32).map(|row| (i * i * 5 + row * 3 + i) % V as u32).collect();
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
                assert!(apart < 1e-4, "{}, token {i}: {apart}", model.config());
            }
        }
    }
}
