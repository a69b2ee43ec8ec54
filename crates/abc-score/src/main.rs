//! `abc-score convert` and `abc-score check`.

use abc_score::abc::{self, TuneText};
use abc_score::{Error, Score, midi, quantise};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
abc-score check FILE…
abc-score convert FILE… --to abc|midi --out DIR

check reads ABC and MIDI files strictly and says what is wrong in them, also bars that do not add up; the exit code is 1
where anything is. convert writes one file for each tune or piece into DIR; what it mends on the way to MIDI, and what it
leaves out, it says.";

fn main() -> ExitCode {
    let all_well = match Command::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => {
            println!("{HELP}");
            true
        }
        Ok(Command::Check { files }) => check_all(&files),
        Ok(Command::Convert { files, to, out }) => {
            Converter { to, out, taken: HashSet::new(), n_written: 0, n_failed: 0 }.run(&files)
        }
        Err(message) => {
            eprintln!("{message}");
            false
        }
    };
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Target {
    Abc,
    Midi,
}

enum Command {
    Help,
    Check { files: Vec<PathBuf> },
    Convert { files: Vec<PathBuf>, to: Target, out: PathBuf },
}

impl Command {
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
        let command = arguments.next().unwrap_or_else(|| "--help".into());
        let (mut files, mut to, mut out) = (Vec::new(), None, None);
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--to") => {
                    to = Some(match arguments.next().as_deref().and_then(|name| name.to_str()) {
                        Some("abc") => Target::Abc,
                        Some("midi") => Target::Midi,
                        _ => return Err("--to is followed by abc or midi.".to_string()),
                    })
                }
                Some("--out") => out = Some(arguments.next().ok_or("--out is followed by a folder.")?),
                Some("--help" | "-h") => return Ok(Command::Help),
                Some(option) if option.starts_with("--") => {
                    return Err(format!("{option} is not understood; see abc-score --help."));
                }
                _ => files.push(PathBuf::from(argument)),
            }
        }
        match (command.to_str(), to, out) {
            (Some("--help" | "-h" | "help"), ..) => Ok(Command::Help),
            (Some("check" | "convert"), ..) if files.is_empty() => {
                Err("Which files? See abc-score --help.".to_string())
            }
            (Some("check"), None, None) => Ok(Command::Check { files }),
            (Some("convert"), Some(to), Some(out)) => Ok(Command::Convert { files, to, out: out.into() }),
            (Some("check"), ..) => Err("check writes nothing: --to and --out go with convert.".to_string()),
            (Some("convert"), ..) => Err("convert needs both --to abc|midi and --out DIR.".to_string()),
            _ => Err(format!("There is no command {}; see abc-score --help.", command.display())),
        }
    }
}

/// The tunes of an ABC file, or the bytes of another.
enum Music {
    Tunes(Vec<TuneText>),
    Midi(Vec<u8>),
}

/// # Errors
/// A sentence where the file cannot be read or holds no tune.
fn read(file: &Path) -> Result<Music, String> {
    let bytes = std::fs::read(file).map_err(|error| format!("{}: cannot be read: {error}", file.display()))?;
    if file.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("abc")) {
        return Ok(Music::Midi(bytes));
    }
    let tunes = abc::split_tunebook(&abc::decode(&bytes));
    if tunes.is_empty() {
        return Err(format!("{}: the file holds no tune: no line begins with X: or K:", file.display()));
    }
    Ok(Music::Tunes(tunes))
}

/// # Errors
/// A sentence where the file is no MIDI, or has no notes.
fn read_midi(file: &Path, bytes: &[u8]) -> Result<Score, String> {
    let score = midi::read(bytes).map_err(|error| format!("{}: {error}", file.display()))?;
    let empty = || format!("{}: the file holds no notes.", file.display());
    if score.n_notes() > 0 { Ok(score) } else { Err(empty()) }
}

/// Says something about a place of a tune, which counts lines from its own `X:`.
fn sentence(file: &Path, tune: &TuneText, line: usize, column: usize, message: &dyn Display) -> String {
    format!("{}, line {}, column {column}: {message}", file.display(), tune.line_in_book(line))
}

fn describe(file: &Path, tune: &TuneText, error: &Error) -> String {
    match error {
        Error::Abc { line, column, message } => sentence(file, tune, *line, *column, message),
        error => format!("{}: {error}", file.display()),
    }
}

/// Whether nothing is wrong.
fn check_all(files: &[PathBuf]) -> bool {
    let mut n_wrong = 0;
    for file in files {
        n_wrong += check(file).unwrap_or_else(|message| {
            println!("{message}");
            1
        });
    }
    println!("Files: {}. Faults: {n_wrong}.", files.len());
    n_wrong == 0
}

