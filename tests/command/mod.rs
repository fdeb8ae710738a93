//! Runs the real binary on a data folder of its own. Shared by the tests of the command line.

#![allow(dead_code)] // Every test file uses a part of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The two models asked wherever it does not matter which.
pub const PAIR: &str = "reader,reader-biomedicine-500";
/// A debug build on a busy machine answers well within this.
const PATIENCE: Duration = Duration::from_secs(300);

/// A data folder, and a home in which nothing may appear.
pub struct Data {
    dir: tempfile::TempDir,
}

impl Data {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(dir.path().join("home")).expect("a home");
        fs::create_dir_all(dir.path().join("data")).expect("a data folder");
        Self { dir }
    }

    /// The data folder.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Writes a file below the data folder.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("below the data folder")).expect("made");
        fs::write(&path, contents).expect("written");
        path
    }

    /// Copies a folder of `tests/data` (or of the repository) below the data folder.
    pub fn copy(&self, from: &str, to: &str) -> PathBuf {
        let target = self.path().join(to);
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(from), &target);
        target
    }

    /// Runs `juxta --data-dir <this> …`.
    pub fn juxta(&self, args: &[&str]) -> Run {
        let data = self.path();
        let mut all = vec!["--data-dir", data.to_str().expect("UTF-8")];
        all.extend(args);
        self.bare(&all)
    }

    /// As [`Data::juxta`], with variables of the environment.
    pub fn juxta_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Run {
        let data = self.path();
        let mut all = vec!["--data-dir", data.to_str().expect("UTF-8")];
        all.extend(args);
        self.bare_with(variables, &all)
    }

    /// Runs `juxta …` with the home that must stay empty.
    pub fn bare(&self, args: &[&str]) -> Run {
        self.bare_with(&[], args)
    }

    fn bare_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Run {
        let home = self.dir.path().join("home");
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_juxta"));
        for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
            command.env(variable, &home);
        }
        let output = command
            .env_remove("JUXTA_LOG")
            .envs(variables.iter().copied())
            .current_dir(self.dir.path())
            .timeout(PATIENCE)
            .args(args)
            .output()
            .expect("the binary runs");
        let at_home = fs::read_dir(&home).expect("listed").count();
        assert_eq!(at_home, 0, "{args:?} wrote into the home folder in spite of --data-dir");
        Run {
            args: args.iter().map(|a| (*a).to_owned()).collect(),
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            err: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).unwrap_or_else(|e| panic!("{}: {e}", from.display())).flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// What a run left.
#[derive(Debug)]
pub struct Run {
    pub args: Vec<String>,
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Run {
    /// Standard output of a run that went well.
    #[track_caller]
    pub fn ok(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:#?}");
        &self.out
    }

    /// The JSON value a run printed that went well.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.ok()).unwrap_or_else(|e| panic!("{e}: {self:#?}"))
    }

    /// The message of a run that was refused with exit code 1: it has to hold each of `parts` — the file and
    /// line, what was found, what was expected, the next step — and nothing else may have been printed.
    #[track_caller]
    pub fn refused(&self, parts: &[&str]) {
        assert!(self.out.is_empty(), "a refused command printed a result: {self:#?}");
        self.failed(parts);
    }

    /// As [`Run::refused`], for commands whose result says more than their message.
    #[track_caller]
    pub fn failed(&self, parts: &[&str]) {
        assert_eq!(self.code, Some(1), "{self:#?}");
        assert!(self.err.starts_with("juxta: "), "{self:#?}");
        assert_eq!(self.err.lines().count(), 1, "one message on one line: {self:#?}");
        self.says(parts);
    }

    /// Everything printed holds each of `parts`.
    #[track_caller]
    pub fn says(&self, parts: &[&str]) {
        let all = format!("{}{}", self.out, self.err);
        for part in parts {
            assert!(all.contains(part), "{part:?} is missing: {self:#?}");
        }
        assert!(!all.contains("panicked"), "{self:#?}");
    }
}
