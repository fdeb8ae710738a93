//! Terms: what the index keeps of words. Folded and stemmed, so that "Inhibitors" is found by "inhibits".

use super::is_stop_word;
use super::remembering::Remembering;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, TextAnalyzer,
    TokenStream,
};

/// No real word is longer, in bytes.
const LONGEST: usize = 100;

/// Cuts text into terms by the rules of a language.
#[derive(Clone)]
pub struct Terms {
    analyzer: TextAnalyzer,
    /// Copies that have met words already and are not in use.
    idle: Arc<Mutex<Vec<TextAnalyzer>>>,
}

/// A term and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The bytes of the word in the text.
    pub range: Range<usize>,
    /// What the index keeps of it.
    pub term: String,
    /// Whether the word is too common to say what a text is about.
    pub is_stop_word: bool,
}

impl Terms {
    /// For an ISO 639-1 code; a language without a stemmer is only folded.
    pub fn of_language(code: &str) -> Self {
        let chain = Self::chain(code);
        let analyzer = TextAnalyzer::builder(Remembering::new(chain)).build();
        Self { analyzer, idle: Arc::default() }
    }

    /// The chain of tantivy's own filters that says what the term of a word is.
    pub fn chain(code: &str) -> TextAnalyzer {
        let simple = TextAnalyzer::builder(SimpleTokenizer::default())
            .filter(RemoveLongFilter::limit(LONGEST))
            .filter(LowerCaser)
            .filter(AsciiFoldingFilter);
        let language = match code {
            "ar" => Some(Language::Arabic),
            "da" => Some(Language::Danish),
            "de" => Some(Language::German),
            "el" => Some(Language::Greek),
            "en" => Some(Language::English),
            "es" => Some(Language::Spanish),
            "fi" => Some(Language::Finnish),
            "fr" => Some(Language::French),
            "hu" => Some(Language::Hungarian),
            "it" => Some(Language::Italian),
            "nl" => Some(Language::Dutch),
            "no" => Some(Language::Norwegian),
            "pt" => Some(Language::Portuguese),
            "ro" => Some(Language::Romanian),
            "ru" => Some(Language::Russian),
            "sv" => Some(Language::Swedish),
            "ta" => Some(Language::Tamil),
            "tr" => Some(Language::Turkish),
            _ => None,
        };
        match language {
            Some(language) => simple.filter(Stemmer::new(language)).build(),
            None => simple.build(),
        }
    }

    /// The analyzer itself, for the index.
    pub fn analyzer(&self) -> TextAnalyzer {
        self.analyzer.clone()
    }

    /// The terms of a text, in order.
    pub fn of(&self, text: &str) -> Vec<Term> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut analyzer = taken.unwrap_or_else(|| self.analyzer.clone());
        let mut stream = analyzer.token_stream(text);
        let mut found = Vec::new();
        while let Some(token) = stream.next() {
            let range = token.offset_from..token.offset_to;
            let is_stop_word = is_stop_word(&super::fold(&text[range.clone()]));
            found.push(Term { range, term: token.text.clone(), is_stop_word });
        }
        drop(stream);
        idle().push(analyzer);
        found
    }

    /// The different terms of a text that are no stop words, sorted.
    pub fn content(&self, text: &str) -> Vec<String> {
        let mut found: Vec<_> =
            self.of(text).into_iter().filter(|t| !t.is_stop_word).map(|t| t.term).collect();
        found.sort();
        found.dedup();
        found
    }
}

impl std::fmt::Debug for Terms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Terms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn inflected_words_share_a_term() {
        let terms = Terms::of_language("en");
        assert_eq!(terms.content("The inhibitors inhibited"), terms.content("inhibitor inhibits"));
    }

    proptest! {
        #[test]
        fn ranges_fall_on_characters_in_any_text(text in "\\p{Any}{0,80}") {
            for term in Terms::of_language("en").of(&text) {
                prop_assert!(text.get(term.range.clone()).is_some_and(|w| !w.is_empty()));
            }
        }
    }
}