/// Prints what is wrong with a file, and counts it.
///
/// # Errors
/// A sentence where there is nothing to check.
fn check(file: &Path) -> Result<usize, String> {
    let tunes = match read(file)? {
        Music::Tunes(tunes) => tunes,
        Music::Midi(bytes) => return read_midi(file, &bytes).map(|_| 0),
    };
    let mut n_wrong = 0;
    for tune in &tunes {
        let syntax = abc::parse_lenient(&tune.text).map(|(_, complaints)| complaints);
        match syntax.and_then(|syntax| Ok([syntax, abc::bar_errors(&tune.text)?].concat())) {
            Ok(mut complaints) => {
                complaints.sort_by_key(|complaint| (complaint.line, complaint.column));
                n_wrong += complaints.len();
                complaints.iter().for_each(|c| println!("{}", sentence(file, tune, c.line, c.column, &c.message)));
            }
            Err(error) => {
                n_wrong += 1;
                println!("{}", describe(file, tune, &error));
            }
        }
    }
    Ok(n_wrong)
}

struct Converter {
    to: Target,
    out: PathBuf,
    /// Names of files that were written.
    taken: HashSet<String>,
    n_written: usize,
    n_failed: usize,
}

impl Converter {
    /// Whether every file gave all its music.
    fn run(mut self, files: &[PathBuf]) -> bool {
        for file in files {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let outputs = match read(file) {
                Ok(Music::Tunes(tunes)) => self.of_tunes(file, &stem, &tunes),
                Ok(Music::Midi(bytes)) => match read_midi(file, &bytes) {
                    Ok(score) if self.to == Target::Midi => vec![(stem.to_string(), midi::write(&score))],
                    Ok(score) => {
                        let options = abc::WriteOptions { title: true, ..Default::default() };
                        vec![(stem.to_string(), abc::write(&quantise::quantise(&score), &options).into_bytes())]
                    }
                    Err(message) => self.failed(message),
                },
                Err(message) => self.failed(message),
            };
            for (name, bytes) in outputs {
                if let Err(message) = self.write(&name, &bytes, files) {
                    eprintln!("{message}");
                    return false; // a full disk: what follows would fail, too
                }
            }
        }
        println!("Written to {}: {}. Failed: {}.", self.out.display(), self.n_written, self.n_failed);
        self.n_failed == 0
    }

    fn failed<T>(&mut self, message: String) -> Vec<T> {
        eprintln!("{message}");
        self.n_failed += 1;
        Vec::new()
    }

    /// To ABC: one book. To MIDI: one file a tune, `book-12.mid` where the book holds several.
    fn of_tunes(&mut self, file: &Path, stem: &str, tunes: &[TuneText]) -> Vec<(String, Vec<u8>)> {
        let mut outputs: Vec<(String, Vec<u8>)> = Vec::new();
        for tune in tunes {
            let is_midi = self.to == Target::Midi;
            let name = if is_midi && tunes.len() > 1 { format!("{stem}-{}", tune.reference) } else { stem.to_string() };
            let read = abc::parse_lenient(&tune.text).map(|(score, complaints)| {
                complaints.iter().for_each(|c| eprintln!("{}", sentence(file, tune, c.line, c.column, &c.message)));
                score
            });
            let converted = if is_midi {
                read.map(|score| midi::write(&score))
            } else {
                abc::canonical(&tune.text).map(String::into_bytes)
            };
            match (converted, outputs.last_mut()) {
                (Ok(text), Some((_, book))) if !is_midi => book.extend(text),
                (Ok(bytes), _) => outputs.push((name, bytes)),
                (Err(error), _) => _ = self.failed::<()>(describe(file, tune, &error)),
            }
        }
        outputs
    }

    /// Under a name that no other output of this call has.
    fn write(&mut self, name: &str, bytes: &[u8], files: &[PathBuf]) -> Result<(), String> {
        let ending = if self.to == Target::Midi { "mid" } else { "abc" };
        let safe = name.replace(['/', '\\'], "-");
        let numbered = (2..).map(|number| format!("{safe}.{number}.{ending}"));
        let mut names = std::iter::once(format!("{safe}.{ending}")).chain(numbered);
        let free = names.find(|name| self.taken.insert(name.to_lowercase())).unwrap_or_default();
        let path = self.out.join(free);
        let is =
            |other: &PathBuf| path.canonicalize().is_ok_and(|path| other.canonicalize().is_ok_and(|it| it == path));
        if files.iter().any(is) {
            return Err(format!("{} is one of the files to convert: name another folder with --out.", path.display()));
        }
        std::fs::create_dir_all(&self.out)
            .and_then(|()| std::fs::write(&path, bytes))
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        self.n_written += 1;
        Ok(())
    }
}
