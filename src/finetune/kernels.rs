//! What lies between the products, forward and backward, over rows of `f32`: root-mean-square norm, gated SiLU,
//! softmax cross-entropy, rotary positions. Each backward stands below its forward, with the formula.
//!
//! Knows no model: slices and widths in, slices out.
//!
//! The loops are plain Rust, compiled several times by [`wide!`]: for every x86-64 processor, and for those with
//! AVX-512. An element is computed by the same operations in the same order in each, and nothing is fused, so the
//! numbers are the same to the bit.

use rayon::prelude::*;

/// Rows that one thread takes at a time.
const ROWS: usize = 16;
/// Numbers that one thread takes at a time, where there are no rows.
const CHUNK: usize = 1 << 14;

/// A function whose body is compiled for the widest vectors that this processor has, chosen at run time. What the body
/// calls has to be `#[inline(always)]`, or else it is compiled once, for the narrowest.
macro_rules! wide {
    ($(#[$about:meta])* $sight:vis fn $name:ident<'a>($($arg:ident: $of:ty),* $(,)?) -> $out:ty $body:block) => {
        $(#[$about])*
        $sight fn $name<'a>($($arg: $of),*) -> $out {
            struct Work<'a> {
                $($arg: $of),*
            }
            impl<'a> pulp::WithSimd for Work<'a> {
                type Output = $out;
                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, _: S) -> $out {
                    let Self { $($arg),* } = self;
                    $body
                }
            }
            pulp::Arch::new().dispatch(Work { $($arg),* })
        }
    };
}
pub(super) use wide;

/// e^x, to within 2 units in the last place for -87 ≤ x ≤ 88, in plain arithmetic that the compiler can put side by
/// side (libm's cannot be). Below -87 it stays at e^-87, above 88 at e^88. NaN stays NaN.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Comparisons instead of `max` and `min`, which would turn NaN into the bound.
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    // x = n ln 2 + r with |r| ≤ ln 2 / 2; adding 1.5 · 2^23 rounds to n and leaves n in the lowest bits.
    const MAGIC: f32 = 12_582_912.0;
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    // ln 2 in two parts, so that n ln 2 is subtracted without rounding (Cephes, expf).
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p = 1.987_569_2e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000))
}

/// y = x / sqrt(mean(x²) + ε) · w for each row of `w.len()`; returns 1 / sqrt(…) of each row for the backward.
pub(super) fn rms_norm(x: &[f32], w: &[f32], eps: f32, y: &mut [f32]) -> Vec<f32> {
    let width = w.len();
    let mut inverse = vec![0.0; x.len() / width];
    (y.par_chunks_mut(width * ROWS), x.par_chunks(width * ROWS), inverse.par_chunks_mut(ROWS))
        .into_par_iter()
        .for_each(|(y, x, inverse)| norm_rows(x, w, eps, y, inverse));
    inverse
}

wide! {
    fn norm_rows<'a>(x: &'a [f32], w: &'a [f32], eps: f32, y: &'a mut [f32], inverse: &'a mut [f32]) -> () {
        let width = w.len();
        for ((y, x), inverse) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(inverse.iter_mut()) {
            *inverse = 1.0 / (dot(x, x) / width as f32 + eps).sqrt();
            for ((y, x), w) in y.iter_mut().zip(x).zip(w) {
                *y = x * *inverse * w;
            }
        }
    }
}

/// Adds the gradient of [`rms_norm`]'s input to `dx`: with i = 1 / sqrt(…), g = dy ∘ w and n the width,
/// dx = i g − x i³ (g · x) / n.
pub(super) fn rms_norm_back(x: &[f32], w: &[f32], inverse: &[f32], dy: &[f32], dx: &mut [f32]) {
    let width = w.len();
    (
        dx.par_chunks_mut(width * ROWS),
        x.par_chunks(width * ROWS),
        dy.par_chunks(width * ROWS),
        inverse.par_chunks(ROWS),
    )
        .into_par_iter()
        .for_each(|(dx, x, dy, inverse)| norm_rows_back(x, w, inverse, dy, dx));
}

