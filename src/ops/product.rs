//! The matrix product: the one place that decides its precision and its threads.
//!
//! The `gemm` crate computes it in f32 and never splits the inner dimension among threads, so the bits do not depend on
//! their number. A product in bf16 would go here.

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

/// How many threads share one product.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Threads {
    One,
    All,
}

/// out = a·b, or out += a·b. `out` has the rows of `a` and the columns of `b`, its rows `out_stride` apart.
pub(crate) fn product(out: &mut [f32], out_stride: usize, a: Matrix, b: Matrix, into: Into, threads: Threads) {
    let (m, n, k) = (a.rows, b.cols, a.cols);
    assert!(a.cols == b.rows && a.fits() && b.fits() && fits(out.len(), (m, n), (out_stride, 1)), "sizes of a product");
    let parallelism = match threads {
        Threads::All if rayon::current_num_threads() > 1 => gemm::Parallelism::Rayon(rayon::current_num_threads()),
        _ => gemm::Parallelism::None,
    };
    // SAFETY: the assertion above keeps every entry of the three matrices inside its slice; `out` is borrowed mutably,
    // so it overlaps neither operand.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
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
