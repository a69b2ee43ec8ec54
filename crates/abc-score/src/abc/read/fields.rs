//! The values of fields: metre, unit note length, key, tempo, voice, parts.

use super::token::{Length, Tone};
use crate::Meter;
use crate::key::{Key, LETTERS_BY_FIFTHS, Mode, sharps_in_signature};

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

/// Which drum a note of a voice of drums is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DrumNote {
    pub accidental: Option<i8>,
    pub letter: char,
    pub octave: i8,
    pub pitch: u8,
}

/// General MIDI's drums from pitch 35 on, as `%%percmap` names them.
const DRUM_NAMES: &str = "acoustic-bass-drum bass-drum-1 side-stick acoustic-snare hand-clap electric-snare low-floor-tom \
    closed-hi-hat high-floor-tom pedal-hi-hat low-tom open-hi-hat low-mid-tom hi-mid-tom crash-cymbal-1 high-tom \
    ride-cymbal-1 chinese-cymbal ride-bell tambourine splash-cymbal cowbell crash-cymbal-2 vibraslap ride-cymbal-2 \
    hi-bongo low-bongo mute-hi-conga open-hi-conga low-conga high-timbale low-timbale high-agogo low-agogo cabasa maracas \
    short-whistle long-whistle short-guiro long-guiro claves hi-wood-block low-wood-block mute-cuica open-cuica \
    mute-triangle open-triangle";

/// `MIDI drummap ^g 42`, `percmap F acoustic-bass-drum`, `percmap F 36`; none for other directives.
pub(crate) fn drum_note(text: &str) -> Result<Option<DrumNote>, String> {
    let text = text.replacen("MIDI=", "MIDI ", 1);
    let (note, drum) = match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["MIDI", "drummap", note, drum] | ["percmap", note, drum, ..] => (*note, *drum),
        _ => return Ok(None),
    };
    let wrong = || format!("{text}: expected a note and a drum, as in percmap F acoustic-bass-drum or drummap F 36");
    let named = || {
        (35..)
            .zip(DRUM_NAMES.split_whitespace())
            .find(|(_, name)| name.eq_ignore_ascii_case(drum))
            .map(|(pitch, _)| pitch)
    };
    let pitch = drum.parse().ok().filter(|&pitch| pitch < 128).or_else(named).ok_or_else(wrong)?;
    let Tone { accidental, letter, octave, .. } = super::lex::tone_of(note).ok_or_else(wrong)?;
    Ok(Some(DrumNote { accidental, letter, octave, pitch }))
}

/// Whether a `K:` or `V:` field has the clef of drums.
pub(crate) fn is_percussion(value: &str) -> bool {
    value.split_whitespace().any(|word| word.strip_prefix("clef=").unwrap_or(word).starts_with("perc"))
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
        Some((beats, rate)) => (beats.replace('♩', "1/4").replace('♪', "1/8"), rate),
        None if numbers.contains('/') => return Err(wrong()),
        None => ("1/4".to_string(), numbers),
    };
    let rate: f64 = number_in(rate).parse().map_err(|_| wrong())?;
    let mut whole_notes = 0.0;
    for beat in without_words(&beats) {
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

/// The lengths in `Andante 1/4`.
pub(crate) fn without_words(beats: &str) -> impl Iterator<Item = &str> {
    beats.split_whitespace().skip_while(|word| word.len() > 1 && !word.contains(|c: char| c.is_ascii_digit()))
}

/// The first number of `ca. 100`, `100-110`, `100..110` or `100bpm`.
pub(crate) fn number_in(rate: &str) -> &str {
    let rate = rate.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = rate.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rate.len());
    rate.get(..end).and_then(|number| number.split("..").next()).unwrap_or_default().trim_end_matches('.')
}

/// `G`, `Ador`, `D mix`, `F# minor`, `none`, `HP`, with explicit accidentals (`=c ^g`), `exp`, and clef words behind.
pub(crate) fn key(value: &str) -> Result<(Option<KeySignature>, Shift), String> {
    let plain = with_signs(value);
    let mut words = plain.split_whitespace().peekable();
    let Some(first) = words.peek().copied().filter(|word| !is_clef_word(word)) else {
        return Ok((None, shift(value))); // clef only: the key stays
    };
    words.next();
    let (first, attached) = first.split_at(first.find(['^', '_', '=']).unwrap_or(first.len()));
    let (fifths, mode) = match first {
        "none" | "None" => (0, Mode::Major),
        "HP" | "Hp" => (2, Mode::Mixolydian), // highland pipes: F and C sharp, tonic A
        _ => tonic_and_mode(first, words.peek().copied()).ok_or_else(|| {
            format!(
                "K:{value} is not a key: expected a tonic such as C, F# or Bb and a mode such as major, m, dor or mix"
            )
        })?,
    };
    let mut letters = signature(fifths);
    let behind: Vec<&str> = words.filter(|word| word.starts_with(['^', '_', '=']) || *word == "exp").collect();
    if behind.contains(&"exp") {
        letters = [0; 7];
    }
    for accidental in std::iter::once(attached).chain(behind) {
        for (letter, semitones) in accidentals(accidental) {
            letters[letter] = semitones;
        }
    }
    let written = match fifths {
        8.. => fifths - 12, // as G# major, which sounds as A flat major: no signature has so many signs
        ..=-8 => fifths + 12,
        _ => fifths,
    };
    Ok((Some(KeySignature { key: Key { fifths: written, mode }, letters }), shift(value)))
}

