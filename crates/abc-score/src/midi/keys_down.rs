//! The keys that are down while a track is read: which note ends when a key is let go.

/// Keys of one channel.
const N_PITCHES: usize = 128;

/// Stands for no strike.
const NONE: u32 = u32::MAX;

/// A queue of notes for each key, the first struck first; all queues share one list of strikes.
pub(super) struct KeysDown {
    /// First and last strike of each key of each channel, or [`NONE`].
    queues: Vec<(u32, u32)>,
    /// All strikes of the track.
    strikes: Vec<Strike>,
}

struct Strike {
    /// The note's place among the notes of its channel.
    note: u32,
    channel: u8,
    is_down: bool,
    /// The next strike of the same key.
    next: u32,
}

impl KeysDown {
    pub fn new() -> Self {
        KeysDown { queues: vec![(NONE, NONE); 16 * N_PITCHES], strikes: Vec::new() }
    }

    /// The pitch is below 128.
    pub fn press(&mut self, channel: u8, pitch: u8, note: usize) {
        let new = self.strikes.len() as u32; // a file of 4 GB would not fit in memory as notes
        self.strikes.push(Strike { note: note as u32, channel, is_down: true, next: NONE });
        let Some((first, last)) = self.queues.get_mut(key_index(channel, pitch)) else { return };
        match self.strikes.get_mut(*last as usize) {
            Some(before) if *first != NONE => before.next = new,
            _ => *first = new,
        }
        *last = new;
    }

    /// The note of this key that was struck first.
    pub fn release(&mut self, channel: u8, pitch: u8) -> Option<usize> {
        let (first, _) = self.queues.get_mut(key_index(channel, pitch))?;
        let strike = self.strikes.get_mut(*first as usize)?;
        *first = strike.next;
        strike.is_down = false;
        Some(strike.note as usize)
    }

    /// Calls `end` with the channel and the place of every note that is still down.
    pub fn release_all(&mut self, mut end: impl FnMut(usize, usize)) {
        let hanging = self.strikes.iter().filter(|strike| strike.is_down);
        hanging.for_each(|strike| end(usize::from(strike.channel), strike.note as usize));
        self.strikes.clear();
        self.queues.fill((NONE, NONE));
    }
}

fn key_index(channel: u8, pitch: u8) -> usize {
    usize::from(channel) * N_PITCHES + usize::from(pitch)
}
