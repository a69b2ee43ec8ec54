//! MIDI file → score.

use super::chunks::{Chunks, Division, read_header};
use super::events::visit_events;
use super::keys_down::KeysDown;
use super::notes::{programs_that_sound, without_collisions};
use crate::Result;
use crate::key::find_key;
use crate::score::meters_with_lines;
use crate::{Key, KeyChange, Meter, Mode, Note, ProgramChange, Score, TempoChange, Voice};
use midly::{MetaMessage, MidiMessage, TrackEventKind};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// A name longer than this is cut (characters): some files carry whole documents as track names.
const LONGEST_NAME: usize = 120;

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
        let end = song.read_track(data, base);
        if header.format == 2 {
            base = end; // independent patterns: one after the other
        }
    }
    Ok(song.into_score())
}

/// Everything read so far, in score ticks.
struct Song {
    division: Division,
    title: Option<String>,
    meters: BTreeMap<u32, Meter>,
    tempos: BTreeMap<u32, u32>,
    keys: BTreeMap<u32, Key>,
    /// Program changes of each channel over all tracks: what the synthesiser would be set to.
    channel_programs: [BTreeMap<u32, u8>; 16],
    keys_down: KeysDown,
    voices: Vec<Voice>,
}

/// The voices of one track, one for each channel.
type TrackVoices = [Voice; 16];

impl Song {
    fn new(division: Division) -> Self {
        let (meters, tempos, keys, channel_programs) = Default::default();
        let keys_down = KeysDown::new();
        Song { division, title: None, meters, tempos, keys, channel_programs, keys_down, voices: Vec::new() }
    }

    /// Adds one track that starts at `base` file ticks; returns the file tick of its end.
    fn read_track(&mut self, data: &[u8], base: u64) -> u64 {
        let mut voices: TrackVoices =
            std::array::from_fn(|channel| Voice { channel: channel as u8, ..Voice::default() });
        let (mut now, mut name) = (base, None);
        let Some(mut tick) = self.division.score_tick(base) else { return base };
        visit_events(data, |delta, event| {
            if delta > 0 {
                now += u64::from(delta);
                let Some(later) = self.division.score_tick(now) else { return ControlFlow::Break(()) };
                tick = later;
            }
            match event {
                TrackEventKind::Midi { channel, message } => {
                    self.read_message(tick, channel.as_int(), message, &mut voices);
                }
                TrackEventKind::Meta(MetaMessage::EndOfTrack) => return ControlFlow::Break(()),
                TrackEventKind::Meta(MetaMessage::TrackName(text)) => name = name.take().or_else(|| readable(text)),
                TrackEventKind::Meta(meta) => self.read_meta(tick, *meta),
                _ => {}
            }
            ControlFlow::Continue(())
        });
        self.keys_down.release_all(|channel, note| {
            if let Some(voice) = voices.get_mut(channel) {
                end_note(voice, note, tick); // hanging notes end with the track
            }
        });
        self.keep_voices(voices, name);
        now
    }

    fn read_message(&mut self, tick: u32, channel: u8, message: &MidiMessage, voices: &mut TrackVoices) {
        let Some(voice) = voices.get_mut(usize::from(channel)) else { return };
        match message {
            MidiMessage::NoteOn { key, vel } if vel.as_int() > 0 => {
                self.keys_down.press(channel, key.as_int(), voice.notes.len());
                let (pitch, velocity) = (key.as_int(), vel.as_int());
                voice.notes.push(Note { onset_ticks: tick, pitch, duration_ticks: 1, velocity });
            }
            MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                if let Some(note) = self.keys_down.release(channel, key.as_int()) {
                    end_note(voice, note, tick);
                }
            }
            MidiMessage::ProgramChange { program } => {
                voice.programs.push(ProgramChange { tick, program: program.as_int() });
                self.channel_programs[usize::from(channel)].insert(tick, program.as_int());
            }
            _ => {}
        }
    }

    fn read_meta(&mut self, tick: u32, meta: MetaMessage) {
        match meta {
            MetaMessage::Tempo(micros) if micros.as_int() > 0 => {
                self.tempos.insert(tick, micros.as_int());
            }
            MetaMessage::TimeSignature(numerator @ 1.., power @ 0..=6, _, _) => {
                self.meters.insert(tick, Meter { numerator: numerator.into(), denominator: 1 << power });
            }
            MetaMessage::KeySignature(fifths @ -7..=7, minor) => {
                self.keys.insert(tick, Key { fifths, mode: if minor { Mode::Minor } else { Mode::Major } });
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
        let mut score = Score { title: self.title, voices: self.voices, ..Score::default() };
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

/// Text of a file from before UTF-8: invalid bytes are taken as Latin-1; line breaks and control characters go.
fn readable(bytes: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_string(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    };
    let kept: String =
        text.trim_start_matches('\u{feff}').chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_string())
}
