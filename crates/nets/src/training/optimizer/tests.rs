use super::*;

fn var(values: &[f32], shape: &[usize]) -> Var {
    Var::from_tensor(&Tensor::from_slice(values, shape, &Device::Cpu).unwrap()).unwrap()
}

/// Gradients of Σ c·p are the constants c.
fn gradient(parameters: &[(String, Var)], constants: &[Vec<f32>]) -> GradStore {
    let mut loss = Tensor::zeros((), candle_core::DType::F32, &Device::Cpu).unwrap();
    for ((_, parameter), constants) in parameters.iter().zip(constants) {
        let constants = Tensor::from_slice(constants, parameter.shape(), &Device::Cpu).unwrap();
        loss = (loss + (parameter.as_tensor() * constants).unwrap().sum_all().unwrap()).unwrap();
    }
    loss.backward().unwrap()
}

fn values(var: &Var) -> Vec<f32> {
    var.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn two_steps_equal_a_case_worked_by_hand() {
    // p = 1, g = 0.5 then −1; lr .1, β .9 .99, λ .2, no clipping.
    // t=1: m .05, v .0025; m̂ .5, v̂ .25: p = 1·(1 − .02) − .1·.5/.5 = .88
    // t=2: m −.055, v .012475; m̂ −.055/.19, v̂ .012475/.0199: p = .88·.98 + .1·.28947368/.79176031 = .89896077
    // A bias (one dimension) has no decay: t=1: 1 − .1 = .9; t=2: .9 + .03656077 = .93656077
    let parameters = vec![("w".to_string(), var(&[1.0], &[1, 1])), ("b".to_string(), var(&[1.0], &[1]))];
    let mut adamw = AdamW::new(&parameters, (0.9, 0.99), 0.2, true).unwrap();
    for g in [0.5f32, -1.0] {
        let grads = gradient(&parameters, &[vec![g], vec![g]]);
        let norm = adamw.step(&grads, 0.1, 0.0).unwrap();
        assert!((norm - f64::from(g.abs()) * 2f64.sqrt()).abs() < 1e-12);
    }
    let expected = 0.88 * 0.98 + 0.1 * (0.055 / 0.19) / (0.012475f64 / 0.0199).sqrt();
    assert!((expected - 0.89896077).abs() < 1e-7, "{expected}");
    assert!((f64::from(values(&parameters[0].1)[0]) - expected).abs() < 1e-6);
    assert!((f64::from(values(&parameters[1].1)[0]) - 0.93656077).abs() < 1e-6);
}

fn many(seed: usize) -> Vec<f32> {
    (0..40_000).map(|i| (((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0) * 0.3).collect()
}

#[test]
fn the_fused_update_equals_the_composite_one() {
    let make = || vec![("w".to_string(), var(&many(0), &[200, 200])), ("b".to_string(), var(&many(1)[..33], &[33]))];
    let (one, other) = (make(), make());
    let mut fused = AdamW::new(&one, (0.9, 0.99), 0.1, true).unwrap();
    let mut composite = AdamW::new(&other, (0.9, 0.99), 0.1, false).unwrap();
    for step in 2..6 {
        let constants = [many(step), many(step + 9)[..33].to_vec()];
        let a = fused.step(&gradient(&one, &constants), 1e-2, 1.0).unwrap();
        let b = composite.step(&gradient(&other, &constants), 1e-2, 1.0).unwrap();
        assert_eq!(a, b);
    }
    for ((_, a), (_, b)) in one.iter().zip(&other) {
        let largest = values(a).iter().zip(values(b)).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        assert!(largest < 1e-6, "{largest}");
    }
}

#[test]
fn the_norm_is_that_of_all_gradients_and_clipping_scales_to_it() {
    let grads = [var(&[3.0; 7], &[7]).as_tensor().clone(), var(&[4.0; 7], &[7, 1]).as_tensor().clone()];
    assert!((global_norm(&grads).unwrap() - (7.0f64 * 25.0).sqrt()).abs() < 1e-12);
    // With β = 0 and a first step of rate lr, p moves by lr·g/|g| whatever the scale; m keeps the clipped gradient itself.
    let parameters = vec![("w".to_string(), var(&[0.0, 0.0], &[1, 2]))];
    let mut adamw = AdamW::new(&parameters, (0.0, 0.0), 0.0, true).unwrap();
    adamw.step(&gradient(&parameters, &[vec![3.0, 4.0]]), 0.1, 1.0).unwrap();
    let m: Vec<f32> = adamw.moments().unwrap()[0].1.flatten_all().unwrap().to_vec1().unwrap();
    assert!((m[0] - 0.6).abs() < 1e-6 && (m[1] - 0.8).abs() < 1e-6, "{m:?}");
}

#[test]
fn a_parameter_without_a_gradient_is_named() {
    let parameters = vec![("h.0.weight".to_string(), var(&[1.0], &[1]))];
    let other = vec![("x".to_string(), var(&[1.0], &[1]))];
    let mut adamw = AdamW::new(&parameters, (0.9, 0.99), 0.1, true).unwrap();
    let error = adamw.step(&gradient(&other, &[vec![1.0]]), 0.1, 1.0).unwrap_err().to_string();
    assert!(error.contains("h.0.weight received no gradient"), "{error}");
}

#[test]
fn moments_are_restored_bit_for_bit() {
    let make = || vec![("w".to_string(), var(&many(0), &[200, 200]))];
    let (straight, broken) = (make(), make());
    let mut a = AdamW::new(&straight, (0.9, 0.99), 0.1, true).unwrap();
    let mut b = AdamW::new(&broken, (0.9, 0.99), 0.1, true).unwrap();
    for step in 1..5 {
        a.step(&gradient(&straight, &[many(step)]), 1e-2, 1.0).unwrap();
        b.step(&gradient(&broken, &[many(step)]), 1e-2, 1.0).unwrap();
        let saved: HashMap<String, Tensor> = b.moments().unwrap().into_iter().collect();
        let mut again = AdamW::new(&broken, (0.9, 0.99), 0.1, true).unwrap();
        again.restore(&saved, step).unwrap();
        b = again;
    }
    assert_eq!(values(&straight[0].1), values(&broken[0].1));
}
