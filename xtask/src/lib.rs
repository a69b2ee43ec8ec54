//! Measuring: how well and how fast parts of the library do, beside the tools that people use today. `cargo xtask` prints it.

mod cpu_time;
pub mod music;
mod peer;
pub mod sweep;
pub mod train;

pub use music::{MusicOptions, MusicReport, music};
pub use peer::{Peer, PeerSpeed};
