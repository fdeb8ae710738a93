//! `qrels.tsv`: which documents answer which questions, and how well, as trec_eval and BEIR have it.

use crate::fault::{Fault, Result};
use crate::folder::Folder;
use std::collections::BTreeMap;

/// Judgments of relevance: grades of documents, by question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    by_question: BTreeMap<String, BTreeMap<String, i32>>,
}

impl Judged {
    /// Reads lines of question, document and grade, divided by tabs; a grade above 0 is relevant.
    pub(in crate::corpus) fn read(folder: &Folder, file: &str) -> Result<Self> {
        let (text, place) = (folder.read_text(file)?, folder.place(file));
        let mut judged = Self::default();
        for (n, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
            let parts: Vec<&str> = line.split('\t').collect();
            let parsed = match parts[..] {
                [question, document, grade] => grade.trim().parse().ok().map(|g| (question, document, g)),
                _ => None,
            };
            let Some((question, document, grade)) = parsed else {
                return Err(Fault::new(format!("{place}:{}", n + 1), format!("{:?}", shortened(line)))
                    .expected("question, document and a whole number, divided by tabs")
                    .next("Correct that line.")
                    .into());
            };
            judged.put(question, document, grade);
        }
        Ok(judged)
    }

    /// Says how well a document answers a question; what was said of the two before is replaced.
    pub fn put(&mut self, question: &str, document: &str, grade: i32) {
        self.by_question.entry(question.to_owned()).or_default().insert(document.to_owned(), grade);
    }

    /// The grades of a question's documents, if any was judged.
    pub fn of(&self, question: &str) -> Option<&BTreeMap<String, i32>> {
        self.by_question.get(question)
    }

    /// Every judged question with its grades.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, i32>)> {
        self.by_question.iter().map(|(q, grades)| (q.as_str(), grades))
    }

    /// How many pairs were judged.
    pub fn len(&self) -> usize {
        self.by_question.values().map(BTreeMap::len).sum()
    }

    /// Whether nothing was judged.
    pub fn is_empty(&self) -> bool {
        self.by_question.is_empty()
    }

    /// Keeps what `keep` says of question and document.
    pub(in crate::corpus) fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        for (question, grades) in &mut self.by_question {
            grades.retain(|document, _| keep(question, document));
        }
        self.by_question.retain(|_, grades| !grades.is_empty());
    }

    /// The lines that [`Judged::read`] reads.
    pub(in crate::corpus) fn lines(&self) -> String {
        let mut text = String::new();
        for (question, grades) in &self.by_question {
            for (document, grade) in grades {
                text.push_str(&format!("{question}\t{document}\t{grade}\n"));
            }
        }
        text
    }
}

fn shortened(line: &str) -> String {
    line.chars().take(80).collect()
}
