//! A generated tune with all that is known about it, and the files that it is kept in.

use super::headers::{Completed, complete};
use super::{Continuation, Metrics, Originality, Prompt, Rates, Validity};
use crate::data::{TokenData, Tokenizer};
use crate::files::write_atomic;
use crate::music::abc2midi;
use crate::music::{Score, abc, midi};
use crate::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One tune that a model wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Counted from 1.
    pub number: usize,
    pub prompt: Prompt,
    pub seed: u64,
    /// Prompt and continuation as they came; without the blank line at the end.
    pub raw: String,
    /// `raw` with the header fields that were missing.
    pub text: String,
    /// The lines that `text` has more than `raw`.
    pub headers_added: Vec<String>,
    /// Tokens drawn.
    pub n_tokens: usize,
    /// Whether the model ended the tune; otherwise it was cut at the longest length allowed.
    pub ended: bool,
    /// Of `raw`.
    pub validity: Validity,
    /// Whether `text` parses strictly.
    pub valid_with_headers: bool,
    /// Of what the model wrote, prompt and header left out.
    pub originality: Originality,
    /// Of the notes that can be read or salvaged; `None` if there are none.
    pub metrics: Option<Metrics>,
}

/// How the MIDI file of a sample was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MidiSource {
    /// From text that parses strictly.
    Strict,
    /// From what the lenient reader could save, to be heard; it does not count as converted.
    Salvaged,
}

impl Sample {
    pub(super) fn judge(
        number: usize,
        prompt: Prompt,
        seed: u64,
        written: Continuation,
        tokenizer: &Tokenizer,
        train: &[u16],
    ) -> Sample {
        let Continuation { text: raw, n_tokens, ended } = written;
        let validity = Validity::of(&raw);
        let originality = Originality::of(&raw, prompt.prefix.len(), tokenizer, train);
        let Completed { text, added } = complete(&raw);
        let valid_with_headers = abc::parse(&text).is_ok_and(|score| score.n_notes() > 0);
        let metrics = salvage(&text).ok().map(|score| Metrics::of(&score));
        Sample {
            number,
            prompt,
            seed,
            raw,
            text,
            headers_added: added,
            n_tokens,
            ended,
            validity,
            valid_with_headers,
            originality,
            metrics,
        }
    }

    /// The first `n` validation tunes, judged as if a model had written them (the prompt means nothing): what to compare with.
    pub(super) fn held_out(data: &TokenData, n: usize) -> Vec<Sample> {
        let val = data.tokenizer.decode(&data.val);
        let tunes: Vec<&str> = val.split("\n\n").filter(|tune| !tune.trim().is_empty()).take(n).collect();
        let judge = |(index, tune): (usize, &&str)| {
            let text = format!("{}\n", tune.trim_matches('\n'));
            let written = Continuation { n_tokens: text.chars().count(), text, ended: true };
            Sample::judge(index + 1, Prompt::new("", 1.0, None), 0, written, &data.tokenizer, &data.train)
        };
        tunes.par_iter().enumerate().map(judge).collect()
    }

    /// The notes of `text`, to be seen and heard: read strictly where possible, else salvaged.
    ///
    /// # Errors
    /// [`crate::music::Error::Abc`] if not one note can be found.
    pub fn score(&self) -> Result<Score> {
        salvage(&self.text)
    }

    /// The MIDI file and how it was made; `None` if not one note can be found.
    pub fn midi(&self) -> Option<(MidiSource, Vec<u8>)> {
        let source = if self.valid_with_headers { MidiSource::Strict } else { MidiSource::Salvaged };
        self.score().ok().map(|score| (source, midi::write(&score)))
    }
}

fn salvage(text: &str) -> Result<Score> {
    let (score, _) = abc::parse_lenient(text)?;
    if score.n_notes() == 0 {
        return Err(Error::Data("there is not one note in this tune".to_string()));
    }
    Ok(score)
}

/// Writes `sample_01.abc`, `sample_01.mid` by our own writer (where there are notes), `sample_01_abc2midi.mid` (where
/// abc2midi is installed and converts the tune), …, and `metadata.json` with everything else into `dir`; returns their paths. Samples of an earlier call that are not written again are removed: the folder holds one set.
///
/// # Errors
/// [`Error::Nets`] if the folder cannot be written; each file is then either the earlier or the new one, never half of it.
pub fn write_samples(samples: &[Sample], dir: &Path) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    let mut records = Vec::new();
    for sample in samples {
        let stem = format!("sample_{:02}", sample.number);
        let mut write = |name: String, bytes: &[u8]| -> Result<String> {
            write_atomic(dir.join(&name), bytes)?;
            written.push(dir.join(&name));
            Ok(name)
        };
        let abc_file = write(format!("{stem}.abc"), sample.text.as_bytes())?;
        let (midi_source, midi) = sample.midi().unzip();
        let midi_file = midi.map(|bytes| write(format!("{stem}.mid"), &bytes)).transpose()?;
        let theirs = abc2midi::convert(&sample.text).flatten();
        let abc2midi_file = theirs.map(|bytes| write(format!("{stem}_abc2midi.mid"), &bytes)).transpose()?;
        records.push(json!({
            "abc_file": abc_file, "midi_file": midi_file, "midi_source": midi_source,
            "abc2midi_file": abc2midi_file, "sample": sample,
        }));
    }
    let metadata = json!({ "version": 1, "rates": Rates::of(samples), "samples": records });
    write_atomic(dir.join("metadata.json"), format!("{metadata:#}\n"))?;
    written.push(dir.join("metadata.json"));
    remove_others(dir, &written)?;
    Ok(written)
}

/// Removes the `sample_*.abc` and `sample_*.mid` that are not among `kept`.
fn remove_others(dir: &Path, kept: &[PathBuf]) -> Result<()> {
    let kept: BTreeSet<&PathBuf> = kept.iter().collect();
    for entry in std::fs::read_dir(dir).map_err(Error::file("list", dir))?.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_sample = name.starts_with("sample_") && (name.ends_with(".abc") || name.ends_with(".mid"));
        if is_sample && !kept.contains(&path) {
            std::fs::remove_file(&path).map_err(Error::file("remove the earlier", &path))?;
        }
    }
    Ok(())
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "sample {}: {}, seed {}", self.number, self.prompt, self.seed)?;
        let ended = if self.ended { "ended by the model" } else { "cut" };
        writeln!(f, "{} tokens, {ended}; {}; {}", self.n_tokens, self.validity, self.originality)?;
        if !self.headers_added.is_empty() {
            writeln!(f, "added: {}", self.headers_added.join(" "))?;
        }
        write!(f, "\n{}", self.text)
    }
}
