//! Matrix products into buffers that are already there, on gemm, the crate that candle's own products run on.
//!
//! Why not candle's `matmul`: training adds products into sums (gradients, residuals), reads windows of wider
//! matrices (one head, one projection), and runs many small products at once, one a thread. `matmul` makes a
//! new tensor each time, looks up the number of threads in /proc/cpuinfo each time, and its backward
//! computes the gradient of frozen weights too, which costs a third of the work.
//!
//! This is the one place of the room that is `unsafe`: gemm takes raw pointers. The views below check that
//! every element that they can reach lies within its slice.
#![allow(unsafe_code)]

/// A matrix that lies in a slice with any strides.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> View<'a> {
    /// `rows` × `cols`, one row after the other.
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::window(data, rows, cols, cols)
    }

    /// `rows` × `cols`, with `stride` elements from one row's start to the next: some columns of a wider matrix.
    pub fn window(data: &'a [f32], rows: usize, cols: usize, stride: usize) -> Self {
        assert!(fits(data.len(), rows, cols, stride), "a view lies within its slice");
        Self { data, rows, cols, row_stride: stride, col_stride: 1 }
    }

    /// The transposed matrix, without moving anything.
    pub fn t(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }
}

/// Whether `rows` rows of `cols` elements, `stride` apart, lie within `len` elements without overlapping.
fn fits(len: usize, rows: usize, cols: usize, stride: usize) -> bool {
    rows == 0
        || cols == 0
        || (cols <= stride
            && (rows - 1).checked_mul(stride).and_then(|n| n.checked_add(cols)).is_some_and(|n| n <= len))
}

/// Where a product goes, and whether it replaces what is there or is added to it.
#[derive(Debug)]
pub(super) struct To<'a> {
    data: &'a mut [f32],
    stride: usize,
    add: bool,
}

impl<'a> To<'a> {
    /// Replaces a matrix with `stride` elements from one row's start to the next.
    pub fn set(data: &'a mut [f32], stride: usize) -> Self {
        Self { data, stride, add: false }
    }

    /// Adds to a matrix with `stride` elements from one row's start to the next.
    pub fn add(data: &'a mut [f32], stride: usize) -> Self {
        Self { data, stride, add: true }
    }
}

/// On how many threads a product runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Threads {
    /// On this one: for products that already run side by side.
    One,
    /// On all of the current pool.
    All,
}

/// `to = scale · a b`, or `to += scale · a b`. An element is the same on one thread and on many: the work is split
/// by rows and columns, never within a sum.
pub(super) fn product(to: To<'_>, scale: f32, a: View<'_>, b: View<'_>, threads: Threads) {
    assert_eq!(a.cols, b.rows, "the inner sizes of a product agree");
    assert!(fits(to.data.len(), a.rows, b.cols, to.stride), "a product lies within its slice");
    if a.rows == 0 || b.cols == 0 {
        return;
    }
    let parallelism = match threads {
        Threads::All if rayon::current_num_threads() > 1 => {
            gemm::Parallelism::Rayon(rayon::current_num_threads())
        }
        _ => gemm::Parallelism::None,
    };
    // SAFETY: `View` can only be made by `window`, which checks that (rows - 1) · stride + cols elements lie in the
    // slice, and by `t`, which reaches the same elements; the same is checked for `to` above, whose slice is borrowed
    // mutably and so overlaps neither. Strides are below the slices' lengths, which never exceed isize::MAX.
    unsafe {
        gemm::gemm(
            a.rows,
            b.cols,
            a.cols,
            to.data.as_mut_ptr(),
            1,
            to.stride as isize,
            to.add,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            if to.add { 1.0 } else { 0.0 },
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: usize) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * 0.37).sin()).collect()
    }

    #[test]
    fn a_product_of_windows_agrees_with_the_plain_sum() {
        // a: 5 × 3 out of rows of 7; b: 4 × 3, transposed; the result: 5 × 4 in rows of 6, added to what is there.
        let (a, b) = (ramp(5 * 7), ramp(4 * 3));
        let mut to = vec![1.0; 5 * 6];
        product(To::add(&mut to, 6), 0.5, View::window(&a, 5, 3, 7), View::new(&b, 4, 3).t(), Threads::All);
        for i in 0..5 {
            for j in 0..6 {
                let sum: f32 = if j < 4 { (0..3).map(|k| a[i * 7 + k] * b[j * 3 + k]).sum() } else { 0.0 };
                assert!((to[i * 6 + j] - (1.0 + 0.5 * sum)).abs() < 1e-6);
            }
        }
    }

    #[test]
    #[should_panic(expected = "within its slice")]
    fn a_view_beyond_its_slice_is_refused() {
        let a = ramp(11);
        View::new(&a, 3, 4);
    }
}
