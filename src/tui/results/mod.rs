//! `juxta study results`: what a study found, to look at: figures as bars in the terminal, and the tables of them.
//!
//! Shows a report, of a study or of files of judgments, and changes nothing. While a study is blind it has what a report has then: how annotators judge.

mod chart;
pub mod keys;
mod runtime;
mod state;
mod view;

pub use runtime::{Make, run};

#[cfg(test)]
mod frames;
