//! The parameters of a model: names, shapes, how each is drawn at first, and where its numbers are now.

use crate::{Error, Result};
use candle_core::{Device, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// How a parameter starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Init {
    Normal { std: f64 },
    Uniform { bound: f64 },
    Constant(f32),
}

/// A parameter's state-dict name, shape and start.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub name: String,
    pub shape: Vec<usize>,
    pub init: Init,
}

impl Spec {
    pub(super) fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>, init: Init) -> Self {
        Spec { name: name.into(), shape: shape.into(), init }
    }
}

/// All parameters of a model, in the order of its specs.
#[derive(Debug, Clone)]
pub(super) struct Parameters {
    list: Vec<(String, Var)>,
    gradients: bool,
}

impl Parameters {
    /// Draws every parameter in order from one generator: a seed is a model.
    pub(super) fn draw(specs: &[Spec], seed: u64, device: &Device) -> Result<Self> {
        let mut rng = Pcg64::seed_from_u64(seed);
        let draw = |spec: &Spec| {
            let numbers = draw(spec, &mut rng);
            Ok((spec.name.clone(), Var::from_vec(numbers, spec.shape.as_slice(), device)?))
        };
        Ok(Self::from_list(specs.iter().map(draw).collect::<Result<_>>()?))
    }

    pub(super) fn from_list(list: Vec<(String, Var)>) -> Self {
        Parameters { list, gradients: true }
    }

    pub(super) fn list(&self) -> &[(String, Var)] {
        &self.list
    }

    /// The same numbers, looked at without recording operations on them.
    pub(super) fn without_gradients(&self) -> Self {
        Parameters { list: self.list.clone(), gradients: false }
    }

    /// The parameter called `name`.
    pub(super) fn get(&self, name: &str) -> Result<Tensor> {
        match self.list.iter().find(|(known, _)| known == name) {
            Some((_, var)) if self.gradients => Ok(var.as_tensor().clone()),
            Some((_, var)) => Ok(var.as_detached_tensor()),
            None => Err(Error::Config(format!("this model has no parameter {name:?}"))),
        }
    }
}

fn draw(spec: &Spec, rng: &mut Pcg64) -> Vec<f32> {
    let n = spec.shape.iter().product();
    match spec.init {
        Init::Constant(value) => vec![value; n],
        Init::Uniform { bound } => (0..n).map(|_| ((2.0 * rng.random::<f64>() - 1.0) * bound) as f32).collect(),
        Init::Normal { std } => (0..n).map(|_| (normal(rng) * std) as f32).collect(),
    }
}

/// A draw from N(0, 1) (Box and Muller 1958).
fn normal(rng: &mut Pcg64) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (2.0 * std::f64::consts::PI * v).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_model_and_draws_have_their_spread() {
        let specs = [
            Spec::new("normal", [100, 100], Init::Normal { std: 0.02 }),
            Spec::new("uniform", [10_000], Init::Uniform { bound: 0.5 }),
        ];
        let numbers = |seed: u64, name: &str| -> Vec<f32> {
            let parameters = Parameters::draw(&specs, seed, &Device::Cpu).unwrap();
            parameters.get(name).unwrap().flatten_all().unwrap().to_vec1().unwrap()
        };
        assert_eq!(numbers(1, "uniform"), numbers(1, "uniform"));
        assert_ne!(numbers(1, "uniform"), numbers(2, "uniform"));
        let std = |x: &[f32]| (x.iter().map(|x| f64::from(x * x)).sum::<f64>() / x.len() as f64).sqrt();
        assert!((std(&numbers(1, "normal")) / 0.02 - 1.0).abs() < 0.03);
        assert!((std(&numbers(1, "uniform")) / (0.5 / 3f64.sqrt()) - 1.0).abs() < 0.03);
    }
}
