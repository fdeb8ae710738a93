//! An analyzer that asks a chain of filters once for each word and then remembers: stemming the same words again and again
//! would be more than a third of indexing's time.

use tantivy::tokenizer::{SimpleTokenizer, TextAnalyzer, Token, TokenStream, Tokenizer};

/// Places for words. What is remembered fits into a processor's caches; a larger memory would be as slow as stemming.
const PLACES: usize = 1 << 13;
/// The longest word and term that have a place, in bytes; others are left to the chain each time.
const LONGEST: usize = 31;

/// Gives the tokens of a chain that begins with a [`SimpleTokenizer`] and looks at each word by itself.
pub(super) struct Remembering {
    words: SimpleTokenizer,
    chain: TextAnalyzer,
    /// Made for the first word: most of the copies of an analyzer meet none.
    places: Vec<Place>,
}

/// A word and its term, in one line of the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Place {
    word_bytes: u8,
    term_bytes: u8,
    word: [u8; LONGEST],
    term: [u8; LONGEST],
}

const EMPTY: Place = Place { word_bytes: 0, term_bytes: 0, word: [0; LONGEST], term: [0; LONGEST] };

impl Place {
    /// Where the term of a word is remembered, among [`PLACES`]: another word may stand there.
    fn of(word: &str) -> usize {
        let mut hash = word.len() as u64;
        for eight in word.as_bytes().chunks(8) {
            let mut bytes = [0; 8];
            bytes[..eight.len()].copy_from_slice(eight);
            // The constant is 2⁶⁴ over the golden ratio (Knuth, The Art of Computer Programming 3, 6.4).
            hash = (hash.rotate_left(29) ^ u64::from_le_bytes(bytes)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        (hash >> 32) as usize % PLACES
    }

    fn term_of(&self, word: &str) -> Option<&str> {
        let stands = self.word[..usize::from(self.word_bytes)] == *word.as_bytes() && !word.is_empty();
        stands.then(|| std::str::from_utf8(&self.term[..usize::from(self.term_bytes)]).ok())?
    }

    fn put(&mut self, word: &str, term: &str) {
        if word.len() <= LONGEST && term.len() <= LONGEST {
            (self.word_bytes, self.term_bytes) = (word.len() as u8, term.len() as u8);
            self.word[..word.len()].copy_from_slice(word.as_bytes());
            self.term[..term.len()].copy_from_slice(term.as_bytes());
        }
    }
}

impl Remembering {
    pub(super) fn new(chain: TextAnalyzer) -> Self {
        Self { words: SimpleTokenizer::default(), chain, places: Vec::new() }
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
        let Self { words, chain, places } = self;
        places.resize(PLACES, EMPTY);
        Remembered { words: words.token_stream(text), chain, places }
    }
}

/// The tokens of one text.
pub(super) struct Remembered<'a> {
    words: <SimpleTokenizer as Tokenizer>::TokenStream<'a>,
    chain: &'a mut TextAnalyzer,
    places: &'a mut [Place],
}

impl TokenStream for Remembered<'_> {
    fn advance(&mut self) -> bool {
        while self.words.advance() {
            let word = &mut self.words.token_mut().text;
            let place = &mut self.places[Place::of(word)];
            if let Some(term) = place.term_of(word) {
                word.clear();
                word.push_str(term);
                return true;
            }
            let mut made = self.chain.token_stream(word);
            // Words that the chain drops are rare.
            if made.advance() {
                let term = std::mem::take(&mut made.token_mut().text);
                drop(made);
                place.put(word, &term);
                *word = term;
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
    fn words_that_take_each_others_places_are_told_apart() {
        let text: String = (0..3 * PLACES).map(|n| format!("w{}s w{n}s ", n / 2)).collect();
        let mut chain = Terms::chain("en");
        let mut remembering = TextAnalyzer::builder(Remembering::new(chain.clone())).build();
        assert_eq!(tokens(&mut remembering, &text), tokens(&mut chain, &text));
    }
}
