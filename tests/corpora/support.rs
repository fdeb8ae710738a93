//! Importing for tests.

use juxta::corpus::import::{self, Imported, Request, Wrong};
use juxta::corpus::{Catalog, Corpus, Document};
use juxta::fault::{Error, Fault};
use juxta::job::{Cancel, SILENT};
use std::path::{Path, PathBuf};

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/corpora-in").join(name)
}

/// Real data, where this machine has it.
#[allow(clippy::print_stderr)] // A test that is skipped says so.
pub fn data(name: &str) -> Option<PathBuf> {
    let dir = std::env::var_os("JUXTA_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let dirs = [dir, Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data")];
    let found = dirs.into_iter().map(|d| d.join(name)).find(|d| d.exists());
    if found.is_none() {
        eprintln!("skipped: the data {name} is not here (JUXTA_TEST_DATA names where it is)");
    }
    found
}

/// A corpus that was added to a folder of its own.
pub struct Added {
    pub dir: tempfile::TempDir,
    pub imported: Imported,
    pub corpus: Corpus,
}

pub fn request(paths: &[PathBuf]) -> Request {
    Request { paths: paths.to_vec(), id: Some("in".into()), ..Request::default() }
}

pub fn try_add(asked: &Request) -> (tempfile::TempDir, Result<Imported, Error>) {
    let dir = tempfile::tempdir().expect("a folder");
    let imported = import::add(asked, dir.path(), SILENT, &Cancel::new());
    (dir, imported)
}

#[track_caller]
pub fn add_asked(asked: &Request) -> Added {
    let (dir, imported) = try_add(asked);
    let imported = imported.unwrap_or_else(|e| panic!("{e}"));
    let entry = Catalog::discover(Some(dir.path())).find("in").expect("found");
    let corpus = entry.read().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(corpus.documents.len(), imported.documents);
    assert_eq!(corpus.questions.len(), imported.questions.iter().sum::<usize>());
    assert_eq!(corpus.queries.len(), imported.queries);
    Added { dir, imported, corpus }
}

#[track_caller]
pub fn add(name: &str) -> Added {
    add_asked(&request(&[fixture(name)]))
}

/// What is said when nothing can be added, and that nothing was left behind.
#[track_caller]
pub fn refused(paths: &[PathBuf]) -> String {
    let (dir, imported) = try_add(&request(paths));
    let said = imported.expect_err("it should be refused").to_string();
    assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 0, "something was left behind");
    said
}

impl Added {
    #[track_caller]
    pub fn document(&self, id: &str) -> Document {
        self.corpus.document(id).expect("read").unwrap_or_else(|| panic!("no document {id:?}"))
    }

    /// How often something was met.
    pub fn met(&self, what: Wrong) -> usize {
        met(&self.imported, what)
    }

    pub fn named(&self, what: Wrong) -> Vec<Fault> {
        self.imported.met.iter().filter(|t| t.what == what).flat_map(|t| t.named.clone()).collect()
    }

    /// Question, answer and quotes, by id.
    #[track_caller]
    pub fn question(&self, id: &str) -> (String, String, Vec<String>) {
        let q =
            self.corpus.questions.iter().find(|q| q.id == id).unwrap_or_else(|| panic!("no question {id}"));
        (q.question.clone(), q.answer.clone(), q.gold.iter().map(|g| g.quote.clone()).collect())
    }
}

pub fn met(imported: &Imported, what: Wrong) -> usize {
    imported.met.iter().find(|t| t.what == what).map_or(0, |t| t.count)
}
