//! `juxta study report` and `juxta study results`: what a study found, or what judgments made elsewhere show, written
//! and in the terminal.

use super::out;
use crate::config::{Paths, Settings};
use crate::export::Renamed;
use crate::fault::{Fault, Result};
use crate::report::{Elsewhere, Report, html, markdown, text};
use crate::study::Study;
use crate::tui::results::Make;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where the judgments are.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").args(["dir", "judgments"]).required(true))]
pub(super) struct Looked {
    /// The study's folder.
    dir: Option<PathBuf>,
    /// Judgments in files rather than a study's: exports (csv, jsonl), or tables made elsewhere (csv, tsv, jsonl), several
    /// of them as one. A table needs the columns annotator, question or question_id, contender_a (shown left),
    /// contender_b, and verdict: a, b, tie, both-bad or the better contender's name. It may have corpus, item, showing,
    /// judged_at, seconds, baseline and, for each criterion, NAME_a, NAME_b (whole numbers from 1 up) and NAME_highest.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    judgments: Vec<PathBuf>,
    /// What the files' columns are called: annotator=rater,verdict=winner,accuracy_a=score_left.
    #[arg(long, value_name = "OURS=THEIRS,…", value_delimiter = ',', requires = "judgments")]
    column: Vec<String>,
    /// The contender that the others are compared with, where the files do not say it.
    #[arg(long, value_name = "NAME", requires = "judgments")]
    baseline: Option<String>,
    /// Where scales end that the files do not say the end of; the highest degree given if left out.
    #[arg(long, value_name = "N", requires = "judgments", value_parser = clap::value_parser!(u8).range(2..))]
    highest: Option<u8>,
    /// What the report is called.
    #[arg(long, value_name = "TEXT", requires = "judgments")]
    title: Option<String>,
}

/// What to report, and as what.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    of: Looked,
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

impl Looked {
    /// What the report is called until it is there, and how it is made. What can be told at once to be wrong is.
    fn source(&self) -> Result<(String, Make)> {
        if let Some(dir) = &self.dir {
            let study = Study::open(dir)?;
            study.frozen()?;
            return Ok((study.plan().title.clone(), Box::new(move || Report::of(&study))));
        }
        let elsewhere = Elsewhere {
            files: self.judgments.clone(),
            columns: Renamed::parse(&self.column)?,
            baseline: self.baseline.clone(),
            highest: self.highest,
            title: self.title.clone(),
        };
        Ok((elsewhere.name(), Box::new(move || Report::elsewhere(&elsewhere))))
    }
}

pub(super) fn look(data_dir: Option<&Path>, args: &Looked) -> anyhow::Result<()> {
    super::terminal("the results", "Without one, use `juxta study report`.")?;
    let (title, make) = args.source()?;
    crate::tui::results::run(title, make, &Settings::load(&Paths::find(data_dir)?)?)
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    for path in args.html.iter().chain(&args.output) {
        free(path)?;
    }
    let (_, make) = args.of.source()?;
    let (report, problems) = make()?;
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
