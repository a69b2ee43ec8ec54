//! What a model is made of, and what that costs: exact parameter counts and training FLOPs.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The two families whose scaling is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// A GPT ([`TransformerConfig`]).
    Transformer,
    /// A recurrent network ([`LstmConfig`]).
    Lstm,
}

impl Family {
    /// Both, in the order of the notebooks.
    pub const ALL: [Family; 2] = [Family::Transformer, Family::Lstm];
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Family::Transformer => "Transformer",
            Family::Lstm => "LSTM",
        })
    }
}

/// How a Transformer knows where a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Positions {
    /// A table of vectors that are learned and added to the tokens' (GPT-2, nanoGPT).
    #[default]
    Learned,
    /// Queries and keys are turned by their position ([`crate::ops::rotary()`]).
    Rotary,
}

impl Positions {
    pub(super) fn are_learned(&self) -> bool {
        *self == Positions::Learned
    }
}

/// How far from 0 a Transformer's matrices and tables start: the standard deviation of their normal distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InitialSpread {
    /// .02 at every width (GPT-2, nanoGPT): too little for widths far below GPT-2's 768, which then begin with a long plateau.
    #[default]
    Fixed,
    /// .02·√(768 / d_model): GPT-2's at its own width, and sums over a row as large at every other.
    ByWidth,
}

impl InitialSpread {
    pub(super) fn is_fixed(&self) -> bool {
        *self == InitialSpread::Fixed
    }
}

/// A GPT: pre-norm, exact GELU, final norm.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerConfig {
    /// Tokens that there are.
    pub vocab_size: usize,
    /// The longest context; of learned positions, the rows of their table.
    pub n_positions: usize,
    /// Blocks.
    pub n_layer: usize,
    /// Attention heads of each block; they divide `d_model`.
    pub n_head: usize,
    /// Width.
    pub d_model: usize,
    /// Width inside the MLP.
    pub d_ff: usize,
    /// Biases in linear layers and norms (and in the head, where it is not tied).
    pub bias: bool,
    /// The head is the token table.
    pub tied: bool,
    /// How it knows where a token stands. (Configs without this field were written when there was one way.)
    #[serde(default, skip_serializing_if = "Positions::are_learned")]
    pub positions: Positions,
    /// How far from 0 its weights start.
    #[serde(default, skip_serializing_if = "InitialSpread::is_fixed")]
    pub init: InitialSpread,
}

/// An embedding, a stack of LSTM layers and a biased head.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LstmConfig {
    /// Tokens that there are.
    pub vocab_size: usize,
    /// Width of the embedding.
    pub d_embed: usize,
    /// Width of each layer.
    pub d_hidden: usize,
    /// LSTM layers.
    pub n_layer: usize,
}

/// A model of either family.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case")]
pub enum ModelConfig {
    /// A GPT.
    Transformer(TransformerConfig),
    /// A recurrent network.
    Lstm(LstmConfig),
}

impl ModelConfig {
    /// The family that it belongs to.
    pub fn family(&self) -> Family {
        match self {
            ModelConfig::Transformer(_) => Family::Transformer,
            ModelConfig::Lstm(_) => Family::Lstm,
        }
    }

    /// Tokens that there are.
    pub fn vocab_size(&self) -> usize {
        match self {
            ModelConfig::Transformer(config) => config.vocab_size,
            ModelConfig::Lstm(config) => config.vocab_size,
        }
    }

    /// Blocks, or LSTM layers.
    pub fn n_layer(&self) -> usize {
        match self {
            ModelConfig::Transformer(config) => config.n_layer,
            ModelConfig::Lstm(config) => config.n_layer,
        }
    }

    /// All parameters, exactly; a tied head counts once.
    pub fn n_params(&self) -> usize {
        match self {
            ModelConfig::Transformer(config) => config.n_params(),
            ModelConfig::Lstm(config) => config.n_params(),
        }
    }

    /// All parameters but the token and position tables.
    pub fn n_params_non_embedding(&self) -> usize {
        self.n_params() - self.n_params_looked_up()
    }

    fn n_params_looked_up(&self) -> usize {
        match self {
            ModelConfig::Transformer(c) => (c.vocab_size + c.rows_of_positions()) * c.d_model,
            ModelConfig::Lstm(c) => c.vocab_size * c.d_embed,
        }
    }

