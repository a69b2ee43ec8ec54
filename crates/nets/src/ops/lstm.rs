//! One LSTM layer over a whole sequence (Hochreiter and Schmidhuber 1997), gates in torch's order i, f, g, o.
//!
//! a_t = W_ih·x_t + b_ih + W_hh·h_(t-1) + b_hh
//! i, f, o = σ(a_i), σ(a_f), σ(a_o);  g = tanh(a_g);  c_t = f·c_(t-1) + i·g;  h_t = o·tanh(c_t);  h_0 = c_0 = 0
//!
//! The input products W_ih·x_t of all steps are one matrix product (the operation `linear`). The recurrence is a second operation:
//! each core takes some sequences of the batch through all steps, so no step waits for another core. The gradient
//! of W_hh is one product at the end: dW_hh = Σ_t da_tᵀ·h_(t-1).

use super::add::add;
use super::fused::{Fused, Values, apply};
use super::gpu::{self, Arg, Kernels};
use super::linear::{linear, sum_of_rows};
use super::panels::{Panels, ROWS, Strided, rows_times_panels};
use super::pieces::threads;
use super::product::{Matrix, Threads, new_product};
use super::runs_fused;
use super::simd::{dispatch, fma, sigmoid, tanh};
use crate::{Error, Result};
use candle_core::{D, Device, Tensor};
use rayon::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The hidden states (B, T, H) of one layer for the inputs `x` (B, T, E), from a zero state.
/// Shapes as in torch.nn.LSTM: `w_ih` (4H, E), `w_hh` (4H, H), `b_ih` and `b_hh` (4H).
///
/// # Errors
/// The shapes do not fit each other, or the device fails.
pub fn lstm(x: &Tensor, w_ih: &Tensor, w_hh: &Tensor, b_ih: &Tensor, b_hh: &Tensor) -> Result<Tensor> {
    let (batch, t, _) = x.dims3()?;
    let (gates, hidden) = w_hh.dims2()?;
    if gates != 4 * hidden || b_ih.dims() != [gates] || b_hh.dims() != [gates] || w_ih.dim(0)? != gates {
        let (w_ih, w_hh, b_hh) = (w_ih.dims(), w_hh.dims(), b_hh.dims());
        return Err(Error::Tensor(format!(
            "lstm: w_ih {w_ih:?}, w_hh {w_hh:?} and b_hh {b_hh:?} are not of one layer"
        )));
    }
    let inputs = linear(x, w_ih, None)?; // (B, T, 4H)
    let bias = add(b_ih, b_hh)?; // (4H)
    if runs_fused(&[&inputs, w_hh, &bias]) && batch * t * hidden > 0 {
        let recurrence = Recurrence { batch, t, hidden, kept: Mutex::default(), kept_on_gpu: Mutex::default() };
        return apply(recurrence, (batch, t, hidden), &[&inputs, w_hh, &bias]);
    }
    composite(&inputs, w_hh, &bias)
}

/// The recurrence, one small operation at a time, given the input products `inputs` (B, T, 4H) and the sum of the biases (4H).
fn composite(inputs: &Tensor, w_hh: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (batch, t, _) = inputs.dims3()?;
    let hidden = w_hh.dim(1)?;
    let mut h = Tensor::zeros((batch, hidden), inputs.dtype(), inputs.device())?;
    let mut c = h.clone();
    let mut outputs = Vec::with_capacity(t);
    for step in 0..t {
        let recurrent = h.matmul(&w_hh.t()?)?.broadcast_add(bias)?;
        let a = (inputs.narrow(1, step, 1)?.squeeze(1)? + recurrent)?; // (B, 4H)
        (h, c) = composite_cell(&a, &c)?; // (B, H)
        outputs.push(h.clone());
    }
    Ok(Tensor::stack(&outputs, 1)?)
}

/// h_t and c_t, (B, H) each, from a_t (B, 4H) and c_(t-1) (B, H).
fn composite_cell(a: &Tensor, c: &Tensor) -> Result<(Tensor, Tensor)> {
    let hidden = c.dim(1)?;
    let gate = |i: usize| a.narrow(D::Minus1, i * hidden, hidden);
    let (i, f) = (candle_nn::ops::sigmoid(&gate(0)?)?, candle_nn::ops::sigmoid(&gate(1)?)?);
    let (g, o) = (gate(2)?.tanh()?, candle_nn::ops::sigmoid(&gate(3)?)?);
    let c = ((f * c)? + (i * g)?)?;
    Ok(((o * c.tanh()?)?, c))
}

