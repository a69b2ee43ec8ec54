//! A model to be scored or to write tunes: a run of ours, or a file that was trained anywhere, with its corpus.

use super::{Preset, Study, place};
use crate::data::{Split, TokenData};
use crate::models::{Model, ModelConfig};
use crate::training::{self, Run, Runs, evaluate, token_losses};
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
    /// There is no such model or data, or they have different vocabularies; the run's corpus has changed since.
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
            None => trained_on(&run, path)?,
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
        let tokens = self.data.split(split);
        if tokens.is_empty() {
            let file = self.data.dir.join(format!("{split}.bin"));
            return Err(Error::Data(format!(
                "there is no {}, or it is empty: name a split that the folder has (--split val)",
                file.display()
            )));
        }
        Ok(evaluate(model, tokens, self.block_size, self.batch_size)?)
    }

    /// How far another draw of as many tunes would move the loss of its model over the split: its standard error, and the number of
    /// tunes. `None` where the split is one tune.
    ///
    /// # Errors
    /// As [`Subject::loss`].
    pub fn standard_error(&self, split: Split) -> Result<Option<(f64, usize)>> {
        let tokens = self.data.split(split);
        let losses = token_losses(&self.model, tokens, self.block_size, self.batch_size)?;
        Ok(standard_error_over_tunes(&losses, tokens, &self.data))
    }
}

impl Study {
    /// What the losses of these runs of one family leave open, in a sentence: the standard error of the last one's validation loss over
    /// tunes, and a warning where two neighbouring sizes differ by less. `None` for no runs, or where validation is one tune.
    ///
    /// # Errors
    /// As [`Subject::loss`].
    pub fn validation_error(&self, runs: &[Run]) -> Result<Option<String>> {
        let (Some(run), data) = (runs.last(), self.data()?) else { return Ok(None) };
        let losses = token_losses(&run.last_model()?, &data.val, run.config.block_size, run.config.batch_size)?;
        let Some((error, n_tunes)) = standard_error_over_tunes(&losses, &data.val, &data) else { return Ok(None) };
        let name = &run.config.name;
        let said = format!("{name}: the validation loss has a standard error of {error:.4} over its {n_tunes} tunes");
        let steps = runs.windows(2).map(|pair| ((pair[0].summary.val_loss - pair[1].summary.val_loss).abs(), pair));
        Ok(Some(match steps.min_by(|a, b| a.0.total_cmp(&b.0)).filter(|(step, _)| *step < error) {
            None => said,
            Some((step, pair)) => format!(
                "warning: {said}, but {} and {} differ by {step:.4}: hold out more, such as split = [80, 10, 10] in the preset's \
                 [corpus]",
                pair[0].config.name, pair[1].config.name
            ),
        }))
    }
}

/// The tokens that a run was trained on.
fn trained_on(run: &Run, path: &Path) -> Result<TokenData> {
    let folder = place::data_folder(&place::find_root()?).join(&run.config.corpus);
    let of_study = path.canonicalize().ok().and_then(|path| Some(path.parent()?.parent()?.file_name()?.to_owned()));
    let preset = of_study.and_then(|name| Preset::load(&name.to_string_lossy()).ok());
    let subset = preset.and_then(|(_, preset)| preset.training.train_subset).unwrap_or(usize::MAX);
    let data = TokenData::open_subset(&folder, subset)?;
    let (trained, found) = (&run.config.data_hash, data.hash());
    if *trained == found {
        return Ok(data);
    }
    Err(Error::Data(format!(
        "{} was trained on the data {trained}, but {} now holds the data {found}: prepare that corpus again, or name a folder of \
         tokens to use all the same (--data)",
        run.config.name,
        folder.display()
    )))
}

/// The loss over tunes of different lengths is a ratio of sums, whose standard error is, with k tunes of n_i tokens (their losses
/// sum to l_i) and the loss L = Σ l_i / Σ n_i: √(k / (k - 1) · Σ (l_i - L·n_i)²) / Σ n_i. `losses` are those of all tokens but the first.
fn standard_error_over_tunes(losses: &[f32], tokens: &[u16], data: &TokenData) -> Option<(f64, usize)> {
    let newline = data.tokenizer.encode("\n").ok()?[0];
    let mut tunes = vec![(0.0, 0.0)]; // (l_i, n_i)
    for (pair, loss) in tokens.windows(2).zip(losses) {
        if let Some((sum, n)) = tunes.last_mut() {
            (*sum, *n) = (*sum + f64::from(*loss), *n + 1.0);
        }
        if pair == [newline; 2] {
            tunes.push((0.0, 0.0));
        }
    }
    tunes.retain(|(_, n)| *n > 0.0);
    let (k, n_tokens) = (tunes.len() as f64, losses.len() as f64);
    let loss = tunes.iter().map(|(sum, _)| sum).sum::<f64>() / n_tokens;
    let squares: f64 = tunes.iter().map(|(sum, n)| (sum - loss * n).powi(2)).sum();
    (tunes.len() > 1).then(|| ((k / (k - 1.0) * squares).sqrt() / n_tokens, tunes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Tokenizer;

    #[test]
    fn the_standard_error_of_tunes_of_one_length_is_that_of_their_means() {
        let tokenizer = Tokenizer::from_text("\nA").unwrap();
        let val = tokenizer.encode("AAA\n\nAAA\n\nAAA\n\n").unwrap();
        let data = TokenData { dir: "".into(), tokenizer, train: vec![], val: val.clone(), test: vec![] };
        // The first token has no loss: four, five and five losses. Means 1, 2 and 4 would have the mean 7/3 and the variance 7/3.
        let losses = [vec![1.0; 4], vec![2.0; 5], vec![4.0; 5]].concat();
        let (found, n_tunes) = standard_error_over_tunes(&losses, &val, &data).unwrap();
        let loss = (4.0 + 10.0 + 20.0) / 14.0;
        let by_hand = (1.5
            * [4.0 - 4.0 * loss, 10.0 - 5.0 * loss, 20.0 - 5.0 * loss].map(|x: f64| x * x).iter().sum::<f64>())
        .sqrt()
            / 14.0;
        assert!((found - by_hand).abs() < 1e-12 && n_tunes == 3, "{found} {by_hand}");
        assert!((found - (7.0f64 / 3.0 / 3.0).sqrt()).abs() < 0.1, "{found}"); // nearly √(7/3 / 3)
        assert_eq!(standard_error_over_tunes(&losses[..4], &val[..5], &data), None);
    }
}
