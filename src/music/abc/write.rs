//! Score → ABC text: one tune, as a person would write it.
//!
//! ```text
//! X:1
//! M:4/4
//! L:1/8
//! Q:1/4=120
//! K:G
//! V:1
//! %%MIDI channel 1
//! %%MIDI program 33
//! [V:1]G2B2 d2g2|f8-|f4 z4&D8|Z2|
//! ```

use super::engrave::{Layer, Layers, Piece, Tuplet, engrave, layers_of};
use super::{Layout, WriteOptions};
use crate::music::quantise::{bpm_of, to_grid};
use crate::music::score::{Bar, Key, Mode, Score, TICKS_PER_BEAT, Voice};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

/// Bars in one line of text.
const BARS_PER_LINE: usize = 4;

/// Unit note lengths that the writer chooses from, as the number under `L:1/`.
const UNITS: [u32; 4] = [8, 4, 16, 32];

/// Layers that a voice may have: more are hard to read.
const MOST_LAYERS: usize = 4;

/// abc2midi gives up beyond 39 tracks, and each layer of a voice takes one.
const MOST_TRACKS: usize = 38;

/// So many bars in which every voice is silent get a line of their own, as `Z8|`.
const LONG_SILENCE: usize = 8;

/// Bars of silence that one `Z` may stand for: the reader takes no more.
const LONGEST_SILENCE: usize = 10_000;

/// Writes one tune: header, voices, and a blank line at the end. Times off the grid of [`to_grid`] are moved onto it.
///
/// A score whose voices are mostly silent is written in turn even when asked for interleaved, so that the text never
/// exceeds about 40 bytes a note plus 60 a voice plus 16 a change of metre, key or tempo in each voice.
pub fn write(score: &Score, options: &WriteOptions) -> String {
    let score = to_grid(score);
    let bars = score.bars();
    let cuts: Vec<u32> = score.tempos.iter().map(|change| change.tick).collect();
    let cuts_of = |voice| if voice == 0 { cuts.as_slice() } else { &[] };
    let layers = layers_within_budget(&score);
    let parts: Vec<BTreeMap<usize, Layers>> =
        layers.iter().enumerate().map(|(i, layers)| engrave(layers, &bars, cuts_of(i))).collect();
    let has_chords =
        parts.iter().flat_map(|part| part.values()).flatten().flatten().any(|piece| piece.pitches.len() > 1);
    let unit = choose_unit(&parts);
    let mut text = header(&score, unit, has_chords, options);
    let mut writers: Vec<PartWriter> =
        parts.into_iter().enumerate().map(|(i, part)| PartWriter::new(&score, i, part, &bars, unit)).collect();
    let lines = lines_of(&writers, &bars, options.layout, score.n_notes());
    for (voice, from, to) in lines {
        if let Some(writer) = writers.get_mut(voice) {
            writer.write_line(&mut text, from, to);
        }
    }
    text.push('\n');
    text
}

/// The layers of each voice: as many as its overlaps need, as long as abc2midi has tracks for all of them.
fn layers_within_budget(score: &Score) -> Vec<Vec<Layer>> {
    let mut most = MOST_LAYERS;
    loop {
        let layers: Vec<Vec<Layer>> = score.voices.iter().map(|voice| layers_of(voice, most)).collect();
        if most == 1 || layers.iter().map(Vec::len).sum::<usize>() <= MOST_TRACKS {
            return layers;
        }
        most -= 1;
    }
}

// ----------------------------------------------------------------------------------------------------------- header

