//! Loss by position in the context, for the figure that compares how far back the families look.

use crate::Result;
use crate::data::TokenData;
use crate::figures::{Figure, Line, Reference, human, lines};
use crate::models::{Family, NGram};
use crate::training::{Run, in_octaves, loss_by_position as loss_of_model};
use serde::{Deserialize, Serialize};

/// One run's loss at growing distance from the beginning of the context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ByPosition {
    /// Its name.
    pub run: String,
    /// Of its model.
    pub family: Family,
    /// Of its model.
    pub n_params: usize,
    /// (middle of the octave of positions, nats per token)
    pub octaves: Vec<(f64, f64)>,
}

/// The loss by position of each run's last model, over the validation split.
///
/// # Errors
/// A checkpoint cannot be read, or the split is shorter than a window.
pub fn loss_by_position(runs: &[Run], data: &TokenData) -> Result<Vec<ByPosition>> {
    let one = |run: &Run| {
        let losses = loss_of_model(&run.last_model()?, &data.val, run.config.block_size, run.config.batch_size)?;
        Ok(ByPosition {
            run: run.config.name.clone(),
            family: run.config.model.family(),
            n_params: run.summary.n_params,
            octaves: in_octaves(&losses),
        })
    };
    runs.iter().map(one).collect()
}

impl ByPosition {
    /// By how many nats the last full octave of positions is better than the one before: what doubling the context is worth.
    pub fn gain_of_last_doubling(&self) -> f64 {
        match self.octaves.as_slice() {
            [.., before, last] => before.1 - last.1,
            _ => 0.0,
        }
    }

    /// Each run as a line over the position; an n-gram, which looks back over a few characters only, as a grey one. What has no
    /// position, such as gzip, is a reference.
    pub fn figure(all: &[ByPosition], ngram: Option<(&NGram, &[u16], usize)>, references: Vec<Reference>) -> Figure {
        let line = |one: &ByPosition| {
            let label = format!("{}, {}", one.family, human(one.n_params as f64));
            Line::new(label, one.octaves.clone()).with_dots().family(one.family)
        };
        let mut all_lines: Vec<Line> = all.iter().map(line).collect();
        if let Some((model, tokens, block_size)) = ngram {
            let label = format!("{}-gram", model.order());
            all_lines.push(Line::new(label, ngram_octaves(model, tokens, block_size)).grey());
        }
        lines(all_lines, "Position in the context (characters)", "Loss (nats per token)", references).log_x()
    }
}

/// The n-gram sees each window alone, as the models do.
fn ngram_octaves(model: &NGram, tokens: &[u16], block_size: usize) -> Vec<(f64, f64)> {
    let windows: Vec<Vec<f64>> = tokens
        .windows(block_size + 1)
        .step_by((block_size / 2).max(1))
        .map(|window| model.token_losses(window))
        .collect();
    let mean = |position: usize| {
        windows.iter().filter_map(|losses| losses.get(position)).sum::<f64>() / windows.len().max(1) as f64
    };
    in_octaves(&(0..block_size).map(mean).collect::<Vec<f64>>())
}
