//! MedQuAD: a file of XML for each page of a health site, with its questions. The answers of a page are its document, a
//! section each; questions whose answer was removed for copyright are counted.

use super::Reader;
use super::found::Wrong;
use super::sink::{Asked, New, Sink};
use super::source::Source;
use super::text::decoded;
use crate::corpus::Gold;
use crate::corpus::document::Section;
use crate::fault::{Error, Fault, Result};
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader as Xml;

pub(super) struct MedQuad;

/// A page has some kilobytes.
const LARGEST: usize = 16 << 20;
/// Nothing in it is nested deeper than a handful.
const DEEPEST: usize = 64;

#[derive(Default)]
struct Page {
    focus: String,
    pairs: Vec<Pair>,
}

#[derive(Default)]
struct Pair {
    id: String,
    question: String,
    answer: String,
}

impl Reader for MedQuad {
    fn read(&self, files: &[Source], sink: &mut Sink<'_>) -> Result<()> {
        let meter = sink.meter.clone();
        for file in files {
            meter.tick(&file.name)?;
            let place = file.place();
            let whole = match file.whole(&meter, LARGEST) {
                Ok(whole) => whole,
                Err(Error::Fault(fault)) => {
                    sink.wrong(Wrong::Unreadable, || *fault);
                    continue;
                }
                Err(Error::Cancelled) => return Err(Error::Cancelled),
            };
            let page = match decoded(&whole) {
                Some(text) => page(&text, &place),
                None => {
                    Err(Fault::new(&place, "bytes that are no text").expected("XML").next("Fetch it again."))
                }
            };
            match page {
                Ok(page) => take(page, file, sink)?,
                Err(fault) => sink.wrong(Wrong::Unreadable, || fault),
            }
        }
        Ok(())
    }
}

fn page(text: &str, place: &str) -> Result<Page, Fault> {
    let wrong = |xml: &Xml<&[u8]>, found: String| {
        let at = usize::try_from(xml.buffer_position()).unwrap_or(usize::MAX).min(text.len());
        let line = 1 + text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count();
        Fault::new(format!("{place}:{line}"), found)
            .expected("XML of MedQuAD")
            .next("Correct it, or fetch it again.")
    };
    let mut xml = Xml::from_str(text);
    let (mut page, mut pair) = (Page::default(), Pair::default());
    let (mut into, mut depth, mut text_of) = (String::new(), 0usize, String::new());
    loop {
        let event = xml.read_event().map_err(|e| wrong(&xml, e.to_string()))?;
        match event {
            Event::Start(tag) => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(wrong(&xml, format!("elements nested {depth} deep")));
                }
                into = name(&tag);
                text_of.clear();
                match into.as_str() {
                    "qapair" | "pair" => pair = Pair::default(),
                    "question" => pair.id = attribute(&tag, "qid"),
                    _ => {}
                }
            }
            Event::Text(text) => text_of.push_str(&text.xml10_content()),
            Event::CData(text) => text_of.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => text_of.push_str(&referred(&reference)),
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                match into.as_str() {
                    "focus" | "doctitle-focus" => page.focus = super::sink::one_line(&text_of),
                    "question" => pair.question = text_of.clone(),
                    "answer" => {
                        pair.answer = paragraphs(&text_of);
                        page.pairs.push(std::mem::take(&mut pair));
                    }
                    _ => {}
                }
                into.clear();
            }
            Event::Empty(tag) if name(&tag) == "answer" => page.pairs.push(std::mem::take(&mut pair)),
            Event::Eof if depth > 0 => return Err(wrong(&xml, "the end within an element".into())),
            Event::Eof => return Ok(page),
            _ => {}
        }
    }
}

/// In small letters: a few files have other names for the same, in another case.
fn name(tag: &BytesStart<'_>) -> String {
    tag.name().as_ref().to_ascii_lowercase()
}

fn attribute(tag: &BytesStart<'_>, key: &str) -> String {
    match tag.try_get_attribute(key) {
        Ok(Some(attribute)) => attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_or(String::new(), |value| value.into_owned()),
        _ => String::new(),
    }
}

/// What a reference stands for: a character, one of the five names that XML has, or itself. Entities that a file defines
/// are not followed.
pub(super) fn referred(reference: &quick_xml::events::BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    let name = reference.xml10_content();
    match quick_xml::escape::resolve_predefined_entity(&name) {
        Some(known) => known.to_owned(),
        None => format!("&{name};"),
    }
}

/// Text that was indented with its tags: lines without their margins, blank ones between paragraphs.
fn paragraphs(text: &str) -> String {
    let mut out = String::new();
    let mut blank = false;
    for line in text.lines() {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            blank = !out.is_empty();
            continue;
        }
        if !out.is_empty() {
            out.push_str(if blank || line.starts_with("- ") { "\n\n" } else { "\n" });
        }
        // Lists were put on one line, each item after a hyphen with space around.
        out.push_str(&line);
        blank = false;
    }
    out
}

fn take(page: Page, file: &Source, sink: &mut Sink<'_>) -> Result<()> {
    let place = file.place();
    // Its own id is not its alone: some pages were divided into several files.
    let name = file.plain_name();
    let id = name.strip_suffix(".xml").unwrap_or(name).to_owned();
    let mut new = New { id: id.clone(), title: page.focus, ..New::default() };
    let mut asked = Vec::new();
    for pair in page.pairs {
        let question = super::sink::one_line(&pair.question);
        if pair.answer.trim().is_empty() {
            sink.wrong(Wrong::NoAnswer, || {
                Fault::new(&place, format!("no answer to {:?}", super::text::cut(&question)))
                    .expected("a question with its answer")
                    .next("The question is left out; the authors removed some answers for copyright.")
            });
            continue;
        }
        if !new.text.is_empty() {
            new.text.push_str("\n\n");
        }
        let start = new.text.len();
        new.text.push_str(&pair.answer);
        new.sections.push(Section { heading: Some(question.clone()), range: start..new.text.len() });
        asked.push(Asked {
            key: Some(pair.id).filter(|id| !id.is_empty()),
            gold: vec![Gold { document: id.clone(), quote: pair.answer.clone() }],
            question,
            answer: super::sink::one_line(&pair.answer),
            ..Asked::default()
        });
    }
    if !sink.document(new, &place)? {
        return Ok(());
    }
    asked.into_iter().for_each(|asked| sink.question(asked, &place));
    Ok(())
}
