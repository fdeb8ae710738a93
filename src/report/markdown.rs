//! A report as Markdown, for papers and notes: the table of a paper first, then all others.

use super::Report;
use super::methods::METHODS;
use super::page::{Page, Row, Table};
use crate::text::one_line;

/// The report, each line with its end.
pub fn write(report: &Report) -> String {
    let page = Page::of(report);
    let mut out = format!("# {}\n\n", escaped(&page.title));
    for said in std::iter::once(&page.seen).chain(&page.remarks) {
        out += &format!("{}\n\n", escaped(said));
    }
    for said in &page.found {
        out += &format!("- {}\n", escaped(said));
    }
    if !page.found.is_empty() {
        out.push('\n');
    }
    if let Some(overview) = Page::overview(report).filter(|t| !t.rows.is_empty()) {
        out += &table(&overview);
    }
    for section in &page.sections {
        out += &format!("## {}\n\n", escaped(&section.title));
        for said in &section.said {
            out += &format!("{}\n\n", escaped(said));
        }
        for set in &section.tables {
            out += &table(set);
        }
    }
    out += &format!("## Methods\n\n{}\n\n", escaped(&Page::closing(report)));
    for method in &METHODS {
        out += &format!(
            "- **{}.** {} {}.\n",
            escaped(method.figure),
            escaped(method.how),
            escaped(method.source)
        );
    }
    out
}

fn table(table: &Table) -> String {
    let mut out = format!("**{}**\n\n", escaped(&table.caption));
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|c| escaped(c)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    out += &line(&table.head);
    let rule: Vec<&str> =
        (0..table.head.len()).map(|at| if at < table.words { "---" } else { "---:" }).collect();
    out += &format!("| {} |\n", rule.join(" | "));
    for row in &table.rows {
        match row {
            // Markdown's tables have no headings inside: a row of its own.
            Row::Group(heading) => {
                out += &format!(
                    "| **{}** |{}\n",
                    escaped(heading),
                    "  |".repeat(table.head.len().saturating_sub(1))
                );
            }
            Row::Cells(cells) => out += &line(cells),
        }
    }
    out.push('\n');
    for (at, note) in table.notes.iter().enumerate() {
        out += &format!("{} {}\n\n", super::page::superscript(at + 1), escaped(note));
    }
    for method in &table.methods {
        out += &format!("*Method: {}.*\n\n", escaped(method));
    }
    out
}

/// Text that means itself wherever it stands: what Markdown or HTML would obey is escaped.
fn escaped(text: &str) -> String {
    let line = one_line(text);
    // Brackets alone are intervals; only these make links of them.
    let links = ["](", "][", "]:"].iter().any(|l| line.contains(l));
    let mut out = String::with_capacity(line.len());
    for (at, c) in line.char_indices() {
        let first = line[..at].trim().is_empty();
        let stands_alone =
            |c: char| line[at + c.len_utf8()..].chars().next().is_none_or(|n| n == ' ' || n == c);
        match c {
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '\\' | '|' | '*' | '_' | '`' | '~' => out.extend(['\\', c]),
            '[' | ']' if links => out.extend(['\\', c]),
            // These mean something at the start of a line only.
            '#' | '=' if first => out.extend(['\\', c]),
            '+' | '-' if first && stands_alone(c) => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_markdown_would_obey_is_escaped() {
        let hostile = "# a|b\n**c** <script> [x](y) `z` & \u{202e}";
        assert_eq!(escaped(hostile), "\\# a\\|b \\*\\*c\\*\\* &lt;script&gt; \\[x\\](y) \\`z\\` &amp; ");
        assert_eq!(escaped("+0.33 [−0.04, +0.67]"), "+0.33 [−0.04, +0.67]");
        assert_eq!([escaped("- x"), escaped("---"), escaped("[a]: b")], ["\\- x", "\\---", "\\[a\\]: b"]);
    }
}
