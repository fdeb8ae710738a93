//! An analyzer that asks a chain of filters once for each word and then remembers: stemming the same words again and again
//! would be more than a third of indexing's time.

use std::collections::HashMap;
use tantivy::tokenizer::{SimpleTokenizer, TextAnalyzer, Token, TokenStream, Tokenizer};

/// Words that are remembered at most (some megabytes of them); then it begins anew.
const MOST: usize = 1 << 16;

/// Gives the tokens of a chain that begins with a [`SimpleTokenizer`] and looks at each word by itself.
pub(super) struct Remembering {
    words: SimpleTokenizer,
    chain: TextAnalyzer,
    /// What the chain makes of a word; `None` where it drops it.
    terms: HashMap<String, Option<String>>,
}

impl Remembering {
    pub(super) fn new(chain: TextAnalyzer) -> Self {
        Self { words: SimpleTokenizer::default(), chain, terms: HashMap::new() }
    }
}

/// One that has met no words yet: whoever copies an analyzer has other texts.
impl Clone for Remembering {
    fn clone(&self) -> Self {
        Self::new(self.chain.clone())
    }
}

impl Tokenizer for Remembering {
    type TokenStream<'a> = Remembered<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Remembered<'a> {
        let Self { words, chain, terms } = self;
        Remembered { words: words.token_stream(text), chain, terms }
    }
}

/// The tokens of one text.
pub(super) struct Remembered<'a> {
    words: <SimpleTokenizer as Tokenizer>::TokenStream<'a>,
    chain: &'a mut TextAnalyzer,
    terms: &'a mut HashMap<String, Option<String>>,
}

impl TokenStream for Remembered<'_> {
    fn advance(&mut self) -> bool {
        while self.words.advance() {
            let word = &mut self.words.token_mut().text;
            let term = match self.terms.get(word.as_str()) {
                Some(term) => term,
                None => {
                    if self.terms.len() >= MOST {
                        self.terms.clear();
                    }
                    let mut made = self.chain.token_stream(word);
                    let term = made.advance().then(|| std::mem::take(&mut made.token_mut().text));
                    self.terms.entry(word.clone()).or_insert(term)
                }
            };
            if let Some(term) = term {
                word.clear();
                word.push_str(term);
                return true;
            }
        }
        false
    }

    fn token(&self) -> &Token {
        self.words.token()
    }

    fn token_mut(&mut self) -> &mut Token {
        self.words.token_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Terms;
    use super::*;
    use proptest::prelude::*;

    fn tokens(analyzer: &mut TextAnalyzer, text: &str) -> Vec<Token> {
        let mut stream = analyzer.token_stream(text);
        let mut found = Vec::new();
        stream.process(&mut |token| found.push(token.clone()));
        found
    }

    proptest! {
        #[test]
        fn tokens_are_those_of_the_chain_also_when_words_come_again(
            texts in prop::collection::vec("([a-zA-Z\u{e9}]{1,6}(ing|s|ed)?[ ,.]|\\p{Any}{1,9}|x{99,103} ){0,30}", 1..4),
            code in prop::sample::select(&["en", "de", "ru", "xx"][..]),
        ) {
            let mut chain = Terms::chain(code);
            let mut remembering = TextAnalyzer::builder(Remembering::new(chain.clone())).build();
            for text in texts.iter().chain(&texts) {
                prop_assert_eq!(tokens(&mut remembering, text), tokens(&mut chain, text));
            }
        }
    }

    #[test]
    fn more_words_than_are_remembered_are_told_apart_all_the_same() {
        let text: String = (0..MOST + 5).map(|n| format!("w{n}s ")).collect();
        let mut chain = Terms::chain("en");
        let mut remembering = TextAnalyzer::builder(Remembering::new(chain.clone())).build();
        assert_eq!(tokens(&mut remembering, &text), tokens(&mut chain, &text));
    }
}
