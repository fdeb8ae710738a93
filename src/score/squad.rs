//! Token F1 as the SQuAD v1.1 evaluation computes it (Rajpurkar et al., EMNLP 2016, arXiv 1606.05250): words are
//! compared in lower case, without punctuation and without articles, as a bag.

use super::harmonic_mean;
use std::collections::HashMap;

/// The harmonic mean of precision and recall of the reference's words in the answer; 0 where they share none, and so
/// also where both are empty.
pub fn token_f1(answer: &str, reference: &str) -> f64 {
    let (answer, reference) = (normalised(answer), normalised(reference));
    let (answer, reference): (Vec<&str>, Vec<&str>) =
        (answer.split_whitespace().collect(), reference.split_whitespace().collect());
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in &reference {
        *left.entry(word).or_default() += 1;
    }
    let shared = answer
        .iter()
        .filter(|word| left.get_mut(*word).filter(|n| **n > 0).map(|n| *n -= 1).is_some())
        .count();
    harmonic_mean(shared, answer.len(), reference.len())
}

/// Lower case, then without ASCII punctuation (other punctuation stays), then without the articles a, an and the.
fn normalised(text: &str) -> String {
    let text: String = text.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect();
    // An article is one between two boundaries of words, as the script's `\b(a|an|the)\b` has it: "the–end" has one.
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(start) = rest.find(char::is_alphanumeric) {
        let word = &rest[start..];
        let end = word.find(|c: char| !c.is_alphanumeric()).unwrap_or(word.len());
        out.push_str(&rest[..start]);
        out.push_str(if ["a", "an", "the"].contains(&&word[..end]) { " " } else { &word[..end] });
        rest = &word[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_and_punctuation_do_not_count_and_words_that_hold_an_article_stay() {
        assert_eq!(normalised("The cat's an atheist, a–b."), "  cats   atheist  –b");
    }

    #[test]
    fn a_word_is_shared_as_often_as_both_have_it() {
        // Two of three words of the answer, two of two of the reference.
        assert!((token_f1("no no no", "no no") - 0.8).abs() < 1e-12);
        assert_eq!(token_f1("", ""), 0.0);
        assert_eq!(token_f1("the", "the"), 0.0, "articles are no words");
    }
}
