//! How well an index finds what answers the questions: by the passages that hold the gold, and by what was judged of
//! whole documents.

use super::measures::{CUTS, Measures, measures};
use super::ranking::Ranking;
use super::search::{Hit, Index};
use super::shown::Shown;
use crate::corpus::{Corpus, Question, Split, passages, shares_few_words};
use crate::fault::Result;
use crate::job::{Cancel, Progress, Report};
use crate::text::Terms;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

/// The depth to which rankings are looked at, as is usual for MAP.
const DEPTH: usize = 1000;
/// Passages looked at for a document each: long documents have many of theirs among the first.
const PASSAGES: usize = 4;

/// Figures of retrieval on a corpus.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// The corpus's id.
    pub corpus: String,
    /// The digest of what was searched.
    pub corpus_digest: String,
    /// How it was ranked.
    pub ranking: Ranking,
    /// What is ranked.
    pub unit: Unit,
    /// Over every question that was measured; absent if there are none.
    pub all: Option<Figures>,
    /// Over those that share few words with their gold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub few_shared_words: Option<Figures>,
    /// Over the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_shared_words: Option<Figures>,
    /// What was ranked for each question, for others' tools.
    #[serde(skip)]
    pub runs: Vec<Run>,
}

/// What is ranked, and by what it counts as relevant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A passage that holds gold of a test question.
    Passages,
    /// A document that was judged; its score is that of its best passage.
    Documents,
}

/// One question's ranking and what is relevant to it.
#[derive(Debug, Clone)]
pub struct Run {
    /// The question's id.
    pub question: String,
    /// Names with scores, best first.
    pub ranking: Vec<(String, f32)>,
    /// Grades by name.
    pub grades: BTreeMap<String, i32>,
    /// What the ranking is worth.
    pub measures: Measures,
    /// The document of its first gold: questions about one document stand or fall together.
    pub about: Option<String>,
}

/// Means over questions; [`Measures`] says what of.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// How many questions.
    pub questions: usize,
    /// For each depth k, the share of questions with something relevant among the first k.
    pub hit_at: Vec<(usize, f64)>,
    /// For each depth k, the mean share of what is relevant among the first k.
    pub recall_at: Vec<(usize, f64)>,
    /// Mean reciprocal rank of the first relevant one.
    pub mrr: f64,
    /// Mean average precision.
    pub map: f64,
    /// Normalised discounted cumulative gain at 10.
    pub ndcg_at_10: f64,
}

/// Searches for every question whose answer's place is known: the judged ones of the split `test` (or all, where no
/// judged one is of that split) by document, or else the test questions with gold by passage.
///
/// # Errors
/// As [`Index::ranking`] and [`Corpus::document`], and [`crate::fault::Error::Cancelled`] between questions.
pub fn evaluate(corpus: &Corpus, index: &Index, report: Report<'_>, cancel: &Cancel) -> Result<Evaluation> {
    let unit = if corpus.judged.is_empty() { Unit::Passages } else { Unit::Documents };
    let terms = Terms::of_language(&corpus.manifest.language);
    let mut measured: Vec<(Measures, bool)> = Vec::new();
    let mut runs = Vec::new();
    let asked = asked(corpus, unit);
    for (n, (id, question, gold)) in asked.iter().enumerate() {
        cancel.check()?;
        report(Progress { doing: "searching".into(), done: n as u64, total: asked.len() as u64 });
        let (ranking, grades) = match (unit, gold) {
            (Unit::Passages, Some(gold)) => {
                let (ranking, cut) = by_passage(index, question)?;
                (ranking, relevant(corpus, index, gold, &cut)?)
            }
            _ => (by_document(index, question)?, corpus.judged.of(id).cloned().unwrap_or_default()),
        };
        if let Some(figures) = measures(&ranking, &grades) {
            measured.push((figures.clone(), gold.is_some_and(|q| shares_few_words(q, &terms))));
            let about = gold.and_then(|q| q.gold.first()).map(|g| g.document.clone());
            runs.push(Run { question: (*id).to_owned(), ranking, grades, measures: figures, about });
        }
    }
    let of = |keep: &dyn Fn(bool) -> bool| {
        means(&measured.iter().filter(|(_, few)| keep(*few)).map(|(m, _)| m).collect::<Vec<_>>())
    };
    let apart = unit == Unit::Passages;
    Ok(Evaluation {
        corpus: corpus.manifest.id.clone(),
        corpus_digest: corpus.digest.clone(),
        ranking: index.settings().ranking,
        unit,
        all: of(&|_| true),
        few_shared_words: of(&|few| few && apart),
        more_shared_words: of(&|few| !few && apart),
        runs,
    })
}

