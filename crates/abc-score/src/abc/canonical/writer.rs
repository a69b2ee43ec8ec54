//! A tune in canonical form: what stands in front of the music, then the music, cell by cell.

use super::{Cell, Head, InForce, Sheet, spelling};
use crate::abc::read::body::{TuneBody, VoiceHead, VoiceText};
use crate::abc::read::fields::{self, KeySignature, Midi};
use crate::abc::read::source::Source;
use crate::abc::read::token::{Length, Token};
use std::rc::Rc;

pub(super) struct SheetWriter {
    sheet: Sheet,
    single_rests: bool,
    current: usize,
    /// Text of the cell that grows, and the ending and part that begin it.
    text: String,
    ending: Option<String>,
    part: Option<char>,
    /// State before the growing cell, and now, for each voice.
    before: Vec<Rc<InForce>>,
    now: Vec<Rc<InForce>>,
}

impl SheetWriter {
    pub fn write(source: &Source, tune: &TuneBody, single_rests: bool) -> Sheet {
        let mut writer = SheetWriter::new(source, tune, single_rests);
        source.body.iter().for_each(|item| writer.token(&item.token));
        writer.end_cell(false, true);
        writer.sheet
    }

    fn new(source: &Source, tune: &TuneBody, single_rests: bool) -> Self {
        let sheet = sheet_heads(source, tune);
        let in_force: Vec<Rc<InForce>> = sheet.voices.iter().map(|voice| Rc::new(voice.in_force.clone())).collect();
        let (before, now) = (in_force.clone(), in_force);
        SheetWriter { sheet, single_rests, current: 0, text: String::new(), ending: None, part: None, before, now }
    }

    fn token(&mut self, token: &Token) {
        match token {
            Token::Note(tone) => spelling::note(self.music(), tone),
            Token::Chord { tones, length } => spelling::chord(self.music(), tones, *length),
            Token::Rest(length) => {
                let text = self.music();
                text.push('z');
                spelling::length(text, *length);
            }
            Token::BarRest(bars) => self.bar_rest(*bars),
            Token::Grace(sounds) => spelling::grace(self.music(), sounds),
            Token::Tuplet { p, q, r } => self.music().push_str(&spelling::tuplet(*p, *q, *r)),
            Token::Broken(count) => {
                self.text.truncate(self.text.trim_end_matches(' ').len());
                self.music().push_str(&spelling::broken(*count));
            }
            Token::Overlay => {
                self.text.truncate(self.text.trim_end_matches(' ').len());
                self.music().push('&');
            }
            Token::Bar(bar) if bar.is_plain() && !self.has_begun() => {}
            Token::Bar(bar) => {
                self.text.truncate(self.text.trim_end_matches(' ').len());
                self.music().push_str(&spelling::bar(bar));
                self.end_cell(true, false);
            }
            Token::Ending(passes) => {
                self.end_cell(false, false);
                self.ending = Some(spelling::ending(passes));
            }
            Token::Space => {
                if !self.text.is_empty() && !self.text.ends_with(['&', ']', '>', '<', '}', ' '])
                    || self.text.ends_with(']') && !self.ends_with_field()
                {
                    self.text.push(' ');
                }
            }
            Token::LineEnd => self.end_cell(false, true),
            Token::Field { letter, value } => self.field(*letter, value),
            Token::Directive(text) => self.directive(text),
            Token::Mark(mark) => {
                let name = mark.name();
                *self.music() += &format!("!{name}!");
            }
            Token::Dynamic(_) | Token::Ornament(_) => {}
        }
    }

    fn ends_with_field(&self) -> bool {
        self.text.rfind('[').and_then(|at| self.text.get(at..)).is_some_and(|end| end.chars().nth(2) == Some(':'))
    }

    /// Whether the voice has any music yet, so that a plain bar line has something to end.
    fn has_begun(&self) -> bool {
        !self.text.is_empty() || self.sheet.voices.get(self.current).is_some_and(|voice| voice.started)
    }

    /// The text to write a note or anything else to that begins the music of its voice.
    fn music(&mut self) -> &mut String {
        if let Some(voice) = self.sheet.voices.get_mut(self.current) {
            voice.started = true;
        }
        &mut self.text
    }

    fn bar_rest(&mut self, bars: u32) {
        if self.single_rests {
            for _ in 1..bars.min(10_000) {
                self.music().push_str("Z|");
                self.end_cell(true, false);
            }
            self.music().push('Z');
        } else {
            self.music().push_str(&if bars == 1 { "Z".to_string() } else { format!("Z{bars}") });
        }
    }

