//! One JSON object a line, with everything that was recorded.

use super::Row;
use serde_json::json;
use std::io::{self, Write};

pub(super) fn write(rows: &[Row<'_>], to: &mut dyn Write) -> io::Result<()> {
    for row in rows {
        let line = json!({ "judgment": row.judgment, "trial": row.trial });
        serde_json::to_writer(&mut *to, &line)?;
        to.write_all(b"\n")?;
    }
    Ok(())
}
