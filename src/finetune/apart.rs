//! Keeps training apart from judging: a training question that asks what is judged by, or rests on text that a judged
//! question rests on, is refused. Also where the corpus was never checked, or one of the two was only slightly changed.
//!
//! Judged are the questions of the splits dev and test. Their documents are shared with training by design, and their
//! passages may stand in a training prompt, on which there is no loss; what is never trained on is their questions and
//! their quotes, be it as a training question's gold or within its answer.

use crate::corpus::{Corpus, Question, SAME_QUESTION, Split};
use crate::fault::{Fault, Result};
use crate::text::{Terms, words};
use std::collections::HashMap;
use std::ops::Range;

/// Two quotes of which this part of all content terms is shared are the same quote, slightly changed.
const SAME_QUOTE: f64 = 0.8;
/// With fewer content terms together, two quotes may share them by chance.
const FEWEST_TERMS: usize = 5;
/// A shorter judged quote may stand in an answer by chance: a name, a number.
const FEWEST_WORDS: usize = 4;

/// Refuses training questions that are, or rest on the same text as, questions of the splits to judge by.
///
/// # Errors
/// A [`Fault`] naming each of them, with the question that it gives away.
pub(super) fn apart(corpus: &Corpus, training: &[&Question]) -> Result<()> {
    let mut seen = Seen::new(corpus);
    let judged: Vec<Asked<'_>> =
        corpus.questions.iter().filter(|q| q.split != Split::Train).map(|q| seen.asked(q)).collect();
    let mut overlapping = Vec::new();
    for question in training {
        let question = seen.asked(question);
        if let Some((other, why)) = judged.iter().find_map(|j| Some((j, question.gives_away(j)?))) {
            overlapping.push(format!("{} ({why} {})", question.id, other.id));
        }
    }
    if overlapping.is_empty() {
        return Ok(());
    }
    Err(Fault::new(
        format!("corpus {}", corpus.manifest.id),
        format!("training questions that give away what is judged by: {}", overlapping.join(", ")),
    )
    .expected("training questions apart from those of dev and test")
    .next("Give these questions other quotes, or move them to another split.")
    .into())
}

/// Numbers for the content terms met so far.
struct Seen<'a> {
    corpus: &'a Corpus,
    terms: Terms,
    numbers: HashMap<String, u32>,
}

/// A question, taken apart for comparing.
struct Asked<'a> {
    id: &'a str,
    question: Plain,
    answer: Plain,
    quotes: Vec<Quote<'a>>,
}

struct Quote<'a> {
    document: &'a str,
    /// Its bytes in the document, where it stands there.
    place: Option<Range<usize>>,
    text: Plain,
}

struct Plain {
    /// The folded words, with a space before and after each, so that containment is one of whole words.
    words: String,
    count: usize,
    /// Numbers of the content terms, ascending, each once.
    terms: Vec<u32>,
}

impl<'a> Seen<'a> {
    fn new(corpus: &'a Corpus) -> Self {
        Self { corpus, terms: Terms::of_language(&corpus.manifest.language), numbers: HashMap::new() }
    }

    fn asked<'q>(&mut self, question: &'q Question) -> Asked<'q> {
        let quotes = question.gold.iter().map(|gold| {
            let document = self.corpus.document(&gold.document);
            let start = document.and_then(|d| d.text.find(&gold.quote));
            Quote {
                document: &gold.document,
                place: start.map(|start| start..start + gold.quote.len()),
                text: self.plain(&gold.quote),
            }
        });
        let quotes = quotes.collect();
        Asked {
            id: &question.id,
            question: self.plain(&question.question),
            answer: self.plain(&question.answer),
            quotes,
        }
    }

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

impl Asked<'_> {
    /// What of `judged` this training question gives away, in words that its id follows.
    fn gives_away(&self, judged: &Asked<'_>) -> Option<&'static str> {
        if self.question.words == judged.question.words
            || self.question.shared(&judged.question) >= SAME_QUESTION
        {
            return Some("the question of");
        }
        for quote in &judged.quotes {
            if self.quotes.iter().any(|own| own.is_of(quote)) {
                return Some("a quote of");
            }
            if quote.text.count >= FEWEST_WORDS && self.answer.holds(&quote.text) {
                return Some("its answer has a quote of");
            }
        }
        None
    }
}

