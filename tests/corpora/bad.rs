//! Sources that are broken: a clear fault each, nothing left behind, no panic, no memory without end.

use super::support::{add_asked, fixture, met, refused, request};
use juxta::corpus::import::{self, Request, Wrong};
use juxta::job::{Cancel, SILENT};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, bytes).expect("written");
        path
    }

    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes).expect("packed");
    out.finish().expect("packed")
}

#[track_caller]
fn says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{said:?} does not say {part:?}");
    }
}

#[test]
fn a_path_that_is_not_there() {
    says(&refused(&["/nowhere/at/all".into()]), &["/nowhere/at/all", "Check the path"]);
}

#[test]
fn an_empty_folder_and_an_empty_file() {
    let dir = Dir::new();
    says(&refused(&[dir.path()]), &["no file that is known here", ".pdf"]);
    let empty = dir.put("empty.txt", "");
    says(&refused(&[empty]), &["empty.txt", "no text"]);
    let lines = dir.put("lines.jsonl", "");
    says(&refused(&[lines]), &["lines.jsonl"]);
}

#[test]
fn questions_without_documents() {
    says(
        &refused(&[fixture("nq-open/dev.jsonl")]),
        &["questions without documents", "juxta corpus add DOCUMENTS QUESTIONS"],
    );
}

#[test]
fn a_corpus_of_juxtas_own() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/small-corpus");
    says(&refused(&[own]), &["juxta's own layout"]);
}

#[test]
fn an_id_that_is_taken_and_one_that_is_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let asked = request(&[fixture("tables/array.json")]);
    import::add(&asked, dir.path(), SILENT, &Cancel::new()).expect("added");
    let said = import::add(&asked, dir.path(), SILENT, &Cancel::new()).expect_err("taken").to_string();
    says(&said, &["a corpus of that id", "juxta corpus update in"]);
    let asked = Request { id: Some("../Out".into()), ..asked };
    let said = import::add(&asked, dir.path(), SILENT, &Cancel::new()).expect_err("no id").to_string();
    says(&said, &["--id", "../Out", "lower-case"]);
}

#[test]
fn json_that_ends_too_early_and_json_that_is_none() {
    let dir = Dir::new();
    let whole = fs::read_to_string(fixture("squad/lamps-v2.0.json")).expect("there");
    let cut = dir.put("cut.json", &whole[..whole.len() / 2]);
    says(&refused(&[cut]), &["cut.json:", "EOF", "fetch the file again"]);
    let wrong = dir.put("wrong.json", whole.replacen("\"paragraphs\": [", "\"paragraphs\": [,", 1));
    says(&refused(&[wrong]), &["wrong.json:", "JSON"]);
}

