//! The lab in the terminal: the only room that names ratatui and crossterm. It shows what `lab` does and changes
//! nothing by itself.

mod app;
#[cfg(test)]
mod frames;
mod keeper;
pub mod keys;
pub mod picture;
mod runtime;
mod screen;
mod theme;
#[cfg(test)]
mod training_frames;
mod view;
mod wrap;

pub use runtime::run;
