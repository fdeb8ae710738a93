//! From a question to hits.

use super::build::{Settings, tantivy_fault};
use super::schema::{self, Fields, TOKENIZER};
use crate::fault::{Fault, Result};
use crate::text::Terms;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, DisjunctionMaxQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, Value};
use tantivy::{IndexReader, ReloadPolicy, TantivyDocument, Term};

/// How much a word of the title or of the heading counts against one of the text. A word counts where it counts
/// most, and the other places add this tenth of theirs: if they simply added up, the passages that keep repeating
/// their document's name would stand before the one that says what was asked. The values are those, of 0.7 to 2 and
/// 0 to 0.5, with the most hits among the first three on the bundled corpora's development questions.
const TITLE_BOOST: f32 = 1.5;
const SECTION_BOOST: f32 = 1.0;
const TIE: f32 = 0.1;
/// Fetched beyond what was asked for, so that equal scores at the edge are ordered the same every time.
const MARGIN: usize = 16;

/// A passage that matched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// From 1.
    pub rank: usize,
    /// BM25: for each word of the question that of text, title or heading, whichever is highest, and a tenth of
    /// the others.
    pub score: f32,
    /// The id of its document.
    pub document: String,
    /// The title of its document.
    pub title: String,
    /// The heading it stands under.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub section: Option<String>,
    /// Its number within the document, from 0.
    pub passage: usize,
    /// Its bytes in the document's text.
    pub range: (usize, usize),
    /// The passage.
    pub text: String,
    /// The bytes of `text` that match a word of the question, in order, not touching.
    pub matches: Vec<(usize, usize)>,
}

impl Hit {
    /// Title and heading, as the passage is announced to a model and a person.
    pub fn heading(&self) -> String {
        match &self.section {
            Some(section) => format!("{}: {section}", self.title),
            None => self.title.clone(),
        }
    }
}

/// An index that can be searched. Cheap to share between threads behind an `Arc`.
pub struct Index {
    path: PathBuf,
    reader: IndexReader,
    fields: Fields,
    terms: Terms,
    settings: Settings,
}

impl Index {
    pub(super) fn open(path: &Path, language: &str, settings: Settings) -> Result<Self, Fault> {
        let failed = |e: tantivy::TantivyError| tantivy_fault(path, &e);
        let index = tantivy::Index::open_in_dir(path).map_err(failed)?;
        let (expected, fields) = schema::schema();
        if index.schema() != expected {
            return Err(Fault::new(path.display(), "an index of another version")
                .expected("one that this version made")
                .next("It is built again by itself."));
        }
        let terms = Terms::of_language(language);
        index.tokenizers().register(TOKENIZER, terms.analyzer());
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(failed)?;
        Ok(Self { path: path.to_owned(), reader, fields, terms, settings })
    }

    /// The folder it lies in.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How its passages were cut.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// How many passages it holds.
    pub fn passages(&self) -> u64 {
        self.reader.searcher().num_docs()
    }

