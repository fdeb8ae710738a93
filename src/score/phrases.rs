//! Phrases within answers, compared as runs of whole folded words, so that case, accents and punctuation between words
//! do not matter, and "art" is not in "artery".

use crate::text::{fold, words};
use std::ops::Range;

/// How many of `phrases` stand in `answer`, word for word and one after the other, of how many that have words at all.
pub fn phrases<'a>(answer: &str, phrases: impl IntoIterator<Item = &'a str>) -> (usize, usize) {
    let answer = plain(answer);
    let (mut found, mut all) = (0, 0);
    for phrase in phrases.into_iter().map(plain).filter(|p| !p.trim().is_empty()) {
        all += 1;
        found += usize::from(answer.contains(&phrase));
    }
    (found, all)
}

/// Whether `text` begins with the words of `phrase`.
pub fn begins_with(text: &str, phrase: &str) -> bool {
    let phrase = plain(phrase);
    !phrase.trim().is_empty() && plain(text).starts_with(&phrase)
}

/// The text without these ranges of its bytes; a space stands where each was. What lies on no character boundary, or
/// overlaps what is gone already, stays.
pub fn without(text: &str, ranges: impl IntoIterator<Item = Range<usize>>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for range in ranges {
        if let Some(kept) = text.get(at..range.start)
            && text.is_char_boundary(range.end)
        {
            out.push_str(kept);
            out.push(' ');
            at = range.end.max(at);
        }
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// The folded words, with a space before and after each.
fn plain(text: &str) -> String {
    let mut plain = String::from(" ");
    for word in words(text) {
        // A word can fold into two, as "½" does; a phrase must still find it.
        for part in fold(&word.folded).split_whitespace() {
            plain.push_str(part);
            plain.push(' ');
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(text: &str, phrase: &str) -> bool {
        phrases(text, [phrase]) == (1, 1)
    }

    #[test]
    fn phrases_are_found_as_whole_words_in_a_row() {
        let answer = "Yes: the Café's milk-sugar is 8,850 kilometres away.";
        let found = |phrase| contains(answer, phrase);
        assert!(found("yes") && found("CAFE'S") && found("milk sugar") && found("8,850 kilometres"));
        assert!(!found("afe") && !found("sugar milk") && !found("850 kilometres") && !found("kilo"));
    }

    #[test]
    fn a_phrase_without_words_is_none() {
        assert_eq!(phrases("a b c", ["b", "…", "d", ""]), (1, 2));
        assert!(!contains("…", "…") && !begins_with("…", "…"));
    }

    #[test]
    fn an_answer_begins_with_a_phrase_however_it_goes_on() {
        let phrase = "The passages do not say.";
        assert!(begins_with("the passages do not say what it costs", phrase));
        assert!(!begins_with("Sadly the passages do not say.", phrase));
        assert!(!begins_with("The passages do not sayyid", phrase));
    }

    #[test]
    fn ranges_are_taken_out_once_and_never_within_a_character() {
        assert_eq!(without("Urate [1][2]. Tea.", [6..9, 9..12]), "Urate   . Tea.");
        assert_eq!(without("Urate [1, 2].", [6..12, 6..12]), "Urate  .", "one bracket can be two citations");
        let letter = Range { start: 1, end: 2 };
        assert_eq!(without("é", [letter]), "é");
    }
}