#[test]
fn json_nested_without_end() {
    let dir = Dir::new();
    let deep = format!("{{\"data\": [{{\"paragraphs\": [{{\"context\": {}", "[".repeat(200_000));
    says(&refused(&[dir.put("deep.json", deep)]), &["deep.json", "recursion limit"]);
    let line = format!("{{\"text\": {}{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
    let mixed = dir.put("mixed.jsonl", format!("{{\"text\": \"Sound.\"}}\n{line}"));
    let added = add_asked(&request(&[mixed]));
    assert_eq!((added.imported.documents, added.met(Wrong::Unreadable)), (1, 1));
}

#[test]
fn an_archive_that_ends_too_early() {
    let dir = Dir::new();
    let text: String =
        (0..20_000).map(|n| format!("{{\"text\": \"Line {n} of many, {}.\"}}\n", n * 7919)).collect();
    let packed = gz(text.as_bytes());
    let said = refused(&[dir.put("cut.jsonl.gz", &packed[..packed.len() * 3 / 4])]);
    says(&said, &["cut.jsonl.gz", "a part of it is missing"]);
    let said =
        refused(&[dir.put("wrong.jsonl.gz", [&packed[..packed.len() / 2], b"nonsense".as_slice()].concat())]);
    says(&said, &["wrong.jsonl.gz"]);
}

#[test]
fn an_archive_that_unfolds_beyond_belief() {
    let dir = Dir::new();
    // 300 MiB of one line in some 300 KiB.
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(b"<doc id=\"1\" url=\"u\" title=\"t\">\n").expect("packed");
    let block = [b"0".repeat(1 << 20), b"\n".to_vec()].concat();
    for _ in 0..300 {
        out.write_all(&block).expect("packed");
    }
    let said = refused(&[dir.put("bomb.gz", out.finish().expect("packed"))]);
    says(&said, &["bomb.gz", "unpacked from", "times as much"]);
}

#[test]
fn a_line_without_end_is_passed_over() {
    let dir = Dir::new();
    let path = dir.path().join("long.jsonl");
    let mut file = std::io::BufWriter::new(fs::File::create(&path).expect("made"));
    file.write_all(b"{\"text\": \"First.\"}\n{\"text\": \"").expect("written");
    for _ in 0..66 {
        file.write_all(&vec![b'x'; 1 << 20]).expect("written");
    }
    file.write_all(b"\"}\n{\"text\": \"Last.\"}\n").expect("written");
    drop(file);
    let added = add_asked(&request(&[path]));
    assert_eq!((added.imported.documents, added.met(Wrong::Unreadable)), (2, 1));
    says(&added.named(Wrong::Unreadable)[0].to_string(), &["long.jsonl:2", "64 MiB"]);
}

#[test]
fn bytes_that_are_no_utf8_and_nul() {
    let dir = Dir::new();
    let lines = dir
        .put("lines.jsonl", b"{\"text\": \"One.\"}\n{\"text\": \"\xff\xfe\"}\n{\"text\": \"N\\u0000UL.\"}\n");
    let added = add_asked(&request(&[lines]));
    assert_eq!((added.imported.documents, added.met(Wrong::Unreadable)), (1, 2));
    let binary = dir.put("folder/program.txt", b"\x7fELF\x02\0\0\0\x01");
    says(&refused(&[binary]), &["no file that is known here"]);
}

#[test]
fn links_out_of_the_folder_are_not_followed() {
    let (inside, outside) = (Dir::new(), Dir::new());
    let secret = outside.put("secret.txt", "Not to be read.");
    inside.put("note.txt", "To be read.");
    std::os::unix::fs::symlink(&secret, inside.path().join("link.txt")).expect("linked");
    std::os::unix::fs::symlink(outside.path(), inside.path().join("folder")).expect("linked");
    let added = add_asked(&request(&[inside.path()]));
    assert_eq!((added.imported.documents, added.met(Wrong::Skipped)), (1, 2));
}

fn zip_of(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        let how =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        out.start_file(*name, how).expect("started");
        out.write_all(bytes).expect("packed");
    }
    out.finish().expect("packed").into_inner()
}

#[test]
fn docx_that_are_none_that_lie_and_that_unfold() {
    let dir = Dir::new();
    dir.put("a.docx", "not a zip");
    dir.put("b.docx", zip_of(&[("../../word/document.xml", b"<w:p/>")]));
    let cut = fs::read(fixture("folder/papers/rye.docx")).expect("there");
    dir.put("c.docx", &cut[..cut.len() / 2]);
    dir.put("d.docx", zip_of(&[("word/document.xml", &vec![b' '; 140 << 20])]));
    dir.put("e.docx", zip_of(&[("word/document.xml", "<w:p>".repeat(100_000).as_bytes())]));
    let bomb =
        "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><w:p><w:t>&b;&b;</w:t></w:p>";
    dir.put("f.docx", zip_of(&[("word/document.xml", bomb.as_bytes())]));
    let added = add_asked(&request(&[dir.path()]));
    // Entities that a file defines are not followed.
    assert_eq!(added.document("f.docx").text, "&b;&b;");
    assert_eq!((added.imported.documents, added.met(Wrong::Unreadable)), (1, 5));
    let said: Vec<String> = added.named(Wrong::Unreadable).iter().map(ToString::to_string).collect();
    for (said, part) in said.iter().zip(["", "no word/document.xml", "", "more than 128 MiB", "nested"]) {
        says(said, &[part, ".docx", "save it again as DOCX"]);
    }
}

