//! `juxta corpus`: list, check, eval.

use super::out::{self, Bar};
use crate::corpus::{self, Catalog, Checked};
use crate::fault::Fault;
use crate::folder::Folder;
use crate::job::interrupt::interruptible;
use crate::lab::Lab;
use crate::retrieve::{self, Evaluation, Figures};
use crate::text::one_line;
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the corpora there are.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check corpus folders: everything a study rests on, and every mistake.
    Check {
        /// Corpus folders, or ids of corpora.
        #[arg(required = true, value_name = "PATH")]
        corpora: Vec<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure how well retrieval finds what answers the test questions.
    Eval {
        /// The corpus: an id, or the path of a corpus folder.
        #[arg(value_name = "ID")]
        corpus: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(data_dir: Option<&Path>, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List { json } => list(&Lab::open(data_dir)?.catalog, *json),
        Command::Check { corpora, json } => check(data_dir, corpora, *json),
        Command::Eval { corpus, json } => eval(&Lab::open(data_dir)?, corpus, *json),
    }
}

fn list(catalog: &Catalog, json: bool) -> anyhow::Result<()> {
    for fault in &catalog.faults {
        out::remark(&fault.to_string());
    }
    if json {
        return out::json(&catalog.entries);
    }
    let mut text = String::new();
    for entry in &catalog.entries {
        let m = &entry.manifest;
        let whence = if entry.bundled { "bundled" } else { "yours" };
        let _ = writeln!(
            text,
            "{} · {} · {whence} · {}\n{}",
            m.id,
            one_line(&m.title),
            one_line(&m.licence),
            out::indented(&m.description)
        );
    }
    out::text(&text)
}

fn check(data_dir: Option<&Path>, corpora: &[PathBuf], json: bool) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for named in corpora {
        let folder = if named.is_dir() {
            Folder::Disk(named.clone())
        } else {
            Lab::open(data_dir)?.catalog.find(&named.to_string_lossy())?.folder
        };
        all.push(corpus::check(&folder)?);
    }
    if json {
        out::json(&all)?
    } else {
        out::text(&all.iter().map(for_people).collect::<String>())?
    }
    let faults: usize = all.iter().map(|c| c.faults.len()).sum();
    if faults > 0 {
        return Err(Fault::new("corpus check", format!("{faults} mistakes"))
            .expected("none")
            .next("Each is named above with its place and what to do.")
            .into());
    }
    Ok(())
}

fn for_people(checked: &Checked) -> String {
    let mut text = format!("{}\n", checked.id);
    for count in &checked.counts {
        let value = if count.value.fract() == 0.0 {
            format!("{:.0}", count.value)
        } else {
            format!("{:.2}", count.value)
        };
        let _ = writeln!(text, "{value:>10}  {}", count.of);
    }
    for remark in &checked.remarks {
        let _ = writeln!(text, "    remark: {}", one_line(remark));
    }
    for fault in &checked.faults {
        let _ = writeln!(text, "    mistake: {}", one_line(&fault.to_string()));
    }
    if checked.faults.is_empty() {
        text.push_str("    sound\n");
    }
    text.push('\n');
    text
}

fn eval(lab: &Lab, named: &str, json: bool) -> anyhow::Result<()> {
    let entry = lab.corpus(Some(named))?;
    let cancel = interruptible();
    let evaluation = {
        let bar = Bar::new();
        let index = lab.index(&entry, &|p| bar.show(&p), &cancel).map_err(out::stopped(out::INDEX_AGAIN))?;
        retrieve::evaluate(&entry.read()?, &index, &|p| bar.show(&p), &cancel)
            .map_err(out::stopped("The same command measures again, from the first question."))?
    };
    if evaluation.all.is_none() {
        return Err(Fault::new(format!("corpus {}", evaluation.corpus), "no answerable test questions")
            .expected("questions of the split test with gold")
            .next("Add some to its questions.jsonl.")
            .into());
    }
    if json { out::json(&evaluation) } else { out::text(&table(&evaluation)) }
}

fn table(evaluation: &Evaluation) -> String {
    let mut text = format!(
        "{}: answerable test questions, passages ranked by BM25\n\n{:<26}{:>5}{:>8}{:>8}{:>10}{:>10}{:>10}{:>8}{:>9}\n",
        evaluation.corpus, "", "n", "hit@1", "hit@3", "recall@1", "recall@3", "recall@10", "MRR", "nDCG@10"
    );
    let rows = [
        ("all", &evaluation.all),
        ("few words shared with gold", &evaluation.few_shared_words),
        ("more words shared", &evaluation.more_shared_words),
    ];
    for (name, figures) in rows {
        let Some(f) = figures else { continue };
        let at = |figures: &[(usize, f64)], k| {
            figures.iter().find(|(depth, _)| *depth == k).map_or(f64::NAN, |(_, v)| *v)
        };
        let Figures { questions, hit_at, recall_at, mrr, ndcg_at_10 } = f;
        let _ = writeln!(
            text,
            "{name:<26}{questions:>5}{:>8.3}{:>8.3}{:>10.3}{:>10.3}{:>10.3}{mrr:>8.3}{ndcg_at_10:>9.3}",
            at(hit_at, 1),
            at(hit_at, 3),
            at(recall_at, 1),
            at(recall_at, 3),
            at(recall_at, 10),
        );
    }
    text.push_str("\nhit@k: a passage with gold is among the first k. recall@k: mean share of a question's gold passages there.\n");
    text
}
