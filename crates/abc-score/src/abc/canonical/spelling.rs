//! How tokens are spelled in canonical text.

use crate::Meter;
use crate::abc::read::fields::{self, DrumNote, KeySignature, Shift};
use crate::abc::read::token::{Bar, BarStyle, Length, Tone};
use crate::abc::spelling::{push_length, push_letter};

/// `""`, `3`, `/`, `3/4`.
pub(super) fn length(text: &mut String, length: Length) {
    push_length(text, length.num, length.den);
}

/// `^c'`: accidental, letter and octave.
fn head(text: &mut String, tone: &Tone) {
    push_head(text, tone.accidental, tone.letter, tone.octave);
}

/// The note that stands for a drum.
pub(super) fn drum(drum: &DrumNote) -> String {
    let mut text = String::new();
    push_head(&mut text, drum.accidental, drum.letter, drum.octave);
    text
}

fn push_head(text: &mut String, accidental: Option<i8>, letter: char, octave: i8) {
    text.push_str(match accidental {
        None => "",
        Some(0) => "=",
        Some(1) => "^",
        Some(-1) => "_",
        Some(2..) => "^^",
        Some(_) => "__",
    });
    push_letter(text, letter, octave.into());
}

pub(super) fn note(text: &mut String, tone: &Tone) {
    head(text, tone);
    length(text, tone.length);
    if tone.tied {
        text.push('-');
    }
}

/// `[CEG]2-`; lengths stand inside only where they differ.
pub(super) fn chord(text: &mut String, tones: &[Tone], times: Length) {
    let equal = tones.windows(2).all(|pair| matches!(pair, [a, b] if a.length == b.length));
    let all_tied = tones.iter().all(|tone| tone.tied);
    text.push('[');
    for tone in tones {
        head(text, tone);
        if !equal {
            length(text, tone.length.times(times));
        }
        if tone.tied && !all_tied {
            text.push('-');
        }
    }
    text.push(']');
    if let (true, Some(first)) = (equal, tones.first()) {
        length(text, first.length.times(times));
    }
    if all_tied {
        text.push('-');
    }
}

pub(super) fn grace(text: &mut String, sounds: &[Vec<Tone>]) {
    text.push('{');
    for tones in sounds {
        let is_chord = tones.len() > 1;
        text.push_str(if is_chord { "[" } else { "" });
        for tone in tones {
            head(text, tone);
            length(text, tone.length);
        }
        text.push_str(if is_chord { "]" } else { "" });
    }
    text.push('}');
}

/// `(3`, `(3:2`, `(3:2:4`, `(3::4`.
pub(super) fn tuplet(p: u32, q: Option<u32>, r: Option<u32>) -> String {
    let number = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
    match (q, r) {
        (None, None) => format!("({p}"),
        (Some(q), None) => format!("({p}:{q}"),
        (q, r) => format!("({p}:{}:{}", number(q), number(r)),
    }
}

pub(super) fn broken(count: i8) -> String {
    if count > 0 { ">" } else { "<" }.repeat(usize::from(count.unsigned_abs()))
}

pub(super) fn bar(bar: &Bar) -> String {
    let colons = |n: u8| ":".repeat(usize::from(n));
    match (bar.ends, bar.begins) {
        (1, 1) => "::".to_string(),
        (0, 0) => match bar.style {
            BarStyle::Plain => "|",
            BarStyle::Double => "||",
            BarStyle::Final => "|]",
            BarStyle::Opening => "[|",
            BarStyle::Invisible => "[|]",
        }
        .to_string(),
        (ends, begins) => format!("{}|{}", colons(ends), colons(begins)),
    }
}

/// `1` or `1,3`.
pub(super) fn ending(passes: &[u32]) -> String {
    passes.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

pub(super) fn meter(meter: Option<Meter>) -> String {
    meter.map_or("none".to_string(), |meter| meter.to_string())
}

pub(super) fn unit(unit: Length) -> String {
    format!("{}/{}", unit.num, unit.den)
}

/// `G`, `F#m`, `Ddor`, `D =c`.
pub(super) fn key(KeySignature { key, letters }: &KeySignature) -> String {
    let mut text = key.in_abc();
    for (letter, (&sounds, usual)) in "abcdefg".chars().zip(letters.iter().zip(fields::signature(key.fifths))) {
        if sounds != usual {
            let sign = ["__", "_", "=", "^", "^^"].get(usize::try_from(sounds + 2).unwrap_or(2)).unwrap_or(&"=");
            text += &format!(" {sign}{letter}");
        }
    }
    text
}

/// What clef and octave do to the notes, where that is not what they do already: ` octave=-1 transpose=2`.
pub(super) fn shift_words(shift: Shift, before: Shift) -> String {
    let word = |name: &str, number: Option<i8>, before: Option<i8>| {
        let new = number.filter(|&number| number != before.unwrap_or(0));
        new.map(|number| format!(" {name}={number}")).unwrap_or_default()
    };
    word("octave", shift.octaves, before.octaves) + &word("transpose", shift.semitones, before.semitones)
}

/// `1/4=120` from any way of giving a tempo; none if the field says nothing about speed.
pub(super) fn tempo(value: &str, unit_length: Length) -> Option<String> {
    let micros = fields::tempo(value, unit_length).ok()??;
    let unquoted: String = value.split('"').step_by(2).collect();
    match unquoted.split_once('=') {
        Some((beats, rate)) if !beats.contains(['C', 'c', 'L']) => {
            let beats = beats.replace('♩', "1/4").replace('♪', "1/8");
            let beats: Vec<&str> = fields::without_words(&beats).collect();
            Some(format!("{}={}", beats.join(" "), fields::number_in(rate)))
        }
        _ => Some(format!("1/4={}", (60e6 / f64::from(micros)).round())),
    }
}
