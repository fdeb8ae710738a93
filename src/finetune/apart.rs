//! Refuses to train on what is judged by: [`crate::corpus::Apart`] says what that is.

use crate::corpus::{Apart, Corpus, Gold, Question, Split};
use crate::fault::{Fault, Result};
use std::ops::Range;

/// Refuses training questions that are, or rest on the same text as, questions of the splits to judge by.
///
/// # Errors
/// A [`Fault`] naming each of them, with the question that it gives away; as [`Corpus::document`].
pub(super) fn apart(corpus: &Corpus, training: &[&Question]) -> Result<()> {
    let locate = |gold: &Gold| -> Result<Option<Range<usize>>> {
        let start = corpus.document(&gold.document)?.and_then(|d| d.text.find(&gold.quote));
        Ok(start.map(|start| start..start + gold.quote.len()))
    };
    let judged = corpus.questions.iter().filter(|q| q.split != Split::Train);
    let mut judged = Apart::new(&corpus.manifest.language, judged, &locate)?;
    let mut overlapping = Vec::new();
    for question in training {
        if let Some((why, other)) = judged.gives_away(question, &locate)? {
            overlapping.push(format!("{} ({why} {other})", question.id));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{Catalog, Kind};
    use crate::text::words;

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
            open: false,
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
            let text = corpus.document(document).expect("read").expect("there").text;
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
