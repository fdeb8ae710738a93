//! Reviewing as people meet it: the real program in real pseudo-terminals, on a whole study, from the first key to
//! the exit code and what is in the journals then.
#![cfg(unix)]

#[path = "support/study.rs"]
mod sample;
mod support;

use juxta::study::{Journal, Review, ReviewDraft, Study};
use portable_pty::CommandBuilder;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::{Lab, PATIENCE, environment, program};
use tempfile::TempDir;

/// Keys that judge an item.
const JUDGED: &str = "4321b";

#[test]
fn two_people_review_one_is_killed_and_comes_back_and_both_journals_are_whole() {
    let (dir, study) = study();
    let places = |who: &str| study.order(who).expect("an order").len();

    let mut ada = Lab::start(review(dir.path(), "ada"));
    ada.wait_for("Accuracy of A");
    judge(&mut ada, 0, 2, places("ada"));
    ada.keys("5e2\r4");
    ada.wait("the ratings begun", begun);
    let asked = question(&ada);
    let draft = study.files().draft("ada");
    wait_for_file(&draft, "the draft with all of it", |text| {
        let draft: ReviewDraft = serde_json::from_str(text).unwrap_or_default();
        draft.ratings[0].scores.len() == 2 && draft.ratings[0].tags == ["unsupported"]
    });

    // Meanwhile another person reviews the same study, to the end.
    let mut bob = Lab::start(review(dir.path(), "bob"));
    bob.wait_for("Accuracy of A");
    judge(&mut bob, 0, places("bob"), places("bob"));
    bob.wait_for(&format!("All your {} items are rated", places("bob")));
    bob.keys("q");
    let (code, seen_by_bob) = bob.end();
    assert_eq!(code, 0, "{seen_by_bob}");

    let (code, told) = Lab::start(review(dir.path(), "ada")).end();
    assert_ne!(code, 0);
    assert!(told.contains(&format!("({})", ada.process())), "who holds the journal is said: {told}");
    ada.kill();

    let mut ada = Lab::start(review(dir.path(), "ada"));
    ada.wait_for("Everything is as you left it.");
    ada.wait("the ratings begun", begun);
    assert_eq!(question(&ada), asked, "the same item");
    ada.keys("32a");
    ada.wait("the next item", |rows| {
        rows.show(&far(3, places("ada"))) && rows.show("Rating · Accuracy of A")
    });
    judge(&mut ada, 3, places("ada"), places("ada"));
    ada.wait_for(&format!("All your {} items are rated", places("ada")));
    ada.keys("q");
    let (code, seen_by_ada) = ada.end();
    assert_eq!(code, 0, "{seen_by_ada}");

    // Whoever is killed leaves the terminal's other screen on, and entering it again does not wipe it.
    let wiped = |seen: &str| Some(seen.split_once("\x1b[?1049h")?.1.split_once("\x1b[2J")?.0.to_owned());
    assert_eq!(wiped(&seen_by_ada).as_deref(), Some(""), "{seen_by_ada}");

    for who in ["ada", "bob"] {
        let reviews = journal(&study, who);
        let mut slots: Vec<_> = reviews.iter().map(Review::slot).collect();
        assert!(
            reviews
                .iter()
                .all(|r| r.annotator == who && r.is_complete(study.rubric().ids()) && r.seconds > 0.0)
        );
        slots.sort();
        let mut order = study.order(who).expect("an order");
        order.sort();
        assert_eq!(slots, order, "every place judged once");
    }
    let third = &journal(&study, "ada")[2];
    assert_eq!(third.ratings[0].scores.values().copied().collect::<Vec<_>>(), [5, 4]);
    assert_eq!(third.ratings[0].tags, ["unsupported"]);

    // What either of them saw, and what they leave, says nothing of who answered or how fast.
    let left = fs::read_to_string(study.files().journals().join("ada.jsonl")).expect("a journal");
    for seen in [&seen_by_ada, &seen_by_bob, &left] {
        for secret in sample::AGAINST.into_iter().chain([sample::BASELINE, sample::DIGEST, "tokens"]) {
            assert!(!seen.contains(secret), "{secret:?} was shown");
        }
    }
    // A time in the journal may hold these digits.
    assert!(![seen_by_ada, seen_by_bob].iter().any(|seen| seen.contains("57.7")), "a speed was shown");
}

