//! The parameters of a model. Whoever builds a model asks for each by name, shape and start: it is drawn, read from a file, or was
//! there before.

use super::checkpoint::Contents;
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

/// All parameters of a model, in the order in which they were asked for.
#[derive(Debug, Clone)]
pub(super) struct Parameters {
    list: Vec<(String, Var)>,
    source: Source,
    gradients: bool,
}

/// Where a parameter that is asked for comes from.
#[derive(Debug, Clone)]
enum Source {
    /// One generator for all of them in order: a seed is a model.
    Draw(Pcg64, Device),
    Read(Contents, Device),
    List,
}

impl Parameters {
    pub(super) fn draw(seed: u64, device: &Device) -> Self {
        Self::from(Source::Draw(Pcg64::seed_from_u64(seed), device.clone()))
    }

    pub(super) fn read(contents: Contents, device: &Device) -> Self {
        Self::from(Source::Read(contents, device.clone()))
    }

    fn from(source: Source) -> Self {
        Parameters { list: Vec::new(), source, gradients: true }
    }

    pub(super) fn list(&self) -> &[(String, Var)] {
        &self.list
    }

    /// The same numbers, looked at without recording operations on them.
    pub(super) fn without_gradients(&self) -> Self {
        Parameters { list: self.list.clone(), source: Source::List, gradients: false }
    }

    /// The parameter called `name`.
    pub(super) fn get(&mut self, name: &str, shape: impl Into<Vec<usize>>, init: Init) -> Result<Tensor> {
        let shape = shape.into();
        let var = match &mut self.source {
            Source::List => {
                let found = self.list.iter().find(|(known, _)| known == name);
                let (_, var) = found.ok_or_else(|| Error::Config(format!("this model has no parameter {name:?}")))?;
                var.clone()
            }
            Source::Draw(rng, device) => Var::from_vec(draw(init, shape.iter().product(), rng), shape, device)?,
            Source::Read(contents, device) => Var::from_tensor(&contents.take(name, &shape)?.to_device(device)?)?,
        };
        let tensor = if self.gradients { var.as_tensor().clone() } else { var.as_detached_tensor() };
        if !matches!(self.source, Source::List) {
            self.list.push((name.to_string(), var));
        }
        Ok(tensor)
    }

    /// Refuses a file that holds more than was asked for.
    pub(super) fn finish(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.source, Source::List) {
            Source::Read(contents, _) => contents.finish(),
            _ => Ok(()),
        }
    }
}

fn draw(init: Init, n: usize, rng: &mut Pcg64) -> Vec<f32> {
    match init {
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
        let numbers = |seed: u64| -> [Vec<f32>; 2] {
            let mut parameters = Parameters::draw(seed, &Device::Cpu);
            let normal = parameters.get("normal", [100, 100], Init::Normal { std: 0.02 }).unwrap();
            let uniform = parameters.get("uniform", [10_000], Init::Uniform { bound: 0.5 }).unwrap();
            [normal, uniform].map(|drawn| drawn.flatten_all().unwrap().to_vec1().unwrap())
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1)[1], numbers(2)[1]);
        let std = |x: &[f32]| (x.iter().map(|x| f64::from(x * x)).sum::<f64>() / x.len() as f64).sqrt();
        let [normal, uniform] = numbers(1);
        assert!((std(&normal) / 0.02 - 1.0).abs() < 0.03);
        assert!((std(&uniform) / (0.5 / 3f64.sqrt()) - 1.0).abs() < 0.03);
    }
}
