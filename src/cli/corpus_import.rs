//! `juxta corpus add`, `update`, `remove`, and `check` of what is no corpus yet.

use super::out::{self, Bar, stopped};
use crate::corpus::import::{self, Edited, Format, Imported, Mapping, Request};
use crate::fault::Fault;
use crate::job::Cancel;
use crate::job::interrupt::interruptible;
use crate::lab::Lab;
use crate::text::{counted, one_line, plural};
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What to add.
#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// Files and folders: documents (.txt, .md, .html, .pdf, .docx), tables (.jsonl, .json, .csv), or data sets
    /// (BioASQ, Natural Questions, Qasper, PubMedQA, MedQuAD, SQuAD, TAT-QA, BEIR, Cranfield, CISI, Wikipedia
    /// extracts); any of them .gz or .zst.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// The corpus's id; the name of the first path, if left out.
    #[arg(long)]
    id: Option<String>,
    /// Its title.
    #[arg(long)]
    title: Option<String>,
    /// The licence of its texts.
    #[arg(long, visible_alias = "license")]
    licence: Option<String>,
    /// Don't make its index yet.
    #[arg(long)]
    no_index: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How files are read.
#[derive(Debug, clap::Args)]
pub(super) struct Reading {
    /// The format, if it is not to be recognised by the content.
    #[arg(long, value_name = "FORMAT", value_parser = format_of)]
    format: Option<Format>,
    /// Which column of a table is what, like text=body,title=headline. Parts: id, title, text, question, answer, quote,
    /// split.
    #[arg(long, value_name = "PART=COLUMN,…", value_parser = mapping)]
    map: Option<Mapping>,
    /// The language of its texts, as a code of two letters (en if left out).
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// Keep reference answers as long as they are, instead of cutting them at the end of a sentence.
    #[arg(long)]
    whole_answers: bool,
    /// Divide questions into train, dev and test anew, instead of as the source does.
    #[arg(long)]
    resplit: bool,
}

