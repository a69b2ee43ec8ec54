//! The music of one voice.

use super::pitches::{Accidentals, KeySpelling};
use crate::abc::engrave::{Part, Piece, Pitch, Tuplet};
use crate::abc::spelling::push_length;
use crate::key::Key;
use crate::quantise::bpm_of;
use crate::score::{Bar, Score, SignKind, TICKS_PER_BEAT, Voice, Word};
use std::fmt::Write;

/// Bars of silence that one `Z` may stand for: the reader takes no more.
const LONGEST_SILENCE: usize = 10_000;

/// Writes one voice, line by line.
pub(super) struct PartWriter<'a> {
    score: &'a Score,
    bars: &'a [Bar],
    /// 0 for the first voice, which also carries the tempo.
    index: usize,
    voice: &'a Voice,
    pub part: Part,
    unit: u32,
    /// Bar after the last that has to be written.
    pub end_bar: usize,
    spelling: KeySpelling,
    /// That of the bar before.
    spelling_before: KeySpelling,
    /// Whether it stands without a key, whatever the key of the score: its pitches are drums, on a page for people.
    without_key: bool,
    /// What this voice sings.
    words: &'a [Word],
}

impl<'a> PartWriter<'a> {
    pub fn new(
        score: &'a Score,
        index: usize,
        part: Part,
        bars: &'a [Bar],
        unit: u32,
        for_people: bool,
        words: &'a [Word],
    ) -> Self {
        let mut end_bar = part.last_bar().map_or(0, |bar| bar + 1);
        if let (0, Some(last)) = (index, score.tempos.last()) {
            end_bar = end_bar.max(bars.partition_point(|bar| bar.start_ticks <= last.tick));
        }
        static SILENT: Voice = Voice { name: None, channel: 0, programs: Vec::new(), notes: Vec::new() };
        let voice = score.voices.get(index).unwrap_or(&SILENT);
        let without_key = for_people && voice.is_drums();
        let spelling = KeySpelling::new(if without_key { Key::default() } else { score.key() });
        let spelling_before = spelling;
        PartWriter { score, bars, index, voice, part, unit, end_bar, spelling, spelling_before, without_key, words }
    }

    pub fn write_line(&mut self, text: &mut String, from: usize, to: usize) {
        if self.score.voices.len() > 1 {
            let _ = write!(text, "[V:{}]", self.index + 1); // writing to a String cannot fail, here and below
            if self.without_key && from == 0 {
                text.push_str("[K:none]");
            }
        }
        let mut silent = 0;
        for number in from..to {
            let Some(bar) = self.bars.get(number).copied() else { break };
            let meter_field = self.meter_at_bar(number);
            let fields = self.key_and_tempo_at_bar(number);
            let layers = self.part.layers(number);
            let sounds = layers.clone().next().is_some();
            let is_silent = !sounds && bar.ticks == bar.meter.bar_ticks();
            let has_sign = self.signs_at(bar.start_ticks).next().is_some();
            if !is_silent || has_sign || !meter_field.is_empty() || !fields.is_empty() {
                write_silence(text, &mut silent);
            }
            self.write_opening(text, bar.start_ticks);
            text.push_str(&meter_field);
            text.push_str(&fields);
            if sounds {
                self.write_bar(text, layers, &bar, &meter_field);
            } else if is_silent {
                silent += 1;
            } else {
                text.push('z');
                push_length(text, bar.ticks, self.unit_ticks());
                text.push('|');
            }
            if self.signs_at(bar.end_ticks()).next().is_some() {
                write_silence(text, &mut silent);
                self.write_closing(text, bar.end_ticks());
            }
        }
        write_silence(text, &mut silent);
        if to >= self.bars.len() {
            text.push(']');
        }
        text.push('\n');
        if !self.words.is_empty() {
            let pieces = (from..to).filter_map(|number| self.part.layers(number).next()).flatten();
            let notes = pieces.filter_map(|piece| {
                let pitches = Some(self.part.pitches(piece)).filter(|pitches| !pitches.is_empty())?;
                Some((piece.tick, pitches.iter().all(|pitch| pitch.continues)))
            });
            text.push_str(&super::words::line(self.words, notes));
        }
    }

