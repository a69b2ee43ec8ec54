//! The sub-command `convert`: files, folders and archives of MIDI and ABC to ABC or MIDI, one output an input.

use super::archives::{self, MusicFile, is_abc_name};
use super::parallel::{Input, Progress, for_each_file};
use super::reading::{score_of_midi, tunes_of};
use super::{FailedFile, corpus_files};
use crate::music::abc::{self, Performance};
use crate::music::{Score, midi};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};

/// What to convert to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// ABC text: one book of canonical tunes a file.
    Abc,
    /// MIDI files: one a tune.
    Midi,
}

impl std::str::FromStr for Target {
    type Err = Error;

    fn from_str(name: &str) -> Result<Target> {
        match name {
            "abc" => Ok(Target::Abc),
            "midi" => Ok(Target::Midi),
            _ => Err(Error::Data(format!("\"{name}\" is nothing to convert to; try abc or midi"))),
        }
    }
}

/// What `convert` did.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ConvertReport {
    /// Files of the inputs.
    pub n_files: usize,
    /// Files that gave at least one output.
    pub n_converted: usize,
    /// Outputs written: an ABC book gives one MIDI file for each of its tunes.
    pub n_outputs: usize,
    /// Characters of the ABC text written.
    pub n_chars: usize,
    /// Time that it took.
    pub seconds: f64,
    /// Files a second.
    pub files_per_second: f64,
    /// The folder of the outputs.
    pub out: PathBuf,
    /// What could not be converted.
    pub failed: Vec<FailedFile>,
}

impl ConvertReport {
    /// Share of the files that gave an output.
    pub fn success_rate(&self) -> f64 {
        self.n_converted as f64 / (self.n_files as f64).max(1.0)
    }

    /// Writes the outputs of one file and counts it. `names` are those that are taken, in small letters.
    fn add(&mut self, converted: Converted, names: &mut HashSet<String>, inputs: &[PathBuf]) -> Result<()> {
        self.n_files += 1;
        self.n_converted += usize::from(!converted.outputs.is_empty());
        self.n_outputs += converted.outputs.len();
        self.n_chars += converted.n_chars;
        self.failed.extend(converted.failed);
        for (path, bytes) in converted.outputs {
            let path = self.out.join(free_name(&path, names));
            if is_inside(&path, inputs) {
                let path = path.display();
                return Err(Error::Data(format!(
                    "{path} is one of the files to convert: name another folder with --out"
                )));
            }
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(Error::file("create the folder", folder))?;
            }
            fs::write(&path, bytes).map_err(Error::file("write", &path))?;
        }
        Ok(())
    }
}

impl std::fmt::Display for ConvertReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = 100.0 * self.success_rate();
        write!(
            f,
            "{} of {} files converted ({percent:.1} %), {} outputs",
            self.n_converted, self.n_files, self.n_outputs
        )?;
        if self.n_chars > 0 {
            write!(f, ", {} characters", self.n_chars)?;
        }
        write!(f, ", {:.1} s, {:.0} files/s, in {}", self.seconds, self.files_per_second, self.out.display())?;
        for FailedFile { source, reason, .. } in self.failed.iter().take(3) {
            write!(f, "\n{source}: {reason}")?;
        }
        match self.failed.len() {
            0..=3 => Ok(()),
            n => write!(f, "\n… all {n} failures: {}", self.out.join("failed.csv").display()),
        }
    }
}