/// One step of one layer, without gradients: h_t and c_t, (n, H) each, from the two parts of a_t, (n, 4H) each and with their biases,
/// and c_(t-1) (n, H).
pub(crate) fn lstm_cell(input: &Tensor, recurrent: &Tensor, c: &Tensor) -> Result<(Tensor, Tensor)> {
    if !runs_fused(&[input, recurrent, c]) {
        return composite_cell(&(input + recurrent)?, c);
    }
    let (n, hidden) = c.dims2()?;
    let (input, recurrent, c) = (Values::of(input)?, Values::of(recurrent)?, Values::of(c)?);
    let (mut gates, no_bias) = (vec![0.0; 4 * hidden], vec![0.0; 4 * hidden]);
    let (mut cell, mut out) = (vec![0.0; n * hidden], vec![0.0; n * hidden]);
    for row in 0..n {
        let (own, wide) = (row * hidden..(row + 1) * hidden, row * 4 * hidden..(row + 1) * 4 * hidden);
        let a = (&input[wide.clone()], &recurrent[wide]);
        one_cell(a.0, a.1, &no_bias, &c[own.clone()], &mut gates, &mut cell[own.clone()], &mut out[own]);
    }
    let tensor = |numbers: Vec<f32>| Tensor::from_vec(numbers, (n, hidden), &Device::Cpu);
    Ok((tensor(out)?, tensor(cell)?))
}

struct Recurrence {
    batch: usize,
    t: usize,
    hidden: usize,
    kept: Mutex<Option<Kept>>,
    /// Activated gates (T, B, 4H), cell states and hidden states (T, B, H).
    kept_on_gpu: Mutex<Option<[Tensor; 3]>>,
}

const KERNELS: Kernels = Kernels { name: "lstm", text: include_str!("lstm.cu") };

/// What the backward pass needs: activated gates (B, T, 4H) and cell states (B, T, H).
struct Kept {
    gates: Vec<f32>,
    cells: Vec<f32>,
}

impl Recurrence {
    /// The hidden states (B, T, H), and what the backward pass needs.
    fn run(&self, args: &[&[f32]]) -> (Vec<f32>, Kept) {
        let (inputs, w_hh, bias) = (args[0], args[1], args[2]);
        let (t, hidden) = (self.t, self.hidden);
        let weights = Panels::pack(w_hh, hidden, 4 * hidden, |k, n| n * hidden + k);
        let mut out = vec![0.0; self.batch * t * hidden];
        let mut kept = Kept { gates: vec![0.0; 4 * out.len()], cells: vec![0.0; out.len()] };
        let size = self.sequences_per_piece() * t * hidden;
        out.par_chunks_mut(size)
            .zip(kept.gates.par_chunks_mut(4 * size).zip(kept.cells.par_chunks_mut(size)))
            .zip(inputs.par_chunks(4 * size))
            .for_each(|((out, (gates, cells)), inputs)| {
                forward_sequences(t, &weights, inputs, bias, out, gates, cells);
            });
        (out, kept)
    }

    fn step_on_gpu(&self, kernel: &str, numbers: &[Arg], step: usize) -> candle_core::Result<()> {
        let sizes = [self.batch, self.t, self.hidden, step].map(Arg::Size);
        gpu::launch(&KERNELS, kernel, gpu::Threads::Each(self.batch * self.hidden), &[numbers, &sizes].concat())
    }

    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sequences that one core takes through time together: they share each weight that is loaded.
    fn sequences_per_piece(&self) -> usize {
        self.batch.div_ceil(threads()).clamp(1, ROWS)
    }
}

impl Fused for Recurrence {
    fn forward(&self, args: &[&[f32]]) -> Vec<f32> {
        let (out, kept) = self.run(args);
        *self.kept() = Some(kept);
        out
    }

