//! The values of fields: metre, unit note length, key, tempo, voice, parts.

use super::token::Length;
use crate::Meter;
use crate::key::{Key, LETTERS_BY_FIFTHS, Mode};

/// A key as the reader needs it: its signature, and what each letter sounds like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeySignature {
    pub key: Key,
    /// Semitones for the letters A to G.
    pub letters: [i8; 7],
}

/// What clef, `octave=` and `transpose=` do to the pitches of a voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shift {
    pub octaves: Option<i8>,
    pub semitones: Option<i8>,
}

impl Shift {
    /// What it says goes before what was said before.
    pub fn over(self, before: Shift) -> Shift {
        Shift { octaves: self.octaves.or(before.octaves), semitones: self.semitones.or(before.semitones) }
    }
}

/// How far an accidental reaches within its bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Reach {
    /// To its letter in every octave: the default of the standard.
    #[default]
    Letter,
    /// To its letter in the same octave.
    Octave,
    /// To its note alone.
    Note,
}

/// `propagate-accidentals not`, or `MIDI nobarlines` for music without bars; none for other directives.
pub(crate) fn reach(text: &str) -> Option<Reach> {
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["propagate-accidentals", "not"] | ["MIDI", "nobarlines"] => Some(Reach::Note),
        ["propagate-accidentals", "octave"] => Some(Reach::Octave),
        ["propagate-accidentals", "pitch"] | ["MIDI", "barlines"] => Some(Reach::Letter),
        _ => None,
    }
}

/// The directives that change what a voice sounds like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Midi {
    /// Channel 0..=15 if given, program 0..=127.
    Program { channel: Option<u8>, program: u8 },
    /// 0..=15
    Channel(u8),
    /// Semitones.
    Transpose(i16),
}

/// Names that the standard gives to tempi, in quarter notes per minute as abc2midi reads them.
const TEMPO_NAMES: &str = "larghissimo 40, adagissimo 44, lentissimo 48, largo 56, adagio 59, lento 62, larghetto 66, \
    adagietto 76, andante 88, andantino 96, moderato 104, allegretto 112, allegro 120, vivace 168, vivo 180, presto 192, \
    allegrissimo 208, vivacissimo 220, prestissimo 240";

/// `6/8`, `C`, `C|`, `(2+3)/8`; none is free metre.
pub(crate) fn meter(value: &str) -> Result<Option<Meter>, String> {
    let wrong = || format!("M:{value} is not a metre: expected such as 4/4, 6/8, C, C| or none");
    match value {
        "none" | "None" | "" => return Ok(None),
        "C" | "c" => return Ok(Some(Meter::COMMON)),
        "C|" | "c|" => return Ok(Some(Meter { numerator: 2, denominator: 2 })),
        _ => {}
    }
    let (top, bottom) = value.split_once('/').ok_or_else(wrong)?;
    let mut numerator = 0u16;
    for part in top.split(['(', ')', '+', ' ']).filter(|part| !part.is_empty()) {
        numerator = numerator.saturating_add(part.parse::<u16>().map_err(|_| wrong())?);
    }
    let denominator = bottom.trim().parse::<u16>().map_err(|_| wrong())?;
    let fits = (1..=256).contains(&numerator) && denominator.is_power_of_two() && denominator <= 64;
    fits.then_some(Some(Meter { numerator, denominator })).ok_or_else(wrong)
}

/// `1/8`, or `1`.
pub(crate) fn unit_length(value: &str) -> Result<Length, String> {
    let wrong = || format!("L:{value} is not a unit note length: expected such as 1/8 or 1/16");
    let (num, den) = value.split_once('/').unwrap_or((value, "1"));
    let (num, den) = (num.trim().parse::<u32>(), den.trim().parse::<u32>());
    let (num, den) = (num.map_err(|_| wrong())?, den.map_err(|_| wrong())?);
    let fits = (1..=16).contains(&num) && (1..=512).contains(&den);
    fits.then_some(Length { num, den }.reduced()).ok_or_else(wrong)
}

/// The unit note length of a tune that gives none: 1/16 where a bar is shorter than 3/4, otherwise 1/8.
pub(crate) fn default_unit_length(meter: Option<Meter>) -> Length {
    let short = meter.is_some_and(|meter| 4 * u32::from(meter.numerator) < 3 * u32::from(meter.denominator));
    Length { num: 1, den: if short { 16 } else { 8 } }
}