    /// FLOPs of one training step (forward and backward) per token: 6·M + 6·n_layer·d_model·(T + 1) for a Transformer,
    /// 6·M for an LSTM.
    ///
    /// M counts the parameters that take part in matrix products (each is multiplied and added once forward and twice
    /// backward): all but looked-up tables, yet with the head, tied or not (Kaplan et al. 2020; Porian et al. 2024 on
    /// why the head counts). Causal attention lets a token see (T + 1) / 2 positions on average, each for 4·d_model FLOPs
    /// forward. `block_size` is T; a longer block than the position table counts as the table.
    pub fn flops_per_token(&self, block_size: usize) -> f64 {
        let mut in_products = self.n_params_non_embedding();
        if let ModelConfig::Transformer(c) = self
            && c.tied
        {
            in_products += c.vocab_size * c.d_model;
        }
        6.0 * in_products as f64 + self.attention_flops_per_token(block_size)
    }

    /// Attention's part of [`ModelConfig::flops_per_token`]: 6·n_layer·d_model·(T + 1) for a Transformer, 0 for an LSTM.
    pub fn attention_flops_per_token(&self, block_size: usize) -> f64 {
        match self {
            ModelConfig::Transformer(c) => {
                6.0 * (c.n_layer * c.d_model) as f64 * (block_size.min(c.n_positions) + 1) as f64
            }
            ModelConfig::Lstm(_) => 0.0,
        }
    }

    /// Refuses a config that contradicts itself, in a sentence that says what to change.
    ///
    /// # Errors
    /// A size is zero, or the heads do not divide the width.
    pub fn validate(&self) -> Result<()> {
        let sizes = match self {
            ModelConfig::Transformer(c) => vec![
                ("vocab_size", c.vocab_size),
                ("n_positions", c.n_positions),
                ("n_layer", c.n_layer),
                ("n_head", c.n_head),
                ("d_model", c.d_model),
                ("d_ff", c.d_ff),
            ],
            ModelConfig::Lstm(c) => vec![
                ("vocab_size", c.vocab_size),
                ("d_embed", c.d_embed),
                ("d_hidden", c.d_hidden),
                ("n_layer", c.n_layer),
            ],
        };
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(Error::Config(format!("{name} is 0; it must be at least 1")));
        }
        match self {
            ModelConfig::Transformer(c) if !c.d_model.is_multiple_of(c.n_head) => {
                let below = c.d_model / c.n_head * c.n_head;
                let above = below + c.n_head;
                let advice = if below > 0 { format!("{below} or {above}") } else { above.to_string() };
                let (d_model, n_head) = (c.d_model, c.n_head);
                Err(Error::Config(format!("d_model {d_model} is not divisible by n_head {n_head}; try {advice}")))
            }
            ModelConfig::Transformer(c)
                if c.positions == Positions::Rotary && !(c.d_model / c.n_head).is_multiple_of(2) =>
            {
                let (d_model, n_head) = (c.d_model, c.n_head);
                Err(Error::Config(format!(
                    "rotary positions turn pairs of numbers, but d_model {d_model} over n_head {n_head} is odd; choose another width"
                )))
            }
            _ => Ok(()),
        }
    }
}

impl TransformerConfig {
    /// The standard deviation of the first weights.
    pub(super) fn initial_std(&self) -> f64 {
        match self.init {
            InitialSpread::Fixed => 0.02,
            InitialSpread::ByWidth => 0.02 * (768.0 / self.d_model as f64).sqrt(),
        }
    }

    /// P: rows of the position table; rotary positions have none.
    fn rows_of_positions(&self) -> usize {
        if self.positions.are_learned() { self.n_positions } else { 0 }
    }

    /// V·d + P·d + L·(4d² + 2·d·d_ff + 2d) + d, plus L·(5d + d_ff + 2d) + d with biases, plus V·d (+ V) with a head of its own.
    fn n_params(&self) -> usize {
        let (v, d, f) = (self.vocab_size, self.d_model, self.d_ff);
        let tables = (v + self.rows_of_positions()) * d;
        let block = 4 * d * d + 2 * d * f + 2 * d;
        let block_biases = 4 * d + d + f + 2 * d; // attention, Mlp, norms
        let head = if self.tied { 0 } else { v * d };
        let biases = self.n_layer * block_biases + d + if self.tied { 0 } else { v };
        tables + self.n_layer * block + d + head + if self.bias { biases } else { 0 }
    }
}

