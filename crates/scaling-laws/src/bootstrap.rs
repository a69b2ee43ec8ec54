//! A parametric bootstrap that also draws the noise level.
//!
//! Resampling five runs with replacement leaves three or fewer sizes most of the time. Here every resample keeps all sizes:
//! its losses are the fitted law plus normal noise, whose variance is itself drawn, RSS/χ²(n - p), because n - p degrees
//! of freedom know it that poorly. For a law that is linear in its parameters the percentile interval is then exactly
//! Student's t interval, however few the points. Seeded: the same seed gives the same interval.

use crate::{Error, Result};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde::Serialize;

use super::global::{Optimum, Sample};
use super::points::Interval;
use super::{LEVEL, LogLaw, PowerLaw};

/// 95 % percentile intervals of a power law over the resamples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PowerBootstrap {
    /// Resamples drawn.
    pub n_resamples: usize,
    /// Resamples whose best law does not fall: they have no alpha and are not in its interval.
    pub n_flat: usize,
    /// Seed of the resamples.
    pub seed: u64,
    /// Factor of the power of N.
    pub a: Interval,
    /// Exponent of N.
    pub alpha: Interval,
    /// Floor that no size removes, nats per token.
    pub c: Interval,
    /// Every resample's law.
    #[serde(skip)]
    pub replicates: Vec<Replicate>,
}

/// One resample's law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replicate {
    /// Factor of the power of N.
    pub a: f64,
    /// Exponent of N.
    pub alpha: f64,
    /// Floor that no size removes, nats per token.
    pub c: f64,
}

/// 95 % percentile intervals of a log law over the resamples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogBootstrap {
    /// Resamples drawn.
    pub n_resamples: usize,
    /// Seed of the resamples.
    pub seed: u64,
    /// A, the loss at N = 1.
    #[serde(rename = "A")]
    pub intercept: Interval,
    /// B, the change of the loss for each e-fold of N.
    #[serde(rename = "B")]
    pub slope: Interval,
}

impl Replicate {
    pub(super) fn of(found: &Optimum, ln_n0: f64) -> Replicate {
        Replicate { a: found.h * (found.alpha * ln_n0).exp(), alpha: found.alpha, c: found.c }
    }

    /// Intervals of a, alpha and c; a flat resample has no alpha.
    pub(super) fn percentiles(all: &[Replicate]) -> [Interval; 3] {
        let falling = all.iter().filter(|one| one.a > 0.0);
        let (a, c) = (percentiles(all.iter().map(|one| one.a)), percentiles(all.iter().map(|one| one.c)));
        [a, percentiles(falling.map(|one| one.alpha)), c]
    }

    /// L(N) = a·N^-alpha + c
    pub fn predict(&self, n_params: f64) -> f64 {
        self.a * n_params.powf(-self.alpha) + self.c
    }
}

impl PowerLaw {
    /// `n_resamples` refits of the law plus drawn noise.
    ///
    /// # Errors
    /// No point to spare, because the noise is then unknown; a flat law; fewer than 100 resamples.
    pub fn bootstrap(&self, n_resamples: usize, seed: u64) -> Result<PowerBootstrap> {
        if self.a == 0.0 {
            return Err(Error::Fit("the loss does not fall with N, so there is no exponent to resample".into()));
        }
        let optimum = self.optimum();
        let curve = |t: &f64| optimum.h * (-optimum.alpha * t).exp() + optimum.c;
        let fitted: Vec<f64> = self.sample.t.iter().map(curve).collect();
        let left = (self.rss, self.sample.degrees_of_freedom());
        let replicates = resample(&fitted, left, (n_resamples, seed), |losses| {
            let sample = Sample { loss: losses.to_vec(), ..self.sample.clone() };
            Replicate::of(&sample.optimum(), sample.ln_n0)
        })?;
        let n_flat = replicates.iter().filter(|replicate| replicate.a <= 0.0).count();
        let [a, alpha, c] = Replicate::percentiles(&replicates);
        Ok(PowerBootstrap { n_resamples, n_flat, seed, a, alpha, c, replicates })
    }
}

