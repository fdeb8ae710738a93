//! Judgments with the blinding taken off: what figures and exports are made from.

use super::judgment::Verdict;
use super::review::{Evidence, Marks, Showing};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A complete judgment of which it is known who answered. Sides as shown: left, then right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rated {
    /// The item's id.
    pub item: String,
    /// Which showing of it.
    pub showing: Showing,
    /// The corpus's id.
    pub corpus: String,
    /// The question's id in its corpus: what figures are clustered by.
    pub question_id: String,
    /// Who judged.
    pub annotator: String,
    /// When; absent where judgments made elsewhere do not say.
    pub at: Option<Timestamp>,
    /// How long it took, in seconds, without the time away; absent as above.
    pub seconds: Option<f64>,
    /// The contenders' names, left and right as shown.
    pub contenders: [String; 2],
    /// Which of the two is the plan's baseline, where one is: 0 left, 1 right.
    pub baseline: Option<usize>,
    /// The ratings, left and right as shown.
    pub ratings: [Marks; 2],
    /// Which answer is better, as shown: A left, B right.
    pub verdict: Verdict,
    /// Evidence, as shown.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// Free text.
    #[serde(default)]
    pub note: String,
    /// To be talked over.
    #[serde(default)]
    pub flagged: bool,
    /// Whether the reference answer was looked at before judging.
    #[serde(default)]
    pub reference_shown: bool,
}
