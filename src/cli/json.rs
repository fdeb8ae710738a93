//! JSON that is safe to print: what a terminal would obey or hide is escaped. To a program it is the same value.

use crate::text::visible;
use serde::Serialize;
use std::fmt::Write;

/// A value as pretty JSON, with control, bidirectional and invisible characters as `\uXXXX`.
pub(super) fn printable(value: &impl Serialize) -> serde_json::Result<String> {
    let plain = serde_json::to_string_pretty(value)?;
    if plain.is_ascii() {
        return Ok(plain);
    }
    let mut out = String::with_capacity(plain.len());
    let mut units = [0; 2];
    for c in plain.chars() {
        // JSON itself has escaped what is below U+0020; outside strings there is only ASCII.
        if c.is_ascii()
            || visible(c.encode_utf8(&mut [0; 4])) == c.encode_utf8(&mut [0; 4]) as &str
            || is_mark(c)
        {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    Ok(out)
}

/// A combining mark, which is nothing alone but belongs to the letter before it.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn overrides_are_escaped_and_letters_are_not() {
        assert_eq!(printable(&"é東\u{202e}\u{9b}").expect("json"), "\"é東\\u202e\\u009b\"");
    }

    proptest! {
        #[test]
        fn a_program_reads_back_the_same_value(text in "\\p{Any}{0,40}") {
            let json = printable(&text).expect("json");
            prop_assert_eq!(serde_json::from_str::<String>(&json).expect("json"), text);
            prop_assert!(json.chars().all(|c| c == '\n' || !c.is_control()));
        }
    }
}
