//! Sources that chance has broken: whatever comes in, an answer or a fault comes out, and what is added can be read.

use super::support::{fixture, request, try_add};
use juxta::corpus::Catalog;
use juxta::corpus::import::{Format, Request};
use proptest::prelude::*;
use std::fs;
use std::path::Path;

/// Files that stand for their formats, each with the format that it is read as, whatever is left of its content.
const FILES: [(&str, Format); 19] = [
    ("squad/lamps-v2.0.json", Format::Squad),
    ("squad-flat/queries.json", Format::Squad),
    ("squad-lines/train.jsonl", Format::Squad),
    ("bioasq/garden.json", Format::BioAsq),
    ("natural-questions/simplified-train.jsonl", Format::NaturalQuestions),
    ("nq-open/dev.jsonl", Format::NqOpen),
    ("qasper/qasper-dev-v0.1.json", Format::Qasper),
    ("pubmedqa/ori_pqal.json", Format::PubMedQa),
    ("medquad/1_Garden_QA/0000001.xml", Format::MedQuad),
    ("tat-qa/tatqa_dataset_dev.json", Format::TatQa),
    ("beir/corpus.jsonl", Format::Beir),
    ("smart/boats.all", Format::Smart),
    ("wikipedia/AA/wiki_00", Format::Wikipedia),
    ("tables/notes.jsonl", Format::Table),
    ("tables/quiz.csv", Format::Table),
    ("tables/array.json", Format::Table),
    ("folder/pages/oven.html", Format::Documents),
    ("folder/papers/rye.docx", Format::Documents),
    ("packed/corpus.jsonl.gz", Format::Beir),
];

/// A change to some bytes.
#[derive(Debug, Clone)]
enum Change {
    Put(usize, u8),
    Cut(usize, usize),
    Again(usize, usize),
    Token(usize, &'static str),
    End(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let tokens = prop::sample::select(vec![
        "\"",
        "{",
        "}",
        "[",
        "]",
        "<",
        ">",
        "</doc>",
        "<doc id=\"",
        ".I ",
        ".W\n",
        "\0",
        "\u{feff}",
        "null",
        "-1",
        "99999999999999999999",
        "\\u0000",
        "\\ud800",
        "\n",
        "\r",
        ",",
        ";",
        "é",
        "東",
        "&#x0;",
        "&amp;",
        "]]>",
        "<!--",
    ]);
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, b)| Change::Put(at, b)),
        (any::<usize>(), 1usize..40).prop_map(|(at, n)| Change::Cut(at, n)),
        (any::<usize>(), 1usize..200).prop_map(|(at, n)| Change::Again(at, n)),
        (any::<usize>(), tokens).prop_map(|(at, t)| Change::Token(at, t)),
        any::<usize>().prop_map(Change::End),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let length = bytes.len().max(1);
        match *change {
            Change::Put(at, byte) if !bytes.is_empty() => bytes[at % length] = byte,
            Change::Cut(at, n) => {
                let at = (at % length).min(bytes.len());
                bytes.drain(at..(at + n).min(bytes.len()));
            }
            Change::Again(at, n) => {
                let at = (at % length).min(bytes.len());
                let part = bytes[at..(at + n).min(bytes.len())].to_vec();
                bytes.splice(at..at, part);
            }
            Change::Token(at, token) => {
                let at = (at % length).min(bytes.len());
                bytes.splice(at..at, token.bytes());
            }
            Change::End(at) => bytes.truncate(at % length),
            Change::Put(..) => {}
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("JUXTA_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(150)
    ))]

    #[test]
    fn no_reader_panics_and_what_is_added_is_sound(
        which in 0..FILES.len(), changes in prop::collection::vec(change(), 1..8), by_content in any::<bool>(),
    ) {
        let (name, format) = FILES[which];
        let dir = tempfile::tempdir().expect("a folder");
        let bytes = changed(fs::read(fixture(name)).expect("there"), &changes);
        let path = dir.path().join(Path::new(name).file_name().expect("a name"));
        fs::write(&path, bytes).expect("written");
        let format = (!by_content).then_some(format);
        let (corpora, imported) = try_add(&Request { format, ..request(&[path]) });
        if imported.is_ok() {
            let entry = Catalog::discover(Some(corpora.path())).find("in").expect("found");
            let corpus = entry.read();
            prop_assert!(corpus.is_ok(), "{:?}", corpus.err());
        } else {
            prop_assert_eq!(fs::read_dir(corpora.path()).expect("listed").count(), 0);
        }
    }
}
