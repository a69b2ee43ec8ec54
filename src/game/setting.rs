//! What every game of one seed shares: the rules, the hidden corpus, and how a shape is trained on it.

use crate::data::{Corpus, CorpusConfig, TokenData};
use crate::models::{Family, InitialSpread, LstmSize, ModelConfig, Positions, TransformerSize};
use crate::training::RunConfig;
use crate::words::{flops, human};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::{fmt, str::FromStr};

/// What a game is played by. Equal rules are the same game: the same corpus, and for the same run the same loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Decides the corpus, first weights and the order of the data.
    pub seed: u64,
    /// What all of a player's runs may cost together, FLOPs as [`RunConfig::flops`] counts them.
    pub ledger: f64,
    /// Tunes of the corpus `composed`.
    pub n_composed: usize,
    /// Context length, tokens.
    pub block_size: usize,
    /// Sequences a step.
    pub batch_size: usize,
}

/// The final run's budget, in ledgers.
const FINAL: f64 = 4.0;
/// A run of fewer has hardly warmed up; the rule also keeps out models that the memory does not hold.
const FEWEST_STEPS: usize = 100;
/// Tokens a parameter of the hidden grid's larger and smaller shapes: IsoFLOP profiles of small models have their best between
/// these (`data/results/laptop`, a hundred; Hoffmann et al. 2022, twenty).
const GRID_RATIOS: [f64; 2] = [30.0, 120.0];

impl Rules {
    /// The default: a whole game takes about 12 minutes of two quiet cores with AVX2. Its ledger of 6e12 FLOPs buys some twenty runs of
    /// 5K to 150K parameters, 4 to 8 minutes at the 12 to 25 GFLOP/s of the smallest; the final run takes 5 (85 GFLOP/s; both rates from
    /// `data/results/laptop`). The 10M tokens are composed in ten seconds; a final run of 200K to 400K parameters reads them once or twice.
    pub fn new(seed: u64) -> Rules {
        Rules { seed, ledger: 6e12, n_composed: 15_000, block_size: 256, batch_size: 4 }
    }

    /// A game of seconds, for tests and first steps.
    pub fn trial(seed: u64) -> Rules {
        Rules { seed, ledger: 1.2e10, n_composed: 600, block_size: 32, batch_size: 4 }
    }

    /// What the final run may cost: four ledgers.
    pub fn final_flops(&self) -> f64 {
        FINAL * self.ledger
    }

    fn corpus(&self) -> CorpusConfig {
        let held_out = (40.0 / self.n_composed as f64).max(0.01); // a loss over fewer tunes depends on which they are
        let split = [1.0 - 2.0 * held_out, held_out, held_out];
        CorpusConfig { n_composed: self.n_composed, seed: self.seed, split, ..CorpusConfig::of("composed") }
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ledger, last) = (flops(self.ledger), flops(self.final_flops()));
        write!(
            f,
            "seed {}: a ledger of {ledger}, then one run of {last}, on {} composed tunes",
            self.seed, self.n_composed
        )
    }
}

/// The shape of a model: `transformer:3x64` has 3 layers of width 64, `lstm:2x128` 2 layers of width 128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shape {
    /// Its family.
    pub family: Family,
    /// Blocks, or LSTM layers; 1 to 64.
    pub n_layer: usize,
    /// d_model; or d_hidden, which d_embed equals; 4 to 4096.
    pub width: usize,
}

impl Shape {
    /// A Transformer as the study `laptop` trains it: rotary positions, a tied head, an MLP of four times the width, 4 heads from width
    /// 32 on if they fit, else 2.
    pub fn transformer(n_layer: usize, d_model: usize) -> Shape {
        Shape { family: Family::Transformer, n_layer, width: d_model }
    }

    /// An LSTM whose embedding is as wide as its layers.
    pub fn lstm(n_layer: usize, d_hidden: usize) -> Shape {
        Shape { family: Family::Lstm, n_layer, width: d_hidden }
    }

