//! A tape for a whole model: the backward pass of fused operations without candle's bookkeeping.
//!
//! candle's `backward` adds each gradient, also the first, to a fresh tensor of zeros, and keeps every intermediate result
//! until the end. [`gradients`] runs a loss while its fused operations are recorded here instead of in candle's graph, plays
//! the tape from the end and frees each intermediate result on the way.

use super::add::accumulate;
use super::fused::{Fused, Values, run};
use super::gpu::in_one_piece;
use super::memory::keep_memory;
use crate::{Error, Result};
use candle_core::{Shape, Tensor, TensorId};
use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    static RUNNING: RefCell<Option<Tape>> = const { RefCell::new(None) };
}

/// What was run, in order.
#[derive(Default)]
struct Tape {
    steps: Vec<Step>,
    /// Whether there will be a backward pass.
    keeps: bool,
}

struct Step {
    op: Box<dyn Fused>,
    args: Vec<Tensor>,
    result: Tensor,
}

/// The gradient of each tensor that no recorded operation made: the parameters.
pub(crate) type Gradients = HashMap<TensorId, Vec<f32>>;

/// `weight` times the value of `loss`, which must be a scalar made of fused operations alone, and the gradients of that.
pub(super) fn gradients(weight: f32, loss: impl FnOnce() -> Result<Tensor>) -> Result<(f64, Gradients)> {
    keep_memory();
    let (loss, tape) = recorded(loss)?;
    let value = f64::from(weight) * f64::from(loss.flatten_all()?.to_vec1::<f32>()?[0]);
    Ok((value, tape.play_back_on_cpu(weight)?))
}

/// The same on a CUDA device, where the gradients stay; the host waits for it once, at the end.
pub(crate) fn gradients_on_gpu(loss: impl FnOnce() -> Result<Tensor>) -> Result<(f64, HashMap<TensorId, Tensor>)> {
    let (loss, tape) = recorded(loss)?;
    let grads = tape.play_back_on_gpu(loss.ones_like()?)?;
    Ok((f64::from(loss.to_scalar::<f32>()?), grads))
}

/// The value of a loss on a CUDA device, in the fused forms.
pub(crate) fn value_on_gpu(loss: impl FnOnce() -> Result<Tensor>) -> Result<f64> {
    let _recording = Recording::start(false);
    Ok(f64::from(loss()?.to_scalar::<f32>()?))
}

/// A result on a CUDA device and the gradients of its tape, given that of the result.
#[cfg(all(test, feature = "cuda"))]
pub(super) fn result_and_gradients(
    f: impl FnOnce() -> Result<Tensor>,
    grad: impl FnOnce(&Tensor) -> Tensor,
) -> Result<(Tensor, HashMap<TensorId, Tensor>)> {
    let recording = Recording::start(true);
    let y = f()?;
    let tape = recording.stop();
    Ok((y.clone(), tape.play_back_on_gpu(grad(&y))?))
}

fn recorded(loss: impl FnOnce() -> Result<Tensor>) -> Result<(Tensor, Tape)> {
    let recording = Recording::start(true);
    let loss = loss()?;
    let tape = recording.stop();
    if tape.steps.last().is_none_or(|step| step.result.id() != loss.id()) || loss.elem_count() != 1 {
        return Err(Error::Tensor("the loss is not the scalar that the last recorded operation gave".into()));
    }
    Ok((loss, tape))
}

/// While this lives, fused operations of this thread are recorded; an error or a panic ends it as well. A thread that waits
/// within an operation may begin another recording meanwhile: the first is put back.
struct Recording {
    before: Option<Tape>,
}

impl Recording {
    fn start(keeps: bool) -> Self {
        Recording { before: RUNNING.replace(Some(Tape { steps: Vec::new(), keeps })) }
    }

    fn stop(self) -> Tape {
        RUNNING.take().unwrap_or_default()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        RUNNING.set(self.before.take());
    }
}

pub(super) fn is_recording() -> bool {
    RUNNING.with_borrow(|running| running.is_some())
}

/// Runs `op` and, where there will be a backward pass, writes it down.
pub(super) fn record(op: Box<dyn Fused>, shape: Shape, args: &[&Tensor]) -> Result<Tensor> {
    let result = run(&*op, shape, args)?;
    RUNNING.with_borrow_mut(|running| {
        if let Some(tape) = running.as_mut().filter(|tape| tape.keeps) {
            let args = args.iter().map(|&arg| arg.clone()).collect();
            tape.steps.push(Step { op, args, result: result.clone() });
        }
    });
    Ok(result)
}

impl Tape {
    fn play_back_on_cpu(self, grad: f32) -> candle_core::Result<Gradients> {
        let backward = |Step { op, args, result }: &Step, grad| {
            let values = args.iter().map(Values::of).collect::<candle_core::Result<Vec<_>>>()?;
            let numbers: Vec<&[f32]> = values.iter().map(|v| &**v).collect();
            Ok(op.backward(&numbers, &Values::of(result)?, grad))
        };
        self.play_back(vec![grad], backward, |mut total, grad: Vec<f32>| {
            accumulate(&mut total, &grad);
            Ok(total)
        })
    }

    fn play_back_on_gpu(self, grad: Tensor) -> candle_core::Result<HashMap<TensorId, Tensor>> {
        let backward = |Step { op, args, result }: &Step, grad| {
            let numbers = in_one_piece(&args.iter().collect::<Vec<_>>())?;
            let grads = op.backward_on_gpu(&numbers, result, grad)?;
            grads.iter().zip(args).map(|(grad, arg)| grad.reshape(arg.shape())).collect()
        };
        self.play_back(grad, backward, |total, grad| total + grad)
    }

    /// From the gradient of the last result: `backward` gives those of a step's operands, and `add` puts those of a tensor together
    /// that is used twice. What a step holds is freed behind it.
    fn play_back<G>(
        mut self,
        grad: G,
        backward: impl Fn(&Step, G) -> candle_core::Result<Vec<G>>,
        add: impl Fn(G, G) -> candle_core::Result<G>,
    ) -> candle_core::Result<HashMap<TensorId, G>> {
        let mut grads: HashMap<TensorId, G> =
            self.steps.last().map(|last| (last.result.id(), grad)).into_iter().collect();
        while let Some(step) = self.steps.pop() {
            let Some(grad) = grads.remove(&step.result.id()) else { continue }; // a result that the loss does not depend on
            for (grad, arg) in backward(&step, grad)?.into_iter().zip(&step.args) {
                let total = match grads.remove(&arg.id()) {
                    Some(total) => add(total, grad)?,
                    None => grad,
                };
                grads.insert(arg.id(), total);
            }
        }
        Ok(grads)
    }
}