/// Microseconds per quarter note from `1/4=120`, `"Allegro" 3/8=80`, `1/4 1/8=60`, `120` (quarter notes) or a name alone.
pub(crate) fn tempo(value: &str, unit: Length) -> Result<Option<u32>, String> {
    let wrong = || format!("Q:{value} is not a tempo: expected such as 1/4=120");
    let mut name = String::new();
    let mut numbers = String::new();
    for (index, part) in value.split('"').enumerate() {
        if index % 2 == 1 { name = part.trim().to_lowercase() } else { numbers.push_str(part) }
    }
    let numbers = numbers.trim();
    if numbers.is_empty() {
        let mut known = TEMPO_NAMES.split(", ").filter_map(|entry| entry.split_once(' '));
        let bpm = known.find(|(known, _)| *known == name).and_then(|(_, bpm)| bpm.parse::<u32>().ok());
        return Ok(bpm.map(|bpm| 60_000_000 / bpm));
    }
    let (beats, rate) = match numbers.split_once('=') {
        Some((beats, rate)) => (beats.trim(), rate.trim()),
        None => ("1/4", numbers),
    };
    let rate: f64 = rate.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().map_err(|_| wrong())?;
    let mut whole_notes = 0.0;
    for beat in beats.split_whitespace() {
        let length = match beat.strip_prefix(['C', 'c', 'L']) {
            Some(times) => Length { num: times.parse().unwrap_or(1), den: 1 }.times(unit), // C=120 counts unit lengths
            None => unit_length(beat).map_err(|_| wrong())?,
        };
        whole_notes += f64::from(length.num) / f64::from(length.den);
    }
    let micros = 60e6 / (rate * whole_notes * 4.0);
    if !(1_000.0..=60_000_000.0).contains(&micros) {
        return Err(wrong());
    }
    Ok(Some(micros.round() as u32))
}

/// `G`, `Ador`, `D mix`, `F# minor`, `none`, `HP`, with explicit accidentals (`=c ^g`), `exp`, and clef words behind.
pub(crate) fn key(value: &str) -> Result<(Option<KeySignature>, Shift), String> {
    let mut words = value.split_whitespace().peekable();
    let Some(first) = words.peek().copied().filter(|word| !is_clef_word(word)) else {
        return Ok((None, shift(value))); // clef only: the key stays
    };
    words.next();
    let key = match first {
        "none" | "None" => Key { fifths: 0, mode: Mode::Major },
        "HP" | "Hp" => Key { fifths: 2, mode: Mode::Mixolydian }, // highland pipes: F and C sharp, tonic A
        _ => tonic_and_mode(first, &mut words).ok_or_else(|| {
            format!(
                "K:{value} is not a key: expected a tonic such as C, F# or Bb and a mode such as major, m, dor or mix"
            )
        })?,
    };
    let mut letters = signature(key.fifths);
    let explicit: Vec<&str> = words.clone().filter(|word| word.starts_with(['^', '_', '='])).collect();
    if words.any(|word| word == "exp") {
        letters = [0; 7];
    }
    for accidental in explicit {
        for (letter, semitones) in accidentals(accidental) {
            letters[letter] = semitones;
        }
    }
    Ok((Some(KeySignature { key, letters }), shift(value)))
}

fn tonic_and_mode<'a>(first: &str, words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> Option<Key> {
    let mut rest = first.chars();
    let letter = rest.next()?;
    let mut fifths = LETTERS_BY_FIFTHS.iter().zip(-1..).find(|(known, _)| char::from(**known) == letter)?.1;
    let mut word = rest.as_str();
    if let Some(after) = word.strip_prefix('#') {
        (fifths, word) = (fifths + 7, after);
    } else if let Some(after) = word.strip_prefix('b') {
        (fifths, word) = (fifths - 7, after);
    }
    let (word, accidentals_at) = word.split_at(word.find(['^', '_', '=']).unwrap_or(word.len()));
    let mode = if !word.is_empty() || !accidentals_at.is_empty() {
        mode_named(word)?
    } else {
        let named = words.peek().and_then(|word| mode_named(word));
        if named.is_some() {
            words.next();
        }
        named.unwrap_or((Mode::Major, 0))
    };
    let fifths = fifths + mode.1;
    (-7..=7).contains(&fifths).then_some(Key { fifths, mode: mode.0 })
}

/// Only the first three letters of a mode count, in any case; `m` alone is minor.
fn mode_named(word: &str) -> Option<(Mode, i8)> {
    let start = word.chars().take(3).collect::<String>().to_lowercase();
    let start = match start.as_str() {
        "" | "ion" => "maj",
        "m" | "aeo" => "min",
        start => start,
    };
    let known = |&&(_, name, ..): &&(Mode, &str, &str, i8)| start.len() == 3 && name.starts_with(start);
    let &(mode, _, _, fifths) = Mode::ALL.iter().find(known).filter(|_| word.chars().all(char::is_alphabetic))?;
    Some((mode, -fifths))
}

/// Semitones of the letters A to G under a signature of so many sharps (or flats, if negative).
pub(crate) fn signature(fifths: i8) -> [i8; 7] {
    const SHARPS: [usize; 7] = [5, 2, 6, 3, 0, 4, 1]; // F C G D A E B; flats come in the opposite order
    let mut letters = [0; 7];
    let count = usize::from(fifths.unsigned_abs().min(7));
    if fifths >= 0 {
        SHARPS.iter().take(count).for_each(|&letter| letters[letter] = 1);
    } else {
        SHARPS.iter().rev().take(count).for_each(|&letter| letters[letter] = -1);
    }
    letters
}

