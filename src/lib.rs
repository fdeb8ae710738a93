//! juxta: did fine-tuning make this model better or worse at answering from retrieved context?
//!
//! The way of the data: files → documents → passages → index → question → hits → prompt → two streams of
//! tokens → trial (stored before it is judged) → judgment (appended and synced) → exports.
//!
//! The rooms, and who may look into whom:
//! `main → {cli, tui} → {lab, report} → {compare, study, export, finetune} → {retrieve, prompt, generate} → corpus`;
//! `text`, `job`, `fault`, `folder` and `net` serve everyone; `analysis` is the statistics and names nobody. Only `tui`
//! names the terminal, only `cli` prints, and `generate` knows nothing of retrieval. `tests/rooms.rs` holds
//! these rules.

pub mod analysis;
pub mod cli;
pub mod compare;
pub mod config;
pub mod corpus;
pub mod export;
pub mod fault;
pub mod finetune;
pub mod folder;
pub mod generate;
pub mod hub;
pub mod job;
pub mod lab;
pub mod net;
pub mod prompt;
pub mod report;
pub mod retrieve;
pub mod score;
pub mod study;
pub mod text;
pub mod tui;

// Test support that is shared with the tests in `tests/` names this crate as they do.
#[cfg(test)]
extern crate self as juxta;

#[cfg(test)]
#[path = "../tests/support/study.rs"]
mod sample;

#[cfg(test)]
#[path = "../tests/support/judged.rs"]
mod judged;
