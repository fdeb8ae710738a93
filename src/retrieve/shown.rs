//! What overlapping passages share is shown once: by whichever of them is ranked higher. What a place among the `k` is
//! given for is then always something new to read, a citation names one place, and gold counts where it stands first.

use super::search::Hit;
use std::collections::HashMap;

type Bytes = (usize, usize);

/// What of which documents is shown already.
#[derive(Debug, Default)]
pub struct Shown(HashMap<String, Vec<Bytes>>);

impl Shown {
    /// What of a passage's bytes is not shown yet; nothing if all of it is. No passage lies within another.
    pub fn rest(&self, document: &str, passage: Bytes) -> Option<Bytes> {
        let (mut start, mut end) = passage;
        let shown = self.0.get(document).into_iter().flatten();
        for (from, to) in shown.filter(|(from, to)| *from < passage.1 && passage.0 < *to) {
            // Who shares the beginning is the passage before, who shares the end the one after.
            match *from <= passage.0 {
                true => start = start.max(*to),
                false => end = end.min(*from),
            }
        }
        (start < end).then_some((start, end))
    }

    /// These bytes of a document are shown from now on.
    pub fn add(&mut self, document: &str, bytes: Bytes) {
        self.0.entry(document.to_owned()).or_default().push(bytes);
    }

    /// Shows a hit, cut to what was not shown yet. Gives nothing if that is nothing, or if all that the hit has in
    /// common with the question is shown: it would take the place of one that says more.
    pub fn take(&mut self, hit: Hit) -> Option<Hit> {
        let rest = self.rest(&hit.document, hit.range)?;
        let hit = if rest == hit.range { hit } else { cut(hit, rest)? };
        self.add(&hit.document, hit.range);
        Some(hit)
    }
}

/// A hit's part; nothing if what matched is all in the rest.
fn cut(hit: Hit, to: Bytes) -> Option<Hit> {
    let from = to.0 - hit.range.0;
    let part = hit.text.get(from..to.1 - hit.range.0)?;
    let from = from + part.len() - part.trim_start().len();
    let text = part.trim().to_owned();
    let end = from + text.len();
    let within = |(s, e): &&Bytes| from <= *s && *e <= end;
    let matches: Vec<Bytes> = hit.matches.iter().filter(within).map(|(s, e)| (s - from, e - from)).collect();
    if text.is_empty() || (matches.is_empty() && !hit.matches.is_empty()) {
        return None;
    }
    Some(Hit { range: (hit.range.0 + from, hit.range.0 + end), text, matches, ..hit })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "One is here. Two is here. Three is here. Four is here.";

    fn hit(range: Bytes, matching: &str) -> Hit {
        let text = TEXT[range.0..range.1].to_owned();
        let matches = text.match_indices(matching).map(|(at, word)| (at, at + word.len())).collect();
        let (document, title) = ("d".to_owned(), "D".to_owned());
        Hit { rank: 1, score: 1.0, document, title, section: None, passage: 0, range, text, matches }
    }

    fn taken(shown: &mut Shown, range: Bytes, matching: &str) -> Option<(String, Vec<String>)> {
        let hit = shown.take(hit(range, matching))?;
        assert_eq!(hit.text, TEXT[hit.range.0..hit.range.1], "text and place are of each other");
        let words = hit.matches.iter().map(|(s, e)| hit.text[*s..*e].to_owned()).collect();
        Some((hit.text, words))
    }

    #[test]
    fn what_a_better_hit_has_shown_is_cut_from_either_side() {
        let mut shown = Shown::default();
        assert_eq!(
            taken(&mut shown, (13, 40), "here").map(|t| t.0),
            Some("Two is here. Three is here.".into())
        );
        let (text, words) = taken(&mut shown, (26, 54), "here").expect("something new");
        assert_eq!((text.as_str(), words), ("Four is here.", vec!["here".to_owned()]));
        assert_eq!(taken(&mut shown, (0, 25), "here").map(|t| t.0), Some("One is here.".into()));
        assert!(taken(&mut shown, (0, 54), "here").is_none(), "all of it is shown");
    }

    #[test]
    fn a_hit_whose_matches_are_shown_gives_way_but_one_without_any_does_not() {
        let mut shown = Shown::default();
        taken(&mut shown, (0, 25), "Two").expect("shown");
        assert!(taken(&mut shown, (13, 40), "Two").is_none());
        assert_eq!(taken(&mut shown, (13, 40), "no such word").map(|t| t.0), Some("Three is here.".into()));
    }

    #[test]
    fn documents_do_not_know_of_each_other() {
        let mut shown = Shown::default();
        taken(&mut shown, (0, 25), "is").expect("shown");
        let other = Hit { document: "e".into(), ..hit((0, 25), "is") };
        assert_eq!(shown.take(other.clone()), Some(other));
    }
}
