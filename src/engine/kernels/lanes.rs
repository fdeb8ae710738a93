//! Loops over eight lanes in plain Rust, which the compiler turns into vectors of whatever width it is asked for: used as
//! they are, and once more by `avx2`. The order of every sum is written out, so both give the same.

use super::{Activations, BLOCK};
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};

const LANES: usize = 8;
/// 1.5 · 2²³: what is added to it is rounded to a whole number.
const ROUND: f32 = 12_582_912.0;

/// Lane `l` has what `of` makes of every eighth number from `l` on.
#[inline(always)]
fn folded(x: &[f32], start: f32, of: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let whole = x.chunks_exact(LANES);
    let rest = whole.remainder();
    for chunk in whole {
        for l in 0..LANES {
            lanes[l] = of(lanes[l], chunk[l]);
        }
    }
    for (l, x) in rest.iter().enumerate() {
        lanes[l] = of(lanes[l], *x);
    }
    [4, 2, 1].into_iter().for_each(|half| {
        for l in 0..half {
            lanes[l] = of(lanes[l], lanes[l + half]);
        }
    });
    lanes[0]
}

/// eˣ to within 2 units in the last place for x from −87 to 88, nought or the largest beyond. After Cody and Waite: x is
/// split into n·ln 2 + r, and eʳ is a polynomial (its coefficients are Cephes' `expf`).
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let within = if x > -87.0 { x } else { -87.0 };
    let within = if within < 88.0 { within } else { 88.0 };
    let rounded = within * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = within - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        p = p * r + c;
    }
    // The whole number stands in the lowest bits of what was rounded; a conversion would ask whether it fits.
    let whole = rounded.to_bits().wrapping_sub(ROUND.to_bits());
    let power = f32::from_bits(whole.wrapping_add(127) << 23);
    let e = (p * r * r + r + 1.0) * power;
    // What is no number stays none.
    if x.is_nan() {
        x
    } else if x < -87.0 {
        0.0
    } else {
        e
    }
}

#[inline(always)]
pub(super) fn softmax(scores: &mut [f32]) {
    let top = folded(scores, f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
    for s in scores.iter_mut() {
        *s = exp(*s - top);
    }
    let sum = folded(scores, 0.0, |a, b| a + b);
    let share = 1.0 / sum;
    for s in scores.iter_mut() {
        *s *= share;
    }
}

#[inline(always)]
pub(super) fn gated(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + exp(-*gate)) * up;
    }
}

#[inline(always)]
pub(super) fn norm(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    let squares = {
        let mut lanes = [0.0f32; LANES];
        let whole = x.chunks_exact(LANES);
        for (l, x) in whole.remainder().iter().enumerate() {
            lanes[l] = x * x;
        }
        for chunk in whole {
            for l in 0..LANES {
                lanes[l] += chunk[l] * chunk[l];
            }
        }
        folded(&lanes, 0.0, |a, b| a + b)
    };
    let root = (squares / x.len() as f32 + epsilon).sqrt();
    let share = 1.0 / root;
    for ((out, x), w) in out.iter_mut().zip(x).zip(weight) {
        *out = *x * share * w;
    }
}

#[inline(always)]
pub(super) fn quantise(
    to: Activations,
    floats: &[f32],
    numbers: &mut [i16],
    scales: &mut [f32],
    sums: &mut [f32],
) {
    match to {
        Activations::Bits16 => rounded::<32_767>(floats, numbers, scales, sums, |scale| scale),
        // The numbers are made with the scale before it is rounded, as ggml has it.
        Activations::Bits8 => {
            rounded::<127>(floats, numbers, scales, sums, |scale| half(scale).to_f32());
        }
    }
}

#[inline(always)]
fn rounded<const MOST: i16>(
    floats: &[f32],
    numbers: &mut [i16],
    scales: &mut [f32],
    sums: &mut [f32],
    kept: impl Fn(f32) -> f32,
) {
    let most = f32::from(MOST);
    let (floats, numbers) = (floats.as_chunks::<BLOCK>().0, numbers.as_chunks_mut::<BLOCK>().0);
    for ((floats, numbers), (scale, sum)) in floats.iter().zip(numbers).zip(scales.iter_mut().zip(sums)) {
        // Magnitudes are in the order of their bits, and what has no end, or is no number, is beyond all others.
        let top = floats.iter().fold(0, |top, x| x.abs().to_bits().max(top));
        let top = f32::from_bits(top);
        let by = if top > 0.0 { most / top } else { 0.0 };
        // Of numbers so small that the quotient has no end, nothing is left.
        let by = if by.is_finite() { by } else { 0.0 };
        *scale = kept(top / most);
        for (number, float) in numbers.iter_mut().zip(floats) {
            // The whole number stands in the lowest bits of what was rounded; a conversion would ask whether it fits.
            let rounded = (float * by).clamp(-most, most) + ROUND;
            *number = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i16;
        }
        *sum = numbers.iter().map(|n| i32::from(*n)).sum::<i32>() as f32 * *scale;
    }
}

/// A number in half precision. (Miri has not the instruction that is taken elsewhere.)
pub(crate) fn half(x: f32) -> half::f16 {
    if cfg!(miri) { half::f16::from_f32_const(x) } else { half::f16::from_f32(x) }
}

/// The bits of numbers in half precision. One that is larger than the largest is taken for that: one that has no end would spoil
/// a whole answer.
///
/// # Panics
/// If there is less room than numbers, or these are more than 64.
pub(crate) fn halves(numbers: &[f32], to: &mut [u16]) {
    let most = f32::from(half::f16::MAX);
    let mut within = [0.0; 64];
    within.iter_mut().zip(numbers).for_each(|(to, x)| *to = x.clamp(-most, most));
    let within = &within[..numbers.len()];
    match cfg!(miri) {
        true => to.iter_mut().zip(within).for_each(|(to, x)| *to = half(*x).to_bits()),
        false => to[..within.len()].reinterpret_cast_mut::<half::f16>().convert_from_f32_slice(within),
    }
}
