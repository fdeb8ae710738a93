//! `juxta finetune`: an adapter from a corpus's training questions.

use super::out::{self, Bar};
use crate::job::{Cancel, Progress};
use crate::lab::{Lab, Outcome, Recipe, Status, Tuned, Tuning};
use serde_json::json;
use std::path::{Path, PathBuf};

/// What to train, on what.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model to start from: a name, or the path of a folder.
    #[arg(long, value_name = "NAME", default_value = "reader")]
    base: String,
    /// The corpus: an id, or the path of a corpus folder. The first one if left out.
    #[arg(long, value_name = "ID")]
    corpus: Option<String>,
    /// How many of its training questions, from the first.
    #[arg(long, value_name = "N", default_value_t = 500)]
    examples: usize,
    /// The new folder that the adapter goes to; one in the lab's models folder if left out. An interrupted run goes
    /// on when it is started again.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Rank of the adapters.
    #[arg(long, value_name = "R")]
    rank: Option<usize>,
    /// Scale of the adapters, divided by the rank.
    #[arg(long, value_name = "A")]
    alpha: Option<f64>,
    /// The projections that get an adapter, such as q_proj,v_proj. All seven if left out.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    targets: Option<Vec<String>>,
    /// How often each pair is seen.
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// The highest learning rate.
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// Share of the adapters' inputs to drop.
    #[arg(long, value_name = "X")]
    dropout: Option<f64>,
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

impl Args {
    fn tuning(&self) -> Tuning {
        Tuning {
            base: self.base.clone(),
            corpus: self.corpus.clone(),
            examples: self.examples,
            recipe: self.recipe(),
            out: self.out.clone(),
        }
    }

    fn recipe(&self) -> Recipe {
        let usual = Recipe::default();
        Recipe {
            rank: self.rank.unwrap_or(usual.rank),
            alpha: self.alpha.unwrap_or(usual.alpha),
            targets: self.targets.clone().unwrap_or(usual.targets),
            epochs: self.epochs.unwrap_or(usual.epochs),
            learning_rate: self.lr.unwrap_or(usual.learning_rate),
            dropout: self.dropout.unwrap_or(usual.dropout),
            accumulate: self.accumulate.unwrap_or(usual.accumulate),
            seed: self.seed.unwrap_or(usual.seed),
            max_tokens: self.max_tokens.unwrap_or(usual.max_tokens),
            skip_long: self.skip_long,
            ..usual
        }
    }
}

pub(super) fn run(lab: &Lab, args: &Args) -> anyhow::Result<()> {
    let tuning = args.tuning();
    let cancel = Cancel::new();
    let Tuned { name, folder, outcome } = {
        let bar = Bar::new();
        lab.finetune(&tuning, &|status| show(&bar, &status), &cancel)?
    };
    if args.json {
        return out::json(&json!({
            "name": name,
            "out": folder,
            "examples": outcome.examples,
            "skipped": outcome.skipped,
            "steps": outcome.steps,
            "losses": outcome.losses,
            "held_out_before": outcome.held_out.map(|h| h.before),
            "held_out_after": outcome.held_out.map(|h| h.after),
            "tokens": outcome.tokens,
            "seconds": outcome.seconds,
        }));
    }
    out::text(&summary(&outcome, &folder))
}

fn show(bar: &Bar, status: &Status) {
    match status {
        Status::Preparing(progress) => bar.show(progress),
        Status::HeldOut { done, total } => bar.show(&Progress {
            doing: "measuring on held-out questions".into(),
            done: *done as u64,
            total: *total as u64,
        }),
        Status::Begun { steps, losses, .. } => bar.show(&Progress {
            doing: if losses.is_empty() { "training" } else { "training, from where it was" }.into(),
            done: losses.len() as u64,
            total: *steps as u64,
        }),
        Status::Step { step, steps, loss, tokens_per_second, seconds_left, .. } => bar.show(&Progress {
            doing: format!("loss {loss:.3} · {tokens_per_second:.0} tokens/s · {} left", time(*seconds_left)),
            done: *step as u64,
            total: *steps as u64,
        }),
    }
}

fn time(seconds: f64) -> String {
    let seconds = seconds.round().max(0.0) as u64;
    if seconds < 60 { format!("{seconds} s") } else { format!("{}:{:02} min", seconds / 60, seconds % 60) }
}

fn summary(outcome: &Outcome, folder: &Path) -> String {
    let mut text = format!(
        "{}: {} examples, {} steps, {} tokens in {} ({:.0} tokens/s)\n",
        folder.display(),
        outcome.examples,
        outcome.steps,
        outcome.tokens,
        time(outcome.seconds),
        outcome.tokens as f64 / outcome.seconds.max(f64::MIN_POSITIVE),
    );
    if let Some(h) = outcome.held_out {
        text += &format!(
            "loss on {} held-out questions: {:.4} before, {:.4} after\n",
            h.pairs, h.before, h.after
        );
    }
    if !outcome.skipped.is_empty() {
        text += &format!("left out as too long: {}\n", outcome.skipped.join(", "));
    }
    text
}
