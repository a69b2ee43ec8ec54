//! What a fused operation is, and how it becomes a node of candle's graph or of our tape.

use super::{gpu, tape};
use crate::{Error, Result};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Device, Layout, Shape, Storage, StorageRef, Tensor};
use std::ops::Deref;

/// A fused operation: contiguous f32 numbers in, numbers out. The sizes that it needs live in its own fields.
pub(crate) trait Fused: Send + Sync + 'static {
    /// The result. What the backward pass needs beyond operands and result is kept in the operation, or recomputed.
    fn forward(&self, args: &[&[f32]]) -> Vec<f32>;
    /// One gradient for each operand, given the gradient `grad` of the result.
    fn backward(&self, args: &[&[f32]], result: &[f32], grad: Vec<f32>) -> Vec<Vec<f32>>;
    /// [`Fused::forward`] on a CUDA device.
    fn forward_on_gpu(&self, args: &[Tensor]) -> candle_core::Result<Tensor>;
    /// [`Fused::backward`] on a CUDA device.
    fn backward_on_gpu(&self, args: &[Tensor], result: &Tensor, grad: Tensor) -> candle_core::Result<Vec<Tensor>>;
}

/// The result of `op` on the device of its operands, without a node of candle's graph.
pub(super) fn run(op: &dyn Fused, shape: Shape, args: &[&Tensor]) -> Result<Tensor> {
    if args.iter().any(|arg| !arg.device().is_cpu()) {
        return Ok(op.forward_on_gpu(&gpu::in_one_piece(args)?)?.reshape(shape)?);
    }
    let values = args.iter().map(|arg| Values::of(arg)).collect::<candle_core::Result<Vec<_>>>()?;
    let numbers: Vec<&[f32]> = values.iter().map(|v| &**v).collect();
    Ok(Tensor::from_vec(op.forward(&numbers), shape, &Device::Cpu)?)
}

/// Runs `op`, whose result has the shape `shape`, on up to three operands and records it: on the tape that is running, else in
/// candle's graph.
pub(crate) fn apply(op: impl Fused, shape: impl Into<Shape>, args: &[&Tensor]) -> Result<Tensor> {
    let shape = shape.into();
    if tape::is_recording() {
        return tape::record(Box::new(op), shape, args);
    }
    let (node, args) = (Node { op, shape }, args.iter().map(|arg| arg.contiguous()));
    Ok(match args.collect::<candle_core::Result<Vec<_>>>()?.as_slice() {
        [a] => a.apply_op1(node)?,
        [a, b] => a.apply_op2(b, node)?,
        [a, b, c] => a.apply_op3(b, c, node)?,
        more => return Err(Error::Tensor(format!("an operation takes one to three operands, not {}", more.len()))),
    })
}

/// The numbers of a contiguous f32 tensor on the CPU, read in place.
pub(crate) struct Values<'a> {
    storage: StorageRef<'a>,
    start: usize,
    end: usize,
}

impl<'a> Values<'a> {
    pub(crate) fn of(tensor: &'a Tensor) -> candle_core::Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        let (start, end) = contiguous(layout)?;
        match &*storage {
            Storage::Cpu(CpuStorage::F32(numbers)) if end <= numbers.len() => Ok(Values { storage, start, end }),
            _ => candle_core::bail!("a fused operation needs f32 numbers on the CPU"),
        }
    }
}

impl Deref for Values<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(numbers)) => &numbers[self.start..self.end],
            _ => &[], // `of` has checked that this does not happen
        }
    }
}

fn contiguous(layout: &Layout) -> candle_core::Result<(usize, usize)> {
    match layout.contiguous_offsets() {
        Some(range) => Ok(range),
        None => candle_core::bail!("a fused operation needs contiguous operands, not strides {:?}", layout.stride()),
    }
}

/// A fused operation as a candle custom op.
struct Node<F> {
    op: F,
    shape: Shape,
}

impl<F: Fused> Node<F> {
    fn forward(&self, args: &[(&CpuStorage, &Layout)]) -> candle_core::Result<(CpuStorage, Shape)> {
        let mut numbers = Vec::with_capacity(args.len());
        for (storage, layout) in args {
            let (start, end) = contiguous(layout)?;
            numbers.push(&storage.as_slice::<f32>()?[start..end]);
        }
        Ok((CpuStorage::F32(self.op.forward(&numbers)), self.shape.clone()))
    }

    fn backward(&self, args: &[&Tensor], result: &Tensor, grad: &Tensor) -> candle_core::Result<Vec<Option<Tensor>>> {
        let grad = grad.contiguous()?;
        let values = args.iter().map(|arg| Values::of(arg)).collect::<candle_core::Result<Vec<_>>>()?;
        let numbers: Vec<&[f32]> = values.iter().map(|v| &**v).collect();
        let grads = self.op.backward(&numbers, &Values::of(result)?, Values::of(&grad)?.to_vec());
        let tensor = |(grad, arg): (Vec<f32>, &&Tensor)| Tensor::from_vec(grad, arg.shape(), arg.device()).map(Some);
        grads.into_iter().zip(args).map(tensor).collect()
    }
}

/// The next gradient of a list; candle takes `None` as "no gradient".
fn next(grads: &mut impl Iterator<Item = Option<Tensor>>) -> Option<Tensor> {
    grads.next().flatten()
}

impl<F: Fused> CustomOp1 for Node<F> {
    fn name(&self) -> &'static str {
        std::any::type_name::<F>()
    }

    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        self.forward(&[(s, l)])
    }

    fn bwd(&self, a: &Tensor, result: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        Ok(next(&mut self.backward(&[a], result, grad)?.into_iter()))
    }
}

impl<F: Fused> CustomOp2 for Node<F> {
    fn name(&self) -> &'static str {
        std::any::type_name::<F>()
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.forward(&[(s1, l1), (s2, l2)])
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        result: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let mut grads = self.backward(&[a, b], result, grad)?.into_iter();
        Ok((next(&mut grads), next(&mut grads)))
    }
}

impl<F: Fused> CustomOp3 for Node<F> {
    fn name(&self) -> &'static str {
        std::any::type_name::<F>()
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.forward(&[(s1, l1), (s2, l2), (s3, l3)])
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        result: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let mut grads = self.backward(&[a, b, c], result, grad)?.into_iter();
        Ok((next(&mut grads), next(&mut grads), next(&mut grads)))
    }
}
