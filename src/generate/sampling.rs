//! How the next token is chosen from a model's logits: greedily, or drawn at a temperature from the top.
//!
//! candle has a sampler of its own; its generator is rand's `StdRng`, whose stream rand does not promise to keep,
//! and an answer that is recorded with its seed must come out the same years later. This one draws from ChaCha20,
//! one 64-bit number a token. Knows nothing of models or text.

use crate::fault::{Fault, Result};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::num::NonZeroUsize;

/// How answers are sampled, as it is recorded with each answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// How a token is chosen.
    pub mode: Mode,
    /// What lowers the logits of tokens that the answer already has.
    pub repetition_penalty: Penalty,
    /// The generator's seed; has no effect on greedy choice.
    pub seed: u64,
    /// The most tokens an answer may have.
    pub max_tokens: usize,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { mode: Mode::Greedy, repetition_penalty: Penalty::NONE, seed: 0, max_tokens: 160 }
    }
}

impl Sampling {
    /// The same with another repetition penalty.
    ///
    /// # Errors
    /// As [`Penalty::new`].
    pub fn with_repetition_penalty(self, penalty: f64) -> Result<Self> {
        Ok(Self { repetition_penalty: Penalty::new(penalty)?, ..self })
    }
}

/// Divides the logits of tokens the answer already has (multiplies negative ones), as CTRL does (Keskar et al.
/// 2019, arXiv 1909.05858, equation 2); 1 changes nothing. The prompt's tokens are not penalised, unlike in
/// Hugging Face transformers: an answer from passages repeats their words by design.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Penalty(f64);

impl Penalty {
    /// Changes nothing.
    pub const NONE: Self = Self(1.0);

    /// A penalty from 0.1 to 10.
    ///
    /// # Errors
    /// A [`Fault`] if it is out of this range.
    pub fn new(penalty: f64) -> Result<Self> {
        if !(0.1..=10.0).contains(&penalty) {
            return Err(refused("repetition penalty", penalty, "a number from 0.1 to 10; 1 changes nothing"));
        }
        Ok(Self(penalty))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Penalty {
    type Error = crate::fault::Error;
    fn try_from(penalty: f64) -> Result<Self> {
        Self::new(penalty)
    }
}

impl From<Penalty> for f64 {
    fn from(penalty: Penalty) -> Self {
        penalty.0
    }
}

/// How a token is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Always the likeliest.
    Greedy,
    /// By chance, in proportion to the probabilities that [`Draw`] leaves.
    Draw(Draw),
}

/// Which tokens stay in the draw, and how flat it is. Applied in this order: temperature, `top_k`, `top_p`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "WrittenDraw")]
pub struct Draw {
    temperature: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<NonZeroUsize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
}

impl Mode {
    /// Greedy at temperature 0, else a draw: logits are divided by `temperature`, only the `top_k` likeliest
    /// stay, and of those the fewest whose probabilities sum to at least `top_p`.
    ///
    /// # Errors
    /// A [`Fault`] unless the temperature is from 0 to 10, `top_k` at least 1, and `top_p` above 0 and at most 1.
    pub fn at(temperature: f64, top_k: Option<usize>, top_p: Option<f64>) -> Result<Self> {
        let draw = Draw::new(if temperature == 0.0 { 1.0 } else { temperature }, top_k, top_p)?;
        Ok(if temperature == 0.0 { Self::Greedy } else { Self::Draw(draw) })
    }
}

impl Draw {
    /// As [`Mode::at`], without temperature 0.
    ///
    /// # Errors
    /// A [`Fault`] that names the setting that is out of its range.
    pub fn new(temperature: f64, top_k: Option<usize>, top_p: Option<f64>) -> Result<Self> {
        if !(temperature > 0.0 && temperature <= 10.0) {
            return Err(refused("temperature", temperature, "a number from 0 (greedy) to 10"));
        }
        let top_k = match top_k {
            None => None,
            Some(k) => {
                Some(NonZeroUsize::new(k).ok_or_else(|| refused("top-k", k, "a whole number, at least 1"))?)
            }
        };
        if let Some(p) = top_p
            && !(p > 0.0 && p <= 1.0)
        {
            return Err(refused("top-p", p, "a number above 0 and at most 1"));
        }
        Ok(Self { temperature, top_k, top_p })
    }

    /// What logits are divided by.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// How many tokens stay at most.
    pub fn top_k(&self) -> Option<usize> {
        self.top_k.map(NonZeroUsize::get)
    }