/// What to change.
#[derive(Debug, clap::Args)]
pub(super) struct Update {
    /// The corpus.
    #[arg(value_name = "ID")]
    corpus: String,
    /// Documents to put in or to replace; the corpus's own source is read again if there are none.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What to remove.
#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    /// The corpus.
    #[arg(value_name = "ID")]
    corpus: String,
    /// Only these documents of it, by their ids.
    #[arg(long = "document", value_name = "DOCUMENT")]
    documents: Vec<String>,
    /// Also a corpus that was not imported, and so can't be made again.
    #[arg(long)]
    yes: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn format_of(name: &str) -> Result<Format, String> {
    let known = Format::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format);
    let names: Vec<&str> = Format::ALL.iter().map(|(name, _)| *name).collect();
    known.ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

fn mapping(said: &str) -> Result<Mapping, String> {
    Mapping::parse(said).map_err(|e| e.to_string())
}

impl Reading {
    pub(super) fn request(&self, paths: &[PathBuf]) -> Request {
        Request {
            paths: paths.to_vec(),
            format: self.format,
            mapping: self.map.clone().unwrap_or_default(),
            language: self.language.clone(),
            whole_answers: self.whole_answers,
            resplit: self.resplit,
            program: std::env::current_exe().ok(),
            ..Request::default()
        }
    }
}

const NOTHING_ADDED: &str = "Nothing was added.";
const NOTHING_CHANGED: &str = "The corpus is as it was.";

pub(super) fn add(data_dir: Option<&Path>, args: &Add) -> anyhow::Result<()> {
    let lab = Lab::open(data_dir)?;
    let cancel = interruptible();
    let request = Request {
        id: args.id.clone(),
        title: args.title.clone(),
        licence: args.licence.clone(),
        ..args.reading.request(&args.paths)
    };
    let imported = {
        let bar = Bar::new();
        import::add(&request, &lab.paths.corpora(), &|p| bar.show(&p), &cancel)
            .map_err(stopped(NOTHING_ADDED))?
    };
    let passages = if args.no_index { None } else { Some(index(data_dir, &imported.id, &cancel)?) };
    if args.json {
        return out::json(&json!({ "added": imported, "passages": passages }));
    }
    let mut text = told(&imported);
    if let Some(passages) = passages {
        let _ = writeln!(text, "{passages:>10}  passages indexed");
    }
    let _ = writeln!(text, "\nAsk it: juxta ask \"…\" --corpus {}", imported.id);
    if imported.queries + imported.questions[2] > 0 {
        let _ = writeln!(text, "Measure retrieval: juxta corpus eval {}", imported.id);
    }
    out::text(&text)
}

/// The catalog is read anew, since it has changed.
fn index(data_dir: Option<&Path>, id: &str, cancel: &Cancel) -> anyhow::Result<u64> {
    let lab = Lab::open(data_dir)?;
    let entry = lab.corpus(Some(id))?;
    let bar = Bar::new();
    Ok(lab.index(&entry, &|p| bar.show(&p), cancel).map_err(stopped(out::INDEX_AGAIN))?.passages())
}

/// Checks something that is no corpus yet; whether anything is wrong that keeps it from being one.
pub(super) fn look(paths: &[PathBuf], reading: &Reading) -> anyhow::Result<Imported> {
    let cancel = interruptible();
    let bar = Bar::new();
    import::look(&reading.request(paths), &|p| bar.show(&p), &cancel)
        .map_err(stopped("The same command checks it again."))
}

pub(super) fn update(data_dir: Option<&Path>, args: &Update) -> anyhow::Result<()> {
    let lab = Lab::open(data_dir)?;
    let folder = own(&lab, &args.corpus)?;
    let cancel = interruptible();
    if args.paths.is_empty() {
        let imported = {
            let bar = Bar::new();
            let program = std::env::current_exe().ok();
            import::update(&folder, program, &|p| bar.show(&p), &cancel).map_err(stopped(NOTHING_CHANGED))?
        };
        let passages = index(data_dir, &imported.id, &cancel)?;
        if args.json {
            return out::json(&json!({ "updated": imported, "passages": passages }));
        }
        return out::text(&format!("{}{passages:>10}  passages indexed\n", told(&imported)));
    }
    let edited = {
        let bar = Bar::new();
        let request = args.reading.request(&args.paths);
        import::put(&folder, &request, &|p| bar.show(&p), &cancel).map_err(stopped(NOTHING_CHANGED))?
    };
    changed(data_dir, &args.corpus, &edited, args.json, &cancel)
}

pub(super) fn remove(data_dir: Option<&Path>, args: &Remove) -> anyhow::Result<()> {
    let lab = Lab::open(data_dir)?;
    let folder = own(&lab, &args.corpus)?;
    if !args.documents.is_empty() {
        let edited = import::remove_documents(&folder, &args.documents)?;
        return changed(data_dir, &args.corpus, &edited, args.json, &interruptible());
    }
    import::remove_corpus(&folder, args.yes)?;
    if args.json {
        return out::json(&json!({ "removed": args.corpus }));
    }
    out::text(&format!(
        "Removed the corpus {}. Trials and judgments of it are kept.\n",
        one_line(&args.corpus)
    ))
}

fn changed(
    data_dir: Option<&Path>,
    id: &str,
    edited: &Edited,
    json: bool,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let passages = index(data_dir, id, cancel)?;
    if json {
        return out::json(&json!({ "corpus": id, "changed": edited, "passages": passages }));
    }
    let Edited { added, replaced, removed, questions } = edited;
    out::text(&format!(
        "{}: {} added, {replaced} replaced, {removed} removed, {} gone with them; {} indexed\n",
        one_line(id),
        counted(*added, "document"),
        counted(*questions, "question"),
        counted(passages as usize, "passage"),
    ))
}

/// The folder of a corpus of the person's own.
fn own(lab: &Lab, id: &str) -> anyhow::Result<PathBuf> {
    let entry = lab.corpus(Some(id))?;
    match &entry.folder {
        crate::folder::Folder::Disk(path) if path.starts_with(lab.paths.corpora()) => Ok(path.clone()),
        crate::folder::Folder::Disk(path) => {
            Err(Fault::new(path.display(), "a corpus outside of the data folder")
                .expected("one that `juxta corpus add` has made")
                .next("Change its files yourself.")
                .into())
        }
        crate::folder::Folder::Bundled(_) => Err(Fault::new(format!("corpus {id}"), "a bundled corpus")
            .expected("one of your own")
            .next("`juxta corpus list` says which are yours.")
            .into()),
    }
}

/// What came of an import, for people.
pub(super) fn told(imported: &Imported) -> String {
    let formats: Vec<String> = imported
        .formats
        .iter()
        .map(|(format, files)| format!("{} ({})", format.name(), counted(*files, "file")))
        .collect();
    let mut text = format!("{}: {}\n", imported.id, formats.join(", "));
    let [train, dev, test] = imported.questions;
    let counts = [
        (imported.documents, plural(imported.documents, "document")),
        (train, plural(train, "training question")),
        (dev, plural(dev, "development question")),
        (test, plural(test, "test question")),
        (imported.unanswerable, "of them without an answer in the corpus".to_owned()),
        (imported.open, "of them with an answer whose place is not known".to_owned()),
        (
            imported.queries,
            plural(imported.queries, "question") + " without a reference answer, for measuring retrieval",
        ),
        (imported.judgments, plural(imported.judgments, "judgment") + " of relevance"),
    ];
    for (n, (count, of)) in counts.iter().enumerate() {
        if *count > 0 || n == 0 {
            let _ = writeln!(text, "{count:>10}  {of}");
        }
    }
    for tally in &imported.met {
        let _ = writeln!(text, "{:>10}  {}", tally.count, tally.what.name());
        for fault in tally.named.iter().take(NAMED) {
            let _ = writeln!(text, "            {}", one_line(&fault.to_string()));
        }
        if tally.count > NAMED {
            let _ = writeln!(
                text,
                "            … and {} more (--json names {})",
                tally.count - NAMED,
                tally.named.len()
            );
        }
    }
    text
}

/// How many places of each kind people are told.
const NAMED: usize = 3;
