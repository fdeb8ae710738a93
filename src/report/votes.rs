//! Judgments as figures need them: which of an item's two answers got what, whichever side it stood on.

use super::Seen;
use super::about::About;
use crate::study::{Evidence, Marks, Rated, Review, Showing, Verdict};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Which answer of an item is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Winner {
    Answer(usize),
    Tie,
    BothBad,
}

/// A judgment. Where there are two of something, it is of the item's first answer and its second.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vote {
    /// The index of the item.
    pub item: usize,
    /// The index of the question, which figures are clustered by.
    pub question: usize,
    /// The index of the annotator.
    pub annotator: usize,
    /// Whether the item came back to the annotator.
    pub repeat: bool,
    pub at: Option<Timestamp>,
    pub seconds: Option<f64>,
    /// Which answer stood on the left.
    pub left: usize,
    pub winner: Winner,
    /// By criterion.
    pub scores: Vec<[Option<f64>; 2]>,
    /// The indices of tags.
    pub tags: [BTreeSet<usize>; 2],
    /// Sentences marked, and how many of them were tied to a passage.
    pub marked: [usize; 2],
    pub supported: [usize; 2],
    pub flagged: bool,
    pub reference_shown: bool,
}

/// What the two answers of an item are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub corpus: usize,
    /// The contenders by index, the baseline first; absent while the study is blind.
    pub contenders: Option<[usize; 2]>,
}

/// All judgments, sorted by item, annotator and showing.
pub(super) struct Votes {
    pub items: Vec<Pair>,
    pub annotators: Vec<String>,
    pub list: Vec<Vote>,
    /// Whether the item's first answer stood now left, now right: else nothing tells a leaning to a side from a
    /// preference for whoever stood there.
    pub sides_vary: bool,
}

/// How many judgments with the same answer left are no accident: the chance is 1 in 512.
const SIDES_OF: usize = 10;

/// A judgment as it was recorded, with what is known of its item.
struct Source<'a> {
    corpus: &'a str,
    question: &'a str,
    item: &'a str,
    contenders: Option<[usize; 2]>,
    annotator: &'a str,
    repeat: bool,
    at: Option<Timestamp>,
    seconds: Option<f64>,
    left: usize,
    verdict: Verdict,
    ratings: &'a [Marks; 2],
    evidence: &'a [Evidence],
    flagged: bool,
    reference_shown: bool,
}

impl Votes {
    pub fn rated(about: &About, rated: &[Rated]) -> Self {
        let contender = |name: &str| about.contenders.iter().position(|c| c.name == name);
        let sources = rated.iter().filter_map(|r| {
            let (left, right) = (contender(&r.contenders[0])?, contender(&r.contenders[1])?);
            // The baseline is the first of all contenders, so it is the first of every pair that it is in.
            let turned = right < left;
            Some(Source {
                corpus: &r.corpus,
                question: &r.question_id,
                item: &r.item,
                contenders: Some(if turned { [right, left] } else { [left, right] }),
                annotator: &r.annotator,
                repeat: r.showing == Showing::Swapped,
                at: r.at,
                seconds: r.seconds,
                left: usize::from(turned),
                verdict: r.verdict,
                ratings: &r.ratings,
                evidence: &r.evidence,
                flagged: r.flagged,
                reference_shown: r.reference_shown,
            })
        });
        let mut votes = Self::from(about, &sources.collect::<Vec<_>>());
        let left = votes.first().filter(|v| v.left == 0).count();
        let all = votes.first().count();
        votes.sides_vary = all < SIDES_OF || (left > 0 && left < all);
        votes
    }

    /// The sides of a study are drawn, and sealed as yet.
    pub fn blind(
        about: &About,
        reviews: &[Review],
        place: impl Fn(&str) -> Option<(String, String)>,
    ) -> Self {
        let mut places: HashMap<&str, Option<(String, String)>> = HashMap::new();
        for review in reviews {
            places.entry(&review.item).or_insert_with(|| place(&review.item));
        }
        let sources = reviews.iter().filter_map(|r| {
            let (corpus, question) = places.get(r.item.as_str())?.as_ref()?;
            let complete = r.is_complete(about.criteria.iter().map(|c| c.id.as_str()));
            let repeat = r.showing == Showing::Swapped;
            Some(Source {
                corpus,
                question,
                item: &r.item,
                contenders: None,
                annotator: &r.annotator,
                repeat,
                at: Some(r.at),
                seconds: Some(r.seconds),
                left: usize::from(repeat),
                verdict: r.verdict.filter(|_| complete)?,
                ratings: &r.ratings,
                evidence: &r.evidence,
                flagged: r.flagged,
                reference_shown: r.reference_shown,
            })
        });
        Self::from(about, &sources.collect::<Vec<_>>())
    }

