//! `juxta finetune`: a model from a corpus's training questions; `juxta finetune grid`: several, on more and more of
//! them.

use super::out::{self, Bar};
use crate::fault::Fault;
use crate::job::interrupt::interruptible;
use crate::job::{Progress, time};
use crate::lab::{Ended, Grid, Lab, Method, Outcome, Recipe, Status, Tuned, Tuning, Turn};
use crate::text::{counted, one_line};
use clap::ValueEnum;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What to do after a run was stopped.
const GO_ON: &str = "What was learnt is kept up to the last step; the same command goes on from there.";

/// What to train, on what.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    several: Option<Several>,
    #[command(flatten)]
    one: OneArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Several {
    /// Make one model for each of several numbers of examples, one after the other.
    ///
    /// Each set of examples is the beginning of the next larger one. What is there already, finished with the same
    /// settings, is kept; an interrupted grid goes on when it is started again.
    Grid(GridArgs),
}

#[derive(Debug, clap::Args)]
struct OneArgs {
    #[command(flatten)]
    how: How,
    /// How many of its training questions, from the first.
    #[arg(long, value_name = "N", default_value_t = 500)]
    examples: usize,
    /// The new folder that the result goes to; one in the lab's models folder if left out. An interrupted run goes on
    /// when it is started again.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct GridArgs {
    #[command(flatten)]
    how: How,
    /// How many of its training questions, from the first, for each model.
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', default_values_t = [200, 500, 1000])]
    examples: Vec<usize>,
    /// The folder that the models' folders go into; the lab's models folder if left out.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What the models' names begin with: PREFIX-200 and so on. Base and corpus if left out.
    #[arg(long, value_name = "PREFIX")]
    name: Option<String>,
}

/// What one run and several have in common.
#[derive(Debug, clap::Args)]
struct How {
    /// The model to start from: a name, or the path of a folder.
    #[arg(long, value_name = "NAME", default_value = "reader")]
    base: String,
    /// The corpus: an id, or the path of a corpus folder. The first one if left out.
    #[arg(long, value_name = "ID")]
    corpus: Option<String>,
    /// What to train: adapters beside the frozen weights, or every weight.
    #[arg(long, value_enum, default_value_t = Trained::Lora)]
    method: Trained,
    /// Rank of the adapters.
    #[arg(long, value_name = "R")]
    rank: Option<usize>,
    /// Scale of the adapters, divided by the rank.
    #[arg(long, value_name = "A")]
    alpha: Option<f64>,
    /// The projections that get an adapter, such as q_proj,v_proj. All seven if left out.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    targets: Option<Vec<String>>,
    /// Share of the adapters' inputs to drop.
    #[arg(long, value_name = "X")]
    dropout: Option<f64>,
    /// How often each pair is seen.
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// The highest learning rate.
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// Weight decay; norms have none.
    #[arg(long, value_name = "X")]
    decay: Option<f64>,
    /// Pairs a step.
    #[arg(long, value_name = "N")]
    accumulate: Option<usize>,
    /// Decides first values, order and dropout.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The longest pair, in tokens.
    #[arg(long, value_name = "N")]
    max_tokens: Option<usize>,
    /// Leave out pairs that are longer instead of stopping.
    #[arg(long)]
    skip_long: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Trained {
    /// Low-rank adapters, in PEFT's format.
    Lora,
    /// Every weight; the result is a whole model.
    Full,
}

impl How {
    fn recipe(&self) -> Result<Recipe, Fault> {
        let usual = match self.method {
            Trained::Lora => Recipe::usual(Method::Lora),
            Trained::Full => {
                self.no_adapters()?;
                Recipe::usual(Method::Full)
            }
        };
        Ok(Recipe {
            rank: self.rank.unwrap_or(usual.rank),
            alpha: self.alpha.unwrap_or(usual.alpha),
            targets: self.targets.clone().unwrap_or(usual.targets),
            dropout: self.dropout.unwrap_or(usual.dropout),
            epochs: self.epochs.unwrap_or(usual.epochs),
            learning_rate: self.lr.unwrap_or(usual.learning_rate),
            weight_decay: self.decay.unwrap_or(usual.weight_decay),
            accumulate: self.accumulate.unwrap_or(usual.accumulate),
            seed: self.seed.unwrap_or(usual.seed),
            max_tokens: self.max_tokens.unwrap_or(usual.max_tokens),
            skip_long: self.skip_long,
            ..usual
        })
    }

