//! The notes of a MIDI file for measuring: a reader of its own, so that what the library's reader loses is counted.
//!
//! A note is (onset in beats, pitch, is drum). Onsets are exact: ticks and the fraction of a beat that a tick is. The reader
//! forgives leading junk, wrong track lengths, tracks that are cut off, alien chunks; a key that is never let go is a note.

use std::collections::BTreeMap;

/// Onsets in ticks, ascending, of each (pitch, is drum).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notes {
    pub onsets: BTreeMap<(u8, bool), Vec<u64>>,
    /// A tick is `tick.0 / tick.1` beats.
    pub tick: (u64, u64),
}

impl Notes {
    /// `None` for bytes without a MIDI header or with a time division of 0.
    pub fn read(bytes: &[u8]) -> Option<Notes> {
        let start = find(bytes, b"MThd", 0)?;
        let header = bytes.get(start..start + 14)?;
        let length = u32_at(header, 4)? as usize;
        let (format, division) = (u16_at(header, 8)?, u16_at(header, 12)?);
        let mut notes = Notes { tick: tick_in_beats(division)?, ..Notes::default() };
        let (mut at, mut base) = (start + 8 + length.min(64), 0);
        while let Some(chunk_length) = u32_at(bytes, at + 4).map(|length| length as usize) {
            if bytes.get(at..at + 4) == Some(b"MTrk") {
                let end = notes.read_track(bytes, at + 8, bytes.len().min(at + 8 + chunk_length), base);
                base = if format == 2 { base.max(end) } else { base }; // independent patterns play one after the other
            } else if chunk_length > bytes.len() {
                let Some(next) = find(bytes, b"MTrk", at + 1) else { break };
                at = next;
                continue;
            }
            at += 8 + chunk_length;
        }
        notes.onsets.values_mut().for_each(|onsets| onsets.sort_unstable());
        Some(notes)
    }

    pub fn len(&self) -> usize {
        self.onsets.values().map(Vec::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.onsets.is_empty()
    }

    /// Reads events from `at` on until one begins at `end` or later; returns the tick after the last.
    fn read_track(&mut self, bytes: &[u8], at: usize, end: usize, base: u64) -> u64 {
        let mut track = Track { bytes, at, now: base, running: 0 };
        while track.at < end && track.event(self).is_some() {}
        track.now
    }
}

/// `None` for 0 ticks a beat. SMPTE time has no beat: by convention it is half a second; 29 means 30000/1001 frames a second.
fn tick_in_beats(division: u16) -> Option<(u64, u64)> {
    let [high, low] = division.to_be_bytes();
    match (256 - u64::from(high), u64::from(low.max(1))) {
        _ if division == 0 => None,
        _ if high < 0x80 => Some((1, u64::from(division))),
        (29, per_frame) => Some((2 * 1001, 30_000 * per_frame)),
        (fps, per_frame) => Some((2, fps * per_frame)),
    }
}

struct Track<'a> {
    bytes: &'a [u8],
    at: usize,
    now: u64,
    running: u8,
}

impl Track<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// A number of variable length: seven bits a byte, the last without the top bit.
    fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        loop {
            let byte = self.byte()?;
            value = value.saturating_mul(128) | u64::from(byte & 127);
            if byte < 128 {
                return Some(value);
            }
        }
    }

    fn skip(&mut self, n_bytes: u64) {
        self.at = self.at.saturating_add(usize::try_from(n_bytes).unwrap_or(usize::MAX));
    }

    /// One event; `None` at the end of the track or of the bytes, or where no status is known.
    fn event(&mut self, notes: &mut Notes) -> Option<()> {
        self.now = self.now.saturating_add(self.number()?);
        let mut status = *self.bytes.get(self.at)?;
        if status >= 0x80 {
            self.at += 1;
        } else {
            status = self.running;
        }
        match status {
            0..0x80 => None,
            0x80..0xf0 => {
                self.running = status;
                let first = self.byte()?;
                let second = if matches!(status >> 4, 0xc | 0xd) { 0 } else { self.byte()? };
                if status >> 4 == 9 && second > 0 {
                    notes.onsets.entry((first & 127, status & 15 == 9)).or_default().push(self.now);
                }
                Some(())
            }
            0xff => {
                let kind = self.byte()?;
                let length = self.number()?;
                self.skip(length);
                (kind != 0x2f).then_some(())
            }
            system => {
                self.running = 0;
                let length = match system {
                    0xf0 | 0xf7 => self.number()?,
                    0xf1 | 0xf3 => 1,
                    _ => u64::from(system == 0xf2) * 2,
                };
                self.skip(length);
                Some(())
            }
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn find(bytes: &[u8], tag: &[u8; 4], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(4).position(|window| window == tag).map(|at| at + from)
}
