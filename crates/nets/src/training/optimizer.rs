//! AdamW with decoupled weight decay on matrices only, and clipping by the global norm of the gradient.
//!
//! ```text
//! norm = √Σ g²  over all parameters;   g ← g · min(1, grad_clip / norm)
//! m ← β₁·m + (1 − β₁)·g                  v ← β₂·v + (1 − β₂)·g²
//! p ← p − lr·λ·p − lr · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)          λ = 0 for biases and norms (one dimension)
//! ```
//! (Loshchilov and Hutter 2019; the form and ε are torch.optim.AdamW's.) candle's own AdamW hides its moments, so it cannot be
//! resumed; here they are saved and restored bit for bit. On the CPU one pass over memory does it all on every core, on a CUDA
//! device one kernel (`adamw.cu`); elsewhere the same equations run as tensor operations.

use crate::ops::gpu::{self, Arg, Kernels, Threads};
use crate::{Error, Result};
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, Device, InplaceOp2, Layout, Tensor, Var};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Mutex;

const EPSILON: f64 = 1e-8; // torch's and nanoGPT's
const CHUNK: usize = 1 << 14; // 64 KiB of f32: fits the L2 cache four times; a fixed size keeps sums the same on any schedule

/// The optimiser's state for one list of parameters.
#[derive(Debug)]
pub struct AdamW {
    beta1: f64,
    beta2: f64,
    weight_decay: f64,
    /// Steps taken; the `t` of the equations.
    step: usize,
    slots: Vec<Slot>,
}

/// One parameter and its two moments.
#[derive(Debug)]
struct Slot {
    name: String,
    parameter: Var,
    decays: bool,
    moments: Moments,
}

/// Plain vectors for the fused CPU update; tensors for the kernel on a CUDA device and for the composite one.
#[derive(Debug)]
enum Moments {
    Fused(Vec<f32>, Vec<f32>),
    OnGpu(Tensor, Tensor),
    Composite(Tensor, Tensor),
}

/// The numbers of one step that all elements share.
#[derive(Debug, Clone, Copy)]
struct Coefficients {
    grad_scale: f64,
    beta1: f64,
    beta2: f64,
    /// 1 − lr·λ
    keep: f64,
    /// lr / (1 − β₁ᵗ)
    rate: f64,
    /// 1 / √(1 − β₂ᵗ)
    v_scale: f64,
}

impl AdamW {
    /// Zero moments for `parameters`. With `fused` the CPU's one-pass update is used where parameters live on the CPU.
    ///
    /// # Errors
    /// The device has no room.
    pub fn new(parameters: &[(String, Var)], betas: (f64, f64), weight_decay: f64, fused: bool) -> Result<Self> {
        let slots =
            parameters.iter().map(|(name, parameter)| Slot::new(name, parameter, fused)).collect::<Result<_>>()?;
        Ok(AdamW { beta1: betas.0, beta2: betas.1, weight_decay, step: 0, slots })
    }

    /// One update. The gradient is scaled so that its global norm is at most `grad_clip` (0: no clipping); returns the norm
    /// before clipping. A norm that is not finite is returned and nothing is changed.
    ///
    /// # Errors
    /// A parameter without a gradient.
    pub fn step(&mut self, grads: &GradStore, learning_rate: f64, grad_clip: f64) -> Result<f64> {
        let grads = self.gradients(grads)?;
        let norm = global_norm(&grads)?;
        if !norm.is_finite() {
            return Ok(norm);
        }
        self.step += 1;
        let grad_scale = if grad_clip > 0.0 && norm > grad_clip { grad_clip / norm } else { 1.0 };
        let t = self.step as f64;
        let shared = Coefficients {
            grad_scale,
            beta1: self.beta1,
            beta2: self.beta2,
            keep: 1.0,
            rate: learning_rate / (1.0 - self.beta1.powf(t)),
            v_scale: 1.0 / (1.0 - self.beta2.powf(t)).sqrt(),
        };
        let decayed = Coefficients { keep: 1.0 - learning_rate * self.weight_decay, ..shared };
        let update = |(slot, grad): (&mut Slot, &Tensor)| slot.update(grad, if slot.decays { decayed } else { shared });
        if self.slots.iter().any(|slot| matches!(slot.moments, Moments::OnGpu(..))) {
            self.update_on_gpu(&grads, decayed)?;
        } else if grads.iter().all(|grad| grad.device().is_cpu()) {
            self.slots.par_iter_mut().zip(&grads).try_for_each(update)?;
        } else {
            self.slots.iter_mut().zip(&grads).try_for_each(update)?; // a device takes one thing after the other
        }
        Ok(norm)
    }

