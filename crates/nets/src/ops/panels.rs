//! The product of a few rows with a large matrix that stays the same from step to step: the inner loop of the LSTM.
//!
//! A general product would pack the matrix anew at each step. Here it is cut into panels once, and each panel's sums stay
//! in registers while the rows run down it. Each sum is added up in the order of k, whatever rows come together.

use super::simd::{Four, Register};
use rayon::prelude::*;

/// Columns of a panel: two AVX-512 registers.
pub(super) const PANEL: usize = 32;
/// The most rows that meet a panel at a time: 8 × 2 registers of sums out of AVX-512's 32.
pub(super) const ROWS: usize = 8;

/// A (k, n) matrix cut into panels of `PANEL` columns, each stored row after row, the last filled up with zeros.
#[derive(Debug)]
pub(super) struct Panels {
    numbers: Vec<f32>,
    pub(super) k: usize,
    pub(super) n: usize,
}

impl Panels {
    /// Entry (row, column) is `source[place(row, column)]`.
    pub(super) fn pack(source: &[f32], k: usize, n: usize, place: impl Fn(usize, usize) -> usize + Sync) -> Self {
        let mut numbers = vec![0.0; n.div_ceil(PANEL) * PANEL * k];
        numbers.par_chunks_mut(PANEL * k).enumerate().for_each(|(panel, numbers)| {
            for (row, numbers) in numbers.chunks_exact_mut(PANEL).enumerate() {
                let columns = panel * PANEL..n.min((panel + 1) * PANEL);
                columns.zip(numbers).for_each(|(column, number)| *number = source[place(row, column)]);
            }
        });
        Panels { numbers, k, n }
    }
}

/// Rows of a matrix that lie `stride` numbers apart.
#[derive(Clone, Copy)]
pub(super) struct Strided<'a> {
    pub(super) numbers: &'a [f32],
    pub(super) stride: usize,
}

impl<'a> Strided<'a> {
    fn from(self, row: usize) -> Self {
        Strided { numbers: &self.numbers[row * self.stride..], stride: self.stride }
    }
}

