//! Music in and out: the score, and its forms as MIDI, as ABC text and as sound.

pub mod abc;
pub mod abc2midi;
pub mod audio;
mod error;
pub mod key;
pub mod midi;
pub mod quantise;
pub mod score;

pub use error::{Error, Result};
pub use score::*;
