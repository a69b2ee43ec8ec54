//! Notes, chords, rests and grace notes: which pitch, and how long.

use super::performing::Figure;
use super::{Event, Head, PlacedEvent, Reader, State};
use crate::abc::read::fields::{DrumNote, Reach};
use crate::abc::read::place::Place;
use crate::abc::read::token::{Length, STEPS_PER_WHOLE, Tone, scaled, steps_of};
use crate::{DRUM_CHANNEL, Meter};

/// MIDI pitch of the letters A to G in the octave that begins at middle C.
pub(super) const PITCHES: [i16; 7] = [69, 71, 60, 62, 64, 65, 67];

/// A longer note or rest would be a mistake, and an endless score.
const MAX_WHOLE_NOTES: u64 = 20_000;

/// Grace notes take this part of their written length from the note behind them, as in abc2midi.
pub(super) const GRACE_PART: u64 = 4;

#[derive(Debug, Clone, Copy)]
pub(super) struct TupletState {
    pub left: u32,
    /// What it multiplies lengths by.
    part: Length,
}

impl State {
    /// Semitones by clef, octave and transposition.
    pub fn moved(&self) -> i16 {
        let by_shift = 12 * i16::from(self.shift.octaves.unwrap_or(0)) + i16::from(self.shift.semitones.unwrap_or(0));
        self.transpose + by_shift
    }
}

