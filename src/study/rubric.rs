//! `rubric.toml`: what reviewers judge by.

use serde::{Deserialize, Serialize};

/// Criteria and tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rubric {
    /// What each answer is rated on, one to four of them, in the order they are asked for.
    pub criteria: Vec<Criterion>,
    /// What can be wrong with an answer, one to nine, for the digits.
    pub tags: Vec<String>,
}

/// Something answers are rated on, from 1 up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// In records and exports: lower-case letters, digits and hyphens.
    pub id: String,
    /// On the screen.
    pub name: String,
    /// What each degree means, from 1 on: two to nine of them.
    pub anchors: Vec<String>,
}

impl Criterion {
    /// The highest degree.
    pub fn highest(&self) -> u8 {
        self.anchors.len().try_into().unwrap_or(u8::MAX)
    }
}