    fn signs_at(&self, tick: u32) -> impl Iterator<Item = &'a SignKind> {
        let first = self.score.signs.partition_point(|sign| sign.tick < tick);
        let signs = self.score.signs.iter().skip(first).take_while(move |sign| sign.tick == tick);
        signs.map(|sign| &sign.kind)
    }

    /// Makes a repeat's or a double bar line of the plain one just written.
    fn write_closing(&self, text: &mut String, tick: u32) {
        for kind in self.signs_at(tick) {
            match kind {
                SignKind::Double if tick < self.end_ticks() => text.push('|'),
                SignKind::Final if tick < self.end_ticks() => text.push(']'), // the end has one anyway
                SignKind::RepeatEnds(times) => {
                    text.pop();
                    text.extend(std::iter::repeat_n(':', usize::from(*times)));
                    text.push('|');
                }
                _ => {}
            }
        }
    }

    fn write_opening(&self, text: &mut String, tick: u32) {
        for kind in self.signs_at(tick) {
            match kind {
                SignKind::RepeatBegins => text.push_str(if text.ends_with('|') { ":" } else { "|:" }),
                SignKind::Ending(passes) => {
                    let passes: Vec<String> = passes.iter().map(u32::to_string).collect();
                    let _ = write!(text, "[{}", passes.join(",")); // writing to a String cannot fail
                }
                _ => {}
            }
        }
    }

    fn end_ticks(&self) -> u32 {
        self.bars.last().map_or(0, Bar::end_ticks)
    }

    fn meter_at_bar(&self, number: usize) -> String {
        let meter = |number: usize| self.bars.get(number).map_or(self.score.meter(), |bar| bar.meter);
        if meter(number) == meter(number.saturating_sub(1)) { String::new() } else { format!("[M:{}]", meter(number)) }
    }

    /// Changes of key and (first voice) tempo on a bar line.
    fn key_and_tempo_at_bar(&mut self, number: usize) -> String {
        let mut fields = String::new();
        let Some(bar) = self.bars.get(number) else { return fields };
        self.spelling_before = self.spelling;
        let keys = &self.score.keys;
        let change = keys.binary_search_by_key(&bar.start_ticks, |change| change.tick).ok().and_then(|i| keys.get(i));
        if let (1.., Some(change), false) = (number, change, self.without_key) {
            self.spelling = KeySpelling::new(change.key);
            let _ = write!(fields, "[K:{}]", change.key.in_abc());
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

    fn write_bar<'b>(
        &self,
        text: &mut String,
        layers: impl Iterator<Item = &'b [Piece]> + Clone,
        bar: &Bar,
        meter_field: &str,
    ) {
        let mut accidentals = Accidentals::new(&self.spelling);
        let first = layers.clone().filter_map(|pieces| pieces.first()).flat_map(|piece| self.part.pitches(piece));
        for pitch in first.filter(|pitch| pitch.continues) {
            accidentals.expect_doubt(pitch.pitch, &self.spelling_before);
            accidentals.expect_doubt(pitch.pitch, &self.spelling);
        }
        let beam = self.beam_ticks(bar);
        let mut programs_done = Vec::new();
        for (i, pieces) in layers.enumerate() {
            if i > 0 {
                text.push('&');
                text.push_str(meter_field); // abc2midi counts the bars of each layer for itself
                accidentals.next_layer();
            }
            let mut beam_end = bar.start_ticks + beam;
            let mut was_short = false;
            for piece in pieces {
                let is_short = piece.ticks < TICKS_PER_BEAT;
                if piece.tick >= beam_end {
                    if was_short || is_short {
                        text.push(' ');
                    }
                    beam_end = piece.tick - (piece.tick - bar.start_ticks) % beam + beam;
                }
                was_short = is_short;
                if i == 0 && piece.tick > bar.start_ticks {
                    self.write_opening(text, piece.tick);
                    self.write_tempo(text, piece.tick);
                }
                let pitches = self.part.pitches(piece);
                self.write_program(text, piece.tick, pitches, &mut programs_done);
                self.write_piece(text, piece, pitches, &mut accidentals);
            }
        }
        text.push('|');
    }

    /// A change of program stands before the first note that it is for, in whichever layer that is.
    fn write_program(&self, text: &mut String, tick: u32, pitches: &[Pitch], done: &mut Vec<u32>) {
        let programs = &self.voice.programs;
        let Ok(i) = programs.binary_search_by_key(&tick, |change| change.tick) else { return };
        if tick > 0 && !done.contains(&tick) && pitches.iter().any(|pitch| !pitch.continues) {
            let _ = write!(text, "[I:MIDI program {}]", programs[i].program);
            done.push(tick);
        }
    }

    fn write_piece(&self, text: &mut String, piece: &Piece, pitches: &[Pitch], accidentals: &mut Accidentals) {
        match piece.tuplet {
            // abc2midi takes `(3[CE]/F/G/` for unequal lengths, but believes `(3:2:3`
            Some(Tuplet { n: 3, equal: true, has_chord }) if !has_chord || piece.written == self.unit_ticks() => {
                text.push_str("(3");
            }
            Some(Tuplet { n, .. }) => {
                let _ = write!(text, "(3:2:{n}");
            }
            None => {}
        }
        let all_tied = !pitches.is_empty() && pitches.iter().all(|pitch| pitch.tied);
        match pitches {
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
        push_length(text, piece.written, self.unit_ticks());
        if all_tied {
            text.push('-');
        }
    }

    fn unit_ticks(&self) -> u32 {
        4 * TICKS_PER_BEAT / self.unit
    }

    /// Ticks of a beam: four notes shorter than a beat, in compound time three. A space ends it.
    fn beam_ticks(&self, bar: &Bar) -> u32 {
        let unit = 4 * TICKS_PER_BEAT / self.unit.clamp(8, 16);
        let compound = bar.meter.denominator >= 8 && bar.meter.numerator.is_multiple_of(3);
        if compound { TICKS_PER_BEAT * 3 / 2 } else { (4 * unit).max(TICKS_PER_BEAT) }
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
