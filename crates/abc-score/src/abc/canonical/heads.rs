//! What stands in front of the music: the header, and the head of each voice.

use super::{Head, InForce, Sheet, spelling};
use crate::abc::read::fields::{self, Midi, Reach, Shift};
use crate::abc::read::source::Source;
use crate::abc::read::token::Token;

/// A sheet without music.
pub(super) fn sheet_heads(source: &Source) -> Sheet {
    let mut sheet = Sheet { in_force: header_in_force(source), ..Sheet::default() };
    sheet.parts = header_values(source, 'P').last().filter(|value| fields::parts(value).is_some()).map(str::to_string);
    let directives = source.header.iter().chain(&source.body).filter_map(|item| match &item.token {
        Token::Directive(text) => fields::reach(text),
        _ => None,
    });
    sheet.reach = directives.fold(Reach::default(), |_, reach| reach);
    sheet.chord_attack = chord_attack(source);
    let mut heads = Heads { sheet, current: 0, program: None, channel: None, transpose: None };
    source.header.iter().for_each(|item| heads.token(&item.token, true));
    heads.current = 0;
    source.body.iter().for_each(|item| heads.token(&item.token, false));
    heads.voice();
    let mut sheet = heads.sheet;
    for voice in &mut sheet.voices {
        voice.started = false; // from now on: whether its first note has been written
    }
    sheet
}

/// Gathers the voices and what stands before their first note.
struct Heads {
    sheet: Sheet,
    current: usize,
    /// From the header, before any voice.
    program: Option<u8>,
    channel: Option<u8>,
    transpose: Option<i16>,
}

impl Heads {
    fn voice(&mut self) -> Option<&mut Head> {
        if self.sheet.voices.is_empty() {
            self.add("1".to_string());
        }
        self.sheet.voices.get_mut(self.current)
    }

    fn add(&mut self, id: String) {
        let in_force = InForce { program: self.program, transpose: self.transpose, ..InForce::default() };
        self.sheet.voices.push(Head { id, channel: self.channel.take(), in_force, started: false });
        self.current = self.sheet.voices.len() - 1;
    }

    fn token(&mut self, token: &Token, in_header: bool) {
        match token {
            Token::Field { letter: 'V', value } => {
                let (id, _) = fields::voice(value);
                match self.sheet.voices.iter().position(|voice| voice.id == id) {
                    Some(known) => self.current = known,
                    None => self.add(id),
                }
                let shift = fields::shift(value);
                if let Some(voice) = self.voice().filter(|voice| !voice.started) {
                    voice.in_force.shift = shift.over(voice.in_force.shift);
                }
            }
            Token::Directive(text) => self.midi(text, in_header),
            Token::Dynamic(_) => {
                self.voice();
            }
            Token::Field { .. } | Token::Space | Token::LineEnd => {}
            _ => {
                if let Some(voice) = self.voice() {
                    voice.started = true;
                }
            }
        }
    }

    fn midi(&mut self, text: &str, in_header: bool) {
        let for_all = in_header && self.sheet.voices.is_empty();
        match fields::midi(text).ok().flatten() {
            Some(Midi::Program { channel, program }) if for_all => {
                (self.channel, self.program) = (channel.or(self.channel), Some(program));
            }
            Some(Midi::Channel(channel)) if for_all => self.channel = Some(channel),
            Some(Midi::Transpose(semitones)) if for_all => self.transpose = Some(semitones),
            Some(midi) => {
                if let Some(voice) = self.voice() {
                    match midi {
                        Midi::Channel(channel) | Midi::Program { channel: Some(channel), .. } => {
                            voice.channel = Some(channel)
                        }
                        _ => {}
                    }
                    match midi {
                        Midi::Program { program, .. } if !voice.started => voice.in_force.program = Some(program),
                        Midi::Transpose(semitones) if !voice.started => voice.in_force.transpose = Some(semitones),
                        _ => {}
                    }
                }
            }
            None => {}
        }
    }
}

fn chord_attack(source: &Source) -> Option<String> {
    source.header.iter().chain(&source.body).find_map(|item| match &item.token {
        Token::Directive(text) => match text.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["MIDI", "chordattack", ticks] => ticks.parse::<u32>().ok().map(|ticks| ticks.to_string()),
            _ => None,
        },
        _ => None,
    })
}

fn header_values(source: &Source, letter: char) -> impl Iterator<Item = &str> {
    source.header.iter().filter_map(move |item| match &item.token {
        Token::Field { letter: found, value } if *found == letter => Some(value.as_str()),
        _ => None,
    })
}

fn header_in_force(source: &Source) -> InForce {
    let meter = header_values(source, 'M').last().and_then(|value| fields::meter(value).ok());
    let meter = meter.unwrap_or(Some(crate::Meter::COMMON));
    let unit = header_values(source, 'L').last().and_then(|value| fields::unit_length(value).ok());
    let unit = unit.unwrap_or_else(|| fields::default_unit_length(meter));
    let tempo = header_values(source, 'Q').filter_map(|value| spelling::tempo(value, unit)).last();
    let key = header_key(source);
    InForce { key, meter: spelling::meter(meter), unit: spelling::unit(unit), tempo, ..InForce::default() }
}

/// The last key and all that the `K:` fields of the header say about clef and octave.
fn header_key(source: &Source) -> String {
    let mut name = "C".to_string();
    let mut shift = Shift::default();
    for value in header_values(source, 'K') {
        shift = fields::shift(value).over(shift);
        name = spelling::key_name_and_accidentals(value).unwrap_or(name);
    }
    std::iter::once(name).chain(spelling::shift_words(shift)).collect::<Vec<_>>().join(" ")
}
