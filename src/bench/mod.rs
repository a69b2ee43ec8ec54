//! Measured speed: what the sub-command `bench` prints.

mod peer;
pub mod sweep;
pub mod train;

pub use peer::{Peer, PeerSpeed};
