//! Who judges which items in which order: worked out from the seed alone, before there is any answer.
//!
//! Knows items by their opaque ids and the questions they are about; nothing of who answered, so that no order can
//! give it away.

use super::draw::Draw;
use super::review::Showing;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One place in a reviewer's list: an item, and which showing of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// The item's id.
    pub item: String,
    /// Which showing.
    pub showing: Showing,
}

/// An item and the question it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The item's id.
    pub item: String,
    /// What tells its question from others: the corpus and the question's id.
    pub question: (String, String),
}

/// How items are divided.
#[derive(Debug, Clone, PartialEq)]
pub struct Division<'a> {
    /// Decides everything that is drawn.
    pub seed: u64,
    /// The places of annotators, one or more.
    pub annotators: &'a [String],
    /// The share of items, 0 to 1, that every annotator gets.
    pub overlap: f64,
    /// The share of an annotator's items, 0 to 1, that come back.
    pub repeat: f64,
}

/// Each annotator's list, in the order of [`Division::annotators`].
///
/// - The nearest whole number to `overlap` times the items goes to everyone; the rest is divided so that no two
///   shares differ by more than one.
/// - Items of one question are spread over a list as evenly as they can be: where each question has c of n items,
///   a round goes through all questions before one comes again; otherwise they stand about n / c apart.
/// - The nearest whole number to `repeat` times the share comes back with the sides swapped, at least a third of the
///   list later.
pub fn assign(items: &[Asked], division: &Division<'_>) -> Vec<Vec<Slot>> {
    let draw = Draw::public(division.seed, &["assign"]);
    let everyone = part(division.overlap, items.len());
    let mut shares: Vec<Vec<&Asked>> = vec![Vec::new(); division.annotators.len()];
    for (n, item) in dealt(items, &draw).into_iter().enumerate() {
        if n < everyone {
            shares.iter_mut().for_each(|share| share.push(item));
        } else if let Some(share) = (n - everyone).checked_rem(shares.len()) {
            shares[share].push(item);
        }
    }
    std::iter::zip(division.annotators, shares)
        .map(|(annotator, share)| {
            let draw = draw.about(&["order", annotator]);
            with_repeats(&spread(share, &draw), division.repeat, &draw)
        })
        .collect()
}

/// The nearest whole number to a share of `n`.
fn part(share: f64, n: usize) -> usize {
    ((share.clamp(0.0, 1.0) * n as f64).round() as usize).min(n)
}

/// All items in rounds, each round with one item of every question that has one left, in an order of its own: what
/// stands together in this list is about different questions.
fn dealt<'a>(items: &'a [Asked], draw: &Draw) -> Vec<&'a Asked> {
    let mut rounds: BTreeMap<usize, Vec<&Asked>> = BTreeMap::new();
    for mut group in by_question(items.iter().collect()) {
        draw.about(&["turn"]).shuffle(&mut group, |a| a.item.clone());
        for (round, item) in group.into_iter().enumerate() {
            rounds.entry(round).or_default().push(item);
        }
    }
    let deal = |(round, mut items): (usize, Vec<&'a Asked>)| {
        draw.about(&["round", &round.to_string()]).shuffle(&mut items, |a| a.item.clone());
        items
    };
    rounds.into_iter().flat_map(deal).collect()
}

fn by_question(items: Vec<&Asked>) -> impl Iterator<Item = Vec<&Asked>> {
    let mut groups: BTreeMap<&(String, String), Vec<&Asked>> = BTreeMap::new();
    for item in items {
        groups.entry(&item.question).or_default().push(item);
    }
    groups.into_values()
}

