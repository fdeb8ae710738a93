//! What people did: trials that were run, judgments of them, and what was being entered when the lab last closed;
//! and studies, in which several people judge answers that were made ahead, without knowing whose they are.
//!
//! Nothing a person entered is lost: trials and drafts are replaced whole, journals only grow. Knows nothing of
//! the terminal, and nothing of models beyond what a trial records.

mod act;
mod answered;
mod assign;
mod claim;
mod desk;
mod draft;
mod draw;
mod files;
mod handout;
mod history;
mod item;
mod journal;
mod judgment;
mod key;
mod lock;
mod merge;
mod plan;
mod rated;
mod review;
mod rubric;
mod sealed;
mod status;
mod toml_file;
mod trials;
mod unblind;
mod whole;

pub use act::{Act, Conflict, Deed};
pub use answered::Answered;
pub use assign::{Asked, Division, Slot, assign};
pub use desk::{Desk, Items, Standing, Tally};
pub use draft::{Draft, ReviewDraft};
pub use draw::drawn;
pub use files::Files;
pub use history::History;
pub use item::{Item, Reference, Said};
pub use journal::{Journal, Problem, Record, all_current, current};
pub use judgment::{Judgment, Rating, Verdict};
pub use key::{Key, Sealed};
pub use lock::DataLock;
pub use merge::Merged;
pub use plan::{Frozen, Plan};
pub use rated::Rated;
pub use review::{Evidence, Marks, PassageSpan, Review, Showing};
pub use rubric::{Criterion, Rubric};
pub use sealed::SealedQuestion;
pub use status::{Reviewer, Status};
pub use trials::{Summary, Trials};
pub use unblind::Verified;
pub use whole::{Sources, Study};

use crate::fault::{Fault, Result};

/// Who judges, where no name was given: the name the person is logged in under.
pub fn annotator(named: &str) -> String {
    let logged_in = || std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_default();
    let name = if named.trim().is_empty() { logged_in() } else { named.to_owned() };
    // It becomes a file name.
    let safe: String =
        name.trim().chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let safe = safe.trim_matches(['.', '-']).to_owned();
    if safe.is_empty() { "anonymous".to_owned() } else { safe }
}

/// Who judges a study: names with commas between them, or a number of places for reviewers who are not known yet.
///
/// # Errors
/// A [`Fault`] for a number of places out of its range. The names are checked with the plan.
pub fn annotators(named: &str) -> Result<Vec<String>> {
    match named.trim().parse::<usize>() {
        Ok(n @ 1..=100) => Ok((1..=n).map(|n| format!("reviewer-{n}")).collect()),
        Ok(n) => Err(Fault::new("annotators", n)
            .expected("1 to 100 places, or names with commas between them")
            .next("Name a number in that range.")
            .into()),
        Err(_) => Ok(named.split(',').map(|name| name.trim().to_owned()).collect()),
    }
}
