//! The lab and the review in the terminal: the only room that names ratatui and crossterm. It shows what `lab` and
//! `study` do, and changes nothing by itself.

mod app;
#[cfg(test)]
mod frames;
mod keeper;
pub mod keys;
pub mod picture;
mod pump;
pub mod review;
mod runtime;
mod screen;
#[cfg(test)]
mod study_frames;
mod table;
mod theme;
#[cfg(test)]
mod training_frames;
mod view;
mod wrap;

pub use runtime::run;
