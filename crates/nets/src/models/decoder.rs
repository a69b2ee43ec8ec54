//! Generation token by token, of many sequences in lock step: each call reads one new token of each and gives the logits of the next.
//!
//! All that is kept between two calls (keys and values of a Transformer, states of an LSTM) stays on the device; a step waits for it
//! only where its caller reads the logits. On a CPU, a sequence's logits are the same bit for bit whatever others run beside it.

use super::Model;
use super::config::Positions;
use super::lstm::Lstm;
use super::transformer::{Block, Transformer};
use crate::ops::{self, Cache, Packed, Turns};
use crate::{Error, Result};
use candle_core::{DType, Tensor};

/// A model that has read the beginnings of some sequences.
#[derive(Debug)]
pub struct Decoder {
    network: Network,
    n_sequences: usize,
    vocab_size: usize,
    on_cpu: bool,
}

#[derive(Debug)]
enum Network {
    Transformer(Box<TransformerState>),
    Lstm(Box<LstmState>),
}

impl Network {
    fn next(&mut self, tokens: &[u32]) -> Result<Tensor> {
        match self {
            Network::Transformer(state) => state.next(tokens),
            Network::Lstm(state) => state.next(tokens),
        }
    }
}

impl Decoder {
    pub(super) fn new(model: &Model, n_sequences: usize, context: usize) -> Result<Self> {
        let vocab_size = model.config().vocab_size();
        let on_cpu = model.parameters().iter().all(|(_, var)| var.device().is_cpu());
        let network = match model.without_gradients()? {
            Model::Transformer(model) => {
                Network::Transformer(Box::new(TransformerState::new(model, n_sequences, context)?))
            }
            Model::Lstm(model) => Network::Lstm(Box::new(LstmState::new(model, n_sequences)?)),
        };
        Ok(Decoder { network, n_sequences, vocab_size, on_cpu })
    }

    /// Sequences that it has not given up.
    pub fn n_sequences(&self) -> usize {
        self.n_sequences
    }

    /// Reads `token` and gives the logits (V) of the token after it: [`Decoder::next_each`] for a single sequence.
    ///
    /// # Errors
    /// The token is outside the vocabulary, or there is another number of sequences than one.
    pub fn next(&mut self, token: u32) -> Result<Vec<f32>> {
        Ok(self.next_each(&[token])?.flatten_all()?.to_vec1()?)
    }

    /// Reads one token of each sequence and gives the logits (n, V) of the tokens after them. When a Transformer's context is
    /// full, it first reads the last half of it again from position 0.
    ///
    /// # Errors
    /// A token is outside the vocabulary, there are more or fewer than one for each sequence, or the device fails.
    pub fn next_each(&mut self, tokens: &[u32]) -> Result<Tensor> {
        let (n, n_tokens) = (self.n_sequences, tokens.len());
        if n_tokens != n || n == 0 {
            return Err(Error::Tensor(format!("{n_tokens} tokens for {n} sequences: each reads one at a time")));
        }
        if let Some(token) = tokens.iter().find(|&&token| token as usize >= self.vocab_size) {
            return Err(Error::Tensor(format!("token {token} is outside the vocabulary of {}", self.vocab_size)));
        }
        if self.on_cpu {
            let network = &mut self.network;
            return rayon::scope(|_| network.next(tokens)); // in the pool, an operation too small to share wakes nobody
        }
        self.network.next(tokens) // a GPU keeps the order of one thread's work only
    }

    /// Gives up sequence `row` (from 0); the last one takes its place, as in `Vec::swap_remove`.
    ///
    /// # Errors
    /// There is no such sequence, or the device fails.
    pub fn swap_remove(&mut self, row: usize) -> Result<()> {
        let n = self.n_sequences;
        if row >= n {
            return Err(Error::Tensor(format!("there is no sequence {row} among {n}")));
        }
        match &mut self.network {
            Network::Transformer(state) => {
                state.read.swap_remove(row);
                state.blocks.iter_mut().try_for_each(|block| block.cache.swap_remove(row))?;
            }
            Network::Lstm(state) => {
                for state in state.states.iter_mut().flatten() {
                    *state = ops::swap_remove(state, row)?;
                }
            }
        }
        self.n_sequences -= 1;
        Ok(())
    }
}

#[derive(Debug)]
struct TransformerState {
    model: Transformer,
    blocks: Vec<BlockState>,
    lm_head: Packed,
    context: usize,
    read: Vec<Vec<u32>>, // of each sequence, the tokens that are in the caches
}

/// A block's matrices, and what it keeps.
#[derive(Debug)]
struct BlockState {
    c_attn: Packed,
    attn_proj: Packed,
    c_fc: Packed,
    mlp_proj: Packed,
    cache: Cache,
}

