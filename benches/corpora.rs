//! A corpus of size: `cargo bench --bench corpora` adds all of the Wikipedia articles of `wikipedia-articles` (JUXTA_TEST_DATA
//! names the folder it lies in), and prints how long importing, cutting and indexing take beside bare tantivy with the same
//! passages in the same process, how soon something can be found, how long a question takes with its highlights, how long
//! one article takes to remove and to add again, and the most memory that was held. JUXTA_SLICE=N takes N files of the
//! folder only. JUXTA_PASSAGES=DIR writes the passages and the questions there, once all is measured:
//! `tests/reference/corpora_speed.py` gives them to bm25s, and prints both.

#![allow(missing_docs, clippy::print_stdout)]

use juxta::corpus::import::{self, Request};
use juxta::corpus::{Catalog, Entry, PassageLength, passages};
use juxta::job::{Cancel, SILENT};
use juxta::retrieve::{self, Index, Settings};
use juxta::text::Terms;
use std::cell::Cell;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tantivy::TantivyDocument;
use tantivy::schema::{
    IndexRecordOption, NumericOptions, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
};

fn main() {
    // Run by `cargo test --benches` too: then a few files are enough.
    let slice = match std::env::var("JUXTA_SLICE").ok().and_then(|n| n.parse().ok()) {
        Some(slice) => slice,
        None if std::env::args().any(|a| a == "--bench") => usize::MAX,
        None => 2,
    };
    let Some(source) = source() else {
        println!("skipped: the data wikipedia-articles is not here (JUXTA_TEST_DATA names where it is)");
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let (corpora, indices) = (dir.path().join("corpora"), dir.path().join("indices"));
    let paths = files(&source, slice);
    println!(
        "{} files, {} processors",
        paths.len(),
        std::thread::available_parallelism().map_or(1, usize::from)
    );

    let started = Instant::now();
    let asked = Request { paths, id: Some("wikipedia".into()), ..Request::default() };
    let imported = import::add(&asked, &corpora, SILENT, &Cancel::new()).expect("added");
    let importing = started.elapsed();
    let entry = find(&corpora);
    let first = Cell::new(None);
    let watch = |part: Index| {
        if first.get().is_none() && !part.search("first world war", 3).expect("searched").is_empty() {
            first.set(Some(started.elapsed()));
        }
    };
    let index =
        retrieve::open_or_watch(&entry, &indices, Settings::default(), &watch, SILENT, &Cancel::new())
            .expect("built");
    let whole = started.elapsed();
    println!("{} articles, {} passages", imported.documents, index.passages());
    println!("importing              {}", seconds(importing));
    println!("cutting and indexing   {}", seconds(whole - importing));
    println!("added in all           {}", seconds(whole));
    match first.get() {
        Some(first) => println!("first results after    {}", seconds(first)),
        None => println!("first results with the last ones"),
    }
    let asked = asks(&entry);
    questions(&index, &asked);
    one_article(&corpora, &indices, &entry, index);
    println!("most memory held       {}", peak());

    let cut = cut(&find(&corpora));
    let (unmerged, merged) = bare(&cut, &dir.path().join("bare"));
    println!(
        "bare tantivy           {} ({} with one segment at the end)",
        seconds(unmerged),
        seconds(merged)
    );
    println!(
        "bare tantivy / juxta   {:.2} ({:.2} without its merging, {:.2} of cutting and indexing alone)",
        merged.as_secs_f64() / whole.as_secs_f64(),
        unmerged.as_secs_f64() / whole.as_secs_f64(),
        merged.as_secs_f64() / (whole - importing).as_secs_f64()
    );
    if let Some(dir) = std::env::var_os("JUXTA_PASSAGES") {
        write(Path::new(&dir), &cut, &asked).expect("written");
    }
}

/// A JSON line for each passage (its title above its text) and for each question.
fn write(dir: &Path, cut: &[Cut], asked: &[String]) -> std::io::Result<()> {
    let lines = |name: &str| Ok::<_, std::io::Error>(BufWriter::new(File::create(dir.join(name))?));
    let (mut passages, mut questions) = (lines("passages.jsonl")?, lines("questions.jsonl")?);
    for (_, title, text, ..) in cut {
        writeln!(passages, "{}", serde_json::Value::from(format!("{title}\n{text}")))?;
    }
    for question in asked {
        writeln!(questions, "{}", serde_json::Value::from(question.as_str()))?;
    }
    passages.flush().and_then(|()| questions.flush())
}

fn source() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("JUXTA_TEST_DATA").map(PathBuf::from);
    let dirs = named.into_iter().chain([root.join("../shared/data"), root.join("../../shared/data")]);
    dirs.map(|d| d.join("wikipedia-articles")).find(|d| d.is_dir())
}

fn files(source: &Path, most: usize) -> Vec<PathBuf> {
    if most == usize::MAX {
        return vec![source.to_owned()];
    }
    let mut found = Vec::new();
    let mut dirs = vec![source.to_owned()];
    while let Some(dir) = dirs.pop() {
        for path in std::fs::read_dir(dir).expect("listed").flatten().map(|e| e.path()) {
            if path.is_dir() { dirs.push(path) } else { found.push(path) }
        }
    }
    found.retain(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("wiki_")));
    found.sort();
    found.truncate(most);
    found
}

fn find(corpora: &Path) -> Entry {
    Catalog::discover(Some(corpora)).find("wikipedia").expect("found")
}

