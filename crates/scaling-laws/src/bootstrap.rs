//! A parametric bootstrap that also draws the noise level.
//!
//! Resampling five runs with replacement leaves three or fewer sizes most of the time. Here every resample keeps all sizes:
//! its losses are the fitted law plus normal noise, whose variance is itself drawn, RSS/χ²(n - p), because n - p degrees
//! of freedom know it that poorly. For a law that is linear in its parameters the percentile interval is then exactly
//! Student's t interval, however few the points. An objective of logarithms gets its noise in logarithms. Seeded: the same seed gives
//! the same interval.

use crate::objective::{delta, log_fit};
use crate::{Error, Fit, Interval, LEVEL, Law, Point, Result};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// Refits of a law plus drawn noise, and their 95 % percentile intervals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bootstrap {
    /// Resamples drawn.
    pub n_resamples: usize,
    /// Resamples whose best law does not fall: they have no exponent and are not in its interval.
    pub n_flat: usize,
    /// Seed of the resamples.
    pub seed: u64,
    /// By name of the parameter; `optimal_exponent` too where the law has one.
    #[serde(flatten)]
    pub intervals: BTreeMap<&'static str, Interval>,
    /// Every resample's parameters, as [`Law::loss`] takes them.
    #[serde(skip)]
    pub replicates: Vec<Vec<f64>>,
    #[serde(skip)]
    law: Law,
}

impl Bootstrap {
    pub(crate) fn new(fit: &Fit, n_resamples: usize, seed: u64) -> Result<Bootstrap> {
        let Fit { law, sample, curve, .. } = fit;
        if fit.law != Law::Log && !fit.falls() {
            return Err(Error::Fit("the loss does not fall with N, so there is no exponent to resample".into()));
        }
        let delta = delta(fit.objective);
        let seen = |loss: f64| if delta.is_some() { loss.ln() } else { loss };
        let fitted: Vec<f64> = sample.rows.iter().map(|row| seen(sample.loss_of(curve, row))).collect();
        let squares = match delta {
            None => curve.rss,
            Some(_) => sample.losses.iter().zip(&fitted).map(|(loss, fitted)| (loss.ln() - fitted).powi(2)).sum(),
        };
        let mut noise = Noise::new(squares, sample.degrees_of_freedom(), n_resamples, seed)?;
        let drawn: Vec<Vec<f64>> = (0..n_resamples).map(|_| noise.add_to(&fitted, &sample.weights)).collect();
        let refit = |drawn: &Vec<f64>| -> Vec<f64> {
            let Some(delta) = delta else {
                let sample = sample.with(drawn.iter().copied());
                return sample.values(&sample.optimum_near(curve));
            };
            let sample = sample.with(drawn.iter().map(|log| log.exp()));
            let mut starts = vec![curve.clone()];
            starts.extend((curve.exponents.len() == 1).then(|| sample.optimum()));
            sample.values(&log_fit(&sample, &starts, delta))
        };
        let mut found = Bootstrap {
            n_resamples,
            n_flat: 0,
            seed,
            intervals: BTreeMap::new(),
            replicates: drawn.par_iter().map(refit).collect(),
            law: *law,
        };
        found.n_flat = found.replicates.iter().filter(|replicate| found.is_flat(replicate)).count();
        found.intervals = law.parameters().into_iter().map(|name| (name, percentiles(found.values(name)))).collect();
        if fit.optimal_exponent().is_some() {
            let (alpha, beta) = (found.values("alpha"), found.values("beta"));
            let exponents = alpha.iter().zip(&beta).map(|(alpha, beta)| beta / (alpha + beta)).collect();
            found.intervals.insert("optimal_exponent", percentiles(exponents));
        }
        Ok(found)
    }

    /// One parameter over the resamples; an exponent over those that fall.
    pub fn values(&self, name: &str) -> Vec<f64> {
        let Some(index) = self.law.parameters().iter().position(|other| *other == name) else { return Vec::new() };
        let is_exponent = name == "alpha";
        let kept = self.replicates.iter().filter(|replicate| !is_exponent || !self.is_flat(replicate));
        kept.filter_map(|replicate| replicate.get(index).copied()).collect()
    }

    /// Every resample's loss at a place, in nats per token.
    pub(crate) fn losses(&self, at: &Point) -> Vec<f64> {
        self.replicates.iter().map(|replicate| self.law.loss(replicate, at)).collect()
    }

    pub(crate) fn is_flat(&self, replicate: &[f64]) -> bool {
        let alpha = self.law.parameters().iter().position(|name| *name == "alpha");
        alpha.is_some_and(|index| replicate.get(index) == Some(&0.0))
    }
}

/// Draws resampled losses.
struct Noise {
    random: Pcg64Mcg,
    rss: f64,
    degrees: usize,
}

impl Noise {
    fn new(rss: f64, degrees: usize, n_resamples: usize, seed: u64) -> Result<Noise> {
        if n_resamples < 100 {
            return Err(Error::Fit(format!(
                "{n_resamples} resamples cannot give a 95 % interval; use 1000 (at least 100)"
            )));
        }
        if degrees == 0 {
            return Err(Error::Fit(
                "as many points as parameters leave no residual to resample; train a model of one more size".into(),
            ));
        }
        Ok(Noise { random: Pcg64Mcg::seed_from_u64(seed), rss, degrees })
    }

    fn add_to(&mut self, fitted: &[f64], weights: &[f64]) -> Vec<f64> {
        let degrees = self.degrees as f64;
        let chi_squared: f64 = if self.degrees <= 1000 {
            (0..self.degrees).map(|_| self.normal().powi(2)).sum()
        } else {
            let ninth = 2.0 / (9.0 * degrees);
            degrees * (1.0 - ninth + self.normal() * ninth.sqrt()).powi(3) // Wilson and Hilferty 1931
        };
        let deviation = (self.rss / chi_squared.max(f64::MIN_POSITIVE)).sqrt();
        fitted.iter().zip(weights).map(|(loss, weight)| loss + deviation * self.normal() / weight.sqrt()).collect()
    }

    /// A standard normal number by Box and Muller.
    fn normal(&mut self) -> f64 {
        let (u, v): (f64, f64) = (self.random.random(), self.random.random());
        (-2.0 * (-u).ln_1p()).sqrt() * (2.0 * std::f64::consts::PI * v).cos()
    }
}

/// The central 95 % of the values, interpolated between neighbours.
pub(crate) fn percentiles(mut sorted: Vec<f64>) -> Interval {
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * (sorted.len().max(1) - 1) as f64;
        let value = |index: f64| sorted.get(index as usize).copied().unwrap_or(f64::NAN);
        value(place.floor()) + place.fract() * (value(place.ceil()) - value(place.floor()))
    };
    Interval { low: at((1.0 - LEVEL) / 2.0), high: at((1.0 + LEVEL) / 2.0), level: LEVEL }
}
