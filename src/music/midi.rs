//! Standard MIDI files in and out. Only this file knows midly.
//!
//! Reading forgives what real files do: junk before the header, RIFF wrappers, alien chunks, wrong track counts and
//! lengths, tracks that are cut off, running status kept across meta events, SMPTE time, hanging and overlapping notes.
//! What cannot be MIDI is named for what it is.

use super::key::find_key;
use super::score::{
    Key, KeyChange, Meter, MeterChange, Mode, Note, ProgramChange, Score, TICKS_PER_BEAT, TempoChange, Voice,
};
use crate::{Error, Result};
use midly::live::LiveEvent;
use midly::num::{u4, u7, u15, u24, u28};
use midly::{EventIter, Format, Header, MetaMessage, MidiMessage, Timing, TrackEvent, TrackEventKind};
use std::collections::{BTreeMap, VecDeque};

/// Later events are dropped: 559,240 beats, what one delta time can span. Keeps all arithmetic in 32 bits.
const LAST_TICK: u64 = 1 << 28;

/// A name longer than this is cut (characters): some files carry whole documents as track names.
const LONGEST_NAME: usize = 120;

/// What the format 1 files that we write use for velocity 0, which would mean note-off.
const SOFTEST: u8 = 1;

// ---------------------------------------------------------------------------------------------------------- reading

/// Reads a MIDI file into a score at [`TICKS_PER_BEAT`], one voice for each track and channel that has notes.
///
/// A file without notes gives a score without voices. If the file states no key, it is estimated from the notes.
///
/// # Errors
/// [`Error::Midi`] when there is no MIDI header (saying what the bytes look like) or no usable time division.
pub fn read(bytes: &[u8]) -> Result<Score> {
    let start = find(bytes, b"MThd", 0).ok_or_else(|| Error::Midi(describe_not_midi(bytes)))?;
    let header = read_header(&bytes[start..])?;
    let mut song = Song::new(header.division);
    let mut base = 0;
    for data in Chunks::new(bytes, start + header.length) {
        let end = song.read_track(data, base);
        if header.format == 2 {
            base = end; // independent patterns: one after the other
        }
    }
    Ok(song.into_score())
}

struct FileHeader {
    /// Bytes of the whole header chunk.
    length: usize,
    format: u16,
    division: Division,
}

/// Score ticks per file tick, as a fraction.
#[derive(Clone, Copy)]
struct Division {
    numerator: u64,
    denominator: u64,
}

impl Division {
    /// Rounded to the nearest score tick; `None` beyond [`LAST_TICK`].
    fn score_tick(self, file_tick: u64) -> Option<u32> {
        let tick = (u128::from(file_tick) * u128::from(self.numerator) + u128::from(self.denominator / 2))
            / u128::from(self.denominator);
        u32::try_from(tick).ok().filter(|&tick| u64::from(tick) <= LAST_TICK)
    }
}

fn read_header(chunk: &[u8]) -> Result<FileHeader> {
    let [_, _, _, _, l0, l1, l2, l3, f0, f1, _, _, d0, d1, ..] = *chunk else {
        return Err(Error::Midi(format!("The MIDI header is cut off after {} of its 14 bytes.", chunk.len())));
    };
    let length = 8 + (u32::from_be_bytes([l0, l1, l2, l3]) as usize).clamp(6, 64); // 6 in every standard so far
    let division = match (d0, d1) {
        (0, 0) => return Err(Error::Midi("The MIDI header says 0 ticks per beat, so no note has a time.".into())),
        (d0, d1) if d0 < 0x80 => {
            Division { numerator: u64::from(TICKS_PER_BEAT), denominator: u64::from(u16::from_be_bytes([d0, d1])) }
        }
        (frames, per_frame) => smpte_division(256 - u64::from(frames), u64::from(per_frame.max(1))),
    };
    Ok(FileHeader { length, format: u16::from_be_bytes([f0, f1]), division })
}

/// SMPTE time has no beat; by convention a beat is half a second (120 beats per minute). 29 means 30000/1001 frames/s.
fn smpte_division(frames_per_second: u64, ticks_per_frame: u64) -> Division {
    let beat = 2 * u64::from(TICKS_PER_BEAT);
    match frames_per_second {
        29 => Division { numerator: beat * 1001, denominator: 30_000 * ticks_per_frame },
        fps => Division { numerator: beat, denominator: fps * ticks_per_frame },
    }
}

