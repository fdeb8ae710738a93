//! JSON that is safe to print: what a terminal would obey or hide is escaped. To a program it is the same value.

use super::visible;
use serde::Serialize;
use std::fmt::Write;

/// Marks beyond these in a row are escaped: they would reach over the lines above and below.
const MARKS_IN_A_ROW: usize = 3;

/// A value as pretty JSON, with control, bidirectional and invisible characters as `\uXXXX`.
///
/// # Errors
/// What the value's own serialisation fails with.
pub fn json(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(printable)
}

/// As [`json`], on one line.
///
/// # Errors
/// What the value's own serialisation fails with.
pub fn json_line(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value).map(printable)
}

fn printable(plain: String) -> String {
    // JSON itself has escaped what is below U+0020, but not U+007F.
    if plain.bytes().all(|b| b.is_ascii() && b != 0x7f) {
        return plain;
    }
    let mut out = String::with_capacity(plain.len());
    let mut units = [0; 2];
    // How many marks stand on the last letter; none may stand on a quotation mark or an escape.
    let mut marks = MARKS_IN_A_ROW;
    for c in plain.chars() {
        if unicode_normalization::char::is_combining_mark(c) {
            if marks < MARKS_IN_A_ROW && visible(&format!("a{c}")).contains(c) {
                out.push(c);
                marks += 1;
                continue;
            }
        } else if c == '\n' || visible(c.encode_utf8(&mut [0; 4])) == c.encode_utf8(&mut [0; 4]) as &str {
            out.push(c);
            marks = if c.is_alphanumeric() { 0 } else { MARKS_IN_A_ROW };
            continue;
        }
        for unit in c.encode_utf16(&mut units) {
            // Writing into a string cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
        marks = MARKS_IN_A_ROW;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn overrides_are_escaped_and_letters_are_not() {
        assert_eq!(
            json(&"é東\u{202e}\u{9b}\u{7f}\u{7f}").expect("json"),
            "\"é東\\u202e\\u009b\\u007f\\u007f\""
        );
    }

    #[test]
    fn invisible_marks_are_escaped_and_accents_are_not() {
        assert_eq!(json(&"e\u{301}e\u{34f}e\u{fe0f}").expect("json"), "\"e\u{301}e\\u034fe\\ufe0f\"");
        assert_eq!(json(&"\u{301}").expect("json"), "\"\\u0301\"", "not on the quotation mark");
    }

    #[test]
    fn stacks_of_marks_are_escaped() {
        let found = json(&format!("a{}", "\u{301}".repeat(40))).expect("json");
        assert_eq!(found.matches('\u{301}').count(), MARKS_IN_A_ROW);
    }

    proptest! {
        #[test]
        fn a_program_reads_back_the_same_value(text in "\\p{Any}{0,40}|[a\u{300}-\u{36f}\u{7f}-\u{9f}]{0,40}") {
            for json in [json(&text).expect("json"), json_line(&text).expect("json")] {
                prop_assert_eq!(&serde_json::from_str::<String>(&json).expect("json"), &text);
                prop_assert!(json.chars().all(|c| !c.is_control()));
            }
        }
    }
}
