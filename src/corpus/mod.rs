//! A corpus: documents of one domain, and questions about them with reference answers and gold quotes.
//!
//! On disk it is a folder: `corpus.toml`, documents (`documents/*.md` or `documents.jsonl`) and `questions.jsonl`.
//! This room reads and checks it and cuts documents into passages. It knows nothing of indices or models.

mod catalog;
mod check;
mod document;
mod manifest;
mod passages;
mod question;
mod read;

pub use catalog::{Catalog, Entry};
pub use check::{Checked, Count, SAME_QUESTION, check, shares_few_words};
pub use document::{Document, Section};
pub use manifest::Manifest;
pub use passages::{Passage, PassageLength, passages};
pub use question::{Gold, Kind, Question, Split};
pub use read::read;

/// A corpus, read and found sound.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// What `corpus.toml` says.
    pub manifest: Manifest,
    /// In the order of their ids.
    pub documents: Vec<Document>,
    /// In the order of their file.
    pub questions: Vec<Question>,
    /// BLAKE3 over all its files, as hex.
    pub digest: String,
}

impl Corpus {
    /// The document of that id.
    pub fn document(&self, id: &str) -> Option<&Document> {
        self.documents.iter().find(|d| d.id == id)
    }

    /// The questions of one split, in their order.
    pub fn split(&self, split: Split) -> impl Iterator<Item = &Question> {
        self.questions.iter().filter(move |q| q.split == split)
    }
}