fn header(score: &Score, unit: u32, has_chords: bool, options: &WriteOptions) -> String {
    let mut text = String::from("X:1\n");
    if let (true, Some(title)) = (options.title, &score.title) {
        let title: String = title.chars().map(|c| if c.is_control() || c == '%' { ' ' } else { c }).collect();
        let _ = writeln!(text, "T:{}", title.trim()); // writing to a String cannot fail, here and below
    }
    let bpm = score.tempos.first().map_or(120, |change| bpm_of(change.micros_per_beat));
    let _ = write!(text, "M:{}\nL:1/{unit}\nQ:1/4={bpm}\nK:{}\n", score.meter(), key_name(score.key()));
    if has_chords {
        text.push_str("%%MIDI chordattack 0\n"); // abc2midi would play the notes of a chord one after the other
    }
    for (i, voice) in score.voices.iter().enumerate() {
        if score.voices.len() > 1 {
            let _ = writeln!(text, "V:{}", i + 1);
        }
        if score.voices.len() > 1 || voice.channel != 0 {
            let _ = writeln!(text, "%%MIDI channel {}", voice.channel + 1);
        }
        if let Some(first) = voice.programs.first().filter(|change| change.tick == 0) {
            let _ = writeln!(text, "%%MIDI program {}", first.program);
        }
    }
    text
}

/// Letters by fifths: F is -1, C is 0, G is 1 and so on.
const LETTERS_BY_FIFTHS: [u8; 7] = *b"FCGDAEB";

/// `Bb`, `F#m`, `Ddor`.
fn key_name(key: Key) -> String {
    let (up, suffix) = match key.mode {
        Mode::Major => (0, ""),
        Mode::Minor => (3, "m"),
        Mode::Dorian => (2, "dor"),
        Mode::Phrygian => (4, "phr"),
        Mode::Lydian => (-1, "lyd"),
        Mode::Mixolydian => (1, "mix"),
        Mode::Locrian => (5, "loc"),
    };
    let (letter, sharps) = spell(key.fifths + up);
    let sign = match sharps {
        0 => "",
        1.. => "#",
        _ => "b",
    };
    format!("{}{sign}{suffix}", char::from(letter))
}

/// Letter and number of sharps (negative: flats) of a place on the line of fifths.
fn spell(fifths: i8) -> (u8, i8) {
    let from_f = fifths + 1;
    (LETTERS_BY_FIFTHS[from_f.rem_euclid(7) as usize], from_f.div_euclid(7))
}

// ------------------------------------------------------------------------------------------------------ unit length

/// The unit with which all lengths take the fewest characters.
fn choose_unit(parts: &[BTreeMap<usize, Layers>]) -> u32 {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    for piece in parts.iter().flat_map(|part| part.values()).flatten().flatten() {
        *counts.entry(piece.written).or_default() += 1;
    }
    let cost = |unit: &u32| counts.iter().map(|(&written, n)| n * length_text(written, *unit).len()).sum::<usize>();
    UNITS.into_iter().min_by_key(cost).unwrap_or(8)
}