impl TransformerState {
    fn new(model: Transformer, n: usize, context: usize) -> Result<Self> {
        let config = model.config();
        let context = context.clamp(1, config.n_positions);
        let room = [n, config.n_head, context, config.d_model / config.n_head];
        let block = |block: &Block| -> Result<BlockState> {
            let (c_attn, attn_proj) = (block.attn.c_attn.packed()?, block.attn.c_proj.packed()?);
            let (c_fc, mlp_proj) = (block.mlp.c_fc.packed()?, block.mlp.c_proj.packed()?);
            Ok(BlockState { c_attn, attn_proj, c_fc, mlp_proj, cache: Cache::new(room, &model.wte)? })
        };
        let blocks = model.blocks.iter().map(block).collect::<Result<_>>()?;
        Ok(TransformerState { blocks, lm_head: model.lm_head.packed()?, context, read: vec![Vec::new(); n], model })
    }

    fn next(&mut self, tokens: &[u32]) -> Result<Tensor> {
        let n_read = self.read.first().map_or(0, Vec::len); // the same for all
        if n_read >= self.context {
            let last_half = |read: &mut Vec<u32>| read.split_off(n_read - self.context / 2);
            let again: Vec<Vec<u32>> = self.read.iter_mut().map(last_half).collect();
            self.read.iter_mut().for_each(Vec::clear);
            for i in 0..self.context / 2 {
                let tokens: Vec<u32> = again.iter().map(|tokens| tokens[i]).collect();
                self.step(&tokens)?;
            }
        }
        let x = self.step(tokens)?;
        self.lm_head.forward(&self.model.ln_f.forward(&x)?)
    }

    /// The residual stream (n, d_model) after all blocks.
    fn step(&mut self, tokens: &[u32]) -> Result<Tensor> {
        let position = self.read.first().map_or(0, Vec::len);
        let (model, config) = (&self.model, self.model.config());
        let device = model.wte.device();
        let mut x = ops::embedding(&Tensor::new(tokens, device)?, &model.wte)?; // (n, d_model)
        if let Some(wpe) = &model.wpe {
            x = x.broadcast_add(&wpe.narrow(0, position, 1)?)?;
        }
        let turns = match config.positions {
            Positions::Rotary => Some(Turns::new(position..position + 1, config.d_model / config.n_head, device)?),
            Positions::Learned => None,
        };
        for (block, state) in model.blocks.iter().zip(&mut self.blocks) {
            let mut qkv = state.c_attn.forward(&block.ln_1.forward(&x)?)?; // (n, 3·d_model)
            if let Some(turns) = &turns {
                qkv = ops::rotate(&qkv.unsqueeze(1)?, config.n_head, turns)?.squeeze(1)?;
            }
            let y = state.cache.attend(&qkv, position)?; // (n, d_model)
            x = ops::add(&x, &state.attn_proj.forward(&y)?)?;
            let h = ops::gelu(&state.c_fc.forward(&block.ln_2.forward(&x)?)?)?; // (n, d_ff)
            x = ops::add(&x, &state.mlp_proj.forward(&h)?)?;
        }
        self.read.iter_mut().zip(tokens).for_each(|(read, token)| read.push(*token));
        Ok(x)
    }
}

#[derive(Debug)]
struct LstmState {
    model: Lstm,
    layers: Vec<[Packed; 2]>, // input and recurrent weights
    head: Packed,
    states: Vec<[Tensor; 2]>, // of each layer h and c, (n, d_hidden) each
}

impl LstmState {
    fn new(model: Lstm, n: usize) -> Result<Self> {
        let (mut layers, mut states) = (Vec::new(), Vec::new());
        for layer in &model.layers {
            layers.push([Packed::new(&layer.w_ih, Some(&layer.b_ih))?, Packed::new(&layer.w_hh, Some(&layer.b_hh))?]);
            let zeros = || Tensor::zeros((n, model.config().d_hidden), DType::F32, model.embedding.device());
            states.push([zeros()?, zeros()?]);
        }
        Ok(LstmState { layers, head: Packed::new(&model.head_weight, Some(&model.head_bias))?, states, model })
    }

    fn next(&mut self, tokens: &[u32]) -> Result<Tensor> {
        let tokens = Tensor::new(tokens, self.model.embedding.device())?;
        let mut x = ops::embedding(&tokens, &self.model.embedding)?; // (n, d_embed)
        for ([w_ih, w_hh], [h, c]) in self.layers.iter().zip(&mut self.states) {
            (*h, *c) = ops::lstm_cell(&w_ih.forward(&x)?, &w_hh.forward(h)?, c)?; // (n, d_hidden)
            x = h.clone();
        }
        self.head.forward(&x)
    }
}