wide! {
    fn norm_rows_back<'a>(
        x: &'a [f32],
        w: &'a [f32],
        inverse: &'a [f32],
        dy: &'a [f32],
        dx: &'a mut [f32],
    ) -> () {
        let width = w.len();
        let rows = dx.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(dy.chunks_exact(width));
        for (((dx, x), dy), i) in rows.zip(inverse) {
            let along = i * i * i * dot3(dy, w, x) / width as f32;
            for (((dx, x), dy), w) in dx.iter_mut().zip(x).zip(dy).zip(w) {
                *dx += i * dy * w - x * along;
            }
        }
    }
}

/// Adds the gradient of [`rms_norm`]'s weight to `dw`: the sum over the rows of dy ∘ x i.
pub(super) fn rms_norm_weight_back(x: &[f32], inverse: &[f32], dy: &[f32], dw: &mut [f32]) {
    let width = dw.len();
    for ((x, dy), i) in x.chunks_exact(width).zip(dy.chunks_exact(width)).zip(inverse) {
        for ((dw, x), dy) in dw.iter_mut().zip(x).zip(dy) {
            *dw += dy * x * i;
        }
    }
}

/// y = silu(gate) ∘ up, where each row of `x` holds `width` gates and then `width` ups; silu(g) = g / (1 + e^−g).
pub(super) fn swiglu(x: &[f32], width: usize, y: &mut [f32]) {
    (y.par_chunks_mut(width * ROWS), x.par_chunks(2 * width * ROWS))
        .into_par_iter()
        .for_each(|(y, x)| gate_rows(x, width, y));
}

wide! {
    fn gate_rows<'a>(x: &'a [f32], width: usize, y: &'a mut [f32]) -> () {
        for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(2 * width)) {
            let (gate, up) = x.split_at(width);
            for ((y, g), u) in y.iter_mut().zip(gate).zip(up) {
                *y = g / (1.0 + exp(-g)) * u;
            }
        }
    }
}

/// The gradient of [`swiglu`]'s input: with s = 1 / (1 + e^−g), d gate = dy u s (1 + g (1 − s)), d up = dy g s.
pub(super) fn swiglu_back(x: &[f32], width: usize, dy: &[f32], dx: &mut [f32]) {
    (dx.par_chunks_mut(2 * width * ROWS), x.par_chunks(2 * width * ROWS), dy.par_chunks(width * ROWS))
        .into_par_iter()
        .for_each(|(dx, x, dy)| gate_rows_back(x, width, dy, dx));
}

wide! {
    fn gate_rows_back<'a>(x: &'a [f32], width: usize, dy: &'a [f32], dx: &'a mut [f32]) -> () {
        let rows = dx.chunks_exact_mut(2 * width).zip(x.chunks_exact(2 * width)).zip(dy.chunks_exact(width));
        for ((dx, x), dy) in rows {
            let (dgate, dup) = dx.split_at_mut(width);
            let (gate, up) = x.split_at(width);
            for ((((dg, du), g), u), dy) in dgate.iter_mut().zip(dup).zip(gate).zip(up).zip(dy) {
                let s = 1.0 / (1.0 + exp(-g));
                *dg = dy * u * s * (1.0 + g * (1.0 - s));
                *du = dy * g * s;
            }
        }
    }
}

/// −log softmax(logits)[target] of each row of `width`; `logits` become the gradient of the sum of the losses times
/// `scale`: (softmax − one-hot) · scale.
pub(super) fn cross_entropy(logits: &mut [f32], width: usize, targets: &[u32], scale: f32) -> Vec<f32> {
    let mut losses = vec![0.0; targets.len()];
    (logits.par_chunks_mut(width), targets.par_iter(), losses.par_iter_mut()).into_par_iter().for_each(
        |(row, target, loss)| {
            let target = *target as usize;
            let at = row[target];
            let (max, sum) = softmax_times(row, scale);
            *loss = max - at + sum.ln();
            row[target] -= scale;
        },
    );
    losses
}

/// Softmax of the row in place; a row with NaN becomes NaN.
pub(super) fn softmax(row: &mut [f32]) {
    softmax_times(row, 1.0);
}

wide! {
    /// Turns the row into its softmax times `scale`; returns the maximum and the sum of e^(x − max).
    fn softmax_times<'a>(row: &'a mut [f32], scale: f32) -> (f32, f32) {
        let (max, sum) = exp_sum(row);
        let share = scale / sum;
        for p in row.iter_mut() {
            *p *= share;
        }
        (max, sum)
    }
}

