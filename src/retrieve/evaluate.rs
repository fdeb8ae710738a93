//! How well the index finds what answers the test questions.

use super::search::{Hit, Index};
use crate::corpus::{Corpus, Question, Split, shares_few_words};
use crate::fault::Result;
use crate::job::{Cancel, Progress, Report};
use crate::text::Terms;
use serde::Serialize;
use std::ops::Range;

/// The depth to which rankings are looked at.
const DEPTH: usize = 10;
/// The depths recall is given for.
const CUTS: [usize; 4] = [1, 3, 5, 10];

/// Figures of retrieval on a corpus's test questions.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// The corpus's id.
    pub corpus: String,
    /// The digest of what was searched.
    pub corpus_digest: String,
    /// Over every answerable test question; absent if there are none.
    pub all: Option<Figures>,
    /// Over those that share few words with their gold.
    pub few_shared_words: Option<Figures>,
    /// Over the others.
    pub more_shared_words: Option<Figures>,
}

/// Means over questions. A passage is relevant if it holds a gold quote, or the greater part of one.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// How many questions.
    pub questions: usize,
    /// For each depth k, the share of questions with a relevant passage among the first k hits.
    pub hit_at: Vec<(usize, f64)>,
    /// For each depth k, the mean share of a question's relevant passages that are among the first k hits.
    pub recall_at: Vec<(usize, f64)>,
    /// Mean reciprocal rank of the first relevant passage, 0 where it is not among the first ten.
    pub mrr: f64,
    /// Normalised discounted cumulative gain at 10, binary gains, discount log2(rank + 1)
    /// (Järvelin and Kekäläinen, ACM TOIS 20(4), 2002).
    pub ndcg_at_10: f64,
}

struct Ranked {
    /// Ranks, from 1, at which relevant passages stand, each gold quote counted once.
    ranks: Vec<usize>,
    relevant: usize,
    few: bool,
}

/// Searches for every answerable test question.
///
/// # Errors
/// As [`Index::search`], and [`crate::fault::Error::Cancelled`] between questions.
pub fn evaluate(corpus: &Corpus, index: &Index, report: Report<'_>, cancel: &Cancel) -> Result<Evaluation> {
    let terms = Terms::of_language(&corpus.manifest.language);
    let questions: Vec<_> = corpus.split(Split::Test).filter(|q| q.is_answerable()).collect();
    let mut ranked = Vec::with_capacity(questions.len());
    for (n, question) in questions.iter().enumerate() {
        cancel.check()?;
        report(Progress { doing: "searching".into(), done: n as u64, total: questions.len() as u64 });
        let (ranks, relevant) = ranks(corpus, index, question)?;
        ranked.push(Ranked { ranks, relevant, few: shares_few_words(question, &terms) });
    }
    let of = |keep: &dyn Fn(&&Ranked) -> bool| figures(&ranked.iter().filter(keep).collect::<Vec<_>>());
    Ok(Evaluation {
        corpus: corpus.manifest.id.clone(),
        corpus_digest: corpus.digest.clone(),
        all: of(&|_| true),
        few_shared_words: of(&|r| r.few),
        more_shared_words: of(&|r| !r.few),
    })
}

fn ranks(corpus: &Corpus, index: &Index, question: &Question) -> Result<(Vec<usize>, usize)> {
    let hits = index.search(&question.question, DEPTH)?;
    let golds = golds(corpus, question);
    let mut ranks = Vec::new();
    let mut found = vec![false; golds.len()];
    for hit in &hits {
        let mut counts = false;
        for (n, (document, range)) in golds.iter().enumerate() {
            if !found[n] && hit.document == *document && holds(hit.range, range) {
                found[n] = true;
                counts = true;
            }
        }
        if counts {
            ranks.push(hit.rank);
        }
    }
    let missing = found.iter().filter(|f| !**f).count();
    Ok((ranks.clone(), ranks.len() + missing))
}

/// Whether a passage is relevant to a question: it holds a gold quote, or the greater part of one.
pub fn is_relevant(corpus: &Corpus, question: &Question, hit: &Hit) -> bool {
    let golds = golds(corpus, question);
    golds.iter().any(|(document, range)| hit.document == *document && holds(hit.range, range))
}

/// Where the gold quotes of a question stand: the document, and the bytes of its text.
fn golds<'a>(corpus: &Corpus, question: &'a Question) -> Vec<(&'a str, Range<usize>)> {
    let mut found = Vec::new();
    for gold in &question.gold {
        if let Some(start) = corpus.document(&gold.document).and_then(|d| d.text.find(&gold.quote)) {
            found.push((gold.document.as_str(), start..start + gold.quote.len()));
        }
    }
    found
}

fn holds(passage: (usize, usize), quote: &Range<usize>) -> bool {
    let shared = passage.1.min(quote.end).saturating_sub(passage.0.max(quote.start));
    2 * shared > quote.len()
}

#[allow(clippy::cast_precision_loss)] // Counts of questions and ranks up to ten.
fn figures(ranked: &[&Ranked]) -> Option<Figures> {
    if ranked.is_empty() {
        return None;
    }
    let n = ranked.len() as f64;
    let mean = |f: &dyn Fn(&Ranked) -> f64| ranked.iter().map(|r| f(r)).sum::<f64>() / n;
    let within = |r: &Ranked, k: usize| r.ranks.iter().filter(|rank| **rank <= k).count();
    let gain = |ranks: &mut dyn Iterator<Item = usize>| {
        ranks.map(|rank| 1.0 / (rank as f64 + 1.0).log2()).sum::<f64>()
    };
    Some(Figures {
        questions: ranked.len(),
        hit_at: CUTS.iter().map(|&k| (k, mean(&|r| f64::from(u8::from(within(r, k) > 0))))).collect(),
        recall_at: CUTS
            .iter()
            .map(|&k| (k, mean(&|r| within(r, k) as f64 / r.relevant.max(1) as f64)))
            .collect(),
        mrr: mean(&|r| r.ranks.first().map_or(0.0, |rank| 1.0 / *rank as f64)),
        ndcg_at_10: mean(&|r| {
            gain(&mut r.ranks.iter().copied()) / gain(&mut (1..=r.relevant.clamp(1, DEPTH)))
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }

    #[test]
    fn figures_follow_their_definitions() {
        let first = Ranked { ranks: vec![2, 4], relevant: 2, few: false };
        let second = Ranked { ranks: vec![], relevant: 1, few: false };
        let f = figures(&[&first, &second]).expect("two questions");
        close(f.mrr, 0.25);
        close(f.hit_at[0].1, 0.0);
        close(f.hit_at[1].1, 0.5);
        close(f.recall_at[1].1, 0.25);
        close(f.recall_at[2].1, 0.5);
        // DCG = 1/log2(3) + 1/log2(5); ideal = 1/log2(2) + 1/log2(3).
        let ndcg = (1.0 / 3f64.log2() + 1.0 / 5f64.log2()) / (1.0 + 1.0 / 3f64.log2());
        close(f.ndcg_at_10, ndcg / 2.0);
    }

    #[test]
    fn no_questions_give_no_figures() {
        assert!(figures(&[]).is_none());
    }
}