    /// All parameters in one launch.
    fn update_on_gpu(&self, grads: &[Tensor], with: Coefficients) -> Result<()> {
        let mut slots = Vec::with_capacity(self.slots.len());
        for (slot, grad) in self.slots.iter().zip(grads) {
            let (Moments::OnGpu(m, v) | Moments::Composite(m, v)) = &slot.moments else {
                return Err(Error::Tensor(format!("{} is on the CPU, other parameters on a GPU", slot.name)));
            };
            slots.push(SlotOnGpu::new([slot.parameter.as_tensor(), grad, m, v], slot.decays)?);
        }
        let table = SlotOnGpu::table(&slots, &grads[0])?;
        let args = [&[Arg::Numbers(&table)], &with.in_f32().map(Arg::Float)[..]].concat();
        Ok(gpu::launch(&KERNELS, "adamw", Threads::Blocks(BLOCKS, slots.len()), &args)?)
    }

    /// The gradient of each parameter, contiguous. A missing one is an error: candle drops gradients silently.
    fn gradients(&self, grads: &GradStore) -> Result<Vec<Tensor>> {
        let gradient = |slot: &Slot| match grads.get(slot.parameter.as_tensor()) {
            Some(grad) => Ok(grad.contiguous()?),
            None => Err(Error::Tensor(format!(
                "the parameter {} received no gradient: an operation in the model's forward pass cuts it",
                slot.name
            ))),
        };
        self.slots.iter().map(gradient).collect()
    }

    /// Copies of all moments on the CPU, `m.<parameter>` and `v.<parameter>`, in the order of the parameters.
    ///
    /// # Errors
    /// The device fails.
    pub fn moments(&self) -> Result<Vec<(String, Tensor)>> {
        let mut moments = Vec::with_capacity(2 * self.slots.len());
        for Slot { name, parameter, moments: own, .. } in &self.slots {
            let copy = |values: &[f32]| Tensor::from_slice(values, parameter.shape(), &Device::Cpu);
            let (m, v) = match own {
                Moments::Fused(m, v) => (copy(m)?, copy(v)?),
                Moments::OnGpu(m, v) | Moments::Composite(m, v) => {
                    (m.to_device(&Device::Cpu)?, v.to_device(&Device::Cpu)?)
                }
            };
            moments.extend([(format!("m.{name}"), m), (format!("v.{name}"), v)]);
        }
        Ok(moments)
    }

    /// Puts saved moments back, exactly, with the number of steps taken.
    ///
    /// # Errors
    /// A moment is missing or has another shape.
    pub fn restore(&mut self, saved: &HashMap<String, Tensor>, step: usize) -> Result<()> {
        for slot in &mut self.slots {
            let find = |kind: &str| {
                let name = format!("{kind}.{}", slot.name);
                match saved.get(&name) {
                    Some(tensor) if tensor.shape() == slot.parameter.shape() => Ok(tensor),
                    Some(tensor) => Err(Error::Checkpoint(format!(
                        "the saved moment {name} has shape {:?}, but the parameter has {:?}: the checkpoint belongs to another model",
                        tensor.dims(),
                        slot.parameter.dims()
                    ))),
                    None => Err(Error::Checkpoint(format!(
                        "the checkpoint has no moment {name}: it belongs to another model"
                    ))),
                }
            };
            let (found_m, found_v) = (find("m")?, find("v")?);
            match &mut slot.moments {
                Moments::Fused(m, v) => {
                    let values = |tensor: &Tensor| tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
                    (*m, *v) = (values(found_m)?, values(found_v)?);
                }
                Moments::OnGpu(m, v) | Moments::Composite(m, v) => {
                    (*m, *v) = (found_m.to_device(m.device())?, found_v.to_device(v.device())?);
                }
            }
        }
        self.step = step;
        Ok(())
    }
}

