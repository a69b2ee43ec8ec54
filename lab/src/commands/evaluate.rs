//! `evaluate`: the loss of a run, or of a model that was trained anywhere.

use super::output::json_line;
use lab::Result;
use music_scaling::data::Split;
use music_scaling::study::Subject;
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Score {
    run: String,
    split: Split,
    /// Optimiser steps of the checkpoint; absent for the best one.
    step: Option<usize>,
    /// Nats per token.
    loss: f64,
    perplexity: f64,
    bits_per_char: f64,
    n_tokens: usize,
}

pub(crate) fn score(folder: &Path, split: Split, all: bool, data: Option<&Path>, json: bool) -> Result<()> {
    let subject = Subject::open(folder, data)?;
    let score = |step, loss: f64| Score {
        run: subject.name.clone(),
        split,
        step,
        loss,
        perplexity: loss.exp(),
        bits_per_char: loss / std::f64::consts::LN_2,
        n_tokens: subject.data.split(split).len(),
    };
    let mut scores = Vec::new();
    match &subject.run {
        Some(run) if all => {
            for saved in run.checkpoints()? {
                scores.push(score(Some(saved.step), subject.loss_of(&run.model_at(&saved)?, split)?));
            }
        }
        _ => scores.push(score(None, subject.loss(split)?)),
    }
    for score in &scores {
        if json {
            println!("{}", json_line(score)?);
            continue;
        }
        let which = match score.step {
            Some(step) => format!(" step {step}"),
            None if subject.run.is_some() => " best checkpoint".into(),
            None => String::new(),
        };
        let Score { run, loss, perplexity, bits_per_char, .. } = score;
        println!(
            "{run}{which}: {split} loss {loss:.4} nats per token, perplexity {perplexity:.3}, {bits_per_char:.3} bits per character"
        );
    }
    Ok(())
}
