//! The laboratory around the library: sets up the Rust kernel and Jupyter inside the project's own folder `.lab/`,
//! executes the notebooks through the real kernel, and joins them into one HTML report.
//!
//! Nothing is written outside the project but cargo's and pip's usual caches. A kernel is made fast by sharing the
//! compiled crates of `cargo run`, and safe by giving each kernel a folder of its own (see [`kernel`]).

mod error;
pub mod kernel;
pub mod notebooks;
pub mod plan;
pub mod report;
pub mod setup;
mod signals;
pub mod slurm;
pub mod stand_ins;
pub mod toolchain;

pub use error::{Error, Result};
pub use notebooks::{open_jupyter, run_study};
pub use setup::Lab;
