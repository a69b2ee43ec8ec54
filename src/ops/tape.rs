//! A tape for a whole model: the backward pass of fused operations without candle's bookkeeping.
//!
//! candle's `backward` adds each gradient, also the first, to a fresh tensor of zeros on one core, and keeps every
//! intermediate result until the end. [`on_tape`] runs a loss while its fused operations are recorded here instead of in
//! candle's graph. The loss that it gives is an ordinary candle tensor: its `backward()` plays the tape from the end, frees
//! each intermediate result on the way, and delivers the gradient of every parameter.

use super::add::accumulate;
use super::fused::{Fused, Values};
use super::memory::keep_memory;
use super::{fused, runs_fused};
use crate::{Error, Result};
use candle_core::{CpuStorage, CustomOp2, Device, Layout, Shape, Tensor, TensorId};
use std::cell::RefCell;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

thread_local! {
    static RUNNING: RefCell<Option<Tape>> = const { RefCell::new(None) };
}

/// What was run, in order.
#[derive(Default)]
struct Tape {
    steps: Vec<Step>,
}

struct Step {
    op: Arc<dyn Fused>,
    args: Vec<Tensor>,
    result: Tensor,
}

/// Runs `loss`, which must be a scalar made of fused operations alone, and ties it to `parameters`.
/// Where fused operations are off, or the parameters are not f32 on the CPU, it just runs `loss`.
pub(crate) fn on_tape(parameters: &[Tensor], loss: impl FnOnce() -> Result<Tensor>) -> Result<Tensor> {
    if !fused() || is_recording() || !runs_fused(&parameters.iter().collect::<Vec<_>>()) {
        return loss();
    }
    keep_memory();
    let recording = Recording::start();
    let mut loss = loss()?;
    let tape = recording.stop();
    if tape.steps.last().is_none_or(|step| step.result.id() != loss.id()) || loss.elem_count() != 1 {
        return Err(Error::Tensor("the loss is not the scalar that the last recorded operation gave".into()));
    }
    let state = Arc::new(Mutex::new(State::Recorded(tape)));
    for parameter in parameters {
        loss = loss.apply_op2(parameter, Deliver { state: state.clone() })?;
    }
    Ok(loss)
}

/// While this lives, fused operations of this thread are recorded; an error or a panic ends it as well.
struct Recording;

impl Recording {
    fn start() -> Self {
        RUNNING.with_borrow_mut(|running| *running = Some(Tape::default()));
        Recording
    }

    fn stop(self) -> Tape {
        RUNNING.with_borrow_mut(|running| running.take()).unwrap_or_default()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(|running| *running = None);
    }
}

pub(super) fn is_recording() -> bool {
    RUNNING.with_borrow(|running| running.is_some())
}

/// Runs `op` and writes it down.
pub(super) fn record(op: Arc<dyn Fused>, args: &[&Tensor]) -> Result<Tensor> {
    if let Some(arg) = args.iter().find(|arg| !arg.is_contiguous()) {
        let (name, strides) = (op.name(), arg.stride());
        return Err(Error::Tensor(format!("{name} on a tape needs contiguous operands, not strides {strides:?}")));
    }
    let values = args.iter().map(|arg| Values::of(arg)).collect::<candle_core::Result<Vec<_>>>()?;
    let numbers: Vec<&[f32]> = values.iter().map(|v| &**v).collect();
    let result = Tensor::from_vec(op.forward(&numbers), op.shape(), &Device::Cpu)?;
    let step = Step { op, args: args.iter().map(|&arg| arg.clone()).collect(), result: result.clone() };
    RUNNING.with_borrow_mut(|running| running.get_or_insert_default().steps.push(step));
    Ok(result)
}

impl Tape {
    /// The gradients of everything that no recorded operation made: the parameters.
    fn play_back(mut self, grad: f32) -> candle_core::Result<HashMap<TensorId, Vec<f32>>> {
        let mut grads: HashMap<TensorId, Vec<f32>> = HashMap::new();
        if let Some(last) = self.steps.last() {
            grads.insert(last.result.id(), vec![grad]);
        }
        while let Some(Step { op, args, result }) = self.steps.pop() {
            let Some(grad) = grads.remove(&result.id()) else { continue }; // a result that the loss does not depend on
            let values = args.iter().map(Values::of).collect::<candle_core::Result<Vec<_>>>()?;
            let numbers: Vec<&[f32]> = values.iter().map(|v| &**v).collect();
            for (grad, arg) in op.backward(&numbers, &Values::of(&result)?, grad).into_iter().zip(&args) {
                match grads.entry(arg.id()) {
                    Entry::Occupied(mut total) => accumulate(total.get_mut(), &grad),
                    Entry::Vacant(place) => _ = place.insert(grad),
                }
            }
        }
        Ok(grads)
    }
}

/// A tape before and after it has been played.
enum State {
    Recorded(Tape),
    Played(HashMap<TensorId, Vec<f32>>),
}

/// The identity on the loss, whose backward hands one parameter its gradient.
struct Deliver {
    state: Arc<Mutex<State>>,
}

impl CustomOp2 for Deliver {
    fn name(&self) -> &'static str {
        "deliver"
    }

    fn cpu_fwd(
        &self,
        loss: &CpuStorage,
        layout: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let loss = loss.as_slice::<f32>()?[layout.start_offset()];
        Ok((CpuStorage::F32(vec![loss]), layout.shape().clone()))
    }

    fn bwd(
        &self,
        _: &Tensor,
        parameter: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Recorded(tape) = &mut *state {
            let tape = std::mem::take(tape);
            *state = State::Played(tape.play_back(grad.flatten_all()?.to_vec1::<f32>()?[0])?);
        }
        let own = match &mut *state {
            State::Played(grads) => grads.remove(&parameter.id()),
            State::Recorded(_) => None,
        };
        let own = own.map(|own| Tensor::from_vec(own, parameter.shape(), parameter.device())).transpose()?;
        Ok((Some(grad.clone()), own))
    }
}
