//! A line of a table, cell by cell.

use super::columns::Columns;
use super::{Beside, Record, blind, passed_over};
use crate::export::cell;
use crate::fault::{Fault, Result};
use crate::study::{Evidence, Marks, Rated, Showing, Verdict};
use std::collections::BTreeMap;

/// A line of a table.
pub(super) struct Row<'a> {
    pub columns: &'a Columns,
    pub record: &'a csv::StringRecord,
    pub place: &'a str,
}

impl Row<'_> {
    fn raw(&self, column: &str) -> &str {
        self.columns.at(column).and_then(|n| self.record.get(n)).unwrap_or_default()
    }

    fn text(&self, column: &str) -> String {
        cell::read(self.raw(column)).into_owned()
    }

    /// A cell that will not do, by the name that its column has in the table.
    fn refuse(&self, at: Option<usize>, expected: &str) -> Fault {
        let cell = at.and_then(|n| self.record.get(n)).unwrap_or_default();
        Fault::new(
            format!("{}, {}", self.place, at.map_or("", |n| self.columns.name(n))),
            format!("{cell:?}"),
        )
        .expected(expected)
        .next("Correct that cell; nothing of the file was taken.")
    }

    /// What a cell says; nothing where it is empty or there is none.
    fn parsed<T>(
        &self,
        column: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.raw(column).trim() {
            "" => Ok(None),
            cell => match parse(cell) {
                Some(value) => Ok(Some(value)),
                None => Err(self.refuse(self.columns.at(column), expected).into()),
            },
        }
    }

    pub(super) fn record(&self) -> Result<Record> {
        let contenders = ["contender_a", "contender_b"].map(|column| self.text(column));
        let beside = self.beside(&contenders)?;
        Ok((self.rated(contenders)?, beside))
    }

    fn beside(&self, contenders: &[String; 2]) -> Result<Beside> {
        let number = "a whole number, or nothing";
        let mut highest = Vec::new();
        for (criterion, _, column) in &self.columns.criteria {
            if let Some(n) = column.map(|at| self.degree(at)).transpose()?.flatten() {
                highest.push((criterion.clone(), n));
            }
        }
        let mut examples = Vec::new();
        for (contender, column) in contenders.iter().zip(["examples_a", "examples_b"]) {
            if let Some(n) = self.parsed(column, number, |cell| cell.parse().ok())? {
                examples.push((contender.clone(), n));
            }
        }
        Ok(Beside {
            study: Some(self.text("study")).filter(|id| !id.is_empty()),
            seed: self.parsed("seed", number, |cell| cell.parse().ok())?,
            criteria: self.columns.criteria.iter().map(|(id, ..)| id.clone()).collect(),
            tags: cell::read_list(self.raw("tags")),
            highest,
            examples,
        })
    }

    fn rated(&self, contenders: [String; 2]) -> Result<Result<Rated, Fault>> {
        if contenders.iter().any(String::is_empty) {
            if !self.raw("showing").is_empty() {
                return Err(blind(self.place).into());
            }
            return Ok(Err(passed_over(self.place, "a judgment without a contender's name")));
        }
        let Some(verdict) = self.verdict(&contenders)? else {
            return Ok(Err(passed_over(self.place, "a judgment without a verdict")));
        };
        let annotator = self.text("annotator");
        if annotator.is_empty() {
            return Err(self.refuse(self.columns.at("annotator"), "who judged").into());
        }
        let question = self.text("question");
        let question_id = match self.text("question_id") {
            id if id.is_empty() => question,
            id => id,
        };
        if question_id.is_empty() {
            let at = self.columns.at("question_id").or_else(|| self.columns.at("question"));
            return Err(self.refuse(at, "what was asked: an id, or the question").into());
        }
        let corpus = self.text("corpus");
        let item = ["item", "trial"].map(|column| self.text(column)).into_iter().find(|id| !id.is_empty());
        let flag = |column: &str| {
            let flag = |cell: &str| cell.to_lowercase().parse().ok();
            Ok::<bool, crate::fault::Error>(self.parsed(column, "true or false", flag)?.unwrap_or(false))
        };
        let evidence = |cell: &str| serde_json::from_str::<Vec<Evidence>>(cell).ok();
        let showing = self.parsed("showing", "first or swapped", |cell| match cell {
            "first" => Some(Showing::First),
            "swapped" => Some(Showing::Swapped),
            _ => None,
        })?;
        let baseline = self.parsed("baseline", "a or b, or one contender's name", |cell| match cell {
            "a" => Some(0),
            "b" => Some(1),
            name => contenders.iter().position(|c| c == name),
        })?;
        Ok(Ok(Rated {
            item: item.unwrap_or_else(|| item_of(&corpus, &question_id, &contenders)),
            showing: showing.unwrap_or(Showing::First),
            corpus,
            question_id,
            annotator,
            at: self.parsed("judged_at", "a time like 2026-11-20T12:00:00Z", |cell| cell.parse().ok())?,
            seconds: self.parsed("seconds", "a number of seconds", |cell| cell.parse().ok())?,
            ratings: self.ratings()?,
            contenders,
            baseline,
            verdict,
            evidence: self.parsed("evidence", "evidence, as a JSON list", evidence)?.unwrap_or_default(),
            note: self.text("note"),
            flagged: flag("flagged")?,
            reference_shown: flag("reference_shown")?,
        }))
    }

    /// The verdict in our words, in those of FastChat's arena, or by the name of the better contender.
    fn verdict(&self, contenders: &[String; 2]) -> Result<Option<Verdict>> {
        let expected = "a, b, tie or both-bad, or the better contender's name";
        let better =
            |name: &str| contenders.iter().position(|c| c == name).map(|n| [Verdict::A, Verdict::B][n]);
        self.parsed("verdict", expected, |cell| match cell {
            "a" => Some(Verdict::A),
            "b" => Some(Verdict::B),
            "tie" => Some(Verdict::Tie),
            "both-bad" => Some(Verdict::BothBad),
            _ => better(&self.text("verdict")).or_else(|| match cell.to_lowercase().as_str() {
                "a" | "left" | "model_a" => Some(Verdict::A),
                "b" | "right" | "model_b" => Some(Verdict::B),
                "tie" | "both" => Some(Verdict::Tie),
                "both-bad" | "both bad" | "both_bad" | "bothbad" | "tie (bothbad)" | "neither" => {
                    Some(Verdict::BothBad)
                }
                _ => None,
            }),
        })
    }

    fn ratings(&self) -> Result<[Marks; 2]> {
        let mut ratings = [Marks::default(), Marks::default()];
        for (criterion, columns, _) in &self.columns.criteria {
            for (marks, column) in ratings.iter_mut().zip(columns) {
                if let Some(degree) = self.degree(*column)? {
                    marks.scores.insert(criterion.clone(), degree);
                }
            }
        }
        for (marks, column) in ratings.iter_mut().zip(["tags_a", "tags_b"]) {
            marks.tags = cell::read_list(self.raw(column));
        }
        Ok(ratings)
    }

    /// A degree; nothing where the cell is empty.
    fn degree(&self, column: usize) -> Result<Option<u8>> {
        let cell = self.record.get(column).unwrap_or_default().trim();
        if cell.is_empty() {
            return Ok(None);
        }
        match cell.parse() {
            Ok(degree) if degree > 0 => Ok(Some(degree)),
            _ => {
                let expected = "a degree: a whole number from 1 up, or nothing";
                Err(self.refuse(Some(column), expected).into())
            }
        }
    }
}

/// Names an item that a table does not name: a question and who is compared on it, whoever was left.
fn item_of(corpus: &str, question: &str, contenders: &[String; 2]) -> String {
    let [a, b] = contenders;
    let (first, second) = if a <= b { (a, b) } else { (b, a) };
    let named: BTreeMap<&str, &str> =
        [("corpus", corpus), ("question", question), ("first", first), ("second", second)].into();
    let key = serde_json::to_vec(&named).unwrap_or_default();
    blake3::hash(&key).to_hex()[..12].to_owned()
}
