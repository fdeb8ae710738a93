//! Several tests at once.

/// Holm's adjusted p-values, in the order given: the chance of one false finding or more stays below the level
/// at which they are read, whatever the tests have to do with each other. A test that does not exist (`None`,
/// or a number that is no probability) stays absent and does not count.
///
/// S. Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics
/// 6: the k-th smallest of m is multiplied by m - k + 1, never below the one before, at most 1.
pub fn holm(p: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut family: Vec<(usize, f64)> = p
        .iter()
        .enumerate()
        .filter_map(|(at, p)| p.filter(|p| (0.0..=1.0).contains(p)).map(|p| (at, p)))
        .collect();
    family.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut adjusted = vec![None; p.len()];
    let mut before = 0.0_f64;
    for (k, (at, p)) in family.iter().enumerate() {
        before = before.max(p * (family.len() - k) as f64).min(1.0);
        adjusted[*at] = Some(before);
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn four_tests_are_adjusted_as_by_hand() {
        let adjusted = holm(&[Some(0.01), Some(0.04), Some(0.03), Some(0.005)]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        for (a, e) in adjusted.iter().zip(expected) {
            assert!((a.expect("adjusted") - e).abs() < 1e-12, "{adjusted:?}");
        }
    }

    #[test]
    fn a_test_that_does_not_exist_does_not_count() {
        assert_eq!(holm(&[Some(0.02), None, Some(f64::NAN), Some(0.5)]), [Some(0.04), None, None, Some(0.5)]);
        assert!(holm(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn adjusting_never_lowers_a_p_value_nor_turns_the_order(p in prop::collection::vec(0.0f64..=1.0, 1..30)) {
            let adjusted: Vec<f64> = holm(&p.iter().copied().map(Some).collect::<Vec<_>>()).into_iter().flatten().collect();
            prop_assert_eq!(adjusted.len(), p.len());
            for (i, a) in adjusted.iter().enumerate() {
                prop_assert!(*a >= p[i] && *a <= 1.0);
                for (j, b) in adjusted.iter().enumerate() {
                    prop_assert!(p[i] > p[j] || a <= b);
                }
            }
        }
    }
}
