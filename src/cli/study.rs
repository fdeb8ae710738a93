//! `juxta study …`: planning a blind study, having its answers generated, and looking after it until it is unblinded.

use super::numbers::Numbers;
use super::out::{self, Bar};
use crate::config::{Paths, Settings};
use crate::corpus::Split;
use crate::fault::{Fault, Result};
use crate::job::interrupt::interruptible;
use crate::lab::{Failed, Generated, Lab, Planning};
use crate::retrieve::Ranking;
use crate::study::{self, Conflict, Reviewer, Status, Study, Tally};
use crate::text::{counted, one_line, quoted};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Plan a study in a new folder: study.toml and rubric.toml may be edited until answers are generated.
    New(New),
    /// Generate the answers of a study, or go on where that was stopped.
    Generate(Generate),
    /// Show who did what.
    Status(Shown),
    /// Copy what one reviewer needs into a new folder.
    HandOut(HandOut),
    /// Take in the folders that come back from reviewers.
    Merge(Merge),
    /// Take the blinding off, when everyone is done: figures by contender may then be seen.
    Unblind(Unblind),
    /// What was found: figures with intervals, tests, agreement. Before unblinding, only how annotators judge.
    Report(super::study_report::Args),
    /// Look at what was found, in the terminal.
    Results(super::study_report::Looked),
    /// Check that everything is as it was committed to before the first judgment.
    Verify(Shown),
}

/// What to plan.
#[derive(Debug, clap::Args)]
pub(super) struct New {
    /// The new folder.
    dir: PathBuf,
    /// The corpora: ids, or paths of corpus folders.
    #[arg(long, value_name = "ID,…", value_delimiter = ',', required = true)]
    corpus: Vec<String>,
    /// The split that questions are drawn from.
    #[arg(long, value_name = "SPLIT", default_value = "test", value_parser = ["train", "dev", "test"])]
    split: String,
    /// Questions drawn from each corpus.
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN.saturating_add(49))]
    questions: NonZeroUsize,
    /// The contender that every other one is compared with: a name or a path.
    #[arg(long, value_name = "NAME", default_value = "reader")]
    baseline: String,
    /// The others.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', required = true)]
    against: Vec<String>,
    /// Decides which questions are drawn and everyone's order.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: u64,
    /// How passages are ranked: plain, proximity, feedback, fielded, dense. As the settings say if left out.
    #[arg(long, value_name = "NAME")]
    ranking: Option<Ranking>,
    /// Who judges: names, or a number of places for reviewers who are not known yet. You, if left out.
    #[arg(long, value_name = "N|NAME,…")]
    annotators: Option<String>,
    /// The share of items that everyone judges; the rest is divided.
    #[arg(long, value_name = "SHARE", default_value_t = 0.3)]
    overlap: f64,
    /// The share of an annotator's items that come back later with the sides swapped.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    repeat: f64,
    /// What the study is called.
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
}