impl Reader<'_> {
    /// Semitones that accidental, tie, bar or key put on a letter. A tie carries its accidental over the bar line, unless
    /// the new bar has said something else of this very place before (as `[=G^G]-|[=G^GG]` does).
    fn semitones(&mut self, tone: &Tone) -> i8 {
        let (letter, reach) = (letter_index(tone), self.tune.reach);
        let state = &self.voice().state;
        let in_bar = state
            .accidentals
            .iter()
            .find(|(altered, octave, _)| *altered == letter && (reach == Reach::Letter || *octave == tone.octave));
        let here = in_bar.filter(|(_, octave, _)| *octave == tone.octave);
        let tied = state.tied.iter().find(|(tied, octave, _)| *tied == tone.letter && *octave == tone.octave);
        let carried = here.map(|found| found.2).or(tied.map(|tied| tied.2)).or(in_bar.map(|found| found.2));
        tone.accidental.or(carried).unwrap_or(state.key[letter])
    }

    /// The pitch that a tone sounds, in semitones by accidental or key, and remembers its accidental.
    fn pitch(&mut self, place: Place, tone: &Tone) -> u8 {
        let letter = letter_index(tone);
        let semitones = self.semitones(tone);
        let reach = self.tune.reach;
        let state = &mut self.voice().state;
        if let Some(semitones) = tone.accidental.filter(|_| reach != Reach::Note) {
            state
                .accidentals
                .retain(|&(altered, octave, _)| altered != letter || (reach == Reach::Octave && octave != tone.octave));
            state.accidentals.push((letter, tone.octave, semitones));
        }
        let pitch = PITCHES[letter] + i16::from(semitones) + 12 * i16::from(tone.octave) + state.moved();
        if let Some(drum) = self.drum(tone, semitones) {
            return drum;
        }
        if !(0..=127).contains(&pitch) {
            self.complaints
                .add(place, format!("this note is out of the range of MIDI (pitch {pitch}, not in 0..=127)"));
        }
        pitch.clamp(0, 127) as u8
    }

    /// What a note of a voice of drums stands for, where the tune says so.
    fn drum(&mut self, tone: &Tone, semitones: i8) -> Option<u8> {
        if self.tune.drums.is_empty() {
            return None;
        }
        let voice = self.voice();
        if !voice.state.is_percussion && voice.channel != Some(DRUM_CHANNEL) {
            return None;
        }
        let by_key = voice.state.key[letter_index(tone)];
        let is_meant = |drum: &&DrumNote| {
            (drum.letter, drum.octave) == (tone.letter, tone.octave) && drum.accidental.unwrap_or(by_key) == semitones
        };
        self.tune.drums.iter().rev().find(is_meant).map(|drum| drum.pitch)
    }

    pub(super) fn sound(&mut self, place: Place, tones: &[Tone], times: Length) {
        let unit = scaled(self.unit_in_tuplet(), times);
        self.swing(tones, unit);
        let figure = self.figure(tones);
        let unit = unit.saturating_mul(self.stretch_of_fermata());
        let mut heads = Vec::with_capacity(tones.len());
        let mut tied = Vec::new();
        for tone in tones {
            heads.push(self.head(place, tone, unit, figure));
            if tone.tied {
                tied.push((tone.letter, tone.octave, self.semitones(tone)));
            }
        }
        self.voice().state.tied = tied;
        let advance = heads.first().map_or(0, |head| head.duration);
        self.push_sound(place, heads, advance);
    }

    fn head(&mut self, place: Place, tone: &Tone, unit: u64, figure: Option<Figure>) -> Head {
        let duration = scaled(unit, tone.length);
        Head { pitch: self.pitch(place, tone), duration, tied: tone.tied, figure }
    }

    pub(super) fn rest(&mut self, place: Place, length: Length) {
        let steps = scaled(self.unit_in_tuplet(), length);
        self.voice().state.beat.rests(steps);
        let steps = steps.saturating_mul(self.stretch_of_fermata());
        self.voice().state.tied.clear();
        self.push_sound(place, Vec::new(), steps);
    }

    pub(super) fn bar_rest(&mut self, place: Place, bars: u32) {
        let bar = self.voice().state.meter.unwrap_or(Meter::COMMON);
        let advance = u64::from(bars) * steps_of(Length::of(bar));
        self.voice().state.tied.clear();
        self.push_sound(place, Vec::new(), advance);
    }

    fn push_sound(&mut self, place: Place, mut heads: Vec<Head>, mut advance: u64) {
        if advance > MAX_WHOLE_NOTES * STEPS_PER_WHOLE {
            self.complaints.add(place, format!("longer than {MAX_WHOLE_NOTES} whole notes: this must be a mistake"));
            (heads, advance) = (Vec::new(), 0);
        }
        let state = &mut self.voice().state;
        let broken = std::mem::take(&mut state.broken);
        let first = state.last_sound;
        self.push(place, Event::Sound { heads, advance });
        let last = self.voice().events.len() - 1;
        self.voice().state.last_sound = Some(last);
        if let Some(first) = first.filter(|&first| broken != 0 && self.can_be_broken(first, last)) {
            let den = 1 << broken.unsigned_abs();
            let dotted = (2 * den - 1, 1, den); // a3/2 b/2, a7/4 b/4
            let (long, short, den) = if broken.abs() == 1 { self.hornpipe.dots().unwrap_or(dotted) } else { dotted };
            let (before, after) = if broken > 0 { (long, short) } else { (short, long) };
            self.stretch(first, before, den);
            self.stretch(last, after, den);
        }
    }

    fn stretch(&mut self, index: usize, num: u32, den: u32) {
        if let Some(PlacedEvent { event: Event::Sound { heads, advance }, .. }) = self.voice().events.get_mut(index) {
            *advance = scaled(*advance, Length { num, den });
            heads.iter_mut().for_each(|head| head.duration = scaled(head.duration, Length { num, den }));
        }
    }

    pub(super) fn grace(&mut self, place: Place, sounds: &[Vec<Tone>]) {
        let unit = steps_of(self.voice().state.unit) / GRACE_PART;
        self.voice().state.beat.last_written = None; // a grace note stands between the two of a pair
        let head = |reader: &mut Self, tone| Head { tied: false, ..reader.head(place, tone, unit, None) };
        let groups = sounds.iter().map(|tones| tones.iter().map(|tone| head(self, tone)).collect()).collect();
        self.push(place, Event::Grace(groups));
    }

    /// (p:q:r: the next r notes last q/p of what is written.
    pub(super) fn tuplet(&mut self, place: Place, p: u32, q: Option<u32>, r: Option<u32>) {
        let state = &mut self.voice().state;
        let compound = state.meter.is_some_and(|meter| meter.numerator % 3 == 0 && meter.numerator > 3);
        let default_q = match p {
            2 | 4 | 8 => 3,
            3 | 6 => 2,
            _ if compound => 3,
            _ => 2,
        };
        let part = Length { num: q.unwrap_or(default_q), den: p };
        let new = TupletState { left: r.unwrap_or(p), part };
        if let Some(before) = state.tuplet.replace(new) {
            let message = format!("a tuplet begins while another still wants {} more notes", before.left);
            self.complaints.add(place, message);
        }
    }

    /// The steps of the unit note length within the tuplet that runs; counts one note of it.
    fn unit_in_tuplet(&mut self) -> u64 {
        let state = &mut self.voice().state;
        let unit = steps_of(state.unit);
        let Some(tuplet) = state.tuplet.as_mut() else { return unit };
        let part = tuplet.part;
        tuplet.left = tuplet.left.saturating_sub(1);
        if tuplet.left == 0 {
            state.tuplet = None;
        }
        scaled(unit, part)
    }

    pub(super) fn broken(&mut self, place: Place, count: i8) {
        let state = &mut self.voice().state;
        if state.last_sound.is_some() && state.broken == 0 {
            state.broken = count;
        } else {
            self.complaints.add(place, "broken rhythm (> or <) needs a note on each side");
        }
    }
}

/// 0 is A.
pub(super) fn letter_index(tone: &Tone) -> usize {
    usize::from((tone.letter as u8).saturating_sub(b'A')).min(6)
}
