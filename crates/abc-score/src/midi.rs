//! Standard MIDI files in and, through midly, out.
//!
//! Reading forgives what real files do: junk before the header, RIFF wrappers, alien chunks, wrong track counts and
//! lengths, tracks that are cut off, running status kept across meta events, SMPTE time, hanging and overlapping notes.
//! What cannot be MIDI is named for what it is.

mod chunks;
mod events;
mod notes;
mod read;
mod words;
mod write;

pub(super) use notes::{have_collisions, programs_that_sound, sort_notes, without_collisions};
pub use read::read;
pub use write::write;

#[cfg(test)]
mod tests;
