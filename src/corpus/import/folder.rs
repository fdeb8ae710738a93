//! A person's own documents: texts, Markdown, HTML, PDF and DOCX, in a folder with folders below it.

use super::found::Wrong;
use super::sink::{LONGEST_TEXT, New, Sink, one_line};
use super::source::Source;
use super::text::{decoded, decoded_head};
use super::{Reader, docx, html, pdf};
use crate::corpus::Document;
use crate::fault::{Error, Fault, Result};
use std::path::PathBuf;

pub(super) struct Documents {
    /// The program that reads a PDF in a process of its own; without one, a thread does.
    pub program: Option<PathBuf>,
}

/// No document that a person has is larger, unless it is a PDF full of pictures.
const LARGEST: usize = 256 << 20;
/// A text that is longer is divided into parts of about this length.
const PART: usize = 4 << 20;

/// What a document is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Markdown,
    Html,
    Pdf,
    Docx,
}

/// The form of a file, by its content and its name.
pub(super) fn form(file: &Source, head: &[u8]) -> Option<Form> {
    let ending = file.ending();
    if head.starts_with(b"%PDF-") || ending == "pdf" {
        return Some(Form::Pdf);
    }
    if ending == "docx" {
        return Some(Form::Docx);
    }
    let text = decoded_head(head)?;
    let start = text.trim_start().get(..64).unwrap_or(text.trim_start()).to_ascii_lowercase();
    if matches!(ending.as_str(), "html" | "htm" | "xhtml")
        || start.starts_with("<!doctype html")
        || start.starts_with("<html")
    {
        return Some(Form::Html);
    }
    match ending.as_str() {
        "md" | "markdown" => Some(Form::Markdown),
        "txt" | "text" | "rst" | "org" | "adoc" | "asc" | "tex" | "" => Some(Form::Text),
        _ => None,
    }
}

impl Reader for Documents {
    fn read(&self, files: &[Source], sink: &mut Sink<'_>) -> Result<()> {
        let meter = sink.meter.clone();
        for file in files {
            meter.tick(&file.name)?;
            match self.one(file, sink) {
                Ok(()) => {}
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                // One file that cannot be read keeps nobody from the others.
                Err(Error::Fault(fault)) => sink.wrong(Wrong::Unreadable, || *fault),
            }
        }
        Ok(())
    }
}

impl Documents {
    fn one(&self, file: &Source, sink: &mut Sink<'_>) -> Result<()> {
        let meter = sink.meter.clone();
        let place = file.place();
        let head = file.head()?;
        let no_text = || {
            Error::from(
                Fault::new(&place, "bytes that are no text")
                    .expected("a text, Markdown, HTML, PDF or DOCX")
                    .next("Save it as one of these; the other files are read."),
            )
        };
        let document = match form(file, &head).ok_or_else(no_text)? {
            Form::Pdf => {
                meter.passed(file.size);
                pdf::read(file, self.program.as_deref(), meter.cancel)?
            }
            Form::Docx => docx::read(&file.whole(&meter, LARGEST)?, &place)?,
            Form::Html => {
                let bytes = file.whole(&meter, html::LARGEST)?;
                html::read(&html::decoded(&bytes).ok_or_else(no_text)?, &place)?
            }
            Form::Markdown => {
                let bytes = file.whole(&meter, LARGEST)?;
                markdown(&decoded(&bytes).ok_or_else(no_text)?)
            }
            Form::Text => {
                let bytes = file.whole(&meter, LARGEST)?;
                let text = decoded(&bytes).ok_or_else(no_text)?.replace("\r\n", "\n");
                New { text, ..New::default() }
            }
        };
        self.take(document, file, sink)
    }

    fn take(&self, mut new: New, file: &Source, sink: &mut Sink<'_>) -> Result<()> {
        if new.title.trim().is_empty() {
            new.title = named(file.plain_name());
        }
        new.id.clone_from(&file.name);
        let place = file.place();
        if new.text.len() <= LONGEST_TEXT {
            return sink.document(new, &place).map(|_| ());
        }
        let mut rest = new.text.as_str();
        let mut part = 1;
        while !rest.is_empty() {
            let mut end = PART.min(rest.len());
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            if end < rest.len() {
                let head = &rest[..end];
                end = head
                    .rfind("\n\n")
                    .or_else(|| head.rfind('\n'))
                    .or_else(|| head.rfind(' '))
                    .map_or(end, |at| at + 1);
            }
            let (head, tail) = rest.split_at(end);
            let piece = New {
                id: format!("{} ({part})", new.id),
                title: format!("{} ({part})", new.title),
                text: head.to_owned(),
                sections: Vec::new(),
            };
            sink.document(piece, &place)?;
            (rest, part) = (tail, part + 1);
        }
        Ok(())
    }
}

/// Markdown: title and sections by its headings. What stands between `---` lines at the top is about the text.
pub(super) fn markdown(source: &str) -> New {
    let source = source.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let (mut title, mut body) = (String::new(), source.as_str());
    if let Some(rest) = source.strip_prefix("---\n")
        && let Some((about, after)) = rest.split_once("\n---\n")
    {
        let said = about.lines().find_map(|line| line.strip_prefix("title:"));
        title = said.map_or(String::new(), |t| t.trim().trim_matches(['"', '\'']).to_owned());
        body = after;
    }
    let document = Document::markdown(String::new(), body);
    if !document.title.is_empty() {
        title = document.title;
    }
    New { id: String::new(), title: one_line(&title), text: document.text, sections: document.sections }
}

/// A file's name as a title: "my_notes-2.txt" is "my notes 2".
fn named(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    one_line(&stem.replace(['_', '-'], " "))
}
