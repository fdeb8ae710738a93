//! The README says what the program does: its key table is the program's own, and its commands exist.

use assert_cmd::Command;
use std::fs;
use std::path::Path;

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("a README")
}

fn juxta(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_juxta")).args(args).output().expect("runs");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_key_tables_are_those_the_help_is_made_from() {
    for args in [&["keys"][..], &["keys", "--review"], &["keys", "--results"]] {
        assert!(readme().contains(&juxta(args)), "put what `juxta {}` prints into README.md", args.join(" "));
    }
}

#[test]
fn every_command_it_names_exists() {
    let help = juxta(&["help"]);
    let readme = readme();
    let code = readme.split("```sh").nth(2).and_then(|rest| rest.split("```").next()).expect("the commands");
    let mut named = 0;
    for line in code.lines().filter_map(|l| l.strip_prefix("juxta ")) {
        let command = line.split(' ').next().expect("a command");
        assert!(help.contains(&format!("  {command}")), "{command} is not in the help");
        named += 1;
    }
    assert!(named >= 6, "the README shows the commands");
}

#[test]
fn the_two_commands_stand_first() {
    let readme = readme();
    let (run, test) = (readme.find("cargo run --release"), readme.find("cargo test"));
    assert!(run.is_some() && test.is_some() && run < test);
}
