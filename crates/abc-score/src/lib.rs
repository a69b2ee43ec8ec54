//! Music in and out: the score, and its forms as MIDI, as ABC text and as sound.
//!
//! ```
//! use abc_score::{abc, midi, quantise};
//!
//! let tune = abc::parse("X:1\nM:6/8\nL:1/8\nK:Edor\n|:EGA BGA|B2e dBA:|\n")?;
//! let file = midi::write(&tune); // a MIDI file, the repeat written out
//!
//! let played = midi::read(&file)?; // or what anybody plays
//! let text = abc::write(&quantise::quantise(&played), &abc::WriteOptions::default());
//! assert_eq!(text, "X:1\nM:6/8\nL:1/8\nQ:1/4=120\nK:Bm\nEGA BGA|B2e dBA|EGA BGA|B2e dBA|]\n\n");
//! assert_eq!(abc_score::f1(&tune, &abc::parse(&text)?, 0), 1.0);
//! # Ok::<(), abc_score::Error>(())
//! ```

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
pub use f1::{f1, n_pairs};
pub use key::{Key, Mode};
pub use score::*;

/// The greatest common divisor; that of a number and 0 is the number.
fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
