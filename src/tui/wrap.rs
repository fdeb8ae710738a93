//! The one wrap function: what is drawn and what is scrolled by come from it, so they cannot disagree. All text
//! from outside enters a frame through here or through [`fit`].

use crate::text::{Cluster, clusters};
use std::ops::Range;

/// One row of wrapped text.
#[derive(Debug, Clone, Default)]
pub struct Row<'a> {
    /// What is shown, left to right.
    pub clusters: Vec<Cluster<'a>>,
    /// Columns they take.
    pub width: usize,
}

impl Row<'_> {
    /// The bytes of the text the row shows, from its first to its last cluster.
    pub fn range(&self) -> Range<usize> {
        match (self.clusters.first(), self.clusters.last()) {
            (Some(first), Some(last)) => first.range.start..last.range.end,
            _ => 0..0,
        }
    }

    /// Whether the row shows any byte of a range.
    pub fn touches(&self, (start, end): (usize, usize)) -> bool {
        let range = self.range();
        range.start < end && start < range.end
    }
}

/// Wraps text to rows of at most `width` columns, at spaces where there are any, else within the word. Every
/// cluster that is shown stands in exactly one row, except the spaces at which a row was broken.
pub fn wrap(text: &str, width: usize) -> Vec<Row<'_>> {
    // Narrower than its widest cluster nothing can be laid out; such a window is drawn cut off.
    let width = width.max(4);
    let mut rows = vec![Row::default()];
    let mut word: Row<'_> = Row::default();
    for cluster in clusters(text) {
        if cluster.symbol == "\n" {
            place(&mut rows, &mut word, width);
            rows.push(Row::default());
        } else if cluster.symbol.chars().all(|c| c == ' ') {
            place(&mut rows, &mut word, width);
            // A space that does not fit is what the row breaks at.
            let row = last(&mut rows);
            if row.width + cluster.width <= width && !(row.clusters.is_empty() && cluster.range.start > 0) {
                row.width += cluster.width;
                row.clusters.push(cluster);
            }
        } else {
            if word.width + cluster.width > width {
                place(&mut rows, &mut word, width);
            }
            word.width += cluster.width;
            word.clusters.push(cluster);
        }
    }
    place(&mut rows, &mut word, width);
    rows
}

fn place<'a>(rows: &mut Vec<Row<'a>>, word: &mut Row<'a>, width: usize) {
    if word.clusters.is_empty() {
        return;
    }
    if last(rows).width + word.width > width && last(rows).width > 0 {
        rows.push(Row::default());
    }
    let row = last(rows);
    row.width += word.width;
    row.clusters.append(&mut word.clusters);
    word.width = 0;
}

fn last<'a, 'b>(rows: &'b mut Vec<Row<'a>>) -> &'b mut Row<'a> {
    if rows.is_empty() {
        rows.push(Row::default());
    }
    let at = rows.len() - 1;
    &mut rows[at]
}

/// Text made printable on one line of at most `width` columns; what is cut off is shown by an ellipsis.
pub fn fit(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for cluster in clusters(text) {
        let (symbol, columns) =
            if cluster.symbol == "\n" { (" ", 1) } else { (cluster.symbol.as_ref(), cluster.width) };
        if used + columns > width {
            while used + 1 > width {
                let Some(gone) = out.pop() else { return out };
                used -= unicode_width::UnicodeWidthChar::width(gone).unwrap_or(0);
            }
            out.push('…');
            return out;
        }
        out.push_str(symbol);
        used += columns;
    }
    out
}

/// The columns a text takes on one line.
pub fn columns(text: &str) -> usize {
    clusters(text).map(|c| c.width).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: &str, width: usize) -> Vec<String> {
        wrap(text, width).iter().map(|r| r.clusters.iter().map(|c| c.symbol.as_ref()).collect()).collect()
    }

    #[test]
    fn text_breaks_at_spaces_and_else_within_words() {
        assert_eq!(rows("one two three", 8), ["one two ", "three"]);
        assert_eq!(rows("abcdefghij kl", 4), ["abcd", "efgh", "ij ", "kl"]);
        assert_eq!(rows("a\n\nb", 8), ["a", "", "b"]);
        assert_eq!(rows("東京東京", 5), ["東京", "東京"]);
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis() {
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("東京東京", 4), "東…");
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("a\nb\u{1b}", 9), "a b␛");
        assert_eq!(fit("abc", 0), "");
    }

    proptest! {
        #[test]
        fn no_row_is_wider_than_asked_and_nothing_shown_is_lost(text in "(\\p{Any}|[a-z]{1,12} |\n|東){0,80}", width in 4usize..40) {
            let rows = wrap(&text, width);
            let mut end = 0;
            for row in &rows {
                prop_assert!(row.width <= width);
                prop_assert_eq!(row.width, row.clusters.iter().map(|c| c.width).sum::<usize>());
                for c in &row.clusters {
                    prop_assert!(c.range.start >= end);
                    end = c.range.end;
                }
            }
            let kept: String = rows.iter().flat_map(|r| &r.clusters).map(|c| c.symbol.replace(' ', "")).collect();
            let all: String = clusters(&text).filter(|c| c.symbol != "\n").map(|c| c.symbol.replace(' ', "")).collect();
            prop_assert_eq!(kept, all);
        }

        #[test]
        fn a_fitted_line_is_never_wider_than_asked(text in "\\p{Any}{0,40}", width in 0usize..30) {
            prop_assert!(unicode_width::UnicodeWidthStr::width(fit(&text, width).as_str()) <= width);
        }
    }
}
