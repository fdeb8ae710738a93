//! Extracts of Wikipedia as WikiExtractor writes them: `<doc id="…" url="…" title="…">`, the title again, the paragraphs a
//! line each, `</doc>`.

use super::Reader;
use super::found::Wrong;
use super::lines::each_text;
use super::sink::{LONGEST_TEXT, New, Sink};
use super::source::Source;
use crate::fault::{Fault, Result};

pub(super) struct Wikipedia;

struct Page {
    id: String,
    title: String,
    text: String,
    place: String,
    /// Lines that were left out since the text was too long.
    cut: bool,
}

impl Reader for Wikipedia {
    fn read(&self, files: &[Source], sink: &mut Sink<'_>) -> Result<()> {
        for file in files {
            pages(file, sink)?;
        }
        Ok(())
    }
}

fn pages(file: &Source, sink: &mut Sink<'_>) -> Result<()> {
    let mut page: Option<Page> = None;
    each_text(file, sink, &mut |sink, number, line| {
        if line.starts_with("<doc ") {
            if let Some(open) = page.take() {
                unclosed(&open, sink);
                end(open, sink)?;
            }
            let title = attribute(line, "title").unwrap_or_default();
            let id = attribute(line, "id").unwrap_or_else(|| title.clone());
            page = Some(Page { id, title, text: String::new(), place: file.line(number), cut: false });
        } else if line.trim_end() == "</doc>" {
            match page.take() {
                Some(open) => end(open, sink)?,
                None => sink.wrong(Wrong::Shape, || {
                    Fault::new(file.line(number), "</doc>")
                        .expected("<doc …> before it")
                        .next("It is passed over.")
                }),
            }
        } else if let Some(page) = &mut page {
            let text = line.trim();
            if text.is_empty() || (page.text.is_empty() && text == page.title) {
                return Ok(());
            }
            if page.text.len() + text.len() + 2 > LONGEST_TEXT {
                page.cut = true;
                return Ok(());
            }
            if !page.text.is_empty() {
                page.text.push_str("\n\n");
            }
            page.text.push_str(text);
        } else if !line.trim().is_empty() {
            sink.wrong(Wrong::Shape, || {
                Fault::new(file.line(number), "text outside of any article")
                    .expected("<doc …> before it")
                    .next("The line is left out.")
            });
        }
        Ok(())
    })?;
    if let Some(open) = page {
        unclosed(&open, sink);
        end(open, sink)?;
    }
    Ok(())
}

fn unclosed(page: &Page, sink: &mut Sink<'_>) {
    sink.wrong(Wrong::Shape, || {
        Fault::new(&page.place, "an article without its end")
            .expected("</doc> before the next one")
            .next("What stands there is taken.")
    });
}

fn end(page: Page, sink: &mut Sink<'_>) -> Result<()> {
    if page.cut {
        sink.wrong(Wrong::Shape, || {
            Fault::new(&page.place, format!("an article of more than {} MiB", LONGEST_TEXT >> 20))
                .expected("a shorter one")
                .next("What goes beyond is left out.")
        });
    }
    let new = New { id: page.id, title: page.title, text: page.text, sections: Vec::new() };
    sink.document(new, &page.place).map(|_| ())
}

/// The value of an attribute, with what XML escapes.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let rest = &tag[start..];
    // A title may hold quotation marks, unescaped: the last one before the next attribute or the end closes it.
    let end = if name == "title" { rest.rfind('"')? } else { rest.find('"')? };
    let value = &rest[..end];
    Some(quick_xml::escape::unescape(value).map_or_else(|_| value.to_owned(), |v| v.into_owned()))
}
