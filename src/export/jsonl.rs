//! One JSON object a line, with everything that was recorded: letter for letter, though what a terminal would obey
//! is escaped.

use super::Row;
use crate::text::json_line;
use serde_json::json;
use std::io::{self, Write};

pub(super) fn write(rows: &[Row<'_>], to: &mut dyn Write) -> io::Result<()> {
    for row in rows {
        let line = json!({ "judgment": row.judgment, "trial": row.trial });
        to.write_all(json_line(&line)?.as_bytes())?;
        to.write_all(b"\n")?;
    }
    Ok(())
}
