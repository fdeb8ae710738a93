//! The figures of one corpus, or of all together: means, changes against the baseline, wins, scores, tags.

use super::about::About;
use super::made::Made;
use super::votes::{Vote, Votes, Winner};
use super::words::counted;
use crate::analysis::bootstrap::{Ends, Plan, Sums, cluster, cluster_pairs, difference, mean};
use crate::analysis::bradley_terry::{Comparison, Spread, scores};
use crate::analysis::preference::{Record, Shares, shares_clustered, sign_test};
use crate::analysis::proportion::wilson_clustered;
use crate::analysis::wilcoxon::{SignedRank, Zeros, signed_rank};
use crate::analysis::{Figure, anytime, multiple, needed};
use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The figures of one corpus, or of all together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scope {
    /// The corpus; absent for all together.
    pub corpus: Option<String>,
    /// Judgments they rest on.
    pub judgments: usize,
    /// Questions they rest on.
    pub questions: usize,
    /// The family that the signed-rank tests of ratings are adjusted within, and the sign tests among themselves.
    pub family_of_ratings: String,
    /// The family that the sign tests of verdicts are adjusted within.
    pub family_of_verdicts: String,
    /// The baseline, then the others.
    pub contenders: Vec<OfContender>,
}

/// The figures of one contender.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfContender {
    /// Its name.
    pub name: String,
    /// How tables call it.
    pub label: String,
    /// On how many examples it was fine-tuned, where its name says so.
    pub examples: Option<usize>,
    /// How often an answer of it was judged.
    pub judged: usize,
    /// By criterion.
    pub ratings: Vec<OfCriterion>,
    /// Against the baseline; absent for the baseline itself.
    pub verdicts: Option<Verdicts>,
    /// Its Bradley-Terry score among all contenders.
    pub strength: Figure,
    /// What was found wrong with its answers, by tag.
    pub tags: Vec<Tagged>,
    /// Sentences of its answers that were marked.
    pub evidence: Evidence,
    /// How its answers were made; absent where judgments were made elsewhere, which do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
}

/// The figures of one contender on one criterion.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfCriterion {
    /// The criterion's id.
    pub criterion: String,
    /// The mean rating.
    pub mean: Figure,
    /// Against the baseline; absent for the baseline itself.
    pub change: Option<Change>,
}

/// A contender's ratings against the baseline's, in the same judgments.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The mean rating less the baseline's.
    pub difference: Figure,
    /// Questions on which it is rated higher, the same and lower than the baseline, by the mean over annotators.
    pub by_question: Record,
    /// The p-value of the signed-rank test of the questions' differences.
    pub signed_rank: Figure,
    /// The same, adjusted within the family.
    pub signed_rank_adjusted: Figure,
    /// The rank-biserial correlation of the same.
    pub effect: Figure,
    /// The p-value of the sign test of the questions' differences.
    pub sign: Figure,
    /// The same, adjusted within the family.
    pub sign_adjusted: Figure,
    /// The mean of the questions' differences with an interval that holds at any stopping time.
    pub any_time: Figure,
    /// How many more questions until the interval of the difference excludes zero.
    pub more_questions: Figure,
}

/// A contender's verdicts against the baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdicts {
    /// Wins, ties and losses; both bad is a tie.
    pub shares: Shares,
    /// How many of the ties are both bad.
    pub both_bad: usize,
    /// The share of them in all.
    pub both_bad_share: Figure,
    /// The p-value of the sign test, adjusted within the family.
    pub sign_adjusted: Figure,
}

/// How often a tag was given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tagged {
    /// The tag.
    pub tag: String,
    /// Answers with it, or with a sentence that has it, counted once a judgment.
    pub count: usize,
    /// Of all answers judged.
    pub share: Figure,
}

/// Sentences that annotators marked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// Tied to a passage.
    pub supported: usize,
    /// Marked as without support.
    pub unsupported: usize,
    /// The share without support among those marked.
    pub unsupported_share: Figure,
}

