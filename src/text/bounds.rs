//! Unicode's sentence boundaries (UAX #29), fast for what most text is made of: the rules are followed by hand where all
//! letters are Latin and all marks common, and left to the library for every other text. A property test holds that the two
//! agree; the library alone takes longer than indexing the same text.

use unicode_segmentation::UnicodeSegmentation;

/// The segments of a text with their offsets, as `split_sentence_bound_indices` gives them.
pub(super) fn segments(text: &str) -> Vec<(usize, &str)> {
    if !text.chars().all(is_common) {
        return text.split_sentence_bound_indices().collect();
    }
    let mut found = Vec::new();
    let mut start = 0;
    for end in ends(text) {
        found.push((start, &text[start..end]));
        start = end;
    }
    if start < text.len() {
        found.push((start, &text[start..]));
    }
    found
}

/// Characters whose class is told below: no line breaks, nothing that combines or is invisible, and of the marks that end
/// sentences only the three of ASCII.
fn is_common(c: char) -> bool {
    match c {
        '\n' | '\r' | '\u{1c}'..='\u{1e}' | '\u{ad}' => false,
        '\0'..='\u{7f}' | '\u{a0}'..='\u{17f}' => true,
        '\u{2010}'..='\u{2022}'
        | '\u{2026}'
        | '\u{2030}'..='\u{2033}'
        | '\u{2039}'
        | '\u{203a}'
        | '€'
        | '−' => true,
        _ => false,
    }
}

fn is_close(c: char) -> bool {
    matches!(
        c,
        '"' | '\'' | '(' | ')' | '[' | ']' | '{' | '}' | '«' | '»' | '\u{2018}'
            ..='\u{201f}' | '\u{2039}' | '\u{203a}'
    )
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{b}' | '\u{c}' | '\u{a0}')
}

fn is_continuing(c: char) -> bool {
    matches!(c, ',' | '-' | ':' | ';' | '\u{2013}' | '\u{2014}')
}

fn is_ending(c: char) -> bool {
    matches!(c, '.' | '!' | '?')
}

/// Where segments end, but for the last one.
fn ends(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut from = 0;
    // The rules have to be looked at after each mark that may end a sentence: SB6 to SB11.
    while let Some(at) = text[from..].find(is_ending).map(|at| from + at) {
        let after = at + 1;
        from = after;
        let stop = text.as_bytes()[at] == b'.';
        let rest = &text[after..];
        if stop {
            let next = rest.chars().next();
            if next.is_some_and(|c| c.is_ascii_digit()) {
                continue; // SB6
            }
            let before = text[..at].chars().next_back();
            if next.is_some_and(char::is_uppercase)
                && before.is_some_and(|c| c.is_lowercase() || c.is_uppercase())
            {
                continue; // SB7
            }
        }
        let closed = rest.trim_start_matches(is_close);
        let spaced = closed.trim_start_matches(is_space);
        let end = text.len() - spaced.len();
        match spaced.chars().next() {
            None => return found,
            Some(c) if is_continuing(c) || is_ending(c) => continue, // SB8a
            Some(_) => {}
        }
        if stop {
            // SB8: a small letter that comes before any other letter goes on with the sentence.
            let telling = spaced.chars().find(|c| c.is_alphabetic() || is_ending(*c));
            if telling.is_some_and(char::is_lowercase) {
                continue;
            }
        }
        found.push(end);
        from = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agree(text: &str) {
        let library: Vec<(usize, &str)> = text.split_sentence_bound_indices().collect();
        assert_eq!(segments(text), library, "{text:?}");
    }

    #[test]
    fn known_texts_are_cut_as_the_library_does() {
        for text in [
            "It rained. We left! \"Did you?\" he asked. (Yes.) No.",
            "Dr. J. Snow saw approx. 3.5 km of pipe, e.g. in Broad St. London. U.S.A. is",
            "… and so. — on. 1. First 2. Second a.b c.D E.F “Quote.” ‘x’ ?!? .5 ª. º.",
            ". . . ... .\u{a0}. !a ?A .a .A",
        ] {
            agree(text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn any_common_text_is_cut_as_the_library_does(
            text in "([a-zA-Z0-9 .!?,;:'\"()«»–—’“”éÜßªº€\u{a0}\t_/|-]|[\\x00-\\x09\\x0b\\x0c\\x0e-\\x1b\\x1f-\\x7f\u{a0}-\u{17f}\u{2010}-\u{203f}]){0,60}"
        ) {
            agree(&text);
        }

        #[test]
        fn any_text_at_all_is_cut_as_the_library_does(text in "\\p{Any}{0,40}|[a-z. \\n\\r]{0,30}") {
            agree(&text);
        }
    }
}
