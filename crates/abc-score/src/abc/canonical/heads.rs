//! What stands in front of the music: the header, and the head of each voice.

use super::{Head, InForce, Sheet, spelling};
use crate::abc::read::body::{TuneBody, VoiceText};
use crate::abc::read::fields::KeySignature;
use crate::abc::read::source::Source;
use crate::abc::read::token::Token;

/// A sheet without music.
pub(super) fn sheet_heads(source: &Source, tune: &TuneBody) -> Sheet {
    let head = |voice: &VoiceText| {
        let shift = voice.head.shift.over(tune.shift);
        let in_force =
            InForce { program: voice.head.program, shift, transpose: voice.head.transpose, ..InForce::default() };
        Head { id: voice.id.clone(), channel: voice.channel, in_force, started: false }
    };
    Sheet {
        in_force: header_in_force(source, tune),
        reach: tune.reach,
        chord_attack: chord_attack(source),
        drums: tune.drums.clone(),
        parts: header_values(source, 'P').last().filter(|_| tune.parts.is_some()).map(str::to_string),
        voices: tune.voices.iter().map(head).collect(),
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
