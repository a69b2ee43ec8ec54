//! The matrix product: the one place that decides its precision and its threads.
//!
//! The `gemm` crate computes it in f32 and never splits the inner dimension among threads, so the bits do not depend on
//! their number. A product in bf16 would go here.

use super::pieces::threads as threads_here;
use crate::Result;
use candle_core::{Device, Tensor};

/// A matrix inside a slice: entry (i, j) is `data[i * row_stride + j * col_stride]`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows that lie `row_stride` numbers apart.
    pub(crate) fn strided(data: &'a [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        Matrix { data, rows, cols, row_stride, col_stride: 1 }
    }

    /// Rows that follow each other.
    pub(crate) fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// The transposed matrix, without moving a number.
    pub(crate) fn t(self) -> Self {
        let Matrix { data, rows, cols, row_stride, col_stride } = self;
        Matrix { data, rows: cols, cols: rows, row_stride: col_stride, col_stride: row_stride }
    }

    fn fits(&self) -> bool {
        fits(self.data.len(), (self.rows, self.cols), (self.row_stride, self.col_stride))
    }
}

fn fits(len: usize, (rows, cols): (usize, usize), (row_stride, col_stride): (usize, usize)) -> bool {
    rows == 0 || cols == 0 || (rows - 1) * row_stride + (cols - 1) * col_stride < len
}

/// What a product does with the numbers that are already there.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Into {
    Overwrite,
    Accumulate,
}

/// How many threads share one product: one, or all that the operation has.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Threads {
    One,
    All,
}

/// a·b as a new matrix, row after row.
pub(crate) fn new_product(a: Matrix, b: Matrix, threads: Threads) -> Vec<f32> {
    let (m, n) = (a.rows, b.cols);
    assert!(a.cols == b.rows && a.fits() && b.fits(), "sizes of a product");
    let mut out = Vec::with_capacity(m * n);
    // SAFETY: the assertion keeps every entry of both operands inside its slice; there is room for m·n numbers, all of which
    // `multiply` writes before the length says so, and none of which it reads.
    unsafe {
        multiply(out.as_mut_ptr(), n, a, b, Into::Overwrite, threads);
        out.set_len(m * n);
    }
    out
}

/// out = a·b, or out += a·b. `out` has the rows of `a` and the columns of `b`, its rows `out_stride` apart.
pub(crate) fn product(out: &mut [f32], out_stride: usize, a: Matrix, b: Matrix, into: Into, threads: Threads) {
    let (m, n) = (a.rows, b.cols);
    assert!(a.cols == b.rows && a.fits() && b.fits() && fits(out.len(), (m, n), (out_stride, 1)), "sizes of a product");
    // SAFETY: the assertion above keeps every entry of the three matrices inside its slice; `out` is borrowed mutably,
    // so it overlaps neither operand.
    unsafe { multiply(out.as_mut_ptr(), out_stride, a, b, into, threads) }
}

/// # Safety
/// All entries of `a` and `b` can be read, those of `out` be written, and `out` overlaps neither.
unsafe fn multiply(out: *mut f32, out_stride: usize, a: Matrix, b: Matrix, into: Into, threads: Threads) {
    let parallelism = match threads {
        Threads::All if threads_here() > 1 => gemm::Parallelism::Rayon(threads_here()),
        _ => gemm::Parallelism::None,
    };
    // SAFETY: what the caller vouches for
    unsafe {
        gemm::gemm(
            a.rows,
            b.cols,
            a.cols,
            out,
            1,
            out_stride as isize,
            into == Into::Accumulate,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// Lets a GPU round the operands of products to TF32 while it lives: products of the whole process, so two trainings of one process
/// must agree on it.
#[derive(Debug)]
pub struct AllowTf32 {
    before: bool,
}

impl AllowTf32 {
    /// Puts back what held before when it is dropped. Nothing changes on a CPU.
    #[must_use]
    pub fn new(allow: bool) -> Self {
        AllowTf32 { before: allow_tf32(allow) }
    }
}

impl Drop for AllowTf32 {
    fn drop(&mut self) {
        allow_tf32(self.before);
    }
}

/// Returns what was said before.
fn allow_tf32(allow: bool) -> bool {
    #[cfg(feature = "cuda")]
    {
        let before = candle_core::cuda::gemm_reduced_precision_f32();
        candle_core::cuda::set_gemm_reduced_precision_f32(allow);
        return before;
    }
    #[cfg(not(feature = "cuda"))]
    return allow; // a CPU does not round
}

/// The best rate of a few plain products, on all threads of a CPU, in 10⁹ FLOP/s: the measure of how fast a device could train.
///
/// # Errors
/// The device fails.
pub fn product_gflops(device: &Device) -> Result<f64> {
    const SHAPES: [(usize, usize, usize); 3] = [(4096, 320, 1280), (1024, 1024, 1024), (2048, 512, 2048)]; // m, k, n
    const REPEATS: usize = 6;
    if !device.is_cpu() {
        const N: usize = 8192;
        let (a, mut best) = (Tensor::full(0.5f32, (N, N), device)?, f64::INFINITY);
        for _ in 0..REPEATS {
            device.synchronize()?;
            let began = std::time::Instant::now();
            let _product = a.matmul(&a)?;
            device.synchronize()?;
            best = best.min(began.elapsed().as_secs_f64());
        }
        return Ok(2.0 * (N as f64).powi(3) / best / 1e9);
    }
    let rate = |(m, k, n): (usize, usize, usize)| {
        let (a, b) = (vec![0.5; m * k], vec![0.5; k * n]);
        let mut out = vec![0.0; m * n];
        let mut best = f64::INFINITY;
        for _ in 0..REPEATS {
            let began = std::time::Instant::now();
            let (a, b) = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
            product(&mut out, n, a, b, Into::Overwrite, Threads::All);
            best = best.min(began.elapsed().as_secs_f64());
        }
        2.0 * (m * k * n) as f64 / best / 1e9
    };
    Ok(SHAPES.into_iter().map(rate).fold(0.0, f64::max))
}
