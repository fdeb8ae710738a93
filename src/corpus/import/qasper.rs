//! Qasper: papers with their full text, and questions with evidence: `{paper:{"title","abstract","full_text":[…],"qas"}}`.

use super::found::Wrong;
use super::json::{self, list, text, texts};
use super::sink::{Asked, New, Sink};
use super::source::Source;
use super::squad::each;
use super::{Reader, no_answer, split};
use crate::corpus::document::Section;
use crate::corpus::{Gold, Kind};
use crate::fault::{Fault, Result};
use serde_json::Value;

pub(super) struct Qasper;

/// What evidence is called that is a figure or a table: not in the text.
const FLOAT: &str = "FLOAT SELECTED";

impl Reader for Qasper {
    fn read(&self, files: &[Source], sink: &mut Sink<'_>) -> Result<()> {
        for file in files {
            let named = split::named(&file.name);
            each(file, sink, None, &mut |sink, id, value| {
                let place = format!("{}, {id:?}", file.place());
                let new = paper(id, &value);
                let whole = new.text.clone();
                if !sink.document(new, &place)? {
                    return Ok(());
                }
                for (n, question) in list(&value, "qas").iter().enumerate() {
                    let place = format!("{place}.qas[{n}]");
                    let mut asked = Asked {
                        key: json::id(question, "question_id"),
                        split: named,
                        question: text(question, "question").unwrap_or_default().to_owned(),
                        about: vec![id.to_owned()],
                        ..Asked::default()
                    };
                    if answer(question, id, &whole, &place, &mut asked, sink) {
                        sink.question(asked, &place);
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn paper(id: &str, value: &Value) -> New {
    let mut new = New {
        id: id.to_owned(),
        title: text(value, "title").unwrap_or_default().to_owned(),
        ..New::default()
    };
    let mut push = |heading: Option<String>, paragraphs: &mut dyn Iterator<Item = &str>| {
        if !new.text.is_empty() {
            new.text.push_str("\n\n");
        }
        let start = new.text.len();
        for paragraph in paragraphs.filter(|p| !p.trim().is_empty()) {
            if new.text.len() > start {
                new.text.push_str("\n\n");
            }
            new.text.push_str(paragraph.trim());
        }
        if new.text.len() > start {
            new.sections.push(Section { heading, range: start..new.text.len() });
        }
    };
    push(Some("Abstract".into()), &mut text(value, "abstract").into_iter());
    for section in list(value, "full_text") {
        let heading = text(section, "section_name").map(|h| h.replace(" ::: ", ": "));
        push(heading, &mut list(section, "paragraphs").iter().filter_map(Value::as_str));
    }
    new
}

/// Puts the first annotator's answer into `asked`, unless most of them found none. Whether there is anything to ask.
fn answer(
    question: &Value,
    id: &str,
    whole: &str,
    place: &str,
    asked: &mut Asked,
    sink: &mut Sink<'_>,
) -> bool {
    let answers: Vec<&Value> = list(question, "answers").iter().filter_map(|a| a.get("answer")).collect();
    let none = |a: &&Value| a.get("unanswerable").and_then(Value::as_bool) == Some(true);
    let unanswerable = answers.iter().filter(|a| none(a)).count();
    if !answers.is_empty() && 2 * unanswerable > answers.len() {
        no_answer(asked);
        return true;
    }
    let Some(answer) = answers.into_iter().find(|a| !none(a)) else { return true };
    let spans = answer.get("extractive_spans").map(texts).unwrap_or_default();
    let free = text(answer, "free_form_answer").unwrap_or_default().trim();
    match answer.get("yes_no").and_then(Value::as_bool) {
        Some(yes) => {
            asked.answer = if yes { "Yes.".into() } else { "No.".into() };
            asked.key_points = vec![if yes { "yes".into() } else { "no".into() }];
            asked.kind = Some(Kind::YesNo);
        }
        None if !free.is_empty() => asked.answer = free.to_owned(),
        None => {
            asked.answer = spans.join(", ");
            asked.key_points = spans.iter().take(4).cloned().collect();
        }
    }
    for key in ["highlighted_evidence", "evidence"] {
        let evidence = answer.get(key).map(texts).unwrap_or_default();
        for quote in evidence.into_iter().filter(|e| !e.is_empty() && !e.starts_with(FLOAT)) {
            if whole.contains(&quote) {
                asked.gold.push(Gold { document: id.to_owned(), quote });
            } else if key == "evidence" {
                sink.wrong(Wrong::AnswerNotThere, || {
                    Fault::new(place, format!("the evidence {:?}", super::text::cut(&quote)))
                        .expected("a paragraph of the paper, letter for letter")
                        .next("It is left out.")
                });
            }
        }
        if !asked.gold.is_empty() {
            break;
        }
    }
    // Evidence in figures and tables only, or none: the answer is known, its place in the text is not.
    asked.open = asked.gold.is_empty();
    true
}
