//! The bytes of a MIDI file: its header, the data of its tracks, and what they are where they are no MIDI.

use crate::{Error, Result, TICKS_PER_BEAT, gcd};

/// Later events are dropped: 559,240 beats, what one delta time can span. Keeps all arithmetic in 32 bits.
const LAST_TICK: u64 = 1 << 28;

pub(super) struct FileHeader {
    pub format: u16,
    pub division: Division,
    /// Where the chunks behind the header begin, in bytes from the start of the file.
    pub end: usize,
}

/// Score ticks per file tick, as a fraction in lowest terms.
#[derive(Clone, Copy)]
pub(super) struct Division {
    numerator: u64,
    denominator: u64,
}

impl Division {
    fn new(numerator: u64, denominator: u64) -> Self {
        let divisor = gcd(numerator, denominator);
        Division { numerator: numerator / divisor, denominator: denominator / divisor }
    }

    /// Rounded to the nearest score tick; `None` beyond [`LAST_TICK`].
    pub fn score_tick(self, file_tick: u64) -> Option<u32> {
        let scaled = file_tick.checked_mul(self.numerator)?.checked_add(self.denominator / 2)?;
        let tick = if self.denominator == 1 { scaled } else { scaled / self.denominator }; // division is slow
        u32::try_from(tick).ok().filter(|&tick| u64::from(tick) <= LAST_TICK)
    }
}

/// Finds and reads the header, whatever stands in front of it.
pub(super) fn read_header(bytes: &[u8]) -> Result<FileHeader> {
    let start = find(bytes, b"MThd", 0).ok_or_else(|| Error::Midi(describe_not_midi(bytes)))?;
    let chunk = bytes.get(start..).unwrap_or_default();
    let [_, _, _, _, l0, l1, l2, l3, f0, f1, _, _, d0, d1, ..] = *chunk else {
        return Err(Error::Midi(format!("The MIDI header is cut off after {} of its 14 bytes.", chunk.len())));
    };
    let length = 8 + (u32::from_be_bytes([l0, l1, l2, l3]) as usize).clamp(6, 64); // 6 in every standard so far
    let division = match (d0, d1) {
        (0, 0) => return Err(Error::Midi("The MIDI header says 0 ticks per beat, so no note has a time.".into())),
        (d0, d1) if d0 < 0x80 => Division::new(u64::from(TICKS_PER_BEAT), u64::from(u16::from_be_bytes([d0, d1]))),
        (frames, per_frame) => smpte_division(256 - u64::from(frames), u64::from(per_frame.max(1))),
    };
    Ok(FileHeader { format: u16::from_be_bytes([f0, f1]), division, end: start + length })
}

/// SMPTE time has no beat; by convention a beat is half a second (120 beats per minute). 29 means 30000/1001 frames/s.
fn smpte_division(frames_per_second: u64, ticks_per_frame: u64) -> Division {
    let beat = 2 * u64::from(TICKS_PER_BEAT);
    match frames_per_second {
        29 => Division::new(beat * 1001, 30_000 * ticks_per_frame),
        fps => Division::new(beat, fps * ticks_per_frame),
    }
}

/// The data of the `MTrk` chunks. Lengths that lead nowhere are mended by looking for the next `MTrk`.
pub(super) struct Chunks<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Chunks<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
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
                let leads_on = starts_chunk(self.bytes, end);
                let later = || find(self.bytes, b"MTrk", data).unwrap_or(self.bytes.len());
                let next = if leads_on { end } else { later() };
                self.at = next;
                return self.bytes.get(data..next);
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
