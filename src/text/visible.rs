//! The one door through which text from models, corpora and file names reaches a person.
//!
//! Such text can hold escape sequences, bidirectional overrides, invisible characters and stacks of combining
//! marks. What passes here is printable, takes the width it says it takes, and stays on its line.

use std::borrow::Cow;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Marks beyond these on one letter are left out: they would reach over the lines above and below.
const MARKS_PER_LETTER: usize = 3;
/// A tab is shown as this many spaces; columns cannot be known once text is wrapped.
const TAB: &str = "    ";

/// One cell or two of shown text, and the bytes it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster<'a> {
    /// The bytes of the original text.
    pub range: Range<usize>,
    /// What to show: never empty, never a control character, except `"\n"` for a line break.
    pub symbol: Cow<'a, str>,
    /// Columns it takes: 0 for a line break, else 1, 2, or 4 for a tab.
    pub width: usize,
}

enum Shown {
    Itself,
    As(char),
    Break,
    Nothing,
}

fn shown(c: char) -> Shown {
    match c {
        '\n' | '\u{2028}' | '\u{2029}' | '\u{85}' => Shown::Break,
        '\r' => Shown::Nothing,
        // The control pictures: U+2400 + code.
        '\0'..='\u{1f}' => Shown::As(char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')),
        '\u{7f}' => Shown::As('\u{2421}'),
        '\u{80}'..='\u{9f}' => Shown::As('\u{fffd}'),
        // Soft hyphen, bidirectional marks, embeddings, overrides and isolates, zero-width characters, joiners
        // (terminals disagree on the width of joined emoji), byte-order mark, interlinear marks, tags,
        // Hangul fillers (blank but wide), variation selectors (terminals disagree on their width).
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => Shown::Nothing,
        _ => Shown::Itself,
    }
}

/// Cuts text into what is shown, one grapheme cluster at a time. Characters that show nothing are left out, so
/// the ranges need not touch; they are in order and never overlap.
pub fn clusters(text: &str) -> impl Iterator<Item = Cluster<'_>> {
    text.grapheme_indices(true).filter_map(|(start, grapheme)| {
        let range = start..start + grapheme.len();
        if grapheme == "\t" {
            return Some(Cluster { range, symbol: Cow::Borrowed(TAB), width: TAB.len() });
        }
        // Nearly every cluster is one plain letter.
        if let [byte] = grapheme.as_bytes()
            && (b' '..=b'~').contains(byte)
        {
            return Some(Cluster { range, symbol: Cow::Borrowed(grapheme), width: 1 });
        }
        let mut symbol = String::new();
        let mut kept = 0;
        let mut itself = true;
        for c in grapheme.chars() {
            match shown(c) {
                Shown::Break => return Some(Cluster { range, symbol: Cow::Borrowed("\n"), width: 0 }),
                Shown::Itself if kept <= MARKS_PER_LETTER => symbol.push(c),
                Shown::As(picture) if kept <= MARKS_PER_LETTER => {
                    symbol.push(picture);
                    itself = false;
                }
                Shown::Itself | Shown::As(_) | Shown::Nothing => {
                    itself = false;
                    continue;
                }
            }
            kept += 1;
        }
        let width = symbol.width();
        match width {
            // A combining mark on nothing: it would climb onto the neighbour.
            0 => None,
            1 | 2 if itself => Some(Cluster { range, symbol: Cow::Borrowed(grapheme), width }),
            1 | 2 => Some(Cluster { range, symbol: Cow::Owned(symbol), width }),
            _ => Some(Cluster { range, symbol: Cow::Borrowed("\u{fffd}"), width: 1 }),
        }
    })
}

/// The text made printable, its line breaks kept. Borrowed where nothing had to change.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(clusters(text).map(|c| c.symbol).collect())
}

/// As a shell takes it for one word.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", one_line(word).replace('\'', "'\\''"))
}

/// The text made printable on one line: breaks become spaces.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for cluster in clusters(text) {
        line.push_str(if cluster.symbol == "\n" { " " } else { &cluster.symbol });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_text_passes_unchanged() {
        assert!(matches!(visible("Metformin lowers glucose.\nIt does."), Cow::Borrowed(_)));
        assert_eq!(visible("naïve Ångström 東京"), "naïve Ångström 東京");
    }

    #[test]
    fn escape_sequences_become_pictures() {
        assert_eq!(visible("\u{1b}[2Jboo\u{7}"), "␛[2Jboo␇");
        assert_eq!(visible("a\u{9b}31mb"), "a\u{fffd}31mb");
    }

    #[test]
    fn overrides_and_invisible_characters_vanish() {
        assert_eq!(visible("abc\u{202e}def\u{200b}g\u{feff}"), "abcdefg");
    }

    #[test]
    fn stacks_of_marks_are_cut() {
        let zalgo = format!("a{}", "\u{301}".repeat(500));
        assert_eq!(visible(&zalgo).chars().count(), 1 + MARKS_PER_LETTER);
    }

    #[test]
    fn line_separators_break_lines() {
        assert_eq!(visible("a\u{2028}b\r\nc"), "a\nb\nc");
        assert_eq!(one_line("a\nb\tc"), "a b    c");
    }

    proptest! {
        #[test]
        fn whatever_comes_in_only_printable_text_goes_out(text in "\\PC*|[\\x00-\\x{2fff}]{0,40}|\\p{Any}{0,40}") {
            let out = visible(&text);
            prop_assert!(out.chars().all(|c| c == '\n' || !c.is_control()));
            let overrides = out.chars().filter(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
            prop_assert_eq!(overrides.count(), 0);
        }

        #[test]
        fn clusters_are_in_order_within_the_text_and_as_wide_as_they_say(text in "\\p{Any}{0,60}") {
            let mut end = 0;
            for cluster in clusters(&text) {
                prop_assert!(cluster.range.start >= end);
                end = cluster.range.end;
                prop_assert!(text.get(cluster.range.clone()).is_some());
                if cluster.symbol != "\n" {
                    prop_assert_eq!(cluster.symbol.width(), cluster.width);
                    prop_assert!(cluster.width >= 1);
                }
            }
        }
    }
}