impl Scope {
    pub(super) fn of(about: &About, votes: &Votes, corpus: Option<usize>, plan: &Plan) -> Self {
        let within = |v: &&Vote| corpus.is_none_or(|c| votes.items[v.item].corpus == c);
        let list: Vec<Judged> = votes
            .first()
            .filter(within)
            .filter_map(|vote| Some(Judged { vote, contenders: votes.items[vote.item].contenders? }))
            .collect();
        let strengths = strengths(about.contenders.len(), &list, plan.level);
        let mut contenders: Vec<OfContender> = about
            .contenders
            .par_iter()
            .zip(strengths)
            .enumerate()
            .map(|(which, (contender, strength))| {
                let own = Own::of(&list, which);
                OfContender {
                    name: contender.name.clone(),
                    label: contender.label.clone(),
                    examples: contender.examples,
                    judged: own.answers.len(),
                    ratings: (0..about.criteria.len())
                        .into_par_iter()
                        .map(|criterion| own.criterion(about, criterion, plan))
                        .collect(),
                    verdicts: (which > 0).then(|| own.verdicts(plan.level)),
                    strength,
                    tags: own.tags(about, plan.level),
                    evidence: own.evidence(plan.level),
                    made: None,
                }
            })
            .collect();
        let (ratings, verdicts) = adjust(&mut contenders);
        let place = match corpus {
            Some(c) => format!("corpus {}", about.corpora[c]),
            None if about.corpora.is_empty() => "all judgments".to_owned(),
            None => "all corpora together".to_owned(),
        };
        Self {
            corpus: corpus.map(|c| about.corpora[c].clone()),
            judgments: list.len(),
            questions: list.iter().map(|j| j.vote.question).collect::<BTreeSet<_>>().len(),
            family_of_ratings: format!(
                "the {} of contenders and criteria on {place}",
                counted(ratings, "test")
            ),
            family_of_verdicts: format!("the {} of contenders on {place}", counted(verdicts, "test")),
            contenders,
        }
    }
}

/// A judgment of two contenders.
#[derive(Clone, Copy)]
struct Judged<'a> {
    vote: &'a Vote,
    contenders: [usize; 2],
}

/// All judgments of one contender.
struct Own<'a> {
    /// Whether it is another one than the baseline.
    is_other: bool,
    /// Every judgment with an answer of it, and which of the two that is.
    answers: Vec<(&'a Vote, usize)>,
    /// Those against the baseline, whose answer is then the first.
    against: Vec<&'a Vote>,
}

