//! Retrieval: passages go into a tantivy index, a question comes back as hits with the byte ranges that matched.
//! Knows corpora and text; nothing of models.

mod build;
mod evaluate;
mod schema;
mod search;

pub use build::{DEFAULT_K, Settings, name, open, open_or_build};
pub use evaluate::{Evaluation, Figures, evaluate, is_relevant};
pub use search::{Hit, Index};