    fn end_cell(&mut self, closes_bar: bool, ends_line: bool) {
        if ends_line && !closes_bar {
            self.text.truncate(self.text.trim_end_matches(' ').len());
        }
        let Some(before) = self.before.get_mut(self.current) else { return };
        let has_text = !self.text.is_empty() || self.ending.is_some() || self.part.is_some();
        if has_text {
            let now = self.now.get(self.current).cloned().unwrap_or_default();
            self.sheet.cells.push(Cell {
                voice: self.current,
                text: std::mem::take(&mut self.text),
                ending: self.ending.take(),
                part: self.part.take(),
                closes_bar,
                ends_line,
                in_force: std::mem::replace(before, now),
            });
        } else if let Some(last) = self.sheet.cells.last_mut().filter(|cell| ends_line && cell.voice == self.current) {
            last.ends_line = true;
        }
    }

    fn field(&mut self, letter: char, value: &str) {
        let Some(now) = self.now.get_mut(self.current).map(Rc::make_mut) else { return };
        match letter {
            'K' => {
                let Ok((signature, shift)) = fields::key(value) else { return };
                let name = signature.as_ref().map(spelling::key);
                let words = name.clone().unwrap_or_default() + &spelling::shift_words(shift, now.shift);
                now.shift = shift.over(now.shift);
                if !words.is_empty() {
                    self.text += &format!("[K:{}]", words.trim_start());
                }
                now.key = name.unwrap_or(std::mem::take(&mut now.key));
            }
            'L' => {
                if let Ok(unit) = fields::unit_length(value) {
                    now.unit = spelling::unit(unit);
                    self.text += &format!("[L:{}]", now.unit);
                }
            }
            'M' => {
                if let Ok(meter) = fields::meter(value) {
                    now.meter = spelling::meter(meter);
                    self.text += &format!("[M:{}]", now.meter);
                }
            }
            'Q' => {
                let unit = fields::unit_length(&now.unit).unwrap_or(Length { num: 1, den: 8 });
                if let Some(tempo) = spelling::tempo(value, unit) {
                    self.text += &format!("[Q:{tempo}]");
                    now.tempo = Some(tempo);
                }
            }
            'P' if self.sheet.parts.is_some() => {
                self.end_cell(false, true);
                self.part = value.chars().find(char::is_ascii_alphabetic).map(|part| part.to_ascii_uppercase());
            }
            'V' => self.voice_field(value),
            _ => {}
        }
    }

    fn voice_field(&mut self, value: &str) {
        let (id, _) = fields::voice(value);
        let Some(known) = self.sheet.voices.iter().position(|voice| voice.id == id) else { return };
        self.end_cell(false, true);
        self.current = known;
        let started = self.sheet.voices.get(known).is_some_and(|voice| voice.started);
        let Some(now) = self.now.get_mut(known).filter(|_| started).map(Rc::make_mut) else { return };
        let shift = fields::shift(value);
        let words = spelling::shift_words(shift, now.shift);
        now.shift = shift.over(now.shift);
        if !words.is_empty() {
            self.text += &format!("[V:{}{words}]", known + 1);
        }
    }

    fn directive(&mut self, text: &str) {
        let started = self.sheet.voices.get(self.current).is_some_and(|voice| voice.started);
        let Some(now) = self.now.get_mut(self.current).filter(|_| started).map(Rc::make_mut) else { return };
        match fields::midi(text) {
            Ok(Some(Midi::Program { program, .. })) => {
                now.program = Some(program);
                self.text += &format!("[I:MIDI program {program}]");
            }
            Ok(Some(Midi::Transpose(semitones))) => {
                now.transpose = Some(semitones);
                self.text += &format!("[I:MIDI transpose {semitones}]");
            }
            _ => {}
        }
    }
}

/// A sheet without music.
fn sheet_heads(source: &Source, tune: &TuneBody) -> Sheet {
    let in_force = header_in_force(source, tune);
    let head = |voice: &VoiceText| {
        let (VoiceHead { program, transpose, .. }, shift) = (voice.head, voice.head.shift.over(tune.shift));
        let in_force = InForce { program, shift, transpose, ..in_force.clone() };
        Head { id: voice.id.clone(), channel: voice.channel, in_force, started: false }
    };
    Sheet {
        reach: tune.reach,
        chord_attack: chord_attack(source),
        drums: tune.drums.clone(),
        parts: header_values(source, 'P').last().filter(|_| tune.parts.is_some()).map(str::to_string),
        voices: tune.voices.iter().map(head).collect(),
        in_force,
        cells: Vec::new(),
    }
}

fn header_in_force(source: &Source, tune: &TuneBody) -> InForce {
    let tempo = header_values(source, 'Q').filter_map(|value| spelling::tempo(value, tune.unit)).last();
    let key = spelling::key(&KeySignature { key: tune.key, letters: tune.letters });
    let (meter, unit, shift) = (spelling::meter(tune.meter), spelling::unit(tune.unit), tune.shift);
    InForce { key, meter, unit, tempo, shift, ..InForce::default() }
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
    source.header.iter().filter_map(move |item| item.token.field(letter))
}