/// `B♭`, `Bflat` and `F sharp minor` as `Bb` and `F# minor`.
fn with_signs(value: &str) -> String {
    let plain = value.replace('♭', "b").replace('♯', "#");
    let Some((tonic, behind)) = plain.split_at_checked(1) else { return plain };
    let behind = behind.trim_start_matches([' ', '-']);
    let sign = [("flat", 'b'), ("sharp", '#')].into_iter().find_map(|(word, sign)| {
        let (start, rest) = behind.split_at_checked(word.len())?;
        start.eq_ignore_ascii_case(word).then(|| format!("{tonic}{sign} {rest}"))
    });
    sign.unwrap_or(plain)
}

/// The signature and the mode of `Bb`, `Ador`, `D-mix` or `Gmaj/Em`, or of a tonic and the word behind it.
fn tonic_and_mode(first: &str, second: Option<&str>) -> Option<(i8, Mode)> {
    let letter = first.chars().next()?;
    let fifths = LETTERS_BY_FIFTHS.iter().zip(-1..).find(|(known, _)| char::from(**known) == letter)?.1;
    let behind = first.get(1..)?;
    let (fifths, behind) = match behind.as_bytes().first() {
        Some(b'#') => (fifths + 7, &behind[1..]),
        Some(b'b') => (fifths - 7, &behind[1..]),
        _ => (fifths, behind),
    };
    let behind = behind.trim_start_matches('-');
    let is_remark = !behind.starts_with(char::is_alphabetic); // or nothing
    let named = if is_remark { second.and_then(mode_named) } else { Some(mode_named(behind)?) };
    let (mode, of_mode) = named.unwrap_or((Mode::Major, 0));
    let fifths = fifths + of_mode;
    (-14..=14).contains(&fifths).then_some((fifths, mode))
}

/// The word behind a tonic that says what kind of scale it has, but none that is known here: `D Freygish`.
pub(crate) fn unknown_mode(value: &str) -> Option<String> {
    let plain = with_signs(value);
    let mut words = plain.split_whitespace();
    tonic_and_mode(words.next()?, None)?;
    let word = words.next().filter(|word| word.len() > 3 && word.chars().all(char::is_alphabetic))?;
    (mode_named(word).is_none() && !is_clef_word(word)).then(|| word.to_string())
}

/// Only the first three letters of a mode count, in any case; `m` alone is minor. What stands behind a mode is a remark.
fn mode_named(word: &str) -> Option<(Mode, i8)> {
    let word = word.trim_start_matches('-');
    let word = word.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let start = word.chars().take(3).collect::<String>().to_lowercase();
    let start = match start.as_str() {
        "ion" => "maj",
        "m" | "aeo" => "min",
        start => start,
    };
    let known = |&&(_, name, ..): &&(Mode, &str, &str, i8)| start.len() == 3 && name.starts_with(start);
    Mode::ALL.iter().find(known).map(|&(mode, _, _, fifths)| (mode, -fifths))
}

/// Semitones of the letters A to G under a signature of so many sharps (or flats, if negative).
pub(crate) fn signature(fifths: i8) -> [i8; 7] {
    let place = |letter: u8| LETTERS_BY_FIFTHS.iter().position(|&known| known == letter).unwrap_or(0) as i8;
    std::array::from_fn(|letter| sharps_in_signature(fifths, place(b'A' + letter as u8)))
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
    word.contains('=') && word.starts_with(|c: char| c.is_ascii_lowercase())
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
        } else if !word.contains('=') && is_clef_word(word) {
            shift.octaves = shift.octaves.or(Some(0)); // a clef without a number ends what the one before did
        }
    }
    shift
}

/// The identifier of a voice and its `name=`.
pub(crate) fn voice(value: &str) -> (String, Option<String>) {
    let id = value.split_whitespace().next().unwrap_or_default().to_string();
    let property = |name: &&str| {
        let at = value.match_indices(*name).find(|(at, _)| value[..*at].ends_with(char::is_whitespace))?.0;
        let after = &value[at + name.len()..];
        let quoted = after.strip_prefix('"').map(|quoted| quoted.split('"').next());
        quoted.unwrap_or_else(|| after.split_whitespace().next())
    };
    let name = ["name=", "nm="].iter().find_map(property);
    (id, name.map(super::accents::accented).filter(|name| !name.is_empty()))
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
