//! How tokens are spelled in canonical text.

use crate::music::Meter;
use crate::music::abc::read::fields::{self, KeySignature, Shift};
use crate::music::abc::read::token::{Bar, BarStyle, Length, Tone};
use crate::music::abc::spelling::{key_name, push_length};

/// `""`, `3`, `/`, `3/4`.
pub(super) fn length(length: Length) -> String {
    let mut text = String::new();
    push_length(&mut text, length.num, length.den);
    text
}

/// `^c'`: accidental, letter and octave.
fn head(tone: &Tone) -> String {
    let accidental = match tone.accidental {
        None => "",
        Some(0) => "=",
        Some(1) => "^",
        Some(-1) => "_",
        Some(sharps) if sharps > 0 => "^^",
        Some(_) => "__",
    };
    let letter = if tone.octave > 0 { tone.letter.to_ascii_lowercase() } else { tone.letter };
    let up = usize::try_from(tone.octave - 1).unwrap_or(0);
    let down = usize::try_from(-i16::from(tone.octave)).unwrap_or(0);
    format!("{accidental}{letter}{}{}", "'".repeat(up), ",".repeat(down))
}

pub(super) fn note(tone: &Tone) -> String {
    format!("{}{}{}", head(tone), length(tone.length), if tone.tied { "-" } else { "" })
}

/// `[CEG]2-`; lengths stand inside only where they differ.
pub(super) fn chord(tones: &[Tone], times: Length) -> String {
    let equal = tones.windows(2).all(|pair| matches!(pair, [a, b] if a.length == b.length));
    let all_tied = tones.iter().all(|tone| tone.tied);
    let mut text = "[".to_string();
    for tone in tones {
        text += &head(tone);
        if !equal {
            text += &length(tone.length.times(times));
        }
        if tone.tied && !all_tied {
            text.push('-');
        }
    }
    text.push(']');
    if let (true, Some(first)) = (equal, tones.first()) {
        text += &length(first.length.times(times));
    }
    if all_tied {
        text.push('-');
    }
    text
}

pub(super) fn grace(sounds: &[Vec<Tone>]) -> String {
    let inner: String = sounds
        .iter()
        .map(|tones| {
            let heads: String = tones.iter().map(|tone| format!("{}{}", head(tone), length(tone.length))).collect();
            if tones.len() > 1 { format!("[{heads}]") } else { heads }
        })
        .collect();
    format!("{{{inner}}}")
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

/// `G`, `F#m`, `Ddor`, `D =c`, and `octave=-1` behind it where the clef moves the notes.
pub(super) fn key(value: &str) -> Option<String> {
    let words = key_name_and_accidentals(value).into_iter().chain(shift_words(fields::shift(value)));
    let text = words.collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

/// `G`, `F#m`, `Ddor`, `D =c`; none if the field names no key.
pub(super) fn key_name_and_accidentals(value: &str) -> Option<String> {
    let (signature, _) = fields::key(value).ok()?;
    let KeySignature { key, letters } = signature?;
    let mut text = key_name(key);
    for (letter, (&sounds, usual)) in "abcdefg".chars().zip(letters.iter().zip(fields::signature(key.fifths))) {
        if sounds != usual {
            let sign = ["__", "_", "=", "^", "^^"].get(usize::try_from(sounds + 2).unwrap_or(2)).unwrap_or(&"=");
            text += &format!(" {sign}{letter}");
        }
    }
    Some(text)
}

pub(super) fn shift_words(shift: Shift) -> Vec<String> {
    let octaves = shift.octaves.map(|octaves| format!("octave={octaves}"));
    let semitones = shift.semitones.map(|semitones| format!("transpose={semitones}"));
    octaves.into_iter().chain(semitones).collect()
}

/// `1/4=120` from any way of giving a tempo; none if the field says nothing about speed.
pub(super) fn tempo(value: &str, unit_length: Length) -> Option<String> {
    let micros = fields::tempo(value, unit_length).ok()??;
    let unquoted: String = value.split('"').step_by(2).collect();
    match unquoted.split_once('=') {
        Some((beats, rate)) if !beats.contains(['C', 'c', 'L']) => {
            let beats: Vec<&str> = beats.split_whitespace().collect();
            let rate = rate.trim();
            Some(format!("{}={}", beats.join(" "), rate.trim_end_matches(|c: char| !c.is_ascii_digit())))
        }
        _ => Some(format!("1/4={}", (60e6 / f64::from(micros)).round())),
    }
}