/// An annotator's items, those of one question far apart. Questions with equally many items, c of them, take turns:
/// the r-th of n such questions stands at (j + (r + ½) / n) / c of the whole list for its j-th item, so that the
/// items of all of them lie evenly over the list.
fn spread<'a>(share: Vec<&'a Asked>, draw: &Draw) -> Vec<&'a Asked> {
    let mut classes: BTreeMap<usize, Vec<Vec<&Asked>>> = BTreeMap::new();
    for mut group in by_question(share) {
        draw.about(&["item"]).shuffle(&mut group, |a| a.item.clone());
        classes.entry(group.len()).or_default().push(group);
    }
    let mut placed: Vec<(f64, usize, &Asked)> = Vec::new();
    for (count, mut groups) in classes {
        draw.about(&["question"])
            .shuffle(&mut groups, |g| g.first().map(|a| a.question.clone()).map_or_else(String::new, joined));
        let of = groups.len() as f64;
        for (rank, group) in groups.into_iter().enumerate() {
            let phase = (rank as f64 + 0.5) / of;
            placed.extend(
                group
                    .into_iter()
                    .enumerate()
                    .map(|(j, item)| ((j as f64 + phase) / count as f64, count, item)),
            );
        }
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then_with(|| a.2.item.cmp(&b.2.item)));
    placed.into_iter().map(|(_, _, item)| item).collect()
}

fn joined((corpus, question): (String, String)) -> String {
    format!("{}:{corpus}{question}", corpus.len())
}

