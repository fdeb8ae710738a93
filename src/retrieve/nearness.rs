//! What a passage gets for words of the question that stand near each other. Knows the places of words in one text and
//! what they weigh; nothing of indices.
//!
//! S. Büttcher, C. Clarke and B. Lushman (2006), "Term proximity scoring for ad-hoc retrieval on very large text
//! collections", SIGIR: every two words of the question that follow each other, with no third one of it between, add
//! the one's weight by the square of their distance to what the other has gathered; that is then damped as BM25 damps
//! how often a word occurs, and each word counts by its weight, at most 1.

use std::collections::HashMap;

/// BM25's constants, those of tantivy, which has no others.
const K1: f32 = 1.2;
const B: f32 = 0.75;

/// The nearness of the words at `places`: in order of place, each with its number in the text and its name. `weight`
/// gives a word's weight (its inverse document frequency); `length` is that of the text against the mean, 1 for a text
/// of mean length.
pub(super) fn nearness(places: &[(usize, &str)], weight: &HashMap<&str, f32>, length: f32) -> f32 {
    let of = |word: &str| weight.get(word).copied().unwrap_or_default();
    let mut gathered: HashMap<&str, f32> = HashMap::new();
    for pair in places.windows(2) {
        let ((here, one), (there, other)) = (pair[0], pair[1]);
        if one == other {
            continue;
        }
        #[allow(clippy::cast_precision_loss)] // Places in a passage.
        let near = ((there - here).max(1) as f32).powi(-2);
        *gathered.entry(one).or_default() += of(other) * near;
        *gathered.entry(other).or_default() += of(one) * near;
    }
    let damp = K1 * (1.0 - B + B * length);
    let mut words: Vec<_> = gathered.into_iter().collect();
    // A sum of floats hangs on its order.
    words.sort_unstable_by_key(|(word, _)| *word);
    words.into_iter().map(|(word, sum)| of(word).min(1.0) * sum * (K1 + 1.0) / (sum + damp)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearer_words_count_more_and_one_word_alone_nothing() {
        let weight: HashMap<&str, f32> = [("a", 2.0), ("b", 3.0)].into();
        let of = |places: &[(usize, &str)]| nearness(places, &weight, 1.0);
        assert!(of(&[(0, "a"), (1, "b")]) > of(&[(0, "a"), (2, "b")]));
        assert!(of(&[(0, "a"), (2, "b")]) > 0.0);
        assert!(of(&[(0, "a"), (1, "a")]).abs() < f32::EPSILON);
        assert!(of(&[]).abs() < f32::EPSILON);
    }

    #[test]
    fn it_is_what_the_formula_says() {
        // a gathers 3/4, b 2/4; each is damped with 1.2 at mean length.
        let expected = 0.75 * 2.2 / (0.75 + 1.2) + 0.5 * 2.2 / (0.5 + 1.2);
        let weight: HashMap<&str, f32> = [("a", 2.0), ("b", 3.0)].into();
        assert!((nearness(&[(4, "a"), (6, "b")], &weight, 1.0) - expected).abs() < 1e-6);
    }
}