impl<'a> Own<'a> {
    fn of(list: &[Judged<'a>], which: usize) -> Self {
        let answer = |j: &Judged<'a>| Some((j.vote, j.contenders.iter().position(|c| *c == which)?));
        let meets = |j: &&Judged| j.contenders == [0, which] && which > 0;
        Self {
            is_other: which > 0,
            answers: list.iter().filter_map(answer).collect(),
            against: list.iter().filter(meets).map(|j| j.vote).collect(),
        }
    }

    fn criterion(&self, about: &About, criterion: usize, plan: &Plan) -> OfCriterion {
        let rated =
            self.answers.iter().filter_map(|(v, answer)| Some((v.question, v.scores[criterion][*answer]?)));
        let highest = f64::from(about.criteria[criterion].highest);
        let pairs: Vec<(&Vote, f64, f64)> = self
            .against
            .iter()
            .filter_map(|v| Some((*v, v.scores[criterion][0]?, v.scores[criterion][1]?)))
            .collect();
        OfCriterion {
            criterion: about.criteria[criterion].id.clone(),
            mean: mean(&cluster(rated), plan, Ends::default()),
            change: self.is_other.then(|| change(&pairs, highest, plan)),
        }
    }

    fn verdicts(&self, level: f64) -> Verdicts {
        let mut records: BTreeMap<usize, (Record, usize)> = BTreeMap::new();
        for vote in &self.against {
            let (record, bad) = records.entry(vote.question).or_default();
            match vote.winner {
                Winner::Answer(0) => record.losses += 1,
                Winner::Answer(_) => record.wins += 1,
                Winner::Tie => record.ties += 1,
                Winner::BothBad => {
                    record.ties += 1;
                    *bad += 1;
                }
            }
        }
        let bad: Vec<Sums> =
            records.values().map(|(r, bad)| Sums { total: *bad as f64, count: r.n() }).collect();
        let records: Vec<Record> = records.values().map(|(record, _)| *record).collect();
        let shares = shares_clustered(&records, level);
        Verdicts {
            both_bad: bad.iter().map(|s| s.total as usize).sum(),
            both_bad_share: wilson_clustered(&bad, level),
            sign_adjusted: shares.sign.clone(),
            shares,
        }
    }

    fn tags(&self, about: &About, level: f64) -> Vec<Tagged> {
        let tagged = |(at, tag): (usize, &String)| {
            let has = |(v, answer): &(&Vote, usize)| {
                (v.question, f64::from(u8::from(v.tags[*answer].contains(&at))))
            };
            let counts = cluster(self.answers.iter().map(has));
            Tagged {
                tag: tag.clone(),
                count: counts.iter().map(|s| s.total as usize).sum(),
                share: wilson_clustered(&counts, level),
            }
        };
        about.tags.iter().enumerate().map(tagged).collect()
    }

    fn evidence(&self, level: f64) -> Evidence {
        let mut counts: BTreeMap<usize, Sums> = BTreeMap::new();
        let (mut marked, mut supported) = (0, 0);
        for (vote, answer) in &self.answers {
            let (all, tied) = (vote.marked[*answer], vote.supported[*answer]);
            marked += all;
            supported += tied;
            if all > 0 {
                let sums = counts.entry(vote.question).or_default();
                sums.count += all;
                sums.total += (all - tied) as f64;
            }
        }
        let counts: Vec<Sums> = counts.into_values().collect();
        let share = if marked == 0 {
            Figure::absent("no sentence was marked")
        } else {
            wilson_clustered(&counts, level)
        };
        Evidence { supported, unsupported: marked - supported, unsupported_share: share }
    }
}

/// A contender's ratings against the baseline's, from `(judgment, baseline, other)`.
fn change(pairs: &[(&Vote, f64, f64)], highest: f64, plan: &Plan) -> Change {
    if pairs.is_empty() {
        let none = || Figure::absent("it was not judged against the baseline");
        return Change {
            difference: none(),
            by_question: Record::default(),
            signed_rank: none(),
            signed_rank_adjusted: none(),
            effect: none(),
            sign: none(),
            sign_adjusted: none(),
            any_time: none(),
            more_questions: none(),
        };
    }
    let clusters = cluster_pairs(pairs.iter().map(|(v, baseline, other)| (v.question, *baseline, *other)));
    let differences = by_question(pairs);
    let record = Record::of(&differences);
    let (signed_rank, effect) = match signed_rank(&differences, Zeros::Pratt) {
        Ok(SignedRank { p, effect, .. }) => (p.with_clusters(differences.len()), effect),
        Err(why) => (Figure::absent(why), Figure::absent(why)),
    };
    let sign = sign_test(record.wins, record.losses);
    let in_order = pairs.iter().all(|(v, ..)| v.at.is_some());
    let bounds = (1.0 - highest, highest - 1.0);
    Change {
        difference: difference(&clusters, plan, Ends::default()),
        by_question: record,
        signed_rank_adjusted: signed_rank.clone(),
        signed_rank,
        effect,
        sign_adjusted: sign.clone(),
        sign,
        any_time: if in_order {
            anytime::mean(&differences, bounds, plan.level)
        } else {
            Figure::absent("it is not known in which order questions were judged")
        },
        more_questions: needed::more(
            &clusters,
            &needed::Aim { level: plan.level, ..Default::default() },
            plan,
        ),
    }
}

/// The mean difference of each question over its judgments, in the order in which questions were first judged: so a
/// question that is judged later comes later, and no earlier step of a sequence changes by it.
fn by_question(pairs: &[(&Vote, f64, f64)]) -> Vec<f64> {
    let mut questions: BTreeMap<usize, (Option<Timestamp>, Sums)> = BTreeMap::new();
    for (vote, baseline, other) in pairs {
        let (first, sums) = questions.entry(vote.question).or_insert((vote.at, Sums::default()));
        *first = vote.at.min(*first);
        sums.add(other - baseline);
    }
    let mut found: Vec<(Option<Timestamp>, f64)> =
        questions.into_values().map(|(first, sums)| (first, sums.total / sums.count as f64)).collect();
    found.sort_by_key(|(first, _)| *first);
    found.into_iter().map(|(_, mean)| mean).collect()
}

/// Bradley-Terry scores from all verdicts, for three contenders or more.
fn strengths(contenders: usize, list: &[Judged], level: f64) -> Vec<Figure> {
    let met: BTreeSet<usize> = list.iter().flat_map(|j| j.contenders).collect();
    let absent = |why: &'static str| vec![Figure::absent(why); contenders];
    if list.is_empty() {
        return absent("nothing was compared");
    }
    if met.len() < 3 {
        return absent("with two contenders the shares of wins say it all");
    }
    // Those that were never judged have no score, and keep nobody else from one.
    let place: BTreeMap<usize, usize> = met.iter().enumerate().map(|(n, c)| (*c, n)).collect();
    let comparisons: Vec<Comparison> = list
        .iter()
        .filter(|j| j.contenders[0] != j.contenders[1])
        .map(|j| Comparison {
            cluster: j.vote.question,
            first: place[&j.contenders[0]],
            second: place[&j.contenders[1]],
            score: match j.vote.winner {
                Winner::Answer(0) => 1.0,
                Winner::Answer(_) => 0.0,
                Winner::Tie | Winner::BothBad => 0.5,
            },
        })
        .collect();
    let found = scores(met.len(), &comparisons, Spread::Robust { level });
    (0..contenders)
        .map(|c| match place.get(&c) {
            Some(at) => found[*at].clone(),
            None => Figure::absent("it was not judged"),
        })
        .collect()
}

/// Adjusts the tests of all contenders, and says how many there were: of ratings, of verdicts.
fn adjust(contenders: &mut [OfContender]) -> (usize, usize) {
    let changes = |contenders: &[OfContender], of: fn(&Change) -> &Figure| -> Vec<Option<f64>> {
        let all = contenders.iter().flat_map(|c| &c.ratings).filter_map(|r| r.change.as_ref());
        all.map(|c| of(c).value()).collect()
    };
    let signed_rank = changes(contenders, |c| &c.signed_rank);
    let sign = changes(contenders, |c| &c.sign);
    let verdicts: Vec<Option<f64>> =
        contenders.iter().filter_map(|c| c.verdicts.as_ref()).map(|v| v.shares.sign.value()).collect();
    let there = |p: &[Option<f64>]| p.iter().flatten().count();
    let count = (there(&signed_rank), there(&verdicts));
    let put = |figure: &mut Figure, adjusted: Option<f64>, tests: usize| {
        if let (Figure::Known(estimate), Some(p)) = (figure, adjusted) {
            estimate.value = p;
            estimate.method = format!("{}; Holm-adjusted over {tests} tests", estimate.method).into();
        }
    };
    let (in_ranks, in_signs) = (there(&signed_rank), there(&sign));
    let mut ranks = multiple::holm(&signed_rank).into_iter();
    let mut signs = multiple::holm(&sign).into_iter();
    for change in contenders.iter_mut().flat_map(|c| &mut c.ratings).filter_map(|r| r.change.as_mut()) {
        put(&mut change.signed_rank_adjusted, ranks.next().flatten(), in_ranks);
        put(&mut change.sign_adjusted, signs.next().flatten(), in_signs);
    }
    let mut verdict = multiple::holm(&verdicts).into_iter();
    for verdicts in contenders.iter_mut().filter_map(|c| c.verdicts.as_mut()) {
        put(&mut verdicts.sign_adjusted, verdict.next().flatten(), count.1);
    }
    count
}
