//! How far two samples of one number lie apart.

/// Widths of the kernel on each side that are added up; beyond them lies 1/16,000 of it.
const KERNEL_REACH: f64 = 4.0;
/// Cells of the grid in one width of the kernel.
const CELLS_A_WIDTH: f64 = 8.0;
/// At most; a sample that lies far away makes the cells coarser, not more.
const MAX_CELLS: f64 = 8192.0;

/// Overlap area of two densities, ∫ min(f(x), g(x)) dx, each a Gaussian kernel estimate over the whole line.
///
/// Both have one width, h = n^(-1/5)·√((s_a² + s_b²)/2) with n the size of the smaller sample (Scott 1992), and one grid that
/// reaches 4 h beyond all values, so that the same sample twice gives 1. MGEval's code gives each density a width of its own,
/// integrates from the least value to the largest only, which cuts the tails off, and for its Kullback-Leibler divergence takes
/// the two densities at different places. Without any spread the values are compared as they are.
pub fn overlap_area(a: &[f64], b: &[f64]) -> f64 {
    let (Some((_, s_a)), Some((_, s_b))) = (super::mean_and_sd(a), super::mean_and_sd(b)) else { return 0.0 };
    let h = ((s_a * s_a + s_b * s_b) / 2.0).sqrt() * (a.len().min(b.len()) as f64).powf(-0.2);
    let all = || a.iter().chain(b).copied();
    let (least, largest) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let start = least - KERNEL_REACH * h;
    let range = largest + KERNEL_REACH * h - start;
    let cell = (h / CELLS_A_WIDTH).max(range / MAX_CELLS);
    if cell <= 0.0 {
        return 1.0; // all values are one
    }
    let kernel = kernel(h / cell);
    let n_cells = (range / cell) as usize + kernel.len() + 1;
    let density = |sample: &[f64]| {
        let mut counts = vec![0.0; n_cells];
        for value in sample {
            if let Some(count) = counts.get_mut(((value - start) / cell).round() as usize) {
                *count += 1.0 / sample.len() as f64;
            }
        }
        spread(&counts, &kernel)
    };
    density(a).iter().zip(density(b)).map(|(f, g)| f.min(g)).sum()
}

/// exp(-x²/2) at whole cells, x in widths of `width` cells, so that it sums to 1.
fn kernel(width: f64) -> Vec<f64> {
    let reach = (KERNEL_REACH * width).ceil() as i32;
    let weight = |cell: i32| if cell == 0 { 1.0 } else { (-0.5 * (f64::from(cell) / width).powi(2)).exp() };
    let weights: Vec<f64> = (-reach..=reach).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// The counts with each spread out like the kernel; half a kernel longer on both sides.
fn spread(counts: &[f64], kernel: &[f64]) -> Vec<f64> {
    let mut density = vec![0.0; counts.len() + kernel.len()];
    for (place, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
        let cells = density.iter_mut().skip(place);
        cells.zip(kernel).for_each(|(cell, weight)| *cell += count * weight);
    }
    density
}

/// Wasserstein-1 distance, ∫ |F(x) - G(x)| dx with F and G the samples' distribution functions: how far, on average, one has to
/// be moved to become the other.
pub fn wasserstein(a: &[f64], b: &[f64]) -> f64 {
    let weight = |sample: &[f64]| 1.0 / sample.len().max(1) as f64;
    let steps = |sample: &[f64], step: f64| sample.iter().map(|value| (*value, step)).collect::<Vec<_>>();
    let mut steps = [steps(a, weight(a)), steps(b, -weight(b))].concat();
    steps.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (mut difference, mut distance) = (0.0_f64, 0.0);
    for ((value, step), (next, _)) in steps.iter().zip(steps.iter().skip(1)) {
        difference += step;
        distance += difference.abs() * (next - value);
    }
    distance
}

#[cfg(test)]
mod tests {
    use super::super::tests::gaussian;
    use super::*;

    #[test]
    fn the_same_sample_overlaps_wholly_and_lies_nowhere_else() {
        let sample = gaussian(500, 0.0, 1.0, 1);
        assert!((overlap_area(&sample, &sample) - 1.0).abs() < 1e-9);
        assert_eq!(wasserstein(&sample, &sample), 0.0);
        assert_eq!((overlap_area(&[3.0; 9], &[3.0; 4]), wasserstein(&[3.0; 9], &[3.0; 4])), (1.0, 0.0));
    }

    #[test]
    fn gaussians_one_standard_deviation_apart_overlap_by_what_their_integral_says() {
        let (a, b) = (gaussian(20_000, 0.0, 1.0, 1), gaussian(20_000, 1.0, 1.0, 2));
        // 2 Φ(-1/2) = 0.6171; the kernel of h = 0.138 widens both to √(1 + h²): 2 Φ(-0.4953) = 0.6204
        assert!((overlap_area(&a, &b) - 0.6204).abs() < 0.01, "{}", overlap_area(&a, &b));
        assert!((wasserstein(&a, &b) - 1.0).abs() < 0.03, "{}", wasserstein(&a, &b));
    }

    #[test]
    fn what_lies_apart_does_not_overlap_however_far() {
        for distance in [100.0, 1e9] {
            let (a, b) = (gaussian(300, 0.0, 1.0, 1), gaussian(300, distance, 1.0, 2));
            assert!(overlap_area(&a, &b) < 1e-9);
            assert!((wasserstein(&a, &b) / distance - 1.0).abs() < 0.01);
        }
        assert_eq!(overlap_area(&[1.0; 5], &[2.0; 5]), 0.0);
    }

    #[test]
    fn distance_of_samples_of_unequal_size_by_hand() {
        // F - G is 1/2 from 0 to 1, then 1/2 - 1/3 … : {0, 1} to {1, 2, 3}: means 1/2 and 2, all mass moves right: 3/2
        assert!((wasserstein(&[0.0, 1.0], &[1.0, 2.0, 3.0]) - 1.5).abs() < 1e-12);
        // {0, 4} to {2}: half moves 2 up, half 2 down
        assert!((wasserstein(&[0.0, 4.0], &[2.0]) - 2.0).abs() < 1e-12);
        assert_eq!(wasserstein(&[], &[]), 0.0);
    }
}