impl LogLaw {
    /// `n_resamples` refits of the law plus drawn noise.
    ///
    /// # Errors
    /// No point to spare, because the noise is then unknown; fewer than 100 resamples.
    pub fn bootstrap(&self, n_resamples: usize, seed: u64) -> Result<LogBootstrap> {
        let line = &self.line;
        let fitted: Vec<f64> = line.x.iter().map(|x| self.intercept + self.slope * (x + line.x_mean)).collect();
        let left = (self.rss, self.n_points.saturating_sub(2));
        let lines = resample(&fitted, left, (n_resamples, seed), |losses| line.fit(losses))?;
        let intercept = percentiles(lines.iter().map(|line| line.0));
        let slope = percentiles(lines.iter().map(|line| line.1));
        Ok(LogBootstrap { n_resamples, seed, intercept, slope })
    }
}

/// The one resampling: refits of what a law says, in nats or in logarithms, plus drawn noise. The law left this sum of squares and
/// this many degrees of freedom.
pub(super) fn resample<T: Send>(
    fitted: &[f64],
    (squares, degrees): (f64, usize),
    (n_resamples, seed): (usize, u64),
    refit: impl Fn(&[f64]) -> T + Sync,
) -> Result<Vec<T>> {
    let mut noise = Noise::new(squares, degrees, n_resamples, seed)?;
    let drawn: Vec<Vec<f64>> = (0..n_resamples).map(|_| noise.add_to(fitted)).collect();
    Ok(drawn.par_iter().map(|losses| refit(losses)).collect())
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

    fn add_to(&mut self, fitted: &[f64]) -> Vec<f64> {
        let chi_squared: f64 = (0..self.degrees).map(|_| self.normal().powi(2)).sum();
        let deviation = (self.rss / chi_squared.max(f64::MIN_POSITIVE)).sqrt();
        fitted.iter().map(|loss| loss + deviation * self.normal()).collect()
    }

    /// A standard normal number by Box and Muller.
    fn normal(&mut self) -> f64 {
        let (u, v): (f64, f64) = (self.random.random(), self.random.random());
        (-2.0 * (-u).ln_1p()).sqrt() * (2.0 * std::f64::consts::PI * v).cos()
    }
}

/// The central 95 % of the values, interpolated between neighbours.
pub(super) fn percentiles(values: impl Iterator<Item = f64>) -> Interval {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * (sorted.len().max(1) - 1) as f64;
        let value = |index: f64| sorted.get(index as usize).copied().unwrap_or(f64::NAN);
        value(place.floor()) + place.fract() * (value(place.ceil()) - value(place.floor()))
    };
    Interval { low: at((1.0 - LEVEL) / 2.0), high: at((1.0 + LEVEL) / 2.0), level: LEVEL }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published::b_transformer;

    #[test]
    fn a_thousand_bootstraps_of_five_points_are_timed_and_repeat() {
        let law = PowerLaw::fit(&b_transformer()).unwrap();
        let start = std::time::Instant::now();
        let first = law.bootstrap(1000, 7).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        println!("1000 bootstraps of five points: {seconds:.3} s; alpha {}, c {}", first.alpha, first.c);
        assert_eq!(first, law.bootstrap(1000, 7).unwrap(), "the same seed gives the same interval");
        assert_ne!(first, law.bootstrap(1000, 8).unwrap());
    }

    #[test]
    fn the_percentile_interval_of_a_straight_line_is_students() {
        let law = LogLaw::fit(&b_transformer()).unwrap();
        let (students, resampled) = (law.intervals.unwrap().slope, law.bootstrap(20_000, 1).unwrap().slope);
        assert!(((resampled.high - resampled.low) / (students.high - students.low) - 1.0).abs() < 0.03);
    }

    #[test]
    fn too_few_points_or_resamples_are_errors_in_words() {
        let law = PowerLaw::fit(&b_transformer()[..3]).unwrap();
        assert_eq!(
            law.bootstrap(1000, 0).unwrap_err().to_string(),
            "as many points as parameters leave no residual to resample; train a model of one more size"
        );
        let law = PowerLaw::fit(&b_transformer()).unwrap();
        assert_eq!(
            law.bootstrap(10, 0).unwrap_err().to_string(),
            "10 resamples cannot give a 95 % interval; use 1000 (at least 100)"
        );
    }
}
