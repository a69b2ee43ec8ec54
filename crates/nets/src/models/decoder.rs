//! Generation token by token: each call sees one new token and gives the logits of the next.

use super::Model;
use super::config::Positions;
use super::lstm::Lstm;
use super::transformer::{Attention, Transformer};
use crate::ops::{self, Dropout};
use crate::{Error, Result};
use candle_core::Tensor;

/// A model that has read some tokens: keys and values of a Transformer, or states of an LSTM, are kept between calls.
#[derive(Debug, Clone)]
pub struct Decoder {
    network: Network,
    vocab_size: usize,
}

#[derive(Debug, Clone)]
enum Network {
    Transformer(Box<TransformerState>),
    Lstm(Box<LstmState>),
}

#[derive(Debug, Clone)]
struct TransformerState {
    model: Transformer,
    context: usize,
    tokens: Vec<u32>,        // what is in the caches
    caches: Vec<KeysValues>, // one for each block
}

/// Keys and values of one block, (n, d_model) each, heads side by side.
#[derive(Debug, Clone, Default)]
struct KeysValues {
    keys: Vec<f32>,
    values: Vec<f32>,
}

#[derive(Debug, Clone)]
struct LstmState {
    model: Lstm,
    hidden: Vec<Vec<f32>>, // one for each layer
    cells: Vec<Vec<f32>>,
}

impl Decoder {
    pub(super) fn new(model: &Model, context: usize) -> Result<Self> {
        let vocab_size = model.config().vocab_size();
        let network = match model.without_gradients()? {
            Model::Transformer(model) => {
                let context = context.clamp(1, model.config().n_positions);
                let caches = vec![KeysValues::default(); model.config().n_layer];
                Network::Transformer(Box::new(TransformerState { model, context, tokens: Vec::new(), caches }))
            }
            Model::Lstm(model) => {
                let zeros = vec![vec![0.0; model.config().d_hidden]; model.config().n_layer];
                Network::Lstm(Box::new(LstmState { model, hidden: zeros.clone(), cells: zeros }))
            }
        };
        Ok(Decoder { network, vocab_size })
    }

    /// Reads `token` and gives the logits (V) of the token after it. When a Transformer's context is full, it first reads
    /// the last half of it again from position 0.
    ///
    /// # Errors
    /// The token is outside the vocabulary.
    pub fn next(&mut self, token: u32) -> Result<Vec<f32>> {
        if token as usize >= self.vocab_size {
            return Err(Error::Tensor(format!("token {token} is outside the vocabulary of {}", self.vocab_size)));
        }
        match &mut self.network {
            Network::Transformer(state) => state.next(token),
            Network::Lstm(state) => state.next(token),
        }
    }
}

impl TransformerState {
    fn next(&mut self, token: u32) -> Result<Vec<f32>> {
        if self.tokens.len() >= self.context {
            let again = self.tokens.split_off(self.tokens.len() - self.context / 2);
            self.tokens.clear();
            self.caches.fill(KeysValues::default());
            for token in again {
                self.step(token)?;
            }
        }
        let x = self.step(token)?;
        Ok(self.model.lm_head.forward(&self.model.ln_f.forward(&x)?)?.flatten_all()?.to_vec1()?)
    }

    /// The residual stream (1, 1, d_model) after all blocks.
    fn step(&mut self, token: u32) -> Result<Tensor> {
        let model = &self.model;
        let look_up = |i: u32, table| ops::embedding(&Tensor::from_vec(vec![i], (1, 1), model.wte.device())?, table);
        let position = self.tokens.len();
        let mut x = look_up(token, &model.wte)?;
        if let Some(wpe) = &model.wpe {
            x = ops::add(&x, &look_up(position as u32, wpe)?)?;
        }
        for (block, cache) in model.blocks.iter().zip(&mut self.caches) {
            x = ops::add(&x, &attend(&block.attn, &block.ln_1.forward(&x)?, position, cache)?)?;
            x = ops::add(&x, &block.mlp.forward(&block.ln_2.forward(&x)?, &mut Dropout::off())?)?;
        }
        self.tokens.push(token);
        Ok(x)
    }
}

/// Attention of the newest position (1, 1, d_model) over all that the cache holds.
fn attend(attention: &Attention, x: &Tensor, position: usize, cache: &mut KeysValues) -> Result<Tensor> {
    let mut qkv: Vec<f32> = attention.c_attn.forward(x)?.flatten_all()?.to_vec1()?;
    let c = qkv.len() / 3;
    let d = c / attention.n_head;
    if attention.positions == Positions::Rotary {
        ops::rotate_row(&mut qkv[..2 * c], d, position);
    }
    cache.keys.extend_from_slice(&qkv[c..2 * c]);
    cache.values.extend_from_slice(&qkv[2 * c..]);
    let mut y = vec![0.0; c];
    for (h, (q, y)) in qkv[..c].chunks_exact(d).zip(y.chunks_exact_mut(d)).enumerate() {
        let head = |row: &[f32]| -> f32 { row[h * d..(h + 1) * d].iter().zip(q).map(|(k, q)| k * q).sum() };
        let scores: Vec<f32> = cache.keys.chunks_exact(c).map(|row| head(row) / (d as f32).sqrt()).collect();
        let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f32> = scores.iter().map(|score| (score - top).exp()).collect();
        let sum: f32 = weights.iter().sum();
        for (weight, row) in weights.iter().zip(cache.values.chunks_exact(c)) {
            y.iter_mut().zip(&row[h * d..]).for_each(|(y, v)| *y += weight / sum * v);
        }
    }
    attention.c_proj.forward(&Tensor::from_vec(y, x.shape(), x.device())?)
}

impl LstmState {
    fn next(&mut self, token: u32) -> Result<Vec<f32>> {
        let model = &self.model;
        let device = model.embedding.device();
        let mut x = ops::embedding(&Tensor::from_vec(vec![token], (1, 1), device)?, &model.embedding)?; // (1, 1, d_embed)
        for (layer, (hidden, cell)) in model.layers.iter().zip(self.hidden.iter_mut().zip(&mut self.cells)) {
            let n = hidden.len();
            let h = Tensor::from_vec(std::mem::take(hidden), (1, 1, n), device)?;
            let a = ops::linear(&x, &layer.w_ih, Some(&layer.b_ih))?;
            let a: Vec<f32> = (a + ops::linear(&h, &layer.w_hh, Some(&layer.b_hh))?)?.flatten_all()?.to_vec1()?;
            *hidden = step(&a, cell);
            x = Tensor::from_vec(hidden.clone(), (1, 1, n), device)?;
        }
        Ok(model.head(&x)?.flatten_all()?.to_vec1()?)
    }
}

/// h_t from the pre-activations a_t (4H, gates i f g o); `cell` goes from c_(t-1) to c_t.
fn step(a: &[f32], cell: &mut [f32]) -> Vec<f32> {
    let n = cell.len();
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    let unit = |(j, cell): (usize, &mut f32)| {
        *cell = sigmoid(a[n + j]) * *cell + sigmoid(a[j]) * a[2 * n + j].tanh();
        sigmoid(a[3 * n + j]) * cell.tanh()
    };
    cell.iter_mut().enumerate().map(unit).collect()
}
