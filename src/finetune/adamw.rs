//! AdamW (Loshchilov & Hutter 2017, arXiv 1711.05101) as PyTorch computes it, over one vector of values.

use super::kernels::wide;
use rayon::prelude::*;
use std::ops::Range;

/// Share of the running mean of the gradient that stays.
const BETA1: f64 = 0.9;
/// Share of the running mean of its square that stays.
const BETA2: f64 = 0.999;
/// Keeps the division finite.
const EPS: f64 = 1e-8;
/// Values that one thread takes at a time.
const CHUNK: usize = 1 << 14;

/// The running means: what a checkpoint keeps beside the values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AdamW {
    /// Of the gradient.
    pub m: Vec<f32>,
    /// Of its square.
    pub v: Vec<f32>,
}

impl AdamW {
    pub fn new(values: usize) -> Self {
        Self { m: vec![0.0; values], v: vec![0.0; values] }
    }

    /// One step (counted from 0) at learning rate `rate`; `decays` has the runs of values with the decoupled decay
    /// of each.
    pub fn step(
        &mut self,
        step: usize,
        rate: f64,
        decays: &[(Range<usize>, f64)],
        values: &mut [f32],
        gradient: &[f32],
    ) {
        let t = step as f64 + 1.0;
        let size = (rate / (1.0 - BETA1.powf(t))) as f32;
        let root = (1.0 - BETA2.powf(t)).sqrt() as f32;
        for (run, decay) in decays {
            let keep = (1.0 - rate * decay) as f32;
            let run = || run.clone();
            (
                values[run()].par_chunks_mut(CHUNK),
                gradient[run()].par_chunks(CHUNK),
                self.m[run()].par_chunks_mut(CHUNK),
                self.v[run()].par_chunks_mut(CHUNK),
            )
                .into_par_iter()
                .for_each(|(x, g, m, v)| move_along(x, g, m, v, keep, size, root));
        }
    }
}

wide! {
    fn move_along<'a>(
        x: &'a mut [f32],
        g: &'a [f32],
        m: &'a mut [f32],
        v: &'a mut [f32],
        keep: f32,
        size: f32,
        root: f32,
    ) -> () {
        let (b1, b2) = (BETA1 as f32, BETA2 as f32);
        // Subtracted before rounding: 1 − 0.999 in f32 is off by 10⁻⁵ of itself.
        let (a1, a2) = ((1.0 - BETA1) as f32, (1.0 - BETA2) as f32);
        for (((x, g), m), v) in x.iter_mut().zip(g).zip(m).zip(v) {
            *m = b1 * *m + a1 * g;
            *v = b2 * *v + a2 * g * g;
            *x = *x * keep - size * *m / (v.sqrt() / root + EPS as f32);
        }
    }
}

/// Shortens the gradient to `highest` if its Euclidean norm is above; returns the norm before.
pub(super) fn clip(gradient: &mut [f32], highest: f64) -> f64 {
    // Summed chunk by chunk, so that the sum is the same on any number of threads.
    let squares = |chunk: &[f32]| chunk.iter().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>();
    let sums: Vec<f64> = gradient.par_chunks(CHUNK).map(squares).collect();
    let norm = sums.iter().sum::<f64>().sqrt();
    if norm > highest {
        let scale = (highest / norm) as f32;
        gradient.par_iter_mut().with_min_len(CHUNK).for_each(|g| *g *= scale);
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_steps_agree_with_pytorch() {
        // torch.optim.AdamW([1.0, -2.0], lr=0.1, weight_decay=0.01) on the gradients [0.5, -1.0], [0.25, 3.0], [0, 0].
        let mut values = [1.0, -2.0];
        let mut adam = AdamW::new(2);
        for (step, g) in [[0.5, -1.0], [0.25, 3.0], [0.0, 0.0]].iter().enumerate() {
            adam.step(step, 0.1, &[(0..2, 0.01)], &mut values, g);
        }
        let expected = [0.7320204, -1.9817765];
        for (v, e) in values.iter().zip(expected) {
            assert!((v - e).abs() < 1e-6, "{v} for {e}");
        }
    }

    #[test]
    fn only_a_gradient_above_the_bound_is_shortened() {
        let mut g = [3.0, 4.0];
        assert_eq!(clip(&mut g, 10.0), 5.0);
        assert_eq!(g, [3.0, 4.0]);
        clip(&mut g, 1.0);
        assert!((g[0] - 0.6).abs() < 1e-6 && (g[1] - 0.8).abs() < 1e-6);
    }
}
