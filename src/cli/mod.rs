//! The command line: one file for each command. The only room that prints.

mod ask;
mod corpus;
mod corpus_import;
mod evaluate;
mod export;
mod finetune;
mod model;
mod model_check;
mod model_endpoint;
mod model_export;
mod model_local;
mod model_pull;
mod numbers;
mod out;
mod review;
mod search;
mod study;
mod study_report;

use crate::config::Paths;
use crate::fault::Fault;
use crate::job::interrupt;
use crate::lab::Lab;
use crate::text::one_line;
use crate::tui;
use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Did fine-tuning make this model better or worse at answering from retrieved context?
///
/// Without a command the lab opens in the terminal.
#[derive(Debug, Parser)]
#[command(name = "juxta", version, about, long_about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    /// Keep everything (judgments, trials, indices, settings) in this folder.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Open the lab on this corpus: an id, or the path of a corpus folder.
    #[arg(long, value_name = "ID")]
    corpus: Option<String>,

    /// Open the lab with these two models.
    #[arg(long, value_name = "BASE,TUNED")]
    pair: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask both models a question and print their answers.
    Ask(ask::Args),
    /// Search a corpus and print the passages found.
    Search(search::Args),
    /// List, add, check and measure corpora.
    #[command(subcommand)]
    Corpus(corpus::Command),
    /// List, add, pull, check and measure models, and write them as GGUF.
    #[command(subcommand)]
    Model(model::Command),
    /// Export judgments: the lab's own, or a study's.
    Export(export::Args),
    /// Fine-tune a model on a corpus's training questions.
    Finetune(Box<finetune::Args>),
    /// Plan, generate and look after blind studies by several people.
    #[command(subcommand)]
    Study(study::Command),
    /// Judge the answers of a study, without knowing whose they are.
    Review(review::Args),
    /// Read a PDF, and nothing else: what a corpus is made of is read by processes of their own.
    #[command(hide = true, name = crate::corpus::import::pdf::COMMAND)]
    ReadPdf {
        /// The PDF.
        from: PathBuf,
        /// Where its text goes.
        to: PathBuf,
    },
    /// Print where settings, judgments and indices are kept.
    Paths,
    /// Print a table of keys, in Markdown.
    #[command(hide = true)]
    Keys {
        /// Those of the review, not of the lab.
        #[arg(long)]
        review: bool,
        /// Those of a study's results.
        #[arg(long, conflicts_with = "review")]
        results: bool,
    },
    /// Draw the lab's screen as an SVG picture, after asking a question.
    #[command(hide = true)]
    Picture(tui::picture::Args),
}

/// How many threads one product of the mathematics is to use: one where the command works on as many things at a time
/// as there are processors.
pub fn threads() -> usize {
    match Cli::try_parse() {
        Ok(Cli { command: Some(Command::Model(model::Command::Eval(_))), .. }) => 1,
        Ok(Cli { command: Some(Command::Study(study::Command::Generate(args))), .. })
            if args.workers.is_none_or(|n| n.get() > 1) =>
        {
            1
        }
        _ => crate::job::threads::count(),
    }
}

/// Runs the program; an error becomes a message on standard error and an exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version hold nothing from outside; everything else quotes the arguments.
        Err(told) if !told.use_stderr() => told.exit(),
        Err(wrong) => {
            out::wrong_arguments(&wrong.render().to_string());
            return ExitCode::from(2);
        }
    };
    start_log(&cli);
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if out::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) if out::is_stopped(&error) => {
            out::error(&error);
            ExitCode::from(interrupt::EXIT_CODE)
        }
        Err(error) => {
            out::error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let data_dir = cli.data_dir.as_deref();
    match cli.command {
        None => {
            terminal(
                "the lab",
                "Without one, use `juxta ask \"…\"`, or `juxta help` for the other commands.",
            )?;
            tui::run(data_dir, cli.corpus, cli.pair)
        }
        Some(Command::Ask(args)) => ask::run(Lab::open(data_dir)?, &args),
        Some(Command::Search(args)) => search::run(Lab::open(data_dir)?, &args),
        Some(Command::Corpus(command)) => corpus::run(data_dir, &command),
        Some(Command::Model(command)) => model::run(data_dir, &command),
        Some(Command::Export(args)) => export::run(data_dir, &args),
        Some(Command::Finetune(args)) => finetune::run(&Lab::open(data_dir)?, &args),
        Some(Command::Study(command)) => study::run(data_dir, &command),
        Some(Command::Paths) => paths(&Paths::find(data_dir)?),
        Some(Command::Review(args)) => review::run(data_dir, &args),
        Some(Command::Keys { review: false, results: false }) => out::text(&tui::keys::markdown()),
        Some(Command::Keys { results: true, .. }) => out::text(&tui::results::keys::markdown()),
        Some(Command::Keys { .. }) => out::text(&tui::review::keys::markdown()),
        Some(Command::ReadPdf { from, to }) => Ok(crate::corpus::import::pdf::extract_to(&from, &to)?),
        Some(Command::Picture(args)) => Ok(tui::picture::run(data_dir, &args)?),
    }
}

/// Something that is opened in a terminal needs one.
fn terminal(what: &str, next: &str) -> anyhow::Result<()> {
    if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Fault::new("terminal", "standard input or output that is none")
        .expected(format!("a terminal, to open {what} in"))
        .next(next)
        .into())
}

fn paths(paths: &Paths) -> anyhow::Result<()> {
    let rows = [
        ("settings", &paths.settings),
        ("judgments", &paths.journals()),
        ("trials", &paths.trials()),
        ("corpora", &paths.corpora()),
        ("models", &paths.models()),
        ("answers", &paths.evaluations()),
        ("indices", &paths.indices()),
        ("log", &paths.log()),
    ];
    let lines: Vec<String> = rows
        .iter()
        .map(|(name, path)| format!("{name:<10} {}\n", one_line(&path.display().to_string())))
        .collect();
    out::text(&lines.concat())
}

/// Prints judgments that no disk would take, when the lab ends without them, and where they belong.
///
/// # Errors
/// Standard output's.
pub(crate) fn last_words(unkept: &[impl serde::Serialize], belong: &str) -> anyhow::Result<()> {
    out::remark(&format!("these judgments could not be saved; append each line to {belong}:"));
    unkept.iter().try_for_each(out::json_line)
}

/// Prints what is to be known when the lab has closed, on one line.
pub(crate) fn parting(line: &str) {
    out::remark(line);
}

/// The log goes to a file, since the screen belongs to the lab; without a data folder there is none.
fn start_log(cli: &Cli) {
    let Ok(paths) = Paths::find(cli.data_dir.as_deref()) else { return };
    if !paths.data.is_dir() {
        return;
    }
    let filter = tracing_subscriber::EnvFilter::try_from_env("JUXTA_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("juxta=info"));
    if let Ok(file) = std::fs::OpenOptions::new().append(true).create(true).open(paths.log()) {
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(std::sync::Mutex::new(file))
            .try_init();
    }
}
