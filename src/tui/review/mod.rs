//! `juxta review`: a person judges the items of a study, one after the other, with the keyboard alone.
//!
//! Blind: it is given items, which do not say who answered, and shows nothing else of them. Answers are there whole
//! and at once, so that their speed says nothing either. Knows nothing of models, and of a study no more than the
//! reviewer's own items, records and draft.

mod clock;
mod entry;
pub mod keys;
mod looking;
mod marking;
mod progress;
mod rating;
mod runtime;
mod sitting;
mod state;
mod update;
mod view;

pub use runtime::run;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod tests;
