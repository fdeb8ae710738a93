//! Natural Questions: simplified (a page of Wikipedia as tokens, answers as token ranges) and open (question and short
//! answers, without a page).

use super::found::Wrong;
use super::json::{self, list, text, texts};
use super::lines::each_object;
use super::sink::{Asked, New, Sink};
use super::source::Source;
use super::text::sentence_around;
use super::{Reader, no_answer, split};
use crate::corpus::document::Section;
use crate::corpus::{Gold, Kind, Split};
use crate::fault::{Fault, Result};
use serde_json::Value;
use std::ops::Range;

/// A JSON line for each question: `{"question_text","document_text","document_title","annotations":[…],"example_id"}`.
pub(super) struct Simplified;
/// A JSON line for each question: `{"question","answer":[…]}`.
pub(super) struct Open;

impl Reader for Simplified {
    fn read(&self, files: &[Source], sink: &mut Sink<'_>) -> Result<()> {
        for file in files {
            let named = split::named(&file.name);
            each_object(file, sink, &mut |sink, value, place| simplified(&value, named, place, sink))?;
        }
        Ok(())
    }
}

impl Reader for Open {
    fn read(&self, files: &[Source], sink: &mut Sink<'_>) -> Result<()> {
        for file in files {
            let named = split::named(&file.name);
            let mut number = 0;
            each_object(file, sink, &mut |sink, value, place| {
                number += 1;
                let answers = value.get("answer").map(texts).unwrap_or_default();
                let asked = Asked {
                    key: json::id(&value, "id").or(Some(format!("nq-{number}"))),
                    split: named,
                    question: text(&value, "question").unwrap_or_default().to_owned(),
                    answer: answers.first().cloned().unwrap_or_default(),
                    key_points: answers.into_iter().take(1).collect(),
                    open: true,
                    ..Asked::default()
                };
                sink.question(asked, place);
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn simplified(value: &Value, named: Option<Split>, place: &str, sink: &mut Sink<'_>) -> Result<()> {
    let Some(tokens) = text(value, "document_text") else {
        sink.wrong(Wrong::Shape, || {
            Fault::new(place, "no document_text")
                .expected("the page that the question is about")
                .next("It is left out.")
        });
        return Ok(());
    };
    let page = Page::of(tokens);
    let title = text(value, "document_title").map(str::to_owned).or_else(|| page.title.clone());
    // The same page comes with many questions, in versions of different days.
    let digest = &blake3::hash(page.text.as_bytes()).to_hex()[..8];
    let id = match (&title, text(value, "document_url")) {
        (Some(title), _) if !title.trim().is_empty() => format!("{title} ({digest})"),
        (_, Some(url)) => format!("{url} ({digest})"),
        _ => digest.to_owned(),
    };
    if !sink.has(&id) {
        let title = title.unwrap_or_else(|| id.clone());
        let new = New { id: id.clone(), title, text: page.text.clone(), sections: page.sections.clone() };
        if !sink.document(new, place)? {
            return Ok(());
        }
    }
    let mut asked = Asked {
        key: json::id(value, "example_id"),
        split: named,
        question: text(value, "question_text").unwrap_or_default().to_owned(),
        about: vec![id.clone()],
        ..Asked::default()
    };
    let annotations = list(value, "annotations");
    let range = |at: &Value| {
        let number = |key| at.get(key).and_then(Value::as_i64).and_then(|n| usize::try_from(n).ok());
        let (start, end) = (number("start_token")?, number("end_token")?);
        (start < end).then(|| page.bytes(start..end)).flatten()
    };
    let short =
        annotations.iter().map(|a| list(a, "short_answers")).find(|s| !s.is_empty()).unwrap_or_default();
    let short: Vec<Range<usize>> = short.iter().filter_map(range).collect();
    let long = annotations.iter().filter_map(|a| a.get("long_answer")).find_map(range);
    let yes_no = annotations.iter().filter_map(|a| text(a, "yes_no_answer")).find(|a| *a != "NONE");
    let named_any = annotations.iter().any(|a| {
        !list(a, "short_answers").is_empty()
            || a.get("long_answer")
                .and_then(|l| l.get("start_token"))
                .and_then(Value::as_i64)
                .is_some_and(|n| n >= 0)
    });
    let quote = |range: Range<usize>| Gold { document: id.clone(), quote: page.text[range].to_owned() };
    if !short.is_empty() {
        let answers: Vec<String> = short.iter().map(|r| page.text[r.clone()].trim().to_owned()).collect();
        asked.answer = answers.join(", ");
        asked.gold = short.into_iter().map(|r| quote(sentence_around(&page.text, r))).collect();
        asked.gold.dedup();
        asked.key_points = answers.into_iter().take(4).collect();
    } else if let (Some(answer), Some(long)) = (yes_no, long.clone()) {
        asked.answer = if answer.eq_ignore_ascii_case("yes") { "Yes.".into() } else { "No.".into() };
        asked.key_points = vec![answer.to_lowercase()];
        asked.kind = Some(Kind::YesNo);
        asked.gold = vec![quote(long)];
    } else if let Some(long) = long {
        asked.answer = page.text[long.clone()].trim().to_owned();
        asked.gold = vec![quote(long)];
    } else if named_any {
        sink.wrong(Wrong::AnswerNotThere, || {
            Fault::new(place, "an answer at tokens beyond the page")
                .expected("tokens of the page")
                .next("The question is left out.")
        });
        return Ok(());
    } else {
        no_answer(&mut asked);
    }
    sink.question(asked, place);
    Ok(())
}

/// A page without its tags, and where each of its tokens went.
struct Page {
    text: String,
    sections: Vec<Section>,
    title: Option<String>,
    /// Start and end in the text of every token; both the same for a tag.
    tokens: Vec<(usize, usize)>,
}

impl Page {
    fn of(source: &str) -> Self {
        let mut page = Self { text: String::new(), sections: Vec::new(), title: None, tokens: Vec::new() };
        let mut heading: Option<(usize, String)> = None;
        let mut open: Option<(Option<String>, usize)> = Some((None, 0));
        for token in source.split(' ') {
            let at = page.text.len();
            if let Some(tag) = token.strip_prefix('<').and_then(|t| t.strip_suffix('>')) {
                let (closes, name) = tag.strip_prefix('/').map_or((false, tag), |name| (true, name));
                let name = name.to_ascii_lowercase();
                let level = name
                    .strip_prefix('h')
                    .and_then(|n| n.parse::<usize>().ok())
                    .filter(|n| (1..=6).contains(n));
                match level {
                    Some(level) if !closes => {
                        page.close(&mut open);
                        heading = Some((level, String::new()));
                    }
                    Some(_) => {
                        if let Some((level, words)) = heading.take() {
                            if level == 1 && page.title.is_none() {
                                page.title = Some(words.clone());
                                open = Some((None, page.text.len()));
                            } else {
                                open = Some((Some(words), page.text.len()));
                            }
                        }
                    }
                    None if ["p", "li", "tr", "dd", "dt", "table", "ul", "ol", "dl"]
                        .contains(&name.as_str()) =>
                    {
                        page.paragraph();
                    }
                    None if closes && ["td", "th"].contains(&name.as_str()) && !page.text.ends_with("| ") => {
                        page.text.push_str(" | ");
                    }
                    None => {}
                }
                page.tokens.push((at.min(page.text.len()), at.min(page.text.len())));
                continue;
            }
            if let Some((_, words)) = &mut heading {
                // A heading stands above its section, not in the text.
                space(words, token);
                words.push_str(token);
                page.tokens.push((at, at));
                continue;
            }
            space(&mut page.text, token);
            let start = page.text.len();
            page.text.push_str(token);
            page.tokens.push((start, page.text.len()));
        }
        page.close(&mut open);
        page
    }

    fn paragraph(&mut self) {
        let kept = self.text.trim_end_matches([' ', '|', '\n']).len();
        self.text.truncate(kept);
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
    }

    fn close(&mut self, open: &mut Option<(Option<String>, usize)>) {
        if let Some((heading, start)) = open.take() {
            self.paragraph();
            let start = start.min(self.text.len());
            if !self.text[start..].trim().is_empty() {
                self.sections.push(Section { heading, range: start..self.text.len() });
            }
        }
    }

    /// The bytes of a run of tokens, without space around.
    fn bytes(&self, tokens: Range<usize>) -> Option<Range<usize>> {
        let run = self.tokens.get(tokens)?;
        let mut words = run.iter().filter(|(start, end)| start < end);
        let (start, end) = (words.clone().next()?.0, words.next_back()?.1);
        let inner = self.text.get(start..end)?;
        let start = start + (inner.len() - inner.trim_start().len());
        let end = start + inner.trim().len();
        (start < end).then_some(start..end)
    }
}

/// Puts a space before a token, unless none belongs there.
fn space(text: &mut String, token: &str) {
    let sticks = matches!(token, "." | "," | ";" | ":" | "?" | "!" | ")" | "]" | "'s" | "’s" | "''" | "%")
        || token.is_empty();
    let after =
        text.ends_with(['(', '[', '\n']) || text.ends_with("``") || text.ends_with("| ") || text.is_empty();
    if !sticks && !after {
        text.push(' ');
    }
}
