//! The events of a track, read by midly, and what real files do wrong with them.
//!
//! Without a status byte the status of the event before holds on (running status), here even over meta events: illegal,
//! but common. Data bytes above 127 lose their top bit, and statuses that a file cannot hold are passed over.

use midly::live::LiveEvent;
use midly::{EventIter, TrackEventKind};
use std::ops::ControlFlow;

/// Calls `visit` with the time since the event before, in ticks of the file, and each event, up to the end of the bytes or to
/// what is cut off. Events are lent: to hand them over would cost as much as to read them.
pub(super) fn visit_events<'a>(bytes: &'a [u8], mut visit: impl FnMut(u32, &TrackEventKind<'a>) -> ControlFlow<()>) {
    let mut events = EventIter::new(bytes);
    let mut running_status = None;
    loop {
        let unread = events.unread();
        let flow = match &events.next() {
            Some(Ok(event)) => visit(event.delta.as_int(), &event.kind),
            _ => {
                let Some(mended) = Mended::new(unread, running_status) else { return };
                events = EventIter::new(mended.rest);
                *events.running_status_mut() = mended.running_status;
                visit(mended.delta, &mended.kind)
            }
        };
        if flow.is_break() {
            return;
        }
        match events.running_status() {
            None => *events.running_status_mut() = running_status, // a meta event has ended it
            status => running_status = status,
        }
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
