//! `juxta corpus`: list, check, eval; `corpus_import` has the rest.

use super::corpus_import::{self, Add, Reading, Remove, Update};
use super::out::{self, Bar};
use crate::corpus::{self, Catalog, Checked, import};
use crate::fault::Fault;
use crate::folder::Folder;
use crate::job::interrupt::interruptible;
use crate::lab::Lab;
use crate::retrieve::{self, Evaluation, Figures, Unit};
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
    /// Make a corpus of your own documents, of a table, or of a data set.
    Add(Box<Add>),
    /// Read an imported corpus's source again, or put documents into a corpus.
    Update(Box<Update>),
    /// Remove a corpus of your own, or documents of it.
    Remove(Remove),
    /// Check corpora, or what is to be added: everything a study rests on, and every mistake.
    Check {
        /// Corpus folders, ids of corpora, or files and folders to add.
        #[arg(required = true, value_name = "PATH")]
        corpora: Vec<PathBuf>,
        #[command(flatten)]
        reading: Reading,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure how well retrieval finds what answers the test questions.
    Eval {
        /// The corpus: an id, or the path of a corpus folder.
        #[arg(value_name = "ID")]
        corpus: String,
        /// Write the rankings and the judgments there too, as trec_eval reads them: run.txt and qrels.txt.
        #[arg(long, value_name = "DIR")]
        trec: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(data_dir: Option<&Path>, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List { json } => list(&Lab::open(data_dir)?.catalog, *json),
        Command::Add(args) => corpus_import::add(data_dir, args),
        Command::Update(args) => corpus_import::update(data_dir, args),
        Command::Remove(args) => corpus_import::remove(data_dir, args),
        Command::Check { corpora, reading, json } => check(data_dir, corpora, reading, *json),
        Command::Eval { corpus, trec, json } => eval(&Lab::open(data_dir)?, corpus, trec.as_deref(), *json),
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

fn check(data_dir: Option<&Path>, corpora: &[PathBuf], reading: &Reading, json: bool) -> anyhow::Result<()> {
    let mut all = Vec::new();
    // What has no corpus.toml is to become a corpus; several paths are one, as for `add`. A folder that has a folder
    // `documents` was meant to be one.
    let to_add = |p: &PathBuf| p.exists() && !import::is_corpus(p) && !p.join("documents").is_dir();
    if corpora.iter().all(to_add) {
        let looked = corpus_import::look(corpora, reading)?;
        return if json { out::json(&looked) } else { out::text(&corpus_import::told(&looked)) };
    }
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

fn eval(lab: &Lab, named: &str, trec: Option<&Path>, json: bool) -> anyhow::Result<()> {
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
            .expected("questions of the split test with gold, or judgments of relevance")
            .next("Add some to its questions.jsonl.")
            .into());
    }
    if let Some(dir) = trec {
        write_trec(&evaluation, dir)?;
    }
    if json { out::json(&evaluation) } else { out::text(&table(&evaluation)) }
}

/// The rankings and what is relevant, in the columns that trec_eval reads. White space in names would be a column more.
fn write_trec(evaluation: &Evaluation, dir: &Path) -> anyhow::Result<()> {
    let name = |name: &str| name.split_whitespace().collect::<Vec<_>>().join("_");
    let (mut run, mut qrels) = (String::new(), String::new());
    for asked in &evaluation.runs {
        for (n, (document, score)) in asked.ranking.iter().enumerate() {
            let _ = writeln!(run, "{} Q0 {} {} {score} juxta", asked.question, name(document), n + 1);
        }
        for (document, grade) in &asked.grades {
            let _ = writeln!(qrels, "{} 0 {} {grade}", asked.question, name(document));
        }
    }
    for (file, text) in [("run.txt", run), ("qrels.txt", qrels)] {
        let path = dir.join(file);
        if path.exists() {
            return Err(Fault::new(path.display(), "a file that is there already")
                .expected("a folder for new ones")
                .next("Name another folder.")
                .into());
        }
        crate::folder::replace(&path, text.as_bytes())?;
    }
    Ok(())
}

fn table(evaluation: &Evaluation) -> String {
    let what = match evaluation.unit {
        Unit::Passages => "answerable test questions, passages ranked by BM25",
        Unit::Documents => "judged questions, documents ranked by their best passage (BM25)",
    };
    let mut text = format!(
        "{}: {what}\n\n{:<26}{:>5}{:>7}{:>7}{:>10}{:>10}{:>11}{:>12}{:>7}{:>7}{:>9}\n",
        evaluation.corpus,
        "",
        "n",
        "hit@1",
        "hit@3",
        "recall@1",
        "recall@3",
        "recall@10",
        "recall@100",
        "MRR",
        "MAP",
        "nDCG@10"
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
        let Figures { questions, hit_at, recall_at, mrr, map, ndcg_at_10 } = f;
        let _ = writeln!(
            text,
            "{name:<26}{questions:>5}{:>7.3}{:>7.3}{:>10.3}{:>10.3}{:>11.3}{:>12.3}{mrr:>7.3}{map:>7.3}{ndcg_at_10:>9.3}",
            at(hit_at, 1),
            at(hit_at, 3),
            at(recall_at, 1),
            at(recall_at, 3),
            at(recall_at, 10),
            at(recall_at, 100),
        );
    }
    text.push_str(match evaluation.unit {
        Unit::Passages => "\nhit@k: a passage with gold is among the first k. recall@k: mean share of a question's gold passages there.\n",
        Unit::Documents => "\nhit@k: a relevant document is among the first k. recall@k: mean share of a question's relevant documents there.\n",
    });
    text
}