    /// How much probability stays at least.
    pub fn top_p(&self) -> Option<f64> {
        self.top_p
    }
}

fn refused(setting: &str, value: impl std::fmt::Display, expected: &str) -> crate::fault::Error {
    Fault::new(format!("the sampling setting {setting}"), value)
        .expected(expected)
        .next("Change the setting.")
        .into()
}

/// As it is written, before it is checked.
#[derive(Deserialize)]
struct WrittenDraw {
    temperature: f64,
    top_k: Option<usize>,
    top_p: Option<f64>,
}

impl TryFrom<WrittenDraw> for Draw {
    type Error = crate::fault::Error;
    fn try_from(w: WrittenDraw) -> Result<Self> {
        Self::new(w.temperature, w.top_k, w.top_p)
    }
}

/// Chooses the tokens of one answer.
#[derive(Debug)]
pub(super) struct Sampler {
    sampling: Sampling,
    said: BTreeSet<u32>,
    generator: ChaCha20Rng,
}

impl Sampler {
    pub(super) fn new(sampling: &Sampling) -> Self {
        Self {
            sampling: sampling.clone(),
            said: BTreeSet::new(),
            generator: ChaCha20Rng::seed_from_u64(sampling.seed),
        }
    }

    /// The next token, given the logits of the whole vocabulary; `None` if they are no numbers to choose by.
    /// Among equal logits the lower id wins.
    pub(super) fn choose(&mut self, logits: &[f32]) -> Option<u32> {
        let mut logits: Vec<f64> = logits.iter().map(|l| f64::from(*l)).collect();
        if logits.is_empty() || logits.iter().any(|l| l.is_nan() || *l == f64::INFINITY) {
            return None;
        }
        let penalty = self.sampling.repetition_penalty.get();
        if penalty != 1.0 {
            for id in &self.said {
                if let Some(logit) = logits.get_mut(*id as usize) {
                    *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
                }
            }
        }
        let chosen = match &self.sampling.mode {
            Mode::Greedy => likeliest(&logits)?,
            Mode::Draw(draw) => {
                // 53 bits make an f64 in [0, 1) without rounding.
                let uniform = (self.generator.next_u64() >> 11) as f64 * 2f64.powi(-53);
                drawn(&logits, draw, uniform)?
            }
        };
        self.said.insert(chosen);
        Some(chosen)
    }
}

fn likeliest(logits: &[f64]) -> Option<u32> {
    let mut best = 0;
    for (id, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = id;
        }
    }
    (logits[best] > f64::NEG_INFINITY).then_some(u32::try_from(best).ok()?)
}