impl LstmConfig {
    /// V·e + 4(e·h + h² + 2h) + (L - 1)·4(2h² + 2h) + h·V + V
    fn n_params(&self) -> usize {
        let (v, e, h) = (self.vocab_size, self.d_embed, self.d_hidden);
        let first = 4 * (e * h + h * h + 2 * h);
        let later = (self.n_layer.saturating_sub(1)) * 4 * (2 * h * h + 2 * h);
        v * e + first + later + h * v + v
    }
}

impl fmt::Display for ModelConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelConfig::Transformer(c) => write!(
                f,
                "Transformer, n_layer {}, n_head {}, d_model {}, d_ff {}",
                c.n_layer, c.n_head, c.d_model, c.d_ff
            )?,
            ModelConfig::Lstm(c) => {
                write!(f, "LSTM, n_layer {}, d_embed {}, d_hidden {}", c.n_layer, c.d_embed, c.d_hidden)?
            }
        }
        write!(f, ": {} parameters", self.n_params())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpt(d_model: usize, n_head: usize) -> ModelConfig {
        let (vocab_size, n_positions, n_layer, d_ff) = (10, 16, 2, 4 * d_model);
        let (bias, tied, positions, init) = (true, false, Positions::Learned, InitialSpread::Fixed);
        let config =
            TransformerConfig { vocab_size, n_positions, n_layer, n_head, d_model, d_ff, bias, tied, positions, init };
        ModelConfig::Transformer(config)
    }

    #[test]
    fn what_is_chosen_beside_the_shape_costs_no_parameters_but_a_position_table() {
        let rotary = |d_model, n_head| match gpt(d_model, n_head) {
            ModelConfig::Transformer(c) => {
                ModelConfig::Transformer(TransformerConfig { positions: Positions::Rotary, ..c })
            }
            lstm => lstm,
        };
        assert_eq!(gpt(96, 8).n_params() - rotary(96, 8).n_params(), 16 * 96);
        assert_eq!(gpt(96, 8).flops_per_token(16), rotary(96, 8).flops_per_token(16));
        assert!(rotary(96, 8).validate().is_ok() && gpt(24, 8).validate().is_ok());
        assert!(rotary(24, 8).validate().unwrap_err().to_string().contains("d_model 24 over n_head 8 is odd"));
        let spread = |d_model, init| match gpt(d_model, 8) {
            ModelConfig::Transformer(c) => TransformerConfig { init, ..c }.initial_std(),
            ModelConfig::Lstm(_) => f64::NAN,
        };
        assert_eq!(spread(768, InitialSpread::ByWidth), spread(768, InitialSpread::Fixed));
        assert_eq!(spread(48, InitialSpread::ByWidth), 0.08); // .02·√16
        // Configs that were written before there was a choice are read, and written as they were.
        let text = serde_json::to_string(&gpt(96, 8)).unwrap();
        assert!(
            !text.contains("positions\":\"learned")
                && serde_json::from_str::<ModelConfig>(&text).unwrap() == gpt(96, 8)
        );
    }

    #[test]
    fn refuses_a_width_that_heads_do_not_divide_and_says_what_would_fit() {
        let error = gpt(100, 8).validate().unwrap_err().to_string();
        assert_eq!(error, "d_model 100 is not divisible by n_head 8; try 96 or 104");
        assert!(gpt(96, 8).validate().is_ok());
        assert_eq!(gpt(0, 8).validate().unwrap_err().to_string(), "d_model is 0; it must be at least 1");
    }

    #[test]
    fn flops_are_six_per_parameter_in_products_plus_causal_attention() {
        // d = 8: blocks 2·(12·64 + 13·8) = 1744, final norm 16, head 10·8 + 10 = 90; attention 6·2·8·(4 + 1)
        assert_eq!(gpt(8, 2).flops_per_token(4), 6.0 * (1744.0 + 16.0 + 90.0) + 480.0);
        assert_eq!(gpt(8, 2).flops_per_token(1000), gpt(8, 2).flops_per_token(16));
    }

    #[test]
    fn a_config_survives_json_with_its_family_as_a_tag() {
        let json = serde_json::to_string(&gpt(8, 2)).unwrap();
        assert!(json.starts_with(r#"{"family":"transformer","vocab_size":10"#), "{json}");
        assert_eq!(serde_json::from_str::<ModelConfig>(&json).unwrap(), gpt(8, 2));
    }
}