    fn backward(&self, args: &[&[f32]], result: &[f32], grad: Vec<f32>) -> Vec<Vec<f32>> {
        let (t, hidden) = (self.t, self.hidden);
        let kept = self.kept().take(); // a second backward pass needs a second forward pass: the first overwrites the gates
        let Kept { gates: mut da, cells } = kept.unwrap_or_else(|| self.run(args).1);
        let weights = Panels::pack(args[1], 4 * hidden, hidden, |k, n| k * hidden + n);
        let size = self.sequences_per_piece() * t * hidden;
        da.par_chunks_mut(4 * size)
            .zip(cells.par_chunks(size))
            .zip(grad.par_chunks(size))
            .for_each(|((da, cells), grad)| backward_sequences(t, &weights, cells, grad, da));
        let previous = previous_states(result, t, hidden); // (B, T, H)
        let n_rows = self.batch * t;
        let a = Matrix::new(&da, n_rows, 4 * hidden);
        let dw = new_product(a.t(), Matrix::new(&previous, n_rows, hidden), Threads::All);
        let db = sum_of_rows(&da, 4 * hidden);
        vec![da, dw, db]
    }

    fn forward_on_gpu(&self, args: &[Tensor]) -> candle_core::Result<Tensor> {
        let Recurrence { batch, t, hidden, .. } = *self;
        let w_hh = args[1].t()?;
        let gates = gpu::empty((t, batch, 4 * hidden), &args[0])?;
        let (cells, states) = (gpu::empty((t, batch, hidden), &args[0])?, gpu::empty((t, batch, hidden), &args[0])?);
        for step in 0..t {
            let recurrent = if step > 0 { states.get(step - 1)?.matmul(&w_hh)? } else { gates.clone() }; // not read at first
            let numbers = [&args[0], &recurrent, &args[2], &gates, &cells, &states].map(Arg::Numbers);
            self.step_on_gpu("lstm_step", &numbers, step)?;
        }
        let out = states.transpose(0, 1)?.contiguous()?; // (B, T, H)
        *self.kept_on_gpu.lock().unwrap_or_else(PoisonError::into_inner) = Some([gates, cells, states]);
        Ok(out)
    }

    fn backward_on_gpu(&self, args: &[Tensor], _: &Tensor, grad: Tensor) -> candle_core::Result<Vec<Tensor>> {
        let Recurrence { batch, t, hidden, .. } = *self;
        let kept = self.kept_on_gpu.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some([da, cells, states]) = kept else {
            candle_core::bail!("lstm: a backward pass without a forward pass before it")
        };
        let dc = gpu::empty((batch, hidden), &grad)?;
        let mut dh = dc.clone(); // neither is read at the last step
        for step in (0..t).rev() {
            let numbers = [&grad, &cells, &dh, &dc, &da].map(Arg::Numbers);
            self.step_on_gpu("lstm_step_back", &numbers, step)?;
            if step > 0 {
                dh = da.get(step)?.matmul(&args[1])?;
            }
        }
        let rows = |x: &Tensor, from: usize| x.narrow(0, from, t - 1)?.reshape(((t - 1) * batch, ()));
        let dw = if t > 1 { rows(&da, 1)?.t()?.matmul(&rows(&states, 0)?)? } else { args[1].zeros_like()? };
        let db = gpu::sum_of_rows(&da.reshape((t * batch, 4 * hidden))?)?;
        Ok(vec![da.transpose(0, 1)?.contiguous()?, dw, db])
    }
}

/// h_(t-1) for every t: the states one step later, zeros at the start of each sequence.
fn previous_states(states: &[f32], t: usize, hidden: usize) -> Vec<f32> {
    let mut previous = vec![0.0; states.len()];
    previous
        .par_chunks_mut(t * hidden)
        .zip(states.par_chunks(t * hidden))
        .for_each(|(to, from)| to[hidden..].copy_from_slice(&from[..(t - 1) * hidden]));
    previous
}

