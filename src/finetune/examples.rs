//! Pairs from a corpus's questions: what the model will meet in the lab, the passages that retrieval finds, with the
//! answer that it should have given.
//!
//! With [`super::apart`] the one file of this room that knows corpora, and the only one that knows retrieval and prompts;
//! the trainer gets its pairs ready.

use super::Pair;
use super::apart::apart;
use crate::corpus::{Corpus, PassageLength, Question, Split, passages};
use crate::fault::{Fault, Result};
use crate::job::{Cancel, Progress, Report};
use crate::prompt::{ABSTENTION, Message, messages};
use crate::retrieve::{Hit, Index, Shown};

/// What pairs are made from.
pub struct Source<'a> {
    /// The corpus.
    pub corpus: &'a Corpus,
    /// Its index.
    pub index: &'a Index,
    /// How its passages were cut for the index.
    pub length: PassageLength,
    /// How many passages a prompt holds, as far as they fit.
    pub k: usize,
    /// Renders a prompt by the model's chat template.
    pub render: &'a dyn Fn(&[Message]) -> Result<String>,
    /// Whether a pair fits the longest sequence to train on.
    pub fits: &'a dyn Fn(&Pair) -> Result<bool>,
}

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("corpus", &self.corpus.manifest.id)
            .field("k", &self.k)
            .finish_non_exhaustive()
    }
}

/// The first `most` questions of `split` as pairs, in the order of their file, so that a smaller set is a subset of
/// a larger one.
///
/// The prompt has the `k` best hits in the retriever's order; gold passages that are not among them take the places of
/// the last others. The answer is the reference, followed by the numbers of the gold passages, or
/// [`ABSTENTION`]. Where a prompt does not fit, its last passages that are not gold are left out.
///
/// # Errors
/// A [`Fault`] if there are fewer questions than `most`, if a training pair is also among those to judge by, or a
/// quote is in no passage; as [`Index::search`] and `render`; [`crate::fault::Error::Cancelled`].
pub fn examples(
    source: &Source<'_>,
    split: Split,
    most: Option<usize>,
    report: Report<'_>,
    cancel: &Cancel,
) -> Result<Vec<Pair>> {
    let chosen = chosen(source.corpus, split, most)?;
    let wanted = chosen.len();
    let mut pairs = Vec::with_capacity(wanted);
    for (n, question) in chosen.iter().enumerate() {
        cancel.check()?;
        report(Progress { doing: "making pairs".into(), done: n as u64, total: wanted as u64 });
        pairs.push(example(source, question)?);
    }
    Ok(pairs)
}

/// Whether a corpus has so many training questions, apart from those to judge by: what [`examples`] will ask, before
/// anything that takes time.
///
/// # Errors
/// As [`examples`].
pub fn check(corpus: &Corpus, most: usize) -> Result<()> {
    chosen(corpus, Split::Train, Some(most)).map(|_| ())
}

fn chosen(corpus: &Corpus, split: Split, most: Option<usize>) -> Result<Vec<&Question>> {
    let mut all: Vec<&Question> = corpus.split(split).collect();
    let wanted = most.unwrap_or(all.len());
    if wanted == 0 && most.is_some() {
        return Err(Fault::new("--examples", 0)
            .expected("1 or more")
            .next("Ask for as many as the corpus has, or fewer.")
            .into());
    }
    if wanted > all.len() {
        return Err(Fault::new(
            format!("corpus {}, --examples", corpus.manifest.id),
            format!("{} questions of the split {}", all.len(), name(split)),
        )
        .expected(format!("{wanted} or more"))
        .next(match all.len() {
            0 => "Choose a corpus with such questions, or write some.".to_owned(),
            n => format!("Ask for {n} or fewer."),
        })
        .into());
    }
    all.truncate(wanted);
    if split == Split::Train {
        apart(corpus, &all)?;
    }
    Ok(all)
}

