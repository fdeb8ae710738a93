//! Retrieval: passages go into a tantivy index, a question comes back as hits with the byte ranges that matched.
//! Knows corpora and text; nothing of models.

mod build;
mod evaluate;
mod measures;
mod schema;
mod search;

pub use build::{DEFAULT_K, Settings, name, open, open_or_build, open_or_watch};
pub use evaluate::{Evaluation, Figures, Unit, evaluate, is_relevant};
pub use measures::{Measures, measures};
pub use search::{Hit, Index};