/// out (n_rows, n) = a (n_rows, k) · panels (k, n)
pub(super) fn rows_times_panels(a: Strided, n_rows: usize, panels: &Panels, out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    {
        use super::simd::{Level, level};
        use std::arch::x86_64::{__m256, __m512};
        #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
        fn avx512(a: Strided, n_rows: usize, panels: &Panels, out: &mut [f32]) {
            // SAFETY: this function only runs where AVX-512 has been detected
            unsafe { in_groups::<__m512, ROWS, 2>(a, n_rows, panels, out) }
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2(a: Strided, n_rows: usize, panels: &Panels, out: &mut [f32]) {
            // SAFETY: this function only runs where AVX2 has been detected
            unsafe { in_groups::<__m256, 2, 4>(a, n_rows, panels, out) }
        }
        match level() {
            // SAFETY: `level` has just found these instruction sets on this machine
            Level::Avx512 => return unsafe { avx512(a, n_rows, panels, out) },
            Level::Avx2 => return unsafe { avx2(a, n_rows, panels, out) },
            Level::Baseline => {}
        }
    }
    // SAFETY: `Four` needs no instruction set
    unsafe { in_groups::<Four, 1, 8>(a, n_rows, panels, out) }
}

/// Groups of `MOST` rows, the last rows in halves of that. `C` registers of type `V` make a panel's width. Few rows take several
/// panels at a time where there are registers enough: else each sum would wait for its last addition.
#[inline(always)]
unsafe fn in_groups<V: Register, const MOST: usize, const C: usize>(
    a: Strided,
    n_rows: usize,
    panels: &Panels,
    out: &mut [f32],
) {
    let mut row = 0;
    while row < n_rows {
        let (a, out) = (a.from(row), &mut out[row * panels.n..]);
        // SAFETY: the caller vouches for the instruction set of `V`
        row += unsafe {
            match MOST.min(n_rows - row) {
                8.. => group::<V, 8, C, 1>(a, panels, out),
                4.. => group::<V, 4, C, 2>(a, panels, out),
                2.. if V::WIDTH == 16 => group::<V, 2, C, 4>(a, panels, out),
                2.. => group::<V, 2, C, 1>(a, panels, out),
                _ if V::WIDTH == 16 => group::<V, 1, C, 4>(a, panels, out),
                _ => group::<V, 1, C, 1>(a, panels, out),
            }
        };
    }
}

/// `R` rows; they are interleaved first, so that the inner loop reads both factors in order. `P` panels at a time, the last ones singly.
#[inline(always)]
unsafe fn group<V: Register, const R: usize, const C: usize, const P: usize>(
    a: Strided,
    panels: &Panels,
    out: &mut [f32],
) -> usize {
    let mut rows = vec![[0f32; R]; panels.k];
    for r in 0..R {
        rows.iter_mut().zip(&a.from(r).numbers[..panels.k]).for_each(|(row, x)| row[r] = *x);
    }
    let together = PANEL * panels.k * P;
    let whole = panels.numbers.chunks_exact(together);
    let rest = whole.remainder();
    for (i, weights) in whole.enumerate() {
        // SAFETY: the caller vouches for the instruction set of `V`, here and below
        unsafe { sums::<V, R, C, P>(&rows, weights, i * P * PANEL, panels.n, out) };
    }
    for (i, weights) in rest.chunks_exact(PANEL * panels.k).enumerate() {
        let first = panels.numbers.len() / together * P + i;
        unsafe { sums::<V, R, C, 1>(&rows, weights, first * PANEL, panels.n, out) };
    }
    R
}

/// The products of `rows` with `P` panels that follow each other, written to `out` (R, n) from column `first` on.
#[inline(always)]
unsafe fn sums<V: Register, const R: usize, const C: usize, const P: usize>(
    rows: &[[f32; R]],
    weights: &[f32],
    first: usize,
    n: usize,
    out: &mut [f32],
) {
    const { assert!(V::WIDTH * C == PANEL) };
    let panels: [&[[f32; PANEL]]; P] =
        std::array::from_fn(|p| &weights[p * rows.len() * PANEL..].as_chunks::<PANEL>().0[..rows.len()]);
    // SAFETY: the caller vouches for the instruction set; loads stay inside `weights: &[f32; PANEL]`
    let mut sums = unsafe { [[[V::splat(0.0); C]; R]; P] };
    for (k, row) in rows.iter().enumerate() {
        for p in 0..P {
            let weights = panels[p][k].as_ptr();
            let weights: [V; C] = std::array::from_fn(|c| unsafe { V::load(weights.add(c * V::WIDTH)) });
            for r in 0..R {
                let x = unsafe { V::splat(row[r]) };
                for c in 0..C {
                    sums[p][r][c] = unsafe { x.fma(weights[c], sums[p][r][c]) };
                }
            }
        }
    }
    for (p, sums) in sums.iter().enumerate() {
        let first = first + p * PANEL;
        let width = PANEL.min(n - first);
        for (r, sums) in sums.iter().enumerate() {
            let mut row = [0f32; PANEL];
            for (c, sum) in sums.iter().enumerate() {
                // SAFETY: as above, `row` holds C registers
                unsafe { sum.store(row.as_mut_ptr().add(c * V::WIDTH)) };
            }
            out[r * n + first..][..width].copy_from_slice(&row[..width]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_times_panels_is_the_plain_product_for_odd_sizes() {
        for (n_rows, k, n) in [(1, 1, 1), (3, 5, 31), (8, 7, 32), (13, 40, 100), (7, 33, 65), (15, 9, 300)] {
            let numbers =
                |n: usize, salt: usize| (0..n).map(|i| ((i * 37 + salt) % 17) as f32 - 8.0).collect::<Vec<_>>();
            let (a, b) = (numbers(n_rows * (k + 3), 1), numbers(k * n, 5));
            let mut out = vec![f32::NAN; n_rows * n];
            let panels = Panels::pack(&b, k, n, |row, column| row * n + column);
            rows_times_panels(Strided { numbers: &a, stride: k + 3 }, n_rows, &panels, &mut out);
            for (i, out) in out.iter().enumerate() {
                let (row, column) = (i / n, i % n);
                let sum: f32 = (0..k).map(|j| a[row * (k + 3) + j] * b[j * n + column]).sum();
                assert_eq!(*out, sum, "({row}, {column}) of {n_rows} × {k} × {n}"); // whole numbers: exact
            }
        }
    }
}
