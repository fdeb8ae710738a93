//! DOCX: the paragraphs of `word/document.xml`, with headings as sections and table rows a paragraph each. Nothing is
//! unpacked to the disk, entities are not followed, and a part that unfolds beyond belief is refused.

use super::medquad::referred;
use super::sink::{New, one_line};
use crate::corpus::document::Section;
use crate::fault::{Fault, Result};
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader as Xml;
use std::io::{Cursor, Read};

/// The largest part, unpacked.
const LARGEST: u64 = 128 << 20;
const DEEPEST: usize = 512;

pub(super) fn read(bytes: &[u8], place: &str) -> Result<New> {
    let wrong = |found: String| {
        Fault::new(place, found)
            .expected("a DOCX, as word processors save it")
            .next("Open it, and save it again as DOCX.")
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| wrong(e.to_string()))?;
    let mut part = |name: &str| -> Result<Option<String>, Fault> {
        let file = match archive.by_name(name) {
            Ok(file) => file,
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            Err(e) => return Err(wrong(format!("{e} in {name}"))),
        };
        // What is said of the size may be a lie; what comes out is counted.
        let mut text = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut text).map_err(|e| wrong(format!("{e} in {name}")))?;
        if text.len() as u64 > LARGEST {
            return Err(wrong(format!("more than {} MiB in {name}", LARGEST >> 20)));
        }
        String::from_utf8(text).map(Some).map_err(|_| wrong(format!("bytes that are not UTF-8 in {name}")))
    };
    let body = part("word/document.xml")?.ok_or_else(|| wrong("no word/document.xml".into()))?;
    let about = part("docProps/core.xml")?.unwrap_or_default();
    let mut new = paragraphs(&body).map_err(|e| wrong(format!("{e} in word/document.xml")))?;
    let title = title(&about);
    if !title.is_empty() {
        new.title = title;
    }
    Ok(new)
}

#[derive(Default)]
struct Building {
    new: New,
    heading: Option<String>,
    start: usize,
    paragraph: String,
    style: String,
    /// Cells of the row that is open, if one is.
    row: Option<Vec<String>>,
    in_text: bool,
    in_deleted: bool,
}

fn paragraphs(xml: &str) -> Result<New, String> {
    let mut xml = Xml::from_str(xml);
    let mut b = Building::default();
    let mut depth = 0usize;
    loop {
        match xml.read_event().map_err(|e| e.to_string())? {
            Event::Start(tag) => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(format!("elements nested {depth} deep"));
                }
                b.open(&tag);
            }
            Event::Empty(tag) => b.empty(&tag),
            Event::Text(text) if b.in_text => b.paragraph.push_str(&text.xml10_content()),
            Event::CData(text) if b.in_text => b.paragraph.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) if b.in_text => b.paragraph.push_str(&referred(&reference)),
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                b.close(local(tag.name().as_ref()));
            }
            Event::Eof if depth > 0 => return Err("the end within an element".into()),
            Event::Eof => return Ok(b.end()),
            _ => {}
        }
    }
}

impl Building {
    fn open(&mut self, tag: &BytesStart<'_>) {
        match local(tag.name().as_ref()) {
            "p" => {
                self.paragraph.clear();
                self.style.clear();
            }
            "t" => self.in_text = !self.in_deleted,
            "del" => self.in_deleted = true,
            "tr" => self.row = Some(Vec::new()),
            "pStyle" => self.style = value(tag),
            _ => {}
        }
    }

    fn empty(&mut self, tag: &BytesStart<'_>) {
        match local(tag.name().as_ref()) {
            "tab" => self.paragraph.push(' '),
            "br" | "cr" => self.paragraph.push('\n'),
            "noBreakHyphen" => self.paragraph.push('-'),
            "pStyle" => self.style = value(tag),
            _ => {}
        }
    }

    fn close(&mut self, tag: &str) {
        match tag {
            "t" => self.in_text = false,
            "del" => self.in_deleted = false,
            "p" => {
                let text = std::mem::take(&mut self.paragraph);
                let style = self.style.to_ascii_lowercase();
                if let Some(row) = &mut self.row {
                    row.push(one_line(&text));
                } else if style.contains("title") && self.new.title.is_empty() && self.new.text.is_empty() {
                    self.new.title = one_line(&text);
                } else if (style.contains("heading") || style.contains("berschrift"))
                    && !text.trim().is_empty()
                {
                    self.section();
                    self.heading = Some(one_line(&text));
                } else {
                    self.push(text.trim());
                }
            }
            "tr" => {
                let row = self.row.take().unwrap_or_default();
                let cells: Vec<String> = row.into_iter().filter(|c| !c.is_empty()).collect();
                self.push(&cells.join(" | "));
            }
            _ => {}
        }
    }

    fn push(&mut self, paragraph: &str) {
        if paragraph.is_empty() {
            return;
        }
        if !self.new.text.is_empty() {
            self.new.text.push_str("\n\n");
        }
        self.new.text.push_str(paragraph);
    }

    fn section(&mut self) {
        let range = self.start..self.new.text.len();
        if !self.new.text[range.clone()].trim().is_empty() {
            self.new.sections.push(Section { heading: self.heading.take(), range });
        }
        self.start = self.new.text.len();
    }

    fn end(mut self) -> New {
        self.section();
        self.new
    }
}

/// The name of a tag without its namespace.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

fn value(tag: &BytesStart<'_>) -> String {
    tag.attributes()
        .flatten()
        .find(|a| local(a.key.as_ref()) == "val")
        .map_or(String::new(), |a| a.value.clone().into_owned())
}

/// `dc:title` of the part that says who made the file and when.
fn title(xml: &str) -> String {
    let mut xml = Xml::from_str(xml);
    let (mut inside, mut title) = (false, String::new());
    loop {
        match xml.read_event() {
            Ok(Event::Start(tag)) => inside = local(tag.name().as_ref()) == "title",
            Ok(Event::End(_)) if inside => return one_line(&title),
            Ok(Event::Text(text)) if inside => title.push_str(&text.xml10_content()),
            Ok(Event::GeneralRef(reference)) if inside => title.push_str(&referred(&reference)),
            Ok(Event::Eof) | Err(_) => return String::new(),
            Ok(_) => {}
        }
    }
}
