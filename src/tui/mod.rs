//! The lab, the review and a study's results in the terminal: the only room that names ratatui and crossterm. It shows what `lab`,
//! `study` and `report` do, and changes nothing by itself.

mod ahead;
mod app;
#[cfg(test)]
mod frames;
mod keeper;
pub mod keys;
pub mod picture;
mod pump;
pub mod results;
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
