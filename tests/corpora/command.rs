//! `juxta corpus add`, `check`, `update`, `remove`, `eval` as a person runs them.

#[path = "../command/mod.rs"]
mod run;

use super::support::fixture;
use run::Data;
use std::fs;

fn path(name: &str) -> String {
    fixture(name).display().to_string()
}

/// Paths of this machine as they would be anywhere.
fn scrubbed(text: &str) -> String {
    text.replace(env!("CARGO_MANIFEST_DIR"), "…")
}

#[test]
fn a_folder_is_checked_added_searched_changed_and_removed() {
    let data = Data::new();
    let folder = path("folder");
    let checked = data.juxta(&["corpus", "check", &folder]);
    insta::assert_snapshot!(scrubbed(checked.ok()));
    assert!(!data.path().join("corpora").exists(), "checking has added something");

    let added = data.juxta(&["corpus", "add", &folder, "--id", "mine", "--licence", "CC0"]);
    assert!(added.ok().contains("passages indexed") && added.out.contains("juxta ask"));
    let hits =
        data.juxta(&["search", "why does a crust crack", "--corpus", "mine", "-k", "1", "--json"]).json();
    assert_eq!(hits["hits"][0]["document"], "papers/crust.pdf");
    data.juxta(&["corpus", "add", &folder, "--id", "mine"])
        .refused(&["a corpus of that id", "corpus update mine"]);

    let note = data.write("new/lid.txt", "A lid keeps the steam in the pot.");
    let changed = data.juxta(&["corpus", "update", "mine", note.to_str().expect("UTF-8"), "--json"]).json();
    assert_eq!((&changed["changed"]["added"], &changed["changed"]["removed"]), (&1.into(), &0.into()));
    let found = data.juxta(&["search", "steam in the pot", "--corpus", "mine", "-k", "1", "--json"]).json();
    assert_eq!(found["hits"][0]["document"], "lid.txt");
    data.juxta(&["corpus", "remove", "mine", "--document", "nothing"]).refused(&["no document \"nothing\""]);
    data.juxta(&["corpus", "remove", "mine", "--document", "lid.txt"]).ok();
    data.juxta(&["corpus", "check", "mine"]).ok();

    data.juxta(&["corpus", "remove", "mine"]).ok();
    assert_eq!(fs::read_dir(data.path().join("corpora")).expect("listed").count(), 0);
    data.juxta(&["corpus", "remove", "everyday"]).refused(&["a bundled corpus"]);
}

#[test]
fn judged_documents_are_measured_and_written_for_trec_eval() {
    let data = Data::new();
    data.juxta(&["corpus", "add", &path("beir"), "--no-index"]).ok();
    let dir = data.path().join("trec");
    let said = data.juxta(&["corpus", "eval", "beir", "--trec", dir.to_str().expect("UTF-8")]);
    assert!(said.ok().contains("documents ranked by their best passage"));
    let qrels = fs::read_to_string(dir.join("qrels.txt")).expect("written");
    assert!(qrels.contains("q-1 0 <doc:Ladder> 2\n"), "{qrels}");
    assert!(fs::read_to_string(dir.join("run.txt")).expect("written").starts_with("q-1 Q0 <doc:Ladder> 1 "));
    let again = data.juxta(&["corpus", "eval", "beir", "--trec", dir.to_str().expect("UTF-8")]);
    again.refused(&["a file that is there already", "another folder"]);
    let figures = data.juxta(&["corpus", "eval", "beir", "--json"]).json();
    assert_eq!((&figures["unit"], &figures["all"]["questions"]), (&"documents".into(), &2.into()));
}

#[test]
fn a_column_that_is_not_said_and_a_format_that_there_is_not() {
    let data = Data::new();
    let run = data.juxta(&["corpus", "add", &path("tables/notes.jsonl"), "--map", "shape=round"]);
    assert_eq!(run.code, Some(2));
    run.says(&["shape=round", "id, title, text"]);
    let run = data.juxta(&["corpus", "add", &path("squad"), "--format", "squid"]);
    assert_eq!(run.code, Some(2));
    run.says(&["squid", "wikipedia"]);
}
