//! Many values of one number, and how sure one can be of their mean.

use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// Resamples behind an interval; a thousand give its ends to about a tenth of its width (Efron and Tibshirani 1993).
const N_RESAMPLES: usize = 1000;
const SEED: u64 = 1337;

/// The mean of some values with its 95 % interval, and the band that holds 95 % of them. All 0 where there are no values.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Distribution {
    /// How many values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// 2.5 % and 97.5 % quantiles of its bootstrap distribution: values drawn with replacement.
    pub mean_interval: (f64, f64),
    /// 2.5 % and 97.5 % quantiles of the values.
    pub band: (f64, f64),
}

impl Distribution {
    /// Of these values; what is not finite is left out.
    pub fn of(values: impl Iterator<Item = f64>) -> Distribution {
        let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let n = values.len();
        if n == 0 {
            return Distribution::default();
        }
        let mut rng = rand_pcg::Pcg64::seed_from_u64(SEED);
        let mut resampled = || (0..n).filter_map(|_| values.get(rng.random_range(0..n))).sum::<f64>() / n as f64;
        let mut means: Vec<f64> = (0..N_RESAMPLES).map(|_| resampled()).collect();
        means.sort_by(f64::total_cmp);
        let middle_95_percent = |sorted: &[f64]| (quantile(sorted, 0.025), quantile(sorted, 0.975));
        Distribution {
            mean: values.iter().sum::<f64>() / n as f64,
            mean_interval: middle_95_percent(&means),
            band: middle_95_percent(&values),
            n,
        }
    }
}

/// The value below which a share of the sorted values lies, between two of them by a straight line (type 7 of Hyndman and Fan
/// 1996, as numpy and R do it).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * sorted.len().saturating_sub(1) as f64;
    let at = |place: f64| sorted.get(place as usize).copied().unwrap_or_default();
    at(place.floor()) + (at(place.ceil()) - at(place.floor())) * place.fract()
}

impl std::fmt::Display for Distribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Distribution { n, mean, mean_interval: (low, high), band } = self;
        write!(f, "{n} tunes: mean {mean:.3} [{low:.3}, {high:.3}], 95 % of them from {:.3} to {:.3}", band.0, band.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        let sorted = [1.0, 2.0, 4.0, 8.0]; // numpy.quantile([1, 2, 4, 8], [0.025, 0.5, 0.975])
        let close = |share, expected: f64| assert!((quantile(&sorted, share) - expected).abs() < 1e-12);
        close(0.025, 1.075);
        close(0.5, 3.0);
        close(0.975, 7.7);
    }

    #[test]
    fn the_interval_of_a_mean_is_that_of_the_normal_distribution() {
        // 0 and 1 in turn, 400 of them: the mean's standard deviation is 0.5 / 20
        let found = Distribution::of((0..400).map(|i| f64::from(i % 2)));
        assert_eq!((found.mean, found.band), (0.5, (0.0, 1.0)));
        let half = 1.96 * 0.025;
        assert!((found.mean_interval.0 - (0.5 - half)).abs() < 0.01, "{found}");
        assert!((found.mean_interval.1 - (0.5 + half)).abs() < 0.01, "{found}");
    }

    #[test]
    fn no_value_and_one_value_are_no_trouble() {
        assert_eq!(Distribution::of([f64::NAN].into_iter()), Distribution::default());
        assert_eq!(Distribution::of([3.0].into_iter()).band, (3.0, 3.0));
    }
}
