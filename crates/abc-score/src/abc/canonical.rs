//! The canonical form of a tune, and the tunes of a tune book.
//!
//! ```text
//! X:1
//! M:6/8
//! L:1/8
//! Q:3/8=120
//! K:Edor
//! |:EGA BGA|B2e dBA|...
//! ```
//!
//! Many voices stand as [`super::write`] writes them: `V:` with its `%%MIDI` lines behind `K:`, `[V:1]` before each line.
//! What does not change a note is left out: titles, words, remarks, chord symbols, decorations, slurs, spacing.

mod book;
mod spelling;
mod writer;

use super::Performance;
use super::read::bars::missing_bar_lines;
use super::read::body::{TuneBody, understand};
use super::read::fields::{DrumNote, Reach, Shift};
use super::read::place::Complaints;
use super::read::source::Source;
use crate::Result;
use std::rc::Rc;
use writer::SheetWriter;

pub use book::split_tunebook;

/// More than any tune was seen to need.
const MOST_READINGS: usize = 8;

/// Writes the first tune of the text in the one form that the corpora use; repeats stay as written. A full bar at the end
/// of a line gets the bar line that it lacks.
///
/// `canonical(canonical(x)) == canonical(x)`, and it sounds the same notes as `x`.
///
/// # Errors
/// [`crate::Error::Abc`], as [`super::parse`].
pub fn canonical(text: &str) -> Result<String> {
    let once = |text: &str| Ok::<String, crate::Error>(Sheet::of(&sound_tune(text)?, false).text());
    let mut canonical = once(text)?;
    // What is left out can make a neighbour needless, too: a field behind a bar line that ends nothing belongs in the header.
    for _ in 0..MOST_READINGS {
        let again = once(&canonical)?;
        if again == canonical {
            break;
        }
        canonical = again;
    }
    Ok(canonical)
}

/// What holds at a place of a voice: the values of `K: M: L: Q:` as spelled in a field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct InForce {
    pub key: String,
    pub meter: String,
    pub unit: String,
    pub tempo: Option<String>,
    pub program: Option<u8>,
    pub shift: Shift,
    pub transpose: Option<i16>,
}

/// A stretch of music of one voice, at most one bar long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub voice: usize,
    /// With its bar line.
    pub text: String,
    /// The ending that begins here, such as `1`.
    pub ending: Option<String>,
    /// The part that begins here.
    pub part: Option<char>,
    pub closes_bar: bool,
    pub ends_line: bool,
    /// What held before it.
    pub in_force: Rc<InForce>,
}

/// A tune in canonical form, bar by bar.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sheet {
    pub in_force: InForce,
    /// `propagate-accidentals`, where it is not the default.
    reach: Reach,
    /// `%%MIDI chordattack`, which our writer sets so that abc2midi sounds chords together.
    chord_attack: Option<String>,
    /// Which drum each note is, in voices of drums.
    drums: Vec<DrumNote>,
    /// Order of parts, if the header gives one.
    pub parts: Option<String>,
    pub voices: Vec<Head>,
    pub cells: Vec<Cell>,
}

/// What stands in front of the music of a voice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Head {
    id: String,
    pub channel: Option<u8>,
    pub in_force: InForce,
    started: bool,
}

/// The first tune, if nothing is wrong with it, and with the bar lines that were left out at the ends of lines.
///
/// # Errors
/// [`crate::Error::Abc`], as [`super::parse`].
pub(super) fn sound_tune(text: &str) -> Result<(Source, TuneBody)> {
    let mut complaints = Complaints::default();
    let read = super::read::source(text, &mut complaints).map(|source| {
        let tune = understand(&source, Performance::AsWritten, &mut complaints);
        (source, tune)
    });
    complaints.into_result()?;
    let (mut source, tune) = read?;
    source.add_bar_lines(&missing_bar_lines(&tune));
    Ok((source, tune))
}

impl Sheet {
    /// With `single_rests`, `Z4|` becomes four bars, so that voices can be cut at any bar line.
    pub fn of((source, tune): &(Source, TuneBody), single_rests: bool) -> Sheet {
        SheetWriter::write(source, tune, single_rests)
    }

    pub fn text(&self) -> String {
        let mut text = self.header(&self.in_force, &self.voices);
        let mut line = Line::default();
        for cell in &self.cells {
            line.add(&mut text, cell, self.voices.len());
        }
        line.end(&mut text);
        text.push('\n');
        text
    }

    /// The header with what is in force, and the heads of these voices.
    pub fn header(&self, in_force: &InForce, voices: &[Head]) -> String {
        let tempo = in_force.tempo.as_ref().map(|tempo| format!("Q:{tempo}\n")).unwrap_or_default();
        let parts = self.parts.as_ref().map(|parts| format!("P:{parts}\n")).unwrap_or_default();
        let reach = match self.reach {
            Reach::Letter => "",
            Reach::Octave => "%%propagate-accidentals octave\n",
            Reach::Note => "%%propagate-accidentals not\n",
        };
        let InForce { meter, unit, key, .. } = in_force;
        let shift = if let [voice] = voices { voice.in_force.shift } else { in_force.shift }; // one voice has no V:
        let words = spelling::shift_words(shift, Shift::default());
        let mut text = format!("X:1\nM:{meter}\nL:{unit}\n{parts}{tempo}{reach}K:{key}{words}\n");
        text += &self.chord_attack.as_ref().map(|attack| format!("%%MIDI chordattack {attack}\n")).unwrap_or_default();
        for drum in &self.drums {
            text += &format!("%%MIDI drummap {} {}\n", spelling::drum(drum), drum.pitch);
        }
        for (index, voice) in voices.iter().enumerate() {
            if voices.len() > 1 {
                let words = spelling::shift_words(voice.in_force.shift, in_force.shift);
                text += &format!("V:{}{words}\n", index + 1);
            }
            let InForce { program, transpose, .. } = voice.in_force;
            let channel = voice.channel.map(|channel| i16::from(channel) + 1);
            for (name, number) in [("channel", channel), ("program", program.map(i16::from)), ("transpose", transpose)]
            {
                text += &number.map(|number| format!("%%MIDI {name} {number}\n")).unwrap_or_default();
            }
        }
        text
    }
}

/// A line of text that grows cell by cell.
#[derive(Default)]
pub(super) struct Line {
    text: String,
    voice: Option<usize>,
}

impl Line {
    /// Adds a cell; its voice and line ends begin new lines.
    pub fn add(&mut self, text: &mut String, cell: &Cell, n_voices: usize) {
        if self.voice != Some(cell.voice) || cell.part.is_some() {
            self.end(text);
        }
        if let Some(part) = cell.part {
            *text += &format!("P:{part}\n");
        }
        if self.voice.is_none() && n_voices > 1 && !(cell.text.is_empty() && cell.ending.is_none()) {
            self.text = format!("[V:{}]", cell.voice + 1);
        }
        self.voice = Some(cell.voice);
        if let Some(ending) = &cell.ending {
            let behind_bar = self.text.ends_with('|') && !self.text.ends_with("||") && !self.text.ends_with("[|");
            self.text += &if behind_bar { ending.clone() } else { format!("[{ending}") };
        }
        self.text += &cell.text;
        if cell.ends_line {
            self.end(text);
        }
    }

    pub fn end(&mut self, text: &mut String) {
        if !self.text.is_empty() {
            text.push_str(self.text.trim_end());
            text.push('\n');
        }
        *self = Line::default();
    }
}

#[cfg(test)]
mod tests;