    /// A setting that would change nothing is a misunderstanding.
    fn no_adapters(&self) -> Result<(), Fault> {
        let given = [
            ("--rank", self.rank.is_some()),
            ("--alpha", self.alpha.is_some()),
            ("--targets", self.targets.is_some()),
            ("--dropout", self.dropout.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((name, _)) => Err(Fault::new(name, "a setting of adapters, with --method full")
                .expected("--method lora, or no such setting")
                .next("Leave one of the two out.")),
        }
    }
}

pub(super) fn run(lab: &Lab, args: &Args) -> anyhow::Result<()> {
    match &args.several {
        None => one(lab, &args.one),
        Some(Several::Grid(args)) => grid(lab, args),
    }
}

fn one(lab: &Lab, args: &OneArgs) -> anyhow::Result<()> {
    let tuning = Tuning {
        base: args.how.base.clone(),
        corpus: args.how.corpus.clone(),
        examples: args.examples,
        recipe: args.how.recipe()?,
        out: args.out.clone(),
    };
    let Tuned { name, folder, outcome } = {
        let bar = Bar::new();
        lab.finetune(&tuning, &|status| bar.show(&progress(&status)), &interruptible())
            .map_err(out::stopped(GO_ON))?
    };
    if args.how.json {
        return out::json(&figures(&name, &folder, args.examples, Some(&outcome)));
    }
    out::text(&summary(&name, &folder, &outcome))
}

fn grid(lab: &Lab, args: &GridArgs) -> anyhow::Result<()> {
    let grid = Grid {
        base: args.how.base.clone(),
        corpus: args.how.corpus.clone(),
        examples: args.examples.clone(),
        recipe: args.how.recipe()?,
        out: args.out.clone(),
        prefix: args.name.clone(),
    };
    let ended = {
        let bar = Bar::new();
        let watch = |turn: Option<&Turn>, status: Status| {
            let progress = progress(&status);
            let doing = match turn {
                Some(t) => format!("{} of {}: {} · {}", t.number, t.of, one_line(&t.name), progress.doing),
                None => progress.doing,
            };
            bar.show(&Progress { doing, ..progress });
        };
        lab.grid(&grid, &watch, &interruptible()).map_err(out::stopped(GO_ON))?
    };
    if args.how.json {
        let all =
            ended.iter().map(|e| figures(&e.turn.name, &e.turn.folder, e.turn.examples, e.outcome.as_ref()));
        return out::json(&all.collect::<Vec<_>>());
    }
    let text = ended.iter().map(|Ended { turn, outcome }| match outcome {
        Some(outcome) => summary(&turn.name, &turn.folder, outcome),
        None => format!("{}: kept, it was there\n    {}\n", one_line(&turn.name), turn.folder.display()),
    });
    out::text(&text.collect::<String>())
}

fn progress(status: &Status) -> Progress {
    let steps =
        |doing: String, done: usize, total: usize| Progress { doing, done: done as u64, total: total as u64 };
    match status {
        Status::Preparing(progress) => progress.clone(),
        Status::HeldOut { done, total } => steps("measuring on held-out questions".into(), *done, *total),
        Status::Begun { steps: of, losses, .. } if losses.is_empty() => steps("training".into(), 0, *of),
        Status::Begun { steps: of, losses, .. } => {
            steps(format!("going on after step {}", losses.len()), losses.len(), *of)
        }
        Status::Step { step, steps: of, loss, tokens_per_second, seconds_left, .. } => steps(
            format!("loss {loss:.3} · {tokens_per_second:.0} tokens/s · {} left", time(*seconds_left)),
            *step,
            *of,
        ),
    }
}

fn figures(name: &str, folder: &Path, questions: usize, outcome: Option<&Outcome>) -> Value {
    let Some(outcome) = outcome else {
        return json!({ "name": name, "out": folder, "questions": questions, "kept": true });
    };
    json!({
        "name": name,
        "out": folder,
        "questions": questions,
        "kept": false,
        "examples": outcome.examples,
        "skipped": outcome.skipped,
        "steps": outcome.steps,
        "losses": outcome.losses,
        "held_out_before": outcome.held_out.map(|h| h.before),
        "held_out_after": outcome.held_out.map(|h| h.after),
        "tokens": outcome.tokens,
        "seconds": outcome.seconds,
    })
}

fn summary(name: &str, folder: &Path, outcome: &Outcome) -> String {
    let mut text = format!(
        "{}: {}, {}, {} in {} ({:.0} tokens/s)\n",
        one_line(name),
        counted(outcome.examples, "example"),
        counted(outcome.steps, "step"),
        counted(outcome.tokens as usize, "token"),
        time(outcome.seconds),
        outcome.tokens as f64 / outcome.seconds.max(f64::MIN_POSITIVE),
    );
    let place = folder.display().to_string();
    if place != name {
        text += &format!("    {}\n", one_line(&place));
    }
    // Writing into a string cannot fail.
    if let Some(h) = outcome.held_out {
        let _ = writeln!(
            text,
            "    loss on {} held-out questions: {:.4} before, {:.4} after",
            h.pairs, h.before, h.after
        );
    }
    if !outcome.skipped.is_empty() {
        let _ = writeln!(text, "    left out as too long: {}", one_line(&outcome.skipped.join(", ")));
    }
    text
}