impl Slot {
    fn new(name: &str, parameter: &Var, fused: bool) -> Result<Self> {
        let zeros = || parameter.as_tensor().zeros_like();
        let n = parameter.elem_count();
        let moments = match parameter.device() {
            Device::Cpu if fused && parameter.is_contiguous() => Moments::Fused(vec![0.0; n], vec![0.0; n]),
            Device::Cuda(_) if fused && parameter.is_contiguous() => Moments::OnGpu(zeros()?, zeros()?),
            _ => Moments::Composite(zeros()?, zeros()?),
        };
        let decays = parameter.dims().len() >= 2;
        Ok(Slot { name: name.to_string(), parameter: parameter.clone(), decays, moments })
    }

    fn update(&mut self, grad: &Tensor, with: Coefficients) -> Result<()> {
        match &mut self.moments {
            Moments::Fused(m, v) => {
                let moments = Mutex::new((m.as_mut_slice(), v.as_mut_slice()));
                Ok(self.parameter.inplace_op2(grad, &FusedUpdate { moments, with })?)
            }
            Moments::OnGpu(m, v) | Moments::Composite(m, v) => {
                let grad = (grad * with.grad_scale)?;
                *m = ((&*m * with.beta1)? + (&grad * (1.0 - with.beta1))?)?;
                *v = ((&*v * with.beta2)? + (grad.sqr()? * (1.0 - with.beta2))?)?;
                let direction = (&*m * with.rate)?.div(&((v.sqrt()? * with.v_scale)? + EPSILON)?)?;
                let updated = ((self.parameter.as_tensor() * with.keep)? - direction)?;
                Ok(self.parameter.set(&updated.detach())?)
            }
        }
    }
}

const KERNELS: Kernels = Kernels { name: "adamw", text: include_str!("adamw.cu") };
const BLOCKS: usize = 128; // for each parameter
const WARPS: usize = 8; // of a block

/// A parameter as the kernels know it: the addresses of its numbers, gradient and moments, how many, and whether it decays.
struct SlotOnGpu([i64; 6]);

impl SlotOnGpu {
    fn new(numbers: [&Tensor; 4], decays: bool) -> Result<Self> {
        let [p, g, m, v] = numbers.map(gpu::address);
        Ok(SlotOnGpu([p?, g?, m?, v?, numbers[1].elem_count() as i64, i64::from(decays)]))
    }

    fn table(slots: &[SlotOnGpu], like: &Tensor) -> Result<Tensor> {
        let numbers: Vec<i64> = slots.iter().flat_map(|slot| slot.0).collect();
        Ok(Tensor::new(numbers, like.device())?)
    }
}

/// The whole update of one parameter in one pass over memory, in place.
struct FusedUpdate<'a> {
    moments: Mutex<(&'a mut [f32], &'a mut [f32])>,
    with: Coefficients,
}

impl InplaceOp2 for FusedUpdate<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(&self, p: &mut CpuStorage, p_at: &Layout, g: &CpuStorage, g_at: &Layout) -> candle_core::Result<()> {
        let (Some((p_start, p_end)), Some((g_start, g_end))) = (p_at.contiguous_offsets(), g_at.contiguous_offsets())
        else {
            candle_core::bail!("adamw: parameters and gradients must be contiguous")
        };
        let (CpuStorage::F32(p), CpuStorage::F32(g)) = (p, g) else {
            candle_core::bail!("adamw: parameters and gradients must be f32")
        };
        let (Some(p), Some(g)) = (p.get_mut(p_start..p_end), g.get(g_start..g_end)) else {
            candle_core::bail!("adamw: a layout reaches beyond its storage")
        };
        let mut moments = self.moments.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (m, v) = &mut *moments;
        let chunks = p.par_chunks_mut(CHUNK).zip(g.par_chunks(CHUNK));
        let chunks = chunks.zip(m.par_chunks_mut(CHUNK).zip(v.par_chunks_mut(CHUNK)));
        chunks.for_each(|((p, g), (m, v))| self.with.update(p, g, m, v));
        Ok(())
    }
}