dispatch!(fn forward_sequences(
    t: usize, weights: &Panels, inputs: &[f32], bias: &[f32], out: &mut [f32], gates: &mut [f32], cells: &mut [f32]
) = forward_kernel);
dispatch!(fn one_cell(
    input: &[f32], recurrent: &[f32], bias: &[f32], before: &[f32], gates: &mut [f32], cell: &mut [f32], out: &mut [f32]
) = cell_forward);
dispatch!(fn backward_sequences(
    t: usize, weights: &Panels, cells: &[f32], grad: &[f32], da: &mut [f32]
) = backward_kernel);

/// `out` and `cells` (rows, T, H) and the activated `gates` (rows, T, 4H) from `inputs` (rows, T, 4H) and `bias` (4H), b_ih + b_hh.
#[inline(always)]
fn forward_kernel<const FMA: bool>(
    t: usize,
    weights: &Panels,
    inputs: &[f32],
    bias: &[f32],
    out: &mut [f32],
    gates: &mut [f32],
    cells: &mut [f32],
) {
    let hidden = weights.k;
    let n_rows = out.len() / (t * hidden);
    let mut recurrent = vec![0.0; n_rows * 4 * hidden]; // W_hh·h_(t-1)
    for step in 0..t {
        if step > 0 {
            let previous = Strided { numbers: &out[(step - 1) * hidden..], stride: t * hidden };
            rows_times_panels(previous, n_rows, weights, &mut recurrent);
        }
        for row in 0..n_rows {
            let at = (row * t + step) * hidden;
            let (before, cell) = cells.split_at_mut(at);
            let before = if step > 0 { &before[at - hidden..] } else { &[] };
            let recurrent = &recurrent[row * 4 * hidden..][..4 * hidden];
            let (inputs, gates) = (&inputs[4 * at..][..4 * hidden], &mut gates[4 * at..][..4 * hidden]);
            let (cell, out) = (&mut cell[..hidden], &mut out[at..][..hidden]);
            cell_forward::<FMA>(inputs, recurrent, bias, before, gates, cell, out);
        }
    }
}

/// Gates, cell state and hidden state of one step of one sequence, given the three parts of a_t, each (4H), and `before`: c_(t-1),
/// empty at the first step.
#[inline(always)]
fn cell_forward<const FMA: bool>(
    input: &[f32],
    recurrent: &[f32],
    bias: &[f32],
    before: &[f32],
    gates: &mut [f32],
    cell: &mut [f32],
    out: &mut [f32],
) {
    let hidden = out.len();
    let a = |i: usize| input[i] + recurrent[i] + bias[i];
    for (j, gate) in gates.iter_mut().enumerate() {
        *gate = a(j);
    }
    let (i_f, g_o) = gates.split_at_mut(2 * hidden);
    let (g, o) = g_o.split_at_mut(hidden);
    i_f.iter_mut().for_each(|x| *x = sigmoid::<FMA>(*x));
    g.iter_mut().for_each(|x| *x = tanh::<FMA>(*x));
    o.iter_mut().for_each(|x| *x = sigmoid::<FMA>(*x));
    let (i, f) = i_f.split_at(hidden);
    for (cell, (i, g)) in cell.iter_mut().zip(i.iter().zip(&*g)) {
        *cell = i * g;
    }
    for (cell, (f, before)) in cell.iter_mut().zip(f.iter().zip(before)) {
        *cell = fma::<FMA>(*f, *before, *cell);
    }
    for (out, (o, cell)) in out.iter_mut().zip(o.iter().zip(&*cell)) {
        *out = o * tanh::<FMA>(*cell);
    }
}

/// `da` holds the activated gates (rows, T, 4H) and leaves with the gradients of what they were computed from.
#[inline(always)]
fn backward_kernel<const FMA: bool>(t: usize, weights: &Panels, cells: &[f32], grad: &[f32], da: &mut [f32]) {
    let hidden = weights.n;
    let n_rows = grad.len() / (t * hidden);
    let mut dh = vec![0.0; n_rows * hidden]; // what reaches h_t from step t + 1
    let mut dc = vec![0.0; n_rows * hidden];
    for step in (0..t).rev() {
        for row in 0..n_rows {
            let at = (row * t + step) * hidden;
            let before = if step > 0 { &cells[at - hidden..at] } else { &[] };
            let (cell, grad) = (&cells[at..][..hidden], &grad[at..][..hidden]);
            let (dh, dc) = (&mut dh[row * hidden..][..hidden], &mut dc[row * hidden..][..hidden]);
            cell_backward::<FMA>(before, cell, grad, dh, dc, &mut da[4 * at..][..4 * hidden]);
        }
        if step > 0 {
            let da = Strided { numbers: &da[step * 4 * hidden..], stride: t * 4 * hidden };
            rows_times_panels(da, n_rows, weights, &mut dh);
        }
    }
}

