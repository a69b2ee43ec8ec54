//! The tools that people use today, midi2abc and abc2midi (abcMIDI), where they are installed.

use music_scaling::music::abc2midi::{in_a_folder, run};
use music_scaling::music::{Score, TICKS_PER_BEAT, abc, f1, midi};
use std::fs;
use std::path::Path;

/// What abcmidi makes of one file.
#[derive(Debug, Clone)]
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
    in_a_folder(|folder| ["midi2abc", "abc2midi"].iter().try_for_each(|tool| run(folder, tool, &["-ver"]).map(|_| ())))
        .is_some()
}

/// abc2midi's notes of an ABC file of the folder, if it makes any, and what it said, if it ended well.
fn abc2midi(folder: &Path, abc_name: &str) -> (Option<Score>, Option<String>) {
    let _ = fs::remove_file(folder.join("out.mid")); // there is none the first time
    let said = run(folder, "abc2midi", &[abc_name, "-NGUI", "-o", "out.mid"]); // chord symbols are not played
    let score = fs::read(folder.join("out.mid")).ok().and_then(|bytes| midi::read(&bytes).ok());
    (score.filter(|score| score.n_notes() > 0), said.and_then(|(ended_well, said)| ended_well.then_some(said)))
}

/// Both round trips of one MIDI file; `None` where nothing can be written.
pub fn measure(bytes: &[u8], expected: &Score, our_abc: &str) -> Option<Peer> {
    in_a_folder(|folder| {
        fs::write(folder.join("ours.abc"), our_abc).ok()?;
        fs::write(folder.join("in.mid"), bytes).ok()?;
        let (of_ours, said_of_ours) = abc2midi(folder, "ours.abc");
        run(folder, "midi2abc", &["-s", "in.mid", "-o", "theirs.abc"]);
        let text = fs::read(folder.join("theirs.abc")).ok();
        let (theirs, said) = if text.is_some() { abc2midi(folder, "theirs.abc") } else { (None, None) };
        let score = |found: Option<Score>| found.map_or(0.0, |found| f1(expected, &found, TICKS_PER_BEAT / 16));
        Some(Peer {
            f1_of_our_abc: score(of_ours),
            error_in_ours: says(&said_of_ours, "Error"),
            warning_in_ours: says(&said_of_ours, "Warning"),
            f1: score(theirs),
            error: says(&said, "Error"),
            warning: says(&said, "Warning"),
            n_chars: text.map(|text| abc::decode(&text).chars().count()),
        })
    })
}

/// abc2midi's notes of one tune; `None` where it gives none.
pub fn notes_of_abc(text: &str) -> Option<Score> {
    in_a_folder(|folder| {
        fs::write(folder.join("tune.abc"), text).ok()?;
        abc2midi(folder, "tune.abc").0
    })
}

/// A tool that crashed or did not end reported the worst.
fn says(said: &Option<String>, what: &str) -> bool {
    said.as_ref().is_none_or(|said| said.lines().any(|line| line.starts_with(what)))
}