/// What to generate.
#[derive(Debug, clap::Args)]
pub(super) struct Generate {
    /// The study's folder.
    dir: PathBuf,
    /// How many questions are answered at a time, each on one thread. One a processor if left out; 1 for a large model,
    /// which then has all threads.
    #[arg(long, value_name = "N")]
    pub(super) workers: Option<NonZeroUsize>,
    #[command(flatten)]
    numbers: Numbers,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What to show.
#[derive(Debug, clap::Args)]
pub(super) struct Shown {
    /// The study's folder.
    dir: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What to hand out.
#[derive(Debug, clap::Args)]
pub(super) struct HandOut {
    /// The study's folder.
    dir: PathBuf,
    /// For whom: a name of the plan.
    #[arg(long, value_name = "NAME")]
    annotator: String,
    /// The new folder.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Even if answers are missing.
    #[arg(long)]
    partial: bool,
}

/// What to merge.
#[derive(Debug, clap::Args)]
pub(super) struct Merge {
    /// The study's folder, which takes everything in.
    dir: PathBuf,
    /// The folders that came back.
    #[arg(required = true)]
    from: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What to unblind.
#[derive(Debug, clap::Args)]
pub(super) struct Unblind {
    /// The study's folder.
    dir: PathBuf,
    /// Although not everyone is done.
    #[arg(long)]
    early: bool,
}

pub(super) fn run(data_dir: Option<&Path>, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::New(args) => new(&Lab::open(data_dir)?, args),
        Command::Generate(args) => generate(&Lab::open(data_dir)?, args),
        Command::Status(args) => status(args),
        Command::HandOut(args) => hand_out(args, &who(data_dir)?),
        Command::Merge(args) => merge(args, &who(data_dir)?),
        Command::Unblind(args) => unblind(args, &who(data_dir)?),
        Command::Report(args) => super::study_report::run(args),
        Command::Results(args) => super::study_report::look(data_dir, args),
        Command::Verify(args) => verify(args),
    }
}

/// A folder as commands take it.
fn folder(dir: &Path) -> String {
    quoted(&dir.display().to_string())
}

/// Who does it, for the acts.
fn who(data_dir: Option<&Path>) -> anyhow::Result<String> {
    Ok(study::annotator(&Settings::load(&Paths::find(data_dir)?)?.lab.annotator))
}

fn new(lab: &Lab, args: &New) -> anyhow::Result<()> {
    let planning = Planning {
        title: args.title.clone(),
        corpora: args.corpus.clone(),
        split: match args.split.as_str() {
            "train" => Split::Train,
            "dev" => Split::Dev,
            _ => Split::Test,
        },
        questions: args.questions.get(),
        baseline: args.baseline.clone(),
        against: args.against.clone(),
        annotators: annotators(args.annotators.as_deref(), &lab.settings)?,
        overlap: args.overlap,
        repeat: args.repeat,
        seed: args.seed,
        k: None,
        ranking: args.ranking,
    };
    let study = lab.plan(&args.dir, &planning)?;
    let plan = study.plan();
    let questions = plan.questions * plan.corpora.len();
    let items = questions * plan.against.len();
    let dir = folder(&args.dir);
    out::text(&format!(
        "{}: {}, {}, for {}\nEdit {dir}/study.toml and {dir}/rubric.toml as you like; \
         then `juxta study generate {dir}`.\n",
        one_line(&plan.title),
        counted(questions, "question"),
        counted(items, "item"),
        plan.annotators.join(", "),
    ))
}

/// Those named, or whoever sits here.
fn annotators(named: Option<&str>, settings: &Settings) -> Result<Vec<String>> {
    named.map_or_else(|| Ok(vec![study::annotator(&settings.lab.annotator)]), study::annotators)
}

fn generate(lab: &Lab, args: &Generate) -> anyhow::Result<()> {
    args.numbers.set(lab);
    let Generated { study, answers, items, planned, failed } = {
        // Ctrl-C ends it within a token; what was answered is kept.
        let cancel = interruptible();
        let bar = Bar::new();
        lab.generate(&args.dir, args.workers, &|step| bar.show(step.progress()), &cancel)
            .map_err(out::stopped("What was answered is kept; the same command goes on."))?
    };
    let commitment = study.frozen()?.key.clone();
    if args.json {
        out::json(&json!({
            "answers": answers, "items": items, "planned": planned, "failed": failed, "commitment": commitment,
        }))?;
    } else {
        out::text(&format!(
            "{items} of {} {} there ({} made now)\nThe sides are sealed; their digest is {commitment}\n",
            counted(planned, "item"),
            are(items),
            counted(answers, "answer"),
        ))?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    // One reason often fails a model's every answer.
    let mut reasons: BTreeMap<(&str, &str), Vec<&Failed>> = BTreeMap::new();
    for one in &failed {
        reasons.entry((&one.contender, &one.why)).or_default().push(one);
    }
    for ((contender, why), list) in &reasons {
        let first: Vec<_> = list.iter().take(3).map(|f| format!("{}/{}", f.corpus, f.question)).collect();
        let more = if list.len() > 3 { format!(" and {} more", list.len() - 3) } else { String::new() };
        out::remark(&format!("{contender} did not answer {}{more}: {why}", first.join(", ")));
    }
    Err(anyhow::anyhow!(
        "{} failed; the next `juxta study generate` tries again",
        counted(failed.len(), "answer")
    ))
}

fn status(args: &Shown) -> anyhow::Result<()> {
    let status = Study::open(&args.dir)?.status()?;
    if args.json {
        return out::json(&status);
    }
    for problem in &status.problems {
        out::remark(&problem.to_string());
    }
    out::text(&for_people(&status))
}

fn for_people(status: &Status) -> String {
    let mut text = String::new();
    let stage = match (status.frozen, status.unblinded) {
        (false, _) => "planned, not generated",
        (true, false) => "blind",
        (true, true) => "unblinded",
    };
    // Writing into a string cannot fail.
    let _ = writeln!(
        text,
        "{} ({}): {stage}, {} of {} {} there",
        one_line(&status.title),
        status.id,
        status.items,
        counted(status.planned, "item"),
        are(status.items),
    );
    for reviewer in &status.reviewers {
        let Tally { done, total, skipped, flagged, seconds_each } = reviewer.tally;
        let mut parts = vec![format!("{done}/{total}")];
        for (n, what) in [(skipped, "skipped"), (flagged, "flagged")] {
            if n > 0 {
                parts.push(format!("{n} {what}"));
            }
        }
        if let Some(seconds) = seconds_each {
            parts.push(format!("{seconds:.0} s each"));
        }
        if let Some(left) = reviewer.tally.seconds_left().filter(|s| *s > 0.0) {
            parts.push(format!("about {} min left", (left / 60.0).ceil()));
        }
        if reviewer.handed_out && done < total {
            parts.push("handed out".to_owned());
        }
        if let Some(at) = reviewer.last {
            parts.push(format!("last {}", at.strftime("%Y-%m-%d %H:%M UTC")));
        }
        let _ = writeln!(text, "{:<24} {}", called(reviewer), parts.join(", "));
    }
    for conflict in &status.conflicts {
        text += &disagreeing(conflict);
    }
    text
}

/// Two records of one showing.
fn disagreeing(conflict: &Conflict) -> String {
    let Conflict { item, annotator, stands, gave_way, .. } = conflict;
    let annotator = one_line(annotator);
    if stands == gave_way {
        return format!(
            "conflict: two records of {item} by {annotator} have one time, {stands}: one was changed afterwards\n"
        );
    }
    format!("conflict: {annotator} judged {item} twice in two folders; {stands} stands, not {gave_way}\n")
}

fn are(n: usize) -> &'static str {
    if n == 1 { "is" } else { "are" }
}

fn called(reviewer: &Reviewer) -> String {
    match (&reviewer.place, &reviewer.annotator) {
        (Some(place), Some(name)) if place == name => one_line(name),
        (Some(place), Some(name)) => format!("{} ({place})", one_line(name)),
        (Some(place), None) => format!("{place} (free)"),
        (None, Some(name)) => format!("{} (no place)", one_line(name)),
        (None, None) => String::new(),
    }
}

fn hand_out(args: &HandOut, who: &str) -> anyhow::Result<()> {
    let study = Study::open(&args.dir)?;
    let slots = study.hand_out(&args.annotator, &args.to, args.partial, who)?;
    let to = folder(&args.to);
    let name = one_line(&args.annotator);
    let reviewers = study.status()?.reviewers;
    let called = |r: &&Reviewer| [&r.place, &r.annotator].contains(&&Some(args.annotator.clone()));
    let (who, named) = match reviewers.iter().find(called).and_then(|r| r.annotator.as_deref()) {
        Some(known) => (one_line(known), quoted(known)),
        // A place that nobody has taken yet.
        None => ("whoever takes it".to_owned(), "NAME".to_owned()),
    };
    out::text(&format!(
        "{} for {name} in {to}\n{who} reviews them with `juxta review {to} --annotator {named}` and gives the \
         folder back;\n`juxta study merge {whole} FOLDER` takes in what comes back.\n",
        counted(slots, "item"),
        whole = folder(&args.dir),
    ))
}

fn merge(args: &Merge, who: &str) -> anyhow::Result<()> {
    let merged = Study::open(&args.dir)?.merge(&args.from, who)?;
    for problem in &merged.problems {
        out::remark(&problem.to_string());
    }
    if args.json {
        return out::json(&json!({
            "reviews": merged.reviews,
            "acts": merged.acts,
            "conflicts": merged.conflicts,
            "problems": merged.problems,
        }));
    }
    let mut text = format!("{}\n", counted(merged.reviews, "new review"));
    for conflict in &merged.conflicts {
        text += &disagreeing(conflict);
    }
    out::text(&text)
}

fn unblind(args: &Unblind, who: &str) -> anyhow::Result<()> {
    let study = Study::open(&args.dir)?;
    let status = study.status()?;
    let (done, total) =
        status.reviewers.iter().fold((0, 0), |(done, total), r| (done + r.tally.done, total + r.tally.total));
    if done < total && !args.early && !status.unblinded {
        return Err(Fault::new(study.dir().display(), format!("{done} of {}", counted(total, "judgment")))
            .expected("all of them")
            .next("Wait for the rest: who judges after unblinding is no longer blind. Or say --early.")
            .into());
    }
    let now = study.unblind(who)?;
    let digest = &study.frozen()?.key;
    out::text(&format!(
        "{}; the key has the digest that was committed to before the first judgment: {digest}\n`juxta study results {dir}` \
         shows what was found, `juxta study report {dir}` writes it.\n",
        if now { "unblinded" } else { "unblinded before" },
        dir = folder(&args.dir),
    ))
}

fn verify(args: &Shown) -> anyhow::Result<()> {
    let verified = Study::open(&args.dir)?.verify()?;
    if args.json {
        out::json(&verified)?;
    } else {
        for fault in &verified.faults {
            out::remark(&fault.to_string());
        }
        out::text(&format!(
            "the key has the digest that study.toml commits to: {}\n{} {} what was sealed, {} {} of \
             them and later than the commitment\n",
            verified.commitment,
            counted(verified.items, "item"),
            are(verified.items),
            counted(verified.reviews, "review"),
            are(verified.reviews),
        ))?;
    }
    match verified.faults.len() {
        0 => Ok(()),
        n => Err(anyhow::anyhow!("{} {} not as committed to", counted(n, "thing"), are(n))),
    }
}
