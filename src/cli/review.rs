//! `juxta review`: judging the answers of a study, blind.

use crate::config::{Paths, Settings};
use crate::tui;
use std::path::{Path, PathBuf};

/// What to judge, and who does.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the study, or the copy of it that was handed out.
    dir: PathBuf,
    /// Who judges; your own name if left out. Whoever is not in the study's plan takes the first free place in it.
    #[arg(long, value_name = "NAME", default_value = "")]
    annotator: String,
    /// Begin although not every answer is there yet.
    #[arg(long)]
    partial: bool,
}

pub(super) fn run(data_dir: Option<&Path>, args: &Args) -> anyhow::Result<()> {
    super::terminal("the review", "Run it in one.")?;
    let settings = Settings::load(&Paths::find(data_dir)?)?;
    let annotator = if args.annotator.trim().is_empty() { &settings.lab.annotator } else { &args.annotator };
    tui::review::run(&args.dir, annotator, args.partial, &settings)
}
