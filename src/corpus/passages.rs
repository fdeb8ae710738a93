//! Cuts documents into passages: runs of whole sentences of one section, what is indexed and retrieved.

use super::Document;
use crate::text::{sentences, word_count, words};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How long passages are, and how much of it the one before has too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassageLength {
    /// Words a passage should not go beyond. A section is divided evenly, so that its passages have between half
    /// of this and all of it; a shorter section is one passage.
    pub most_words: usize,
    /// Words, at most, of the passage before that a passage begins with, in whole sentences. They count towards
    /// `most_words`; more than half of these would mostly say the same again, and is taken for half.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub overlap_words: usize,
}

impl Default for PassageLength {
    fn default() -> Self {
        Self { most_words: 120, overlap_words: 0 }
    }
}

impl PassageLength {
    /// Whether passages may share text.
    pub fn overlaps(self) -> bool {
        self.overlap() > 0
    }

    fn overlap(self) -> usize {
        self.overlap_words.min(self.most_words / 2)
    }
}

/// What a record leaves out.
#[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
pub(crate) fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// No passage is longer, whatever it holds: a line of 1 MB must not reach a prompt or a screen whole.
const MOST_BYTES: usize = 4_000;

/// A run of whole sentences of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Its number within the document, from 0.
    pub number: usize,
    /// The heading it stands under.
    pub section: Option<String>,
    /// Its bytes in the document's text.
    pub range: Range<usize>,
}

/// The passages of a document, in order. They hold every sentence, each of them one that no other holds, and only
/// neighbours of one section share any.
pub fn passages(document: &Document, length: PassageLength) -> Vec<Passage> {
    let mut found: Vec<Passage> = Vec::new();
    for section in &document.sections {
        let text = &document.text[section.range.clone()];
        let pieces = pieces(text, length.most_words.max(1));
        let runs = runs(&pieces, (length.most_words - length.overlap()).max(1));
        let mut before: Option<&Range<usize>> = None;
        for run in &runs {
            let end = pieces[run.end - 1].range.end;
            let start = match before {
                Some(before) => begin(&pieces, before, run.start, end, length.overlap()),
                None => run.start,
            };
            let range = section.range.start + pieces[start].range.start..section.range.start + end;
            found.push(Passage { number: found.len(), section: section.heading.clone(), range });
            before = Some(run);
        }
    }
    found
}

struct Piece {
    range: Range<usize>,
    words: usize,
}

/// Divides pieces evenly into runs of at most so many words, none of them empty.
fn runs(pieces: &[Piece], most_words: usize) -> Vec<Range<usize>> {
    let total: usize = pieces.iter().map(|p| p.words).sum();
    let parts = total.div_ceil(most_words).max(1);
    let aim = total.div_ceil(parts);
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut words = 0;
    for (n, piece) in pieces.iter().enumerate() {
        let over = words + piece.words;
        match runs.last_mut() {
            // The sentence goes where the run then ends nearer to its aim.
            Some(run)
                if over <= most_words
                    && piece.range.end - pieces[run.start].range.start <= MOST_BYTES
                    && (over <= aim || over - aim < aim.saturating_sub(words)) =>
            {
                run.end = n + 1;
                words = over;
            }
            _ => {
                runs.push(n..n + 1);
                words = piece.words;
            }
        }
    }
    runs
}

/// The piece that a passage begins with: of the run before as many of the last as have so many words together, but not
/// its first, so that every passage has something of its own.
fn begin(pieces: &[Piece], before: &Range<usize>, own: usize, end: usize, most_words: usize) -> usize {
    let (mut start, mut words) = (own, 0);
    for n in (before.start + 1..own).rev() {
        words += pieces[n].words;
        if words > most_words || end - pieces[n].range.start > MOST_BYTES {
            break;
        }
        start = n;
    }
    start
}

/// The sentences of a section; those too long to be a passage are cut between words, or within an endless word.
fn pieces(text: &str, most_words: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for sentence in sentences(text) {
        let count = word_count(&text[sentence.clone()]);
        if sentence.len() <= MOST_BYTES && count <= 2 * most_words {
            pieces.push(Piece { words: count.max(1), range: sentence });
            continue;
        }
        let found = words(&text[sentence.clone()]);
        let (mut start, mut count) = (sentence.start, 0);
        for word in found {
            let end = sentence.start + word.range.end;
            if count > 0 && (count == most_words || end - start > MOST_BYTES) {
                let cut = sentence.start + word.range.start;
                cut_hard(text, start..cut, count, &mut pieces);
                (start, count) = (cut, 0);
            }
            count += 1;
        }
        cut_hard(text, start..sentence.end, count, &mut pieces);
    }
    pieces
}

