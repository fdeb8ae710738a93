//! `juxta study report` and `juxta study results`: what a study found, written and in the terminal.

use super::out;
use crate::config::{Paths, Settings};
use crate::fault::Fault;
use crate::report::{Report, html, markdown, text};
use crate::study::Study;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What to report, and as what.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The study's folder.
    dir: PathBuf,
    /// Write one self-contained HTML file, with charts. A file that is there is not overwritten.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Markdown rather than plain text.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// One JSON object with every figure, its interval, n and method.
    #[arg(long)]
    json: bool,
    /// The file to write text, Markdown or JSON to; standard output if left out. A file that is there is not
    /// overwritten.
    #[arg(short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What to look at.
#[derive(Debug, clap::Args)]
pub(super) struct Looked {
    /// The study's folder.
    dir: PathBuf,
}

pub(super) fn look(data_dir: Option<&Path>, args: &Looked) -> anyhow::Result<()> {
    super::terminal("the results", "Without one, use `juxta study report`.")?;
    crate::tui::results::run(&args.dir, &Settings::load(&Paths::find(data_dir)?)?)
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    for path in args.html.iter().chain(&args.output) {
        free(path)?;
    }
    let (report, problems) = Report::of(&Study::open(&args.dir)?)?;
    for problem in &problems {
        out::remark(&problem.to_string());
    }
    if let Some(path) = &args.html {
        crate::folder::replace(path, html::write(&report).as_bytes())?;
        out::remark(&format!("the report is in {}", path.display()));
        // Whoever asks for a file alone wants nothing on the screen.
        if args.output.is_none() && !args.markdown && !args.json {
            return Ok(());
        }
    }
    let written = if args.json {
        crate::text::json(&report)? + "\n"
    } else if args.markdown {
        markdown::write(&report)
    } else {
        text::write(&report)
    };
    match &args.output {
        Some(path) => {
            free(path)?;
            crate::folder::replace(path, written.as_bytes())?;
            out::remark(&format!("the report is in {}", path.display()));
            Ok(())
        }
        // All three are printable already, and Markdown for a file must stay as it is.
        None => Ok(io::stdout().lock().write_all(written.as_bytes())?),
    }
}

fn free(path: &Path) -> anyhow::Result<()> {
    if path.exists() {
        return Err(Fault::new(path.display(), "a file that is already there")
            .expected("a new file")
            .next("Choose another name, or remove it first.")
            .into());
    }
    Ok(())
}
