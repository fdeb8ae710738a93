//! What of an answer the passages support, computed from the text alone.
//!
//! Runs of words that an answer shares with a passage are aligned; a sentence counts as supported where such runs
//! cover enough of its content words. This finds copied and closely followed text. It does not find paraphrase,
//! and a supported sentence can still be wrong: it says where to look, not what to think.

use crate::prompt::ABSTENTION;
use crate::text::{Word, is_stop_word, sentences, words};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A run counts from this many words on that are no stop words …
const CONTENT_WORDS: usize = 2;
/// … and a sentence is supported where runs cover this part of its content words.
const COVERED: f64 = 0.6;

/// What of an answer the passages support.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Support {
    /// Its sentences, in order.
    pub sentences: Vec<Sentence>,
    /// The runs it shares with passages, in the order of the answer, not overlapping there.
    pub spans: Vec<Span>,
    /// The passages it names, in order.
    pub citations: Vec<Citation>,
}

/// A sentence of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sentence {
    /// Its bytes in the answer.
    pub range: (usize, usize),
    /// The part of its content words that lie in shared runs; absent where it has none.
    pub covered: Option<f64>,
    /// Whether that is enough. A sentence without content words needs no support.
    pub supported: bool,
}

/// A run of words that an answer shares with a passage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its bytes in the answer.
    pub answer: (usize, usize),
    /// The rank of the passage, from 1.
    pub passage: usize,
    /// Its bytes in the passage.
    pub range: (usize, usize),
}

/// A passage named in an answer, like `[2]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// Its bytes in the answer, brackets included.
    pub range: (usize, usize),
    /// The number named.
    pub names: usize,
    /// Whether there is such a passage.
    pub exists: bool,
}

/// Aligns an answer with the passages of its prompt, given in the order of their numbers.
pub fn support<'a>(answer: &str, passages: impl IntoIterator<Item = &'a str>) -> Support {
    let passages: Vec<Vec<Word>> = passages.into_iter().map(words).collect();
    let citations = citations(answer, passages.len());
    let said: Vec<Word> = words(answer)
        .into_iter()
        .filter(|w| !citations.iter().any(|c| c.range.0 <= w.range.start && w.range.end <= c.range.1))
        .collect();
    let cited = |n: usize| citations.iter().any(|c| c.names == n + 1);
    let mut spans = Vec::new();
    let mut covered = vec![false; said.len()];
    let mut at = 0;
    while at < said.len() {
        // The longest run from here; of equals, that of a cited passage, then the first.
        let mut best: Option<(usize, usize, usize)> = None;
        for (n, passage) in passages.iter().enumerate() {
            for start in 0..passage.len() {
                let length = shared(&said[at..], &passage[start..]);
                let better = match best {
                    None => length > 0,
                    Some((most, of, _)) => length > most || (length == most && cited(n) && !cited(of)),
                };
                if better {
                    best = Some((length, n, start));
                }
            }
        }
        match best {
            Some((length, n, start))
                if said[at..at + length].iter().filter(|w| is_content(w)).count() >= CONTENT_WORDS =>
            {
                let passage = &passages[n][start..start + length];
                spans.push(Span {
                    answer: (said[at].range.start, said[at + length - 1].range.end),
                    passage: n + 1,
                    range: (passage[0].range.start, passage[length - 1].range.end),
                });
                covered[at..at + length].fill(true);
                at += length;
            }
            _ => at += 1,
        }
    }
    let sentences = with_their_citations(sentences(answer), &citations, answer)
        .into_iter()
        .map(|range| {
            let within = |w: &Word| range.start <= w.range.start && w.range.end <= range.end;
            let content: Vec<bool> = said
                .iter()
                .zip(&covered)
                .filter(|(w, _)| within(w) && is_content(w))
                .map(|(_, c)| *c)
                .collect();
            let covered = share(&content);
            // That the passages do not say it is nothing a passage could say.
            let abstains = answer[range.clone()].trim() == ABSTENTION;
            let supported = abstains || covered.is_none_or(|c| c >= COVERED);
            Sentence { range: (range.start, range.end), covered, supported }
        })
        .collect();
    Support { sentences, spans, citations }
}

impl Support {
    /// The bytes of a passage, by its rank, that the answer shares: in order, not overlapping.
    pub fn of_passage(&self, rank: usize) -> Vec<(usize, usize)> {
        let mut ranges: Vec<_> = self.spans.iter().filter(|s| s.passage == rank).map(|s| s.range).collect();
        ranges.sort_unstable();
        let mut merged: Vec<(usize, usize)> = Vec::new();
        for (start, end) in ranges {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        merged
    }
}

/// A citation behind a full stop belongs to the sentence before it, not to the one that follows.
fn with_their_citations(
    mut sentences: Vec<Range<usize>>,
    citations: &[Citation],
    answer: &str,
) -> Vec<Range<usize>> {
    for n in 1..sentences.len() {
        for citation in citations {
            if citation.range.0 == sentences[n].start && citation.range.1 <= sentences[n].end {
                sentences[n - 1].end = citation.range.1;
                let rest = &answer[citation.range.1..sentences[n].end];
                sentences[n].start = sentences[n].end - rest.trim_start().len();
            }
        }
    }
    sentences.retain(|s| !s.is_empty());
    sentences
}

fn shared(a: &[Word], b: &[Word]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x.folded == y.folded).count()
}

