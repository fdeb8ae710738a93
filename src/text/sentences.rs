//! Where sentences begin and end.
//!
//! Unicode's own rules (UAX #29), mended in two places where they are known to cut too often: after an
//! abbreviation, and after the initial of a name.

use super::bounds::segments;
use std::ops::Range;

/// Abbreviations after which a sentence goes on, in lower case, without their last full stop.
const ABBREVIATIONS: [&str; 38] = [
    "approx", "bros", "ca", "cf", "co", "corp", "dept", "dr", "e.g", "eq", "eqs", "est", "et al", "etc",
    "fig", "figs", "gen", "gov", "i.e", "inc", "jr", "lt", "ltd", "mr", "mrs", "ms", "mt", "no", "nos", "pp",
    "prof", "rev", "sen", "sp", "spp", "st", "viz", "vs",
];

/// The sentences of a text, trimmed of white space, in order. A blank line always ends a sentence; a single line
/// break does not, so that hard-wrapped text reads as it was meant.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for paragraph in paragraphs(text) {
        // Same length in bytes, so the ranges hold for the original.
        let flat = text[paragraph.clone()].replace(['\n', '\r'], " ");
        let mut start: Option<usize> = None;
        for (offset, segment) in segments(&flat) {
            let begin = *start.get_or_insert(offset);
            let end = offset + segment.len();
            let so_far = flat[begin..end].trim_end();
            if end < flat.len() && goes_on(so_far, &flat[end..]) {
                continue;
            }
            push_trimmed(text, paragraph.start + begin..paragraph.start + end, &mut found);
            start = None;
        }
        if let Some(begin) = start {
            push_trimmed(text, paragraph.start + begin..paragraph.end, &mut found);
        }
    }
    found
}

fn goes_on(so_far: &str, rest: &str) -> bool {
    let Some(before) = so_far.strip_suffix('.') else { return false };
    let last = before.rsplit([' ', '(', '[', '"', '\u{201c}']).next().unwrap_or(before);
    // "J. Snow", "E. coli" — but "vitamin C." before a capital that starts no name cannot be told apart; the
    // longer sentence is the lesser harm.
    let initial =
        last.chars().count() == 1 && last.chars().all(char::is_uppercase) && rest.trim_start().len() > 1;
    let lower = last.to_lowercase();
    initial
        || ABBREVIATIONS.iter().any(|a| {
            *a == lower || (*a == "et al" && lower == "al" && before.to_lowercase().ends_with(" et al"))
        })
}

fn push_trimmed(text: &str, range: Range<usize>, into: &mut Vec<Range<usize>>) {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    let end = range.start + part.trim_end().len();
    if start < end {
        into.push(start..end);
    }
}

/// The paragraphs of a text: what blank lines divide. Not trimmed.
fn paragraphs(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() {
            if start < at {
                found.push(start..at);
            }
            start = at + line.len();
        }
        at += line.len();
    }
    if start < at {
        found.push(start..at);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str) -> Vec<&str> {
        sentences(text).into_iter().map(|r| &text[r]).collect()
    }

    #[test]
    fn a_full_stop_before_a_capital_ends_a_sentence() {
        assert_eq!(cut("It rained. We left!  Did you?"), ["It rained.", "We left!", "Did you?"]);
    }

    #[test]
    fn abbreviations_initials_and_decimals_do_not() {
        let text = "Dr. J. Snow saw approx. 3.5 km of pipe, e.g. in Broad St. London. He left.";
        assert_eq!(
            cut(text),
            ["Dr. J. Snow saw approx. 3.5 km of pipe, e.g. in Broad St. London.", "He left."]
        );
        assert_eq!(cut("Devlin et al. Found it. Done."), ["Devlin et al. Found it.", "Done."]);
    }

    #[test]
    fn blank_lines_end_sentences_and_single_breaks_do_not() {
        assert_eq!(cut("one line\nwraps here\n\nnext part"), ["one line\nwraps here", "next part"]);
    }

    proptest! {
        #[test]
        fn every_letter_is_in_exactly_one_sentence(text in "([a-zA-Zé東.!? \n]|\\. [A-Z]){0,80}") {
            let mut end = 0;
            for range in sentences(&text) {
                prop_assert!(range.start >= end && range.start < range.end);
                prop_assert!(text[end..range.start].trim().is_empty());
                end = range.end;
            }
            prop_assert!(text[end..].trim().is_empty());
        }
    }
}
