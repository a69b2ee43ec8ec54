//! Tunes of every model of a study, judged in the same way as people's.
//!
//! ```text
//! run × start × drawing ─► n tunes, kept in samples/written/ ─► rungs, abilities, features, copies   beside held-out people's
//! ```

mod emergence;
mod report;

pub use emergence::Emergence;

use super::Study;
use crate::data::Split;
use crate::files::{read_json, write_json};
use crate::generation::headers::complete;
use crate::generation::{
    Ability, Comparison, Continuation, Copying, Drawing, Features, Group, Melodies, Originality, PageOptions, Prompt,
    Rate, Rates, Sample, Settings, Validity, compare, write, write_pages,
};
use crate::models::Family;
use crate::music::{Score, abc};
use crate::training::Run;
use crate::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// What a writer of tunes begins with. The two are never pooled: with a header given, the first rung is a gift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Nothing: the header is the model's own.
    Nothing,
    /// The header, down to its key, of a tune drawn from the training text.
    Header,
}

impl std::fmt::Display for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Start::Nothing => "nothing",
            Start::Header => "a header",
        })
    }
}

/// The tunes of one writer, a model or people, and what became of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// The run's name, or "people".
    pub writer: String,
    /// Of the model; `None`: people.
    pub family: Option<Family>,
    /// Of the model.
    pub n_params: Option<usize>,
    /// Of the model that wrote, nats per token.
    pub val_loss: Option<f64>,
    /// What each tune began with; people's tunes are whole.
    pub start: Option<Start>,
    /// How the model drew.
    pub drawing: Option<Drawing>,
    /// The ladder, on the text as it was written.
    pub rates: Rates,
    /// The same once the header lines that were missing are added.
    pub repaired: Rates,
    /// What share of the tunes shows each ability.
    pub abilities: Vec<(Ability, Rate)>,
    /// What was copied from the training tunes.
    pub copying: Copying,
    /// Each feature's distribution beside people's; for people, of one half beside the other.
    pub features: Comparison,
}

/// What judges: people's tunes that no model was trained on, and the melodies that all were.
#[derive(Debug, Clone)]
pub struct Jury {
    study: Study,
    melodies: Arc<Melodies>,
    /// Of people's tunes.
    features: Arc<Vec<Features>>,
    /// All held-out tunes, those of the validation and of the test split.
    tunes: Arc<Vec<Continuation>>,
    /// The ceiling: what became of them.
    pub people: Judged,
}

/// Headers whose tunes the gallery shows side by side, beside those from nothing.
const N_HEADERS_SHOWN: usize = 3;

impl Study {
    /// Reads people's tunes and the training tunes' melodies: seconds.
    ///
    /// # Errors
    /// As [`Study::corpus`]; or the text holds no tunes.
    pub fn jury(&self) -> Result<Jury> {
        let data = self.data()?;
        let texts = [Split::Val, Split::Test].map(|split| data.tokenizer.decode(data.split(split))).concat();
        let ended = |text: &str| Continuation { text: format!("{text}\n"), ended: true, ..Continuation::default() };
        let tunes: Vec<Continuation> = texts.split("\n\n").filter(|tune| tune.contains("K:")).map(ended).collect();
        if tunes.is_empty() {
            return Err(Error::Data(
                "the held-out text has no tune with a field K:, so there is nothing to judge by".into(),
            ));
        }
        let melodies = Arc::new(Melodies::of_train(&data));
        let heard = Heard::of(&tunes, &melodies);
        let features: Vec<Features> = heard.features;
        let people = Judged {
            writer: "people".into(),
            family: None,
            n_params: None,
            val_loss: None,
            start: None,
            drawing: None,
            rates: Rates::of(&heard.raw),
            repaired: Rates::of(&heard.repaired),
            abilities: rates_of(&heard.abilities),
            copying: Copying::of(&heard.originality),
            features: compare(&features, &features),
        };
        Ok(Jury { study: self.clone(), melodies, features: Arc::new(features), tunes: Arc::new(tunes), people })
    }

