//! `evaluate`: the loss of a run, or of a model that was trained anywhere.

use super::output::json_line;
use lab::{Error, Result};
use music_scaling::data::Split;
use music_scaling::study::{MusicCount, Subject};
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
    /// Code length of the split for each of its notes, and for each of its beats; absent for a text without tunes.
    bits_per_note: Option<f64>,
    bits_per_beat: Option<f64>,
    n_tokens: usize,
    /// Of the loss, over tunes, and their number; of the best checkpoint only.
    standard_error: Option<f64>,
    n_tunes: Option<usize>,
}

pub(crate) fn score(folder: &Path, split: Split, all: bool, data: Option<&Path>, json: bool) -> Result<()> {
    let subject = Subject::open(folder, data)?;
    let music = MusicCount::of(&subject.data, split);
    let score = |step, loss: f64, error: Option<(f64, usize)>| Score {
        run: subject.name.clone(),
        split,
        step,
        loss,
        perplexity: loss.exp(),
        bits_per_char: loss / std::f64::consts::LN_2,
        bits_per_note: music.map(|music| music.bits_per_note(loss)),
        bits_per_beat: music.map(|music| music.bits_per_beat(loss)),
        n_tokens: subject.data.split(split).len(),
        standard_error: error.map(|(error, _)| error),
        n_tunes: error.map(|(_, n_tunes)| n_tunes),
    };
    let mut scores = Vec::new();
    match &subject.run {
        Some(run) if all => {
            for saved in run.checkpoints()? {
                scores.push(score(Some(saved.step), subject.loss_of(&run.model_at(&saved)?, split)?, None));
            }
        }
        None if all => {
            let file = folder.display();
            return Err(Error::Config(format!(
                "{file} is one model, --all is for a run's folder with its checkpoints"
            )));
        }
        _ => scores.push(score(None, subject.loss(split)?, subject.standard_error(split)?)),
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
        let error = score.standard_error.zip(score.n_tunes);
        let error =
            error.map(|(error, n)| format!(" ± {error:.4} (standard error over {n} tunes)")).unwrap_or_default();
        let music = score.bits_per_note.zip(score.bits_per_beat);
        let music = music.map(|(note, beat)| format!(", {note:.2} per note, {beat:.2} per beat")).unwrap_or_default();
        println!(
            "{run}{which}: {split} loss {loss:.4}{error} nats per token, perplexity {perplexity:.3}, {bits_per_char:.3} bits per \
             character{music}"
        );
    }
    Ok(())
}
