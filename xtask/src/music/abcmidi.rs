//! The tools that people use today, midi2abc and abc2midi (abcMIDI), where they are installed.

use super::f1::f1;
use super::notes::Notes;
use music_scaling::music::abc2midi::wait;
use serde::Serialize;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A larger file is an explosion, not a conversion.
const MAX_OUTPUT_BYTES: u64 = 32 << 20;

/// What abcmidi makes of one file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Peer {
    /// F1 within 1/16 beat of MIDI → our ABC → abc2midi.
    pub f1_of_our_abc: f64,
    /// What abc2midi says of our ABC: a line that begins with "Error", one that begins with "Warning".
    pub error_in_ours: bool,
    pub warning_in_ours: bool,
    /// F1 within 1/16 beat of MIDI → midi2abc -s → abc2midi; 0 where either fails.
    pub f1: f64,
    /// What abc2midi says of midi2abc's ABC.
    pub error: bool,
    pub warning: bool,
    /// Characters of midi2abc's ABC; `None` where it gives none.
    pub n_chars: Option<usize>,
}

/// Are both tools here?
pub fn is_installed() -> bool {
    ["midi2abc", "abc2midi"].iter().all(|tool| {
        let started =
            Command::new(tool).arg("-ver").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        started.is_ok_and(|status| status.success())
    })
}

/// A folder of its own for one file's way through the tools; it goes with the value.
pub struct Workbench(TempDir);

impl Workbench {
    /// `None` where nothing can be written.
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Option<Workbench> {
        let bench = Workbench(TempDir::new().ok()?);
        files.into_iter().try_for_each(|(name, bytes)| fs::write(bench.folder().join(name), bytes).ok())?;
        Some(bench)
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Runs a tool here; what it printed, if it ended well and in time.
    pub fn run(&self, tool: &str, arguments: &[&str]) -> Option<String> {
        let log = self.folder().join("log.txt");
        let output = File::create(&log).ok()?;
        let mut command = Command::new(tool);
        command.args(arguments).current_dir(self.folder()).stdin(Stdio::null()).stderr(Stdio::null()).stdout(output);
        let ended_well = wait(command.spawn().ok()?);
        let said = String::from_utf8_lossy(&read_bounded(&log)?).into_owned();
        ended_well.then_some(said)
    }

    /// abc2midi's notes of an ABC file that lies here, and what it said.
    fn abc2midi(&self, abc_name: &str) -> (Option<Notes>, Option<String>) {
        let _ = fs::remove_file(self.folder().join("out.mid")); // there is none the first time
        let said = self.run("abc2midi", &[abc_name, "-NGUI", "-o", "out.mid"]); // chord symbols are not played
        let notes = read_bounded(&self.folder().join("out.mid")).and_then(|bytes| Notes::read(&bytes));
        (notes.filter(|notes| !notes.is_empty()), said)
    }
}

/// Both round trips of one MIDI file; `None` where nothing can be written.
pub fn measure(midi: &[u8], expected: &Notes, our_abc: &str) -> Option<Peer> {
    let bench = Workbench::new([("ours.abc", our_abc.as_bytes()), ("in.mid", midi)])?;
    let (of_ours, said_of_ours) = bench.abc2midi("ours.abc");
    let made = bench.run("midi2abc", &["-s", "in.mid", "-o", "theirs.abc"]).is_some();
    let text = made.then(|| read_bounded(&bench.folder().join("theirs.abc"))).flatten();
    let (theirs, said) = if text.is_some() { bench.abc2midi("theirs.abc") } else { (None, None) };
    let score = |found: Option<Notes>| found.map_or(0.0, |found| f1(expected, &found, 16));
    Some(Peer {
        f1_of_our_abc: score(of_ours),
        error_in_ours: says(&said_of_ours, "Error"),
        warning_in_ours: says(&said_of_ours, "Warning"),
        f1: score(theirs),
        error: says(&said, "Error"),
        warning: says(&said, "Warning"),
        n_chars: text.map(|text| music_scaling::music::abc::decode(&text).chars().count()),
    })
}

/// abc2midi's notes of one tune; `None` where it gives none.
pub fn notes_of_abc(text: &str) -> Option<Notes> {
    Workbench::new([("tune.abc", text.as_bytes())])?.abc2midi("tune.abc").0
}

/// A tool that crashed or did not end reported the worst.
fn says(said: &Option<String>, what: &str) -> bool {
    said.as_ref().is_none_or(|said| said.lines().any(|line| line.starts_with(what)))
}

fn read_bounded(path: &Path) -> Option<Vec<u8>> {
    let n_bytes = fs::metadata(path).ok()?.len();
    (n_bytes <= MAX_OUTPUT_BYTES).then(|| fs::read(path).ok()).flatten()
}
