//! What the index is asked for a question: its terms, what must be held, and the query that is made of them. Knows the fields
//! of an index; nothing of what is found.

use super::ranking::Ranking;
use super::schema::Fields;
use super::search::text_of;
use super::typed::{Place, Typed};
use crate::text::Terms;
use tantivy::query::{BooleanQuery, BoostQuery, DisjunctionMaxQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{TantivyDocument, Term};

/// How much a word of the title or of the heading counts against one of the text. A word counts where it counts
/// most, and the other places add this tenth of theirs: if they simply added up, the passages that keep repeating
/// their document's name would stand before the one that says what was asked. The values are those, of 0.7 to 2 and
/// 0 to 0.5, with the most hits among the first three on the bundled corpora's development questions.
const TITLE_BOOST: f32 = 1.5;
const SECTION_BOOST: f32 = 1.0;
const TIE: f32 = 0.1;

/// A question, ready to be searched by.
pub(super) struct Asked {
    pub(super) question: String,
    /// Sorted, each once.
    pub(super) terms: Vec<String>,
    /// What must be held, as runs of terms.
    pub(super) required: Vec<(Place, Vec<String>)>,
}

impl Asked {
    /// The terms a question is searched by: without stop words, unless it has nothing else.
    pub(super) fn of(question: &str, ranking: Ranking, analysis: &Terms) -> Self {
        let typed = (ranking == Ranking::Fielded).then(|| Typed::parse(question));
        let (rest, required) = match &typed {
            Some(typed) => (typed.rest.as_str(), typed.required.clone()),
            None => (question, Vec::new()),
        };
        let all = analysis.of(rest);
        let mut terms: Vec<_> = all.iter().filter(|t| !t.is_stop_word).map(|t| t.term.clone()).collect();
        let required: Vec<(Place, Vec<String>)> = required
            .into_iter()
            .map(|r| (r.place, analysis.of(r.words).into_iter().map(|t| t.term).collect::<Vec<_>>()))
            .filter(|(_, words)| !words.is_empty())
            .collect();
        if terms.is_empty() && required.is_empty() {
            terms = all.into_iter().map(|t| t.term).collect();
        }
        terms.extend(required.iter().flat_map(|(_, words)| words.clone()));
        // In an order of their own: a sum of floats hangs on it.
        terms.sort_unstable();
        terms.dedup();
        Self { question: question.to_owned(), terms, required }
    }

    /// Whether a passage holds all that must stand in it, word after word.
    pub(super) fn is_held(&self, stored: &TantivyDocument, fields: Fields, analysis: &Terms) -> bool {
        let terms = |field| analysis.of(&text_of(stored, field));
        self.required.iter().all(|(place, words)| {
            fields.of_place(*place).iter().any(|field| {
                terms(*field).windows(words.len()).any(|run| run.iter().map(|t| &t.term).eq(words.iter()))
            })
        })
    }
}

impl Fields {
    fn of_place(self, place: Place) -> Vec<Field> {
        match place {
            Place::Anywhere => vec![self.text, self.title, self.section],
            Place::Title => vec![self.title],
            Place::Heading => vec![self.section],
        }
    }

    /// For passages with any of these terms, by their weights, that hold every word of what is required.
    pub(super) fn query<'a>(
        self,
        weights: impl Iterator<Item = (&'a str, f32)>,
        required: &[(Place, Vec<String>)],
    ) -> BooleanQuery {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = weights
            .map(|(term, weight)| {
                let fields = vec![
                    Self::clause(self.text, term, weight),
                    Self::clause(self.title, term, weight * TITLE_BOOST),
                    Self::clause(self.section, term, weight * SECTION_BOOST),
                ];
                let best: Box<dyn Query> = Box::new(DisjunctionMaxQuery::with_tie_breaker(fields, TIE));
                (Occur::Should, best)
            })
            .collect();
        for (place, words) in required {
            for word in words {
                let fields = self.of_place(*place).into_iter().map(|field| Self::clause(field, word, 1.0));
                // What a word is worth is said above.
                let any = Box::new(DisjunctionMaxQuery::new(fields.collect()));
                clauses.push((Occur::Must, Box::new(BoostQuery::new(any, 0.0))));
            }
        }
        BooleanQuery::new(clauses)
    }

    fn clause(field: Field, term: &str, boost: f32) -> Box<dyn Query> {
        let query = TermQuery::new(Term::from_field_text(field, term), IndexRecordOption::WithFreqs);
        Box::new(BoostQuery::new(Box::new(query), boost))
    }
}