impl Coefficients {
    /// Scale, β₁, β₂, 1 − β₁, 1 − β₂, keep, rate, scale of v, ε.
    fn in_f32(&self) -> [f32; 9] {
        let Coefficients { grad_scale, beta1, beta2, keep, rate, v_scale } = *self;
        [grad_scale, beta1, beta2, 1.0 - beta1, 1.0 - beta2, keep, rate, v_scale, EPSILON].map(|x| x as f32)
    }

    /// The equations of this file's head, one element after another; the compiler makes vectors of it.
    fn update(&self, p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
        let [scale, beta1, beta2, rest1, rest2, keep, rate, v_scale, epsilon] = self.in_f32();
        for (((p, g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
            let g = g * scale;
            *m = beta1 * *m + rest1 * g;
            *v = beta2 * *v + rest2 * (g * g);
            *p = *p * keep - rate * *m / (v.sqrt() * v_scale + epsilon);
        }
    }
}

/// √Σ g² over all tensors, in f64; the same bits for the same tensors however many threads share the work.
///
/// # Errors
/// The device fails.
pub fn global_norm(grads: &[Tensor]) -> Result<f64> {
    if grads.iter().any(|grad| grad.device().is_cuda()) {
        return norm_on_gpu(grads);
    }
    let squares = grads.par_iter().map(sum_of_squares).collect::<Result<Vec<f64>>>()?;
    Ok(squares.iter().sum::<f64>().sqrt())
}

/// Each gradient's sum in shares, one of each warp, which the host fetches all at once.
fn norm_on_gpu(grads: &[Tensor]) -> Result<f64> {
    let slots = grads.iter().map(|grad| SlotOnGpu::new([grad; 4], false)).collect::<Result<Vec<_>>>()?;
    let (table, shares) = (SlotOnGpu::table(&slots, &grads[0])?, gpu::empty(slots.len() * BLOCKS * WARPS, &grads[0])?);
    let args = [Arg::Numbers(&table), Arg::Numbers(&shares)];
    gpu::launch(&KERNELS, "sums_of_squares", Threads::Blocks(BLOCKS, slots.len()), &args)?;
    Ok(shares.to_vec1::<f32>()?.iter().map(|&share| f64::from(share)).sum::<f64>().sqrt())
}

fn sum_of_squares(grad: &Tensor) -> Result<f64> {
    let (storage, layout) = grad.storage_and_layout();
    let on_cpu = match (&*storage, layout.contiguous_offsets()) {
        (candle_core::Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => values.get(start..end),
        _ => None,
    };
    let Some(values) = on_cpu else {
        drop(storage);
        return Ok(f64::from(grad.sqr()?.sum_all()?.to_dtype(candle_core::DType::F32)?.to_scalar::<f32>()?));
    };
    // Sums of fixed chunks, added in order: rayon's own sum would group them as threads happen to steal.
    let chunks: Vec<f64> = values.par_chunks(CHUNK).map(chunk_sum_of_squares).collect();
    Ok(chunks.iter().sum())
}

fn chunk_sum_of_squares(values: &[f32]) -> f64 {
    let mut lanes = [0f64; 8]; // eight running sums: one would wait for itself at each addition
    let (whole, rest) = values.as_chunks::<8>();
    for eight in whole {
        for (lane, &value) in lanes.iter_mut().zip(eight) {
            *lane += f64::from(value) * f64::from(value);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>()
}

#[cfg(test)]
mod tests;
