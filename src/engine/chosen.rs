//! How numbers become blocks where weights are quantised at load: as ggml's reference does it for `Q8_0`, `Q4_0` and `Q4_1`.
//!
//! Knows ggml's blocks as files have them; where the numbers stand in tiles is not its business.

use crate::kernels::{BLOCK, half};

/// Weights that are no numbers stay none.
fn scale_of(scale: f32, numbers: &[f32]) -> [u8; 2] {
    let broken = numbers.iter().any(|x| !x.is_finite());
    half(if broken { f32::NAN } else { scale }).to_le_bytes()
}

fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}

/// Numbers 0 to 15 in the lower halves, 16 to 31 in the upper ones.
fn halves(numbers: &[f32], of: impl Fn(f32) -> u8) -> impl Iterator<Item = u8> {
    let (low, high) = numbers.split_at(BLOCK / 2);
    low.iter().zip(high).map(move |(low, high)| of(*low) | of(*high) << 4)
}

/// Scale = largest magnitude / 127, rounded to f16 after the numbers were made with it.
pub(crate) fn q8_0(numbers: &[f32], to: &mut Vec<u8>) {
    let top = numbers.iter().fold(0.0f32, |a, x| a.max(x.abs()));
    let scale = top / 127.0;
    let by = inverse(scale);
    to.extend(scale_of(scale, numbers));
    to.extend(numbers.iter().flat_map(|x| ((x * by).round().clamp(-127.0, 127.0) as i8).to_le_bytes()));
}

/// Scale = the number of largest magnitude / −8, so that it has a number of its own.
pub(crate) fn q4_0(numbers: &[f32], to: &mut Vec<u8>) {
    let top = numbers.iter().fold(0.0f32, |a, x| if x.abs() > a.abs() { *x } else { a });
    let scale = top / -8.0;
    let by = inverse(scale);
    to.extend(scale_of(scale, numbers));
    to.extend(halves(numbers, |x| (x * by + 8.5).clamp(0.0, 15.0) as u8));
}

/// From the least number to the greatest in fifteen steps.
pub(crate) fn q4_1(numbers: &[f32], to: &mut Vec<u8>) {
    let (least, most) = numbers.iter().fold((f32::MAX, f32::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
    let step = (most - least) / 15.0;
    let by = inverse(step);
    to.extend(scale_of(step, numbers));
    to.extend(half(least).to_le_bytes());
    to.extend(halves(numbers, |x| ((x - least) * by).round().clamp(0.0, 15.0) as u8));
}