fn drawn(logits: &[f64], draw: &Draw, uniform: f64) -> Option<u32> {
    let mut ids: Vec<usize> = (0..logits.len()).filter(|id| logits[*id] > f64::NEG_INFINITY).collect();
    // Likeliest first, the lower id first among equals.
    let order = |a: &usize, b: &usize| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b));
    if let Some(k) = draw.top_k()
        && k < ids.len()
    {
        ids.select_nth_unstable_by(k - 1, order);
        ids.truncate(k);
    }
    ids.sort_unstable_by(order);
    let top = *logits.get(*ids.first()?)?;
    // Softmax, kept finite by subtracting the maximum.
    let weights: Vec<f64> = ids.iter().map(|id| ((logits[*id] - top) / draw.temperature).exp()).collect();
    let all: f64 = weights.iter().sum();
    let mut stay = weights.len();
    if let Some(p) = draw.top_p {
        let mut sum = 0.0;
        for (n, weight) in weights.iter().enumerate() {
            sum += weight / all;
            if sum >= p {
                stay = n + 1;
                break;
            }
        }
    }
    let mut left = uniform * weights[..stay].iter().sum::<f64>();
    for (id, weight) in ids.iter().zip(&weights[..stay]) {
        left -= weight;
        if left < 0.0 {
            return u32::try_from(*id).ok();
        }
    }
    // Rounding can leave a remainder of nothing: it belongs to the last.
    u32::try_from(ids[stay - 1]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(sampling: &Sampling, logits: &[f32], n: usize) -> Vec<u32> {
        let mut sampler = Sampler::new(sampling);
        (0..n).map(|_| sampler.choose(logits).expect("numbers")).collect()
    }

    fn drawing(temperature: f64, top_k: Option<usize>, top_p: Option<f64>) -> Sampling {
        Sampling { mode: Mode::at(temperature, top_k, top_p).expect("valid"), ..Sampling::default() }
    }

    #[test]
    fn greedy_takes_the_first_of_the_likeliest() {
        assert_eq!(choices(&Sampling::default(), &[0.0, 3.0, 3.0, -1.0], 2), [1, 1]);
    }

    #[test]
    fn temperature_zero_is_greedy() {
        assert_eq!(drawing(0.0, Some(5), None).mode, Mode::Greedy);
    }

    #[test]
    fn a_seed_reproduces_its_draws_and_another_seed_does_not() {
        let logits: Vec<f32> = (0..50).map(|n| (n % 7) as f32 * 0.3).collect();
        let one = Sampling { seed: 7, ..drawing(1.0, None, None) };
        let other = Sampling { seed: 8, ..one.clone() };
        assert_eq!(choices(&one, &logits, 40), choices(&one, &logits, 40));
        assert_ne!(choices(&one, &logits, 40), choices(&other, &logits, 40));
    }

    #[test]
    fn the_stream_of_a_seed_stays_what_it_was() {
        // Recorded when this was written: a change means that recorded answers can't be had again.
        let logits = [0.0f32; 1000];
        assert_eq!(choices(&Sampling { seed: 42, ..drawing(1.0, None, None) }, &logits, 6), STREAM);
    }
    const STREAM: [u32; 6] = [514, 410, 97, 167, 163, 345];

    #[test]
    fn draws_follow_the_softmax_at_the_temperature() {
        // Odds of e^(2/2) = e to 1.
        let n = 20_000;
        let first = choices(&drawing(2.0, None, None), &[2.0, 0.0], n).iter().filter(|id| **id == 0).count();
        let expected = n as f64 * std::f64::consts::E / (1.0 + std::f64::consts::E);
        assert!((first as f64 - expected).abs() < 4.0 * (n as f64 * 0.25).sqrt(), "{first} of {expected}");
    }

    #[test]
    fn top_k_leaves_only_the_likeliest() {
        let logits = [1.0, 5.0, 4.0, 4.9, 0.0];
        let seen: BTreeSet<u32> = choices(&drawing(5.0, Some(2), None), &logits, 500).into_iter().collect();
        assert_eq!(seen, BTreeSet::from([1, 3]));
    }

    #[test]
    fn top_p_leaves_the_fewest_that_reach_it() {
        // Probabilities 0.5, 0.3, 0.2.
        let logits: Vec<f32> = [0.2f32, 0.5, 0.3].iter().map(|p| p.ln()).collect();
        let seen =
            |p| choices(&drawing(1.0, None, Some(p)), &logits, 500).into_iter().collect::<BTreeSet<u32>>();
        assert_eq!(seen(0.45), BTreeSet::from([1]));
        assert_eq!(seen(0.6), BTreeSet::from([1, 2]));
        assert_eq!(seen(1.0), BTreeSet::from([0, 1, 2]));
    }

    #[test]
    fn a_repetition_penalty_lowers_what_was_said_whatever_its_sign() {
        let penalised = Sampling::default().with_repetition_penalty(2.0).expect("valid");
        assert_eq!(choices(&penalised, &[3.0, 2.0, -9.0], 3), [0, 1, 0]);
        assert_eq!(choices(&penalised, &[-1.0, -1.5, -9.0], 2), [0, 1]);
    }

    #[test]
    fn logits_that_are_no_numbers_are_not_chosen_from() {
        for bad in [&[][..], &[f32::NAN, 1.0], &[f32::INFINITY, 0.0], &[f32::NEG_INFINITY]] {
            assert_eq!(Sampler::new(&Sampling::default()).choose(bad), None);
            assert_eq!(Sampler::new(&drawing(1.0, None, None)).choose(bad), None);
        }
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        for (mode, name) in [
            (Mode::at(-1.0, None, None), "temperature"),
            (Mode::at(f64::NAN, None, None), "temperature"),
            (Mode::at(1.0, Some(0), None), "top-k"),
            (Mode::at(1.0, None, Some(1.5)), "top-p"),
            (Penalty::new(0.0).map(|_| Mode::Greedy), "repetition penalty"),
        ] {
            let message = mode.expect_err(name).to_string();
            assert!(
                message.contains(name) && message.contains("expected a number") | message.contains("whole")
            );
        }
    }

    #[test]
    fn what_is_recorded_reads_back_and_nonsense_does_not() {
        let sampling = Sampling {
            repetition_penalty: Penalty::new(1.1).expect("valid"),
            ..drawing(0.7, Some(40), Some(0.9))
        };
        let text = serde_json::to_string(&sampling).expect("plain data");
        assert_eq!(serde_json::from_str::<Sampling>(&text).expect("its own"), sampling);
        let broken = text.replace("0.7", "-0.7");
        assert!(
            serde_json::from_str::<Sampling>(&broken)
                .expect_err("out of range")
                .to_string()
                .contains("temperature")
        );
    }
}