fn is_content(word: &Word) -> bool {
    !is_stop_word(&word.folded)
}

#[allow(clippy::cast_precision_loss)] // Counts of words.
fn share(content: &[bool]) -> Option<f64> {
    (!content.is_empty()).then(|| content.iter().filter(|c| **c).count() as f64 / content.len() as f64)
}

/// The passages that an answer names, as `[1]`, `[1][2]` and `[1, 2]`, in order; `passages` is how many there were.
pub fn citations(answer: &str, passages: usize) -> Vec<Citation> {
    let mut found = Vec::new();
    for (open, _) in answer.match_indices('[') {
        let Some(close) = answer[open..].find(']') else { break };
        let inside = &answer[open + 1..open + close];
        if inside.is_empty() || inside.len() > 40 {
            continue;
        }
        let numbers: Option<Vec<usize>> =
            inside.split(',').map(|n| n.trim().parse().ok().filter(|n| *n > 0)).collect();
        for names in numbers.into_iter().flatten() {
            found.push(Citation { range: (open, open + close + 1), names, exists: names <= passages });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOUT: &str = "Gout is caused by crystals of urate in the joints. It is painful.";
    const TEA: &str = "Tea is made from the leaves of Camellia sinensis.";

    fn spans<'a>(answer: &'a str, found: &Support) -> Vec<(&'a str, usize)> {
        found.spans.iter().map(|s| (&answer[s.answer.0..s.answer.1], s.passage)).collect()
    }

    #[test]
    fn copied_runs_are_found_in_their_passage() {
        let answer = "It comes from crystals of urate in the joints [1]. Elephants dance badly.";
        let found = support(answer, [GOUT, TEA]);
        assert_eq!(spans(answer, &found), [("crystals of urate in the joints", 1)]);
        assert_eq!(&GOUT[found.spans[0].range.0..found.spans[0].range.1], "crystals of urate in the joints");
        assert_eq!(found.sentences.iter().map(|s| s.supported).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_citation_behind_a_full_stop_belongs_to_the_sentence_before() {
        let answer = "Urate in the joints. [1][2] Elephants dance badly. [2]";
        let found: Vec<_> =
            support(answer, [GOUT, TEA]).sentences.iter().map(|s| &answer[s.range.0..s.range.1]).collect();
        assert_eq!(found, ["Urate in the joints. [1][2]", "Elephants dance badly. [2]"]);
    }

    #[test]
    fn an_abstention_needs_no_support() {
        assert!(support(ABSTENTION, [GOUT]).sentences[0].supported);
    }

    #[test]
    fn a_run_of_stop_words_supports_nothing() {
        let found = support("It is in the of.", [GOUT, TEA]);
        assert!(found.spans.is_empty());
        assert!(found.sentences[0].supported, "there is nothing in it to support");
    }

    #[test]
    fn case_and_accents_do_not_matter() {
        let answer = "CAMELLIA SINÉNSIS";
        assert_eq!(spans(answer, &support(answer, [GOUT, TEA])), [("CAMELLIA SINÉNSIS", 2)]);
    }

    #[test]
    fn of_equal_runs_the_cited_passage_counts() {
        let answer = "made from the leaves [2]";
        assert_eq!(support(answer, [TEA, TEA]).spans[0].passage, 2);
    }

    #[test]
    fn citations_are_read_and_unknown_ones_told_apart() {
        let found = support("Yes [1][3], and [1, 2]. Not [x] nor [].", [GOUT, TEA]).citations;
        assert_eq!(
            found.iter().map(|c| (c.names, c.exists)).collect::<Vec<_>>(),
            [(1, true), (3, false), (1, true), (2, true)]
        );
    }

    proptest! {
        #[test]
        fn every_range_falls_on_characters(answer in "(\\p{Any}|[a-d] |\\[[0-9, ]{0,3}\\]){0,60}", passage in "(\\p{Any}|[a-d] ){0,60}") {
            let found = support(&answer, [passage.as_str(), "a b c d"]);
            let mut end = 0;
            for span in &found.spans {
                prop_assert!(span.answer.0 >= end);
                end = span.answer.1;
                prop_assert!(answer.get(span.answer.0..span.answer.1).is_some());
                let of = if span.passage == 1 { passage.as_str() } else { "a b c d" };
                prop_assert!(of.get(span.range.0..span.range.1).is_some());
            }
            for s in &found.sentences {
                prop_assert!(answer.get(s.range.0..s.range.1).is_some());
            }
            for c in &found.citations {
                prop_assert!(answer.get(c.range.0..c.range.1).is_some());
            }
        }

        #[test]
        fn a_copy_of_a_passage_is_wholly_supported(words in prop::collection::vec("[b-z]{4,9}", 3..30)) {
            let passage = words.join(" ");
            let found = support(&passage, [passage.as_str()]);
            prop_assert!(found.sentences.iter().all(|s| s.supported));
        }
    }
}
