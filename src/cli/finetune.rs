//! `juxta finetune`: an adapter from a corpus's training questions.

use super::out::{self, Bar};
use crate::corpus::Split;
use crate::fault::Fault;
use crate::finetune::{self, Card, Outcome, Pair, Recipe, Source, Status};
use crate::generate::{Checkpoint, Kind};
use crate::job::{Cancel, Progress};
use crate::lab::Lab;
use serde_json::json;
use std::path::PathBuf;

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
    /// The new folder that the adapter goes to. An interrupted run goes on when it is started again.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
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
    let recipe = args.recipe();
    recipe.check()?;
    let cancel = Cancel::new();
    let base = lab.models.registry().find(&args.base)?;
    if !matches!(base.kind, Kind::Base) {
        return Err(Fault::new("--base", format!("{}, which is an adapter or a GGUF file", base.name))
            .expected("a model's folder with config.json and safetensors")
            .next("`juxta model list` shows what there is.")
            .into());
    }
    let entry = lab.corpus(args.corpus.as_deref())?;
    let outcome = {
        let bar = Bar::new();
        let index = lab.index(&entry, &|p| bar.show(&p), &cancel)?;
        let corpus = entry.read()?;
        let read = Checkpoint::load(&base.folder, &base.name, &|p| bar.show(&p), &cancel)?;
        let source = Source {
            corpus: &corpus,
            index: &index,
            length: lab.retrieval().length,
            k: lab.settings.retrieval.k,
            render: &|messages| read.codec.render(messages),
            fits: &|pair: &Pair| {
                // The end of the turn is one more.
                let tokens =
                    read.codec.encode(&pair.prompt)?.len() + read.codec.encode(&pair.answer)?.len() + 1;
                Ok(tokens <= recipe.max_tokens)
            },
        };
        let pairs =
            finetune::examples(&source, Split::Train, Some(args.examples), &|p| bar.show(&p), &cancel)?;
        let held_out = finetune::examples(&source, Split::Dev, None, &|p| bar.show(&p), &cancel)?;
        let about = Card {
            title: format!(
                "{}, fine-tuned on {} questions of {}",
                base.title,
                pairs.len(),
                corpus.manifest.title
            ),
            description: format!(
                "A LoRA adapter of {}, made by `juxta finetune` from the first {} training questions of the corpus {} \
                 with the passages that retrieval finds for them.",
                base.name,
                pairs.len(),
                corpus.manifest.id
            ),
            licence: format!(
                "Of the base: {} Of the corpus: {}",
                base.licence.as_deref().unwrap_or("not stated."),
                corpus.manifest.licence
            ),
            base: args.base.clone(),
            corpus: corpus.manifest.id.clone(),
            corpus_digest: corpus.digest.clone(),
        };
        drop(read);
        let report = |status: Status| bar.show(&progress(&status));
        finetune::train(&base.folder, &pairs, &held_out, &recipe, &args.out, &about, &report, &cancel)?
    };
    if args.json {
        return out::json(&json!({
            "out": args.out,
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
    out::text(&summary(&outcome, args))
}

fn progress(status: &Status) -> Progress {
    match status {
        Status::Reading => Progress { doing: "reading the pairs".into(), done: 0, total: 0 },
        Status::HeldOut { done, total } => Progress {
            doing: "measuring on held-out questions".into(),
            done: *done as u64,
            total: *total as u64,
        },
        Status::Step { step, steps, loss, tokens_per_second, seconds_left, .. } => Progress {
            doing: format!("loss {loss:.3} · {tokens_per_second:.0} tokens/s · {} left", time(*seconds_left)),
            done: *step as u64,
            total: *steps as u64,
        },
    }
}

fn time(seconds: f64) -> String {
    let seconds = seconds.round().max(0.0) as u64;
    if seconds < 60 { format!("{seconds} s") } else { format!("{}:{:02} min", seconds / 60, seconds % 60) }
}

fn summary(outcome: &Outcome, args: &Args) -> String {
    let mut text = format!(
        "{}: {} examples, {} steps, {} tokens in {} ({:.0} tokens/s)\n",
        args.out.display(),
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
