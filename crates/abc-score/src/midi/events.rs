//! The events of a track: plain ones are read here, the others by midly; and what real files do wrong with them.
//!
//! Without a status byte the status of the event before holds on (running status), here even over meta events: illegal,
//! but common. Data bytes above 127 lose their top bit, and statuses that a file cannot hold are passed over.

use midly::live::LiveEvent;
use midly::num::{u4, u7, u14};
use midly::{EventIter, MidiMessage, PitchBend, TrackEventKind};
use std::ops::ControlFlow;

/// Calls `visit` with the time since the event before, in ticks of the file, and each event, up to the end of the bytes or to
/// what is cut off. Events are lent: to hand them over would cost as much as to read them.
pub(super) fn visit_events<'a>(bytes: &'a [u8], mut visit: impl FnMut(u32, &TrackEventKind<'a>) -> ControlFlow<()>) {
    let (mut unread, mut running_status) = (bytes, None);
    loop {
        let flow = if let Some(plain) = PlainEvent::new(unread, running_status) {
            (unread, running_status) = (plain.rest, Some(plain.status));
            visit(plain.delta, &plain.kind())
        } else {
            let mut events = EventIter::new(unread);
            *events.running_status_mut() = running_status;
            if let Some(Ok(event)) = &events.next() {
                unread = events.unread();
                running_status = events.running_status().or(running_status); // a meta event ends it
                visit(event.delta.as_int(), &event.kind)
            } else {
                let Some(mended) = Mended::new(unread, running_status) else { return };
                (unread, running_status) = (mended.rest, mended.running_status);
                visit(mended.delta, &mended.kind)
            }
        };
        if flow.is_break() {
            return;
        }
    }
}

/// A note, controller or bend behind at most two bytes of time, as nearly all events are: read here in a fraction of midly's time.
struct PlainEvent<'a> {
    delta: u32,
    status: u8,
    data: [u8; 2],
    /// The bytes behind it.
    rest: &'a [u8],
}

impl<'a> PlainEvent<'a> {
    fn new(unread: &'a [u8], running_status: Option<u8>) -> Option<Self> {
        let (delta, unread) = match unread {
            [delta @ ..0x80, rest @ ..] => (u32::from(*delta), rest),
            [high, low @ ..0x80, rest @ ..] => (u32::from(high & 0x7f) << 7 | u32::from(*low), rest),
            _ => return None,
        };
        let (status, data) = match unread {
            [status @ 0x80..=0xff, data @ ..] => (*status, data),
            data => (running_status?, data),
        };
        match (status, data) {
            (0x80..=0xbf | 0xe0..=0xef, &[first @ ..0x80, second @ ..0x80, ref rest @ ..]) => {
                Some(PlainEvent { delta, status, data: [first, second], rest })
            }
            _ => None,
        }
    }

    fn kind(&self) -> TrackEventKind<'static> {
        let [first, second] = self.data.map(u7::new);
        let message = match self.status >> 4 {
            0x8 => MidiMessage::NoteOff { key: first, vel: second },
            0x9 => MidiMessage::NoteOn { key: first, vel: second },
            0xa => MidiMessage::Aftertouch { key: first, vel: second },
            0xb => MidiMessage::Controller { controller: first, value: second },
            _ => {
                let bend = u14::new(u16::from(second.as_int()) << 7 | u16::from(first.as_int()));
                MidiMessage::PitchBend { bend: PitchBend(bend) }
            }
        };
        TrackEventKind::Midi { channel: u4::new(self.status & 0xf), message }
    }
}

/// An event that midly refuses.
struct Mended<'a> {
    delta: u32,
    kind: TrackEventKind<'a>,
    running_status: Option<u8>,
    /// The bytes behind it.
    rest: &'a [u8],
}

impl<'a> Mended<'a> {
    /// `None` where the track is cut off or has no status to go by.
    fn new(unread: &'a [u8], running_status: Option<u8>) -> Option<Self> {
        let last = unread.iter().take(4).position(|&byte| byte < 0x80)?;
        let delta = unread.iter().take(last + 1).fold(0, |delta, &byte| delta << 7 | u32::from(byte & 0x7f));
        let (status, data) = match unread.get(last + 1..)? {
            [status, data @ ..] if *status >= 0x80 => (*status, data),
            data => (running_status?, data),
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
        let running_status = if status < 0xf0 { Some(status) } else { running_status };
        Some(Mended { delta, kind, running_status, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_events_are_read_as_midly_reads_them() {
        let times: [&[u8]; 5] = [&[0], &[0x7f], &[0x81, 0x05], &[0xff, 0x7f], &[0x81, 0x80, 0x00]];
        let mut n_plain = 0;
        for (status, time) in (0x80..=0xff).flat_map(|status| times.map(|time| (status, time))) {
            for data in [[0, 0], [60, 0], [1, 127], [127, 64], [60, 200]] {
                for (written, running) in [(&[status][..], None), (&[], Some(status))] {
                    let bytes = [time, written, &data, &[1, 2]].concat();
                    let Some(plain) = PlainEvent::new(&bytes, running) else { continue };
                    let mut events = EventIter::new(&bytes);
                    *events.running_status_mut() = running;
                    let event = events.next().unwrap().unwrap();
                    assert_eq!((plain.delta, plain.kind()), (event.delta.as_int(), event.kind));
                    assert_eq!((plain.rest, Some(plain.status)), (events.unread(), events.running_status()));
                    n_plain += 1;
                }
            }
        }
        assert_eq!(n_plain, (64 + 16) * 4 * 4 * 2); // statuses, times, data, with their status or without
    }
}