    fn from(about: &About, sources: &[Source]) -> Self {
        // Indices by the order of names, so that they do not hang on the order of judgments.
        let questions: BTreeSet<(&str, &str)> = sources.iter().map(|s| (s.corpus, s.question)).collect();
        let questions: HashMap<_, usize> = questions.into_iter().enumerate().map(|(n, q)| (q, n)).collect();
        let key = |s: &Source| (questions[&(s.corpus, s.question)], s.contenders, s.item.to_owned());
        let items: BTreeSet<_> = sources.iter().map(key).collect();
        let items: BTreeMap<_, usize> = items.into_iter().enumerate().map(|(n, i)| (i, n)).collect();
        let index = |list: &[String], name: &str| list.iter().position(|l| l == name).unwrap_or(list.len());
        let annotators = annotators(about, sources);
        let mut pairs = vec![Pair { corpus: 0, contenders: None }; items.len()];
        let mut votes: BTreeMap<(usize, usize, bool), Vote> = BTreeMap::new();
        for source in sources {
            let item = items[&key(source)];
            pairs[item] =
                Pair { corpus: index(&about.corpora, source.corpus), contenders: source.contenders };
            let vote = vote(
                about,
                source,
                (item, questions[&(source.corpus, source.question)], index(&annotators, source.annotator)),
            );
            // Of two records of the same showing the later one stands; at one instant, either of them always.
            let weight = |v: &Vote| (v.at, format!("{v:?}"));
            match votes.entry((item, vote.annotator, vote.repeat)) {
                std::collections::btree_map::Entry::Vacant(free) => {
                    free.insert(vote);
                }
                std::collections::btree_map::Entry::Occupied(mut held) => {
                    if weight(&vote) > weight(held.get()) {
                        held.insert(vote);
                    }
                }
            }
        }
        Self { items: pairs, annotators, list: votes.into_values().collect(), sides_vary: true }
    }

    /// The judgments of items shown for the first time.
    pub fn first(&self) -> impl Iterator<Item = &Vote> {
        self.list.iter().filter(|v| !v.repeat)
    }

    pub fn seen(&self) -> Seen {
        let distinct = |of: fn(&Vote) -> usize| self.first().map(of).collect::<BTreeSet<_>>().len();
        Seen {
            judgments: self.first().count(),
            repeats: self.list.iter().filter(|v| v.repeat).count(),
            items: distinct(|v| v.item),
            questions: distinct(|v| v.question),
            flagged: self.first().filter(|v| v.flagged).count(),
            reference_shown: self.first().filter(|v| v.reference_shown).count(),
            from: self.first().filter_map(|v| v.at).min(),
            to: self.first().filter_map(|v| v.at).max(),
        }
    }
}

/// The plan's annotators, then others who judged, sorted.
fn annotators(about: &About, sources: &[Source]) -> Vec<String> {
    let mut names = about.annotators.clone();
    let others: BTreeSet<&str> = sources.iter().map(|s| s.annotator).collect();
    names.extend(others.into_iter().filter(|o| !about.annotators.iter().any(|a| a == o)).map(str::to_owned));
    names
}

fn vote(about: &About, s: &Source, (item, question, annotator): (usize, usize, usize)) -> Vote {
    // The side that an answer stood on.
    let side = |answer: usize| answer ^ s.left;
    let both = |of: &dyn Fn(usize) -> usize| [of(side(0)), of(side(1))];
    let tag = |name: &str| about.tags.iter().position(|t| t == name);
    let tags = |side: usize| {
        let whole = s.ratings[side].tags.iter();
        let sentences = s.evidence.iter().filter(move |e| e.side.index() == side).map(|e| &e.tag);
        whole.chain(sentences).filter_map(|t| tag(t)).collect()
    };
    let marked = |side: usize| s.evidence.iter().filter(|e| e.side.index() == side).count();
    let supported =
        |side: usize| s.evidence.iter().filter(|e| e.side.index() == side && e.support.is_some()).count();
    let score = |criterion: &str, side: usize| s.ratings[side].scores.get(criterion).map(|d| f64::from(*d));
    Vote {
        item,
        question,
        annotator,
        repeat: s.repeat,
        at: s.at,
        seconds: s.seconds,
        left: s.left,
        winner: match s.verdict {
            Verdict::A => Winner::Answer(s.left),
            Verdict::B => Winner::Answer(1 - s.left),
            Verdict::Tie => Winner::Tie,
            Verdict::BothBad => Winner::BothBad,
        },
        scores: about.criteria.iter().map(|c| [score(&c.id, side(0)), score(&c.id, side(1))]).collect(),
        tags: [tags(side(0)), tags(side(1))],
        marked: both(&marked),
        supported: both(&supported),
        flagged: s.flagged,
        reference_shown: s.reference_shown,
    }
}
