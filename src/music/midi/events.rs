//! The events of a track.
//!
//! ```text
//! event   = delta time, then one of
//!           8n key velocity   9n key velocity   An Bn En two bytes   Cn program   Dn one byte     on channel n
//!           FF type length data (meta)          F0 or F7 length data (system exclusive)
//! ```
//! Without a status byte the status of the event before holds on (running status), here even over meta events: illegal,
//! but common. Data bytes above 127 lose their top bit, and statuses that a file cannot hold are passed over.

/// What happens in a track, as far as a score knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event<'a> {
    NoteOn { channel: u8, pitch: u8, velocity: u8 },
    NoteOff { channel: u8, pitch: u8 },
    Program { channel: u8, program: u8 },
    Meta { kind: u8, data: &'a [u8] },
    Other,
}

/// Kinds of meta events.
pub(super) const TRACK_NAME: u8 = 0x03;
pub(super) const END_OF_TRACK: u8 = 0x2f;
pub(super) const TEMPO: u8 = 0x51;
pub(super) const METER: u8 = 0x58;
pub(super) const KEY: u8 = 0x59;

/// Reads event after event, up to the end of the bytes or to what is cut off.
pub(super) struct Events<'a> {
    bytes: &'a [u8],
    running_status: Option<u8>,
}

impl<'a> Events<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Events { bytes, running_status: None }
    }

    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    fn data_byte(&mut self) -> Option<u8> {
        Some(self.byte()? & 0x7f)
    }

    /// Seven bits a byte, the last byte without its top bit; at most four bytes.
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

    /// Data behind its length; all that is left if that is less.
    fn data(&mut self) -> Option<&'a [u8]> {
        let length = self.number()? as usize;
        let (data, rest) = self.bytes.split_at_checked(length).unwrap_or((self.bytes, &[]));
        self.bytes = rest;
        Some(data)
    }

    fn status(&mut self) -> Option<u8> {
        if *self.bytes.first()? < 0x80 { self.running_status } else { self.byte() }
    }

    fn event(&mut self) -> Option<Event<'a>> {
        let status = self.status()?;
        if status < 0xf0 {
            self.running_status = Some(status);
        }
        let channel = status & 0x0f;
        Some(match status {
            0x80..=0x8f => {
                let (pitch, _) = (self.data_byte()?, self.data_byte()?);
                Event::NoteOff { channel, pitch }
            }
            0x90..=0x9f => match (self.data_byte()?, self.data_byte()?) {
                (pitch, 0) => Event::NoteOff { channel, pitch },
                (pitch, velocity) => Event::NoteOn { channel, pitch, velocity },
            },
            0xc0..=0xcf => Event::Program { channel, program: self.data_byte()? },
            0xff => Event::Meta { kind: self.byte()?, data: self.data()? },
            0xf0 | 0xf7 => {
                self.data()?;
                Event::Other
            }
            _ => {
                let n_data = match status {
                    0xd0..=0xdf | 0xf1 | 0xf3 => 1,
                    0xa0..=0xef | 0xf2 => 2,
                    _ => 0,
                };
                self.bytes = self.bytes.get(n_data..)?;
                Event::Other
            }
        })
    }
}

impl<'a> Iterator for Events<'a> {
    /// The time since the event before, in ticks of the file, and the event.
    type Item = (u32, Event<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.number()?, self.event()?))
    }
}