/// The data of the `MTrk` chunks. Lengths that lead nowhere are mended by looking for the next `MTrk`.
struct Chunks<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Chunks<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Self {
        Chunks { bytes, at }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let [t0, t1, t2, t3, l0, l1, l2, l3, ..] = *self.bytes.get(self.at..)? else { return None };
            let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
            let (data, end) = (self.at + 8, (self.at + 8).saturating_add(length));
            if [t0, t1, t2, t3] == *b"MTrk" {
                let next =
                    if starts_chunk(self.bytes, end) { end } else { find(self.bytes, b"MTrk", data).unwrap_or(end) };
                self.at = next;
                return self.bytes.get(data..next.min(self.bytes.len()));
            }
            self.at = if end <= self.bytes.len() { end } else { find(self.bytes, b"MTrk", self.at + 1)? };
        }
    }
}

/// Whether a chunk can start here: four printable characters, or exactly the end of the file.
fn starts_chunk(bytes: &[u8], at: usize) -> bool {
    at == bytes.len() || bytes.get(at..at + 4).is_some_and(|tag| tag.iter().all(|byte| (b' '..=b'~').contains(byte)))
}

fn find(bytes: &[u8], tag: &[u8; 4], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(4).position(|window| window == tag).map(|at| at + from)
}

/// An event that midly refuses, the running status after it, and the bytes that follow: data bytes above 127 lose their top bit, undefined statuses are
/// skipped. `None` when the track is cut off here or has no status to go by.
fn mend(unread: &[u8], running: Option<u8>) -> Option<(TrackEvent<'_>, Option<u8>, &[u8])> {
    let last = unread.iter().take(4).position(|&byte| byte < 0x80)?;
    let delta = unread.iter().take(last + 1).fold(0, |delta, &byte| delta << 7 | u32::from(byte & 0x7f));
    let after = unread.get(last + 1..)?;
    let (status, data) = match after {
        [status, data @ ..] if *status >= 0x80 => (*status, data),
        data => (running?, data),
    };
    let n_data = match status {
        0x80..=0xbf | 0xe0..=0xef | 0xf2 => 2,
        0xc0..=0xdf | 0xf1 | 0xf3 => 1,
        0xf0 | 0xf7 | 0xff => return None, // longer than the track
        _ => 0,
    };
    let (data, rest) = data.split_at_checked(n_data)?;
    let message: Vec<u8> = std::iter::once(status).chain(data.iter().map(|byte| byte & 0x7f)).collect();
    let kind = match LiveEvent::parse(&message) {
        Ok(LiveEvent::Midi { channel, message }) => TrackEventKind::Midi { channel, message },
        _ => TrackEventKind::Escape(&[]), // of no consequence
    };
    let running = if status < 0xf0 { Some(status) } else { running };
    Some((TrackEvent { delta: u28::new(delta), kind }, running, rest))
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
    voices: Vec<Voice>,
}

/// A key that is down: since when, and how hard it was struck.
type Sounding = BTreeMap<(u8, u8), VecDeque<(u32, u8)>>;

impl Song {
    fn new(division: Division) -> Self {
        let (meters, tempos, keys) = Default::default();
        Song { division, title: None, meters, tempos, keys, channel_programs: Default::default(), voices: Vec::new() }
    }

    /// Adds one track that starts at `base` file ticks; returns the file tick of its end.
    fn read_track(&mut self, data: &[u8], base: u64) -> u64 {
        let mut voices: BTreeMap<u8, Voice> = BTreeMap::new();
        let mut sounding = Sounding::new();
        let (mut now, mut name, mut last_tick) = (base, None, 0);
        let mut events = EventIter::new(data);
        let mut status = None;
        loop {
            if events.running_status().is_none() {
                *events.running_status_mut() = status; // kept across meta events: illegal but common
            }
            let unread = events.unread();
            let event = match events.next() {
                Some(Ok(event)) => event,
                _ => {
                    let Some((event, running, rest)) = mend(unread, status) else { break };
                    events = EventIter::new(rest);
                    *events.running_status_mut() = running;
                    event
                }
            };
            status = events.running_status().or(status);
            now += u64::from(event.delta.as_int());
            let Some(tick) = self.division.score_tick(now) else { break };
            last_tick = tick;
            match event.kind {
                TrackEventKind::Midi { channel, message } => {
                    self.read_message(tick, channel.as_int(), message, &mut voices, &mut sounding);
                }
                TrackEventKind::Meta(MetaMessage::EndOfTrack) => break,
                TrackEventKind::Meta(MetaMessage::TrackName(text)) => name = name.or_else(|| readable(text)),
                TrackEventKind::Meta(meta) => self.read_meta(tick, meta),
                _ => {}
            }
        }
        for ((channel, pitch), keys) in sounding {
            for (onset, velocity) in keys {
                add_note(&mut voices, channel, pitch, onset, last_tick, velocity); // hanging notes end with the track
            }
        }
        self.keep_voices(voices, name);
        now
    }

