//! Words and their folded forms, for comparing texts.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::OnceLock;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Its bytes.
    pub range: Range<usize>,
    /// Its [`fold`]ed form.
    pub folded: String,
}

/// The words of a text in order: runs of letters and digits by Unicode's rules (UAX #29).
pub fn words(text: &str) -> Vec<Word> {
    text.unicode_word_indices()
        .map(|(start, word)| Word { range: start..start + word.len(), folded: fold(word) })
        .collect()
}

/// How many [`words`] a text has, without making them.
pub fn word_count(text: &str) -> usize {
    // No word goes over a space, and most tokens are one plain word with marks around it.
    text.split_ascii_whitespace()
        .map(|token| {
            let bytes = token.as_bytes();
            if !token.is_ascii() {
                return token.unicode_words().count();
            }
            let Some(first) = bytes.iter().position(u8::is_ascii_alphanumeric) else { return 0 };
            let last = bytes.iter().rposition(u8::is_ascii_alphanumeric).unwrap_or(first);
            match bytes[first..=last].iter().all(u8::is_ascii_alphanumeric) {
                true => 1,
                false => token.unicode_words().count(),
            }
        })
        .sum()
}

/// Lower case, without accents and compatibility forms, so that "Café" and "cafe" compare equal.
pub fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    word.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

/// Words too common in English to say what a text is about.
const STOP_WORDS: &str = "a about above after again all also although am an and any are as at be because been before \
    being below between both but by can could did do does doing down during each either for from further had has have \
    having he her here hers him his how i if in into is it its itself just me more most my neither no nor not of off on \
    once one only or other our out over own same she should so some such than that the their them then there these they \
    this those through to too under until up very was we were what when where whether which while who whom whose why \
    will with within without would you your";

/// Whether a folded word is a stop word of English.
pub fn is_stop_word(folded: &str) -> bool {
    static SET: OnceLock<HashSet<&str>> = OnceLock::new();
    SET.get_or_init(|| STOP_WORDS.split_ascii_whitespace().collect()).contains(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_found_where_they_stand() {
        let text = "The Café’s β-cells, 3.5 mg.";
        let found: Vec<_> = words(text).into_iter().map(|w| (text[w.range].to_owned(), w.folded)).collect();
        assert!(found.contains(&("3.5".to_owned(), "3.5".to_owned())));
        assert_eq!(found[0], ("The".to_owned(), "the".to_owned()));
        assert!(found[1].1.starts_with("cafe"));
    }

    proptest::proptest! {
        #[test]
        fn words_are_counted_as_they_are_found(text in "([a-zA-Z0-9 '.,:_\\n-]|[éß東\u{301}\u{200d}]){0,60}|\\p{Any}{0,40}") {
            proptest::prop_assert_eq!(word_count(&text), words(&text).len());
        }
    }

    #[test]
    fn stop_words_are_whole_words() {
        assert!(is_stop_word("the") && is_stop_word("a") && is_stop_word("your"));
        assert!(!is_stop_word("insulin") && !is_stop_word("th") && !is_stop_word("") && !is_stop_word(" "));
    }
}
