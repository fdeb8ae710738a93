//! Keeps training apart from judging: a training question that asks what is judged by, or rests on text that a judged
//! question rests on, gives it away. Also where the corpus was never checked, or one of the two was only slightly changed.
//!
//! Judged are the questions of the splits dev and test. Their documents are shared with training by design, and their
//! passages may stand in a training prompt, on which there is no loss; what is never trained on is their questions and
//! their quotes, be it as a training question's gold or within its answer.

use super::{Gold, Question, SAME_QUESTION};
use crate::fault::Result;
use crate::text::{Terms, words};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

/// Two quotes of which this part of all content terms is shared are the same quote, slightly changed.
const SAME_QUOTE: f64 = 0.8;
/// With fewer content terms together, two quotes may share them by chance.
const FEWEST_TERMS: usize = 5;
/// A shorter judged quote may stand in an answer by chance: a name, a number.
const FEWEST_WORDS: usize = 4;

/// Where the quote of some gold stands in its document, as far as is known.
pub type Locate<'a> = &'a dyn Fn(&Gold) -> Result<Option<Range<usize>>>;

/// What is judged by, ready to be looked through for what a training question gives away.
#[derive(Debug)]
pub struct Apart {
    seen: Seen,
    ids: Vec<String>,
    /// Numbers of questions by their words.
    by_words: HashMap<String, usize>,
    questions: Index,
    /// Of every quote, the number of the question, and its bytes in the document, where it is known to stand there.
    quotes: Vec<(usize, Option<Range<usize>>)>,
    quote_texts: Index,
    /// Numbers of quotes by their document.
    by_document: HashMap<String, Vec<usize>>,
}

/// Texts by their terms.
#[derive(Debug, Default)]
struct Index {
    texts: Vec<Plain>,
    by_term: HashMap<u32, Vec<usize>>,
    /// Numbers of texts by the rarest of their terms: who holds a text holds this one.
    by_rarest: HashMap<u32, Vec<usize>>,
    /// Those without content terms.
    bare: Vec<usize>,
}

/// Numbers for the content terms met so far.
#[derive(Debug)]
struct Seen {
    terms: Terms,
    numbers: HashMap<String, u32>,
}

#[derive(Debug)]
struct Plain {
    /// The folded words, with a space before and after each, so that containment is one of whole words.
    words: String,
    count: usize,
    /// Numbers of the content terms, ascending, each once.
    terms: Vec<u32>,
}

/// In the order in which they are looked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Question,
    Quote,
    Answer,
}

impl Apart {
    /// Takes in the questions to judge by.
    ///
    /// # Errors
    /// Those of `locate`.
    pub fn new<'q>(
        language: &str,
        judged: impl Iterator<Item = &'q Question>,
        locate: Locate<'_>,
    ) -> Result<Self> {
        let mut seen = Seen { terms: Terms::of_language(language), numbers: HashMap::new() };
        let (mut ids, mut by_words, mut texts) = (Vec::new(), HashMap::new(), Vec::new());
        let (mut quotes, mut quote_texts) = (Vec::new(), Vec::new());
        let mut by_document: HashMap<String, Vec<usize>> = HashMap::new();
        for question in judged {
            let number = ids.len();
            ids.push(question.id.clone());
            let plain = seen.plain(&question.question);
            by_words.entry(plain.words.clone()).or_insert(number);
            texts.push(plain);
            for gold in &question.gold {
                by_document.entry(gold.document.clone()).or_default().push(quotes.len());
                quotes.push((number, locate(gold)?));
                quote_texts.push(seen.plain(&gold.quote));
            }
        }
        let (questions, quote_texts) = (Index::of(texts), Index::of(quote_texts));
        Ok(Self { seen, ids, by_words, questions, quotes, quote_texts, by_document })
    }

    /// What of the judged questions this one gives away, in words that the id follows, and the id.
    ///
    /// # Errors
    /// Those of `locate`.
    pub fn gives_away(
        &mut self,
        question: &Question,
        locate: Locate<'_>,
    ) -> Result<Option<(&'static str, &str)>> {
        let mut first: Option<(usize, Why)> = None;
        let mut found = |judged: usize, why: Why| {
            first = Some(first.map_or((judged, why), |f| f.min((judged, why))));
        };
        let asked = self.seen.plain(&question.question);
        if let Some(number) = self.by_words.get(&asked.words) {
            found(*number, Why::Question);
        }
        for number in self.questions.alike(&asked, SAME_QUESTION) {
            if asked.shared(&self.questions.texts[number]) >= SAME_QUESTION {
                found(number, Why::Question);
            }
        }
        for gold in &question.gold {
            let (own, place) = (self.seen.plain(&gold.quote), locate(gold)?);
            for number in self.by_document.get(&gold.document).into_iter().flatten() {
                if let (Some(a), Some(b)) = (&place, &self.quotes[*number].1)
                    && a.start < b.end
                    && b.start < a.end
                {
                    found(self.quotes[*number].0, Why::Quote);
                }
            }
            // Three ways to be the same text, each looked for where it can be.
            let texts = &self.quote_texts;
            for number in texts.alike(&own, SAME_QUOTE) {
                let other = &texts.texts[number];
                let few = own.terms.len().min(other.terms.len()) < FEWEST_TERMS;
                if !few && own.shared(other) >= SAME_QUOTE {
                    found(self.quotes[number].0, Why::Quote);
                }
            }
            for number in texts.within(&own).into_iter().filter(|n| own.holds(&texts.texts[*n])) {
                found(self.quotes[number].0, Why::Quote);
            }
            for number in texts.around(&own).into_iter().filter(|n| texts.texts[*n].holds(&own)) {
                found(self.quotes[number].0, Why::Quote);
            }
        }
        let answer = self.seen.plain(&question.answer);
        for number in self.quote_texts.within(&answer) {
            let quote = &self.quote_texts.texts[number];
            if quote.count >= FEWEST_WORDS && answer.holds(quote) {
                found(self.quotes[number].0, Why::Answer);
            }
        }
        Ok(first.map(|(judged, why)| {
            let why = match why {
                Why::Question => "the question of",
                Why::Quote => "a quote of",
                Why::Answer => "its answer has a quote of",
            };
            (why, self.ids[judged].as_str())
        }))
    }
}

