//! The LSTM language model: an embedding, a stack of layers, a head, under torch.nn.LSTM's names.
//!
//! x = embedding[token];  for each layer: x = lstm(x);  logits = x·W_headᵀ + b_head

use super::config::LstmConfig;
use super::parameters::{Init, Parameters};
use crate::Result;
use crate::ops::{self, Dropout};
use candle_core::Tensor;

/// One layer: gates in the order i, f, g, o.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) w_ih: Tensor, // (4·d_hidden, d_in)
    pub(super) w_hh: Tensor, // (4·d_hidden, d_hidden)
    pub(super) b_ih: Tensor, // (4·d_hidden)
    pub(super) b_hh: Tensor, // (4·d_hidden)
}

impl Layer {
    fn new(i: usize, config: &LstmConfig, parameters: &mut Parameters) -> Result<Self> {
        let (h, d_in) = (config.d_hidden, if i == 0 { config.d_embed } else { config.d_hidden });
        let mut get =
            |name: &str, shape: &[usize]| parameters.get(&format!("lstm.{name}_l{i}"), shape, uniform(config));
        Ok(Layer {
            w_ih: get("weight_ih", &[4 * h, d_in])?,
            w_hh: get("weight_hh", &[4 * h, h])?,
            b_ih: get("bias_ih", &[4 * h])?,
            b_hh: get("bias_hh", &[4 * h])?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::lstm(x, &self.w_ih, &self.w_hh, &self.b_ih, &self.b_hh)
    }
}

/// The whole model.
#[derive(Debug, Clone)]
pub struct Lstm {
    config: LstmConfig,
    pub(super) parameters: Parameters,
    pub(super) embedding: Tensor, // (V, d_embed)
    pub(super) layers: Vec<Layer>,
    pub(super) head_weight: Tensor, // (V, d_hidden)
    pub(super) head_bias: Tensor,   // (V)
}

impl Lstm {
    /// Parameters start as torch draws them: the embedding from N(0, 1), all else uniform within ±1/√d_hidden.
    pub(super) fn new(config: &LstmConfig, mut parameters: Parameters) -> Result<Self> {
        let (v, e, h) = (config.vocab_size, config.d_embed, config.d_hidden);
        let embedding = parameters.get("embedding.weight", [v, e], Init::Normal { std: 1.0 })?;
        let layers = (0..config.n_layer).map(|i| Layer::new(i, config, &mut parameters)).collect::<Result<_>>()?;
        let head_weight = parameters.get("head.weight", [v, h], uniform(config))?;
        let head_bias = parameters.get("head.bias", [v], uniform(config))?;
        parameters.finish()?;
        Ok(Lstm { embedding, layers, head_weight, head_bias, config: config.clone(), parameters })
    }

    /// Its shape.
    pub fn config(&self) -> &LstmConfig {
        &self.config
    }

    /// Logits (B, T, V) for `tokens` (B, T), from a zero state. Dropout falls on the output of each layer.
    ///
    /// # Errors
    /// A token is outside the vocabulary, or the device fails.
    pub fn forward(&self, tokens: &Tensor, dropout: &mut Dropout) -> Result<Tensor> {
        let mut x = ops::embedding(tokens, &self.embedding)?; // (B, T, d_embed)
        for layer in &self.layers {
            x = dropout.apply(&layer.forward(&x)?)?; // (B, T, d_hidden)
        }
        ops::linear(&x, &self.head_weight, Some(&self.head_bias)) // (B, T, V)
    }
}

fn uniform(config: &LstmConfig) -> Init {
    Init::Uniform { bound: 1.0 / (config.d_hidden as f64).sqrt() }
}
