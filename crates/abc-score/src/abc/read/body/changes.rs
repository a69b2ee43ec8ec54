//! Fields and directives within a tune: what they change from there on.

use super::{Event, MAX_PARTS, MAX_VOICES, PlacedEvent, Reader};
use crate::abc::read::fields::{self, KeySignature, Midi};
use crate::abc::read::place::Place;

impl Reader<'_> {
    pub(super) fn field(&mut self, place: Place, letter: char, value: &str) {
        if matches!(letter, 'V' | 'P') && !self.in_header {
            self.line_ends(place); // the canonical form begins a new line here
        }
        match letter {
            'K' => self.key_field(place, value),
            'L' => {
                if let Some(unit) = self.checked(place, fields::unit_length(value)) {
                    self.voice().state.unit = unit;
                }
            }
            'M' => {
                if let Some(meter) = self.checked(place, fields::meter(value)) {
                    self.voice().state.meter = meter;
                    self.push(place, Event::Meter(meter));
                }
            }
            'P' if self.in_header => self.tune.parts = fields::parts(value),
            'P' => self.part(place, value),
            'Q' => self.tempo_field(place, value),
            'V' => self.voice_field(place, value),
            _ => {}
        }
    }

    fn tempo_field(&mut self, place: Place, value: &str) {
        let unit = if self.in_header { self.initial.unit } else { self.voice().state.unit };
        if let Some(Some(micros)) = self.checked(place, fields::tempo(value, unit)) {
            if self.in_header {
                self.tune.tempo = Some(micros);
            } else {
                self.push(place, Event::Tempo(micros));
            }
        }
    }

    fn key_field(&mut self, place: Place, value: &str) {
        let Some((signature, shift)) = self.checked(place, fields::key(value)) else { return };
        if let Some(word) = fields::unknown_mode(value) {
            self.complaints.remark(place, format!("{word} is no mode that is known here: K:{value} is read as major"));
        }
        let state = if self.in_header { &mut self.initial } else { &mut self.voice().state };
        state.is_percussion |= fields::is_percussion(value);
        state.shift = shift.over(state.shift);
        if let Some(KeySignature { key, letters }) = signature {
            state.key = letters;
            state.accidentals.clear();
            if self.in_header {
                self.tune.key = key;
            } else {
                self.push(place, Event::Key(key));
            }
        }
    }

    fn voice_field(&mut self, place: Place, value: &str) {
        let (id, name) = fields::voice(value);
        if id.is_empty() {
            return self.complaints.add(place, "V: needs the name of its voice, such as V:1");
        }
        match self.tune.voices.iter().position(|voice| voice.id == id) {
            Some(known) => self.current = known,
            None if self.tune.voices.len() >= MAX_VOICES => {
                return self.complaints.add(place, format!("more than {MAX_VOICES} voices"));
            }
            None => self.add_voice(id, None),
        }
        let shift = fields::shift(value);
        let voice = self.voice();
        voice.name = name.or(voice.name.take());
        voice.state.shift = shift.over(voice.state.shift);
        voice.state.is_percussion |= fields::is_percussion(value);
        if !voice.started {
            voice.head.shift = shift.over(voice.head.shift);
        }
    }

    /// `P:A` begins a part in every voice that has music so far.
    fn part(&mut self, place: Place, value: &str) {
        let Some(name) = value.chars().find(char::is_ascii_alphabetic) else { return };
        self.n_parts += 1;
        if self.n_parts > MAX_PARTS {
            return self.complaints.add(place, format!("more than {MAX_PARTS} parts"));
        }
        self.part = Some(name.to_ascii_uppercase());
        for voice in &mut self.tune.voices {
            voice.events.push(PlacedEvent { place, event: Event::Part(name.to_ascii_uppercase()) });
        }
    }

    pub(super) fn directive(&mut self, place: Place, text: &str) {
        self.tune.reach = fields::reach(text).unwrap_or(self.tune.reach);
        let drum = self.checked(place, fields::drum_note(text)).flatten();
        self.tune.drums.extend(drum);
        match self.checked(place, fields::midi(text)).flatten() {
            Some(Midi::Program { channel, program }) => {
                if let Some(channel) = channel {
                    self.set_channel(channel);
                }
                self.set_program(place, program);
            }
            Some(Midi::Channel(channel)) => self.set_channel(channel),
            Some(Midi::Transpose(semitones)) if self.in_header && self.tune.voices.is_empty() => {
                self.initial.transpose = semitones;
                self.head.transpose = Some(semitones);
            }
            Some(Midi::Transpose(semitones)) => {
                let voice = self.voice();
                voice.state.transpose = semitones;
                if !voice.started {
                    voice.head.transpose = Some(semitones);
                }
            }
            None => {}
        }
    }

    fn set_channel(&mut self, channel: u8) {
        if self.in_header && self.tune.voices.is_empty() {
            self.channel = Some(channel);
        } else {
            self.voice().channel = Some(channel);
        }
    }

    /// Before any `V:` a program holds for all voices.
    fn set_program(&mut self, place: Place, program: u8) {
        if self.in_header && self.tune.voices.is_empty() {
            self.head.program = Some(program);
        } else {
            let voice = self.voice();
            if !voice.started {
                voice.head.program = Some(program);
            }
            self.push(place, Event::Program(program));
        }
    }
}
