//! A model to be scored or to write tunes: a run of ours, or a file that was trained anywhere, with its corpus.

use super::place;
use crate::data::{Split, TokenData};
use crate::models::{Model, ModelConfig};
use crate::training::{self, Run, Runs, evaluate};
use crate::{Error, Result};
use std::path::Path;

/// A trained model and the text that it belongs to: what `evaluate` and `generate` take.
///
/// ```no_run
/// use music_scaling::prelude::*;
/// let subject = Subject::open("nanoGPT/out/ckpt.pt", Some("nanoGPT/data/tunes".as_ref()))?;
/// println!("{:.4} nats per token", subject.loss(Split::Val)?);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Subject {
    /// The run's name, or the file's.
    pub name: String,
    /// A run's best checkpoint, or what the file holds.
    pub model: Model,
    /// Where it is a run of ours.
    pub run: Option<Run>,
    /// Context of the losses, tokens.
    pub block_size: usize,
    /// Windows scored at once.
    pub batch_size: usize,
    /// Its corpus.
    pub data: TokenData,
}

impl Subject {
    /// Opens a run's folder, or a model's file in any form that [`Model::open`] reads. `data` is a folder of tokens; a run can do
    /// without, it has the corpus that it was trained on.
    ///
    /// # Errors
    /// There is no such model or data, or they have different vocabularies.
    pub fn open(path: impl AsRef<Path>, data: Option<&Path>) -> Result<Subject> {
        let path = path.as_ref();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_file() {
            return Subject::open_file(path, name, data);
        }
        if !path.is_dir() {
            return Err(Error::Config(format!(
                "there is no run {}: name a run's folder (data/studies/…/runs/…), or a model's file with its data (--data)",
                path.display()
            )));
        }
        let run = Runs::open(path.parent().unwrap_or(Path::new(".")))?.get(&name)?;
        let data = match data {
            Some(folder) => TokenData::open(folder)?,
            None => TokenData::open(&place::data_folder(&place::find_root()?).join(&run.config.corpus))?,
        };
        run.check_vocabulary(&data.tokenizer.hash())?;
        let (block_size, batch_size) = (run.config.block_size, run.config.batch_size);
        Ok(Subject {
            name: run.config.name.clone(),
            model: run.best_model()?,
            run: Some(run),
            block_size,
            batch_size,
            data,
        })
    }

    fn open_file(path: &Path, name: String, data: Option<&Path>) -> Result<Subject> {
        let shown = path.display();
        let folder = data.ok_or_else(|| {
            Error::Config(format!("{shown} is a file: say which folder of tokens it belongs to (--data)"))
        })?;
        let (model, data) = (Model::open(path, &training::device()?)?, TokenData::open(folder)?);
        let (of_model, of_data) = (model.config().vocab_size(), data.tokenizer.vocab_size());
        if of_model != of_data {
            return Err(Error::Config(format!(
                "{shown} has a vocabulary of {of_model}, but {} of {of_data}: name the folder that it was trained on",
                folder.display()
            )));
        }
        let block_size = match model.config() {
            ModelConfig::Transformer(config) => config.n_positions,
            ModelConfig::Lstm(_) => 256, // its state dict does not say: nanoGPT's and ours
        };
        Ok(Subject { name, model, run: None, block_size, batch_size: 16, data })
    }

    /// Mean loss of its model over a whole split, nats per token.
    ///
    /// # Errors
    /// The split is empty or shorter than a window.
    pub fn loss(&self, split: Split) -> Result<f64> {
        self.loss_of(&self.model, split)
    }

    /// The same of another state of the model, such as an earlier checkpoint of the run.
    ///
    /// # Errors
    /// As [`Subject::loss`].
    pub fn loss_of(&self, model: &Model, split: Split) -> Result<f64> {
        Ok(evaluate(model, self.data.split(split), self.block_size, self.batch_size)?)
    }
}
