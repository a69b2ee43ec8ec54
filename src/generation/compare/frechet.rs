//! Fréchet distance of two sets of rows, as that between the Gaussians with their means and covariances (Dowson and Landau
//! 1982; Heusel et al. 2017, who take it over activations of a network, which we do not):
//!
//! d² = |μ_a - μ_b|² + tr(A + B - 2·(A^½ B A^½)^½)

type Matrix = Vec<Vec<f64>>;

/// Sweeps of Jacobi's method at most; eight are enough for fifty features.
const MAX_SWEEPS: usize = 60;

/// Mean and covariance of some rows.
pub struct Gaussian {
    mean: Vec<f64>,
    covariance: Matrix,
}

impl Gaussian {
    /// Of rows that are equally long; `None` for fewer than two.
    pub fn of(rows: &[Vec<f64>]) -> Option<Gaussian> {
        let (n, d) = (rows.len() as f64, rows.first()?.len());
        let mut mean = vec![0.0; d];
        for row in rows {
            mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / n);
        }
        let mut covariance = vec![vec![0.0; d]; d];
        for row in rows {
            let deviations: Vec<f64> = row.iter().zip(&mean).map(|(value, mean)| value - mean).collect();
            for (of_row, a) in covariance.iter_mut().zip(&deviations) {
                of_row.iter_mut().zip(&deviations).for_each(|(sum, b)| *sum += a * b / (n - 1.0).max(1.0));
            }
        }
        (rows.len() > 1).then_some(Gaussian { mean, covariance })
    }
}

/// d²; never below 0.
pub fn frechet_squared(a: &Gaussian, b: &Gaussian) -> f64 {
    let apart: f64 = a.mean.iter().zip(&b.mean).map(|(a, b)| (a - b).powi(2)).sum();
    let root = square_root(&a.covariance);
    let product = multiply(&multiply(&root, &b.covariance), &root);
    let trace = |matrix: &Matrix| matrix.iter().enumerate().filter_map(|(i, row)| row.get(i)).sum::<f64>();
    let (values, _) = eigen(&product);
    let common: f64 = values.iter().map(|value| value.max(0.0).sqrt()).sum();
    (apart + trace(&a.covariance) + trace(&b.covariance) - 2.0 * common).max(0.0)
}

/// V·√λ·Vᵀ of a symmetric matrix without negative eigenvalues (those that rounding made are taken for 0).
fn square_root(matrix: &Matrix) -> Matrix {
    let (values, vectors) = eigen(matrix);
    let scaled = |row: &Vec<f64>| row.iter().zip(&values).map(|(x, value)| x * value.max(0.0).sqrt()).collect();
    let scaled: Matrix = vectors.iter().map(scaled).collect();
    multiply(&scaled, &transposed(&vectors))
}

/// Eigenvalues, and eigenvectors as columns, of a symmetric matrix, by Jacobi's rotations (Golub and Van Loan, section 8.5): each
/// makes one element off the diagonal 0, until all are.
fn eigen(matrix: &Matrix) -> (Vec<f64>, Matrix) {
    let (mut a, d) = (matrix.clone(), matrix.len());
    let mut vectors: Matrix = (0..d).map(|i| (0..d).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let scale: f64 = a.iter().flatten().map(|x| x * x).sum();
    for _ in 0..MAX_SWEEPS {
        let off: f64 = (0..d).flat_map(|p| (0..p).map(move |q| (p, q))).map(|(p, q)| a[p][q] * a[p][q]).sum();
        if off <= 1e-30 * scale {
            break;
        }
        for (p, q) in (0..d).flat_map(|p| (p + 1..d).map(move |q| (p, q))) {
            if a[p][q] != 0.0 {
                let tau = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = if tau >= 0.0 { 1.0 } else { -1.0 } / (tau.abs() + (1.0 + tau * tau).sqrt());
                let c = 1.0 / (1.0 + t * t).sqrt();
                rotate(&mut a, &mut vectors, (p, q), (c, t * c));
            }
        }
    }
    ((0..d).map(|i| a[i][i]).collect(), vectors)
}

/// Jᵀ·A·J and V·J for the rotation J by (cosine, sine) in the plane of p and q.
fn rotate(a: &mut Matrix, vectors: &mut Matrix, (p, q): (usize, usize), (c, s): (f64, f64)) {
    let turned = |x: f64, y: f64| (c * x - s * y, s * x + c * y);
    for row in a.iter_mut().chain(vectors.iter_mut()) {
        (row[p], row[q]) = turned(row[p], row[q]);
    }
    let (above, below) = a.split_at_mut(q); // p < q
    above[p].iter_mut().zip(&mut below[0]).for_each(|(x, y)| (*x, *y) = turned(*x, *y));
}

fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
    let columns = transposed(b);
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    a.iter().map(|row| columns.iter().map(|column| dot(row, column)).collect()).collect()
}

fn transposed(matrix: &Matrix) -> Matrix {
    (0..matrix.len()).map(|j| matrix.iter().filter_map(|row| row.get(j)).copied().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    #[test]
    fn in_one_dimension_it_is_the_difference_of_means_and_deviations() {
        let gaussian = |mean: f64, sd: f64| Gaussian { mean: vec![mean], covariance: vec![vec![sd * sd]] };
        close(frechet_squared(&gaussian(1.0, 2.0), &gaussian(4.0, 7.0)), 3.0 * 3.0 + 5.0 * 5.0);
        close(frechet_squared(&gaussian(1.0, 2.0), &gaussian(1.0, 2.0)), 0.0);
    }

    #[test]
    fn in_two_dimensions_it_is_the_closed_form_although_the_covariances_do_not_commute() {
        let (a, b) = (vec![vec![2.0, 1.0], vec![1.0, 3.0]], vec![vec![5.0, -2.0], vec![-2.0, 1.0]]);
        // tr (AB)^½ = √(tr AB + 2 √det AB): AB = [8 -3; -1 1], trace 9, det 5 · 1
        let common = (9.0 + 2.0 * 5f64.sqrt()).sqrt();
        let gaussian = |covariance: &Matrix, x: f64| Gaussian { mean: vec![x, 0.0], covariance: covariance.clone() };
        close(frechet_squared(&gaussian(&a, 0.0), &gaussian(&b, 2.0)), 4.0 + 5.0 + 6.0 - 2.0 * common);
    }

    #[test]
    fn a_root_squared_is_the_matrix_also_where_it_is_singular() {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(3);
        let rows: Vec<Vec<f64>> = (0..9).map(|_| (0..14).map(|_| rng.random_range(-1.0..1.0)).collect()).collect();
        let covariance = Gaussian::of(&rows).unwrap().covariance; // of rank 8
        let root = square_root(&covariance);
        let squared = multiply(&root, &root);
        squared.iter().flatten().zip(covariance.iter().flatten()).for_each(|(a, b)| close(*a, *b));
    }

    #[test]
    fn mean_and_covariance_of_three_rows() {
        let found = Gaussian::of(&[vec![0.0, 1.0], vec![2.0, 1.0], vec![4.0, 4.0]]).unwrap();
        assert_eq!(found.mean, [2.0, 2.0]);
        assert_eq!(found.covariance, [[4.0, 3.0], [3.0, 3.0]]); // Σ (x-2)(y-2) / 2 = (2 + 0 + 4) / 2
        assert!(Gaussian::of(&[vec![1.0]]).is_none());
    }
}