    /// What the `n_samples` tunes begin with, the same for every model.
    fn prompts(&self, start: Start, drawing: &Drawing) -> Result<Vec<Prompt>> {
        let n = self.preset.generation.n_samples;
        Ok(match start {
            Start::Nothing => vec![Prompt::new("", *drawing); n],
            Start::Header => Prompt::headers(&*self.data()?, n, self.preset.seed, drawing),
        })
    }

    /// Writes a page with tunes of each run and of people, `index.html`, and one to choose between them blindly, `listen.html` with its
    /// key, into the folder of samples; returns their paths.
    ///
    /// # Errors
    /// As [`Study::tunes_of`]; or a file cannot be written.
    pub fn write_pages(&self, jury: &Jury, runs: &[Run]) -> Result<Vec<PathBuf>> {
        let options = PageOptions {
            title: format!("Tunes of the study {}", self.name()),
            seed: self.preset.seed,
            ..PageOptions::default()
        };
        write_pages(&jury.groups(runs)?, &self.samples_folder(), &options)
    }

    /// What a run's best model writes: `n_samples` tunes, each with the seed behind that of the one before. They are kept; the second
    /// call reads them.
    ///
    /// # Errors
    /// The checkpoint cannot be read, or the model's output is not finite.
    pub fn tunes_of(&self, run: &Run, start: Start, drawing: &Drawing) -> Result<Vec<Continuation>> {
        let (data, prompts) = (self.data()?, self.prompts(start, drawing)?);
        let settings = Settings {
            max_tokens: self.preset.generation.max_tokens,
            context: Some(run.config.block_size),
            seed: self.preset.seed,
            quiet: true,
            ..Settings::default()
        };
        let asked = crate::data::hash(&[format!("{prompts:?}{settings:?}{:?}", run.summary.best_val_loss).as_bytes()]);
        let start = if start == Start::Nothing { "nothing" } else { "header" };
        let path = self.samples_folder().join("written").join(format!("{}-{start}-{asked:016x}.json", run.config.name));
        if path.exists() {
            return Ok(read_json(&path, "delete it, and the tunes are written again")?);
        }
        let tunes = write(&run.best_model()?, &data.tokenizer, &prompts, &settings)?;
        write_json(&path, &tunes)?;
        Ok(tunes)
    }
}

impl Jury {
    /// Judges what a run's best model writes.
    ///
    /// # Errors
    /// As [`Study::tunes_of`].
    pub fn judge(&self, run: &Run, start: Start, drawing: &Drawing) -> Result<Judged> {
        let tunes = self.study.tunes_of(run, start, drawing)?;
        let heard = Heard::of(&tunes, &self.melodies);
        Ok(Judged {
            writer: run.config.name.clone(),
            family: Some(run.config.model.family()),
            n_params: Some(run.summary.n_params),
            val_loss: Some(run.summary.best_val_loss),
            start: Some(start),
            drawing: Some(*drawing),
            rates: Rates::of(&heard.raw),
            repaired: Rates::of(&heard.repaired),
            abilities: rates_of(&heard.abilities),
            copying: Copying::of(&heard.originality),
            features: compare(&heard.features, &self.features),
        })
    }

