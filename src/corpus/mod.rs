//! A corpus: documents of one domain, and questions about them with reference answers and gold quotes.
//!
//! On disk it is a folder: `corpus.toml`, documents (`documents/*.md`, `*.txt`, or one a line in `*.jsonl`),
//! `questions.jsonl`, and for measuring retrieval `queries.jsonl` and `qrels.tsv`. This room reads and checks it, makes
//! it of other people's formats ([`import`]), and cuts documents into passages. It knows nothing of indices or models.

mod apart;
mod catalog;
mod changes;
mod check;
mod document;
mod documents;
pub mod import;
mod judged;
mod manifest;
mod passages;
mod question;
mod read;

pub use apart::{Apart, Locate};
pub use catalog::{Catalog, Entry};
pub use changes::{Changes, Known, changes, count};
pub use check::{Checked, Count, SAME_QUESTION, check, shares_few_words};
pub use document::{Document, Section};
pub use documents::Documents;
pub use judged::Judged;
pub use manifest::Manifest;
pub(crate) use passages::is_zero;
pub use passages::{Passage, PassageLength, passages};
pub use question::{Gold, Kind, Query, Question, Split};
pub use read::read;

use crate::fault::Result;

/// A corpus, read and found sound.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// What `corpus.toml` says.
    pub manifest: Manifest,
    /// Where its documents stand; they are not in memory.
    pub documents: Documents,
    /// In the order of their file.
    pub questions: Vec<Question>,
    /// Questions without a reference answer, to measure retrieval by.
    pub queries: Vec<Query>,
    /// Which documents answer which questions.
    pub judged: Judged,
    /// BLAKE3 over all its files, as hex.
    pub digest: String,
}

impl Corpus {
    /// The document of that id, read from its file.
    ///
    /// # Errors
    /// As [`Documents::get`].
    pub fn document(&self, id: &str) -> Result<Option<Document>> {
        self.documents.get(id)
    }

    /// The questions of one split, in their order.
    pub fn split(&self, split: Split) -> impl Iterator<Item = &Question> {
        self.questions.iter().filter(move |q| q.split == split)
    }
}