/// Id and text of what is asked, and the question with its gold where it has any.
fn asked(corpus: &Corpus, unit: Unit) -> Vec<(&str, &str, Option<&Question>)> {
    if unit == Unit::Passages {
        let with_gold = corpus.split(Split::Test).filter(|q| !q.gold.is_empty());
        return with_gold.map(|q| (q.id.as_str(), q.question.as_str(), Some(q))).collect();
    }
    let all: HashMap<&str, (&str, Split)> =
        (corpus.queries.iter().map(|q| (q.id.as_str(), &q.question, q.split)))
            .chain(corpus.questions.iter().map(|q| (q.id.as_str(), &q.question, q.split)))
            .map(|(id, question, split)| (id, (question.as_str(), split)))
            .collect();
    let judged: Vec<_> = corpus.judged.iter().filter_map(|(id, _)| Some((id, *all.get(id)?))).collect();
    let tested = judged.iter().any(|(_, (_, split))| *split == Split::Test);
    judged
        .into_iter()
        .filter(|(_, (_, split))| !tested || *split == Split::Test)
        .map(|(id, (question, _))| (id, question, None))
        .collect()
}

/// A line of what other tools need to rank the same words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Analysed {
    /// A passage, as the index keeps it.
    Passage {
        /// Its document and number.
        passage: String,
        /// The terms of its text, in order.
        text: Vec<String>,
        /// Those of its document's title.
        title: Vec<String>,
        /// Those of its heading.
        heading: Vec<String>,
    },
    /// A question that is measured.
    Question {
        /// Its id.
        question: String,
        /// The terms that it is searched by.
        terms: Vec<String>,
    },
}

/// Every passage and every question that [`evaluate`] would ask, as terms.
///
/// # Errors
/// As reading documents, those of `see`, and [`crate::fault::Error::Cancelled`] between documents.
pub fn analysed(
    corpus: &Corpus,
    index: &Index,
    see: &mut dyn FnMut(Analysed) -> Result<()>,
    cancel: &Cancel,
) -> Result<()> {
    let terms = Terms::of_language(&corpus.manifest.language);
    let of = |text: &str| terms.of(text).into_iter().map(|t| t.term).collect::<Vec<_>>();
    corpus.documents.each(&mut |document| {
        cancel.check()?;
        for passage in passages(&document, index.settings().length) {
            see(Analysed::Passage {
                passage: name(&document.id, passage.number),
                text: of(&document.text[passage.range.clone()]),
                title: of(&document.title),
                heading: of(passage.section.as_deref().unwrap_or_default()),
            })?;
        }
        Ok(())
    })?;
    let unit = if corpus.judged.is_empty() { Unit::Passages } else { Unit::Documents };
    for (id, question, _) in asked(corpus, unit) {
        see(Analysed::Question { question: id.to_owned(), terms: index.terms_of(question) })?;
    }
    Ok(())
}

/// What is shown of each passage that is ranked, by its name, where passages overlap.
type Cut = HashMap<String, (usize, usize)>;

/// Passages as they are shown: where they overlap, what a better one has shown counts no second time.
fn by_passage(index: &Index, question: &str) -> Result<(Vec<(String, f32)>, Cut)> {
    if !index.settings().length.overlaps() {
        let ranking = index.ranking(question, DEPTH)?;
        let named = ranking.into_iter().map(|(document, number, score)| (name(&document, number), score));
        return Ok((named.collect(), Cut::new()));
    }
    let (mut ranking, mut cut) = (Vec::new(), Cut::new());
    for hit in index.search(question, DEPTH)? {
        let name = name(&hit.document, hit.passage);
        cut.insert(name.clone(), hit.range);
        ranking.push((name, hit.score));
    }
    Ok((ranking, cut))
}

fn by_document(index: &Index, question: &str) -> Result<Vec<(String, f32)>> {
    let mut best: HashMap<String, f32> = HashMap::new();
    for (document, _, score) in index.ranking(question, DEPTH * PASSAGES)? {
        // They come best first.
        best.entry(document).or_insert(score);
    }
    let mut ranking: Vec<_> = best.into_iter().collect();
    ranking.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| b.0.cmp(&a.0)));
    ranking.truncate(DEPTH);
    Ok(ranking)
}

/// The name of a passage among those that are ranked.
fn name(document: &str, number: usize) -> String {
    format!("{document}#{number}")
}

/// The passages that are relevant to a question, as the index cut them; where they overlap, those that show gold before
/// any other does: the ranked ones first, as far as they are shown, then the others in their order.
fn relevant(corpus: &Corpus, index: &Index, question: &Question, cut: &Cut) -> Result<BTreeMap<String, i32>> {
    let mut found = BTreeMap::new();
    let golds = golds(corpus, question)?;
    let documents: BTreeSet<&str> = golds.iter().map(|(id, _)| *id).collect();
    for id in documents {
        let Some(document) = corpus.document(id)? else { continue };
        let (mut shown, mut parts) = (Shown::default(), Vec::new());
        let (ranked, others): (Vec<_>, Vec<_>) = passages(&document, index.settings().length)
            .into_iter()
            .map(|p| (name(id, p.number), (p.range.start, p.range.end)))
            .partition(|(name, _)| cut.contains_key(name));
        for (name, whole) in ranked {
            let range = cut.get(&name).copied().unwrap_or(whole);
            shown.add(id, range);
            parts.push((name, range));
        }
        for (name, whole) in others {
            if let Some(range) = shown.rest(id, whole) {
                shown.add(id, range);
                parts.push((name, range));
            }
        }
        let gold = |range| golds.iter().any(|(other, quote)| *other == id && holds(range, quote));
        found.extend(parts.into_iter().filter(|(_, range)| gold(*range)).map(|(name, _)| (name, 1)));
    }
    Ok(found)
}

