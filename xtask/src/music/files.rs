//! What is measured of one file.

use super::abcmidi::{self, Peer};
use super::bars;
use music_scaling::data::archives::{MusicFile, is_abc_name};
use music_scaling::data::{FailedFile, reading};
use music_scaling::music::abc::{self, Performance, WriteOptions};
use music_scaling::music::{Score, TICKS_PER_BEAT, f1, midi};

/// One MIDI file on its way to our ABC and back.
#[derive(Debug, Clone, Default)]
pub struct MidiFile {
    /// F1 of MIDI → our ABC → our MIDI within 1/16 and 1/32 of a beat; 0 for a file that we refuse.
    pub f1: f64,
    pub f1_32: f64,
    /// Characters of our ABC; 0 for a file that we refuse.
    pub n_chars: usize,
    /// `None` where abcmidi is not installed, or we refuse the file.
    pub abcmidi: Option<Peer>,
}

/// One tune of an ABC file.
#[derive(Debug, Clone, Default)]
pub struct AbcTune {
    /// Whether each bar of the page has as many notes as the text; `None` for several voices and orders of parts.
    pub has_equal_bars: Option<bool>,
    /// F1 of our notes against abc2midi's within 1/16 beat, read as played and as written; `None` where it is not
    /// installed or gives no notes.
    pub f1_as_played: Option<f64>,
    pub f1_as_written: Option<f64>,
}

/// Everything measured of one file.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    pub midi: Option<MidiFile>,
    pub tunes: Vec<AbcTune>,
    pub failed: Vec<FailedFile>,
    /// For timing: the MIDI file and the text that was made of it, or MIDI made of each tune and the tune's text.
    pub to_time: Vec<(Vec<u8>, String)>,
}

/// Measures a file; `with_abcmidi` where the tools are installed.
pub fn measure(file: Result<MusicFile, FailedFile>, with_abcmidi: bool) -> Measured {
    match file {
        Ok(file) if is_abc_name(&file.path) => abc_file(&file, with_abcmidi),
        Ok(file) => midi_file(&file, with_abcmidi),
        Err(failed) => Measured { failed: vec![failed], ..Measured::default() },
    }
}

fn midi_file(file: &MusicFile, with_abcmidi: bool) -> Measured {
    let expected = midi::read(&file.bytes).ok().filter(|played| played.n_notes() > 0);
    let score = match reading::score_of_midi(file) {
        Ok(score) => score,
        Err(failed) => {
            let midi = expected.map(|_| MidiFile::default());
            return Measured { midi, failed: vec![failed], ..Measured::default() };
        }
    };
    let text = abc::write(&score, &WriteOptions::default());
    let midi = expected.map(|expected| {
        let back = abc::parse(&text).ok();
        let found = back.and_then(|back| midi::read(&midi::write(&back)).ok()).unwrap_or_default();
        MidiFile {
            n_chars: text.chars().count(),
            abcmidi: if with_abcmidi { abcmidi::measure(&file.bytes, &expected, &text) } else { None },
            f1: f1(&expected, &found, TICKS_PER_BEAT / 16),
            f1_32: f1(&expected, &found, TICKS_PER_BEAT / 32),
        }
    });
    Measured { midi, to_time: vec![(file.bytes.clone(), text)], ..Measured::default() }
}

fn abc_file(file: &MusicFile, with_abcmidi: bool) -> Measured {
    let mut measured = Measured::default();
    for tune in abc::split_tunebook(&abc::decode(&file.bytes)) {
        match abc::parse_lenient(&tune.text) {
            Ok((score, _)) => {
                measured.tunes.push(abc_tune(&tune.text, &score, with_abcmidi));
                measured.to_time.push((midi::write(&score), tune.text));
            }
            Err(error) => {
                measured.failed.push(FailedFile::new(format!("{}:{}", file.path, tune.line), "read abc", error))
            }
        }
    }
    measured
}

fn abc_tune(text: &str, score: &Score, with_abcmidi: bool) -> AbcTune {
    let theirs = if with_abcmidi { abcmidi::notes_of_abc(text) } else { None };
    let played = abc::parse_lenient_as(text, Performance::AsPlayed).map_or_else(|_| Score::default(), |read| read.0);
    AbcTune {
        has_equal_bars: bars::are_equal(text, score),
        f1_as_played: theirs.as_ref().map(|theirs| f1(theirs, &played, TICKS_PER_BEAT / 16)),
        f1_as_written: theirs.as_ref().map(|theirs| f1(theirs, score, TICKS_PER_BEAT / 16)),
    }
}
