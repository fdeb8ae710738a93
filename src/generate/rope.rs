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
    /// YaRN's (Peng et al. 2023, arXiv 2309.00071): frequencies that turn less than `slow` times within the original window are
    /// divided by `factor`, those that turn more than `fast` times stay, and in between they are blended along a line over
    /// the pairs.
    Yarn {
        /// By how much the low ones are slowed down.
        factor: f64,
        /// Turns within the original window, above which a frequency stays (β in the paper, 32).
        fast: f64,
        /// Turns below which it is divided (α in the paper, 1).
        slow: f64,
        /// The window that the model was first trained on.
        original: usize,
        /// Whether the line begins and ends at whole pairs, as it usually does.
        whole: bool,
    },
    /// Each is divided by its own.
    Each(Vec<f64>),
    /// LongRoPE's (Ding et al. 2024, arXiv 2402.13753): each is divided by its own, by others where prompt and answer together are
    /// longer than the original window.
    Long {
        /// Within it.
        near: Vec<f64>,
        /// Beyond it.
        far: Vec<f64>,
        /// The window that the model was first trained on.
        original: usize,
    },
}

/// By what YaRN multiplies the turned numbers, if nothing else is said: the square root of its 1/t in eq. 22.
pub(super) fn yarn_amplitude(factor: f64, by: f64) -> f64 {
    if factor <= 1.0 { 1.0 } else { 0.1 * by * factor.ln() + 1.0 }
}

impl Rope {
    /// The plain one of whole heads.
    pub fn plain(theta: f64, head: usize) -> Self {
        Self { theta, turned: head, scaling: Scaling::None, amplitude: 1.0 }
    }

    /// Radians a position for each pair of numbers, `turned / 2` of them: θ^(−2i/d), scaled as for texts within the window that
    /// the model was first trained on.
    pub fn frequencies(&self) -> Vec<f64> {
        let plain = self.plain_frequencies();
        match &self.scaling {
            Scaling::None => plain.collect(),
            Scaling::Linear(factor) => plain.map(|f| f / factor).collect(),
            Scaling::Each(factors) | Scaling::Long { near: factors, .. } => {
                plain.zip(factors).map(|(f, factor)| f / factor).collect()
            }
            Scaling::Llama3 { factor, low, high, original } => plain
                .map(|f| {
                    let turns = *original as f64 * f / (2.0 * std::f64::consts::PI);
                    let smooth = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    (1.0 - smooth) * f / factor + smooth * f
                })
                .collect(),
            Scaling::Yarn { factor, fast, slow, original, whole } => {
                let (low, high) = self.line(*original, *fast, *slow, *whole);
                plain
                    .enumerate()
                    .map(|(i, f)| {
                        let slowed = ((i as f64 - low) / (high - low)).clamp(0.0, 1.0);
                        slowed * f / factor + (1.0 - slowed) * f
                    })
                    .collect()
            }
        }
    }

    fn plain_frequencies(&self) -> impl Iterator<Item = f64> {
        (0..self.turned / 2).map(|i| self.theta.powf(-2.0 * i as f64 / self.turned as f64))
    }

    /// The rotation of texts that are longer than so many tokens, if it is another.
    pub(super) fn beyond(&self) -> Option<(usize, Self)> {
        match &self.scaling {
            Scaling::Long { far, original, .. } => {
                Some((*original, Self { scaling: Scaling::Each(far.clone()), ..self.clone() }))
            }
            _ => None,
        }
    }

    /// The pairs that turn `fast` and `slow` times within `original` positions: where YaRN's line begins and ends.
    fn line(&self, original: usize, fast: f64, slow: f64, whole: bool) -> (f64, f64) {
        let pair = |turns: f64| {
            let wavelength = original as f64 / (turns * 2.0 * std::f64::consts::PI);
            self.turned as f64 * wavelength.ln() / (2.0 * self.theta.ln())
        };
        let (low, high) = match whole {
            true => (pair(fast).floor(), pair(slow).ceil()),
            false => (pair(fast), pair(slow)),
        };
        let (low, high) = (low.max(0.0), high.min(self.turned as f64 - 1.0));
        // As transformers does, so that there is a line.
        if low == high { (low, high + 0.001) } else { (low, high) }
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

    /// A head of 8 with θ = 10,000 over 1,000 positions: its pairs turn 159, 15.9, 1.59 and 0.159 times.
    #[test]
    fn yarn_leaves_what_turns_often_slows_what_turns_seldom_and_blends_between() {
        let yarn = |whole| {
            let scaling = Scaling::Yarn { factor: 4.0, fast: 32.0, slow: 1.0, original: 1000, whole };
            Rope { scaling, ..Rope::plain(10_000.0, 8) }.frequencies()
        };
        // Along whole pairs the line goes from pair 0 to pair 3.
        let slowed = |f: f64, share: f64| f * (1.0 - share) + f / 4.0 * share;
        let near = |found: &[f64], wanted: &[f64]| {
            found
                .iter()
                .zip(wanted)
                .for_each(|(a, b)| assert!((a / b - 1.0).abs() < 1e-12, "{found:?} {wanted:?}"));
        };
        near(&yarn(true), &[1.0, slowed(0.1, 1.0 / 3.0), slowed(0.01, 2.0 / 3.0), 0.001 / 4.0]);
        // Else from log10(1000 / 64 π) = 0.697 to log10(1000 / 2 π) = 2.202.
        let (low, high) =
            ((1000.0 / (64.0 * std::f64::consts::PI)).log10(), (500.0 / std::f64::consts::PI).log10());
        let share = |i: f64| (i - low) / (high - low);
        near(&yarn(false), &[1.0, slowed(0.1, share(1.0)), slowed(0.01, share(2.0)), 0.001 / 4.0]);
        assert!((yarn_amplitude(4.0, 1.0) - 1.138_629_436_111_989).abs() < 1e-12);
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