/// Converts every .mid, .midi, .kar and .abc file of `inputs`, the tunes of ABC files read as written or as played, and writes the
/// results below `out` under the same relative paths, and `failed.csv` beside them. A file that fails is not an error.
///
/// # Errors
/// An input that isn't there, or holds no music; an output that cannot be written; ABC that is to be written as played.
pub fn convert(inputs: &[PathBuf], to: Target, performance: Performance, out: &Path) -> Result<ConvertReport> {
    if (to, performance) == (Target::Abc, Performance::AsPlayed) {
        return Err(Error::Data("ABC can be played as MIDI only: --as-played goes with --to midi".to_string()));
    }
    fs::create_dir_all(out).map_err(Error::file("create the folder", out))?;
    let mut report = ConvertReport { out: out.to_path_buf(), ..ConvertReport::default() };
    let mut names = HashSet::new();
    let n_in_all = inputs
        .iter()
        .map(|input| Ok(archives::names(input, &archives::is_music_name)?.len()))
        .sum::<Result<usize>>()?;
    let mut progress = Progress::new("convert", Some(n_in_all));
    for input in inputs {
        let n_before = report.n_files;
        let mut written = Ok(()); // or a full disk: every further file would fail, too
        let visit = |visitor: archives::Visitor| archives::visit(input, &archives::is_music_name, visitor);
        for_each_file(visit, |file| convert_file(file, to, performance), &mut |converted: Converted| {
            progress.count(|| format!("{} failures", report.failed.len()));
            written = report.add(converted, &mut names, inputs);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        written?;
        if report.n_files == n_before {
            let input = input.display();
            return Err(Error::Data(format!(
                "{input} holds no file that ends in .mid, .midi, .kar or .abc: nothing to convert"
            )));
        }
    }
    corpus_files::write_failed(&out.join("failed.csv"), &report.failed)?;
    report.seconds = progress.seconds();
    report.files_per_second = report.n_files as f64 / report.seconds.max(1e-9);
    Ok(report)
}

/// Whether there is a file at `path` that belongs to the inputs.
fn is_inside(path: &Path, inputs: &[PathBuf]) -> bool {
    let lies_in = |path: &Path, input: &PathBuf| input.canonicalize().is_ok_and(|input| path.starts_with(input));
    path.canonicalize().is_ok_and(|path| inputs.iter().any(|input| lies_in(&path, input)))
}

/// What one file became: paths below the output folder with their bytes, and what failed.
#[derive(Debug, Default)]
struct Converted {
    outputs: Vec<(String, Vec<u8>)>,
    n_chars: usize,
    failed: Vec<FailedFile>,
}

impl Converted {
    fn add_text(&mut self, stem: &str, text: String) {
        self.n_chars += text.chars().count();
        self.outputs.push((format!("{stem}.abc"), text.into_bytes()));
    }

    fn add_midi(&mut self, stem: &str, score: &Score) {
        self.outputs.push((format!("{stem}.mid"), midi::write(score)));
    }
}

fn convert_file(file: Input, to: Target, performance: Performance) -> Converted {
    let mut converted = Converted::default();
    let result = file.and_then(|file| {
        let stem = file.path.rsplit_once('.').map_or(file.path.as_str(), |(stem, _)| stem);
        if is_abc_name(&file.path) {
            return convert_abc(&file, stem, to, performance, &mut converted);
        }
        let score = score_of_midi(&file)?;
        match to {
            Target::Abc => converted.add_text(stem, abc::write(&score, &abc::WriteOptions::default())),
            Target::Midi => converted.add_midi(stem, &score),
        }
        Ok(())
    });
    converted.failed.extend(result.err());
    converted
}

/// ABC to ABC: one book of canonical tunes. ABC to MIDI: one file a tune, `book-12.mid` where the book holds several.
fn convert_abc(
    file: &MusicFile,
    stem: &str,
    to: Target,
    performance: Performance,
    converted: &mut Converted,
) -> Result<(), FailedFile> {
    let book = tunes_of(file)?;
    let is_single = book.len() == 1;
    let mut canonical = String::new();
    for tune in book {
        let name = if is_single { stem.to_string() } else { format!("{stem}-{}", tune.reference.trim()) };
        let result = match to {
            Target::Abc => abc::canonical(&tune.text).map(|text| canonical.push_str(&text)),
            Target::Midi => {
                abc::parse_lenient_as(&tune.text, performance).map(|(score, _)| converted.add_midi(&name, &score))
            }
        };
        let failed = |error| FailedFile::new(format!("{}:{}", file.path, tune.line), "read abc", error);
        converted.failed.extend(result.map_err(failed).err());
    }
    if !canonical.is_empty() {
        converted.add_text(stem, canonical);
    }
    Ok(())
}

/// A path below the output folder and nowhere else, whatever an archive's paths say; a name that is taken gets a number.
fn free_name(path: &str, names: &mut HashSet<String>) -> String {
    let parts = Path::new(path).components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None, // "..", "/" and "C:" would lead out of the folder
    });
    let path = parts.collect::<Vec<_>>().join("/");
    let (stem, ending) = path.rsplit_once('.').unwrap_or((&path, ""));
    let numbered = (2..).map(|number| format!("{stem}.{number}.{ending}"));
    let name = std::iter::once(path.clone()).chain(numbered).find(|name| names.insert(name.to_lowercase()));
    name.unwrap_or_default() // there are numbers enough
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::composed;
    use crate::files;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("in/deep")).unwrap();
        folder
    }

    fn as_written(inputs: &[PathBuf], to: Target, out: &Path) -> Result<ConvertReport> {
        convert(inputs, to, Performance::AsWritten, out)
    }

    #[test]
    fn a_folder_goes_to_abc_and_back_with_its_relative_paths_and_failures() {
        let folder = folder();
        let folder = folder.path();
        for (index, name) in ["in/a.mid", "in/deep/b.MIDI", "in/deep/b.mid"].iter().enumerate() {
            fs::write(folder.join(name), composed::midi_file(1, index).bytes).unwrap();
        }
        fs::write(folder.join("in/page.mid"), "<html>404</html>").unwrap();
        let report = as_written(&[folder.join("in")], Target::Abc, &folder.join("abc")).unwrap();
        assert_eq!((report.n_files, report.n_converted, report.failed.len()), (4, 3, 1));
        for name in ["abc/a.abc", "abc/deep/b.abc", "abc/deep/b.2.abc", "abc/failed.csv"] {
            assert!(folder.join(name).is_file(), "{name}");
        }
        assert!(
            files::read_text(folder.join("abc/failed.csv"))
                .unwrap()
                .starts_with("source,stage,reason\npage.mid,read midi,")
        );
        let back = as_written(&[folder.join("abc")], Target::Midi, &folder.join("mid")).unwrap();
        assert_eq!((back.n_files, back.n_converted), (3, 3));
        let first = midi::read(&fs::read(folder.join("mid/a.mid")).unwrap()).unwrap();
        assert_eq!(first.n_notes(), composed::compose(1, 0).n_notes());
    }

    #[test]
    fn what_is_converted_is_never_written_over() {
        let folder = folder();
        let folder = folder.path();
        let tune = folder.join("in/deep/a.abc");
        let text = "X:1\nT:Mine\nL:1/4\nK:C\n\"C\"CDEF|\n";
        fs::write(&tune, text).unwrap();
        for (input, out) in [("in", "in"), ("in/deep/a.abc", "in/deep"), ("in", "in/../in")] {
            let error = as_written(&[folder.join(input)], Target::Abc, &folder.join(out)).unwrap_err().to_string();
            assert!(error.ends_with("a.abc is one of the files to convert: name another folder with --out"), "{error}");
            assert_eq!(fs::read_to_string(&tune).unwrap(), text);
        }
        as_written(&[folder.join("in")], Target::Midi, &folder.join("in")).unwrap(); // beside them is no harm
        assert!(folder.join("in/deep/a.mid").is_file());
    }

    #[test]
    fn a_book_gives_one_midi_file_a_tune() {
        let folder = folder();
        let folder = folder.path();
        fs::write(folder.join("in/book.abc"), "X:1\nL:1/4\nK:C\nCDEF|\n\nX:7\nL:1/4\nK:C\nGABc|\n").unwrap();
        let report = as_written(&[folder.join("in/book.abc")], Target::Midi, &folder.join("mid")).unwrap();
        assert_eq!((report.n_files, report.n_converted, report.n_outputs), (1, 1, 2));
        assert!(folder.join("mid/book-1.mid").is_file() && folder.join("mid/book-7.mid").is_file());
    }

    #[test]
    fn a_hornpipe_as_played_swings_and_a_text_as_played_is_refused() {
        let folder = folder();
        let folder = folder.path();
        let tune = folder.join("in/tune.abc");
        fs::write(&tune, "X:1\nR:hornpipe\nM:4/4\nL:1/8\nK:C\nCDEF|\n").unwrap();
        let onsets = |performance, out: &str| {
            convert(std::slice::from_ref(&tune), Target::Midi, performance, &folder.join(out)).unwrap();
            let score = midi::read(&fs::read(folder.join(out).join("tune.mid")).unwrap()).unwrap();
            score.voices[0].notes.iter().map(|note| note.onset_ticks).collect::<Vec<_>>()
        };
        assert_eq!(onsets(Performance::AsWritten, "written"), [0, 240, 480, 720]);
        assert_eq!(onsets(Performance::AsPlayed, "played"), [0, 320, 480, 800]);
        let refused = convert(&[tune], Target::Abc, Performance::AsPlayed, &folder.join("abc"));
        assert!(refused.unwrap_err().to_string().contains("--as-played goes with --to midi"));
    }

    #[test]
    fn an_input_without_music_or_that_is_not_there_is_one_sentence() {
        let folder = folder();
        let folder = folder.path();
        let error = as_written(&[folder.join("in")], Target::Abc, &folder.join("abc")).unwrap_err().to_string();
        assert!(error.ends_with("holds no file that ends in .mid, .midi, .kar or .abc: nothing to convert"), "{error}");
        let error = as_written(&[folder.join("absent.mid")], Target::Abc, &folder.join("abc")).unwrap_err().to_string();
        assert!(error.starts_with("cannot open ") && error.contains("absent.mid"), "{error}");
    }

    #[test]
    fn no_path_leads_out_of_the_output_folder_and_a_taken_name_gets_a_number() {
        let mut names = HashSet::new();
        assert_eq!(free_name("../../escape/./x.mid", &mut names), "escape/x.mid");
        assert_eq!(free_name("../escape/X.mid", &mut names), "escape/X.2.mid");
    }
}