/// Whether a passage is relevant to a question: it holds a gold quote, or the greater part of one, or lies by its
/// greater part within one.
///
/// # Errors
/// As [`Corpus::document`].
pub fn is_relevant(corpus: &Corpus, question: &Question, hit: &Hit) -> Result<bool> {
    if !question.gold.iter().any(|g| g.document == hit.document) {
        return Ok(false);
    }
    let golds = golds(corpus, question)?;
    Ok(golds.iter().any(|(document, range)| hit.document == *document && holds(hit.range, range)))
}

/// Where the gold quotes of a question stand: the document, and the bytes of its text.
fn golds<'a>(corpus: &Corpus, question: &'a Question) -> Result<Vec<(&'a str, Range<usize>)>> {
    let mut found = Vec::new();
    for gold in &question.gold {
        if let Some(start) = corpus.document(&gold.document)?.and_then(|d| d.text.find(&gold.quote)) {
            found.push((gold.document.as_str(), start..start + gold.quote.len()));
        }
    }
    Ok(found)
}

fn holds(passage: (usize, usize), quote: &Range<usize>) -> bool {
    let shared = passage.1.min(quote.end).saturating_sub(passage.0.max(quote.start));
    2 * shared > quote.len().min(passage.1.saturating_sub(passage.0))
}

#[allow(clippy::cast_precision_loss)] // Counts of questions.
fn means(measured: &[&Measures]) -> Option<Figures> {
    if measured.is_empty() {
        return None;
    }
    let mean =
        |f: &dyn Fn(&Measures) -> f64| measured.iter().map(|m| f(m)).sum::<f64>() / measured.len() as f64;
    let at = |f: &dyn Fn(&Measures, usize) -> f64| {
        CUTS.iter().enumerate().map(|(n, &k)| (k, mean(&|m| f(m, n)))).collect()
    };
    Some(Figures {
        questions: measured.len(),
        hit_at: at(&|m, n| m.hit_at[n].1),
        recall_at: at(&|m, n| m.recall_at[n].1),
        mrr: mean(&|m| m.reciprocal_rank),
        map: mean(&|m| m.average_precision),
        ndcg_at_10: mean(&|m| m.ndcg_at_10),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A corpus of one document and one question, whose quote two passages have where they overlap.
    fn overlapping(overlap_words: usize) -> Evaluation {
        use crate::corpus::{Catalog, PassageLength};
        use crate::job::SILENT;
        use crate::retrieve::{Settings, open_or_build};
        let dir = tempfile::tempdir().expect("a folder");
        let corpus = dir.path().join("corpora/c");
        std::fs::create_dir_all(corpus.join("documents")).expect("made");
        let manifest = "id = 'c'\ntitle = 'C'\ndomain = 'd'\ndescription = 'x'\nlanguage = 'en'\nlicence = 'l'\nsource = 's'\n";
        let text: Vec<String> = (0..9).map(|n| format!("Stone {n} is of number {n}.")).collect();
        let question = serde_json::json!({
            "id": "q", "split": "test", "kind": "fact", "question": "Which stone is 2?", "answer": "It.",
            "gold": [{ "document": "a", "quote": text[2] }],
        });
        for (file, text) in [
            ("corpus.toml", manifest),
            ("documents/a.txt", &text.join(" ")),
            ("questions.jsonl", &question.to_string()),
        ] {
            std::fs::write(corpus.join(file), text).expect("written");
        }
        let entry = Catalog::discover(Some(&dir.path().join("corpora"))).find("c").expect("there");
        let length = PassageLength { most_words: 24, overlap_words };
        let settings = Settings { length, ..Settings::default() };
        let index = open_or_build(&entry, &dir.path().join("indices"), settings, SILENT, &Cancel::new());
        evaluate(&entry.read().expect("sound"), &index.expect("built"), SILENT, &Cancel::new())
            .expect("measured")
    }

    #[test]
    fn gold_that_two_passages_have_counts_once_where_it_is_first_shown() {
        for overlap in [0, 6, 12] {
            let evaluation = overlapping(overlap);
            let run = &evaluation.runs[0];
            assert_eq!(run.grades.len(), 1, "overlap {overlap}: {:?}", run.grades);
            assert!((run.measures.ndcg_at_10 - 1.0).abs() < 1e-9, "overlap {overlap}: {:?}", run.ranking);
        }
    }

    #[test]
    fn no_questions_give_no_figures() {
        assert!(means(&[]).is_none());
    }

    #[test]
    fn a_passage_within_a_long_quote_holds_it_and_one_that_only_touches_it_does_not() {
        assert!(holds((10, 20), &(0..100)));
        assert!(holds((0, 100), &(90..100)));
        assert!(!holds((0, 100), &(95..200)));
    }
}
