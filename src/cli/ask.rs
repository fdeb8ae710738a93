//! `juxta ask`: a trial without the lab.

use super::numbers::Numbers;
use super::out::{self, Bar};
use crate::compare::{Answer, Course, Event, Finish, Pair, PerToken, Side, Trial, together};
use crate::config::Turns;
use crate::fault::Error;
use crate::generate::Model;
use crate::job::SILENT;
use crate::job::interrupt::interruptible;
use crate::lab::{self, Asking, Lab};
use crate::retrieve::Ranking;
use crate::text::{counted, one_line};
use std::fmt::Write;
use std::sync::OnceLock;

/// What to ask.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The question.
    question: String,
    /// The corpus: an id, or the path of a corpus folder. The first one if left out.
    #[arg(long, value_name = "ID")]
    corpus: Option<String>,
    /// The baseline and the fine-tuned model: names or paths.
    #[arg(long, value_name = "BASE,TUNED")]
    pair: Option<String>,
    /// How many passages to retrieve.
    #[arg(short, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=20))]
    k: Option<u8>,
    /// How passages are ranked: plain, proximity, feedback, fielded, dense. As the settings say if left out.
    #[arg(long, value_name = "NAME")]
    ranking: Option<Ranking>,
    /// Decides the draw when the temperature is above 0.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// 0 takes the likeliest token each time.
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    /// Where an answer is cut off, in tokens.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    max_tokens: Option<u16>,
    #[command(flatten)]
    numbers: Numbers,
    /// Have B answer after A, so that the times of each are its own.
    #[arg(long)]
    apart: bool,
    /// Print one JSON object: the trial, with all it takes to run it again.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(lab: Lab, args: &Args) -> anyhow::Result<()> {
    let lab = lab.ranked_by(args.ranking);
    // Before anything is built for it.
    lab::question(&args.question)?;
    let mut settings = lab.settings.sampling.clone();
    settings.seed = args.seed.unwrap_or(settings.seed);
    settings.temperature = args.temperature.unwrap_or(settings.temperature);
    settings.max_tokens = args.max_tokens.map_or(settings.max_tokens, usize::from);
    let corpus = lab.corpus(args.corpus.as_deref())?;
    let pair = Pair::choose(&lab.models.registry(), args.pair.as_deref(), &corpus.manifest.id)?;
    let asking = Asking {
        question: args.question.clone(),
        pair,
        k: args.k.map_or(lab.settings.retrieval.k, usize::from),
        sampling: lab::sampling(&settings)?,
        corpus,
        apart: args.apart || lab.settings.engine.pair == Turns::Apart,
    };
    args.numbers.set(&lab);
    let cancel = interruptible();
    let per_token = OnceLock::new();
    let trial = {
        let bar = Bar::new();
        let index =
            lab.index(&asking.corpus, &|p| bar.show(&p), &cancel).map_err(out::stopped(out::INDEX_AGAIN))?;
        let events = |event| match event {
            Event::Loading(_, progress) => bar.show(&progress),
            Event::PerToken(told) => {
                let _ = per_token.set(told);
            }
            _ => {}
        };
        lab.ask(&asking, &index, &events, &cancel)
            .map_err(out::stopped("Nothing was said by then; the same command asks again."))?
    };
    for remark in trial.remarks() {
        out::remark(&remark);
    }
    if args.json {
        out::json(&trial)?
    } else {
        // In memory still, since it has just answered.
        let model = lab.models.get(&asking.pair.tuned, SILENT, &cancel).ok();
        let pace = pace(&trial, per_token.get(), model.as_deref());
        let pace = pace.map_or_else(String::new, |pace| format!("{pace}\n"));
        out::text(&(for_people(&trial) + &pace))?
    }
    if trial.answers.iter().any(|a| a.finish == Finish::Cancelled) {
        return Err(out::stopped("What was said by then is kept; the same command asks again.")(
            Error::Cancelled,
        ));
    }
    // Half a result is not a whole one: a script must see it.
    match trial.answers.iter().find(|a| a.finish == Finish::Failed) {
        Some(failed) => {
            let why = failed.error.as_deref().unwrap_or("no reason given");
            Err(anyhow::anyhow!("{} did not answer: {why}", failed.contender))
        }
        None => Ok(()),
    }
}

fn for_people(trial: &Trial) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{}\n", one_line(&trial.question));
    for hit in &trial.hits {
        let left_out =
            if hit.rank > trial.rerun.passages_used { " (left out: the prompt is full)" } else { "" };
        let _ = writeln!(
            text,
            "[{}] {} · {}{left_out}\n{}",
            hit.rank,
            one_line(&hit.heading()),
            hit.shown_score(2),
            out::indented(&hit.text)
        );
    }
    if trial.hits.is_empty() {
        let _ = writeln!(text, "No passage shares a word with the question.\n");
    }
    for side in Side::BOTH {
        let answer = trial.answer(side);
        let _ = writeln!(
            text,
            "{} · {} ({}) · {}",
            side.letter(),
            one_line(&answer.contender),
            answer.role.name(),
            figures(answer)
        );
        let _ = writeln!(text, "{}", out::indented(answer.error.as_deref().unwrap_or(&answer.text)));
    }
    text
}

/// How fast both answers came together, if they were made at the same time, and the share of the speed of memory at which
/// their weights were read; `model` is one of those that answered.
fn pace(trial: &Trial, per_token: Option<&PerToken>, model: Option<&Model>) -> Option<String> {
    let per_token = per_token?;
    let [a, b] = &trial.answers;
    let courses = [Course::of(a)?, Course::of(b)?];
    let rate = together(courses)?;
    let share = per_token
        .read(courses)
        .zip(model.and_then(Model::memory_speed))
        .map(|(read, all)| read / all * 100.0);
    let share =
        share.map_or_else(String::new, |share| format!(", weights read at {share:.0} % of memory's speed"));
    Some(format!("Together: {rate:.0} tokens/s{share}"))
}

fn figures(answer: &Answer) -> String {
    let mut parts = vec![counted(answer.tokens, "token")];
    if let Some(rate) = answer.tokens_per_second {
        parts.push(format!("{rate:.0} tokens/s"));
    }
    if let Some(first) = answer.seconds_to_first_token {
        parts.push(format!("first after {first:.2} s"));
    }
    if answer.system_folded {
        parts.push("told the instruction with the question: its template refuses a system message".into());
    }
    match answer.finish {
        Finish::Stop => {}
        Finish::Length => parts.push("cut off at the limit".into()),
        Finish::Cancelled => parts.push("stopped".into()),
        Finish::Failed => parts.push("failed".into()),
    }
    parts.join(", ")
}