fn example(source: &Source<'_>, question: &Question) -> Result<Pair> {
    let mut hits = source.index.search(&question.question, source.k)?;
    let gold = gold_passages(source, question, &hits)?;
    let is_gold = |hit: &Hit| gold.iter().any(|g| same(g, hit));
    for passage in &gold {
        if hits.iter().any(|h| same(h, passage)) {
            continue;
        }
        if hits.len() >= source.k.max(gold.len()) {
            // There is one that is not gold: all gold ones together are no more than there is room for.
            if let Some(last) = hits.iter().rposition(|h| !is_gold(h)) {
                hits.remove(last);
            }
        }
        hits.push(passage.clone());
    }
    loop {
        let pair = pair(source, question, &hits, &is_gold)?;
        match hits.iter().rposition(|h| !is_gold(h)) {
            Some(last) if !(source.fits)(&pair)? => {
                hits.remove(last);
            }
            // What does not fit even so is left to the trainer, which names it.
            _ => return Ok(pair),
        }
    }
}

fn pair(
    source: &Source<'_>,
    question: &Question,
    hits: &[Hit],
    is_gold: &dyn Fn(&Hit) -> bool,
) -> Result<Pair> {
    let answer = if question.is_answerable() {
        let cited = hits.iter().enumerate().filter(|(_, h)| is_gold(h)).map(|(n, _)| format!(" [{}]", n + 1));
        format!("{}{}", question.answer.trim(), cited.collect::<String>())
    } else {
        ABSTENTION.to_owned()
    };
    let prompt = (source.render)(&messages(&question.question, hits))?;
    Ok(Pair { id: question.id.clone(), prompt, answer })
}

/// The passages that hold the greater part of each gold quote, each once: those among the hits, where one of them shows
/// as much of it as any passage holds, else without what is shown already.
fn gold_passages(source: &Source<'_>, question: &Question, hits: &[Hit]) -> Result<Vec<Hit>> {
    let mut found: Vec<Hit> = Vec::new();
    let mut shown = Shown::default();
    hits.iter().for_each(|hit| shown.add(&hit.document, hit.range));
    for gold in &question.gold {
        let missing = || {
            Fault::new(
                format!("question {}", question.id),
                format!("a quote that no passage of {} holds", gold.document),
            )
            .expected("a quote that stands in the document, letter for letter")
            .next("`juxta corpus check` names such quotes.")
        };
        let document = source.corpus.document(&gold.document)?.ok_or_else(missing)?;
        let start = document.text.find(&gold.quote).ok_or_else(missing)?;
        let quote = start..start + gold.quote.len();
        let all = passages(&document, source.length);
        let shared = |range: (usize, usize)| range.1.min(quote.end).saturating_sub(range.0.max(quote.start));
        let best =
            all.into_iter().max_by_key(|p| shared((p.range.start, p.range.end))).ok_or_else(missing)?;
        let range = (best.range.start, best.range.end);
        let there = (hits.iter().chain(&found))
            .filter(|hit| hit.document == document.id)
            .find(|hit| shared(hit.range) >= shared(range));
        if let Some(hit) = there {
            if !found.iter().any(|h| same(h, hit)) {
                found.push(hit.clone());
            }
            continue;
        }
        let hit = Hit {
            rank: 0,
            score: 0.0,
            document: document.id.clone(),
            title: document.title.clone(),
            section: best.section,
            passage: best.number,
            range,
            text: document.text[best.range].to_owned(),
            matches: Vec::new(),
        };
        found.extend(shown.take(hit));
    }
    Ok(found)
}

fn same(a: &Hit, b: &Hit) -> bool {
    a.document == b.document && a.passage == b.passage
}

