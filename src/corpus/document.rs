//! A document and its sections.

use std::ops::Range;

/// A document. Every range of passages and quotes is in bytes of its `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Unique in its corpus.
    pub id: String,
    /// For people and for the index.
    pub title: String,
    /// The body, without the title line.
    pub text: String,
    /// The sections of the body, in order; the first may have no heading.
    pub sections: Vec<Section>,
}

/// A run of paragraphs under one heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What stands above it, if anything does.
    pub heading: Option<String>,
    /// The bytes of the document's text below the heading.
    pub range: Range<usize>,
}

impl Document {
    /// A document of plain text, without sections.
    pub fn plain(id: String, title: String, text: String) -> Self {
        let sections = vec![Section { heading: None, range: 0..text.len() }];
        Self { id, title, text, sections }
    }

    /// A document of Markdown: `# Title`, then paragraphs under `## Heading` lines. Without a title line the id
    /// serves as title. Other Markdown is text like any other.
    pub fn markdown(id: String, source: &str) -> Self {
        let source = source.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let (title, text) = match source.trim_start().strip_prefix("# ") {
            Some(rest) => {
                let (title, body) = rest.split_once('\n').unwrap_or((rest, ""));
                (title.trim().to_owned(), body.trim_start().to_owned())
            }
            None => (id.clone(), source),
        };
        let mut sections = Vec::new();
        let mut heading = None;
        let (mut start, mut at) = (0, 0);
        for line in text.split_inclusive('\n') {
            if line.starts_with('#')
                && let Some((marks, rest)) = line.split_once(' ')
                && marks.len() <= 6
                && marks.chars().all(|c| c == '#')
            {
                if start < at && !text[start..at].trim().is_empty() {
                    sections.push(Section { heading: heading.take(), range: start..at });
                }
                heading = Some(rest.trim().to_owned());
                start = at + line.len();
            }
            at += line.len();
        }
        if start < at && !text[start..at].trim().is_empty() {
            sections.push(Section { heading, range: start..at });
        }
        Self { id, title, text, sections }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_part_a_markdown_document_into_sections() {
        let d = Document::markdown(
            "x".into(),
            "# The title\n\nOpening.\n\n## Causes\n\nMany.\nMore.\n### Deep\nEnd.",
        );
        assert_eq!(d.title, "The title");
        let found: Vec<_> =
            d.sections.iter().map(|s| (s.heading.as_deref(), d.text[s.range.clone()].trim())).collect();
        assert_eq!(found, [(None, "Opening."), (Some("Causes"), "Many.\nMore."), (Some("Deep"), "End.")]);
    }

    #[test]
    fn a_hashtag_is_no_heading() {
        let d = Document::markdown("x".into(), "#tag and text\n\n##\n");
        assert_eq!((d.title.as_str(), d.sections.len()), ("x", 1));
    }
}
