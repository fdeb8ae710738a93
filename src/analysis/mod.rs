//! From numbers to figures: the statistics of a study of ratings, each with its uncertainty, its `n` and the
//! name of its method.
//!
//! Every function here is pure: the same numbers and the same seed give the same figure, in whatever order the
//! numbers come where order has no meaning. Nothing here knows of models, files, terminals or records of
//! judgments; whoever has those maps them onto the plain slices asked for.
//!
//! A figure that does not exist is [`Figure::Absent`] and says why; nothing panics on empty, constant or tiny
//! input, and a value that is not finite makes the figure absent.

pub mod alpha;
pub mod annotator;
pub mod anytime;
pub mod bootstrap;
pub mod bradley_terry;
mod distribution;
pub mod figure;
pub mod kappa;
pub mod multiple;
pub mod needed;
pub mod preference;
pub mod proportion;
pub mod wilcoxon;

#[cfg(test)]
mod reference;

pub use figure::{Estimate, Figure, Interval};
