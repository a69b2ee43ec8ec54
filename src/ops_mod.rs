// The differentiable operations that the models are made of.
//
// Each file holds one operation: its equation, a *composite* form out of candle's own differentiable operations (any
// device), and a *fused* form for f32 on the CPU with a hand-written backward. Which of the two runs is decided here and
// nowhere else: fused where every operand is f32 on the CPU and [`set_fused`] has not switched it off.

#[path = "/work/h/train/src/ops/add.rs"] pub mod add;
#[path = "/work/h/train/src/ops/attention.rs"] pub mod attention;
#[path = "/work/h/train/src/ops/cross_entropy.rs"] pub mod cross_entropy;
#[path = "/work/h/train/src/ops/dropout.rs"] pub mod dropout;
#[path = "/work/h/train/src/ops/embedding.rs"] pub mod embedding;
#[path = "/work/h/train/src/ops/fused.rs"] pub mod fused;
#[path = "/work/h/train/src/ops/gelu.rs"] pub mod gelu;
#[path = "/work/h/train/src/ops/layer_norm.rs"] pub mod layer_norm;
#[path = "/work/h/train/src/ops/linear.rs"] pub mod linear;
#[path = "/work/h/train/src/ops/lstm.rs"] pub mod lstm;
#[path = "/work/h/train/src/ops/memory.rs"] pub mod memory;
#[path = "/work/h/train/src/ops/panels.rs"] pub mod panels;
#[path = "/work/h/train/src/ops/product.rs"] pub mod product;
#[path = "/work/h/train/src/ops/simd.rs"] pub mod simd;
#[path = "/work/h/scratch-train/src/tape.rs"] pub mod tape;

pub use add::add;
pub use attention::causal_attention;
pub use cross_entropy::cross_entropy;
pub use dropout::{Dropout, DropoutState};
pub use embedding::embedding;
pub use gelu::gelu;
pub use layer_norm::layer_norm;
pub use linear::linear;
pub use lstm::lstm;
pub(crate) use memory::release_memory;
pub(crate) use tape::on_tape;

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
    fused() && operands.iter().all(|t| t.device().is_cpu() && t.dtype() == DType::F32)
}

impl From<candle_core::Error> for crate::Error {
    fn from(error: candle_core::Error) -> Self {
        crate::Error::Tensor(error.to_string())
    }
}
#[path = "/work/h/scratch-train/src/probe.rs"] pub mod probe;