    fn read_message(
        &mut self,
        tick: u32,
        channel: u8,
        message: MidiMessage,
        voices: &mut BTreeMap<u8, Voice>,
        sounding: &mut Sounding,
    ) {
        match message {
            MidiMessage::NoteOn { key, vel } if vel.as_int() > 0 => {
                sounding.entry((channel, key.as_int())).or_default().push_back((tick, vel.as_int()));
            }
            MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                let down = sounding.get_mut(&(channel, key.as_int())).and_then(VecDeque::pop_front); // first in, first out
                if let Some((onset, velocity)) = down {
                    add_note(voices, channel, key.as_int(), onset, tick, velocity);
                }
            }
            MidiMessage::ProgramChange { program } => {
                let change = ProgramChange { tick, program: program.as_int() };
                voices.entry(channel).or_insert_with(|| empty_voice(channel)).programs.push(change);
                if let Some(programs) = self.channel_programs.get_mut(usize::from(channel)) {
                    programs.insert(tick, program.as_int());
                }
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
    fn keep_voices(&mut self, voices: BTreeMap<u8, Voice>, name: Option<String>) {
        let before = self.voices.len();
        for mut voice in voices.into_values().filter(|voice| !voice.notes.is_empty()) {
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
        score.meters = changes(self.meters, Meter::COMMON).map(|(tick, meter)| MeterChange { tick, meter }).collect();
        score.tempos = changes(self.tempos, 500_000)
            .map(|(tick, micros_per_beat)| TempoChange { tick, micros_per_beat })
            .collect();
        let first_key = self.keys.values().next().copied().unwrap_or_else(|| find_key(&score));
        score.keys = changes(self.keys, first_key).map(|(tick, key)| KeyChange { tick, key }).collect();
        score
    }
}

fn empty_voice(channel: u8) -> Voice {
    Voice { channel, ..Voice::default() }
}

fn add_note(voices: &mut BTreeMap<u8, Voice>, channel: u8, pitch: u8, onset_ticks: u32, end: u32, velocity: u8) {
    let duration_ticks = end.saturating_sub(onset_ticks).max(1);
    let voice = voices.entry(channel).or_insert_with(|| empty_voice(channel));
    voice.notes.push(Note { onset_ticks, pitch, duration_ticks, velocity });
}

/// Sorted; a note that is struck again ends there, and notes struck twice at once sound equally long.
pub(super) fn without_collisions(mut notes: Vec<Note>) -> Vec<Note> {
    notes.sort_by_key(|note| (note.pitch, note.onset_ticks, std::cmp::Reverse(note.duration_ticks)));
    let strikes: Vec<&[Note]> = notes.chunk_by(|a, b| (a.pitch, a.onset_ticks) == (b.pitch, b.onset_ticks)).collect();
    let mut resolved = Vec::with_capacity(notes.len());
    for (i, strike) in strikes.iter().enumerate() {
        let Some(longest) = strike.first() else { continue };
        let next = strikes.get(i + 1).and_then(|later| later.first()).filter(|later| later.pitch == longest.pitch);
        let room = next.map_or(u32::MAX, |next| next.onset_ticks - longest.onset_ticks);
        resolved.extend(strike.iter().map(|note| Note { duration_ticks: longest.duration_ticks.min(room), ..*note }));
    }
    resolved.sort_unstable();
    resolved
}

/// The program in force at the first note, then those changes that a later note hears, each at that note's onset.
pub(super) fn programs_that_sound(programs: &[ProgramChange], notes: &[Note]) -> Vec<ProgramChange> {
    let mut sound: Vec<ProgramChange> = Vec::new();
    let mut upcoming = programs.iter().peekable();
    let mut current = None;
    for note in notes {
        while let Some(change) = upcoming.next_if(|change| change.tick <= note.onset_ticks) {
            current = Some(change.program);
        }
        let Some(program) = current else { continue };
        if sound.last().map(|last| last.program) != Some(program) {
            sound.push(ProgramChange { tick: if sound.is_empty() { 0 } else { note.onset_ticks }, program });
        }
    }
    sound
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

/// One sentence that says what the bytes are instead of MIDI.
fn describe_not_midi(bytes: &[u8]) -> String {
    let head: String = bytes.iter().take(512).map(|&byte| char::from(byte).to_ascii_lowercase()).collect();
    let text = head.trim_start();
    let what = if bytes.is_empty() {
        "The file is empty"
    } else if bytes.iter().all(|&byte| byte == 0) {
        "The file holds only zero bytes, as a failed download does"
    } else if text.starts_with("<!doctype")
        || text.contains("<html")
        || text.starts_with("<?xml")
        || text.contains("<head")
    {
        "This is a web page, not MIDI: the server answered with a page instead of the file"
    } else if bytes.starts_with(b"ID3") || matches!(bytes, [0xff, second, ..] if second & 0xe0 == 0xe0) {
        "This is MP3 audio, not MIDI"
    } else if bytes.starts_with(b"OggS") || bytes.starts_with(b"fLaC") || bytes.get(8..12) == Some(b"WAVE") {
        "This is recorded audio, not MIDI"
    } else if bytes.starts_with(&[0x1f, 0x8b]) {
        "This is a gzip archive, not MIDI; unpack it first"
    } else if bytes.starts_with(b"PK\x03\x04") {
        "This is a zip archive, not MIDI; unpack it first"
    } else if text.starts_with("x:") || text.contains("\nk:") {
        "This is ABC text, not MIDI; rename it to .abc"
    } else if !bytes.iter().take(512).any(|&byte| byte == 0 || byte > 0xf4)
        && head.chars().all(|c| !c.is_control() || c.is_whitespace())
    {
        "This is text, not MIDI"
    } else {
        "This is not MIDI"
    };
    format!("{what} ({} bytes, no MThd header).", bytes.len())
}

// ---------------------------------------------------------------------------------------------------------- writing

/// Writes a format 1 file at [`TICKS_PER_BEAT`]: a conductor track (title, tempo, metre, key), then one track a voice.
pub fn write(score: &Score) -> Vec<u8> {
    let header = Header::new(Format::Parallel, Timing::Metrical(u15::new(TICKS_PER_BEAT as u16)));
    let tracks: Vec<Vec<TrackEvent>> =
        std::iter::once(conductor_track(score)).chain(score.voices.iter().map(voice_track)).collect();
    let mut bytes = Vec::new();
    let written = midly::write_std(&header, tracks.iter().map(|track| track.iter()), &mut bytes);
    debug_assert!(written.is_ok(), "a Vec takes every byte");
    bytes
}

fn conductor_track(score: &Score) -> Vec<TrackEvent<'_>> {
    let mut events = Vec::new();
    if let Some(title) = &score.title {
        events.push((0, 0, TrackEventKind::Meta(MetaMessage::TrackName(title.as_bytes()))));
    }
    for change in &score.meters {
        let numerator = u8::try_from(change.meter.numerator).unwrap_or(u8::MAX);
        let power = change.meter.denominator.max(1).ilog2() as u8;
        events.push((change.tick, 1, TrackEventKind::Meta(MetaMessage::TimeSignature(numerator, power, 24, 8))));
    }
    for change in &score.keys {
        events.push((change.tick, 2, TrackEventKind::Meta(key_signature(change.key))));
    }
    for change in &score.tempos {
        let micros = u24::new(change.micros_per_beat.clamp(1, 0xff_ffff));
        events.push((change.tick, 3, TrackEventKind::Meta(MetaMessage::Tempo(micros))));
    }
    delta_track(events)
}

/// MIDI knows major and minor only: the other modes become the one with the same third.
fn key_signature(key: Key) -> MetaMessage<'static> {
    let minor = matches!(key.mode, Mode::Minor | Mode::Dorian | Mode::Phrygian | Mode::Locrian);
    MetaMessage::KeySignature(key.fifths.clamp(-7, 7), minor)
}

fn voice_track(voice: &Voice) -> Vec<TrackEvent<'_>> {
    let channel = u4::new(voice.channel.min(15));
    let midi = |message| TrackEventKind::Midi { channel, message };
    let mut events = Vec::with_capacity(2 * voice.notes.len() + 2);
    if let Some(name) = &voice.name {
        events.push((0, 0, TrackEventKind::Meta(MetaMessage::TrackName(name.as_bytes()))));
    }
    for change in &voice.programs {
        events.push((change.tick, 2, midi(MidiMessage::ProgramChange { program: u7::new(change.program.min(127)) })));
    }
    for note in &voice.notes {
        let key = u7::new(note.pitch.min(127));
        let end = note.onset_ticks.saturating_add(note.duration_ticks.max(1));
        events.push((end, 1, midi(MidiMessage::NoteOff { key, vel: u7::new(0) }))); // before a note-on of the same tick
        let vel = u7::new(note.velocity.clamp(SOFTEST, 127));
        events.push((note.onset_ticks, 3, midi(MidiMessage::NoteOn { key, vel })));
    }
    delta_track(events)
}

/// Events as (tick, order within the tick, kind), in any order → a track with delta times and its end.
fn delta_track(mut events: Vec<(u32, u8, TrackEventKind<'_>)>) -> Vec<TrackEvent<'_>> {
    events.sort_by_key(|&(tick, order, _)| (tick, order));
    let mut now = 0;
    let mut track: Vec<TrackEvent> = Vec::with_capacity(events.len() + 1);
    for (tick, _, kind) in events {
        let delta = u28::new((tick - now).min(0x0fff_ffff));
        track.push(TrackEvent { delta, kind });
        now = tick;
    }
    track.push(TrackEvent { delta: u28::new(0), kind: TrackEventKind::Meta(MetaMessage::EndOfTrack) });
    track
}

#[cfg(test)]
mod tests;
