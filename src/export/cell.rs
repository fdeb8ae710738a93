//! A cell of a table that is text: neither a formula to a spreadsheet nor a command to a terminal, and the same
//! text again when it is read back.
//!
//! Most text stands as it is. An apostrophe before it says that it does not, in one of two ways:
//!
//! * `'` and the text, where a spreadsheet would take the text for a formula (it begins with `=`, `+`, `-` or `@`,
//!   as OWASP's page on CSV injection lists them), or it begins with an apostrophe itself;
//! * `'` and a JSON string in its quotation marks, where the text holds what a terminal would obey or hide.
//!
//! To read: take one leading apostrophe away; what is left is a JSON string if it begins with `"` — which it cannot
//! otherwise, since only the five characters above are ever guarded.

use crate::text::{json_line, visible};
use std::borrow::Cow;

const GUARDED: [char; 5] = ['=', '+', '-', '@', '\''];

/// The cell of a text.
pub(super) fn write(text: &str) -> Cow<'_, str> {
    if visible(text) != text {
        // A string is always JSON.
        return Cow::Owned(format!("'{}", json_line(&text).unwrap_or_default()));
    }
    if text.starts_with(GUARDED) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text of a cell, whoever wrote it; what only looks like one of ours stands as it is.
pub(super) fn read(cell: &str) -> Cow<'_, str> {
    let Some(rest) = cell.strip_prefix('\'') else { return Cow::Borrowed(cell) };
    if rest.starts_with('"') {
        return serde_json::from_str(rest).map_or(Cow::Borrowed(cell), Cow::Owned);
    }
    if rest.starts_with(GUARDED) { Cow::Borrowed(rest) } else { Cow::Borrowed(cell) }
}

/// A list in one cell: with semicolons between where that is clear, else as a JSON list.
pub(super) fn write_list(list: &[impl AsRef<str>]) -> String {
    let plain = |entry: &str| !entry.is_empty() && entry == entry.trim() && !entry.contains(';');
    let all_plain = list.iter().all(|e| plain(e.as_ref()));
    if all_plain && !list.first().is_some_and(|e| e.as_ref().starts_with('[')) {
        let joined = list.iter().map(AsRef::as_ref).collect::<Vec<_>>().join("; ");
        return write(&joined).into_owned();
    }
    let list: Vec<&str> = list.iter().map(AsRef::as_ref).collect();
    json_line(&list).unwrap_or_default()
}

/// The list of a cell.
pub(super) fn read_list(cell: &str) -> Vec<String> {
    if cell.starts_with('[')
        && let Ok(list) = serde_json::from_str(cell)
    {
        return list;
    }
    read(cell).split(';').map(str::trim).filter(|e| !e.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_harmless_stands_as_it_is() {
        for text in ["Magma rises [1].\nIt says: \"gas, hot\".", "", "naïve 東京", "\"quoted\"", "a=b"] {
            assert_eq!(write(text), text);
        }
    }

    #[test]
    fn formulas_and_commands_are_guarded() {
        assert_eq!(write("=1+1"), "'=1+1");
        assert_eq!(write("'twas"), "''twas");
        assert_eq!(write("a\u{1b}[2J"), "'\"a\\u001b[2J\"");
        assert_eq!(write("\u{200b}=1"), "'\"\\u200b=1\"", "an invisible character hides no formula");
    }

    #[test]
    fn cells_that_others_wrote_are_read_as_they_stand() {
        for cell in ["'tis", "'\"broken", "'", "-1"] {
            assert_eq!(read(cell), cell);
        }
        assert_eq!(read_list("wrong fact;  off topic ;"), ["wrong fact", "off topic"]);
        assert_eq!(read_list("[sic]; other"), ["[sic]", "other"]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in "\\p{Any}{0,20}|['\"=+@\\\\\u{1b}-]{0,5}[a\n\"]{0,3}") {
            let cell = write(&text);
            prop_assert_eq!(read(&cell), text.as_str());
            prop_assert!(!cell.starts_with(['=', '+', '-', '@']));
            prop_assert_eq!(visible(&cell), cell.as_ref());
        }

        #[test]
        fn lists_are_read_back(list in prop::collection::vec("[a; '\\[\"=\u{1b}é]{0,4}", 0..4)) {
            prop_assert_eq!(read_list(&write_list(&list)), list);
        }
    }
}
