//! `juxta search`: passages without answers.

use super::out::{self, Bar};
use crate::job::interrupt::interruptible;
use crate::lab::Lab;
use crate::retrieve::{Index, Ranking};
use crate::text::{counted, one_line};
use serde_json::json;
use std::cell::Cell;
use std::fmt::Write;

/// What to search for.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The question.
    question: String,
    /// The corpus: an id, or the path of a corpus folder. The first one if left out.
    #[arg(long, value_name = "ID")]
    corpus: Option<String>,
    /// How many passages.
    #[arg(short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    k: Option<u16>,
    /// How passages are ranked: plain, proximity, feedback, fielded, dense. As the settings say if left out.
    #[arg(long, value_name = "NAME")]
    ranking: Option<Ranking>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(lab: Lab, args: &Args) -> anyhow::Result<()> {
    let lab = lab.ranked_by(args.ranking);
    let corpus = lab.corpus(args.corpus.as_deref())?;
    let k = args.k.map_or(lab.settings.retrieval.k, usize::from);
    let index = {
        let bar = Bar::new();
        // A large corpus takes a while to index: what is found in the part that is done is told meanwhile, once.
        let told = Cell::new(false);
        let watch = |part: Index| {
            if let Ok(Some(best)) = part.search(&args.question, 1).map(|hits| hits.into_iter().next())
                && !told.replace(true)
            {
                let of = part.settings().part.map_or_else(String::new, |part| {
                    format!(" of {} of {} documents", part.documents, part.of)
                });
                out::remark(&format!(
                    "so far, among {}{of}: {} · {}",
                    counted(part.passages() as usize, "passage"),
                    best.heading(),
                    best.text.chars().take(200).collect::<String>()
                ));
            }
        };
        let ranking = lab.settings.retrieval.ranking;
        lab.index_watched(&corpus, ranking, &watch, &|p| bar.show(&p), &interruptible())
            .map_err(out::stopped(out::INDEX_AGAIN))?
    };
    let hits = index.search(&args.question, k)?;
    if args.json {
        return out::json(&json!({ "question": args.question, "corpus": corpus.manifest.id, "hits": hits }));
    }
    let mut text = String::new();
    for hit in &hits {
        let _ = writeln!(
            text,
            "[{}] {} · {} · {}\n{}",
            hit.rank,
            one_line(&hit.heading()),
            one_line(&hit.document),
            hit.shown_score(2),
            out::indented(&hit.text)
        );
    }
    if hits.is_empty() {
        text.push_str("No passage shares a word with the question.\n");
    }
    out::text(&text)
}
