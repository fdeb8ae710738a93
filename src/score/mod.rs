//! How near an answer comes to a reference: words shared, order kept, key phrases said, abstentions.
//!
//! Pure functions of texts. Knows nothing of models, corpora or questions, nor of what is made of the figures. Each
//! follows the definition that published figures follow, so that they can be set beside them; the reference values
//! in `tests/data/score.json` are made by `tests/reference/score.py`.

mod phrases;
mod rouge;
mod squad;

pub use phrases::{begins_with, phrases, without};
pub use rouge::rouge_l;
pub use squad::token_f1;

#[allow(clippy::cast_precision_loss)] // Counts of words.
fn harmonic_mean(shared: usize, answer: usize, reference: usize) -> f64 {
    if shared == 0 {
        return 0.0;
    }
    let (precision, recall) = (shared as f64 / answer as f64, shared as f64 / reference as f64);
    2.0 * precision * recall / (precision + recall)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(serde::Deserialize)]
    struct Case {
        answer: String,
        reference: String,
        token_f1: f64,
        rouge_l: f64,
    }

    #[test]
    fn figures_are_those_of_the_reference_implementations() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../tests/data/score.json")).expect("reference values");
        assert!(cases.len() >= 40);
        for case in cases {
            for (name, found, expected) in [
                ("F1", token_f1(&case.answer, &case.reference), case.token_f1),
                ("ROUGE-L", rouge_l(&case.answer, &case.reference), case.rouge_l),
            ] {
                assert!(
                    (found - expected).abs() < 1e-12,
                    "{name} of {:?} against {:?} is {found}, not {expected}",
                    case.answer,
                    case.reference
                );
            }
        }
    }

    proptest! {
        #[test]
        fn figures_lie_between_nothing_and_all_for_any_text(
            answer in "(\\p{Any}|[a-c] |the |, ){0,40}",
            reference in "(\\p{Any}|[a-c] |the |, ){0,40}",
        ) {
            for figure in [token_f1(&answer, &reference), rouge_l(&answer, &reference)] {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&figure));
            }
            // Neither has a direction.
            prop_assert!((token_f1(&answer, &reference) - token_f1(&reference, &answer)).abs() < 1e-12);
            prop_assert!((rouge_l(&answer, &reference) - rouge_l(&reference, &answer)).abs() < 1e-12);
        }
    }
}