    /// The `k` best passages for a question, best first; fewer where fewer share a word with it. Equal scores are
    /// ordered by document and place.
    ///
    /// # Errors
    /// A [`Fault`] if the index is damaged.
    pub fn search(&self, question: &str, k: usize) -> Result<Vec<Hit>> {
        let failed = |e: tantivy::TantivyError| tantivy_fault(&self.path, &e);
        let asked = self.asked(question);
        if asked.is_empty() || k == 0 {
            return Ok(Vec::new());
        }
        let searcher = self.reader.searcher();
        let collector = TopDocs::with_limit(k.saturating_add(MARGIN)).order_by_score();
        let found = searcher.search(&self.query(&asked), &collector).map_err(failed)?;
        let mut hits = Vec::with_capacity(found.len());
        for (score, address) in found {
            let stored: TantivyDocument = searcher.doc(address).map_err(failed)?;
            hits.push(self.hit(&stored, score, &asked));
        }
        hits.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then_with(|| (&a.document, a.passage).cmp(&(&b.document, b.passage)))
        });
        hits.truncate(k);
        for (n, hit) in hits.iter_mut().enumerate() {
            hit.rank = n + 1;
        }
        Ok(hits)
    }

    /// The `k` best passages as document, number and score, best first, without their text: for measuring.
    ///
    /// # Errors
    /// A [`Fault`] if the index is damaged.
    pub fn ranking(&self, question: &str, k: usize) -> Result<Vec<(String, usize, f32)>> {
        let failed = |e: tantivy::TantivyError| tantivy_fault(&self.path, &e);
        let asked = self.asked(question);
        if asked.is_empty() || k == 0 {
            return Ok(Vec::new());
        }
        let searcher = self.reader.searcher();
        let collector = TopDocs::with_limit(k).order_by_score();
        let found = searcher.search(&self.query(&asked), &collector).map_err(failed)?;
        let mut ranking = Vec::with_capacity(found.len());
        for (score, address) in found {
            let stored: TantivyDocument = searcher.doc(address).map_err(failed)?;
            let document =
                stored.get_first(self.fields.document).and_then(|v| v.as_str()).unwrap_or_default();
            let number = stored.get_first(self.fields.number).and_then(|v| v.as_u64()).unwrap_or_default();
            ranking.push((document.to_owned(), usize::try_from(number).unwrap_or(usize::MAX), score));
        }
        Ok(ranking)
    }

    /// The terms a question is searched by: without stop words, unless it has nothing else.
    fn asked(&self, question: &str) -> HashSet<String> {
        let all = self.terms.of(question);
        let content: HashSet<_> = all.iter().filter(|t| !t.is_stop_word).map(|t| t.term.clone()).collect();
        if content.is_empty() { all.into_iter().map(|t| t.term).collect() } else { content }
    }

    fn query(&self, asked: &HashSet<String>) -> BooleanQuery {
        let clauses: Vec<(Occur, Box<dyn Query>)> = asked
            .iter()
            .map(|term| {
                let fields = vec![
                    self.clause(self.fields.text, term, 1.0),
                    self.clause(self.fields.title, term, TITLE_BOOST),
                    self.clause(self.fields.section, term, SECTION_BOOST),
                ];
                let best: Box<dyn Query> = Box::new(DisjunctionMaxQuery::with_tie_breaker(fields, TIE));
                (Occur::Should, best)
            })
            .collect();
        BooleanQuery::new(clauses)
    }

    fn clause(&self, field: Field, term: &str, boost: f32) -> Box<dyn Query> {
        let query = TermQuery::new(Term::from_field_text(field, term), IndexRecordOption::WithFreqs);
        Box::new(BoostQuery::new(Box::new(query), boost))
    }

    fn hit(&self, stored: &TantivyDocument, score: f32, asked: &HashSet<String>) -> Hit {
        let text_of = |field| stored.get_first(field).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        let number_of = |field| {
            let number = stored.get_first(field).and_then(|v| v.as_u64()).unwrap_or_default();
            usize::try_from(number).unwrap_or(usize::MAX)
        };
        let text = text_of(self.fields.text);
        let matches = self.matches(&text, asked);
        let section = text_of(self.fields.section);
        Hit {
            rank: 0,
            score,
            document: text_of(self.fields.document),
            title: text_of(self.fields.title),
            section: (!section.is_empty()).then_some(section),
            passage: number_of(self.fields.number),
            range: (number_of(self.fields.start), number_of(self.fields.end)),
            text,
            matches,
        }
    }

    fn matches(&self, text: &str, asked: &HashSet<String>) -> Vec<(usize, usize)> {
        self.terms
            .of(text)
            .into_iter()
            .filter(|t| asked.contains(&t.term))
            .map(|t| (t.range.start, t.range.end))
            .collect()
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::build::open_or_build;
    use super::*;
    use crate::corpus::Catalog;
    use crate::job::{Cancel, SILENT};
    use proptest::prelude::*;
    use std::fs;

    fn index_of(documents: &[(&str, &str)]) -> (tempfile::TempDir, Index) {
        let dir = tempfile::tempdir().expect("a folder");
        let corpus = dir.path().join("corpora/c");
        fs::create_dir_all(corpus.join("documents")).expect("made");
        let manifest = "id = 'c'\ntitle = 'C'\ndomain = 'd'\ndescription = 'x'\nlanguage = 'en'\nlicence = 'l'\nsource = 's'\n";
        fs::write(corpus.join("corpus.toml"), manifest).expect("written");
        for (id, text) in documents {
            fs::write(corpus.join(format!("documents/{id}.md")), text).expect("written");
        }
        let catalog = Catalog::discover(Some(&dir.path().join("corpora")));
        let entry = catalog.find("c").expect("there");
        let index =
            open_or_build(&entry, &dir.path().join("indices"), Settings::default(), SILENT, &Cancel::new());
        (dir, index.expect("built"))
    }

    #[test]
    fn the_passage_that_shares_most_words_comes_first() {
        let (_dir, index) = index_of(&[
            ("a", "# Metformin\n\nMetformin lowers the making of glucose by the liver."),
            ("b", "# Insulin\n\nInsulin moves glucose into muscle."),
        ]);
        let hits = index.search("How does metformin lower glucose?", 5).expect("searched");
        assert_eq!(hits.iter().map(|h| h.document.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let marked: Vec<_> = hits[0].matches.iter().map(|(s, e)| &hits[0].text[*s..*e]).collect();
        assert_eq!(marked, ["Metformin", "lowers", "glucose"]);
    }

    #[test]
    fn equal_scores_are_ordered_by_document() {
        let (_dir, index) = index_of(&[("c", "Same words."), ("a", "Same words."), ("b", "Same words.")]);
        let hits = index.search("same words", 2).expect("searched");
        assert_eq!(hits.iter().map(|h| h.document.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_question_of_stop_words_or_of_nothing_is_no_error() {
        let (_dir, index) = index_of(&[("a", "To be or not to be.")]);
        assert_eq!(index.search("to be?", 3).expect("searched").len(), 1);
        assert!(index.search("  ?!: \u{1b}[2J AND ( \"", 3).expect("searched").is_empty());
        assert!(index.search("", 3).expect("searched").is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn matches_are_words_of_the_passage_in_any_text(body in "(\\p{Any}{0,20}|[ßİéA-Z]{1,6} glucose )[ .]{1,3}{1,20}") {
            let (_dir, index) = index_of(&[("a", &format!("# T\n\nglucose {}", body.replace('\0', "")))]);
            for hit in index.search("glucose İß é", 3).expect("searched") {
                let mut end = 0;
                for (s, e) in &hit.matches {
                    prop_assert!(*s >= end && s < e);
                    prop_assert!(hit.text.get(*s..*e).is_some());
                    end = *e;
                }
            }
        }
    }
}
