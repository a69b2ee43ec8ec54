//! The events of a track, and what real files do wrong with them.
//!
//! Without a status byte the status of the event before holds on (running status), here even over meta events: illegal,
//! but common. Data bytes above 127 lose their top bit, and statuses that a file cannot hold are passed over.

/// What happens, as far as a score can hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// A note, controller, program, pressure or bend: its kind (`status >> 4`) and its one or two bytes of data, below 128.
    Channel { kind: u8, channel: u8, data: [u8; 2] },
    /// Names, words, tempo, metre, key.
    Meta { kind: u8, data: &'a [u8] },
    /// Of no consequence.
    Other,
}

/// Each event behind the time since the one before, in ticks of the file, up to the end of the bytes or to what is cut off.
pub(super) struct Events<'a> {
    unread: &'a [u8],
    running_status: u8,
}

impl<'a> Events<'a> {
    pub fn new(track: &'a [u8]) -> Self {
        Events { unread: track, running_status: 0 }
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, unread) = self.unread.split_first()?;
        self.unread = unread;
        Some(byte)
    }

    /// A number of variable length: seven bits a byte, the last without the top bit, at most four bytes.
    fn number(&mut self) -> Option<u32> {
        let mut number = 0;
        for _ in 0..4 {
            let byte = self.byte()?;
            number = number << 7 | u32::from(byte & 0x7f);
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// As many bytes as the number in front of them says.
    fn block(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        let (block, unread) = self.unread.split_at_checked(length as usize)?;
        self.unread = unread;
        Some(block)
    }

    fn event(&mut self) -> Option<Event<'a>> {
        let status = match *self.unread.first()? {
            status @ 0x80.. => {
                self.unread = &self.unread[1..];
                status
            }
            _ => self.running_status,
        };
        let (kind, channel) = (status >> 4, status & 0xf);
        Some(match status {
            0x80..=0xef => {
                self.running_status = status;
                let first = self.byte()? & 0x7f;
                let second = if matches!(kind, 0xc | 0xd) { 0 } else { self.byte()? & 0x7f };
                Event::Channel { kind, channel, data: [first, second] }
            }
            0xff => Event::Meta { kind: self.byte()?, data: self.block()? },
            0xf0 | 0xf7 => self.block().map(|_| Event::Other)?,
            0xf1..=0xf3 => {
                let n_data = if status == 0xf2 { 2 } else { 1 };
                self.unread = self.unread.get(n_data..)?;
                Event::Other
            }
            0xf4.. => Event::Other,
            0..0x80 => return None, // no status to go by
        })
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = (u32, Event<'a>);

    fn next(&mut self) -> Option<(u32, Event<'a>)> {
        Some((self.number()?, self.event()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use midly::{EventIter, MetaMessage, TrackEventKind};

    #[test]
    fn events_are_read_as_midly_reads_them() {
        let times: [&[u8]; 5] = [&[0], &[0x7f], &[0x81, 0x05], &[0xff, 0x7f], &[0x81, 0x80, 0x00]];
        let mut n_read = 0;
        for (status, time) in (0x80..=0xef).chain([0xff]).flat_map(|status| times.map(|time| (status, time))) {
            for data in [[0, 0], [60, 0], [1, 2], [127, 64]] {
                let bytes = [time, &[status], &data, &[1, 2, 0, 0x90, 60, 64]].concat();
                let (mut ours, mut theirs) = (Events::new(&bytes), EventIter::new(&bytes));
                while let Some(Ok(theirs)) = theirs.next() {
                    let Some((delta, event)) = ours.next() else { break }; // what is cut off, midly cuts shorter
                    assert_eq!(delta, theirs.delta.as_int());
                    match (event, theirs.kind) {
                        (Event::Channel { kind, channel, data }, TrackEventKind::Midi { .. }) => {
                            let length = if matches!(kind, 0xc | 0xd) { 1 } else { 2 };
                            let ours = [&[kind << 4 | channel], &data[..length]].concat();
                            let ours = midly::live::LiveEvent::parse(&ours).unwrap();
                            assert_eq!(Some(ours), theirs.kind.as_live_event());
                        }
                        (Event::Meta { kind, data }, TrackEventKind::Meta(MetaMessage::Unknown(theirs, same))) => {
                            assert_eq!((kind, data), (theirs, same));
                        }
                        (Event::Meta { .. }, TrackEventKind::Meta(_)) => {}
                        (ours, theirs) => panic!("{ours:?} {theirs:?}"),
                    }
                    n_read += 1;
                }
            }
        }
        assert!(n_read > 113 * 5 * 4, "{n_read}");
    }
}
