//! `evaluate`: the loss of a run, or of a model that was trained anywhere.

use super::output::json_line;
use lab::{Error, Result};
use music_scaling::data::{Split, TokenData};
use music_scaling::models::{Model, ModelConfig};
use music_scaling::study::place;
use music_scaling::training::{self, Run, Runs, evaluate};
use serde::Serialize;
use std::path::{Path, PathBuf};

pub(crate) fn score(folder: &Path, split: Split, all: bool, data: Option<PathBuf>, json: bool) -> Result<()> {
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
    let subject = Subject::open(folder, data)?;
    let tokens = subject.data.split(split);
    let score = |step, model| -> Result<Score> {
        let loss = evaluate(&model, tokens, subject.block_size, subject.batch_size)?;
        let bits_per_char = loss / std::f64::consts::LN_2;
        let run = subject.name.clone();
        Ok(Score { run, split, step, loss, perplexity: loss.exp(), bits_per_char, n_tokens: tokens.len() })
    };
    let scores = match &subject.source {
        Source::Run(run) if all => {
            let saved = run.checkpoints()?;
            saved.iter().map(|saved| score(Some(saved.step), run.model_at(saved)?)).collect::<Result<Vec<_>>>()?
        }
        _ => vec![score(None, subject.model()?)?],
    };
    for score in &scores {
        if json {
            println!("{}", json_line(score)?);
        } else {
            let which = match (score.step, &subject.source) {
                (Some(step), _) => format!(" step {step}"),
                (None, Source::Run(_)) => " best checkpoint".into(),
                (None, Source::File(_)) => String::new(),
            };
            println!(
                "{}{which}: {split} loss {:.4} nats per token, perplexity {:.3}, {:.3} bits per character",
                score.run, score.loss, score.perplexity, score.bits_per_char
            );
        }
    }
    Ok(())
}

/// What is scored or writes tunes, and its corpus.
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) block_size: usize,
    pub(crate) batch_size: usize,
    pub(crate) data: TokenData,
}

/// A run of ours, or a file of a model that was trained anywhere.
pub(crate) enum Source {
    Run(Box<Run>),
    File(Box<Model>),
}

impl Subject {
    /// Refuses a corpus with another vocabulary than the model's.
    pub(crate) fn open(path: &Path, data: Option<PathBuf>) -> Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_file() {
            return Self::open_file(path, name, data);
        }
        if !path.is_dir() {
            return Err(Error::Config(format!(
                "there is no run {}: name a run's folder (data/studies/…/runs/…), or a model's file with --data",
                path.display()
            )));
        }
        let runs = Runs::open(path.parent().unwrap_or(Path::new(".")))?;
        let run = runs.get(&name)?;
        let data_folder = match data {
            Some(folder) => folder,
            None => place::data_folder(&place::find_root()?).join(&run.config.corpus),
        };
        let data = TokenData::open(&data_folder)?;
        run.check_vocabulary(&data.tokenizer.hash())?;
        let (block_size, batch_size) = (run.config.block_size, run.config.batch_size);
        Ok(Subject { name: run.config.name.clone(), source: Source::Run(Box::new(run)), block_size, batch_size, data })
    }

    fn open_file(path: &Path, name: String, data: Option<PathBuf>) -> Result<Self> {
        let folder = data.ok_or_else(|| {
            Error::Config(format!("{} is a file: say with --data which folder of tokens it belongs to", path.display()))
        })?;
        let (model, data) = (Model::open(path, &training::device()?)?, TokenData::open(&folder)?);
        let (of_model, of_data) = (model.config().vocab_size(), data.tokenizer.vocab_size());
        if of_model != of_data {
            return Err(Error::Config(format!(
                "{} has a vocabulary of {of_model}, but {} of {of_data}: name the folder that it was trained on",
                path.display(),
                folder.display()
            )));
        }
        let block_size = match model.config() {
            ModelConfig::Transformer(config) => config.n_positions,
            ModelConfig::Lstm(_) => 256, // its state dict does not say: nanoGPT's and ours
        };
        Ok(Subject { name, source: Source::File(Box::new(model)), block_size, batch_size: 16, data })
    }

    pub(crate) fn model(&self) -> Result<Model> {
        match &self.source {
            Source::Run(run) => Ok(run.best_model()?),
            Source::File(model) => Ok((**model).clone()),
        }
    }
}