/// `""`, `3`, `/`, `3/4`: a length of so many ticks in units of a 1/`unit` note.
fn length_text(written: u32, unit: u32) -> String {
    let unit_ticks = 4 * TICKS_PER_BEAT / unit;
    let divisor = gcd(written, unit_ticks).max(1);
    match (written / divisor, unit_ticks / divisor) {
        (1, 1) => String::new(),
        (1, 2) => "/".into(),
        (1, d) => format!("/{d}"),
        (n, 1) => n.to_string(),
        (n, d) => format!("{n}/{d}"),
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

// ------------------------------------------------------------------------------------------------------------ lines

/// Lines of text in order: voice, first bar, bar after the last.
fn lines_of(writers: &[PartWriter], bars: &[Bar], layout: Layout, n_notes: usize) -> Vec<(usize, usize, usize)> {
    let groups = line_groups(writers, bars.len());
    let sparse = groups.len() * writers.len() > 4 * n_notes + 64;
    if layout == Layout::InTurn || sparse {
        let in_turn =
            |voice| lines_in_turn(&groups, &writers[voice]).into_iter().map(move |(from, to)| (voice, from, to));
        return (0..writers.len()).flat_map(in_turn).collect();
    }
    let mut lines = Vec::new();
    for &(from, to) in &groups {
        let playing = writers.iter().enumerate().filter(|(_, writer)| from < writer.end_bar);
        lines.extend(playing.map(|(voice, writer)| (voice, from, to.min(writer.end_bar))));
    }
    let ended = writers.iter().enumerate().filter(|(_, writer)| writer.end_bar < bars.len());
    lines.extend(ended.map(|(voice, writer)| (voice, writer.end_bar, bars.len()))); // all voices are equally long
    lines
}

/// Groups of bars, joined where this voice is silent.
fn lines_in_turn(groups: &[(usize, usize)], writer: &PartWriter) -> Vec<(usize, usize)> {
    let mut lines: Vec<(usize, usize)> = Vec::new();
    for &(from, to) in groups {
        match lines.last_mut() {
            Some(last) if writer.part.range(from..to).next().is_none() => last.1 = to,
            _ => lines.push((from, to)),
        }
    }
    lines
}

/// Four bars each; a long silence of all voices is one group.
fn line_groups(writers: &[PartWriter], n_bars: usize) -> Vec<(usize, usize)> {
    let mut groups = Vec::new();
    let mut from = 0;
    while from < n_bars {
        let next_sound =
            writers.iter().filter_map(|writer| writer.part.range(from..).next()).map(|(&bar, _)| bar).min();
        let silence = next_sound.unwrap_or(n_bars) - from;
        let n = if silence >= LONG_SILENCE { silence } else { BARS_PER_LINE };
        groups.push((from, (from + n).min(n_bars)));
        from += n;
    }
    groups
}

// ------------------------------------------------------------------------------------------------------------ music

/// Writes one voice, line by line.
struct PartWriter<'a> {
    score: &'a Score,
    bars: &'a [Bar],
    /// 0 for the first voice, which also carries the tempo.
    index: usize,
    voice: &'a Voice,
    part: BTreeMap<usize, Layers>,
    unit: u32,
    /// Bar after the last that has to be written.
    end_bar: usize,
    key: Key,
    /// That of the bar before.
    key_before: Key,
}

impl<'a> PartWriter<'a> {
    fn new(score: &'a Score, index: usize, part: BTreeMap<usize, Layers>, bars: &'a [Bar], unit: u32) -> Self {
        let mut end_bar = part.keys().next_back().map_or(0, |&bar| bar + 1);
        if let (0, Some(last)) = (index, score.tempos.last()) {
            end_bar = end_bar.max(bars.partition_point(|bar| bar.start_ticks <= last.tick));
        }
        static SILENT: Voice = Voice { name: None, channel: 0, programs: Vec::new(), notes: Vec::new() };
        let voice = score.voices.get(index).unwrap_or(&SILENT);
        PartWriter { score, bars, index, voice, part, unit, end_bar, key: score.key(), key_before: score.key() }
    }

    fn write_line(&mut self, text: &mut String, from: usize, to: usize) {
        if self.score.voices.len() > 1 {
            let _ = write!(text, "[V:{}]", self.index + 1);
        }
        let mut silent = 0;
        for number in from..to {
            let Some(bar) = self.bars.get(number).copied() else { break };
            let meter_field = self.meter_at_bar(number);
            let fields = self.key_and_tempo_at_bar(number);
            if !meter_field.is_empty() || !fields.is_empty() {
                write_silence(text, &mut silent);
                text.push_str(&meter_field);
                text.push_str(&fields);
            }
            match self.part.remove(&number) {
                Some(layers) => {
                    write_silence(text, &mut silent);
                    self.write_bar(text, &layers, &bar, &meter_field);
                }
                None if bar.ticks == bar.meter.bar_ticks() => silent += 1,
                None => {
                    write_silence(text, &mut silent);
                    let _ = write!(text, "z{}|", length_text(bar.ticks, self.unit));
                }
            }
        }
        write_silence(text, &mut silent);
        if to >= self.bars.len() {
            text.push(']');
        }
        text.push('\n');
    }

    fn meter_at_bar(&self, number: usize) -> String {
        let meter = |number: usize| self.bars.get(number).map_or(self.score.meter(), |bar| bar.meter);
        let before = number.checked_sub(1).map_or(self.score.meter(), meter);
        if meter(number) == before { String::new() } else { format!("[M:{}]", meter(number)) }
    }

    /// Changes of key and (first voice) tempo on a bar line.
    fn key_and_tempo_at_bar(&mut self, number: usize) -> String {
        let mut fields = String::new();
        let Some(bar) = self.bars.get(number) else { return fields };
        self.key_before = self.key;
        let keys = &self.score.keys;
        let change = keys.binary_search_by_key(&bar.start_ticks, |change| change.tick).ok().and_then(|i| keys.get(i));
        if let (1.., Some(change)) = (number, change) {
            self.key = change.key;
            let _ = write!(fields, "[K:{}]", key_name(change.key));
        }
        self.write_tempo(&mut fields, bar.start_ticks);
        fields
    }

    fn write_tempo(&self, text: &mut String, tick: u32) {
        let tempos = &self.score.tempos;
        if self.index == 0
            && tick > 0
            && let Ok(i) = tempos.binary_search_by_key(&tick, |change| change.tick)
        {
            let _ = write!(text, "[Q:1/4={}]", bpm_of(tempos[i].micros_per_beat));
        }
    }

    fn write_bar(&self, text: &mut String, layers: &Layers, bar: &Bar, meter_field: &str) {
        let mut accidentals = Accidentals::new(self.key);
        let first = layers.iter().filter_map(|pieces| pieces.first()).flat_map(|piece| &piece.pitches);
        for pitch in first.filter(|pitch| pitch.continues) {
            [self.key_before, self.key].iter().for_each(|key| accidentals.expect_doubt(pitch.pitch, *key));
        }
        let mut programs_done = Vec::new();
        for (i, pieces) in layers.iter().enumerate() {
            if i > 0 {
                text.push('&');
                text.push_str(meter_field); // abc2midi counts the bars of each layer for itself
                accidentals.next_layer();
            }
            let mut before: Option<&Piece> = None;
            for piece in pieces {
                if before.is_some_and(|before| self.beam_ends(before, piece, bar)) {
                    text.push(' ');
                }
                if i == 0 && piece.tick > bar.start_ticks {
                    self.write_tempo(text, piece.tick);
                }
                self.write_program(text, piece, &mut programs_done);
                self.write_piece(text, piece, &mut accidentals);
                before = Some(piece);
            }
        }
        text.push('|');
    }

    /// A change of program stands before the first note that it is for, in whichever layer that is.
    fn write_program(&self, text: &mut String, piece: &Piece, done: &mut Vec<u32>) {
        if piece.tick == 0 || done.contains(&piece.tick) || piece.pitches.iter().all(|pitch| pitch.continues) {
            return;
        }
        let programs = &self.voice.programs;
        if let Ok(i) = programs.binary_search_by_key(&piece.tick, |change| change.tick) {
            let _ = write!(text, "[I:MIDI program {}]", programs[i].program);
            done.push(piece.tick);
        }
    }

    fn write_piece(&self, text: &mut String, piece: &Piece, accidentals: &mut Accidentals) {
        let length = length_text(piece.written, self.unit);
        match piece.tuplet {
            // abc2midi takes `(3[CE]/F/G/` for unequal lengths, but believes `(3:2:3`
            Some(Tuplet { n: 3, equal: true, has_chord }) if !has_chord || length.is_empty() => text.push_str("(3"),
            Some(Tuplet { n, .. }) => {
                let _ = write!(text, "(3:2:{n}");
            }
            None => {}
        }
        let all_tied = !piece.pitches.is_empty() && piece.pitches.iter().all(|pitch| pitch.tied);
        match piece.pitches.as_slice() {
            [] => text.push('z'),
            [pitch] => accidentals.write_pitch(text, pitch.pitch),
            pitches => {
                text.push('[');
                for pitch in pitches {
                    accidentals.write_pitch(text, pitch.pitch);
                    if pitch.tied && !all_tied {
                        text.push('-');
                    }
                }
                text.push(']');
            }
        }
        text.push_str(&length);
        if all_tied {
            text.push('-');
        }
    }

    /// Notes shorter than a beat are beamed in fours (threes in compound time); a space ends the beam.
    fn beam_ends(&self, before: &Piece, piece: &Piece, bar: &Bar) -> bool {
        let unit = 4 * TICKS_PER_BEAT / self.unit.clamp(8, 16);
        let compound = bar.meter.denominator >= 8 && bar.meter.numerator.is_multiple_of(3);
        let beam = if compound { TICKS_PER_BEAT * 3 / 2 } else { (4 * unit).max(TICKS_PER_BEAT) };
        let short = before.ticks < TICKS_PER_BEAT || piece.ticks < TICKS_PER_BEAT;
        short && (before.tick - bar.start_ticks) / beam != (piece.tick - bar.start_ticks) / beam
    }
}

/// `Z|`, `Z4|`: whole bars of silence.
fn write_silence(text: &mut String, bars: &mut usize) {
    while *bars > LONGEST_SILENCE {
        let _ = write!(text, "Z{LONGEST_SILENCE}|");
        *bars -= LONGEST_SILENCE;
    }
    match std::mem::take(bars) {
        0 => {}
        1 => text.push_str("Z|"),
        n => {
            let _ = write!(text, "Z{n}|");
        }
    }
}

// ---------------------------------------------------------------------------------------------------------- pitches

/// Spells pitches in a key and remembers the bar's accidentals. An accidental is left out only where every reader agrees:
/// those that carry it to all octaves and those that do not, those that carry it over `&` and those that do not.
struct Accidentals {
    key: Key,
    /// Letters that had another accidental than the key's in this bar, in any layer.
    altered: [bool; 7],
    /// In this layer: what was last written on the letter, in any octave.
    letter: [Option<i8>; 7],
    /// In this layer: what was last written on the letter in that octave.
    place: HashMap<i32, i8>,
}

impl Accidentals {
    fn new(key: Key) -> Self {
        Accidentals { key, altered: [false; 7], letter: [None; 7], place: HashMap::new() }
    }

    fn next_layer(&mut self) {
        self.letter = [None; 7];
        self.place.clear();
    }

    /// A tie over the bar line may carry its accidental to all notes on the letter, as some readers have it.
    /// `key` is that in which the pitch was spelled.
    fn expect_doubt(&mut self, pitch: u8, key: Key) {
        let (letter, sharps) = spell_in_key(pitch, key);
        let i = place_of(letter);
        self.altered[i] |= sharps != self.sharps_of_key(i);
    }

    fn write_pitch(&mut self, text: &mut String, pitch: u8) {
        let (letter, sharps) = spell_in_key(pitch, self.key);
        let natural = i32::from(pitch) - i32::from(sharps);
        let i = place_of(letter);
        let by_key = sharps == self.sharps_of_key(i);
        self.altered[i] |= !by_key;
        let known = self.letter[i] == Some(sharps) && self.place.get(&natural) == Some(&sharps);
        if self.altered[i] && !known {
            text.push_str(match sharps {
                0 => "=",
                1.. => "^",
                _ => "_",
            });
            self.letter[i] = Some(sharps);
            self.place.insert(natural, sharps);
        }
        let octave = natural.div_euclid(12) - 5; // 0 is the octave of middle C
        text.push(char::from(if octave > 0 { letter.to_ascii_lowercase() } else { letter }));
        (1..octave).for_each(|_| text.push('\''));
        (octave..0).for_each(|_| text.push(','));
    }

    /// What the key signature says for a letter, by its place in [`LETTERS_BY_FIFTHS`].
    fn sharps_of_key(&self, i: usize) -> i8 {
        let from_f = i as i8;
        (self.key.fifths - from_f + 6).div_euclid(7)
    }
}

/// Place of a letter in [`LETTERS_BY_FIFTHS`].
fn place_of(letter: u8) -> usize {
    LETTERS_BY_FIFTHS.iter().position(|&other| other == letter).unwrap_or(0)
}

/// Letter and sharps for a pitch: from three fifths below the tonic of the major key to eight above, no double signs.
fn spell_in_key(pitch: u8, key: Key) -> (u8, i8) {
    let lowest = i32::from(key.fifths) - 3;
    let fifths = i32::from(pitch % 12) * 7; // a fifth up is 7 semitones, and 7·7 = 49 = 1 (mod 12)
    let place = (lowest + (fifths - lowest).rem_euclid(12)) as i8;
    match spell(place) {
        (_, 2..) => spell(place - 12),
        (_, ..=-2) => spell(place + 12),
        spelled => spelled,
    }
}

#[cfg(test)]
mod tests;