/// Questions of words that stand in the articles: their titles, and with other words.
fn asks(entry: &Entry) -> Vec<String> {
    let mut asked = Vec::new();
    entry
        .read()
        .expect("read")
        .documents
        .each(&mut |document| {
            if asked.len() < 2_000 {
                let words: Vec<&str> = document.text.split_whitespace().skip(40).step_by(9).take(5).collect();
                asked.push(format!("What is known of {} and {}?", document.title, words.join(" ")));
            }
            Ok(())
        })
        .expect("read");
    asked
}

fn questions(index: &Index, asked: &[String]) {
    for question in asked.iter().take(50) {
        index.search(question, 3).expect("searched");
    }
    let mut times: Vec<Duration> = asked
        .iter()
        .map(|question| {
            let started = Instant::now();
            let hits = index.search(question, 3).expect("searched");
            assert!(!hits.is_empty() && hits.iter().any(|h| !h.matches.is_empty()));
            started.elapsed()
        })
        .collect();
    times.sort();
    let at = |part: f64| {
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let n = ((times.len() - 1) as f64 * part) as usize;
        times[n].as_secs_f64() * 1e3
    };
    println!(
        "a question             p50 {:.2} ms, p99 {:.2} ms, with highlights ({} questions)",
        at(0.5),
        at(0.99),
        times.len()
    );
}

fn one_article(corpora: &Path, indices: &Path, entry: &Entry, index: Index) {
    let hit = index.search("first world war", 1).expect("searched").remove(0);
    let document = entry.read().expect("read").document(&hit.document).expect("read").expect("there");
    drop(index);
    let corpus = corpora.join("wikipedia");
    let follow = || {
        retrieve::open_or_build(&find(corpora), indices, Settings::default(), SILENT, &Cancel::new())
            .expect("follows")
    };
    let started = Instant::now();
    import::remove_documents(&corpus, std::slice::from_ref(&document.id)).expect("removed");
    let without = follow();
    let removing = started.elapsed();
    assert!(without.search("first world war", 1).expect("searched")[0].document != document.id);
    drop(without);
    let dir = tempfile::tempdir().expect("a folder");
    let text = format!(
        "<doc id=\"{}\" url=\"\" title=\"{}\">\n{}\n</doc>\n",
        document.id, document.title, document.text
    );
    std::fs::write(dir.path().join("wiki_00"), text).expect("written");
    let started = Instant::now();
    let asked = Request { paths: vec![dir.path().into()], ..Request::default() };
    import::put(&corpus, &asked, SILENT, &Cancel::new()).expect("put");
    let with = follow();
    println!("removing one article   {}, adding it {}", seconds(removing), seconds(started.elapsed()));
    assert!(with.search("first world war", 1).expect("searched")[0].document == document.id);
}

/// A passage as it is indexed: document, title, text, number, start, end.
type Cut = (String, String, String, u64, u64, u64);

fn cut(entry: &Entry) -> Vec<Cut> {
    let mut found = Vec::new();
    entry
        .read()
        .expect("read")
        .documents
        .each(&mut |d| {
            for p in passages(&d, PassageLength::default()) {
                let text = d.text[p.range.clone()].to_owned();
                let (start, end) = (p.range.start as u64, p.range.end as u64);
                found.push((d.id.clone(), d.title.clone(), text, p.number as u64, start, end));
            }
            Ok(())
        })
        .expect("read");
    found
}

/// The same fields and the same analysis, and nothing else; without and with merging.
fn bare(cut: &[Cut], dir: &Path) -> (Duration, Duration) {
    std::fs::create_dir_all(dir).expect("made");
    let mut builder = Schema::builder();
    let indexing =
        TextFieldIndexing::default().set_tokenizer("t").set_index_option(IndexRecordOption::WithFreqs);
    let text = TextOptions::default().set_indexing_options(indexing).set_stored();
    let number = NumericOptions::default().set_stored();
    let document = builder.add_text_field("document", STRING | STORED);
    let title = builder.add_text_field("title", text.clone());
    let section = builder.add_text_field("section", text.clone());
    let body = builder.add_text_field("text", text);
    let numbers = ["number", "start", "end"].map(|name| builder.add_u64_field(name, number.clone()));
    let index = tantivy::Index::create_in_dir(dir, builder.build()).expect("made");
    index.tokenizers().register("t", Terms::chain("en"));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let started = Instant::now();
    let mut writer =
        index.writer_with_num_threads::<TantivyDocument>(threads, threads * (96 << 20)).expect("a writer");
    for (id, name, passage, number, start, end) in cut {
        let mut entry = TantivyDocument::new();
        entry.add_text(document, id);
        entry.add_text(title, name);
        entry.add_text(section, "");
        entry.add_text(body, passage);
        for (field, value) in numbers.iter().zip([number, start, end]) {
            entry.add_u64(*field, *value);
        }
        writer.add_document(entry).expect("added");
    }
    writer.commit().expect("committed");
    let unmerged = started.elapsed();
    let segments = index.searchable_segment_ids().expect("segments");
    if segments.len() > 1 {
        writer.merge(&segments).wait().expect("merged");
    }
    writer.wait_merging_threads().expect("merged");
    (unmerged, started.elapsed())
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// The most memory this process has held.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line =
        status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("not told by this system").trim();
    let kib: Option<u64> = line.trim_end_matches("kB").trim().parse().ok();
    kib.map_or_else(|| line.to_owned(), |kib| format!("{} MiB", kib >> 10))
}
