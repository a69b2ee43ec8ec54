//! The differentiable operations that the models are made of.
//!
//! Each file holds one operation: its equation, a *composite* form out of candle's own differentiable operations (any
//! device), and a *fused* form for f32 with a hand-written backward, on the CPU and, by the kernels of the `.cu` file of its name, on a
//! CUDA device. Which of the two runs is decided here and nowhere else: fused where every operand is f32 and on the CPU, or on a CUDA
//! device within a tape's loss, unless [`set_fused`] has switched it off.

pub mod add;
#[cfg(test)]
mod agreement_tests;
pub mod attention;
mod cached;
pub mod cross_entropy;
pub mod dropout;
pub mod embedding;
mod fused;
pub mod gelu;
pub(crate) mod gpu;
pub mod layer_norm;
pub mod linear;
pub mod lstm;
mod memory;
mod packed;
mod panels;
mod pieces;
mod product;
pub mod rotary;
mod simd;
mod tape;

pub use add::add;
pub use attention::{attention_weights, causal_attention};
pub(crate) use cached::{Cache, swap_remove};
pub use cross_entropy::cross_entropy;
pub use dropout::Dropout;
pub use embedding::embedding;
pub use gelu::gelu;
pub use layer_norm::layer_norm;
pub use linear::linear;
pub use lstm::lstm;
pub(crate) use lstm::lstm_cell;
pub(crate) use memory::keep_memory;
pub use memory::release_memory;
pub(crate) use packed::Packed;
pub(crate) use pieces::{mean_loss, mean_loss_and_gradients};
pub use product::{AllowTf32, product_gflops};
pub use rotary::rotary;
pub(crate) use rotary::{Turns, rotate};
pub(crate) use tape::{gradients_on_gpu, value_on_gpu};

use candle_core::{DType, Tensor};
use std::sync::atomic::{AtomicBool, Ordering};

static FUSED: AtomicBool = AtomicBool::new(true);

/// Switches the fused forms on (as they are from the start) or off, for the whole process.
pub fn set_fused(on: bool) {
    FUSED.store(on, Ordering::Relaxed);
}

/// Whether fused forms run where they can.
pub fn fused() -> bool {
    FUSED.load(Ordering::Relaxed)
}

/// Whether an operation on these operands runs in its fused form.
pub(crate) fn runs_fused(operands: &[&Tensor]) -> bool {
    let runs_here = |t: &Tensor| t.device().is_cpu() || (t.device().is_cuda() && tape::is_recording());
    fused() && operands.iter().all(|t| t.dtype() == DType::F32 && runs_here(t))
}
