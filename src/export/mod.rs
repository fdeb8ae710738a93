//! Judgments in the formats of other tools, one file for each format, and judgments of other tools read. Knows
//! records and writers, not where either comes from.
//!
//! Text is written letter for letter wherever a format can hold it. In JSON what a terminal would obey or hide is
//! escaped, which a program reads as the same text. What the judgments of a format are worth elsewhere (what a tie
//! becomes, who a rater is) is said in the file of that format, with the project and version whose files say so.

mod argilla;
mod cell;
mod csv;
mod exported;
mod fastchat;
#[cfg(test)]
#[path = "../../tests/support/export.rs"]
mod fixture;
mod jsonl;
mod label_studio;
mod llm_comparator;
mod markdown;
mod names;
mod offsets;
mod promptfoo;
mod ragas;
mod read;
#[cfg(test)]
mod tests;
mod trl;
mod written;

pub use exported::{Export, Exported, Feed, Given, Judged, Source};
pub use read::{Read, Renamed, Told, read_csv, read_files, read_jsonl};
pub use written::{File, Written};

use crate::fault::{Fault, Result};

/// A format to export to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line: everything that was recorded.
    Jsonl,
    /// A table for spreadsheets and statistics: one line a judgment.
    Csv,
    /// A report for people.
    Markdown,
    /// Label Studio: tasks with annotations, and the labelling configuration beside them.
    LabelStudio,
    /// Argilla: records with responses, and the dataset's settings beside them.
    Argilla,
    /// TRL, preference: the better answer and the other one. Ties are left out.
    TrlDpo,
    /// TRL, unpaired preference: each answer with whether it will do.
    TrlKto,
    /// TRL, language modelling: the better answer.
    TrlSft,
    /// FastChat: votes as its arena logs them.
    Fastchat,
    /// FastChat: battles as its cleaning of such a log leaves them.
    FastchatBattles,
    /// LLM Comparator: one file for each two contenders.
    LlmComparator,
    /// promptfoo: an evaluation to import and view.
    Promptfoo,
    /// RAGAS: each question with its passages and one contender's answer.
    Ragas,
}

/// What a person may choose beyond the format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// For `trl-sft`: the reference answers in the place of the better ones.
    pub reference: bool,
}

impl Format {
    /// Its name on the command line.
    pub fn name(self) -> String {
        use clap::ValueEnum;
        self.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
    }

    /// Whether it can be written while nobody may know who answered.
    pub fn can_be_blind(self) -> bool {
        matches!(self, Self::Jsonl | Self::Csv)
    }
}

/// Writes an export, into memory.
///
/// # Errors
/// A [`Fault`] if the format needs the contenders' names and they are sealed.
pub fn write(format: Format, export: &Export<'_>, options: Options) -> Result<Written> {
    if !export.named && !format.can_be_blind() {
        return Err(blind(format).into());
    }
    let written = match format {
        Format::Jsonl => jsonl::write(export),
        Format::Csv => return csv::write(export).map_err(|e| unwritable(&e)),
        Format::Markdown => return Ok(markdown::write(export)),
        Format::LabelStudio => label_studio::write(export),
        Format::Argilla => argilla::write(export),
        Format::TrlDpo => trl::dpo(export),
        Format::TrlKto => trl::kto(export),
        Format::TrlSft => trl::sft(export, options.reference),
        Format::Fastchat => fastchat::votes(export),
        Format::FastchatBattles => fastchat::battles(export),
        Format::LlmComparator => llm_comparator::write(export),
        Format::Promptfoo => promptfoo::write(export),
        Format::Ragas => ragas::write(export),
    };
    written.map_err(|e| unwritable(&e))
}

fn blind(format: Format) -> Fault {
    Fault::new(format!("--format {}", format.name()), "a study in which nobody may know yet who answered")
        .expected("one that was unblinded, or the formats jsonl and csv, which then leave the names out")
        .next("Once judging is over, `juxta study unblind DIR` takes the blinding off.")
}

fn unwritable(error: &dyn std::fmt::Display) -> crate::fault::Error {
    Fault::new("export", error).expected("records that can be written as JSON").into()
}

/// A criterion's id as a name beside `taken` ones: no id has an underscore.
fn apart(id: &str, taken: &[&str]) -> String {
    if taken.contains(&id) { format!("{id}_score") } else { id.to_owned() }
}