#[test]
fn pdf_that_are_none() {
    let dir = Dir::new();
    let sound = fs::read(fixture("folder/papers/crust.pdf")).expect("there");
    dir.put("cut.pdf", &sound[..sound.len() / 2]);
    dir.put("none.pdf", "%PDF-1.7\nnothing of the kind");
    dir.put("note.txt", "Sound.");
    let added = add_asked(&request(&[dir.path()]));
    assert_eq!((added.imported.documents, added.met(Wrong::Unreadable)), (1, 2));
    for fault in added.named(Wrong::Unreadable) {
        says(&fault.to_string(), &[".pdf", "pdftotext"]);
    }
}

#[test]
fn html_nested_without_end_and_drawn_without_end() {
    let dir = Dir::new();
    dir.put("deep.html", format!("<html>{}text", "<div>".repeat(100_000)));
    dir.put("rules.html", format!("<html><p>Some text.</p>{}", "<hr>".repeat(10_000)));
    dir.put("wide.html", "<table><tr><td colspan=99999999>A cell.</td></tr></table>");
    let added = add_asked(&request(&[dir.path()]));
    assert_eq!((added.imported.documents, added.met(Wrong::Unreadable)), (2, 1));
    assert_eq!(added.document("rules.html").text.trim(), "Some text.");
    assert!(added.document("wide.html").text.contains("A cell."));
    says(&added.named(Wrong::Unreadable)[0].to_string(), &["deep.html", "nested"]);
}

#[test]
fn xml_nested_without_end() {
    let dir = Dir::new();
    let head = "<?xml version=\"1.0\"?><Document id=\"1\" source=\"s\"><Focus>F</Focus><QAPairs>";
    dir.put("deep.xml", format!("{head}{}", "<QAPair>".repeat(100_000)));
    dir.put("sound/s.xml", fs::read(fixture("medquad/1_Garden_QA/0000001.xml")).expect("there"));
    let added = add_asked(&request(&[dir.path()]));
    assert_eq!((added.imported.documents, added.met(Wrong::Unreadable)), (1, 1));
    says(&added.named(Wrong::Unreadable)[0].to_string(), &["deep.xml:1", "nested"]);
}

#[test]
fn a_table_whose_columns_are_not_known() {
    let dir = Dir::new();
    let path = dir.put("t.csv", "colour,weight\nred,3\n");
    says(&refused(&[path]), &["t.csv", "colour, weight", "--map text=body"]);
    let said = import::Mapping::parse("shape=round").expect_err("no such part").to_string();
    says(&said, &["--map", "shape=round", "id, title, text"]);
}

#[test]
fn a_table_with_a_quotation_mark_too_many_says_which_row() {
    let dir = Dir::new();
    let path = dir.put("t.csv", "title,text\nA,\"first\nB,second\nC,third\n");
    let said = refused(&[path]);
    says(&said, &["t.csv:2", "never closed"]);
}

#[test]
fn a_stopped_import_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let cancel = Cancel::new();
    cancel.cancel();
    let stopped = import::add(&request(&[fixture("folder")]), dir.path(), SILENT, &cancel);
    assert!(matches!(stopped, Err(juxta::fault::Error::Cancelled)));
    assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 0);
}

#[test]
fn a_large_text_is_divided_and_nothing_of_it_lost() {
    let dir = Dir::new();
    let text: String =
        (0..300_000).map(|n| format!("This is the sentence {n} of a long book.\n\n")).collect();
    let path = dir.put("book.txt", &text);
    let added = add_asked(&request(&[path]));
    assert!(added.imported.documents > 1);
    let mut all = 0;
    added
        .corpus
        .documents
        .each(&mut |d| {
            all += d.text.len();
            Ok(())
        })
        .expect("read");
    assert_eq!(all, text.len());
    assert_eq!(met(&added.imported, Wrong::Unreadable), 0);
}
