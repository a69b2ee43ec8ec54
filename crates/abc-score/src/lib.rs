//! Music in and out: the score, and its forms as MIDI, as ABC text and as sound.

pub mod abc;
pub mod abc2midi;
pub mod audio;
mod error;
mod f1;
pub mod key;
pub mod midi;
pub mod quantise;
pub mod score;

pub use error::{Error, Result};
pub use f1::f1;
pub use score::*;