    /// Every run's tunes as [`write_pages`] shows them, people's last: those from nothing, and those from the commonest headers.
    ///
    /// # Errors
    /// As [`Study::tunes_of`].
    fn groups(&self, runs: &[Run]) -> Result<Vec<Group>> {
        let drawing = Drawing::default();
        let prompts = self.study.prompts(Start::Header, &drawing)?;
        let mut headers: Vec<(usize, &str)> = Vec::new();
        for prompt in &prompts {
            match headers.iter_mut().find(|(_, header)| *header == prompt.prefix) {
                Some((n, _)) => *n += 1,
                None => headers.push((1, &prompt.prefix)),
            }
        }
        headers.sort_by_key(|(n, _)| std::cmp::Reverse(*n)); // stable: of equals the earlier
        headers.truncate(N_HEADERS_SHOWN);
        let is_shown = |prompt: &Prompt| headers.iter().any(|(_, header)| *header == prompt.prefix);
        let sample = |(index, (prompt, tune)): (usize, (Prompt, Continuation))| {
            Sample::judge(index + 1, prompt, self.study.preset.seed + index as u64, tune, &self.melodies)
        };
        let of_run = |run: &Run| -> Result<Group> {
            let mut samples = Vec::new();
            for start in [Start::Nothing, Start::Header] {
                let (tunes, prompts) =
                    (self.study.tunes_of(run, start, &drawing)?, self.study.prompts(start, &drawing)?);
                let tunes = prompts.into_iter().zip(tunes).enumerate();
                samples
                    .extend(tunes.filter(|(_, (prompt, _))| start == Start::Nothing || is_shown(prompt)).map(sample));
            }
            let model = &run.config.model;
            Ok(Group {
                name: run.config.name.clone(),
                family: Some(model.family()),
                n_params: Some(run.summary.n_params),
                val_loss: Some(run.summary.best_val_loss),
                samples,
            })
        };
        let mut groups = runs.iter().map(of_run).collect::<Result<Vec<Group>>>()?;
        let of_people = |tune: &Continuation| {
            let header = prompts.iter().find(|prompt| is_shown(prompt) && tune.text.starts_with(&prompt.prefix));
            Some((header?.clone(), tune.clone()))
        };
        let samples = self.tunes.iter().filter_map(of_people).enumerate().map(sample).collect();
        groups.push(Group { name: self.people.writer.clone(), family: None, n_params: None, val_loss: None, samples });
        Ok(groups)
    }

    /// Judges each run's tunes from nothing and from a header, drawn as the model predicts; the runs from the largest loss down.
    ///
    /// # Errors
    /// As [`Study::tunes_of`].
    pub fn judge_all(&self, runs: &[Run]) -> Result<Vec<Judged>> {
        let mut runs: Vec<&Run> = runs.iter().collect();
        runs.sort_by(|a, b| b.summary.best_val_loss.total_cmp(&a.summary.best_val_loss));
        let starts =
            |run: &&Run| [Start::Nothing, Start::Header].map(|start| self.judge(run, start, &Drawing::default()));
        runs.iter().flat_map(starts).collect()
    }
}

/// Some tunes, each judged by itself.
struct Heard {
    raw: Vec<Validity>,
    repaired: Vec<Validity>,
    abilities: Vec<Vec<Ability>>,
    /// Of the tunes in which there is a note.
    features: Vec<Features>,
    /// Of the same.
    originality: Vec<Originality>,
}

impl Heard {
    fn of(tunes: &[Continuation], melodies: &Melodies) -> Heard {
        let raw: Vec<Validity> = tunes.par_iter().map(|tune| Validity::of(&tune.text, tune.ended)).collect();
        let abilities = tunes.par_iter().zip(&raw).map(|(tune, validity)| Ability::of(&tune.text, validity)).collect();
        let completed: Vec<String> = tunes.par_iter().map(|tune| complete(&tune.text).text).collect();
        let repaired = completed.par_iter().zip(tunes).map(|(text, tune)| Validity::of(text, tune.ended)).collect();
        let with_notes =
            |text: &String| abc::parse_lenient(text).ok().map(|(score, _)| score).filter(|score| score.n_notes() > 0);
        let scores: Vec<Score> = completed.par_iter().filter_map(with_notes).collect();
        let originality = scores.par_iter().map(|score| Originality::of(score, melodies)).collect();
        Heard { raw, repaired, abilities, features: scores.par_iter().map(Features::of).collect(), originality }
    }
}

fn rates_of(shown: &[Vec<Ability>]) -> Vec<(Ability, Rate)> {
    let rate = |ability| Rate::new(shown.iter().filter(|shown| shown.contains(&ability)).count(), shown.len());
    Ability::ALL.map(|ability| (ability, rate(ability))).to_vec()
}

impl Judged {
    /// The share of tunes that show an ability.
    pub fn ability(&self, ability: Ability) -> Rate {
        self.abilities.iter().find(|(found, _)| *found == ability).map_or(Rate::new(0, 0), |(_, rate)| *rate)
    }
}
