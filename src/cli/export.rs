//! `juxta export`: judgments leave the lab.

use super::out;
use crate::export::{self, Export, Feed, Format, Options};
use crate::fault::Fault;
use crate::lab::Lab;
use crate::study::{self, Rubric, Study};
use crate::text::{counted, one_line};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What to export, and where to.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A study's folder; the lab's own judgments if left out.
    dir: Option<PathBuf>,
    /// The format.
    #[arg(long, value_enum)]
    format: Format,
    /// The file to write, or the folder where there are several; standard output if left out. What is there is not
    /// overwritten.
    #[arg(short, value_name = "FILE|DIR")]
    output: Option<PathBuf>,
    /// Call annotators annotator-1 and so on. What they wrote themselves stays as it is.
    #[arg(long)]
    anonymise: bool,
    /// For trl-sft: the reference answers in the place of the better ones.
    #[arg(long)]
    reference: bool,
}

pub(super) fn run(data_dir: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    match &args.dir {
        None => of_lab(&Lab::open(data_dir)?, args),
        Some(dir) => of_study(&Study::open(dir)?, args),
    }
}

fn of_lab(lab: &Lab, args: &Args) -> anyhow::Result<()> {
    let (judgments, problems) = study::all_current(&lab.paths.journals())?;
    let (trials, faults) = lab.trials.all()?;
    for problem in problems.iter().map(|p| &p.0).chain(&faults) {
        out::remark(&problem.to_string());
    }
    let rubric = Rubric::of(&lab.settings.rubric);
    put(Export::of_lab(&judgments, &trials, &rubric), args)
}

fn of_study(study: &Study, args: &Args) -> anyhow::Result<()> {
    let (mut reviews, faults) = study.reviews()?;
    faults.iter().for_each(|fault| out::remark(&fault.to_string()));
    let recorded = reviews.len();
    reviews.retain(|review| review.is_complete(study.rubric().ids()));
    if reviews.len() < recorded {
        out::remark(&format!(
            "left out: {}, skipped or not complete",
            counted(recorded - reviews.len(), "review")
        ));
    }
    let ids: BTreeSet<&str> = reviews.iter().map(|r| r.item.as_str()).collect();
    let mut items = Vec::new();
    for id in &ids {
        match study.item(id) {
            Ok(item) => items.push(item),
            Err(error) => out::remark(&error.to_string()),
        }
    }
    let mut trials = BTreeMap::new();
    let unblinded = study.is_unblinded()?;
    if unblinded {
        for id in &ids {
            match study.trial(id) {
                Ok(trial) => drop(trials.insert((*id).to_owned(), trial)),
                Err(error) => out::remark(&error.to_string()),
            }
        }
    }
    let feed = Feed { plan: study.plan(), rubric: study.rubric(), items: &items, trials: &trials };
    if unblinded {
        let judgments = study.rated()?;
        return put(Export::of_study(feed, &judgments), args);
    }
    put(Export::of_blind(feed, &reviews), args)
}

/// Writes an export where it was asked for.
fn put(mut export: Export<'_>, args: &Args) -> anyhow::Result<()> {
    if args.anonymise {
        export.anonymise();
    }
    let written = export::write(args.format, &export, Options { reference: args.reference })?;
    if !export.named {
        out::remark("nobody may know yet who answered: the contenders' names are left out");
    }
    for (why, n) in &written.left_out {
        out::remark(&format!("left out: {why} ({n})"));
    }
    let Some(output) = &args.output else {
        if written.main().count() > 1 {
            return Err(Fault::new(format!("--format {}", args.format.name()), "several files")
                .expected("a folder to write them to")
                .next("Name one with -o DIR.")
                .into());
        }
        for file in written.files.iter().filter(|f| f.beside.is_some()) {
            out::remark(&format!("{} belongs to it: -o DIR writes that too", file.name));
        }
        return Ok(io::stdout().lock().write_all(&written.files[0].bytes)?);
    };
    let paths = places(&written, output)?;
    if let Some(taken) = paths.iter().find(|p| p.exists()) {
        return Err(Fault::new(taken.display(), "a file that is already there")
            .expected("a new file")
            .next("Choose another name, or remove it first.")
            .into());
    }
    for (file, path) in written.files.iter().zip(&paths) {
        crate::folder::replace(path, &file.bytes)?;
    }
    let names: Vec<String> = paths.iter().map(|p| one_line(&p.display().to_string())).collect();
    let all = counted(export.rows.len(), "judgment");
    let all = match written.left_out.values().sum::<usize>() {
        0 => all,
        left => format!("{} of {all}", export.rows.len().saturating_sub(left)),
    };
    out::remark(&format!("{all} written to {}", names.join(", ")));
    Ok(())
}

/// Where each file goes. A name with an ending is a file's, with what belongs to it beside it; any other is a folder's
/// where there are several files.
fn places(written: &export::Written, output: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let several = written.files.len() > 1;
    if output.is_dir() || several && output.extension().is_none() {
        return Ok(written.files.iter().map(|f| output.join(&f.name)).collect());
    }
    if written.main().count() > 1 {
        return Err(Fault::new(output.display(), "one file for several")
            .expected("a folder")
            .next("Name a folder that is there, or a new one without an ending.")
            .into());
    }
    let beside = |ending: &str| output.with_extension(ending);
    Ok(written.files.iter().map(|f| f.beside.map_or_else(|| output.to_owned(), beside)).collect())
}
