//! A report as one HTML file that needs nothing else: no script, no font, no picture from anywhere. Light and dark as
//! the reader's system has it, readable on a phone, printable; every chart has a description and its table beside it.

use super::Report;
use super::methods::METHODS;
use super::page::{Page, Row, Section, Table};
use super::svg;
use crate::text::one_line;

const STYLE: &str = include_str!("style.css");

/// The report as a whole document.
pub fn write(report: &Report) -> String {
    let page = Page::of(report);
    let title = escaped(&page.title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<meta name=\"generator\" content=\"juxta\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<header>\n<h1>{title}</h1>\n"
    );
    for said in std::iter::once(&page.seen).chain(&page.remarks) {
        out += &format!("<p class=\"seen\">{}</p>\n", escaped(said));
    }
    if !page.found.is_empty() {
        let found: String = page.found.iter().map(|said| format!("<li>{}</li>\n", escaped(said))).collect();
        out += &format!("<ul class=\"found\">\n{found}</ul>\n");
    }
    let overview = Page::overview(report).filter(|t| !t.rows.is_empty());
    let titles = overview
        .iter()
        .map(|_| "Overview")
        .chain(page.sections.iter().map(|s| s.title.as_str()))
        .chain(["Methods"]);
    out += "<nav aria-label=\"Parts\"><ul>\n";
    for (at, title) in titles.enumerate() {
        let at = if overview.is_some() { at } else { at + 1 };
        out += &format!("<li><a href=\"#s{at}\">{}</a></li>\n", escaped(title));
    }
    out += "</ul></nav>\n</header>\n<main>\n";
    if let Some(overview) = &overview {
        out += &format!("<section id=\"s0\">\n<h2>Overview</h2>\n{}</section>\n", table(overview, "t0x0"));
    }
    for (at, section) in page.sections.iter().enumerate() {
        out += &part(section, at + 1);
    }
    out += &format!(
        "<section id=\"s{}\">\n<h2>Methods</h2>\n<p>{}</p>\n<dl>\n",
        page.sections.len() + 1,
        escaped(&Page::closing(report))
    );
    for method in &METHODS {
        out += &format!(
            "<dt>{}</dt><dd>{} <cite>{}.</cite></dd>\n",
            escaped(method.figure),
            escaped(method.how),
            escaped(method.source)
        );
    }
    out += "</dl>\n</section>\n</main>\n</body>\n</html>\n";
    out
}

fn part(section: &Section, at: usize) -> String {
    let mut out = format!("<section id=\"s{at}\">\n<h2>{}</h2>\n", escaped(&section.title));
    for said in &section.said {
        out += &format!("<p>{}</p>\n", escaped(said));
    }
    for (n, set) in section.tables.iter().enumerate() {
        let table = table(set, &format!("t{at}x{n}"));
        match &set.chart {
            Some(chart) => {
                let drawn = svg::chart(chart, &format!("c{at}x{n}"));
                let caption = format!("{}. {}", chart.title(), chart.key());
                out += &format!(
                    "<div class=\"beside\">\n<figure>\n{drawn}<figcaption class=\"note\">{}</figcaption>\n</figure>\n\
                     {table}</div>\n",
                    escaped(caption.trim_end())
                );
            }
            None => out += &table,
        }
    }
    out + "</section>\n"
}

/// A table, `id` being its caption's.
fn table(table: &Table, id: &str) -> String {
    let caption = escaped(&table.caption);
    let mut out = format!(
        "<div class=\"set\">\n<h3 id=\"{id}\">{caption}</h3>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" \
         aria-labelledby=\"{id}\">\n<table aria-labelledby=\"{id}\">\n<thead><tr>"
    );
    for (at, head) in table.head.iter().enumerate() {
        let class = if at < table.words { " class=\"word\"" } else { "" };
        out += &match head.as_str() {
            "" => "<td></td>".to_owned(),
            head => format!("<th scope=\"col\"{class}>{}</th>", escaped(head)),
        };
    }
    out += "</tr></thead>\n<tbody>\n";
    for row in &table.rows {
        match row {
            Row::Group(heading) => {
                let columns = table.head.len();
                out += &format!(
                    "<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"{columns}\">{}</th></tr>\n",
                    escaped(heading)
                );
            }
            Row::Cells(cells) => {
                out += "<tr>";
                for (at, cell) in cells.iter().enumerate() {
                    let cell = escaped(cell);
                    out += &match at {
                        at if at < table.words => format!("<th scope=\"row\">{cell}</th>"),
                        _ => format!("<td>{cell}</td>"),
                    };
                }
                out += "</tr>\n";
            }
        }
    }
    out += "</tbody>\n</table>\n</div>\n";
    for (at, note) in table.notes.iter().enumerate() {
        out += &format!("<p class=\"note\">{} {}</p>\n", super::page::superscript(at + 1), escaped(note));
    }
    if !table.methods.is_empty() {
        out += &format!("<p class=\"note\">Method: {}.</p>\n", escaped(&table.methods.join("; ")));
    }
    out + "</div>\n"
}

/// Text that means itself, in an element or an attribute.
pub(super) fn escaped(text: &str) -> String {
    let line = one_line(text);
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            _ => out.push(c),
        }
    }
    out
}
