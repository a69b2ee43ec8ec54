//! MIDI file → score.

use super::chunks::{Chunks, Division, read_header};
use super::events::{Event, Events};
use super::notes::{programs_that_sound, without_collisions};
use super::words::{Sung, readable};
use crate::Result;
use crate::key::find_key;
use crate::score::meters_with_lines;
use crate::{Key, KeyChange, Meter, Mode, Note, ProgramChange, Score, TempoChange, Voice};
use std::collections::{BTreeMap, VecDeque};

/// Reads a MIDI file into a score at [`crate::TICKS_PER_BEAT`], one voice for each track and channel that has notes.
///
/// A file without notes gives a score without voices. If the file states no key, it is estimated from the notes.
///
/// # Errors
/// [`crate::Error::Midi`] when there is no MIDI header (saying what the bytes look like) or no usable time division.
pub fn read(bytes: &[u8]) -> Result<Score> {
    let header = read_header(bytes)?;
    let mut song = Song::new(header.division);
    let mut base = 0;
    for data in Chunks::new(bytes, header.end) {
        let end = song.read_track(data, base, header.format);
        if header.format == 2 {
            base = end; // independent patterns: one after the other
        }
    }
    Ok(song.into_score())
}

/// Controllers that end all notes of their channel.
const ALL_SOUND_OFF: u8 = 120;
const ALL_NOTES_OFF: u8 = 123;

/// Everything read so far, in score ticks.
struct Song {
    division: Division,
    title: Option<String>,
    sung: Sung,
    meters: BTreeMap<u32, Meter>,
    tempos: BTreeMap<u32, u32>,
    keys: BTreeMap<u32, Key>,
    /// Program changes of each channel over all tracks: what the synthesiser would be set to.
    channel_programs: [BTreeMap<u32, u8>; 16],
    /// The notes of each key of each channel that are down, by their places in the voice, the first struck first.
    keys_down: [Vec<VecDeque<usize>>; 16],
    voices: Vec<Voice>,
}

/// The voices of one track, one for each channel.
type TrackVoices = [Voice; 16];

impl Song {
    fn new(division: Division) -> Self {
        let (meters, tempos, keys, channel_programs) = Default::default();
        let keys_down = std::array::from_fn(|_| vec![VecDeque::new(); 128]);
        let (title, sung, voices) = Default::default();
        Song { division, title, sung, meters, tempos, keys, channel_programs, keys_down, voices }
    }

    /// Adds one track that starts at `base` file ticks; returns the file tick of its end.
    fn read_track(&mut self, data: &[u8], base: u64, format: u16) -> u64 {
        let mut voices: TrackVoices =
            std::array::from_fn(|channel| Voice { channel: channel as u8, ..Voice::default() });
        let (mut now, mut name) = (base, None);
        let Some(mut tick) = self.division.score_tick(base) else { return base };
        for (delta, event) in Events::new(data) {
            if delta > 0 {
                now += u64::from(delta);
                let Some(later) = self.division.score_tick(now) else { break };
                tick = later;
            }
            match event {
                Event::Channel { kind, channel, data } => {
                    self.read_message(tick, kind, usize::from(channel), data, &mut voices);
                }
                Event::Meta { kind: 0x2f, .. } => break, // the end of the track
                Event::Meta { kind: 0x01, data: [b'@', what, rest @ ..] } => {
                    self.sung.is_karaoke = true;
                    self.title = self.title.take().or_else(|| readable(rest).filter(|_| *what == b'T'));
                }
                Event::Meta { kind: kind @ (0x01 | 0x05), data } => self.sung.add(tick, kind == 0x05, data),
                Event::Meta { kind: 0x03, data } => name = name.take().or_else(|| readable(data)),
                Event::Meta { kind, data } => self.read_meta(tick, kind, data),
                Event::Other => {}
            }
        }
        for (voice, keys) in voices.iter_mut().zip(&mut self.keys_down).filter(|(voice, _)| !voice.notes.is_empty()) {
            keys.iter_mut().flat_map(|notes| notes.drain(..)).for_each(|note| end_note(voice, note, tick)); // hanging notes
        }
        if format == 0 {
            self.title = self.title.take().or(name.take()); // the one track is the piece
        }
        self.sung.end_track();
        self.keep_voices(voices, name);
        now
    }

