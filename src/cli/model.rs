//! `juxta model`: list, and `eval`, which has a file of its own.

use super::{evaluate, out};
use crate::generate::Registry;
use crate::lab::Lab;
use crate::text::one_line;
use std::fmt::Write;
use std::path::Path;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the models there are.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure models on the corpora's test questions: answers, citations, abstentions, each with its interval.
    Eval(evaluate::Args),
}

pub(super) fn run(data_dir: Option<&Path>, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List { json } => list(&Lab::open(data_dir)?.models.registry(), *json),
        Command::Eval(args) => evaluate::run(&Lab::open(data_dir)?, args),
    }
}

fn list(registry: &Registry, json: bool) -> anyhow::Result<()> {
    for fault in &registry.faults {
        out::remark(&fault.to_string());
    }
    if json {
        return out::json(&registry.contenders);
    }
    let mut text = String::new();
    for c in &registry.contenders {
        let _ = write!(text, "{} · {}", one_line(&c.name), one_line(&c.kind.to_string()));
        if let Some(trained) = &c.trained_on {
            let _ = write!(text, " · {} examples of {}", trained.examples, one_line(&trained.corpus));
        }
        if let Some(licence) = &c.licence {
            let _ = write!(text, " · {}", one_line(licence));
        }
        let _ = writeln!(text, "\n{}", out::indented(c.description.as_deref().unwrap_or(&c.title)));
    }
    out::text(&text)
}
