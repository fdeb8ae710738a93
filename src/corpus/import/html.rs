//! HTML to text with headings as sections. html2text makes the text; it runs on a thread with room for deep nesting, and
//! what it panics at is told, not passed on.

use super::folder::markdown;
use super::sink::{New, one_line};
use crate::fault::{Fault, Result};
use std::borrow::Cow;

/// The largest page, in bytes.
pub(super) const LARGEST: usize = 16 << 20;
/// Elements within elements beyond this are no page that a person wrote.
const DEEPEST: usize = 2_000;
const STACK: usize = 256 << 20;
/// Where lines are wrapped, in columns: a single line break ends no sentence.
const WIDTH: usize = 1_000;

/// Bytes as text, by the encoding that the page names, else by what they look like.
pub(super) fn decoded(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if std::str::from_utf8(bytes).is_err() {
        let head = String::from_utf8_lossy(&bytes[..bytes.len().min(2048)]).to_ascii_lowercase();
        if let Some(at) = head.find("charset=") {
            let label = head[at + 8..].trim_start_matches(['"', '\'']);
            let end = label
                .find(|c: char| !c.is_ascii_alphanumeric() && !"-_:.".contains(c))
                .unwrap_or(label.len());
            if let Some(encoding) = encoding_rs::Encoding::for_label(&label.as_bytes()[..end]) {
                return Some(encoding.decode(bytes).0);
            }
        }
    }
    super::text::decoded(bytes)
}

/// The text of a page.
pub(super) fn read(page: &str, place: &str) -> Result<New> {
    if let Some(deep) = deepest(page).filter(|d| *d > DEEPEST) {
        return Err(Fault::new(place, format!("elements nested {deep} deep"))
            .expected(format!("at most {DEEPEST}"))
            .next("Save the page as text.")
            .into());
    }
    let title = title(page);
    let owned = harmless(page);
    let text = std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || {
            let config = html2text::config::with_decorator(Plain).no_table_borders().no_link_wrapping();
            config.allow_width_overflow().string_from_read(owned.as_bytes(), WIDTH)
        })
        .map_err(|e| Fault::new(place, e).expected("one more thread").next("Close other programs."))?
        .join();
    let text = match text {
        Ok(Ok(text)) => text,
        Ok(Err(e)) => return Err(unreadable(place, &e.to_string()).into()),
        Err(_) => return Err(unreadable(place, "HTML that its reader cannot take").into()),
    };
    let mut new = markdown(&tidied(&text));
    if new.title.is_empty() || !title.is_empty() {
        new.title = title;
    }
    Ok(new)
}

fn unreadable(place: &str, found: &str) -> Fault {
    Fault::new(place, found).expected("HTML").next("Save the page as text; the other files are read.")
}

/// Without what would be drawn rather than written: rules as wide as the page, cells over a million columns.
fn harmless(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let mut bytes = page.to_owned().into_bytes();
    for (drawn, instead) in [("<hr", b"<br".as_slice()), ("colspan", b"ignored"), ("rowspan", b"ignored")] {
        for (at, _) in lower.match_indices(drawn) {
            bytes[at..at + drawn.len()].copy_from_slice(instead);
        }
    }
    // ASCII was replaced by ASCII.
    String::from_utf8(bytes).unwrap_or_default()
}

/// Without trailing space and more than one blank line.
fn tidied(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = 0;
    for line in text.lines() {
        // Signs that link a heading to itself are no part of it.
        let line = if line.starts_with('#') { line.trim_end_matches(['¶', ' ']) } else { line.trim_end() };
        blank = if line.is_empty() { blank + 1 } else { 0 };
        if blank <= 1 {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.trim().to_owned()
}

/// How deep tags are nested at most, as far as can be told without a parser.
fn deepest(page: &str) -> Option<usize> {
    let bytes = page.as_bytes();
    let (mut depth, mut most) = (0usize, 0usize);
    for (at, _) in page.match_indices('<') {
        match bytes.get(at + 1) {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(c) if c.is_ascii_alphabetic() => {
                let name =
                    page[at + 1..].split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
                let alone = [
                    "br", "img", "hr", "meta", "link", "input", "p", "li", "td", "tr", "th", "wbr", "source",
                ];
                if !alone.iter().any(|n| n.eq_ignore_ascii_case(name)) {
                    depth += 1;
                    most = most.max(depth);
                }
            }
            _ => {}
        }
    }
    Some(most)
}

/// What the page is called.
fn title(page: &str) -> String {
    // The same bytes in lower case, as far as ASCII goes: positions hold.
    let lower = page.to_ascii_lowercase();
    let Some(open) = lower.find("<title") else { return String::new() };
    let Some(start) = lower[open..].find('>').map(|at| open + at + 1) else { return String::new() };
    let Some(end) = lower[start..].find("</title").map(|at| start + at) else { return String::new() };
    let raw = &page[start..end];
    if raw.len() > 2_000 {
        return String::new();
    }
    one_line(
        &quick_xml::escape::unescape_with(raw, |name| match name {
            "nbsp" => Some(" "),
            "mdash" => Some("—"),
            "ndash" => Some("–"),
            "raquo" => Some("»"),
            "laquo" => Some("«"),
            "middot" => Some("·"),
            other => quick_xml::escape::resolve_predefined_entity(other),
        })
        .unwrap_or(Cow::Borrowed(raw)),
    )
}

/// Text alone: no marks for links, emphasis or pictures; headings as in Markdown.
#[derive(Clone, Debug)]
struct Plain;

impl html2text::render::TextDecorator for Plain {
    type Annotation = ();

    fn decorate_link_start(&mut self, _url: &str) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_link_end(&mut self) -> String {
        String::new()
    }
    fn decorate_em_start(&self) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_em_end(&self) -> String {
        String::new()
    }
    fn decorate_strong_start(&self) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_strong_end(&self) -> String {
        String::new()
    }
    fn decorate_strikeout_start(&self) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }
    fn decorate_code_start(&self) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_code_end(&self) -> String {
        String::new()
    }
    fn decorate_preformat_first(&self) {}
    fn decorate_preformat_cont(&self) {}
    fn decorate_image(&mut self, _src: &str, title: &str) -> (String, ()) {
        (title.to_owned(), ())
    }
    fn header_prefix(&self, level: usize) -> String {
        "#".repeat(level) + " "
    }
    fn quote_prefix(&self) -> String {
        String::new()
    }
    fn unordered_item_prefix(&self) -> String {
        "- ".to_owned()
    }
    fn ordered_item_prefix(&self, n: i64) -> String {
        format!("{n}. ")
    }
    fn make_subblock_decorator(&self) -> Self {
        Self
    }
}
