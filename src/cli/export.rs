//! `juxta export`: judgments leave the lab.

use super::out;
use crate::export::{self, Format};
use crate::fault::Fault;
use crate::lab::Lab;
use crate::study;
use std::io::{self, Write};
use std::path::PathBuf;

/// What to export, and where to.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The format.
    #[arg(long, value_enum)]
    format: Format,
    /// The file to write; standard output if left out. A file that is there is not overwritten.
    #[arg(short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(lab: &Lab, args: &Args) -> anyhow::Result<()> {
    let (judgments, problems) = study::all_current(&lab.paths.journals())?;
    let (trials, faults) = lab.trials.all()?;
    for problem in problems.iter().map(|p| &p.0).chain(&faults) {
        out::remark(&problem.to_string());
    }
    let rows = export::rows(&judgments, &trials);
    let mut bytes = Vec::new();
    export::write(args.format, &rows, &mut bytes)?;
    let Some(path) = &args.output else {
        return Ok(io::stdout().lock().write_all(&bytes)?);
    };
    if path.exists() {
        return Err(Fault::new(path.display(), "a file that is already there")
            .expected("a new file")
            .next("Choose another name, or remove it first.")
            .into());
    }
    crate::folder::replace(path, &bytes)?;
    out::remark(&format!("{} judgments written to {}", rows.len(), path.display()));
    Ok(())
}
