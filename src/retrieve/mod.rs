//! Retrieval: passages go into a tantivy index, a question comes back as hits with the byte ranges that matched.
//! Knows corpora and text; nothing of models.

mod asked;
mod build;
mod dense;
mod evaluate;
mod feedback;
mod measures;
mod nearness;
mod ranking;
mod schema;
mod search;
mod shown;
mod typed;

pub use build::{DEFAULT_K, Settings, SoFar, name, open, open_or_build, open_or_watch};
pub use dense::{Encode, EncoderDigest};
pub use evaluate::{Analysed, Evaluation, Figures, Run, Unit, analysed, evaluate, is_relevant};
pub use measures::{Measures, measures};
pub use ranking::Ranking;
pub use search::{Hit, Index};
pub use shown::Shown;
