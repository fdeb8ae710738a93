//! Cuts documents into passages: runs of whole sentences of one section, what is indexed and retrieved.

use super::Document;
use crate::text::{sentences, word_count, words};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How long passages are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassageLength {
    /// Words a passage should not go beyond. A section is divided evenly, so that its passages have between half
    /// of this and all of it; a shorter section is one passage.
    pub most_words: usize,
}

impl Default for PassageLength {
    fn default() -> Self {
        Self { most_words: 120 }
    }
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

/// The passages of a document, in order. They never overlap, and hold every sentence.
pub fn passages(document: &Document, length: PassageLength) -> Vec<Passage> {
    let mut found: Vec<Passage> = Vec::new();
    for section in &document.sections {
        let text = &document.text[section.range.clone()];
        let pieces = pieces(text, length.most_words.max(1));
        let total: usize = pieces.iter().map(|p| p.words).sum();
        let parts = total.div_ceil(length.most_words.max(1)).max(1);
        let aim = total.div_ceil(parts);
        let mut run: Option<(Range<usize>, usize)> = None;
        let mut push = |range: Range<usize>| {
            let range = section.range.start + range.start..section.range.start + range.end;
            found.push(Passage { number: 0, section: section.heading.clone(), range });
        };
        for piece in pieces {
            run = Some(match run {
                None => (piece.range, piece.words),
                Some((range, words)) => {
                    let both = range.start..piece.range.end;
                    // The sentence goes where the run then ends nearer to its aim.
                    let over = words + piece.words;
                    let fits = over <= length.most_words && both.len() <= MOST_BYTES;
                    if fits && (over <= aim || over - aim < aim.saturating_sub(words)) {
                        (both, over)
                    } else {
                        push(range);
                        (piece.range, piece.words)
                    }
                }
            });
        }
        if let Some((range, _)) = run {
            push(range);
        }
    }
    for (number, passage) in found.iter_mut().enumerate() {
        passage.number = number;
    }
    found
}

struct Piece {
    range: Range<usize>,
    words: usize,
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
            let found = passages(&d, PassageLength { most_words: most });
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
    }
}
