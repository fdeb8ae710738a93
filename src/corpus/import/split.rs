//! Which imported question is for training, which for choosing, which for judging: as its source says, or by a draw that
//! hangs on the documents it is about alone, so that no document is trained on and judged by, and the same source is
//! always divided the same way.

use super::found::{Found, Wrong};
use super::sink::Asked;
use super::text::kind_of;
use crate::corpus::{Apart, Question, Split};
use crate::fault::{Fault, Result};
use std::collections::HashMap;

/// The shares of training and of development questions; the rest is for judging.
const TRAIN: f64 = 0.7;
const DEV: f64 = 0.1;
/// Questions that hang together by their documents are drawn together, unless they are more than this share of all: then
/// each is drawn alone, and [`apart`] leaves out what gives others away. So many may always be together.
const TOGETHER: f64 = 0.2;
const FEW: usize = 20;

/// The split that a path names: "dev-v2.0.json", "qrels/test.tsv".
pub(super) fn named(name: &str) -> Option<Split> {
    let parts = name.rsplit('/').take(2).flat_map(|part| part.split(|c: char| !c.is_ascii_alphabetic()));
    parts.map(str::to_ascii_lowercase).find_map(|part| match part.as_str() {
        "train" | "training" => Some(Split::Train),
        "dev" | "valid" | "validation" | "val" => Some(Split::Dev),
        "test" | "testset" => Some(Split::Test),
        _ => None,
    })
}

/// Gives every question its id and its split, in an order that is drawn too, so that the first of them are of many
/// documents.
pub(super) fn settle(asked: Vec<Asked>, mut id_of: impl FnMut(&Asked) -> String) -> Vec<Question> {
    let groups = groups(&asked);
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    groups.iter().for_each(|g| *sizes.entry(*g).or_default() += 1);
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Counts.
    let most = ((asked.len() as f64 * TOGETHER) as usize).max(FEW);
    let names: Vec<String> = asked.iter().map(name_of).collect();
    let mut first: HashMap<usize, usize> = HashMap::new();
    for (n, group) in groups.iter().enumerate() {
        let entry = first.entry(*group).or_insert(n);
        if names[n] < names[*entry] {
            *entry = n;
        }
    }
    let mut drawn = Vec::with_capacity(asked.len());
    for (n, asked) in asked.into_iter().enumerate() {
        let id = id_of(&asked);
        let by = if sizes[&groups[n]] > most { &names[n] } else { &names[first[&groups[n]]] };
        let split = asked.split.unwrap_or_else(|| split_of(by));
        let order = blake3::hash(format!("order\0{}", names[n]).as_bytes());
        let kind = asked.kind.unwrap_or_else(|| kind_of(&asked.question, &asked.answer));
        let question = Question {
            id,
            split,
            kind,
            question: asked.question,
            answer: asked.answer,
            key_points: asked.key_points,
            gold: asked.gold,
            open: asked.open,
        };
        drawn.push((split, *order.as_bytes(), question));
    }
    drawn.sort_by_key(|d| (d.0, d.1));
    drawn.into_iter().map(|(_, _, question)| question).collect()
}

/// What a question's draw hangs on: its own words and id. A group is drawn by the first of its questions.
fn name_of(asked: &Asked) -> String {
    let key = asked.key.as_deref().unwrap_or_default();
    format!("{}\0{key}", asked.question.to_lowercase())
}

#[allow(clippy::cast_precision_loss)] // A draw needs no more than 53 bits.
fn split_of(name: &str) -> Split {
    let mut eight = [0; 8];
    eight.copy_from_slice(&blake3::hash(name.as_bytes()).as_bytes()[..8]);
    let drawn = u64::from_le_bytes(eight) as f64 / u64::MAX as f64;
    match drawn {
        d if d < TRAIN => Split::Train,
        d if d < TRAIN + DEV => Split::Dev,
        _ => Split::Test,
    }
}

/// The number of the group of each question: those about a common document are of one.
fn groups(asked: &[Asked]) -> Vec<usize> {
    fn root(parents: &mut [usize], mut of: usize) -> usize {
        while parents[of] != of {
            parents[of] = parents[parents[of]];
            of = parents[of];
        }
        of
    }
    let mut parents: Vec<usize> = (0..asked.len()).collect();
    let mut by_document: HashMap<&str, usize> = HashMap::new();
    for (n, question) in asked.iter().enumerate() {
        let golds = question.gold.iter().map(|g| g.document.as_str());
        for document in golds.chain(question.about.iter().map(String::as_str)) {
            let other = *by_document.entry(document).or_insert(n);
            let (a, b) = (root(&mut parents, other), root(&mut parents, n));
            parents[a.max(b)] = a.min(b);
        }
    }
    (0..asked.len()).map(|n| root(&mut parents, n)).collect()
}

/// Leaves out the training questions that give away what is judged by.
pub(super) fn apart(
    questions: &mut Vec<Question>,
    language: &str,
    place: &str,
    found: &mut Found,
) -> Result<()> {
    // Where quotes stand is not needed: no document is in two splits, unless its questions are drawn alone, and then
    // quotes are told apart by their text.
    let nowhere = |_: &crate::corpus::Gold| Ok(None);
    let judged = questions.iter().filter(|q| q.split != Split::Train);
    let mut judged = Apart::new(language, judged, &nowhere)?;
    let mut kept = Vec::with_capacity(questions.len());
    for question in questions.drain(..) {
        if question.split == Split::Train
            && let Some((why, other)) = judged.gives_away(&question, &nowhere)?
        {
            found.put(Wrong::GivesAway, || {
                Fault::new(place, format!("the training question {} ({why} {other})", question.id))
                    .expected("training questions apart from those of dev and test")
                    .next("It is left out.")
            });
            continue;
        }
        kept.push(question);
    }
    *questions = kept;
    Ok(())
}
