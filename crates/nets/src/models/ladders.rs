//! Ladders: models of one family that grow from rung to rung. They are data: entries of a TOML file, here or in a preset.
//!
//! The ladders that are built in stand in `ladders.toml`. `a-*` and `b-*` are the shapes of the two earlier projects (A: bias-free
//! GPT with a tied head; B: biases and a head of its own, a position table of 512). `smoke-*` spans about 2K to 120K parameters.
//! The ladders of the studies stand in their presets.

use super::config::{InitialSpread, LstmConfig, ModelConfig, Positions, TransformerConfig};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// A rung of a ladder.
#[derive(Debug, Clone, PartialEq)]
pub struct Size {
    /// For example "b-transformer-xl".
    pub name: String,
    /// What is trained under that name.
    pub model: ModelConfig,
}

/// One Transformer of a ladder, as a TOML file lists it: `{ name = "mine-s", n_layer = 2, n_head = 2, d_model = 64 }`.
///
/// ```
/// use nets::models::TransformerSize;
/// let entry: TransformerSize = toml::from_str("name = 'mine-s'\nn_layer = 2\nn_head = 2\nd_model = 64").unwrap();
/// let size = entry.size(75, 256);
/// assert_eq!((size.name.as_str(), size.model.n_params()), ("mine-s", 119_808));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerSize {
    /// The size's name; its runs have it too.
    pub name: String,
    /// Blocks.
    pub n_layer: usize,
    /// Attention heads of each block; they divide `d_model`.
    pub n_head: usize,
    /// Width.
    pub d_model: usize,
    /// Width inside the MLP; four times `d_model` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub d_ff: Option<usize>,
    /// How it knows where a token stands; learned where nothing is said.
    #[serde(default, skip_serializing_if = "Positions::are_learned")]
    pub positions: Positions,
    /// How far from 0 its weights start; nanoGPT's where nothing is said.
    #[serde(default, skip_serializing_if = "InitialSpread::is_fixed")]
    pub init: InitialSpread,
    /// The longest context, at least; it is never shorter than the block.
    #[serde(default)]
    pub n_positions: usize,
    /// Biases in linear layers and norms.
    #[serde(default)]
    pub bias: bool,
    /// The head is the token table (also where nothing is said).
    #[serde(default = "yes")]
    pub tied: bool,
}

/// One LSTM of a ladder, as a TOML file lists it: `{ name = "mine-s", n_layer = 2, d_embed = 64, d_hidden = 64 }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LstmSize {
    /// The size's name; its runs have it too.
    pub name: String,
    /// LSTM layers.
    pub n_layer: usize,
    /// Width of the embedding.
    pub d_embed: usize,
    /// Width of each layer.
    pub d_hidden: usize,
}

fn yes() -> bool {
    true
}

impl TransformerSize {
    /// The model over a vocabulary, for contexts of `block_size` tokens.
    pub fn size(&self, vocab_size: usize, block_size: usize) -> Size {
        let TransformerSize { n_layer, n_head, d_model, bias, tied, positions, init, .. } = *self;
        let (n_positions, d_ff) = (block_size.max(self.n_positions), self.d_ff.unwrap_or(4 * d_model));
        let config =
            TransformerConfig { vocab_size, n_positions, n_layer, n_head, d_model, d_ff, bias, tied, positions, init };
        Size { name: self.name.clone(), model: ModelConfig::Transformer(config) }
    }
}

impl LstmSize {
    /// The model over a vocabulary.
    pub fn size(&self, vocab_size: usize) -> Size {
        let LstmSize { d_embed, d_hidden, n_layer, .. } = *self;
        let config = LstmConfig { vocab_size, d_embed, d_hidden, n_layer };
        Size { name: self.name.clone(), model: ModelConfig::Lstm(config) }
    }
}

/// A ladder of `ladders.toml`: of one family.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ladder {
    name: String,
    #[serde(default)]
    transformer: Vec<TransformerSize>,
    #[serde(default)]
    lstm: Vec<LstmSize>,
}

#[derive(Deserialize)]
struct Ladders {
    ladder: Vec<Ladder>,
}