    fn read_message(&mut self, tick: u32, kind: u8, channel: usize, data: [u8; 2], voices: &mut TrackVoices) {
        let (voice, keys_down) = (&mut voices[channel], &mut self.keys_down[channel]);
        let [pitch, velocity] = data;
        match kind {
            0x9 if velocity > 0 => {
                keys_down[usize::from(pitch)].push_back(voice.notes.len());
                voice.notes.push(Note { onset_ticks: tick, pitch, duration_ticks: 1, velocity });
            }
            0x8 | 0x9 => {
                if let Some(note) = keys_down[usize::from(pitch)].pop_front() {
                    end_note(voice, note, tick);
                }
            }
            0xb if matches!(pitch, ALL_SOUND_OFF | ALL_NOTES_OFF) => {
                keys_down.iter_mut().flat_map(|notes| notes.drain(..)).for_each(|note| end_note(voice, note, tick));
            }
            0xc => {
                voice.programs.push(ProgramChange { tick, program: pitch });
                self.channel_programs[channel].insert(tick, pitch);
            }
            _ => {}
        }
    }

    fn read_meta(&mut self, tick: u32, kind: u8, data: &[u8]) {
        match (kind, data) {
            (0x51, &[a, b, c, ..]) if [a, b, c] != [0; 3] => {
                self.tempos.insert(tick, u32::from_be_bytes([0, a, b, c]));
            }
            (0x58, &[numerator @ 1..=255, power @ 0..=6, ..]) => {
                self.meters.insert(tick, Meter { numerator: numerator.into(), denominator: 1 << power });
            }
            (0x59, &[fifths, mode, ..]) if (-7..=7).contains(&(fifths as i8)) => {
                let mode = if mode == 0 { Mode::Major } else { Mode::Minor };
                self.keys.insert(tick, Key { fifths: fifths as i8, mode });
            }
            _ => {}
        }
    }

    /// Keeps the voices that have notes; the name of a first track without notes is the title.
    fn keep_voices(&mut self, voices: TrackVoices, name: Option<String>) {
        let before = self.voices.len();
        for mut voice in voices.into_iter().filter(|voice| !voice.notes.is_empty()) {
            voice.name = name.clone();
            voice.notes = without_collisions(voice.notes);
            self.voices.push(voice);
        }
        if before == 0 && self.voices.is_empty() && self.title.is_none() {
            self.title = name;
        }
    }

    fn into_score(mut self) -> Score {
        for voice in &mut self.voices {
            let channel = self.channel_programs.get(usize::from(voice.channel));
            if let (true, Some(channel)) = (voice.programs.is_empty(), channel) {
                voice.programs = channel.iter().map(|(&tick, &program)| ProgramChange { tick, program }).collect();
            }
            voice.programs = programs_that_sound(&voice.programs, &voice.notes);
        }
        let words = self.sung.words();
        let mut score = Score { title: self.title, words, voices: self.voices, ..Score::default() };
        self.meters.entry(0).or_insert(Meter::COMMON);
        score.meters = meters_with_lines(self.meters);
        score.tempos = changes(self.tempos, 500_000)
            .map(|(tick, micros_per_beat)| TempoChange { tick, micros_per_beat })
            .collect();
        let first_key = self.keys.values().next().copied().unwrap_or_else(|| find_key(&score));
        score.keys = changes(self.keys, first_key).map(|(tick, key)| KeyChange { tick, key }).collect();
        score
    }
}

/// A note lasts at least a tick.
fn end_note(voice: &mut Voice, note: usize, tick: u32) {
    if let Some(note) = voice.notes.get_mut(note) {
        note.duration_ticks = tick.saturating_sub(note.onset_ticks).max(1);
    }
}

/// Sorted changes from tick 0 on, without those that change nothing.
fn changes<T: Copy + PartialEq>(mut map: BTreeMap<u32, T>, default: T) -> impl Iterator<Item = (u32, T)> {
    map.entry(0).or_insert(default);
    let mut last = None;
    map.into_iter().filter(move |&(_, value)| last.replace(value) != Some(value))
}
