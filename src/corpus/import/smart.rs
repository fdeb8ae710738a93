//! Collections of the SMART system, as Cranfield and CISI: documents and questions as records of dotted fields (`.I 1`,
//! `.T` title, `.A` author, `.B` where it appeared, `.W` text), and judgments as columns of numbers.

use super::Reader;
use super::found::Wrong;
use super::lines::each_text;
use super::sink::{New, Sink, one_line};
use super::source::Source;
use crate::fault::{Fault, Result};
use std::collections::HashSet;

pub(super) struct Smart;

/// Whether a file is one of records; the others are of judgments.
pub(super) fn is_records(head: &str) -> bool {
    // CISI's documents begin with the last field of a record that is not there.
    head.starts_with('.')
        && head.lines().take(3).any(|line| line.starts_with(".I "))
        && ["\n.W", "\n.T", "\n.A"].iter().any(|f| head.contains(f))
}

/// Whether a text is nothing but columns of numbers.
pub(super) fn is_numbers(head: &str) -> bool {
    // The last line may be cut.
    let whole = head.rfind('\n').map_or(head, |end| &head[..end]);
    let mut lines = whole.lines().filter(|l| !l.trim().is_empty()).take(50).peekable();
    lines.peek().is_some()
        && lines.all(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            (3..=4).contains(&columns.len())
                && columns[..3].iter().all(|c| c.parse::<i64>().is_ok())
                && columns.get(3).is_none_or(|c| c.parse::<f64>().is_ok())
        })
}

/// Questions have a text and hardly more; documents have authors or titles.
fn is_questions(file: &Source, head: &str) -> bool {
    let name = file.plain_name().to_ascii_lowercase();
    ["qry", "quer", "que"].iter().any(|n| name.rsplit('/').next().is_some_and(|f| f.contains(n)))
        || !(head.contains("\n.T") || head.contains("\n.A"))
}

#[derive(Default)]
struct Record {
    id: String,
    place: String,
    title: String,
    text: String,
}

impl Reader for Smart {
    fn read(&self, files: &[Source], sink: &mut Sink<'_>) -> Result<()> {
        let mut questions: Vec<Record> = Vec::new();
        let mut judgments: Vec<(String, String, i32)> = Vec::new();
        for file in files {
            let head = String::from_utf8_lossy(&file.head()?).into_owned();
            if !is_records(&head) {
                numbers(file, sink, &mut judgments)?;
            } else if is_questions(file, &head) {
                records(file, sink, &mut |_, record| {
                    questions.push(record);
                    Ok(())
                })?;
            } else {
                records(file, sink, &mut |sink, record| {
                    let text = body(&record);
                    let new =
                        New { id: record.id, title: one_line(&record.title), text, sections: Vec::new() };
                    sink.document(new, &record.place)?;
                    Ok(())
                })?;
            }
        }
        // Cranfield's questions have numbers with gaps, and its judgments count them by position.
        let ids: HashSet<&str> = questions.iter().map(|q| q.id.as_str()).collect();
        let asked: HashSet<&str> = judgments.iter().map(|(q, _, _)| q.as_str()).collect();
        let position = |id: &str| id.parse::<usize>().is_ok_and(|n| (1..=questions.len()).contains(&n));
        let by_position = asked.iter().any(|id| !ids.contains(id)) && asked.iter().all(|id| position(id));
        for (n, question) in questions.iter().enumerate() {
            let id = if by_position { (n + 1).to_string() } else { question.id.clone() };
            sink.query(&id, &body(question), None, &question.place);
        }
        let codes: HashSet<i32> = judgments.iter().map(|(_, _, code)| *code).collect();
        for (question, document, code) in judgments {
            sink.judge(&question, &document, grade(code, &codes), None);
        }
        Ok(())
    }
}

/// Numbers of judgments as grades that grow with relevance. Where there is only one, all that is listed is relevant;
/// where there are several, they are Cleverdon's: 1 a complete answer, 4 of minimum interest, 5 of none.
fn grade(code: i32, codes: &HashSet<i32>) -> i32 {
    if codes.len() == 1 {
        return 1;
    }
    match code {
        1..=4 => 5 - code,
        _ => 0,
    }
}

/// The text; Cranfield's repeats its title as the first lines.
fn body(record: &Record) -> String {
    let (title, text) = (one_line(&record.title), record.text.trim());
    let mut rest = text;
    for word in title.split_whitespace() {
        match rest.trim_start().strip_prefix(word) {
            Some(after) => rest = after,
            None => return text.to_owned(),
        }
    }
    let rest = rest.trim_start();
    if rest.is_empty() { text.to_owned() } else { rest.to_owned() }
}

fn records<'a>(
    file: &Source,
    sink: &mut Sink<'a>,
    see: &mut dyn FnMut(&mut Sink<'a>, Record) -> Result<()>,
) -> Result<()> {
    let (mut record, mut field): (Option<Record>, char) = (None, ' ');
    each_text(file, sink, &mut |sink, number, line| {
        if let Some(id) = line.strip_prefix(".I ") {
            if let Some(done) = record.take() {
                see(sink, done)?;
            }
            let id = id.trim();
            let plain = id.trim_start_matches('0');
            let id = if plain.is_empty() { id } else { plain };
            record = Some(Record { id: id.to_owned(), place: file.line(number), ..Record::default() });
            field = ' ';
            return Ok(());
        }
        let named = line.strip_prefix('.').map(str::trim_end).filter(|f| f.len() == 1 && f.is_ascii());
        if let Some(named) = named.and_then(|f| f.chars().next()).filter(char::is_ascii_uppercase) {
            field = named;
            return Ok(());
        }
        let Some(record) = &mut record else {
            if !line.trim().is_empty() {
                sink.wrong(Wrong::Shape, || {
                    Fault::new(file.line(number), "text before the first record")
                        .expected(".I and a number")
                        .next("The line is left out.")
                });
            }
            return Ok(());
        };
        let into = match field {
            'T' => &mut record.title,
            'W' => &mut record.text,
            _ => return Ok(()),
        };
        if into.len() + line.len() <= super::sink::LONGEST_TEXT {
            into.push_str(line);
            into.push('\n');
        }
        Ok(())
    })?;
    record.map_or(Ok(()), |done| see(sink, done))
}

fn numbers(file: &Source, sink: &mut Sink<'_>, judgments: &mut Vec<(String, String, i32)>) -> Result<()> {
    each_text(file, sink, &mut |sink, number, line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        match columns[..] {
            [] => {}
            [question, document, code] | [question, document, code, _]
                if question.parse::<u64>().is_ok()
                    && document.parse::<u64>().is_ok()
                    && code.parse::<i32>().is_ok() =>
            {
                let plain = |id: &str| id.trim_start_matches('0').to_owned();
                judgments.push((plain(question), plain(document), code.parse().unwrap_or(0)));
            }
            _ => {
                let found = format!("{:?}", super::text::cut(line));
                sink.wrong(Wrong::Unreadable, || {
                    Fault::new(file.line(number), found)
                        .expected("numbers of question, document and relevance")
                        .next("The line is left out.")
                });
            }
        }
        Ok(())
    })
}
