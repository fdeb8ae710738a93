//! TAT-QA: a table with its paragraphs from a financial report, and questions on both.

use super::found::Wrong;
use super::json::{self, list, text, texts};
use super::sink::{Asked, New, Sink};
use super::source::Source;
use super::squad::each;
use super::text::{sentence_around, title_of};
use super::{Reader, split};
use crate::corpus::document::Section;
use crate::corpus::{Gold, Kind};
use crate::fault::{Fault, Result};
use serde_json::Value;
use std::ops::Range;

pub(super) struct TatQa;

/// A context: where each paragraph, by its order, and each row of the table stands in its document.
#[derive(Default)]
struct Context {
    id: String,
    text: String,
    paragraphs: Vec<(String, Range<usize>)>,
    rows: Vec<Range<usize>>,
}

impl Reader for TatQa {
    fn read(&self, files: &[Source], sink: &mut Sink<'_>) -> Result<()> {
        // The test file comes with and without its answers: what is asked with them is taken first.
        let mut files: Vec<&Source> = files.iter().collect();
        files.sort_by_key(|f| !String::from_utf8_lossy(&f.head().unwrap_or_default()).contains("\"answer\""));
        for file in files {
            let named = split::named(&file.name);
            each(file, sink, None, &mut |sink, key, value| {
                let place = format!("{}, [{key}]", file.place());
                let Some(context) = context(&value, &place, sink)? else { return Ok(()) };
                for (n, question) in list(&value, "questions").iter().enumerate() {
                    let answers = question.get("answer").map(texts).unwrap_or_default();
                    let scale = text(question, "scale").unwrap_or_default();
                    let joined = answers.join(", ");
                    let asked = Asked {
                        key: json::id(question, "uid"),
                        split: named,
                        kind: (text(question, "answer_type") == Some("multi-span")).then_some(Kind::List),
                        question: text(question, "question").unwrap_or_default().to_owned(),
                        answer: match (joined.is_empty(), scale) {
                            (true, _) | (_, "") => joined,
                            (false, "percent") => format!("{joined} %"),
                            (false, scale) => format!("{joined} {scale}"),
                        },
                        gold: context.gold(question, &answers),
                        key_points: answers.into_iter().take(4).collect(),
                        about: vec![context.id.clone()],
                        open: false,
                    };
                    sink.question(asked, &format!("{place}.questions[{n}]"));
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn context(value: &Value, place: &str, sink: &mut Sink<'_>) -> Result<Option<Context>> {
    let table = value.get("table");
    let Some(id) = table.and_then(|t| json::id(t, "uid")) else {
        sink.wrong(Wrong::Shape, || {
            Fault::new(place, "no table with a uid")
                .expected("table, paragraphs and questions")
                .next("It is left out.")
        });
        return Ok(None);
    };
    let mut context = Context { id: id.clone(), ..Context::default() };
    for paragraph in list(value, "paragraphs") {
        let order = json::id(paragraph, "order").unwrap_or_default();
        let range = context.push(text(paragraph, "text").unwrap_or_default());
        context.paragraphs.push((order, range));
    }
    let before = context.text.len();
    for row in table.map(|t| list(t, "table")).unwrap_or_default() {
        let cells: Vec<String> = row
            .as_array()
            .into_iter()
            .flatten()
            .map(|c| texts(c).concat())
            .map(|c| super::sink::one_line(&c))
            .collect();
        let range = context.push(cells.join(" | ").trim_matches([' ', '|']));
        context.rows.push(range);
    }
    let answered = list(value, "questions").iter().any(|q| q.get("answer").is_some());
    if !answered && sink.has_text(&context.text) {
        sink.wrong(Wrong::SameDocument, || {
            Fault::new(place, format!("the text of another document in {id:?}, without answers"))
                .expected("every context once")
                .next("The one with answers is kept.")
        });
        return Ok(Some(context));
    }
    let title = context.paragraphs.first().map_or(String::new(), |(_, p)| title_of(&context.text[p.clone()]));
    let title = title.split_once(':').map_or(title.clone(), |(first, _)| first.to_owned());
    let mut new = New { id, title, text: context.text.clone(), sections: Vec::new() };
    if before > 0 && before < new.text.len() {
        new.sections.push(Section { heading: None, range: 0..before });
        new.sections.push(Section { heading: Some("Table".into()), range: before..new.text.len() });
    }
    Ok(sink.document(new, place)?.then_some(context))
}

/// Where a part stands as a whole: 20 is no part of 2019 or of 1,200.
fn find_whole(text: &str, part: &str) -> Option<usize> {
    let goes_on = |c: char| c.is_alphanumeric();
    text.match_indices(part).map(|(at, _)| at).find(|at| {
        let (before, after) = (&text[..*at], &text[at + part.len()..]);
        let number = part.starts_with(|c: char| c.is_ascii_digit());
        let within = number
            && before.ends_with([',', '.'])
            && before[..before.len() - 1].ends_with(|c: char| c.is_ascii_digit());
        let mut rest = after.chars();
        let more =
            matches!((rest.next(), rest.next()), (Some(',' | '.'), Some(c)) if number && c.is_ascii_digit());
        !within && !more && !before.ends_with(goes_on) && !after.starts_with(goes_on)
    })
}

impl Context {
    /// Puts a paragraph at the end; where it is then.
    fn push(&mut self, paragraph: &str) -> Range<usize> {
        if !self.text.is_empty() && !paragraph.trim().is_empty() {
            self.text.push_str("\n\n");
        }
        let start = self.text.len();
        self.text.push_str(paragraph.trim());
        start..self.text.len()
    }

    /// What an answer rests on: where its source says so, else the sentences and rows that its parts stand in.
    fn gold(&self, question: &Value, answers: &[String]) -> Vec<Gold> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for mapping in list(question, "mappings").iter().filter_map(Value::as_object) {
            for (key, at) in mapping {
                let number =
                    |n: usize| at.get(n).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
                if key == "table" {
                    ranges.extend(number(0).and_then(|row| self.rows.get(row)).cloned());
                } else if let Some(order) = key.strip_prefix("paragraph_")
                    && let Some((_, paragraph)) = self.paragraphs.iter().find(|(o, _)| o == order)
                    && let (Some(start), Some(end)) = (number(0), number(1))
                {
                    ranges.extend(self.within(paragraph, start, end));
                }
            }
        }
        if ranges.is_empty() {
            let related = question.get("rel_paragraphs").map(texts).unwrap_or_default();
            // Numbers of a calculation, as they stand in the table.
            let derivation = text(question, "derivation").unwrap_or_default();
            let numbers = derivation.split(|c: char| !(c.is_ascii_digit() || c == ',' || c == '.'));
            let numbers = numbers.map(|n| n.trim_matches([',', '.'])).filter(|n| n.len() > 1);
            for part in answers.iter().map(String::as_str).chain(numbers) {
                let mut found: Vec<Range<usize>> = Vec::new();
                for (_, paragraph) in self.paragraphs.iter().filter(|(order, _)| related.contains(order)) {
                    if let Some(at) = find_whole(&self.text[paragraph.clone()], part) {
                        let at = paragraph.start + at;
                        found.push(sentence_around(&self.text, at..at + part.len()));
                    }
                }
                if found.is_empty() {
                    let row =
                        self.rows.iter().find(|row| find_whole(&self.text[(*row).clone()], part).is_some());
                    found.extend(row.cloned());
                }
                ranges.extend(found);
            }
            if ranges.is_empty() {
                let of =
                    |(order, range): &(String, Range<usize>)| related.contains(order).then(|| range.clone());
                ranges.extend(self.paragraphs.iter().filter_map(of));
            }
            if ranges.is_empty() && !self.rows.is_empty() {
                // The table as a whole.
                let (first, last) = (self.rows[0].start, self.rows[self.rows.len() - 1].end);
                ranges.push(first..last);
            }
        }
        ranges.retain(|r| !self.text[r.clone()].trim().is_empty());
        ranges.sort_by_key(|r| (r.start, r.end));
        ranges.dedup();
        ranges
            .iter()
            .map(|r| Gold { document: self.id.clone(), quote: self.text[r.clone()].to_owned() })
            .collect()
    }

    /// The sentences around characters of a paragraph.
    fn within(&self, paragraph: &Range<usize>, start: usize, end: usize) -> Option<Range<usize>> {
        let text = &self.text[paragraph.clone()];
        let byte = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
        let (start, end) = (paragraph.start + byte(start), paragraph.start + byte(end));
        (start < end).then(|| sentence_around(&self.text, start..end))
    }
}