wide! {
    /// The gradient of a softmax's input, row by row of `keys`: ds becomes p ∘ (ds − o · do), where o (of `head`) is
    /// what the row has summed up of the values, and `d_o` that sum's gradient.
    pub(super) fn softmax_rows_back<'a>(
        p: &'a [f32],
        keys: usize,
        o: &'a [f32],
        d_o: &'a [f32],
        head: usize,
        ds: &'a mut [f32],
    ) -> () {
        let outs = o.chunks_exact(head).zip(d_o.chunks_exact(head));
        for ((ds, p), (o, d_o)) in ds.chunks_exact_mut(keys).zip(p.chunks_exact(keys)).zip(outs) {
            let along = dot(o, d_o);
            for (ds, p) in ds.iter_mut().zip(p) {
                *ds = p * (*ds - along);
            }
        }
    }
}

/// to += from.
pub(super) fn add(to: &mut [f32], from: &[f32]) {
    (to.par_chunks_mut(CHUNK), from.par_chunks(CHUNK))
        .into_par_iter()
        .for_each(|(to, from)| add_here(to, from));
}

wide! {
    /// to += from, on this thread.
    pub(super) fn add_here<'a>(to: &'a mut [f32], from: &'a [f32]) -> () {
        for (to, from) in to.iter_mut().zip(from) {
            *to += from;
        }
    }
}

/// e^x for x ≤ 0 as a softmax needs it: what is below e^−50 is 0. It could not change any sum, but as it is multiplied
/// on it would end in subnormal numbers, on which products are some hundred times slower.
#[inline(always)]
fn share(x: f32) -> f32 {
    let e = exp(x);
    if x < -50.0 { 0.0 } else { e }
}

/// Turns the row into e^(x − max); returns the maximum and the sum.
#[inline(always)]
fn exp_sum(row: &mut [f32]) -> (f32, f32) {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let mut chunks = row.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = if x > lane { *x } else { *lane };
        }
    }
    let max = lanes.iter().chain(chunks.remainder()).copied().fold(f32::NEG_INFINITY, f32::max);
    let mut lanes = [0.0; LANES];
    let mut chunks = row.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *x = share(*x - max);
            *lane += *x;
        }
    }
    let mut sum: f32 = lanes.iter().sum();
    for x in chunks.into_remainder() {
        *x = share(*x - max);
        sum += *x;
    }
    (max, sum)
}

/// Partial sums kept side by side: the compiler may not reorder a sum of floats, so the order is written out.
const LANES: usize = 16;

/// The sum of a ∘ b.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (mut a, mut b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (a, b) in (&mut a).zip(&mut b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}

/// The sum of a ∘ b ∘ c.
#[inline(always)]
fn dot3(a: &[f32], b: &[f32], c: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (mut a, mut b, mut c) = (a.chunks_exact(LANES), b.chunks_exact(LANES), c.chunks_exact(LANES));
    for ((a, b), c) in (&mut a).zip(&mut b).zip(&mut c) {
        for (((lane, a), b), c) in lanes.iter_mut().zip(a).zip(b).zip(c) {
            *lane += a * b * c;
        }
    }
    let rest = a.remainder().iter().zip(b.remainder()).zip(c.remainder());
    lanes.iter().sum::<f32>() + rest.map(|((a, b), c)| a * b * c).sum::<f32>()
}

/// Turns one head at one position: the halves (x, y) become (x cos − y sin, y cos + x sin), Llama's layout.
#[inline]
pub(super) fn rotate(from: &[f32], cos: &[f32], sin: &[f32], to: &mut [f32]) {
    let half = cos.len();
    let (x, y) = from.split_at(half);
    let (to_x, to_y) = to.split_at_mut(half);
    for i in 0..half {
        to_x[i] = x[i] * cos[i] - y[i] * sin[i];
        to_y[i] = y[i] * cos[i] + x[i] * sin[i];
    }
}

