//! What people did: trials that were run, judgments of them, and what was being entered when the lab last closed.
//!
//! Nothing a person entered is lost: trials and drafts are replaced whole, journals only grow. Knows nothing of
//! the terminal, and nothing of models beyond what a trial records.

mod draft;
mod history;
mod item;
mod journal;
mod judgment;
mod lock;
mod plan;
mod rated;
mod review;
mod rubric;
mod trials;

pub use draft::Draft;
pub use history::History;
pub use item::{Item, Reference, Said};
pub use journal::{Journal, Problem, all_current, current};
pub use judgment::{Judgment, Rating, Verdict};
pub use lock::DataLock;
pub use plan::{Frozen, Plan};
pub use rated::Rated;
pub use review::{Evidence, Marks, PassageSpan, Review, Showing};
pub use rubric::{Criterion, Rubric};
pub use trials::{Summary, Trials};

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
