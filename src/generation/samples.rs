//! A generated tune with all that is known about it, and the files that it is kept in.

use super::headers::{Completed, complete};
use super::{Continuation, Features, Melodies, Originality, Prompt, Rates, Rung, Validity};
use crate::music::abc2midi;
use crate::music::{Score, abc, midi};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// One tune that a model wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Counted from 1.
    pub number: usize,
    /// What the model continued.
    pub prompt: Prompt,
    /// Decides what was drawn.
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
    /// What a guide cost, in nats per token ([`Continuation::allowed_log_mass`]).
    #[serde(default)]
    pub allowed_log_mass: Option<f64>,
    /// Of `raw`.
    pub validity: Validity,
    /// Of `text`.
    pub repaired: Validity,
    /// Of the notes that the model wrote, those of the prompt left out; `None` if none can be read or salvaged.
    pub originality: Option<Originality>,
    /// Of the notes that can be read or salvaged; `None` if there are none.
    pub features: Option<Features>,
}

impl Sample {
    /// A continuation of `prompt` that was drawn with `seed`, judged against the training tunes.
    pub(crate) fn judge(number: usize, prompt: Prompt, seed: u64, written: Continuation, train: &Melodies) -> Sample {
        let Continuation { text: raw, n_tokens, ended, allowed_log_mass } = written;
        let Completed { text, added: headers_added } = complete(&raw);
        let score = salvage(&text).ok();
        let given = salvage(&complete(&prompt.prefix).text).unwrap_or_default();
        Sample {
            validity: Validity::of(&raw, ended),
            repaired: Validity::of(&text, ended),
            originality: score.as_ref().map(|score| Originality::behind(&given, score, train)),
            features: score.as_ref().map(Features::of),
            number,
            prompt,
            seed,
            raw,
            text,
            headers_added,
            n_tokens,
            ended,
            allowed_log_mass,
        }
    }

    /// The notes of `text`, to be seen and heard: read strictly where possible, else salvaged.
    ///
    /// # Errors
    /// [`crate::music::Error::Abc`] if not one note can be found.
    pub fn score(&self) -> Result<Score> {
        salvage(&self.text)
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
/// abc2midi is installed and converts the tune), …, and `metadata.json` with everything else into `dir`; returns their paths.
/// What lies there is left alone: the numbers go on behind the highest that is taken, and `metadata_11.json` then describes the
/// samples from number 11 on. Where the same tunes are there as 1, 2, … from an earlier call, nothing is written, and the paths of
/// their texts are returned.
///
/// # Errors
/// The folder cannot be read or written.
pub fn write_samples(samples: &[Sample], dir: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(dir).map_err(Error::file("create the folder", dir))?;
    let known: Vec<PathBuf> = (1..=samples.len()).map(|number| dir.join(format!("sample_{number:02}.abc"))).collect();
    let is_there =
        |(path, sample): (&PathBuf, &Sample)| fs::read(path).is_ok_and(|text| text == sample.text.as_bytes());
    if !known.is_empty() && known.iter().zip(samples).all(is_there) {
        return Ok(known);
    }
    let first = 1 + highest_number(dir)?;
    let (mut written, mut records) = (Vec::new(), Vec::new());
    let mut write = |name: String, bytes: &[u8]| -> Result<String> {
        let path = dir.join(&name);
        let file = fs::File::create_new(&path).and_then(|mut file| file.write_all(bytes));
        file.map_err(Error::file("write the new file", &path))?;
        written.push(path);
        Ok(name)
    };
    for (number, sample) in (first..).zip(samples) {
        let stem = format!("sample_{number:02}");
        let abc_file = write(format!("{stem}.abc"), sample.text.as_bytes())?;
        let ours = sample.score().ok().map(|score| midi::write(&score));
        let midi_source =
            ours.is_some().then_some(if sample.repaired.passes(Rung::ParsesStrictly) { "strict" } else { "salvaged" });
        let midi_file = ours.map(|bytes| write(format!("{stem}.mid"), &bytes)).transpose()?;
        let theirs = abc2midi::convert(&sample.text).flatten();
        let abc2midi_file = theirs.map(|bytes| write(format!("{stem}_abc2midi.mid"), &bytes)).transpose()?;
        records.push(json!({
            "abc_file": abc_file, "midi_file": midi_file, "midi_source": midi_source,
            "abc2midi_file": abc2midi_file, "sample": sample,
        }));
    }
    let metadata =
        json!({ "version": 2, "rates": Rates::of(samples.iter().map(|sample| &sample.validity)), "samples": records });
    let is_first = first == 1 && !dir.join("metadata.json").exists();
    let name = if is_first { "metadata.json".to_string() } else { format!("metadata_{first:02}.json") };
    write(name, format!("{metadata:#}\n").as_bytes())?;
    Ok(written)
}

/// The highest number of a `sample_…` or `metadata_…` file in the folder; 0 where there is none.
fn highest_number(dir: &Path) -> Result<usize> {
    let number = |entry: fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let rest = name.strip_prefix("sample_").or_else(|| name.strip_prefix("metadata_"))?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    let entries = fs::read_dir(dir).map_err(Error::file("list", dir))?;
    Ok(entries.flatten().filter_map(number).max().unwrap_or(0))
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "sample {}: {}, seed {}", self.number, self.prompt, self.seed)?;
        let ended = if self.ended { "ended by the model" } else { "cut" };
        writeln!(f, "{} tokens, {ended}; {}", self.n_tokens, self.validity)?;
        self.originality.iter().try_for_each(|originality| writeln!(f, "{originality}"))?;
        if !self.headers_added.is_empty() {
            writeln!(f, "added: {}", self.headers_added.join(" "))?;
        }
        write!(f, "\n{}", self.text)
    }
}