/// One step of one sequence: activated gates (4H) become da_t, given `before`, c_(t-1) (empty at the first step), c_t and the
/// gradient of h_t. `dc` holds dc_t from step t + 1 and leaves with dc_(t-1); `dh` leaves with dh_t.
#[inline(always)]
fn cell_backward<const FMA: bool>(
    before: &[f32],
    cell: &[f32],
    grad: &[f32],
    dh: &mut [f32],
    dc: &mut [f32],
    gates: &mut [f32],
) {
    let n = dh.len();
    let (i_f, g_o) = gates.split_at_mut(2 * n);
    let ((i, f), (g, o)) = (i_f.split_at_mut(n), g_o.split_at_mut(n));
    // Each slice has the length n in so many words: else the compiler makes no vectors of the loops.
    let (o, cell, grad, dc) = (&mut o[..n], &cell[..n], &grad[..n], &mut dc[..n]);
    for j in 0..n {
        dh[j] += grad[j];
        let tanh_c = tanh::<FMA>(cell[j]);
        dc[j] = fma::<FMA>(dh[j] * o[j], 1.0 - tanh_c * tanh_c, dc[j]);
        o[j] = dh[j] * tanh_c * o[j] * (1.0 - o[j]);
    }
    for j in 0..n {
        let (i_j, g_j) = (i[j], g[j]);
        i[j] = dc[j] * g_j * i_j * (1.0 - i_j);
        g[j] = dc[j] * i_j * (1.0 - g_j * g_j);
    }
    for j in 0..n {
        let (f_j, dc_j) = (f[j], dc[j]);
        f[j] = dc_j * f_j * (1.0 - f_j);
        dc[j] = dc_j * f_j;
    }
    match before {
        [] => f.fill(0.0), // c_(-1) = 0
        before => f.iter_mut().zip(before).for_each(|(f, before)| *f *= before),
    }
}

#[cfg(test)]
mod tests {
    use super::super::agreement_tests::{agree, agree_with_composite, uniform};
    use super::*;

    fn layer(batch: usize, t: usize, e: usize, h: usize) -> [Tensor; 5] {
        let shapes = [vec![batch, t, e], vec![4 * h, e], vec![4 * h, h], vec![4 * h], vec![4 * h]];
        std::array::from_fn(|i| uniform(&shapes[i], i as u32))
    }

    fn in_parts(x: &[Tensor]) -> Result<Tensor> {
        composite(&x[0].broadcast_matmul(&x[1].t()?)?, &x[2], &(&x[3] + &x[4])?)
    }

    #[test]
    fn fused_agrees_with_composite_and_finite_differences() {
        for (batch, t, e, h) in [(1, 1, 1, 1), (2, 4, 3, 5), (3, 3, 2, 9)] {
            agree(&layer(batch, t, e, h), |x| lstm(&x[0], &x[1], &x[2], &x[3], &x[4]), in_parts);
        }
    }

    #[test]
    fn odd_batches_and_widths_agree() {
        for (batch, t, e, h) in [(17, 9, 5, 33), (5, 20, 32, 40)] {
            agree_with_composite(&layer(batch, t, e, h), |x| lstm(&x[0], &x[1], &x[2], &x[3], &x[4]), in_parts);
        }
    }

    #[test]
    fn a_single_step_agrees_with_the_composite_form() {
        let (a, b, c) = (uniform(&[3, 28], 1), uniform(&[3, 28], 2), uniform(&[3, 7], 3));
        let (ours, parts) = (lstm_cell(&a, &b, &c).unwrap(), composite_cell(&(&a + &b).unwrap(), &c).unwrap());
        for (x, y) in [(ours.0, parts.0), (ours.1, parts.1)] {
            let apart = (x - y).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(apart < 1e-6, "{apart}");
        }
    }
}
