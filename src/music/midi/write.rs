//! Score → MIDI file.

use super::events::{END_OF_TRACK, KEY, METER, TEMPO, TRACK_NAME};
use crate::music::{Key, Mode, Score, TICKS_PER_BEAT, Voice};

/// What the format 1 files that we write use for velocity 0, which would mean note-off.
const SOFTEST: u8 = 1;

/// The longest time between two events.
const LONGEST_DELTA: u32 = 0x0fff_ffff;

/// Writes a format 1 file at [`TICKS_PER_BEAT`]: a conductor track (title, tempo, metre, key), then one track a voice.
pub fn write(score: &Score) -> Vec<u8> {
    let n_tracks = u16::try_from(score.voices.len() + 1).unwrap_or(u16::MAX);
    let mut bytes = b"MThd\0\0\0\x06\0\x01".to_vec();
    bytes.extend(n_tracks.to_be_bytes());
    bytes.extend((TICKS_PER_BEAT as u16).to_be_bytes());
    write_track(&mut bytes, conductor_events(score));
    for voice in score.voices.iter().take(usize::from(n_tracks - 1)) {
        write_track(&mut bytes, voice_events(voice));
    }
    bytes
}

/// An event to be written. The order of the fields is the order in the track: what stands first at a tick comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Timed<'a> {
    tick: u32,
    order: Order,
    bytes: Bytes<'a>,
}

/// Which of the events at one tick comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Name,
    Meter,
    Key,
    Tempo,
    /// Before a note-on, which may be for the same pitch.
    NoteOff,
    Program,
    NoteOn,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bytes<'a> {
    /// Status and data of an event on a channel; a program has no second data byte.
    Channel([u8; 3]),
    /// A meta event with its data, the first so many bytes.
    Meta(u8, [u8; 4], usize),
    Name(&'a str),
}

fn conductor_events(score: &Score) -> Vec<Timed<'_>> {
    let mut events: Vec<Timed> = score.title.as_deref().map(name_event).into_iter().collect();
    for change in &score.meters {
        let numerator = u8::try_from(change.meter.numerator).unwrap_or(u8::MAX);
        let power = change.meter.denominator.max(1).ilog2() as u8;
        let bytes = Bytes::Meta(METER, [numerator, power, 24, 8], 4); // 24 clocks a click, 8 32nds a quarter note
        events.push(Timed { tick: change.tick, order: Order::Meter, bytes });
    }
    for change in &score.keys {
        let bytes = Bytes::Meta(KEY, key_signature(change.key), 2);
        events.push(Timed { tick: change.tick, order: Order::Key, bytes });
    }
    for change in &score.tempos {
        let [_, high, middle, low] = change.micros_per_beat.clamp(1, 0xff_ffff).to_be_bytes();
        events.push(Timed {
            tick: change.tick,
            order: Order::Tempo,
            bytes: Bytes::Meta(TEMPO, [high, middle, low, 0], 3),
        });
    }
    events
}

fn name_event(name: &str) -> Timed<'_> {
    Timed { tick: 0, order: Order::Name, bytes: Bytes::Name(name) }
}

/// Sharps (negative: flats) and 1 for minor. MIDI knows major and minor only: the other modes become the one with the
/// same third.
fn key_signature(key: Key) -> [u8; 4] {
    let minor = matches!(key.mode, Mode::Minor | Mode::Dorian | Mode::Phrygian | Mode::Locrian);
    [key.fifths.clamp(-7, 7) as u8, u8::from(minor), 0, 0]
}

fn voice_events(voice: &Voice) -> Vec<Timed<'_>> {
    let channel = voice.channel.min(15);
    let mut events = Vec::with_capacity(2 * voice.notes.len() + voice.programs.len() + 1);
    events.extend(voice.name.as_deref().map(name_event));
    for change in &voice.programs {
        let bytes = Bytes::Channel([0xc0 | channel, change.program.min(127), 0]);
        events.push(Timed { tick: change.tick, order: Order::Program, bytes });
    }
    events.extend(voice.notes.iter().map(|note| {
        let bytes = Bytes::Channel([0x90 | channel, note.pitch.min(127), note.velocity.clamp(SOFTEST, 127)]);
        Timed { tick: note.onset_ticks, order: Order::NoteOn, bytes }
    }));
    events.extend(voice.notes.iter().map(|note| {
        let tick = note.onset_ticks.saturating_add(note.duration_ticks.max(1));
        Timed { tick, order: Order::NoteOff, bytes: Bytes::Channel([0x80 | channel, note.pitch.min(127), 0]) }
    }));
    events
}

/// A track of these events, in any order, with delta times and its end.
fn write_track(file: &mut Vec<u8>, mut events: Vec<Timed>) {
    events.sort_by_key(|event| (event.tick, event.order));
    file.extend(b"MTrk\0\0\0\0");
    let start = file.len();
    let (mut now, mut running_status) = (0, 0);
    for event in events {
        push_number(file, (event.tick - now).min(LONGEST_DELTA));
        now = event.tick;
        match event.bytes {
            Bytes::Channel([status, first, second]) => {
                if status != running_status {
                    file.push(status);
                    running_status = status;
                }
                file.push(first);
                if status < 0xc0 {
                    file.push(second);
                }
            }
            Bytes::Meta(kind, data, n_bytes) => push_meta(file, kind, data.get(..n_bytes).unwrap_or_default()),
            Bytes::Name(name) => push_meta(file, TRACK_NAME, name.as_bytes()),
        }
    }
    file.push(0);
    push_meta(file, END_OF_TRACK, &[]);
    let length = u32::try_from(file.len() - start).unwrap_or(u32::MAX);
    if let Some(field) = file.get_mut(start - 4..start) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// Meta events stand before all others, so that they end no running status.
fn push_meta(file: &mut Vec<u8>, kind: u8, data: &[u8]) {
    file.extend([0xff, kind]);
    push_number(file, u32::try_from(data.len()).unwrap_or(0));
    file.extend(data);
}

/// Seven bits a byte, high bits first; all bytes but the last have their top bit set.
fn push_number(file: &mut Vec<u8>, number: u32) {
    if number >= 0x80 {
        push_number_before(file, number >> 7);
    }
    file.push((number & 0x7f) as u8);
}

fn push_number_before(file: &mut Vec<u8>, number: u32) {
    if number >= 0x80 {
        push_number_before(file, number >> 7);
    }
    file.push(0x80 | (number & 0x7f) as u8);
}
