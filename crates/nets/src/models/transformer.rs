//! The GPT: attention, mlp, block, model. It follows nanoGPT's `model.py` and uses its state-dict names.
//!
//! x = wte[token] + wpe[position];  for each block: x += attention(norm(x)), x += mlp(norm(x));  logits = head(norm(x))
//!
//! With rotary positions there is no wpe; each attention turns its queries and keys instead.

use super::config::{Positions, TransformerConfig};
use super::parameters::{Init, Parameters};
use crate::ops::{self, Dropout, Packed};
use crate::{Error, Result};
use candle_core::{Device, Tensor};

const EPS: f64 = 1e-5; // torch's and nanoGPT's epsilon of LayerNorm

/// How matrices and tables start.
fn normal(config: &TransformerConfig) -> Init {
    Init::Normal { std: config.initial_std() }
}

/// How the two projections into the residual stream start: each block adds two terms to it.
fn into_residual(config: &TransformerConfig) -> Init {
    Init::Normal { std: config.initial_std() / (2.0 * config.n_layer as f64).sqrt() }
}

/// LayerNorm with its weight and, where the config says so, its bias.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Norm {
    /// As in nanoGPT, norms start as the identity.
    fn new(name: &str, config: &TransformerConfig, parameters: &mut Parameters) -> Result<Self> {
        let weight = parameters.get(&format!("{name}.weight"), [config.d_model], Init::Constant(1.0))?;
        Ok(Norm { weight, bias: bias(name, config.d_model, config, parameters)? })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::layer_norm(x, &self.weight, self.bias.as_ref(), EPS)
    }
}

/// A linear layer.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    weight: Tensor, // (out, in)
    bias: Option<Tensor>,
}

impl Linear {
    fn new(
        name: &str,
        [n_out, n_in]: [usize; 2],
        start: Init,
        config: &TransformerConfig,
        parameters: &mut Parameters,
    ) -> Result<Self> {
        let weight = parameters.get(&format!("{name}.weight"), [n_out, n_in], start)?;
        Ok(Linear { weight, bias: bias(name, n_out, config, parameters)? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear(x, &self.weight, self.bias.as_ref())
    }

    pub(super) fn packed(&self) -> Result<Packed> {
        Packed::new(&self.weight, self.bias.as_ref())
    }
}

/// Biases start at 0.
fn bias(name: &str, n: usize, config: &TransformerConfig, parameters: &mut Parameters) -> Result<Option<Tensor>> {
    config.bias.then(|| parameters.get(&format!("{name}.bias"), [n], Init::Constant(0.0))).transpose()
}

/// Causal self-attention. Dropout falls on its output, not on the attention probabilities.
#[derive(Debug, Clone)]
pub(super) struct Attention {
    pub(super) c_attn: Linear,
    pub(super) c_proj: Linear,
    n_head: usize,
    positions: Positions,
}

impl Attention {
    fn new(name: &str, config: &TransformerConfig, parameters: &mut Parameters) -> Result<Self> {
        let d = config.d_model;
        let c_attn = Linear::new(&format!("{name}.c_attn"), [3 * d, d], normal(config), config, parameters)?;
        let c_proj = Linear::new(&format!("{name}.c_proj"), [d, d], into_residual(config), config, parameters)?;
        Ok(Attention { c_attn, c_proj, n_head: config.n_head, positions: config.positions })
    }

    /// Queries, keys and values (B, T, 3·d_model).
    fn qkv(&self, x: &Tensor) -> Result<Tensor> {
        let qkv = self.c_attn.forward(x)?;
        if self.positions == Positions::Rotary { ops::rotary(&qkv, self.n_head) } else { Ok(qkv) }
    }

    fn forward(&self, x: &Tensor, dropout: &mut Dropout) -> Result<Tensor> {
        let y = ops::causal_attention(&self.qkv(x)?, self.n_head)?; // (B, T, d_model)
        dropout.apply(&self.c_proj.forward(&y)?)
    }
}

/// Two linear layers around a GELU.
#[derive(Debug, Clone)]
pub(super) struct Mlp {
    pub(super) c_fc: Linear,
    pub(super) c_proj: Linear,
}

impl Mlp {
    fn new(name: &str, config: &TransformerConfig, parameters: &mut Parameters) -> Result<Self> {
        let (d, f) = (config.d_model, config.d_ff);
        let c_fc = Linear::new(&format!("{name}.c_fc"), [f, d], normal(config), config, parameters)?;
        let c_proj = Linear::new(&format!("{name}.c_proj"), [d, f], into_residual(config), config, parameters)?;
        Ok(Mlp { c_fc, c_proj })
    }

    fn forward(&self, x: &Tensor, dropout: &mut Dropout) -> Result<Tensor> {
        let h = ops::gelu(&self.c_fc.forward(x)?)?; // (B, T, d_ff)
        dropout.apply(&self.c_proj.forward(&h)?)
    }
}

/// Attention and mlp, each on a normalised copy of the residual stream, which they add to.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) ln_1: Norm,
    pub(super) attn: Attention,
    pub(super) ln_2: Norm,
    pub(super) mlp: Mlp,
}

impl Block {
    fn new(name: &str, config: &TransformerConfig, parameters: &mut Parameters) -> Result<Self> {
        Ok(Block {
            ln_1: Norm::new(&format!("{name}.ln_1"), config, parameters)?,
            attn: Attention::new(&format!("{name}.attn"), config, parameters)?,
            ln_2: Norm::new(&format!("{name}.ln_2"), config, parameters)?,
            mlp: Mlp::new(&format!("{name}.mlp"), config, parameters)?,
        })
    }

