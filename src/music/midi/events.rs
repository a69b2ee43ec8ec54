//! The events of a track, read by midly, and what real files do wrong with them.
//!
//! Without a status byte the status of the event before holds on (running status), here even over meta events: illegal,
//! but common. Data bytes above 127 lose their top bit, and statuses that a file cannot hold are passed over.

use midly::live::LiveEvent;
use midly::{EventIter, TrackEventKind};

/// Reads event after event, up to the end of the bytes or to what is cut off.
pub(super) struct Events<'a> {
    events: EventIter<'a>,
    running_status: Option<u8>,
}

impl<'a> Events<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Events { events: EventIter::new(bytes), running_status: None }
    }
}

impl<'a> Iterator for Events<'a> {
    /// The time since the event before, in ticks of the file, and the event.
    type Item = (u32, TrackEventKind<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.events.running_status().is_none() {
            *self.events.running_status_mut() = self.running_status;
        }
        let unread = self.events.unread();
        if let Some(Ok(event)) = self.events.next() {
            self.running_status = self.events.running_status().or(self.running_status);
            return Some((event.delta.as_int(), event.kind));
        }
        let mended = Mended::new(unread, self.running_status)?;
        self.events = EventIter::new(mended.rest);
        self.running_status = mended.running_status;
        Some((mended.delta, mended.kind))
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
