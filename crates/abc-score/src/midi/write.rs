//! Score → MIDI file.

use crate::score::DEFAULT_MICROS_PER_BEAT;
use crate::{Key, Mode, Note, Score, TICKS_PER_BEAT, TempoChange, Voice};
use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Timing, TrackEvent, TrackEventKind};

/// What the format 1 files that we write use for velocity 0, which would mean note-off.
const SOFTEST: u8 = 1;

/// Writes a format 1 file at [`TICKS_PER_BEAT`]: a conductor track (title, tempo, metre, key), then one track a voice.
pub fn write(score: &Score) -> Vec<u8> {
    let header = Header::new(Format::Parallel, Timing::Metrical(u15::new(TICKS_PER_BEAT as u16)));
    let tracks: Vec<Vec<TrackEvent>> =
        std::iter::once(conductor_track(score)).chain(score.voices.iter().map(voice_track)).collect();
    let mut bytes = Vec::new();
    let written = midly::write(&header, tracks.iter().map(|track| track.iter()), &mut bytes);
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
    for word in &score.words {
        events.push((word.tick, 4, TrackEventKind::Meta(MetaMessage::Lyric(word.text.as_bytes()))));
    }
    let unsaid = TempoChange { tick: 0, micros_per_beat: DEFAULT_MICROS_PER_BEAT };
    let begins_unsaid = score.tempos.first().is_none_or(|first| first.tick > 0);
    for change in begins_unsaid.then_some(&unsaid).into_iter().chain(&score.tempos) {
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
    let key = |note: &Note| u7::new(note.pitch.min(127));
    events.extend(voice.notes.iter().map(|note| {
        let vel = u7::new(note.velocity.clamp(SOFTEST, 127));
        (note.onset_ticks, 3, midi(MidiMessage::NoteOn { key: key(note), vel }))
    }));
    events.extend(voice.notes.iter().map(|note| {
        let end = note.onset_ticks.saturating_add(note.duration_ticks.max(1));
        (end, 1, midi(MidiMessage::NoteOff { key: key(note), vel: u7::new(0) })) // before a note-on of the same tick
    }));
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
