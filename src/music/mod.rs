//! Music in and out: the score, and its forms as MIDI, as ABC text and as sound.

pub mod abc;
pub mod audio;
pub mod key;
pub mod midi;
pub mod quantise;
pub mod score;

pub use score::*;