/// `^c`, `__B`, `=f^g`: letters (0 is A) with their semitones.
fn accidentals(word: &str) -> Vec<(usize, i8)> {
    let mut found = Vec::new();
    let mut semitones = 0;
    for c in word.chars() {
        match c {
            '^' => semitones += 1,
            '_' => semitones -= 1,
            '=' => semitones = 0,
            'A'..='G' | 'a'..='g' => {
                found.push((usize::from(c.to_ascii_uppercase() as u8 - b'A'), semitones));
                semitones = 0;
            }
            _ => return found,
        }
    }
    found
}

fn is_clef_word(word: &str) -> bool {
    const CLEFS: [&str; 9] = ["treble", "bass", "tenor", "alto", "soprano", "mezzo", "baritone", "perc", "stafflines"];
    word.contains('=') && !word.starts_with(['=', '^', '_']) && !word.contains(['^', '_'])
        || CLEFS.iter().any(|clef| word.starts_with(clef))
        || word.starts_with(['+', '-'])
}

/// What `octave=`, `transpose=` and a clef such as `treble-8` say in a `K:` or `V:` field.
pub(crate) fn shift(value: &str) -> Shift {
    let mut shift = Shift::default();
    for word in value.split_whitespace() {
        let word = word.strip_prefix("clef=").unwrap_or(word).trim_matches('"');
        if let Some(octaves) = word.strip_prefix("octave=") {
            shift.octaves = octaves.parse().ok().filter(|n| (-6..=6).contains(n)).or(shift.octaves);
        } else if let Some(semitones) = word.strip_prefix("transpose=") {
            shift.semitones = semitones.parse().ok().filter(|n| (-48..=48).contains(n)).or(shift.semitones);
        } else if !word.contains('=') && word.ends_with("-8") {
            shift.octaves = Some(-1);
        } else if !word.contains('=') && word.ends_with("+8") {
            shift.octaves = Some(1);
        }
    }
    shift
}

/// The identifier of a voice and its `name=`.
pub(crate) fn voice(value: &str) -> (String, Option<String>) {
    let id = value.split_whitespace().next().unwrap_or_default().to_string();
    let name = ["name=", "nm="].iter().find_map(|property| {
        let (_, after) = value.split_once(property)?;
        match after.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => after.split_whitespace().next(),
        }
    });
    (id, name.map(str::to_string).filter(|name| !name.is_empty()))
}

/// The order of parts: `ABA`, `A2B3`, `(AB)3C`, `A.B.A`. None if it is prose, or plays endlessly long.
pub(crate) fn parts(value: &str) -> Option<Vec<char>> {
    const MAX_PARTS: usize = 1000;
    let mut stack: Vec<Vec<char>> = vec![Vec::new()];
    let mut last: Vec<char> = Vec::new(); // what a number behind it repeats
    for c in value.chars() {
        match c {
            'A'..='Z' => {
                stack.last_mut()?.append(&mut last);
                last = vec![c];
            }
            '(' => {
                stack.last_mut()?.append(&mut last);
                stack.push(Vec::new());
            }
            ')' => {
                let mut group = stack.pop()?;
                group.append(&mut last);
                stack.last()?;
                last = group;
            }
            '1'..='9' => last = last.repeat(c.to_digit(10)? as usize),
            '.' | ' ' => {}
            _ => return None,
        }
        if last.len() > MAX_PARTS || stack.iter().map(Vec::len).sum::<usize>() > MAX_PARTS || stack.len() > 16 {
            return None;
        }
    }
    stack.last_mut()?.append(&mut last);
    let order = stack.pop()?;
    (stack.is_empty() && !order.is_empty()).then_some(order)
}

/// `MIDI program 5`, `MIDI program 1 5`, `MIDI channel 10`, `MIDI transpose -12`; other directives move no note.
pub(crate) fn midi(text: &str) -> Result<Option<Midi>, String> {
    let mut words = text.split(|c: char| c.is_whitespace() || c == '=').filter(|word| !word.is_empty());
    if words.next() != Some("MIDI") {
        return Ok(None);
    }
    let command = words.next().unwrap_or_default();
    let numbers: Vec<i16> = words.map_while(|word| word.parse().ok()).collect();
    let channel_of = |number: i16| u8::try_from(number - 1).ok();
    let found = match (command, numbers.as_slice()) {
        ("program", &[program @ 0..=127]) => Some(Midi::Program { channel: None, program: program as u8 }),
        ("program", &[channel @ 1..=16, program @ 0..=127]) => {
            Some(Midi::Program { channel: channel_of(channel), program: program as u8 })
        }
        ("channel", &[channel @ 1..=16]) => channel_of(channel).map(Midi::Channel),
        ("transpose", &[semitones @ -60..=60]) => Some(Midi::Transpose(semitones)),
        ("program", _) => return Err("%%MIDI program needs a number from 0 to 127".to_string()),
        ("channel", _) => return Err("%%MIDI channel needs a number from 1 to 16".to_string()),
        ("transpose", _) => return Err("%%MIDI transpose needs a number of semitones from -60 to 60".to_string()),
        _ => None,
    };
    Ok(found)
}
