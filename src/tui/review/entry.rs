//! What a reviewer enters for an item, and the cells it is entered into, one after the other.

use crate::compare::Side;
use crate::study::{Evidence, Marks, Review, ReviewDraft, Rubric, Verdict};

/// What the next digit or verdict goes into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// A criterion, by its place in the rubric, of an answer.
    Score(Side, usize),
    /// Which answer is better.
    Verdict,
}

/// The cells in the order they are asked for: every criterion of A, then of B, then the verdict.
pub fn cells(rubric: &Rubric) -> Vec<Cell> {
    let scores = Side::BOTH
        .into_iter()
        .flat_map(|side| (0..rubric.criteria.len()).map(move |criterion| Cell::Score(side, criterion)));
    scores.chain([Cell::Verdict]).collect()
}

/// What was entered for an item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// Of A, then of B, as on the screen.
    pub ratings: [Marks; 2],
    /// Which answer is better.
    pub verdict: Option<Verdict>,
    /// Sentences with what is wrong with them.
    pub evidence: Vec<Evidence>,
    /// A note.
    pub note: String,
    /// To be talked over.
    pub flagged: bool,
}

impl Entry {
    /// What a draft holds.
    pub fn drafted(draft: &ReviewDraft) -> Self {
        Self {
            ratings: draft.ratings.clone(),
            verdict: draft.verdict,
            evidence: draft.evidence.clone(),
            note: draft.note.clone(),
            flagged: draft.flagged,
        }
    }

    /// What a record holds.
    pub fn of(review: &Review) -> Self {
        Self {
            ratings: review.ratings.clone(),
            verdict: review.verdict,
            evidence: review.evidence.clone(),
            note: review.note.clone(),
            flagged: review.flagged,
        }
    }

    /// The first cell that nothing was entered into.
    pub fn missing(&self, rubric: &Rubric) -> Option<Cell> {
        cells(rubric).into_iter().find(|cell| match cell {
            Cell::Score(side, criterion) => self.score(rubric, *side, *criterion).is_none(),
            Cell::Verdict => self.verdict.is_none(),
        })
    }

    /// The degree of a criterion.
    pub fn score(&self, rubric: &Rubric, side: Side, criterion: usize) -> Option<u8> {
        let id = &rubric.criteria.get(criterion)?.id;
        self.ratings[side.index()].scores.get(id).copied()
    }

    /// Sets the degree of a criterion; false if the criterion has no such degree.
    pub fn rate(&mut self, rubric: &Rubric, side: Side, criterion: usize, degree: u8) -> bool {
        let Some(criterion) = rubric.criteria.get(criterion) else { return false };
        if degree == 0 || degree > criterion.highest() {
            return false;
        }
        self.ratings[side.index()].scores.insert(criterion.id.clone(), degree);
        true
    }

    /// Erases a cell; false if nothing was in it.
    pub fn erase(&mut self, rubric: &Rubric, cell: Cell) -> bool {
        match cell {
            Cell::Verdict => self.verdict.take().is_some(),
            Cell::Score(side, criterion) => rubric
                .criteria
                .get(criterion)
                .is_some_and(|c| self.ratings[side.index()].scores.remove(&c.id).is_some()),
        }
    }

    /// The verdict that follows from the scores: one answer is at least as good in every criterion and better in
    /// one, or both are rated alike. It is only proposed. Absent where the scores pull both ways or some are missing.
    pub fn proposal(&self, rubric: &Rubric) -> Option<Verdict> {
        let (mut better, mut worse, mut above_lowest) = (false, false, false);
        for criterion in 0..rubric.criteria.len() {
            let a = self.score(rubric, Side::A, criterion)?;
            let b = self.score(rubric, Side::B, criterion)?;
            better |= a > b;
            worse |= a < b;
            above_lowest |= a > 1 || b > 1;
        }
        match (better, worse) {
            (true, true) => None,
            (true, false) => Some(Verdict::A),
            (false, true) => Some(Verdict::B),
            (false, false) if above_lowest => Some(Verdict::Tie),
            (false, false) => Some(Verdict::BothBad),
        }
    }

