//! Words that stand out in what a question finds first, to ask again with. Knows texts as terms; nothing of indices.
//!
//! The relevance model RM3 (N. Abdul-Jaleel et al. (2004), "UMass at TREC 2004: Novelty and HARD"): the share that a
//! term has of each of the first texts, times the text's score, summed; the likeliest terms are kept and mixed with the
//! question's own. The constants are those usual for it: ten texts, ten terms, half and half.

use std::collections::HashMap;

/// How many of the first passages are believed.
pub(super) const TEXTS: usize = 10;
const TERMS: usize = 10;
/// The question's own part.
const OWN: f32 = 0.5;

/// The terms to ask with, sorted, each with its weight: 1 for the question's own, more where they stand out.
///
/// `texts` are the terms of each text, with its score; what `keep` refuses is not taken into the question.
#[allow(clippy::cast_precision_loss)] // Words of passages.
pub(super) fn terms(
    asked: &[String],
    texts: &[(Vec<String>, f32)],
    keep: &dyn Fn(&str) -> bool,
) -> Vec<(String, f32)> {
    let mut likely: HashMap<&str, f32> = HashMap::new();
    for (text, score) in texts {
        for term in text {
            *likely.entry(term).or_default() += score / text.len() as f32;
        }
    }
    let mut likely: Vec<_> = likely.into_iter().collect();
    likely.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let mut kept: Vec<(&str, f32)> = Vec::with_capacity(TERMS);
    for (term, share) in likely {
        if kept.len() == TERMS {
            break;
        }
        if keep(term) {
            kept.push((term, share));
        }
    }
    let sum: f32 = kept.iter().map(|(_, share)| share).sum();
    let mut weights: HashMap<String, f32> = asked.iter().map(|term| (term.clone(), 1.0)).collect();
    if sum > 0.0 {
        // Both mixed by their parts, and then the question's own terms back to 1 each.
        let scale = (1.0 - OWN) / OWN * asked.len() as f32 / sum;
        for (term, share) in kept {
            *weights.entry(term.to_owned()).or_default() += share * scale;
        }
    }
    let mut weights: Vec<_> = weights.into_iter().collect();
    weights.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_word_that_the_first_texts_share_is_asked_too_and_the_questions_own_words_keep_their_weight() {
        let texts = [(words("gout urate pain"), 2.0), (words("gout urate salt"), 2.0)];
        let found = terms(&words("gout"), &texts, &|term| term != "salt");
        let weight = |term: &str| found.iter().find(|(t, _)| t == term).map(|(_, w)| *w);
        // Shares 2/3, 2/3 and 1/3 of 5/3 that are kept.
        assert!((weight("gout").expect("asked") - 1.4).abs() < 1e-6);
        assert!((weight("urate").expect("found") - 0.4).abs() < 1e-6);
        assert!((weight("pain").expect("found") - 0.2).abs() < 1e-6);
        assert_eq!(weight("salt"), None);
    }

    #[test]
    fn nothing_found_leaves_the_question_as_it_is() {
        assert_eq!(terms(&words("gout"), &[], &|_| true), [("gout".to_owned(), 1.0)]);
    }
}