/// The list with the showings that come back.
///
/// With m items and q that come back the list has L = m + q places. Those that come back are drawn from the first h
/// items. Mixed in anywhere from the first third on, the i-th of them stands at least m − h + 1 places after its
/// first showing: enough for h ≤ (2m − q) / 3 + 1. Where that leaves too few to draw from, they all stand at the
/// end, at least m − h + q places later: enough for h ≤ 2L / 3.
fn with_repeats(items: &[&Asked], repeat: f64, draw: &Draw) -> Vec<Slot> {
    let (m, q) = (items.len(), part(repeat, items.len()));
    let places = m + q;
    let apart = places.div_ceil(3);
    let early = (2 * m).saturating_sub(q) / 3;
    let mixed = early >= q;
    let from = if mixed { early } else { m.min(2 * places / 3) };
    let mut back: Vec<usize> = (0..from).collect();
    draw.about(&["back"]).shuffle(&mut back, |n| items[*n].item.clone());
    back.truncate(q);
    back.sort_unstable();

    let slot = |n: usize, showing| Slot { item: items[n].item.clone(), showing };
    let mut list: Vec<Slot> = Vec::with_capacity(places);
    let mut shown_at = vec![0; m];
    let (mut first, mut again) = (0, 0);
    while list.len() < places {
        let due = again < back.len() && first > back[again] && list.len() >= shown_at[back[again]] + apart;
        let left = places - list.len();
        let here =
            mixed && due && draw.about(&["here", &list.len().to_string()]).below(left) < back.len() - again;
        if first == m || here {
            list.push(slot(back[again], Showing::Swapped));
            again += 1;
        } else {
            shown_at[first] = list.len();
            list.push(slot(first, Showing::First));
            first += 1;
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeSet, HashMap};

    fn items(questions: usize, contenders: usize, drop: usize) -> Vec<Asked> {
        (0..questions * contenders)
            .map(|n| Asked {
                // Ids as they are: nothing of question or contender can be read from them.
                item: blake3::hash(&n.to_le_bytes()).to_hex()[..12].to_owned(),
                question: ("c".into(), format!("q{}", n / contenders)),
            })
            .skip(drop)
            .collect()
    }

    fn names(n: usize) -> Vec<String> {
        (1..=n).map(|n| format!("reviewer-{n}")).collect()
    }

    fn firsts(list: &[Slot]) -> Vec<&str> {
        list.iter().filter(|s| s.showing == Showing::First).map(|s| s.item.as_str()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn shares_are_even_the_overlap_exact_and_nothing_is_left_out(
            questions in 1usize..40, contenders in 1usize..5, people in 1usize..6,
            overlap in 0.0f64..=1.0, seed: u32,
        ) {
            let (items, names) = (items(questions, contenders, 0), names(people));
            let division = Division { seed: seed.into(), annotators: &names, overlap, repeat: 0.0 };
            let lists = assign(&items, &division);
            let lengths: Vec<usize> = lists.iter().map(Vec::len).collect();
            prop_assert!(lengths.iter().max().expect("one") - lengths.iter().min().expect("one") <= 1);
            let mut held: HashMap<&str, usize> = HashMap::new();
            for list in &lists {
                let own: BTreeSet<&str> = firsts(list).into_iter().collect();
                prop_assert_eq!(own.len(), list.len(), "nobody gets an item twice");
                own.into_iter().for_each(|item| *held.entry(item).or_default() += 1);
            }
            prop_assert_eq!(held.len(), items.len());
            if people > 1 {
                let shared = held.values().filter(|n| **n == people).count();
                prop_assert_eq!(shared, (overlap * items.len() as f64).round() as usize);
                prop_assert!(held.values().all(|n| *n == 1 || *n == people));
            }
        }

        #[test]
        fn items_of_a_question_stand_apart(
            questions in 1usize..40, contenders in 1usize..5, people in 1usize..5,
            overlap in 0.0f64..=1.0, drop in 0usize..4, seed: u32,
        ) {
            let (items, names) = (items(questions, contenders, drop.min(questions * contenders - 1)), names(people));
            let asked: HashMap<&str, &(String, String)> =
                items.iter().map(|a| (a.item.as_str(), &a.question)).collect();
            let division = Division { seed: seed.into(), annotators: &names, overlap, repeat: 0.0 };
            for list in assign(&items, &division) {
                let mut at: HashMap<_, Vec<usize>> = HashMap::new();
                for (n, item) in firsts(&list).into_iter().enumerate() {
                    at.entry(asked[item]).or_default().push(n);
                }
                let classes: BTreeSet<usize> = at.values().map(Vec::len).collect();
                for places in at.values() {
                    // See `spread`: an even spread is list / count, and each other class of questions can take two.
                    let even = list.len() as f64 / places.len() as f64;
                    let slack = 2.0 * (classes.len() as f64 - 1.0);
                    for pair in places.windows(2) {
                        prop_assert!((pair[1] - pair[0]) as f64 >= even - slack, "{places:?} of {}", list.len());
                    }
                }
            }
        }

        #[test]
        fn what_comes_back_is_swapped_once_and_a_third_of_the_list_later(
            questions in 1usize..40, contenders in 1usize..4, people in 1usize..4,
            repeat in 0.0f64..=1.0, seed: u32,
        ) {
            let (items, names) = (items(questions, contenders, 0), names(people));
            let division = Division { seed: seed.into(), annotators: &names, overlap: 0.3, repeat };
            for list in assign(&items, &division) {
                let share = firsts(&list).len();
                let mut back = BTreeSet::new();
                for (n, slot) in list.iter().enumerate().filter(|(_, s)| s.showing == Showing::Swapped) {
                    let first = list.iter().position(|s| s.item == slot.item && s.showing == Showing::First);
                    let first = first.expect("shown before");
                    prop_assert!(first < n && 3 * (n - first) >= list.len(), "{first} and {n} of {}", list.len());
                    prop_assert!(back.insert(&slot.item));
                }
                prop_assert_eq!(back.len(), (repeat * share as f64).round() as usize);
            }
        }

        #[test]
        fn the_same_seed_gives_the_same_order_however_items_are_listed(seed: u32, people in 1usize..4) {
            let names = names(people);
            let division = Division { seed: seed.into(), annotators: &names, overlap: 0.4, repeat: 0.2 };
            let mut items = items(20, 2, 0);
            let lists = assign(&items, &division);
            items.reverse();
            prop_assert_eq!(&assign(&items, &division), &lists);
            let other = Division { seed: u64::from(seed) + 1, ..division };
            prop_assert_ne!(&assign(&items, &other), &lists);
        }
    }

    #[test]
    fn a_round_goes_through_all_questions_before_one_comes_again() {
        let (items, names) = (items(10, 3, 0), names(1));
        let division = Division { seed: 7, annotators: &names, overlap: 0.0, repeat: 0.0 };
        let lists = assign(&items, &division);
        for round in firsts(&lists[0]).chunks(10) {
            let asked: BTreeSet<_> = round
                .iter()
                .map(|id| &items.iter().find(|a| a.item == **id).expect("there").question)
                .collect();
            assert_eq!(asked.len(), 10);
        }
    }
}
