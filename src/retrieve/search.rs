//! From a question to hits.

use super::asked::Asked;
use super::build::{Settings, tantivy_fault};
use super::dense::{self, Dense, Encode};
use super::feedback;
use super::nearness::nearness;
use super::ranking::Ranking;
use super::schema::{self, Fields, TOKENIZER};
use super::shown::Shown;
use crate::fault::{Fault, Result};
use crate::job::{Cancel, Report};
use crate::text::Terms;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tantivy::collector::TopDocs;
use tantivy::query::{Bm25StatisticsProvider, Query};
use tantivy::schema::{Field, Value};
use tantivy::{DocAddress, IndexReader, ReloadPolicy, Searcher, TantivyDocument, Term};

/// Fetched beyond what was asked for, so that equal scores at the edge are ordered the same every time.
const MARGIN: usize = 16;
/// How many of the first passages are looked at for how near their words stand.
const LOOKED_AT: usize = 200;
/// How many passages with all the words of what must be held are looked through for those that hold it.
const LOOKED_THROUGH: usize = 1_000;

/// A passage that matched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// From 1.
    pub rank: usize,
    /// BM25: for each word of the question that of text, title or heading, whichever is highest, and a tenth of
    /// the others; see [`Ranking`] for what else may be in it.
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
    /// Its bytes in the document's text: of an overlapping passage, those that no better hit has.
    pub range: (usize, usize),
    /// The passage, as far as `range` goes.
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

    /// The score for people, to so many decimals; to four where it is one of reciprocal rank fusion, which are below 0.04.
    pub fn shown_score(&self, decimals: usize) -> String {
        let decimals = if self.score < 0.1 { 4 } else { decimals };
        format!("{:.decimals$}", self.score)
    }
}

/// A score and whose it is.
pub(super) type Found = (f32, DocAddress);

/// An index that can be searched. Cheap to share between threads behind an `Arc`.
pub struct Index {
    path: PathBuf,
    reader: IndexReader,
    fields: Fields,
    terms: Terms,
    settings: Settings,
    dense: Option<Dense>,
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
        Ok(Self { path: path.to_owned(), reader, fields, terms, settings, dense: None })
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

    /// The same index, its passages ranked otherwise.
    #[must_use]
    pub fn ranked_by(mut self, ranking: Ranking) -> Self {
        self.settings.ranking = ranking;
        self
    }

    /// The same index with a vector for every passage, made now where there is none in the file beside `indices` that is
    /// kept for the corpus and the encoder: what [`Ranking::Dense`] needs.
    ///
    /// # Errors
    /// A [`Fault`] if the index is damaged or the file cannot be written, what encoding fails with, and
    /// [`crate::fault::Error::Cancelled`] between batches, when what was made is kept.
    pub fn with_vectors(
        mut self,
        encoder: Arc<dyn Encode>,
        indices: &Path,
        corpus: &str,
        report: Report<'_>,
        cancel: &Cancel,
    ) -> Result<Self> {
        let searcher = self.reader.searcher();
        let mut passages = Vec::new();
        for (segment, reader) in (0..).zip(searcher.segment_readers()) {
            for number in reader.doc_ids_alive() {
                cancel.check()?;
                let address = DocAddress::new(segment, number);
                let stored = self.stored(&searcher, address)?;
                let text_of = |field| text_of(&stored, field);
                let (title, section) = (text_of(self.fields.title), text_of(self.fields.section));
                let heading = if section.is_empty() { title } else { format!("{title}: {section}") };
                passages.push((address, format!("{heading}\n{}", text_of(self.fields.text))));
            }
        }
        let dense = dense::vectors(encoder, passages, indices, corpus, report, cancel)?;
        self.settings.encoder = Some(dense.encoder());
        self.dense = Some(dense);
        Ok(self)
    }

