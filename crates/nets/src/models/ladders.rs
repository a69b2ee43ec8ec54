//! The named ladders: models of one family that grow from rung to rung.
//!
//! `a-*` and `b-*` are the shapes of the two earlier projects (A: bias-free GPT with a tied head; B: biases and a head of its
//! own, a position table of 512). `laptop-*` spans about 20K to 1M parameters, `smoke-*` about 4K to 120K.

use super::config::{LstmConfig, ModelConfig, TransformerConfig};
use crate::{Error, Result};

/// A rung of a ladder.
#[derive(Debug, Clone, PartialEq)]
pub struct Size {
    /// For example "b-transformer-xl".
    pub name: String,
    pub config: ModelConfig,
}

/// The names that [`ladder`] knows.
pub const LADDERS: [&str; 9] = [
    "a-transformer",
    "a-lstm",
    "b-transformer",
    "b-lstm",
    "laptop-transformer",
    "laptop-lstm",
    "laptop-isoflop",
    "smoke-transformer",
    "smoke-lstm",
];

const B_POSITIONS: usize = 512; // project B kept a table of 512 rows and trained on 256 of them

/// The rungs of the ladder `name`, smallest first. `block_size` is the length of the position table (for `b-*` at least 512).
pub fn ladder(name: &str, vocab_size: usize, block_size: usize) -> Result<Vec<Size>> {
    let gpt = |(rung, n_layer, n_head, d_model): (&str, usize, usize, usize)| {
        let of_b = name.starts_with("b-");
        let n_positions = if of_b { block_size.max(B_POSITIONS) } else { block_size };
        let (d_ff, bias, tied) = (4 * d_model, of_b, !of_b);
        let config = TransformerConfig { vocab_size, n_positions, n_layer, n_head, d_model, d_ff, bias, tied };
        Size { name: format!("{name}-{rung}"), config: ModelConfig::Transformer(config) }
    };
    let lstm = |(rung, n_layer, d_embed, d_hidden): (&str, usize, usize, usize)| {
        let config = LstmConfig { vocab_size, d_embed, d_hidden, n_layer };
        Size { name: format!("{name}-{rung}"), config: ModelConfig::Lstm(config) }
    };
    let sizes: Vec<Size> = match name {
        "a-transformer" => {
            [("1m", 4, 4, 144), ("5m", 6, 8, 256), ("20m", 12, 8, 384), ("50m", 12, 12, 588), ("100m", 16, 12, 768)]
                .map(gpt)
                .into()
        }
        "a-lstm" => {
            [("1m", 2, 256, 256), ("5m", 3, 448, 448), ("20m", 4, 768, 768), ("50m", 3, 1400, 1400)].map(lstm).into()
        }
        "b-transformer" => {
            [("tiny", 2, 2, 64), ("small", 3, 2, 128), ("medium", 4, 4, 192), ("large", 5, 4, 256), ("xl", 6, 4, 320)]
                .map(gpt)
                .into()
        }
        "b-lstm" => [("tiny", 2, 64, 128), ("small", 2, 128, 256), ("medium", 3, 192, 384), ("large", 3, 256, 512)]
            .map(lstm)
            .into(),
        "laptop-transformer" => {
            [("tiny", 2, 2, 24), ("small", 2, 4, 48), ("medium", 3, 4, 64), ("large", 4, 4, 96), ("xl", 5, 4, 128)]
                .map(gpt)
                .into()
        }
        // Smaller Transformers than the study's own: at the cost of a few seconds those are the best.
        "laptop-isoflop" => [
            ("d8", 1, 2, 8),
            ("d12", 1, 2, 12),
            ("d16", 2, 2, 16),
            ("d24", 2, 2, 24),
            ("d32", 2, 2, 32),
            ("d48", 2, 4, 48),
        ]
        .map(gpt)
        .into(),
        "laptop-lstm" => [("tiny", 2, 32, 32), ("small", 2, 64, 64), ("medium", 2, 128, 128), ("large", 2, 256, 256)]
            .map(lstm)
            .into(),
        "smoke-transformer" => {
            [("tiny", 1, 2, 12), ("small", 2, 2, 16), ("medium", 2, 2, 24), ("large", 3, 4, 32), ("xl", 4, 4, 48)]
                .map(gpt)
                .into()
        }
        "smoke-lstm" => {
            [("tiny", 2, 12, 12), ("small", 2, 24, 24), ("medium", 2, 40, 40), ("large", 2, 80, 80)].map(lstm).into()
        }
        _ => return Err(Error::Config(format!("there is no ladder {name:?}; there are {}", LADDERS.join(", ")))),
    };
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(name: &str, vocab_size: usize, block_size: usize) -> Vec<usize> {
        ladder(name, vocab_size, block_size).unwrap().iter().map(|size| size.config.n_params()).collect()
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
            let ModelConfig::Transformer(c) = &size.config else { panic!("not a Transformer") };
            let (d, l) = (c.d_model, c.n_layer);
            assert_eq!(size.config.n_params(), 12 * d * d * l + 98 * d + 512 * d + (2 * l + 1) * d, "{}", size.name);
        }
    }

    #[test]
    fn small_ladders_keep_the_spans_that_their_names_promise() {
        for (name, vocab_size, block_size, low, high) in [
            ("laptop-transformer", 96, 256, 20_000, 1_050_000),
            ("laptop-lstm", 96, 256, 20_000, 1_150_000),
            ("smoke-transformer", 50, 128, 3_500, 125_000),
            ("smoke-lstm", 50, 128, 3_500, 125_000),
        ] {
            let counts = counts(name, vocab_size, block_size);
            assert!(counts.is_sorted() && counts[0] >= low && counts[counts.len() - 1] <= high, "{name}: {counts:?}");
            assert!(counts[counts.len() - 1] > 20 * counts[0], "{name} spans more than a factor of 20: {counts:?}");
        }
    }

    #[test]
    fn every_rung_is_valid_and_an_unknown_ladder_lists_the_known() {
        for name in LADDERS {
            ladder(name, 75, 256).unwrap().iter().for_each(|size| size.config.validate().unwrap());
        }
        let error = ladder("c-lstm", 75, 256).unwrap_err().to_string();
        assert!(error.starts_with("there is no ladder \"c-lstm\"; there are a-transformer, a-lstm"), "{error}");
    }
}