/// The gradient of [`rotate`]: a turn by the opposite angle.
#[inline]
pub(super) fn rotate_back(from: &[f32], cos: &[f32], sin: &[f32], to: &mut [f32]) {
    let half = cos.len();
    let (x, y) = from.split_at(half);
    let (to_x, to_y) = to.split_at_mut(half);
    for i in 0..half {
        to_x[i] = x[i] * cos[i] + y[i] * sin[i];
        to_y[i] = y[i] * cos[i] - x[i] * sin[i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: usize, step: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * step + 0.3).sin() * 1.5).collect()
    }

    /// The slope of `f` along each coordinate of `x`, by central differences.
    fn slopes(x: &[f32], f: impl Fn(&[f32]) -> f64) -> Vec<f64> {
        let h = 1e-2f32;
        (0..x.len())
            .map(|i| {
                let (mut up, mut down) = (x.to_vec(), x.to_vec());
                up[i] += h;
                down[i] -= h;
                (f(&up) - f(&down)) / f64::from(up[i] - down[i])
            })
            .collect()
    }

    fn agree(found: &[f32], expected: &[f64]) {
        for (f, e) in found.iter().zip(expected) {
            assert!((f64::from(*f) - e).abs() < 2e-3 * (1.0 + e.abs()), "{f} for {e}");
        }
    }

    fn weighted(y: &[f32], weights: &[f32]) -> f64 {
        y.iter().zip(weights).map(|(y, w)| f64::from(*y) * f64::from(*w)).sum()
    }

    #[test]
    fn exp_agrees_with_the_standard_library_and_keeps_nan() {
        for i in -8_700..8_800 {
            let x = i as f32 / 100.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 3e-7, "{x}");
        }
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(f32::NEG_INFINITY) < 1e-37 && exp(-1e30) < 1e-37);
    }

    #[test]
    fn a_softmax_has_no_subnormal_numbers_and_keeps_nan() {
        let mut row: Vec<f32> = (0..40).map(|i| -3.0 * i as f32).collect();
        softmax(&mut row);
        assert!(row.iter().all(|p| *p == 0.0 || p.is_normal()) && row[39] == 0.0);
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        row[3] = f32::NAN;
        softmax(&mut row);
        assert!(row.iter().all(|p| p.is_nan() || *p == 0.0) && row[0].is_nan());
    }

    #[test]
    fn the_backward_of_the_norm_is_its_slope() {
        let (x, w, dy) = (ramp(3 * 20, 0.7), ramp(20, 0.2), ramp(3 * 20, 1.1));
        let norm = |x: &[f32], w: &[f32]| {
            let mut y = vec![0.0; x.len()];
            let inverse = rms_norm(x, w, 1e-5, &mut y);
            (y, inverse)
        };
        let (_, inverse) = norm(&x, &w);
        let mut dx = vec![0.0; x.len()];
        rms_norm_back(&x, &w, &inverse, &dy, &mut dx);
        agree(&dx, &slopes(&x, |x| weighted(&norm(x, &w).0, &dy)));
        let mut dw = vec![0.0; w.len()];
        rms_norm_weight_back(&x, &inverse, &dy, &mut dw);
        agree(&dw, &slopes(&w, |w| weighted(&norm(&x, w).0, &dy)));
    }

    #[test]
    fn the_backward_of_the_gate_is_its_slope() {
        let (x, dy) = (ramp(2 * 2 * 9, 0.5), ramp(2 * 9, 0.8));
        let forward = |x: &[f32]| {
            let mut y = vec![0.0; 2 * 9];
            swiglu(x, 9, &mut y);
            y
        };
        let mut dx = vec![0.0; x.len()];
        swiglu_back(&x, 9, &dy, &mut dx);
        agree(&dx, &slopes(&x, |x| weighted(&forward(x), &dy)));
    }

    #[test]
    fn the_backward_of_the_loss_is_its_slope() {
        let logits = ramp(2 * 21, 0.9);
        let loss = |x: &[f32]| {
            cross_entropy(&mut x.to_vec(), 21, &[3, 20], 1.0).iter().map(|l| f64::from(*l)).sum::<f64>()
        };
        let mut gradient = logits.clone();
        cross_entropy(&mut gradient, 21, &[3, 20], 1.0);
        agree(&gradient, &slopes(&logits, loss));
    }

    #[test]
    fn turning_back_undoes_the_turn() {
        let (x, cos, sin) = (ramp(8, 0.4), [0.6, 0.8, 1.0, 0.0], [0.8, 0.6, 0.0, 1.0]);
        let (mut there, mut back) = (vec![0.0; 8], vec![0.0; 8]);
        rotate(&x, &cos, &sin, &mut there);
        rotate_back(&there, &cos, &sin, &mut back);
        assert!(x.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-6));
        assert_ne!(x, there);
    }
}
