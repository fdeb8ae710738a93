//! Judgments and their trials in the formats of other tools, one file for each format. Knows records and writers,
//! not where either comes from.

mod csv;
mod jsonl;
mod markdown;
mod row;

pub use row::{Row, rows};

use std::io::{self, Write};

/// A format to export to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line: everything that was recorded.
    Jsonl,
    /// A table for spreadsheets and statistics: one line a judgment.
    Csv,
    /// A report for people.
    Markdown,
}

/// Writes the rows.
///
/// # Errors
/// The writer's.
pub fn write(format: Format, rows: &[Row<'_>], to: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Jsonl => jsonl::write(rows, to),
        Format::Csv => csv::write(rows, to),
        Format::Markdown => markdown::write(rows, to),
    }
}