/// The rungs of the built-in ladder `name`, smallest first. `block_size` is the length of the position table (for `b-*` at least 512).
///
/// # Errors
/// There is no such ladder; the sentence names those that there are.
pub fn ladder(name: &str, vocab_size: usize, block_size: usize) -> Result<Vec<Size>> {
    let ladders = built_in()?;
    let Some(Ladder { transformer, lstm, .. }) = ladders.iter().find(|ladder| ladder.name == name) else {
        let known: Vec<&str> = ladders.iter().map(|ladder| ladder.name.as_str()).collect();
        return Err(Error::Config(format!("there is no ladder {name:?}; there are {}", known.join(", "))));
    };
    let transformers = transformer.iter().map(|entry| entry.size(vocab_size, block_size));
    Ok(transformers.chain(lstm.iter().map(|entry| entry.size(vocab_size))).collect())
}

fn built_in() -> Result<Vec<Ladder>> {
    let ladders: Result<Ladders, _> = toml::from_str(include_str!("ladders.toml"));
    ladders.map(|ladders| ladders.ladder).map_err(|error| Error::Config(format!("ladders.toml is not valid: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(name: &str, vocab_size: usize, block_size: usize) -> Vec<usize> {
        ladder(name, vocab_size, block_size).unwrap().iter().map(|size| size.model.n_params()).collect()
    }

    #[test]
    fn project_a_has_the_published_parameter_counts() {
        assert_eq!(counts("a-transformer", 98, 512), [1_084_464, 4_878_080, 21_477_504, 50_160_516, 113_740_032]);
        assert_eq!(counts("a-lstm", 98, 512), [1_102_946, 4_915_554, 19_049_570, 47_348_098]);
    }

    #[test]
    fn project_b_has_the_published_counts_plus_our_final_norm() {
        let published = [(142_411, 64), (679_627, 128), (1_906_635, 192), (4_118_347, 256), (7_609_675, 320)];
        assert_eq!(counts("b-transformer", 75, 256), published.map(|(count, d_model)| count + 2 * d_model));
        assert_eq!(counts("b-lstm", 75, 256), [245_899, 950_475, 3_296_523, 5_837_131]);
    }

    #[test]
    fn project_a_follows_its_closed_form() {
        for size in ladder("a-transformer", 98, 512).unwrap() {
            let ModelConfig::Transformer(c) = &size.model else { panic!("not a Transformer") };
            let (d, l) = (c.d_model, c.n_layer);
            assert_eq!(size.model.n_params(), 12 * d * d * l + 98 * d + 512 * d + (2 * l + 1) * d, "{}", size.name);
        }
    }

    #[test]
    fn small_ladders_keep_the_spans_that_their_names_promise() {
        for (name, vocab_size, block_size, low, high) in
            [("smoke-transformer", 50, 128, 2_000, 125_000), ("smoke-lstm", 50, 128, 3_500, 125_000)]
        {
            let counts = counts(name, vocab_size, block_size);
            assert!(counts.is_sorted() && counts[0] >= low && counts[counts.len() - 1] <= high, "{name}: {counts:?}");
            assert!(counts[counts.len() - 1] > 20 * counts[0], "{name} spans more than a factor of 20: {counts:?}");
        }
    }

    #[test]
    fn every_rung_is_valid_and_an_unknown_ladder_lists_the_known() {
        for Ladder { name, .. } in built_in().unwrap() {
            let sizes = ladder(&name, 75, 256).unwrap();
            assert!(sizes.len() > 3 && sizes.iter().all(|size| size.name.starts_with(&name)), "{name}");
            sizes.iter().for_each(|size| size.model.validate().unwrap());
        }
        let error = ladder("c-lstm", 75, 256).unwrap_err().to_string();
        assert!(error.starts_with("there is no ladder \"c-lstm\"; there are a-transformer, a-lstm"), "{error}");
    }

    #[test]
    fn a_misspelt_field_of_an_entry_is_refused_by_name() {
        let error = toml::from_str::<LstmSize>("name = 's'\nn_layer = 1\nd_embed = 8\nd_hiden = 8").unwrap_err();
        assert!(error.to_string().contains("d_hiden"), "{error}");
        let transformer = "name = 's'\nn_layer = 1\nn_head = 2\nd_model = 8";
        let error = toml::from_str::<LstmSize>(transformer).unwrap_err(); // where a preset lists LSTMs
        assert!(error.to_string().contains("unknown field `d_model`"), "{error}");
    }
}
