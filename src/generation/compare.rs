//! Are our tunes distributed as people's are? Feature by feature, by matrices, and all features at once.
//!
//! A number about two finite samples means little by itself, for two halves of people's own tunes differ, too. So each is given
//! three times: over all tunes (`all`); between n of ours and n of people's (`ours`); and between n of people's and n others of
//! people's (`zero`), n the largest number for which that can be done, both averaged over ten seeded shuffles. Where `ours`
//! is not beyond `zero`, the measure cannot tell our tunes from people's.
//!
//! Every feature here is counted by a published formula ([`super::Features`]); no neural embedding is involved.

mod density;
mod frechet;
mod report;

use super::features::{Features, SCALARS, Scalar};
use density::{overlap_area, wasserstein};
use frechet::{Gaussian, frechet_squared};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

/// Shuffles that `ours` and `zero` are averaged over.
const N_SPLITS: usize = 10;
const SEED: u64 = 1337;
/// Tunes of each set that matrices are compared for: 40,000 distances.
const N_PAIRED: usize = 200;

/// A histogram or a matrix, row by row.
type Flattened = fn(&Features) -> Vec<f64>;

/// The features that are more than one number.
const MATRICES: [(&str, Flattened); 4] = [
    ("pitch_class_histogram", |tune| tune.pitch_class_histogram.to_vec()),
    ("pitch_class_transitions", |tune| tune.pitch_class_transitions.concat()),
    ("note_length_histogram", |tune| tune.note_length_histogram.to_vec()),
    ("note_length_transitions", |tune| tune.note_length_transitions.concat()),
];

/// One measure over all tunes, and at equal n against people and among people.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Between all of ours and all of people's.
    pub all: f64,
    /// Between n of ours and n of people's.
    pub ours: f64,
    /// Between n of people's and n others of people's: the zero line.
    pub zero: f64,
}

/// A feature that is one number, in our tunes and in people's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScalarComparison {
    /// The feature.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Tunes of ours and of people's that have it.
    pub n: (usize, usize),
    /// Mean of ours and of people's.
    pub mean: (f64, f64),
    /// Standard deviation of ours and of people's.
    pub sd: (f64, f64),
    /// Overlap area of the two densities: 1 where they are the same, 0 where they have nothing in common.
    pub overlap: Option<Measured>,
    /// Wasserstein-1 distance in people's standard deviations; `None` where people never differ (the overlap then says whether
    /// ours do).
    pub wasserstein: Option<Measured>,
}

/// A feature that is a histogram or a matrix, by the distances between tunes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MatrixComparison {
    /// The feature.
    pub name: String,
    /// Mean Euclidean distance between two of our tunes.
    pub within_ours: f64,
    /// Mean distance between two of people's: MGEval's intra-set distance.
    pub within_people: f64,
    /// Mean distance between one of ours and one of people's, MGEval's inter-set distance; at equal n only.
    pub between: f64,
    /// The same between two halves of people's.
    pub between_zero: f64,
    /// Overlap area of the densities of `between` and `within_people`.
    pub overlap: f64,
    /// The same for two halves of people's.
    pub overlap_zero: f64,
}

/// Fréchet distance over all scalar features at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrechetComparison {
    /// Features in it: those in which people's tunes differ.
    pub n_features: usize,
    /// Tunes of ours and of people's that have all of them.
    pub n: (usize, usize),
    /// d², in squares of people's standard deviations.
    pub distance: Measured,
}

/// Our tunes beside people's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Tunes of ours and of people's.
    pub n: (usize, usize),
    /// In the order of [`SCALARS`]; without what no tune has.
    pub scalars: Vec<ScalarComparison>,
    /// Histograms and transition matrices.
    pub matrices: Vec<MatrixComparison>,
    /// `None` for fewer than two tunes of ours or four of people's.
    pub frechet: Option<FrechetComparison>,
}

/// Compares the features of our tunes with those of people's.
pub fn compare(ours: &[Features], people: &[Features]) -> Comparison {
    let scalars = SCALARS.iter().filter_map(|scalar| {
        let values = |tunes: &[Features]| tunes.iter().filter_map(scalar.of).filter(|x| x.is_finite()).collect();
        compare_scalar((scalar.name, scalar.unit), values(ours), values(people))
    });
    let matrices = MATRICES.iter().filter_map(|(name, of)| {
        compare_matrix(name, &ours.iter().map(of).collect::<Vec<_>>(), &people.iter().map(of).collect::<Vec<_>>())
    });
    Comparison {
        n: (ours.len(), people.len()),
        scalars: scalars.collect(),
        matrices: matrices.collect(),
        frechet: compare_all(ours, people),
    }
}