impl Index {
    fn of(texts: Vec<Plain>) -> Self {
        let mut index = Self { texts, ..Self::default() };
        for (number, text) in index.texts.iter().enumerate() {
            for term in &text.terms {
                index.by_term.entry(*term).or_default().push(number);
            }
        }
        for (number, text) in index.texts.iter().enumerate() {
            match text.terms.iter().min_by_key(|t| index.by_term.get(t).map_or(0, Vec::len)) {
                Some(rarest) => index.by_rarest.entry(*rarest).or_default().push(number),
                None => index.bare.push(number),
            }
        }
        index
    }

    /// Every text that may share `part` of all terms with this one: who does has one of the few rarest of its terms, and
    /// about as many.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Counts of terms.
    fn alike(&self, text: &Plain, part: f64) -> BTreeSet<usize> {
        let mut rare: Vec<_> = text.terms.iter().map(|t| self.by_term.get(t)).collect();
        rare.sort_by_key(|found| found.map_or(0, Vec::len));
        let needed = (part * rare.len() as f64).floor() as usize;
        let few = rare.len() - needed.min(rare.len()) + 1;
        let long = |n: &usize| {
            let (a, b) = (self.texts[*n].terms.len() as f64, text.terms.len() as f64);
            a.min(b) >= part * a.max(b)
        };
        rare.into_iter().take(few).flatten().flatten().copied().filter(long).collect()
    }

    /// Every text that this one may stand within: all, where it has no terms.
    fn around(&self, text: &Plain) -> Vec<usize> {
        let long = |n: &usize| self.texts[*n].words.len() >= text.words.len();
        match text.terms.iter().map(|t| self.by_term.get(t)).min_by_key(|found| found.map_or(0, Vec::len)) {
            Some(found) => found.into_iter().flatten().copied().filter(long).collect(),
            None => (0..self.texts.len()).filter(long).collect(),
        }
    }

    /// Every text that may stand within this one.
    fn within(&self, text: &Plain) -> BTreeSet<usize> {
        let by_term = text.terms.iter().filter_map(|t| self.by_rarest.get(t)).flatten();
        let short = |n: &usize| self.texts[*n].words.len() <= text.words.len();
        by_term.chain(&self.bare).copied().filter(short).collect()
    }
}

impl Seen {
    fn plain(&mut self, text: &str) -> Plain {
        let found = words(text);
        let mut plain = String::from(" ");
        for word in &found {
            plain.push_str(&word.folded);
            plain.push(' ');
        }
        let mut terms: Vec<u32> = Vec::new();
        for term in self.terms.content(text) {
            // Far fewer different terms than 2^32.
            let next = self.numbers.len() as u32;
            terms.push(*self.numbers.entry(term).or_insert(next));
        }
        terms.sort_unstable();
        terms.dedup();
        Plain { words: plain, count: found.len(), terms }
    }
}

impl Plain {
    fn holds(&self, inner: &Self) -> bool {
        inner.count > 0 && self.words.contains(&inner.words)
    }

    /// The part of all content terms that both have (Jaccard's index); 0 where there are none.
    #[allow(clippy::cast_precision_loss)] // Counts of terms.
    fn shared(&self, other: &Self) -> f64 {
        let both = self.terms.iter().filter(|t| other.terms.binary_search(t).is_ok()).count();
        let all = self.terms.len() + other.terms.len() - both;
        if all == 0 { 0.0 } else { both as f64 / all as f64 }
    }
}