    fn forward(&self, x: &Tensor, dropout: &mut Dropout) -> Result<Tensor> {
        let x = ops::add(x, &self.attn.forward(&self.ln_1.forward(x)?, dropout)?)?; // (B, T, d_model)
        ops::add(&x, &self.mlp.forward(&self.ln_2.forward(&x)?, dropout)?)
    }
}

/// The whole model.
#[derive(Debug, Clone)]
pub struct Transformer {
    config: TransformerConfig,
    pub(super) parameters: Parameters,
    pub(super) wte: Tensor,         // (V, d_model)
    pub(super) wpe: Option<Tensor>, // (n_positions, d_model), of learned positions
    pub(super) blocks: Vec<Block>,
    pub(super) ln_f: Norm,
    pub(super) lm_head: Linear,
}

impl Transformer {
    pub(super) fn new(config: &TransformerConfig, mut parameters: Parameters) -> Result<Self> {
        let (v, d) = (config.vocab_size, config.d_model);
        let wte = parameters.get("transformer.wte.weight", [v, d], normal(config))?;
        let mut table = || parameters.get("transformer.wpe.weight", [config.n_positions, d], normal(config));
        let wpe = if config.positions == Positions::Learned { Some(table()?) } else { None };
        let block = |i| Block::new(&format!("transformer.h.{i}"), config, &mut parameters);
        let blocks = (0..config.n_layer).map(block).collect::<Result<_>>()?;
        let ln_f = Norm::new("transformer.ln_f", config, &mut parameters)?;
        let lm_head = if config.tied {
            Linear { weight: wte.clone(), bias: None }
        } else {
            Linear::new("lm_head", [v, d], normal(config), config, &mut parameters)?
        };
        parameters.finish()?;
        Ok(Transformer { config: config.clone(), parameters, wte, wpe, blocks, ln_f, lm_head })
    }

    /// Its shape.
    pub fn config(&self) -> &TransformerConfig {
        &self.config
    }

    /// Logits (B, T, V) for `tokens` (B, T).
    ///
    /// # Errors
    /// T is longer than the model's positions.
    pub fn forward(&self, tokens: &Tensor, dropout: &mut Dropout) -> Result<Tensor> {
        let mut x = dropout.apply(&self.embed(tokens)?)?; // (B, T, d_model)
        for block in &self.blocks {
            x = block.forward(&x, dropout)?;
        }
        self.lm_head.forward(&self.ln_f.forward(&x)?) // (B, T, V)
    }

    /// Where each head looks while the model reads `tokens` (B, T): for each block (B, n_head, T, T), rows sum to 1.
    ///
    /// # Errors
    /// T is longer than the model's positions.
    pub fn attention_weights(&self, tokens: &Tensor) -> Result<Vec<Tensor>> {
        let mut x = self.embed(tokens)?; // (B, T, d_model)
        let weights = self.blocks.iter().map(|block| {
            let qkv = block.attn.qkv(&block.ln_1.forward(&x)?)?;
            x = block.forward(&x, &mut Dropout::off())?;
            ops::attention_weights(&qkv, block.attn.n_head)
        });
        weights.collect()
    }

    /// Tokens and, where they are learned, positions: (B, T, d_model).
    fn embed(&self, tokens: &Tensor) -> Result<Tensor> {
        let (batch, t) = tokens.dims2()?;
        if t > self.config.n_positions {
            let n_positions = self.config.n_positions;
            return Err(Error::Tensor(format!(
                "{t} tokens do not fit this model's {n_positions} positions; cut the block"
            )));
        }
        let x = ops::embedding(tokens, &self.wte)?;
        match &self.wpe {
            Some(wpe) => ops::add(&x, &ops::embedding(&positions(batch, t, tokens.device())?, wpe)?),
            None => Ok(x),
        }
    }
}

/// 0, 1, ..., T - 1 for each sequence of the batch.
fn positions(batch: usize, t: usize, device: &Device) -> Result<Tensor> {
    let positions: Vec<u32> = (0..batch * t).map(|i| (i % t) as u32).collect();
    Ok(Tensor::from_vec(positions, (batch, t), device)?)
}
