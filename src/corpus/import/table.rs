//! Tables of a person's own: JSON Lines, a JSON array, CSV or TSV. Which column is what is said by `--map`, or seen by
//! the usual names.

use super::found::Wrong;
use super::json::texts;
use super::lines::each_object;
use super::sink::{Asked, New, Sink};
use super::source::Source;
use super::squad::each;
use super::text::{cut, sentence_around, title_of};
use super::{Reader, split};
use crate::corpus::{Gold, Split};
use crate::fault::{Fault, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;

/// What a column can be, and the names it is known by.
const COLUMNS: [(&str, &[&str]); 8] = [
    ("id", &["id", "_id", "doc_id", "docid", "uid", "pmid", "key"]),
    ("title", &["title", "headline", "name", "heading", "subject", "topic"]),
    (
        "text",
        &["text", "body", "content", "contents", "passage", "context", "document", "abstract", "article"],
    ),
    ("section", &["section", "section_title"]),
    ("question", &["question", "query", "prompt", "instruction"]),
    ("answer", &["answer", "answers", "response", "reference", "output", "completion"]),
    ("quote", &["quote", "evidence", "gold"]),
    ("split", &["split", "fold", "set"]),
];

/// Which column of a table is what: by part ("text", "title", …) the name of the column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mapping(BTreeMap<String, String>);

impl Mapping {
    /// Reads `text=body,title=headline`.
    ///
    /// # Errors
    /// A [`Fault`] for a part that there is none of, or one without a column.
    pub fn parse(said: &str) -> Result<Self> {
        let mut mapping = BTreeMap::new();
        for pair in said.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let known = pair
                .split_once('=')
                .map(|(part, column)| (part.trim(), column.trim()))
                .filter(|(part, column)| COLUMNS.iter().any(|(name, _)| name == part) && !column.is_empty());
            let Some((part, column)) = known else {
                let parts: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
                return Err(Fault::new("--map", format!("{pair:?}"))
                    .expected(format!("PART=COLUMN, where PART is one of {}", parts.join(", ")))
                    .next("For instance --map text=body,title=headline.")
                    .into());
            };
            mapping.insert(part.to_owned(), column.to_owned());
        }
        Ok(Self(mapping))
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The column of a part: the one that was said, or one that has a usual name.
    fn column<'c>(&self, part: &str, columns: &[&'c str]) -> Option<&'c str> {
        if let Some(said) = self.0.get(part) {
            return columns.iter().copied().find(|c| c == said);
        }
        let (_, names) = COLUMNS.iter().find(|(name, _)| *name == part)?;
        names.iter().find_map(|name| columns.iter().copied().find(|c| c.trim().eq_ignore_ascii_case(name)))
    }

    /// Whether so named columns make documents or questions.
    pub(super) fn fits(&self, columns: &[&str]) -> bool {
        self.column("text", columns).is_some() || self.column("question", columns).is_some()
    }
}

pub(super) struct Table(pub Mapping);

/// One row, by column.
type Row = Vec<(String, Value)>;

impl Reader for Table {
    fn read(&self, files: &[Source], sink: &mut Sink<'_>) -> Result<()> {
        for file in files {
            let named = split::named(&file.name);
            let stem = file.plain_name().rsplit('/').next().unwrap_or_default();
            let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem).to_owned();
            let mut rows = 0usize;
            let mut see = |sink: &mut Sink<'_>, row: Row, place: &str| {
                rows += 1;
                self.row(&row, &format!("{stem}-{rows}"), named, place, sink)
            };
            let head = file.head()?;
            match super::recognise::shape(&head) {
                super::recognise::Shape::Lines => {
                    each_object(file, sink, &mut |sink, value, place| see(sink, row_of(value), place))?
                }
                super::recognise::Shape::Json => each(file, sink, None, &mut |sink, key, value| {
                    see(sink, row_of(value), &format!("{}, [{key}]", file.place()))
                })?,
                super::recognise::Shape::Other => self.separated(file, sink, &mut see)?,
            }
        }
        Ok(())
    }
}

fn row_of(value: Value) -> Row {
    match value {
        Value::Object(map) => map.into_iter().collect(),
        _ => Vec::new(),
    }
}