fn name(split: Split) -> &'static str {
    match split {
        Split::Train => "train",
        Split::Dev => "dev",
        Split::Test => "test",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Catalog;
    use crate::job::SILENT;
    use crate::retrieve;

    fn with<T>(k: usize, words: usize, test: impl FnOnce(&Source<'_>) -> T) -> T {
        with_cut(PassageLength::default(), k, words, test)
    }

    fn with_cut<T>(length: PassageLength, k: usize, words: usize, test: impl FnOnce(&Source<'_>) -> T) -> T {
        let entry = Catalog::discover(None).find("everyday").expect("bundled");
        let dir = tempfile::tempdir().expect("a folder");
        let settings = retrieve::Settings { length, ..retrieve::Settings::default() };
        let index =
            retrieve::open_or_build(&entry, dir.path(), settings, SILENT, &Cancel::new()).expect("an index");
        let corpus = entry.read().expect("a corpus");
        test(&Source {
            corpus: &corpus,
            index: &index,
            length: settings.length,
            k,
            render: &|m| Ok(m[1].content.clone()),
            fits: &|pair| Ok(pair.prompt.split_whitespace().count() <= words),
        })
    }

    fn made(source: &Source<'_>, split: Split, most: usize) -> Vec<Pair> {
        examples(source, split, Some(most), SILENT, &Cancel::new()).expect("pairs")
    }

    #[test]
    fn every_answer_cites_passages_that_hold_its_quotes() {
        let cites = |source: &Source<'_>| {
            for pair in made(source, Split::Train, 60) {
                let question =
                    source.corpus.questions.iter().find(|q| q.id == pair.id).expect("its question");
                let cited: Vec<&str> = (1..=3)
                    .filter(|n| pair.answer.contains(&format!(" [{n}]")))
                    .map(|n| pair.prompt.split("\n\n").nth(n - 1).expect("a passage"))
                    .collect();
                assert!(pair.answer.starts_with(question.answer.trim()) && !cited.is_empty());
                for gold in &question.gold {
                    let start: String = gold.quote.split_whitespace().take(4).collect::<Vec<_>>().join(" ");
                    assert!(cited.iter().any(|p| p.contains(&start)), "{}: {start}", pair.id);
                }
            }
        };
        with(3, 10_000, cites);
        with_cut(PassageLength { most_words: 60, overlap_words: 30 }, 3, 10_000, cites);
    }

    #[test]
    fn no_sentence_stands_twice_in_a_prompt_although_passages_overlap() {
        with_cut(PassageLength { most_words: 60, overlap_words: 30 }, 6, 10_000, |source| {
            for pair in made(source, Split::Train, 60) {
                let lines = pair.prompt.lines().filter(|l| !l.starts_with('[') && !l.starts_with("Question"));
                let text = lines.collect::<Vec<_>>().join(" ");
                let all: Vec<&str> =
                    crate::text::sentences(&text).into_iter().map(|s| text[s].trim()).collect();
                let once: std::collections::HashSet<&str> = all.iter().copied().collect();
                assert_eq!(all.len(), once.len(), "{}: {text}", pair.id);
            }
        });
    }

    #[test]
    fn gold_that_is_not_retrieved_takes_the_last_place_and_stays_when_space_is_short() {
        // One passage a prompt: gold is there even where another passage is found first.
        with(1, 10_000, |source| {
            assert!(made(source, Split::Train, 60).iter().all(|p| p.answer.contains(" [1]")));
        });
        with(3, 150, |source| {
            for pair in made(source, Split::Train, 30) {
                assert!(pair.answer.contains(" ["), "{}", pair.answer);
                assert!(!pair.prompt.contains("[3]"));
            }
        });
    }

    #[test]
    fn a_question_without_an_answer_is_answered_by_abstaining() {
        with(3, 10_000, |source| {
            let question = source.corpus.questions.iter().find(|q| !q.is_answerable()).expect("one");
            assert_eq!(example(source, question).expect("a pair").answer, ABSTENTION);
        });
    }

    #[test]
    fn a_smaller_set_is_a_subset_of_a_larger_and_too_many_are_refused() {
        with(3, 10_000, |source| {
            assert_eq!(made(source, Split::Train, 5), made(source, Split::Train, 9)[..5]);
            let said = examples(source, Split::Train, Some(1_000_000), SILENT, &Cancel::new()).unwrap_err();
            assert!(said.to_string().contains("--examples"), "{said}");
            assert!(check(source.corpus, 0).unwrap_err().to_string().contains("1 or more"));
        });
    }
}
