//! Holds the rules of ARCHITECTURE.md: who may look into whom, who may print, who may name the terminal.

use std::fs;
use std::path::{Path, PathBuf};

/// Every room, and the rooms it may name. `fault`, `job`, `text`, `folder` and `net` serve everyone.
const RULES: [(&str, &[&str]); 20] = [
    ("fault", &[]),
    ("job", &[]),
    ("text", &[]),
    ("folder", &[]),
    ("net", &[]),
    ("analysis", &[]),
    // The names of rankings are settings.
    ("config", &["retrieve"]),
    ("score", &[]),
    ("hub", &[]),
    ("corpus", &[]),
    ("retrieve", &["corpus"]),
    ("prompt", &["retrieve"]),
    ("generate", &["prompt"]),
    ("compare", &["retrieve", "prompt", "generate"]),
    ("study", &["compare", "config", "corpus", "retrieve"]),
    ("export", &["compare", "prompt", "retrieve", "study"]),
    ("report", &["analysis", "export", "study"]),
    ("finetune", &["corpus", "generate", "prompt", "retrieve"]),
    (
        "lab",
        &[
            "analysis", "compare", "config", "corpus", "finetune", "generate", "prompt", "retrieve", "score",
            "study",
        ],
    ),
    (
        "tui",
        &["compare", "config", "corpus", "generate", "lab", "retrieve", "study", "prompt", "cli", "report"],
    ),
];
const SERVANTS: [&str; 5] = ["fault", "job", "text", "folder", "net"];

fn sources(below: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).expect("a folder of sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push((path.clone(), fs::read_to_string(&path).expect("a source")));
        }
    }
    found
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The code without its tests and comments.
fn code(source: &str) -> String {
    let before_tests = source.split("#[cfg(test)]").next().unwrap_or_default();
    before_tests.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_room_names_only_the_rooms_it_may() {
    for (room, may) in RULES {
        let folder = src().join(room);
        let files = if folder.is_dir() {
            sources(&folder)
        } else {
            let file = src().join(format!("{room}.rs"));
            vec![(file.clone(), fs::read_to_string(file).expect("a room"))]
        };
        assert!(!files.is_empty());
        for (path, source) in files {
            let source = code(&source);
            for (other, _) in RULES {
                let named = source.contains(&format!("crate::{other}::"))
                    || source.contains(&format!("crate::{other};"));
                let allowed = other == room || SERVANTS.contains(&other) || may.contains(&other);
                assert!(allowed || !named, "{} names {other}", path.display());
            }
            assert!(room == "tui" || !source.contains("crate::tui"), "{} names tui", path.display());
            assert!(room == "tui" || !source.contains("crate::cli"), "{} names cli", path.display());
        }
    }
}

#[test]
fn only_the_tui_names_the_terminal() {
    for (path, source) in sources(&src()) {
        let inside = path.starts_with(src().join("tui"));
        let source = code(&source);
        assert!(
            inside || !(source.contains("ratatui") || source.contains("crossterm")),
            "{}",
            path.display()
        );
    }
}

#[test]
fn only_the_command_line_prints() {
    for (path, source) in sources(&src()) {
        let source = code(&source);
        let prints = ["println!", "print!(", "eprintln!", "io::stdout", "io::stderr"]
            .iter()
            .any(|p| source.contains(p));
        let may = path.starts_with(src().join("cli"))
            || path.ends_with("folder/pack.rs")
            || path.ends_with("tui/screen.rs");
        assert!(may || !prints, "{} prints", path.display());
    }
}

#[test]
fn unsafe_code_stands_in_four_places() {
    let allowed = |source: &str| source.lines().any(|l| l.contains("allow(unsafe_code)"));
    let mut with: Vec<PathBuf> =
        sources(&src()).into_iter().filter(|(_, source)| allowed(source)).map(|(path, _)| path).collect();
    with.sort();
    let known = ["engine/kernels/mod.rs", "finetune/product.rs", "job/memory.rs", "job/threads.rs"]
        .map(|p| src().join(p));
    assert_eq!(with, known);
}

#[test]
fn the_engine_knows_nothing_of_juxta() {
    for (path, source) in sources(&src().join("engine")) {
        assert!(!code(&source).contains("juxta::"), "{}", path.display());
    }
}

#[test]
fn every_room_is_held_to_a_rule() {
    let lib = fs::read_to_string(src().join("lib.rs")).expect("lib.rs");
    for line in lib.lines() {
        if let Some(room) = line.strip_prefix("pub mod ").and_then(|l| l.strip_suffix(';')) {
            assert!(room == "cli" || RULES.iter().any(|(r, _)| *r == room), "{room} has no rule");
        }
    }
}