    /// The `k` best passages for a question, best first; fewer where fewer share a word with it. Equal scores are
    /// ordered by document and place. Of passages that overlap, the lower ones are cut to what the others do not show,
    /// and give way to the next where nothing that matches is left ([`Shown`]).
    ///
    /// # Errors
    /// A [`Fault`] if the index is damaged.
    pub fn search(&self, question: &str, k: usize) -> Result<Vec<Hit>> {
        let asked = Asked::of(question, self.settings.ranking, &self.terms);
        let words: HashSet<String> = asked.terms.iter().cloned().collect();
        if k == 0 {
            return Ok(Vec::new());
        }
        let searcher = self.reader.searcher();
        let overlaps = self.settings.length.overlaps();
        // One that is shown can have shown all that is in the two beside it.
        let enough = if overlaps { k.saturating_mul(3) } else { k };
        let found = self.found(&searcher, &asked, enough.saturating_add(MARGIN))?;
        let mut hits = Vec::with_capacity(found.len());
        for (score, address) in found {
            hits.push(self.hit(&self.stored(&searcher, address)?, score, &words));
        }
        hits.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then_with(|| (&a.document, a.passage).cmp(&(&b.document, b.passage)))
        });
        if overlaps {
            let mut shown = Shown::default();
            hits = hits.into_iter().filter_map(|hit| shown.take(hit)).take(k).collect();
        }
        hits.truncate(k);
        for (n, hit) in hits.iter_mut().enumerate() {
            hit.rank = n + 1;
        }
        Ok(hits)
    }

    /// The `k` best passages as document, number and score, best first, without their text and whole although they may
    /// overlap: for measuring.
    ///
    /// # Errors
    /// A [`Fault`] if the index is damaged.
    pub fn ranking(&self, question: &str, k: usize) -> Result<Vec<(String, usize, f32)>> {
        let asked = Asked::of(question, self.settings.ranking, &self.terms);
        if k == 0 {
            return Ok(Vec::new());
        }
        let searcher = self.reader.searcher();
        let mut found = self.found(&searcher, &asked, k)?;
        found.truncate(k);
        let mut ranking = Vec::with_capacity(found.len());
        for (score, address) in found {
            let stored = self.stored(&searcher, address)?;
            ranking.push((
                text_of(&stored, self.fields.document),
                number_of(&stored, self.fields.number),
                score,
            ));
        }
        Ok(ranking)
    }

    /// The terms that a question is searched by, sorted.
    pub fn terms_of(&self, question: &str) -> Vec<String> {
        Asked::of(question, self.settings.ranking, &self.terms).terms
    }

    /// At least the `k` best passages, where so many share a word with the question, best first.
    fn found(&self, searcher: &Searcher, asked: &Asked, k: usize) -> Result<Vec<Found>> {
        if self.settings.ranking == Ranking::Dense {
            return self.fused(searcher, asked, k);
        }
        if asked.terms.is_empty() {
            return Ok(Vec::new());
        }
        let plain = || asked.terms.iter().map(|term| (term.as_str(), 1.0));
        match self.settings.ranking {
            Ranking::Plain | Ranking::Dense => self.best(searcher, &self.fields.query(plain(), &[]), k),
            Ranking::Proximity => {
                let mut found = self.best(searcher, &self.fields.query(plain(), &[]), k.max(LOOKED_AT))?;
                self.add_nearness(searcher, asked, &mut found)?;
                Ok(found)
            }
            Ranking::Feedback => {
                let first = self.best(searcher, &self.fields.query(plain(), &[]), feedback::TEXTS)?;
                let weights = self.fed_back(searcher, asked, &first)?;
                self.best(searcher, &self.fields.query(weights.iter().map(|(t, w)| (t.as_str(), *w)), &[]), k)
            }
            Ranking::Fielded => {
                if asked.required.is_empty() {
                    return self.best(searcher, &self.fields.query(plain(), &[]), k);
                }
                let query = self.fields.query(plain(), &asked.required);
                let mut found = Vec::new();
                for (score, address) in self.best(searcher, &query, k.max(LOOKED_THROUGH))? {
                    if asked.is_held(&self.stored(searcher, address)?, self.fields, &self.terms) {
                        found.push((score, address));
                    }
                }
                Ok(found)
            }
        }
    }

    /// By words and by vectors; by vectors alone, where the question has no words.
    fn fused(&self, searcher: &Searcher, asked: &Asked, k: usize) -> Result<Vec<Found>> {
        let Some(dense) = &self.dense else {
            return Err(Fault::new("ranking dense", "an index without vectors")
                .expected("one that was opened with an encoder")
                .next("Set retrieval.encoder, or rank otherwise.")
                .into());
        };
        let depth = k.max(dense::DEPTH);
        if asked.question.trim().is_empty() {
            return Ok(Vec::new());
        }
        let words = match asked.terms.is_empty() {
            true => Vec::new(),
            false => {
                let query = self.fields.query(asked.terms.iter().map(|term| (term.as_str(), 1.0)), &[]);
                self.best(searcher, &query, depth)?
            }
        };
        let mut found = dense::fused(&words, &dense.best(&asked.question, depth)?);
        found.truncate(k);
        Ok(found)
    }

    fn best(&self, searcher: &Searcher, query: &dyn Query, k: usize) -> Result<Vec<Found>> {
        let collector = TopDocs::with_limit(k).order_by_score();
        Ok(searcher.search(query, &collector).map_err(|e| tantivy_fault(&self.path, &e))?)
    }

    fn stored(&self, searcher: &Searcher, address: DocAddress) -> Result<TantivyDocument> {
        Ok(searcher.doc(address).map_err(|e| tantivy_fault(&self.path, &e))?)
    }

    /// Adds to the first of what was found what their words' nearness is worth, and puts them in order again.
    #[allow(clippy::cast_precision_loss)] // Counts of words and passages.
    fn add_nearness(&self, searcher: &Searcher, asked: &Asked, found: &mut [Found]) -> Result<()> {
        let failed = |e: tantivy::TantivyError| tantivy_fault(&self.path, &e);
        let passages = searcher.num_docs() as f32;
        let mut weight = HashMap::new();
        for term in &asked.terms {
            let with =
                searcher.doc_freq(&Term::from_field_text(self.fields.text, term)).map_err(failed)? as f32;
            weight.insert(term.as_str(), (1.0 + (passages - with + 0.5).max(0.0) / (with + 0.5)).ln());
        }
        let words = searcher.total_num_tokens(self.fields.text).map_err(failed)? as f32;
        let mean = (words / passages).max(1.0);
        for (score, address) in found.iter_mut().take(LOOKED_AT) {
            let text = text_of(&self.stored(searcher, *address)?, self.fields.text);
            let terms = self.terms.of(&text);
            let places: Vec<(usize, &str)> = (terms.iter().enumerate())
                .filter(|(_, t)| weight.contains_key(t.term.as_str()))
                .map(|(place, t)| (place, t.term.as_str()))
                .collect();
            *score += nearness(&places, &weight, terms.len() as f32 / mean);
        }
        // What was not looked at had no more than the last of these, and nothing of theirs was lowered.
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        Ok(())
    }

    /// The question's terms and those that stand out in what it found first, with weights.
    fn fed_back(&self, searcher: &Searcher, asked: &Asked, first: &[Found]) -> Result<Vec<(String, f32)>> {
        let mut texts = Vec::with_capacity(first.len());
        for (score, address) in first {
            let text = text_of(&self.stored(searcher, *address)?, self.fields.text);
            let words = self.terms.of(&text).into_iter().filter(|t| !t.is_stop_word).map(|t| t.term);
            texts.push((words.collect::<Vec<_>>(), *score));
        }
        // A word of every tenth passage says little of what was asked, and a number or a letter nothing.
        let common = searcher.num_docs() / 10;
        let keep = |term: &str| {
            let text = Term::from_field_text(self.fields.text, term);
            term.chars().count() > 1
                && term.chars().any(char::is_alphabetic)
                && searcher.doc_freq(&text).is_ok_and(|with| with <= common.max(1))
        };
        Ok(feedback::terms(&asked.terms, &texts, &keep))
    }

    fn hit(&self, stored: &TantivyDocument, score: f32, asked: &HashSet<String>) -> Hit {
        let text_of = |field| text_of(stored, field);
        let number_of = |field| number_of(stored, field);
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

pub(super) fn text_of(stored: &TantivyDocument, field: Field) -> String {
    stored.get_first(field).and_then(|v| v.as_str()).unwrap_or_default().to_owned()
}

fn number_of(stored: &TantivyDocument, field: Field) -> usize {
    let number = stored.get_first(field).and_then(|v| v.as_u64()).unwrap_or_default();
    usize::try_from(number).unwrap_or(usize::MAX)
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
    use crate::corpus::{Catalog, PassageLength};
    use crate::job::{Cancel, SILENT};
    use proptest::prelude::*;
    use std::fs;

    fn index_of(documents: &[(&str, &str)]) -> (tempfile::TempDir, Index) {
        index_cut(documents, PassageLength::default())
    }

    fn index_cut(documents: &[(&str, &str)], length: PassageLength) -> (tempfile::TempDir, Index) {
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
        let settings = Settings { length, ..Settings::default() };
        let index = open_or_build(&entry, &dir.path().join("indices"), settings, SILENT, &Cancel::new());
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
    fn of_overlapping_passages_no_sentence_is_shown_twice_and_each_place_shows_a_match() {
        let sentence = |n: usize| format!("The stone of road {n} is grey.");
        let text: Vec<String> = (0..40).map(sentence).collect();
        let other = "A stone lies here.";
        let documents = [("a", text.join(" ")), ("b", other.to_owned())];
        let documents: Vec<_> = documents.iter().map(|(id, text)| (*id, text.as_str())).collect();
        let (_dir, index) = index_cut(&documents, PassageLength { most_words: 35, overlap_words: 14 });
        for k in [1, 2, 5, 14] {
            let hits = index.search("grey stone", k).expect("searched");
            assert_eq!(hits.len(), k.min(14), "the count is filled");
            let shown = hits.iter().map(|h| h.text.as_str()).collect::<Vec<_>>().join(" ");
            assert!((0..40).all(|n| shown.matches(&sentence(n)).count() <= 1), "{shown}");
            for hit in &hits {
                assert_eq!(hit.rank, 1 + hits.iter().position(|h| h == hit).expect("itself"));
                assert!(
                    !hit.matches.is_empty()
                        && (hit.document == "b" || text.join(" ")[hit.range.0..hit.range.1] == hit.text)
                );
            }
        }
        // One sentence that two passages have: it is shown once, and the next best takes the place.
        let hits = index.search("road 4", 2).expect("searched");
        assert_eq!(hits.iter().filter(|h| h.text.contains(&sentence(4))).count(), 1);
        assert_eq!(hits.len(), 2);
    }

    #[test]
    fn words_that_stand_together_come_before_words_that_stand_apart() {
        let (_dir, index) = index_of(&[
            ("a", "Uric substances and, after a long time in the cold, some acid."),
            ("b", "Some substances, and after a long time in the cold, uric acid."),
        ]);
        let first = |index: &Index| index.search("uric acid", 1).expect("searched").remove(0).document;
        assert_eq!(first(&index), "a", "equal by BM25");
        assert_eq!(first(&index.ranked_by(Ranking::Proximity)), "b");
    }

    #[test]
    fn words_of_what_was_found_first_find_what_shares_no_word_with_the_question() {
        let mut documents: Vec<(String, String)> = (0..40)
            .map(|n| (format!("x{n:02}"), format!("Nothing of interest stands in number {n}.")))
            .collect();
        documents.push(("a".into(), "Gout comes of urate.".into()));
        documents.push(("b".into(), "Urate dissolves poorly.".into()));
        let documents: Vec<_> = documents.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
        let (_dir, index) = index_of(&documents);
        let found = |index: &Index| -> Vec<String> {
            index.search("gout", 5).expect("searched").into_iter().map(|h| h.document).collect()
        };
        assert_eq!(found(&index), ["a"]);
        assert_eq!(found(&index.ranked_by(Ranking::Feedback)), ["a", "b"]);
    }

    #[test]
    fn what_is_typed_in_quotation_marks_or_after_a_field_must_be_there() {
        let (_dir, index) = index_of(&[
            ("a", "# Gout\n\nUric and other acid is cold."),
            ("b", "# Salt\n\nThe uric acid is cold; so is gout."),
        ]);
        let index = index.ranked_by(Ranking::Fielded);
        let found = |question: &str| -> Vec<String> {
            index.search(question, 5).expect("searched").into_iter().map(|h| h.document).collect()
        };
        assert_eq!(found("cold \"uric acid\""), ["b"]);
        assert_eq!(found("title:gout cold"), ["a"]);
        assert_eq!(found("title:gout \"uric acid\""), Vec::<String>::new());
        assert_eq!(found("uric acid cold").len(), 2, "an ordinary question is as ever");
        assert_eq!(found("is \"of the\" title:").len(), 0);
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
