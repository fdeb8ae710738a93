//! Quantiles and tails of the distributions that tests and intervals need.

use statrs::distribution::{Continuous, ContinuousCDF, Normal, StudentsT};
use statrs::function::factorial::ln_binomial;

/// The quantile of the standard normal distribution at `p`; infinite at 0 and 1.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p.clamp(0.0, 1.0))
}

/// The standard normal distribution's probability of at most `z`.
pub(crate) fn normal_cdf(z: f64) -> f64 {
    Normal::standard().cdf(z)
}

/// The standard normal distribution's probability of more than `z`, exact far out too.
pub(crate) fn normal_tail(z: f64) -> f64 {
    Normal::standard().sf(z)
}

/// The quantile of Student's t with `freedom` degrees at `p`; that of the normal where `freedom` makes none.
pub(crate) fn t_quantile(p: f64, freedom: f64) -> f64 {
    let Ok(student) = StudentsT::new(0.0, 1.0, freedom) else {
        return normal_quantile(p);
    };
    let mut t = student.inverse_cdf(p.clamp(0.0, 1.0));
    // The library's inverse is good to nine places or so; a Newton step makes it good to all.
    for _ in 0..2 {
        let step = (student.cdf(t) - p) / student.pdf(t);
        if !step.is_finite() {
            break;
        }
        t -= step;
    }
    t
}

/// The probability of at most `k` heads in `n` throws of a fair coin.
pub(crate) fn fair_coin_at_most(k: u64, n: u64) -> f64 {
    if k >= n {
        return 1.0;
    }
    if 2 * k >= n {
        return 1.0 - fair_coin_at_most(n - k - 1, n);
    }
    // From the largest term down: each is smaller by j / (n - j + 1).
    let mut term = (ln_binomial(n, k) - n as f64 * std::f64::consts::LN_2).exp();
    let mut sum = 0.0;
    for j in (0..=k).rev() {
        sum += term;
        if term < sum * 1e-18 {
            break;
        }
        term *= j as f64 / (n - j + 1) as f64;
    }
    sum.min(1.0)
}

/// The two-sided p-value of `k` heads in `n` throws of a fair coin: twice the smaller tail.
pub(crate) fn fair_coin_two_sided(k: u64, n: u64) -> f64 {
    (2.0 * fair_coin_at_most(k.min(n.saturating_sub(k)), n)).min(1.0)
}

/// The quantile of sorted values with linear interpolation (type 7 of Hyndman and Fan, 1996); NaN of nothing.
pub(crate) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let at = p.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}