fn compare_scalar((name, unit): (&str, &str), ours: Vec<f64>, people: Vec<f64>) -> Option<ScalarComparison> {
    let ((mean_ours, sd_ours), (mean_people, sd_people)) = (mean_and_sd(&ours)?, mean_and_sd(&people)?);
    let in_sds = |distance: f64| distance / sd_people;
    let [overlap_split, wasserstein_split] = [
        at_equal_n(&ours, &people, usize::MAX, |a, b| Some([overlap_area(a, b)])),
        at_equal_n(&ours, &people, usize::MAX, |a, b| Some([in_sds(wasserstein(a, b))])),
    ];
    let measured = |all: f64, split: Option<[[f64; 1]; 2]>| split.map(|[[ours], [zero]]| Measured { all, ours, zero });
    Some(ScalarComparison {
        name: name.to_string(),
        unit: unit.to_string(),
        n: (ours.len(), people.len()),
        mean: (mean_ours, mean_people),
        sd: (sd_ours, sd_people),
        overlap: measured(overlap_area(&ours, &people), overlap_split),
        wasserstein: measured(in_sds(wasserstein(&ours, &people)), wasserstein_split).filter(|_| sd_people > 0.0),
    })
}

/// MGEval's inter-set and intra-set distances. Its code leaves each tune out of its own set in turn; every pair once is the same.
fn compare_matrix(name: &str, ours: &[Vec<f64>], people: &[Vec<f64>]) -> Option<MatrixComparison> {
    let measure = |set: &[Vec<f64>], reference: &[Vec<f64>]| {
        let between: Vec<f64> = set.iter().flat_map(|a| reference.iter().map(|b| euclidean(a, b))).collect();
        let (in_set, in_reference) = (pairs_within(set), pairs_within(reference));
        let overlap = overlap_area(&between, &in_reference);
        Some([mean_and_sd(&between)?.0, mean_and_sd(&in_set)?.0, mean_and_sd(&in_reference)?.0, overlap])
    };
    let [of_ours, of_zero] = at_equal_n(ours, people, N_PAIRED, measure)?;
    let [between, within_ours, within_people, overlap] = of_ours;
    let [between_zero, _, _, overlap_zero] = of_zero;
    Some(MatrixComparison {
        name: name.to_string(),
        within_ours,
        within_people,
        between,
        between_zero,
        overlap,
        overlap_zero,
    })
}

/// Over the scalars in which people's tunes differ, in units of their standard deviation, in tunes that have all of them.
fn compare_all(ours: &[Features], people: &[Features]) -> Option<FrechetComparison> {
    let unit = |scalar: &'static Scalar| {
        let (mean, sd) = mean_and_sd(&people.iter().filter_map(scalar.of).collect::<Vec<f64>>())?;
        (sd > 1e-9).then_some((scalar, mean, sd))
    };
    let units: Vec<(&Scalar, f64, f64)> = SCALARS.iter().filter_map(unit).collect();
    let row = |tune: &Features| units.iter().map(|(scalar, mean, sd)| Some(((scalar.of)(tune)? - mean) / sd)).collect();
    let rows = |tunes: &[Features]| tunes.iter().filter_map(row).collect::<Vec<Vec<f64>>>();
    let (ours, people) = (rows(ours), rows(people));
    let distance = |a: &[Vec<f64>], b: &[Vec<f64>]| Some(frechet_squared(&Gaussian::of(a)?, &Gaussian::of(b)?));
    let [[at_n], [zero]] = at_equal_n(&ours, &people, usize::MAX, |a, b| Some([distance(a, b)?]))?;
    let all = distance(&ours, &people)?;
    Some(FrechetComparison {
        n_features: units.len(),
        n: (ours.len(), people.len()),
        distance: Measured { all, ours: at_n, zero },
    })
}

/// Numbers that `measure` finds for n of ours beside n of people's, and for n others of people's beside the same n; averaged over
/// the shuffles. n is the number of ours or half of people's, whichever is less, and at most `n_most`; `None` below 1.
fn at_equal_n<T: Clone, const N: usize>(
    ours: &[T],
    people: &[T],
    n_most: usize,
    measure: impl Fn(&[T], &[T]) -> Option<[f64; N]>,
) -> Option<[[f64; N]; 2]> {
    let n = ours.len().min(people.len() / 2).min(n_most);
    let (mut ours, mut people) = (ours.to_vec(), people.to_vec());
    let mut rng = rand_pcg::Pcg64::seed_from_u64(SEED);
    let mut sums = [[0.0; N]; 2];
    for _ in 0..N_SPLITS {
        ours.shuffle(&mut rng);
        people.shuffle(&mut rng);
        let (reference, others) = people.split_at(n);
        for (sum, set) in sums.iter_mut().zip([ours.get(..n)?, others.get(..n)?]) {
            let found = measure(set, reference).filter(|_| n > 0)?;
            sum.iter_mut().zip(found).for_each(|(sum, found)| *sum += found / N_SPLITS as f64);
        }
    }
    Some(sums)
}

/// Mean and standard deviation (n - 1; 0 for one value).
fn mean_and_sd(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (!values.is_empty()).then(|| (mean, (squares / (n - 1.0).max(1.0)).sqrt()))
}

fn euclidean(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

fn pairs_within(set: &[Vec<f64>]) -> Vec<f64> {
    set.iter().enumerate().flat_map(|(i, a)| set.iter().skip(i + 1).map(move |b| euclidean(a, b))).collect()
}

#[cfg(test)]
mod tests;