    /// Sets a tag of an answer, or removes it.
    pub fn toggle(&mut self, side: Side, tag: &str) {
        let tags = &mut self.ratings[side.index()].tags;
        match tags.iter().position(|t| t == tag) {
            Some(at) => drop(tags.remove(at)),
            None => tags.push(tag.to_owned()),
        }
    }

    /// Adds evidence; the same sentence with the same tag is tied anew. What is wrong with a sentence is wrong with
    /// its answer, so the answer gets the tag too.
    pub fn mark(&mut self, evidence: Evidence) {
        let same =
            |e: &&mut Evidence| (e.side, e.range, &e.tag) == (evidence.side, evidence.range, &evidence.tag);
        let tags = &mut self.ratings[evidence.side.index()].tags;
        if !tags.contains(&evidence.tag) {
            tags.push(evidence.tag.clone());
        }
        match self.evidence.iter_mut().find(same) {
            Some(there) => there.support = evidence.support,
            None => self.evidence.push(evidence),
        }
    }

    /// Removes what was last marked of a sentence; false if nothing was.
    pub fn unmark(&mut self, side: Side, range: (usize, usize)) -> bool {
        let last = self.evidence.iter().rposition(|e| e.side == side && e.range == range);
        last.map(|at| self.evidence.remove(at)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Criterion;

    fn rubric() -> Rubric {
        let criterion = |id: &str| Criterion {
            id: id.into(),
            name: id.into(),
            anchors: (1..=5).map(|n| format!("{n}")).collect(),
        };
        Rubric {
            criteria: vec![criterion("accuracy"), criterion("completeness")],
            tags: vec!["wrong".into()],
        }
    }

    fn rated(scores: [u8; 4]) -> Entry {
        let mut entry = Entry::default();
        for (n, degree) in scores.into_iter().enumerate() {
            assert!(entry.rate(&rubric(), Side::BOTH[n / 2], n % 2, degree));
        }
        entry
    }

    #[test]
    fn cells_are_asked_for_answer_by_answer_and_the_verdict_last() {
        let (a, b) = (Side::A, Side::B);
        let order =
            [Cell::Score(a, 0), Cell::Score(a, 1), Cell::Score(b, 0), Cell::Score(b, 1), Cell::Verdict];
        assert_eq!(cells(&rubric()), order);
    }

    #[test]
    fn a_verdict_is_proposed_only_where_the_scores_agree() {
        assert_eq!(rated([4, 3, 4, 2]).proposal(&rubric()), Some(Verdict::A));
        assert_eq!(rated([1, 3, 4, 3]).proposal(&rubric()), Some(Verdict::B));
        assert_eq!(rated([4, 3, 4, 3]).proposal(&rubric()), Some(Verdict::Tie));
        assert_eq!(rated([1, 1, 1, 1]).proposal(&rubric()), Some(Verdict::BothBad));
        assert_eq!(rated([5, 1, 1, 5]).proposal(&rubric()), None);
        assert_eq!(Entry::default().proposal(&rubric()), None);
    }

    #[test]
    fn a_degree_the_criterion_does_not_have_is_refused() {
        let mut entry = Entry::default();
        assert!(!entry.rate(&rubric(), Side::A, 0, 6) && !entry.rate(&rubric(), Side::A, 0, 0));
        assert!(!entry.rate(&rubric(), Side::A, 2, 1));
        assert_eq!(entry, Entry::default());
    }

    #[test]
    fn a_sentence_marked_twice_with_one_tag_is_one_mark() {
        let mark = |support| Evidence { side: Side::B, range: (0, 4), tag: "wrong".into(), support };
        let mut entry = Entry::default();
        entry.mark(mark(None));
        entry.mark(mark(Some(crate::study::PassageSpan { passage: 1, range: (2, 3) })));
        assert_eq!(entry.evidence.len(), 1);
        assert_eq!(entry.ratings[1].tags, ["wrong"], "the answer has the tag too");
        assert!(entry.unmark(Side::B, (0, 4)) && !entry.unmark(Side::B, (0, 4)));
    }
}
