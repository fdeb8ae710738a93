//! `juxta corpus`: list, check, eval; `corpus_import` has the rest.

use super::corpus_import::{self, Add, Reading, Remove, Update};
use super::out::{self, Bar};
use crate::analysis::Figure;
use crate::corpus::{self, Catalog, Checked, import};
use crate::fault::Fault;
use crate::folder::Folder;
use crate::job::interrupt::interruptible;
use crate::lab::{Gain, Lab, Ranked};
use crate::retrieve::{self, Analysed, Evaluation, Figures, Ranking, Unit};
use crate::text::{counted, one_line};
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
    /// Print what the index keeps of passages and questions, as JSON lines, for other tools to rank.
    Terms {
        /// The corpus: an id, or the path of a corpus folder.
        #[arg(value_name = "ID")]
        corpus: String,
    },
    /// Measure how well retrieval finds what answers the test questions.
    Eval {
        /// The corpus: an id, or the path of a corpus folder.
        #[arg(value_name = "ID")]
        corpus: String,
        /// How passages are ranked: plain, proximity, feedback, fielded, dense; or all, set against each other. As the
        /// settings say if left out.
        #[arg(long, value_name = "NAME")]
        ranking: Option<String>,
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
        Command::Terms { corpus } => terms(&Lab::open(data_dir)?, corpus),
        Command::Eval { corpus, ranking, trec, json } => {
            let lab = Lab::open(data_dir)?;
            match ranking.as_deref() {
                Some("all") => eval_all(&lab, corpus, trec.as_deref(), *json),
                Some(name) => eval(&lab.ranked_by(Some(name.parse()?)), corpus, trec.as_deref(), *json),
                None => eval(&lab, corpus, trec.as_deref(), *json),
            }
        }
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
        return Err(Fault::new("corpus check", counted(faults, "mistake"))
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

fn terms(lab: &Lab, named: &str) -> anyhow::Result<()> {
    let entry = lab.corpus(Some(named))?;
    let cancel = interruptible();
    let index = {
        let bar = Bar::new();
        lab.index(&entry, &|p| bar.show(&p), &cancel).map_err(out::stopped(out::INDEX_AGAIN))?
    };
    let mut lines = String::new();
    let mut see = |line: Analysed| {
        // Plain data is always JSON.
        lines.push_str(&serde_json::to_string(&line).unwrap_or_default());
        lines.push('\n');
        Ok(())
    };
    retrieve::analysed(&entry.read()?, &index, &mut see, &cancel)
        .map_err(out::stopped("The same command prints all of it."))?;
    out::text(&lines)
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
    measured(&evaluation)?;
    if let Some(dir) = trec {
        write_trec(&evaluation, dir)?;
    }
    if json { out::json(&evaluation) } else { out::text(&table(&evaluation)) }
}

/// Refuses figures of no questions.
fn measured(evaluation: &Evaluation) -> Result<(), Fault> {
    if evaluation.all.is_some() {
        return Ok(());
    }
    Err(Fault::new(format!("corpus {}", evaluation.corpus), "no answerable test questions")
        .expected("questions of the split test with gold, or judgments of relevance")
        .next("Add some to its questions.jsonl."))
}

fn eval_all(lab: &Lab, named: &str, trec: Option<&Path>, json: bool) -> anyhow::Result<()> {
    if trec.is_some() {
        return Err(Fault::new("--trec", "with --ranking all")
            .expected("one ranking to write")
            .next("Name one of them.")
            .into());
    }
    let entry = lab.corpus(Some(named))?;
    let found = {
        let bar = Bar::new();
        let all: Vec<Ranking> = Ranking::ALL.into_iter().filter(|r| lab.can_rank(*r)).collect();
        if !lab.can_rank(Ranking::Dense) {
            out::remark("dense is left out: no encoder is set (retrieval.encoder).");
        }
        lab.rankings(&entry, &all, &|p| bar.show(&p), &interruptible())
            .map_err(out::stopped("The same command measures again, from the first question."))?
    };
    for ranked in &found {
        measured(&ranked.evaluation)?;
    }
    if json { out::json(&found) } else { out::text(&gains(&found)) }
}

/// Each ranking on a line, with what it gains.
fn gains(found: &[Ranked]) -> String {
    let Some(first) = found.first() else { return String::new() };
    let unit = match first.evaluation.unit {
        Unit::Passages => "answerable test questions, passages ranked",
        Unit::Documents => "judged questions, documents ranked by their best passage",
    };
    let mut text = format!(
        "{}: {unit}\n\n{:<12}{:>5}{:>7}{:>11}{:>7}{:>9}   {:<26}   {:<26}\n",
        first.evaluation.corpus,
        "",
        "n",
        "hit@3",
        "recall@10",
        "MAP",
        "nDCG@10",
        "gain of nDCG@10",
        "gain of hit@3"
    );
    for Ranked { evaluation, gain } in found {
        let Some(f) = &evaluation.all else { continue };
        let at = |figures: &[(usize, f64)], k| {
            figures.iter().find(|(depth, _)| *depth == k).map_or(f64::NAN, |(_, v)| *v)
        };
        let gained =
            |of: fn(&Gain) -> &Figure| gain.as_ref().map_or_else(String::new, |gain| difference(of(gain)));
        let line = format!(
            "{:<12}{:>5}{:>7.3}{:>11.3}{:>7.3}{:>9.3}   {:<26}   {:<26}",
            evaluation.ranking,
            f.questions,
            at(&f.hit_at, 3),
            at(&f.recall_at, 10),
            f.map,
            f.ndcg_at_10,
            gained(|g| &g.ndcg_at_10),
            gained(|g| &g.hit_at_3),
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push_str(
        "\nGains are over plain on the same questions, with a 95 % interval (expanded percentile bootstrap over questions).\n",
    );
    text
}

fn difference(figure: &Figure) -> String {
    match (figure.value(), figure.interval()) {
        (Some(value), Some(of)) => format!("{value:+.3} [{:+.3}, {:+.3}]", of.low, of.high),
        (Some(value), None) => format!("{value:+.3}"),
        (None, _) => figure.why_absent().unwrap_or_default().to_owned(),
    }
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
        Unit::Passages => "answerable test questions, passages ranked by",
        Unit::Documents => "judged questions, documents ranked by their best passage, by",
    };
    let how = match evaluation.ranking {
        Ranking::Plain => "BM25".to_owned(),
        other => format!("BM25 with {other}"),
    };
    let mut text = format!(
        "{}: {what} {how}\n\n{:<26}{:>5}{:>7}{:>7}{:>10}{:>10}{:>11}{:>12}{:>7}{:>7}{:>9}\n",
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
