//! Training: one loop for both families, exact to resume, and a record of every run.
//!
//! ```text
//! RunConfig ─► Runs::get_or_train ─► Run { config, metrics, summary }       what a notebook sees
//!                 └─ trainer: batches ─► gradients ─► clip ─► AdamW ─► schedule, evaluate, checkpoint, metrics.jsonl
//! ```
//! A run is a pure function of its config, its data and the number of threads: the batch, the learning rate and the
//! dropout of a step follow from `(seed, step)` alone, and the weights and the optimiser's moments are saved bit for
//! bit. So a run that is stopped or killed and then resumed ends with the same bits as one left alone, and one with a constant
//! rate can begin where a shorter one's cool-down began: several budgets cost little more than the largest.

mod batches;
mod checkpoint;
mod config;
mod device;
mod evaluate;
mod jump;
mod memory;
mod metrics;
mod optimizer;
mod origin;
mod progress;
mod run;
mod runs;
mod schedule;
mod stop;
mod trainer;

#[cfg(test)]
mod resume_tests;
#[cfg(test)]
pub(crate) mod stand_in_tests;

pub use batches::Batches;
pub use checkpoint::SavedModel;
pub use config::RunConfig;
pub use device::with_threads;
pub use device::{default_threads, describe_device, device, device_feature, device_name, use_device};
pub use evaluate::{evaluate, in_octaves, loss_by_position, token_losses};
pub use jump::{Jump, jump};
pub use memory::{free_memory_mb, memory_mb, peak_memory_mb, reset_peak_memory};
pub use metrics::Metric;
pub use optimizer::{AdamW, global_norm};
pub use origin::Origin;
pub use progress::distortions;
pub use run::{Run, Summary};
pub use runs::{LiveHook, Runs, TrainOptions};
pub use schedule::{Decay, Schedule};
pub use stop::{INTERRUPT_KEY, answer_interrupt_key, interrupted, interrupted_by, stop_on_ctrl_c};