    fn model(self, vocab_size: usize, block_size: usize) -> Result<ModelConfig> {
        let Shape { family, n_layer, width } = self;
        if !(1..=64).contains(&n_layer) || !(4..=4096).contains(&width) {
            return Err(Error::Config(format!("{self} is no shape of this game: 1 to 64 layers, width 4 to 4096")));
        }
        let name = self.to_string();
        let size = match family {
            Family::Lstm => LstmSize { name, n_layer, d_embed: width, d_hidden: width }.size(vocab_size),
            Family::Transformer => {
                let n_head = if width >= 32 && width.is_multiple_of(8) { 4 } else { 2 };
                let (positions, init) = (Positions::Rotary, InitialSpread::ByWidth);
                let (d_ff, n_positions, bias, tied) = (None, 0, false, true);
                TransformerSize {
                    name,
                    n_layer,
                    n_head,
                    d_model: width,
                    d_ff,
                    positions,
                    init,
                    n_positions,
                    bias,
                    tied,
                }
                .size(vocab_size, block_size)
            }
        };
        size.model.validate()?;
        Ok(size.model)
    }

    /// The peak that `tune` found for the sizes of the study `laptop`: 2e-3·128/width for Transformers, 1.2e-2·√(128/width) for LSTMs.
    pub fn usual_rate(self) -> f64 {
        let narrower = 128.0 / self.width as f64;
        match self.family {
            Family::Transformer => 2e-3 * narrower,
            Family::Lstm => 1.2e-2 * narrower.sqrt(),
        }
    }
}

impl FromStr for Shape {
    type Err = Error;

    fn from_str(text: &str) -> Result<Shape> {
        let parsed = || {
            let (family, size) = text.split_once(':')?;
            let (n_layer, width) = size.split_once('x')?;
            let family = match family {
                "transformer" => Family::Transformer,
                "lstm" => Family::Lstm,
                _ => return None,
            };
            Some(Shape { family, n_layer: n_layer.parse().ok()?, width: width.parse().ok()? })
        };
        parsed().ok_or_else(|| {
            Error::Config(format!("{text:?} is no shape: write transformer:3x64 or lstm:2x128, layers x width"))
        })
    }
}

impl TryFrom<String> for Shape {
    type Error = Error;

    fn try_from(text: String) -> Result<Shape> {
        text.parse()
    }
}

impl From<Shape> for String {
    fn from(shape: Shape) -> String {
        shape.to_string()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.family == Family::Lstm { "lstm" } else { "transformer" };
        f.pad(&format!("{family}:{}x{}", self.n_layer, self.width))
    }
}

/// The rules and their corpus in memory.
#[derive(Debug, Clone)]
pub struct Setting {
    /// What is played by.
    pub rules: Rules,
    pub(super) data: TokenData,
    /// The exact entropy of the corpus's source, nats per character. No loss over many tunes can stay below it.
    pub(super) floor: f64,
}

