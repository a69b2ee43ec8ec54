//! The oracle of every operation's tests: its composite form in f64, and finite differences of that.

use crate::Result;
use candle_core::{DType, Device, Tensor, Var};

/// Numbers in (-1, 1), the same for the same salt.
pub(super) fn uniform(shape: &[usize], salt: u32) -> Tensor {
    let n: usize = shape.iter().product();
    let mut state = salt.wrapping_mul(747_796_405).wrapping_add(12_345);
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    Tensor::from_vec((0..n).map(|_| draw()).collect::<Vec<f32>>(), shape, &Device::Cpu).unwrap()
}

fn numbers(x: &Tensor) -> Vec<f64> {
    x.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// A scalar that every entry of y has a different weight in.
fn scalar(y: &Tensor) -> Tensor {
    let weights = uniform(y.dims(), 99).to_dtype(y.dtype()).unwrap();
    (y * weights).unwrap().sum_all().unwrap()
}

/// The result and the gradient of `scalar(f)` for every operand.
fn value_and_gradients(operands: &[Tensor], f: &impl Fn(&[Tensor]) -> Result<Tensor>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let vars: Vec<Var> = operands.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let y = f(&tensors).unwrap();
    let grads = scalar(&y).backward().unwrap();
    (numbers(&y), vars.iter().map(|var| numbers(grads.get(var).unwrap())).collect())
}

fn close(what: &str, a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len(), "{what}");
    let size = b.iter().fold(1.0f64, |top, b| top.max(b.abs()));
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance * size, "{what}, entry {i}: {a}, not {b}");
    }
}

fn wide(operands: &[Tensor]) -> Vec<Tensor> {
    operands.iter().map(|x| x.to_dtype(DType::F64).unwrap()).collect()
}

/// Results and gradients of the fused form (f32) equal those of the composite form in f64 to 1e-5 of the largest, also on
/// operands that are not contiguous.
pub(super) fn agree_with_composite(
    operands: &[Tensor],
    fused: impl Fn(&[Tensor]) -> Result<Tensor>,
    composite: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    let (value, gradients) = value_and_gradients(&wide(operands), &composite);
    let scattered = |x: &[Tensor]| {
        let stored = |x: &Tensor| x.t().and_then(|x| x.contiguous()).and_then(|x| x.t()); // the same numbers, column by column
        fused(&x.iter().map(|x| if x.rank() > 1 { stored(x) } else { Ok(x.clone()) }.unwrap()).collect::<Vec<_>>())
    };
    for (form, (fused_value, fused_gradients)) in
        [("contiguous", value_and_gradients(operands, &fused)), ("strided", value_and_gradients(operands, &scattered))]
    {
        close(&format!("{form} result"), &fused_value, &value, 1e-5);
        for (i, (a, b)) in fused_gradients.iter().zip(&gradients).enumerate() {
            close(&format!("{form} gradient {i}"), a, b, 1e-5);
        }
    }
    #[cfg(feature = "cuda")]
    agree_on_gpu(operands, &fused, &value, &gradients);
}

/// The same of the kernels, whose memory the emulator fills with NaN before they run.
#[cfg(feature = "cuda")]
fn agree_on_gpu(
    operands: &[Tensor],
    fused: &impl Fn(&[Tensor]) -> Result<Tensor>,
    value: &[f64],
    gradients: &[Vec<f64>],
) {
    let device = crate::training::device().unwrap();
    let operands: Vec<Tensor> = operands.iter().map(|x| x.to_device(&device).unwrap()).collect();
    let weights = |y: &Tensor| uniform(y.dims(), 99).to_device(&device).unwrap();
    let (y, grads) = super::tape::result_and_gradients(|| fused(&operands), weights).unwrap();
    close("result on the GPU", &numbers(&y), value, 1e-5);
    for (i, (x, gradient)) in operands.iter().zip(gradients).enumerate() {
        close(&format!("gradient {i} on the GPU"), &numbers(&grads[&x.id()]), gradient, 1e-5);
    }
}

/// [`agree_with_composite`], and the composite form's gradients equal central differences of its value.
pub(super) fn agree(
    operands: &[Tensor],
    fused: impl Fn(&[Tensor]) -> Result<Tensor>,
    composite: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    const STEP: f64 = 1e-5;
    let wide = wide(operands);
    let (_, gradients) = value_and_gradients(&wide, &composite);
    for (i, gradient) in gradients.iter().enumerate() {
        let at = |entry: usize, step: f64| {
            let mut moved = numbers(&wide[i]);
            moved[entry] += step;
            let mut operands = wide.clone();
            operands[i] = Tensor::from_vec(moved, wide[i].shape(), &Device::Cpu).unwrap();
            scalar(&composite(&operands).unwrap()).to_scalar::<f64>().unwrap()
        };
        let entries: Vec<usize> = (0..gradient.len()).step_by(gradient.len().div_ceil(20)).collect();
        let measured: Vec<f64> = entries.iter().map(|&e| (at(e, STEP) - at(e, -STEP)) / (2.0 * STEP)).collect();
        let claimed: Vec<f64> = entries.iter().map(|&e| gradient[e]).collect();
        close(&format!("finite differences of operand {i}"), &claimed, &measured, 1e-6);
    }
    agree_with_composite(operands, fused, composite);
}
