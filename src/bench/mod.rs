//! Measuring: how well and how fast parts of the library do, beside the tools that people use today.

mod cpu_time;
pub mod music;

pub use music::{MusicOptions, MusicReport, music};
