//! From the judgments of a study to what it found: every figure with its interval, its `n` and its method, or the
//! reason why it does not exist; and from there to text, Markdown and HTML.
//!
//! A [`Report`] is a value: [`Report::unblinded`] and [`Report::blind`] are pure functions of judgments and of what
//! was planned, the same whatever order the judgments come in and whichever side an answer stood on. Only
//! [`Report::of`] reads a study's folder, and only [`Report::elsewhere`] files of judgments. Before the blinding is taken off there is no figure by contender, and the
//! sealed key is not looked at.
//!
//! Items that came back with the sides swapped say how consistent an annotator is, and nothing else.
//!
//! Deliberately knows nothing of terminals, nor of how an interval is computed: that is `analysis`. A [`page::Page`]
//! has the report in words, tables and charts; the formats only set it.

mod about;
mod elsewhere;
pub mod html;
mod made;
pub mod markdown;
mod methods;
pub mod page;
mod read;
mod reviewing;
mod scope;
mod svg;
pub mod text;
mod votes;
pub mod words;

pub use about::{About, Contender, Criterion};
pub use elsewhere::Elsewhere;
pub use made::Made;
pub use methods::{METHODS, Method};
pub use reviewing::{Agreed, Agreement, Annotator, PairAgreed, PairOn};
pub use scope::{Change, Evidence, OfContender, OfCriterion, Scope, Tagged, Verdicts};

use crate::analysis::bootstrap::Plan as Bootstrap;
use crate::study::{Rated, Review};
use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;
use votes::Votes;

/// What a study found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What was planned.
    pub study: About,
    /// How intervals were made.
    pub intervals: Intervals,
    /// What there was to look at.
    pub seen: Seen,
    /// What must be known of where the judgments come from, a sentence each; none where they were made here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// How far everyone is.
    pub progress: Vec<Progress>,
    /// How far annotators agree.
    pub agreement: Agreement,
    /// What each annotator's judgments say of the annotator.
    pub annotators: Vec<Annotator>,
    /// All annotators together, where there are several.
    pub everyone: Option<Annotator>,
    /// For each corpus, then for all together where there are several; absent while the study is blind.
    pub results: Option<Vec<Scope>>,
}

/// How intervals were made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Intervals {
    /// Their nominal coverage.
    pub level: f64,
    /// Resamples of each bootstrap.
    pub resamples: usize,
    /// The seed of each bootstrap: the study's own.
    pub seed: u64,
}

/// What there was to look at.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Seen {
    /// Complete judgments of items shown for the first time: what all figures by contender rest on.
    pub judgments: usize,
    /// Complete judgments of items that came back with the sides swapped.
    pub repeats: usize,
    /// Items judged.
    pub items: usize,
    /// Questions judged.
    pub questions: usize,
    /// Marked to be talked over.
    pub flagged: usize,
    /// After a look at the reference answer.
    pub reference_shown: usize,
    /// The first judgment's time.
    pub from: Option<Timestamp>,
    /// The last one's.
    pub to: Option<Timestamp>,
}

/// How far a reviewer is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// Who, or the free place.
    pub annotator: String,
    /// Places in their list that are judged.
    pub done: usize,
    /// Places in their list.
    pub total: usize,
    /// Put off.
    pub skipped: usize,
    /// Marked to be talked over.
    pub flagged: usize,
}

impl Report {
    /// The whole report, from judgments with the blinding off.
    pub fn unblinded(about: &About, progress: Vec<Progress>, rated: &[Rated]) -> Self {
        let about = about.with(rated);
        let votes = Votes::rated(&about, rated);
        let scopes = about.scopes();
        let plan = Self::bootstrap(&about);
        let (mut report, results) = rayon::join(
            || Self::reviewing(&about, progress, &votes),
            || scopes.par_iter().map(|corpus| Scope::of(&about, &votes, *corpus, &plan)).collect::<Vec<_>>(),
        );
        report.results = Some(results);
        report
    }

    /// What may be known while the study is blind: progress, agreement, and how annotators judge. `place` gives the
    /// corpus and the question of an item; reviews of items that it does not know, and reviews that are not complete,
    /// are left out.
    pub fn blind(
        about: &About,
        progress: Vec<Progress>,
        reviews: &[Review],
        place: impl Fn(&str) -> Option<(String, String)>,
    ) -> Self {
        Self::reviewing(about, progress, &Votes::blind(about, reviews, place))
    }

    fn bootstrap(about: &About) -> Bootstrap {
        Bootstrap { seed: about.seed, ..Bootstrap::default() }
    }

    fn reviewing(about: &About, progress: Vec<Progress>, votes: &Votes) -> Self {
        let plan = Self::bootstrap(about);
        let (agreement, (annotators, everyone)) = rayon::join(
            || reviewing::agreement(about, votes, &plan),
            || reviewing::annotators(about, votes, &plan),
        );
        Self {
            study: about.clone(),
            intervals: Intervals { level: plan.level, resamples: plan.resamples, seed: plan.seed },
            seen: votes.seen(),
            remarks: Vec::new(),
            progress,
            agreement,
            annotators,
            everyone,
            results: None,
        }
    }
}