fn cut_hard(text: &str, range: Range<usize>, words: usize, pieces: &mut Vec<Piece>) {
    let mut start = range.start;
    while start < range.end {
        let mut end = (start + MOST_BYTES).min(range.end);
        // A character has four bytes at most, so that every piece holds one or more.
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        pieces.push(Piece { range: start..end, words: words.max(1) });
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn document(text: &str) -> Document {
        Document::markdown("d".into(), &format!("# T\n\n{text}"))
    }

    #[test]
    fn a_section_is_divided_evenly_at_sentence_ends() {
        let text = "Six words stand in this sentence. ".repeat(30);
        let d = document(&text);
        let lengths: Vec<_> = passages(&d, PassageLength::default())
            .iter()
            .map(|p| words(&d.text[p.range.clone()]).len())
            .collect();
        assert_eq!(lengths, [90, 90]);
    }

    #[test]
    fn a_passage_begins_with_the_last_sentences_of_the_one_before() {
        let numbered: Vec<String> = (1..=9).map(|n| format!("Five words are in {n}.")).collect();
        let d = document(&format!("{}\n\n## Next\n\nThe next section begins anew.", numbered.join(" ")));
        let cut = |overlap_words| -> Vec<String> {
            let found = passages(&d, PassageLength { most_words: 20, overlap_words });
            found.into_iter().map(|p| d.text[p.range].to_owned()).collect()
        };
        assert_eq!(cut(0)[..3], [0..3, 3..6, 6..9].map(|run| numbered[run].join(" ")));
        assert_eq!(cut(5)[..3], [0..3, 2..6, 5..9].map(|run| numbered[run].join(" ")));
        assert_eq!(cut(4), cut(5 - 1), "no sentence is taken apart");
        assert_eq!(cut(5).last().map(String::as_str), Some("The next section begins anew."));
        assert_eq!(cut(100), cut(10), "at most half");
    }

    #[test]
    fn passages_stay_within_their_section() {
        let d = document("One. Two.\n\n## Next\n\nThree.");
        let found: Vec<_> = passages(&d, PassageLength::default())
            .into_iter()
            .map(|p| (p.section, d.text[p.range].to_owned()))
            .collect();
        assert_eq!(found, [(None, "One. Two.".to_owned()), (Some("Next".to_owned()), "Three.".to_owned())]);
    }

    #[test]
    fn a_line_of_a_megabyte_is_cut() {
        for text in ["x".repeat(1 << 20), "é".repeat(1 << 19), "word ".repeat(200_000)] {
            let d = document(&text);
            let found = passages(&d, PassageLength::default());
            assert!(found.iter().all(|p| p.range.len() <= MOST_BYTES));
            assert!(found.last().is_some_and(|p| p.range.end >= d.text.trim_end().len()));
        }
    }

    proptest! {
        #[test]
        fn passages_are_in_order_on_character_boundaries_and_lose_no_word(
            text in "([a-zé東]{1,9}[ ,.]|[.?!] [A-Z]|\n\n|\n## [a-z]{1,6}\n){0,400}", most in 5usize..150,
        ) {
            let d = document(&text);
            let found = passages(&d, PassageLength { most_words: most, overlap_words: 0 });
            let mut end = 0;
            for (n, p) in found.iter().enumerate() {
                prop_assert_eq!(p.number, n);
                prop_assert!(p.range.start >= end && p.range.start < p.range.end);
                prop_assert!(d.text.get(p.range.clone()).is_some());
                end = p.range.end;
            }
            let kept: usize = found.iter().map(|p| words(&d.text[p.range.clone()]).len()).sum();
            let all: usize = d.sections.iter().map(|s| words(&d.text[s.range.clone()]).len()).sum();
            prop_assert_eq!(kept, all);
        }

        #[test]
        fn overlapping_passages_lose_no_word_and_share_only_what_is_allowed(
            text in "([a-zé東]{1,9}[ ,.]|[.?!] [A-Z]|\n\n|\n## [a-z]{1,6}\n){0,400}",
            most in 5usize..150, overlap in 1usize..200,
        ) {
            let d = document(&text);
            let found = passages(&d, PassageLength { most_words: most, overlap_words: overlap });
            let count = |range: Range<usize>| words(&d.text[range]).len();
            let mut kept = 0;
            for (n, p) in found.iter().enumerate() {
                prop_assert_eq!(p.number, n);
                prop_assert!(d.text.get(p.range.clone()).is_some() && p.range.len() <= MOST_BYTES);
                let end = n.checked_sub(1).map_or(0, |before| found[before].range.end);
                prop_assert!(n < 2 || found[n - 2].range.end <= p.range.start, "only neighbours");
                if p.range.start < end {
                    let before = &found[n - 1];
                    prop_assert_eq!(&before.section, &p.section);
                    prop_assert!(before.range.start < p.range.start && end < p.range.end, "something of its own");
                    prop_assert!(count(p.range.start..end) <= overlap.min(most / 2));
                }
                kept += count(p.range.start.max(end)..p.range.end);
            }
            let all: usize = d.sections.iter().map(|s| count(s.range.clone())).sum();
            prop_assert_eq!(kept, all);
        }
    }
}