impl Setting {
    /// Composes the corpus below `data_folder` where that is not done: about ten seconds by the default rules.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn open(rules: &Rules, data_folder: &Path) -> Result<Setting> {
        if !(rules.ledger > 0.0 && rules.ledger.is_finite()) {
            return Err(Error::Config(format!(
                "a ledger of {} FLOPs is none: give a number above 0, such as 1.2e13",
                rules.ledger
            )));
        }
        let corpus = Corpus::get_or_prepare(&rules.corpus(), data_folder)?;
        let source = corpus.source_entropy().ok_or_else(|| {
            let folder = corpus.dir.display();
            Error::Data(format!("{folder} is not the whole corpus that was composed: remove the folder"))
        })?;
        Ok(Setting { rules: rules.clone(), data: corpus.tokens()?, floor: source.nats_per_char })
    }

    /// The training of a shape over so many tokens, cut to whole steps.
    ///
    /// # Errors
    /// There is no such shape or rate, or the run is shorter than 100 steps.
    pub fn config(&self, shape: Shape, n_tokens: f64, rate: f64) -> Result<RunConfig> {
        let Rules { block_size, batch_size, seed, .. } = self.rules;
        let model = shape.model(self.data.tokenizer.vocab_size(), block_size)?;
        let name = format!("{}-{}-{rate:.2e}", shape.to_string().replace(':', "-"), human(n_tokens));
        let config = RunConfig::new(&name, &model, &self.data, n_tokens as u64); // NaN and negative: 0, too few
        let config = RunConfig { block_size, batch_size, seed, n_evals: 4, n_checkpoints: 0, ..config };
        let fewest = FEWEST_STEPS * config.tokens_per_step();
        if config.n_steps() < FEWEST_STEPS {
            let of_them = flops(fewest as f64 * model.flops_per_token(block_size));
            return Err(Error::Config(format!(
                "{shape} over {} tokens is a run of fewer than {FEWEST_STEPS} steps: it takes at least {fewest} tokens, {of_them}",
                human(n_tokens)
            )));
        }
        let config = config.with_rates(rate, 0.1);
        config.validate()?;
        Ok(config)
    }

    /// The final run of a shape: as many tokens as four ledgers pay.
    ///
    /// # Errors
    /// As [`Setting::config`]; a shape may be too large for 100 steps.
    pub fn final_config(&self, shape: Shape, rate: f64) -> Result<RunConfig> {
        let model = shape.model(self.data.tokenizer.vocab_size(), self.rules.block_size)?;
        self.config(shape, self.rules.final_flops() / model.flops_per_token(self.rules.block_size), rate)
    }

    /// The shapes of the hidden grid: of each family those next to [`GRID_RATIOS`] tokens a parameter, C = 6·N·D taken for the cost.
    pub(super) fn grid_shapes(&self) -> Result<Vec<Shape>> {
        let mut shapes = Vec::new();
        for (family, ratio) in Family::ALL.into_iter().flat_map(|family| GRID_RATIOS.map(|ratio| (family, ratio))) {
            let target = (self.rules.final_flops() / (6.0 * ratio)).sqrt();
            let mut nearest: Option<(f64, Shape)> = None;
            for width in (8..=1024).step_by(8) {
                let n_layer = if family == Family::Lstm { 2 } else { 1 + width / 32 };
                let shape = Shape { family, n_layer, width };
                let n_params = shape.model(self.data.tokenizer.vocab_size(), self.rules.block_size)?.n_params() as f64;
                let away = (n_params / target).ln().abs();
                if nearest.is_none_or(|(least, _)| away < least) {
                    nearest = Some((away, shape));
                }
            }
            shapes.extend(nearest.map(|(_, shape)| shape));
        }
        Ok(shapes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_read_and_written_in_one_way() {
        for (text, shape) in [("transformer:3x64", Shape::transformer(3, 64)), ("lstm:2x128", Shape::lstm(2, 128))] {
            assert_eq!((text.parse::<Shape>().unwrap(), shape.to_string()), (shape, text.to_owned()));
            assert_eq!(serde_json::to_string(&shape).unwrap(), format!("{text:?}"));
        }
        for text in ["lstm", "lstm:2", "gru:2x8", "lstm:x8", "lstm:2x-8", ""] {
            let said = text.parse::<Shape>().unwrap_err().to_string();
            assert!(said.ends_with("is no shape: write transformer:3x64 or lstm:2x128, layers x width"), "{said}");
        }
        let said = Shape::lstm(usize::MAX, usize::MAX).model(50, 64).unwrap_err().to_string();
        assert!(said.ends_with("1 to 64 layers, width 4 to 4096"), "{said}");
    }

    #[test]
    fn a_shape_is_the_model_of_the_study_laptop_with_its_rate() {
        // data/results/laptop over 69 characters: small has 58,848 parameters at rate 5.33e-3, lstm-tiny 21,381 at 2.4e-2
        let model = |shape: Shape| shape.model(69, 256).unwrap().n_params();
        assert_eq!((model(Shape::transformer(2, 48)), model(Shape::lstm(2, 32))), (58_848, 21_381));
        assert_eq!(
            (Shape::transformer(2, 48).usual_rate(), Shape::lstm(2, 32).usual_rate()),
            (2e-3 * 128.0 / 48.0, 0.024)
        );
    }
}
