//! The rotary embedding of positions (Su et al. 2021, arXiv 2104.09864), and the ways in which models stretch it.

use candle_core::{Device, Result, Tensor};

/// How heads are turned by their positions.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// The base of the frequencies.
    pub theta: f64,
    /// Numbers of a head that are turned, from its first; even.
    pub turned: usize,
    /// What is done to the frequencies.
    pub scaling: Scaling,
    /// What the turned numbers are multiplied by.
    pub amplitude: f64,
}

/// What is done to the frequencies.
#[derive(Debug, Clone, PartialEq)]
pub enum Scaling {
    /// Nothing.
    None,
    /// All are divided by this.
    Linear(f64),
    /// Llama 3's: the low ones are divided by `factor`, between `low` and `high` turns blended.
    Llama3 {
        /// By how much the low ones are slowed down.
        factor: f64,
        /// Turns within the original window, below which a frequency is low.
        low: f64,
        /// Turns within the original window, above which a frequency stays.
        high: f64,
        /// The window that the model was first trained on.
        original: usize,
    },
    /// Each is divided by its own.
    Each(Vec<f64>),
}

impl Rope {
    /// The plain one of whole heads.
    pub fn plain(theta: f64, head: usize) -> Self {
        Self { theta, turned: head, scaling: Scaling::None, amplitude: 1.0 }
    }

    /// Radians a position for each pair of numbers, `turned / 2` of them: θ^(−2i/d), scaled.
    pub fn frequencies(&self) -> Vec<f64> {
        let plain = (0..self.turned / 2).map(|i| self.theta.powf(-2.0 * i as f64 / self.turned as f64));
        match &self.scaling {
            Scaling::None => plain.collect(),
            Scaling::Linear(factor) => plain.map(|f| f / factor).collect(),
            Scaling::Each(factors) => plain.zip(factors).map(|(f, factor)| f / factor).collect(),
            Scaling::Llama3 { factor, low, high, original } => plain
                .map(|f| {
                    let turns = *original as f64 * f / (2.0 * std::f64::consts::PI);
                    let smooth = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    (1.0 - smooth) * f / factor + smooth * f
                })
                .collect(),
        }
    }

    /// Cosines and sines of `positions`, each `[positions, turned / 2]`.
    pub(super) fn tables(&self, positions: usize) -> Result<(Tensor, Tensor)> {
        let frequencies = self.frequencies();
        let table = |of: fn(f32) -> f32| {
            let values: Vec<f32> = (0..positions)
                // In f32, as the models were trained with: at position 30,000 it makes a difference.
                .flat_map(|n| frequencies.iter().map(move |f| n as f32 * *f as f32))
                .map(|angle| of(angle) * self.amplitude as f32)
                .collect();
            Tensor::from_vec(values, (positions, frequencies.len()), &Device::Cpu)
        };
        Ok((table(f32::cos)?, table(f32::sin)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_are_scaled_as_asked() {
        let plain = Rope::plain(10_000.0, 8);
        assert_eq!(plain.frequencies(), [1.0, 0.1, 0.01, 0.001]);
        let halves = Rope { scaling: Scaling::Linear(2.0), ..plain.clone() };
        assert_eq!(halves.frequencies(), [0.5, 0.05, 0.005, 0.0005]);
        let each = Rope { scaling: Scaling::Each(vec![1.0, 2.0, 4.0, 8.0]), ..plain.clone() };
        assert_eq!(each.frequencies(), [1.0, 0.05, 0.0025, 0.000125]);
        // Wavelengths of 6, 63, 628 and 6283: the first turns often enough to stay, the last two are slowed down.
        let scaling = Scaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 100 };
        let llama = Rope { scaling, ..plain }.frequencies();
        assert_eq!(llama[0], 1.0);
        assert!(llama[1] < 0.1 && llama[1] > 0.1 / 8.0, "{llama:?}");
        assert_eq!(llama[2..], [0.01 / 8.0, 0.001 / 8.0]);
    }

    #[test]
    fn part_of_a_head_can_be_turned() {
        let part = Rope { turned: 4, amplitude: 2.0, ..Rope::plain(100.0, 8) };
        let (cosines, sines) = part.tables(3).expect("small");
        assert_eq!(cosines.dims(), [3, 2]);
        assert_eq!(cosines.to_vec2::<f32>().expect("numbers")[0], [2.0, 2.0]);
        assert_eq!(sines.to_vec2::<f32>().expect("numbers")[0], [0.0, 0.0]);
    }
}