impl Quote<'_> {
    fn is_of(&self, other: &Quote<'_>) -> bool {
        let meet = match (&self.place, &other.place) {
            (Some(a), Some(b)) if self.document == other.document => a.start < b.end && b.start < a.end,
            _ => false,
        };
        let many = self.text.terms.len().min(other.text.terms.len()) >= FEWEST_TERMS;
        meet || self.text.holds(&other.text)
            || other.text.holds(&self.text)
            || many && self.text.shared(&other.text) >= SAME_QUOTE
    }
}

impl Plain {
    fn holds(&self, inner: &Self) -> bool {
        inner.count > 0 && self.words.contains(&inner.words)
    }

    /// The part of all content terms that both have (Jaccard's index); 0 where there are none.
    fn shared(&self, other: &Self) -> f64 {
        let both = self.terms.iter().filter(|t| other.terms.binary_search(t).is_ok()).count();
        let all = self.terms.len() + other.terms.len() - both;
        if all == 0 { 0.0 } else { both as f64 / all as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{Catalog, Gold, Kind};

    fn leak(id: &str, question: &str, answer: &str, quotes: &[(&str, &str)]) -> Question {
        let gold =
            |(document, quote): &(&str, &str)| Gold { document: (*document).into(), quote: (*quote).into() };
        Question {
            id: id.into(),
            split: Split::Train,
            kind: Kind::Fact,
            question: question.into(),
            answer: answer.into(),
            key_points: vec![],
            gold: quotes.iter().map(gold).collect(),
        }
    }

    #[test]
    fn every_bundled_corpus_keeps_training_apart_from_judging() {
        for entry in Catalog::discover(None).entries {
            let corpus = entry.read().expect("bundled");
            let training: Vec<&Question> = corpus.split(Split::Train).collect();
            assert!(!training.is_empty());
            apart(&corpus, &training).unwrap_or_else(|e| panic!("{e}"));
        }
    }

    #[test]
    fn what_gives_away_a_judged_question_is_refused_by_both_ids() {
        let corpus = Catalog::discover(None).find("everyday").expect("bundled").read().expect("sound");
        let of = |split| {
            corpus
                .split(split)
                .find(|q| q.gold.first().is_some_and(|g| words(&g.quote).len() > 11))
                .expect("one")
        };
        for judged in [of(Split::Test), of(Split::Dev)] {
            let Gold { document, quote } = &judged.gold[0];
            let text = &corpus.document(document).expect("there").text;
            let start = text.find(quote).expect("there");
            let mut middle = start + quote.len() / 2;
            while !text.is_char_boundary(middle) {
                middle += 1;
            }
            let later: String = text[middle..].chars().take(quote.len()).collect();
            let changed =
                quote.replacen(words(quote)[0].folded.as_str(), "so", 1).to_uppercase().replace(' ', " — ");
            let inner: Vec<&str> = quote.split(' ').collect();
            let inner = inner[1..inner.len() - 1].join(" ");
            let outer = format!("As is known, {quote} And so on.");
            let leaks = [
                leak("shouted", &judged.question.to_uppercase(), "x", &[]),
                leak("polite", &format!("And so, {}", judged.question), "x", &[]),
                leak("same", "Another?", "x", &[(document, quote)]),
                leak("within", "Another?", "x", &[(document, &inner)]),
                leak("around", "Another?", "x", &[("elsewhere", &outer)]),
                leak("overlapping", "Another?", "x", &[(document, &later)]),
                leak("changed", "Another?", "x", &[("elsewhere", &changed)]),
                leak("answered", "Another?", &format!("Well: {quote}"), &[]),
            ];
            for leak in &leaks {
                let said = apart(&corpus, &[leak]).expect_err(&leak.id).to_string();
                assert!(said.contains(&leak.id) && said.contains(&judged.id), "{said}");
            }
            let harmless = leak("harmless", "Who sells stamps to a snail?", "Nobody.", &[]);
            apart(&corpus, &[&harmless]).expect("nothing is given away");
        }
    }
}