impl Table {
    fn row(
        &self,
        row: &Row,
        number: &str,
        named: Option<Split>,
        place: &str,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        let columns: Vec<&str> = row.iter().map(|(column, _)| column.as_str()).collect();
        let all = |part: &str| -> Vec<String> {
            let column = self.0.column(part, &columns);
            let value = column.and_then(|c| row.iter().find(|(name, _)| name == c)).map(|(_, value)| value);
            value.map(parts).unwrap_or_default().into_iter().filter(|t| !t.trim().is_empty()).collect()
        };
        let one = |part: &str| all(part).into_iter().next();
        if !self.0.fits(&columns) {
            sink.wrong(Wrong::Shape, || {
                Fault::new(place, format!("the columns {}", cut(&columns.join(", "))))
                    .expected("one with the text of documents, or one with questions")
                    .next("Say which is which, for instance --map text=body,title=headline.")
            });
            return Ok(());
        }
        let text = all("text").join("\n\n");
        let question = one("question");
        let mut id = one("id").filter(|_| question.is_none()).unwrap_or_else(|| number.to_owned());
        if !text.trim().is_empty() {
            if question.is_some() {
                // Several questions may come with the same text.
                id = format!("text-{}", &blake3::hash(text.as_bytes()).to_hex()[..12]);
            }
            if question.is_none() || !sink.has(&id) {
                let title = one("title").unwrap_or_else(|| title_of(&text));
                let new = New { id: id.clone(), title, text: text.clone(), sections: Vec::new() };
                sink.document(new, place)?;
            }
        } else if question.is_none() {
            sink.wrong(Wrong::EmptyDocument, || {
                Fault::new(place, "no text").expected("the text of a document").next("It is left out.")
            });
        }
        let Some(question) = question else { return Ok(()) };
        let answers = all("answer");
        let answer = answers.first().cloned().unwrap_or_default();
        let mut asked = Asked {
            key: one("id").or(Some(number.to_owned())),
            split: one("split").and_then(|s| split::named(&s)).or(named),
            question,
            key_points: Some(answer.clone()).filter(|a| a.len() <= 60 && !a.is_empty()).into_iter().collect(),
            answer,
            ..Asked::default()
        };
        if sink.has(&id) {
            asked.about = vec![id.clone()];
            let quotes = all("quote");
            let quotes = if quotes.is_empty() { vec![asked.answer.clone()] } else { quotes };
            for quote in quotes.iter().filter(|q| !q.trim().is_empty()) {
                if let Some(at) = text.find(quote.as_str()) {
                    let range = sentence_around(&text, at..at + quote.len());
                    asked.gold.push(Gold { document: id.clone(), quote: text[range].to_owned() });
                }
            }
            if asked.gold.is_empty() {
                // The text came with the question: that it answers it is known, where is not.
                asked.gold.push(Gold { document: id, quote: text });
            }
        } else {
            asked.open = true;
        }
        sink.question(asked, place);
        Ok(())
    }

    fn separated(
        &self,
        file: &Source,
        sink: &mut Sink<'_>,
        see: &mut dyn FnMut(&mut Sink<'_>, Row, &str) -> Result<()>,
    ) -> Result<()> {
        let meter = sink.meter.clone();
        let head = file.head()?;
        let first = head.split(|b| *b == b'\n').next().unwrap_or_default();
        let count = |c: u8| first.iter().filter(|b| **b == c).count();
        let delimiter = [b'\t', b';', b','].into_iter().max_by_key(|c| count(*c)).unwrap_or(b',');
        let reader = Records { inner: file.open(&meter)?, since: 0, quotes: 0 };
        let mut csv = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(reader);
        let place = |position: Option<&csv::Position>| position.map_or(file.place(), |p| file.line(p.line()));
        let headers: Vec<String> = match csv.byte_headers() {
            Ok(headers) => headers
                .iter()
                .map(|h| {
                    let text = String::from_utf8_lossy(h);
                    text.trim_start_matches('\u{feff}').trim().to_owned()
                })
                .collect(),
            Err(e) => return Err(failed(file, &meter, e)),
        };
        let mut record = csv::ByteRecord::new();
        // Where the last row began, and whether it goes over lines.
        let mut last = (0, false);
        loop {
            match csv.read_byte_record(&mut record) {
                Ok(true) => {}
                // The last row has taken all after it, if its quotation mark was never closed.
                Ok(false) if csv.get_ref().quotes % 2 == 1 && last.1 => {
                    return Err(Fault::new(file.line(last.0), "a quotation mark that is never closed")
                        .expected("one before and one after each field that has them")
                        .next("Close it, or write it twice where it is part of the text.")
                        .into());
                }
                Ok(false) => return Ok(()),
                Err(e) => return Err(failed(file, &meter, e)),
            }
            csv.get_mut().since = 0;
            last =
                (record.position().map_or(0, csv::Position::line), record.iter().any(|c| c.contains(&b'\n')));
            meter.tick(&file.name)?;
            let at = place(record.position());
            if record.len() != headers.len() {
                let (found, wanted) = (record.len(), headers.len());
                sink.wrong(Wrong::Shape, || {
                    Fault::new(at, format!("{found} fields"))
                        .expected(format!("{wanted}, as in the first line"))
                        .next("Look for a quotation mark or a separator too many; the row is left out.")
                });
                continue;
            }
            let cell =
                |bytes: &[u8]| super::text::decoded(bytes).map(|text| Value::String(text.into_owned()));
            let cells: Option<Vec<Value>> = record.iter().map(cell).collect();
            match cells {
                Some(cells) => see(sink, headers.iter().cloned().zip(cells).collect(), &at)?,
                None => sink.wrong(Wrong::Unreadable, || {
                    Fault::new(at, "bytes that are no text").expected("text").next("The row is left out.")
                }),
            }
        }
    }
}

fn failed(file: &Source, meter: &super::source::Meter<'_>, error: csv::Error) -> crate::fault::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(e) => file.failed_in(&e, meter),
        other => Fault::new(file.place(), format!("{other:?}"))
            .expected("a table")
            .next("Save it as CSV again.")
            .into(),
    }
}

/// Texts in a value, those of objects below too: `{"text":["a"]}` is an answer as well.
fn parts(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => map.get("text").map(texts).unwrap_or_default(),
        Value::Bool(flag) => vec![if *flag { "yes".into() } else { "no".into() }],
        other => texts(other),
    }
}

/// Refuses a record that never ends, as one quotation mark too many makes it.
struct Records {
    inner: Box<dyn std::io::BufRead>,
    since: usize,
    quotes: usize,
}

impl Read for Records {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(into)?;
        self.since += read;
        self.quotes += into[..read].iter().filter(|b| **b == b'"').count();
        if self.since > super::source::LONGEST_LINE {
            return Err(std::io::Error::other(format!(
                "more than {} MiB in one row",
                super::source::LONGEST_LINE >> 20
            )));
        }
        Ok(read)
    }
}
