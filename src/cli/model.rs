//! `juxta model`: list, add, remove; the other commands have files of their own.

use super::{evaluate, model_check, model_endpoint, model_export, model_local, model_pull, out};
use crate::corpus::{Question, Split};
use crate::fault::Fault;
use crate::folder::Folder;
use crate::generate::{self, Columns, Recording, Registry};
use crate::lab::Lab;
use crate::text::{counted, one_line};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

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
    /// Say what a model is, everything that is wrong with it, and whether it can be a pair with another.
    Check(model_check::Args),
    /// Make a model on this disk, one behind a server, or answers that were recorded elsewhere, a contender.
    Add(Box<Add>),
    /// Fetch a model from the Hugging Face hub into the cache that it shares with other programs.
    Pull(model_pull::Args),
    /// Forget a model of your own; files it was added from elsewhere stay.
    Remove {
        /// Its name.
        name: String,
    },
    /// Write a model as a GGUF file, for llama.cpp and everything built on it.
    Export(model_export::Args),
}

/// What to add.
#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// What it is called from now on.
    name: String,
    #[command(flatten)]
    local: model_local::Args,
    /// The answers: a table (.csv) or JSON Lines (.jsonl).
    #[arg(long, value_name = "FILE", required_unless_present_any = ["source", "endpoint"])]
    recorded: Option<PathBuf>,
    /// The corpus whose questions they are to: needed where the file has the questions' ids alone.
    #[arg(long, value_name = "ID")]
    corpus: Option<String>,
    /// The column or field of the question.
    #[arg(long, value_name = "COLUMN", default_value = "question")]
    question_column: String,
    /// The column or field of the question's id.
    #[arg(long, value_name = "COLUMN", default_value = "question_id")]
    id_column: String,
    /// The column or field of the answer.
    #[arg(long, value_name = "COLUMN", default_value = "answer")]
    answer_column: String,
    #[command(flatten)]
    endpoint: model_endpoint::Args,
}

/// Where an added model comes from.
enum Source<'a> {
    Local(&'a Path),
    Endpoint,
    Recorded(&'a Path),
}

impl Add {
    fn source(&self) -> anyhow::Result<Source<'_>> {
        match (&self.local.source, &self.endpoint.endpoint, &self.recorded) {
            (Some(path), ..) => Ok(Source::Local(path)),
            (None, Some(_), _) => Ok(Source::Endpoint),
            (None, None, Some(path)) => Ok(Source::Recorded(path)),
            (None, None, None) => Err(Fault::new("SOURCE", "nothing")
                .expected("a folder, a GGUF file, --endpoint URL, or --recorded FILE")
                .next("Name one.")
                .into()),
        }
    }
}

pub(super) fn run(data_dir: Option<&Path>, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List { json } => list(&Lab::open(data_dir)?.models.registry(), *json),
        Command::Eval(args) => evaluate::run(&Lab::open(data_dir)?, args),
        Command::Check(args) => model_check::run(&Lab::open(data_dir)?, args),
        Command::Add(args) => add(&Lab::open(data_dir)?, args),
        Command::Pull(args) => model_pull::run(&Lab::open(data_dir)?, args),
        Command::Remove { name } => remove(&Lab::open(data_dir)?, name),
        Command::Export(args) => model_export::run(&Lab::open(data_dir)?, args),
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
        if let Some(architecture) = &c.architecture {
            let _ = write!(text, " · {}", one_line(architecture));
        }
        if let Some(trained) = &c.trained_on {
            let _ =
                write!(text, " · {} of {}", counted(trained.examples, "example"), one_line(&trained.corpus));
        }
        if let Some(licence) = &c.licence {
            let _ = write!(text, " · {}", one_line(licence));
        }
        let _ = writeln!(text, "\n{}", out::indented(c.description.as_deref().unwrap_or(&c.title)));
    }
    out::text(&text)
}

/// How many of a kind are named before the rest is counted.
const NAMED: usize = 5;

fn add(lab: &Lab, args: &Add) -> anyhow::Result<()> {
    plain_name("NAME", &args.name)?;
    if let Some(taken) = lab.models.registry().contenders.iter().find(|c| c.name == args.name) {
        return Err(Fault::new(taken.place(), format!("a model called {}", args.name))
            .expected("a new name")
            .next("Choose another one.")
            .into());
    }
    let recorded = match args.source()? {
        Source::Local(path) => return model_local::add(lab, &args.name, path, &args.local),
        Source::Endpoint => return model_endpoint::add(lab, &args.name, &args.endpoint),
        Source::Recorded(recorded) => recorded,
    };
    let questions: Vec<Question> = match &args.corpus {
        Some(id) => lab.corpus(Some(id))?.read()?.questions,
        None => Vec::new(),
    };
    let known = |id: &str| questions.iter().find(|q| q.id == id).map(|q| q.question.clone());
    let columns = Columns {
        question: args.question_column.clone(),
        question_id: args.id_column.clone(),
        answer: args.answer_column.clone(),
    };
    let recording = Recording::read(recorded, &columns, &known)?;
    let folder = lab.paths.models().join(&args.name);
    recording.keep(&folder)?;
    out::text(&format!("{}, in {}\n", counted(recording.len(), "answer"), folder.display()))?;
    for (what, which) in [
        ("said again, the same", &recording.repeated),
        ("said again, otherwise: the first answer stands", &recording.contradicted),
        ("an id that no question has", &recording.unknown),
        ("no answer", &recording.empty),
    ] {
        tell(what, which);
    }
    // Of the splits that are answered at all: whoever recorded answers to test questions has none for training.
    let (answered, missed): (Vec<&Question>, Vec<&Question>) =
        questions.iter().partition(|q| recording.answers(&q.question));
    let splits: BTreeSet<Split> = answered.iter().map(|q| q.split).collect();
    let missed: Vec<String> =
        missed.into_iter().filter(|q| splits.contains(&q.split)).map(|q| q.id.clone()).collect();
    tell("a question of the corpus without an answer", &missed);
    Ok(())
}

/// Refuses a name that cannot be a folder's.
pub(super) fn plain_name(place: &str, name: &str) -> Result<(), Fault> {
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || name.ends_with(".part") || !name.chars().all(plain) {
        return Err(Fault::new(place, format!("{name:?}"))
            .expected("letters, digits, hyphens, dots and underscores")
            .next("Choose another name: it becomes a folder's."));
    }
    Ok(())
}

fn remove(lab: &Lab, name: &str) -> anyhow::Result<()> {
    if let Some(bundled) = lab.models.registry().contenders.iter().find(|c| c.name == name)
        && let Folder::Bundled(_) = bundled.folder
    {
        return Err(Fault::new(bundled.place(), "a bundled model")
            .expected("a model of your own")
            .next("Bundled models stay; leave them out of what you compare.")
            .into());
    }
    let gone = generate::remove(name, &lab.paths.models())?;
    out::text(&format!("removed {}\n", gone.display()))
}

fn tell(what: &str, which: &[String]) {
    if which.is_empty() {
        return;
    }
    let more = which.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named = which[..which.len().min(NAMED)].join("; ");
    out::remark(&format!("{} × {what}: {named}{more}", which.len()));
}