#[test]
fn a_judgment_no_disk_takes_stays_on_the_screen_and_is_printed_at_the_end() {
    let (dir, study) = study();
    fill_journal(&study);
    let mut lab = Lab::start(with_full_journal(dir.path()));
    lab.wait_for("Accuracy of A");
    lab.keys("5432b");
    lab.wait_for("NOT SAVED YET, still trying");
    lab.keys("5q");
    lab.wait_for("One judgment is not on the disk.");
    lab.keys("n");
    lab.wait("the item again", |rows| {
        !rows.show("One judgment is not on the disk.") && rows.show("NOT SAVED YET")
    });
    lab.keys("qy");
    let (code, output) = lab.end();
    assert_eq!(code, 0, "{output}");
    let given_back = output.rsplit("\x1b[?1049l").next().expect("the screen is given back before the end");
    let lines: Vec<Review> = given_back
        .lines()
        .filter(|line| line.trim_start().starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let [unkept] = &lines[..] else { panic!("not one judgment: {given_back}") };
    assert_eq!(unkept.ratings[1].scores.values().copied().collect::<Vec<_>>(), [3, 2]);
    assert!(given_back.contains("ada.jsonl"), "where to put it is said: {given_back}");
    assert!(journal(&study, "ada").is_empty(), "no half record was left");

    // Nothing is lost with it either: the draft brings it back, and now the disk takes it.
    fs::write(journal_path(&study), "").expect("emptied");
    let mut lab = Lab::start(review(dir.path(), "ada"));
    lab.wait_for("● b B");
    lab.keys("\r");
    lab.wait_for("Item 1: saved.");
    lab.keys("q");
    assert_eq!(lab.end().0, 0);
    assert_eq!(journal(&study, "ada").len(), 1);
}

#[test]
fn a_judgment_is_saved_as_soon_as_the_disk_takes_it_again_and_the_next_item_comes() {
    let (dir, study) = study();
    fill_journal(&study);
    let mut lab = Lab::start(with_full_journal(dir.path()));
    lab.wait_for("Accuracy of A");
    lab.keys("5432x");
    lab.wait_for("NOT SAVED YET, still trying");
    fs::File::options().write(true).open(journal_path(&study)).and_then(|f| f.set_len(0)).expect("emptied");
    lab.wait("saved, and the next item", |rows| rows.show("Item 1: saved.") && !rows.show("NOT SAVED YET"));
    lab.keys("q");
    assert_eq!(lab.end().0, 0);
    assert_eq!(journal(&study, "ada").len(), 1);
}

#[test]
fn a_paste_rates_nothing_and_a_resize_loses_nothing() {
    let (dir, study) = study();
    let mut lab = Lab::start(review(dir.path(), "ada"));
    lab.wait_for("Accuracy of A");
    lab.keys("\x1b[200~5432a\r5432a\x1b[201~");
    lab.wait_for("Text can be pasted into a note: n.");
    lab.keys("n\x1b[200~two\nlines\x1b[201~");
    lab.wait_for("two lines");
    lab.keys("\r5");
    lab.wait_for("Completeness of A");
    lab.resize((20, 5));
    lab.wait_for("juxta needs 40×12");
    lab.resize((80, 24));
    lab.wait("the item in a small window", |rows| {
        rows.show("two lines") && rows.show("Rating · Completeness of A") && rows.show("? help")
    });
    lab.keys("\x03");
    let (code, _) = lab.end();
    assert_eq!(code, 0);
    assert!(journal(&study, "ada").is_empty());
}

#[test]
fn a_reviewer_needs_a_study_a_place_in_it_and_a_terminal() {
    let (dir, _) = study();
    let data = dir.path().join("data");
    let refused = |folder: &Path, who: &str| {
        let (code, told) = Lab::start(review(folder, who)).end();
        assert_eq!(code, 1, "{told}");
        told
    };
    assert!(refused(&dir.path().join("nowhere"), "ada").contains("no study.toml"));
    assert!(refused(dir.path(), "max").contains("no place is left"));
    let folder = dir.path().to_str().expect("UTF-8");
    let (code, out, told) = support::headless(&data, &["review", folder, "--annotator", "ada"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(told.contains("a terminal, to open the review in"), "{told}");
}

/// A study of two people that can be reviewed.
fn study() -> (TempDir, Study) {
    let dir = tempfile::tempdir().expect("a folder");
    let study = sample::study(dir.path(), &["ada", "bob"]);
    (dir, study)
}

fn review(study: &Path, who: &str) -> CommandBuilder {
    let mut command = CommandBuilder::new(program());
    // Settings of whoever runs the tests are not ours.
    command.arg("--data-dir");
    command.arg(study.join("no-data"));
    command.arg("review");
    command.arg(study);
    command.args(["--annotator", who]);
    environment(&mut command);
    command
}

fn far(done: usize, of: usize) -> String {
    format!("{done}/{of} done")
}

/// Judges the items from one to another, waiting for each to be on the disk and for the next to be on the screen.
fn judge(lab: &mut Lab, from: usize, to: usize, of: usize) {
    for done in from + 1..=to {
        lab.keys(JUDGED);
        lab.wait("the judgment saved, and what comes next", |rows| {
            rows.show(&far(done, of)) && (rows.show("Rating · Accuracy of A") || rows.show("are rated"))
        });
    }
}

/// What is asked on the screen.
fn question(lab: &Lab) -> String {
    lab.rows().0[1].clone()
}

/// Whether the ratings show what was begun: 5 and 4 for A with a tag, nothing for B.
fn begun(rows: &support::Rows) -> bool {
    let words = |row: &String| row.split_whitespace().collect::<Vec<_>>().join(" ");
    rows.0.iter().map(words).any(|row| row.contains("A 5 4 unsupported"))
        && rows.0.iter().map(words).any(|row| row.contains("B · · –"))
}

fn journal_path(study: &Study) -> PathBuf {
    study.files().journals().join("ada.jsonl")
}

fn journal(study: &Study, who: &str) -> Vec<Review> {
    let path = study.files().journals().join(format!("{who}.jsonl"));
    let (reviews, problems) = Journal::<Review>::read(&path).expect("a journal");
    assert!(problems.is_empty(), "{problems:?}");
    reviews
}

/// The longest file the review of [`with_full_journal`] may write, in blocks of 512 bytes: room for every other file.
const BLOCKS: usize = 2048;

/// A journal of blank lines as long as a file may become.
fn fill_journal(study: &Study) {
    let journal = journal_path(study);
    fs::create_dir_all(journal.parent().expect("it lies in a folder")).expect("made");
    fs::write(journal, "\n".repeat(BLOCKS * 512)).expect("written");
}

/// The review where no file may become longer than the journal is: this binds every user, and leaves the rest of the
/// disk alone.
fn with_full_journal(study: &Path) -> CommandBuilder {
    let mut limited = CommandBuilder::new("sh");
    limited.arg("-c");
    limited.arg(format!("trap '' XFSZ; ulimit -f {BLOCKS} && exec \"$0\" \"$@\""));
    limited.args(review(study, "ada").get_argv());
    environment(&mut limited);
    limited
}

fn wait_for_file(path: &Path, what: &str, holds: impl Fn(&str) -> bool) {
    let until = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if holds(&text) {
            return;
        }
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}. The file:\n{text}");
        // A file rings no bell: it has to be looked at again and again.
        std::thread::sleep(Duration::from_millis(10));
    }
}
