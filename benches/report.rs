//! How long a report takes: `cargo bench --bench report` prints seconds for 20,000 judgments by five annotators, and
//! milliseconds until a study of 5,000 trials can be reviewed; `-- --quick` takes a tenth of both.
//!
//! The report is to take less than two seconds, HTML included; opening less than 200 milliseconds.

// Printing is what this program is for.
#![allow(clippy::print_stdout)]

#[path = "../tests/support/judged.rs"]
mod judged;
#[path = "../tests/support/study.rs"]
mod sample;

use judged::Made;
use juxta::report::{Report, html, markdown, text};
use juxta::study::{Desk, Study, Verdict};
use std::time::Instant;

fn main() {
    let quick = std::env::args().any(|a| a == "--quick") || !std::env::args().any(|a| a == "--bench");
    let tenth = if quick { 10 } else { 1 };
    report(1_000 / tenth);
    study(2_500 / tenth);
}

/// Runs something three times and says how long the quickest took, in seconds.
fn timed<T>(mut run: impl FnMut() -> T) -> (T, f64) {
    let mut once = || {
        let start = Instant::now();
        let made = run();
        (made, start.elapsed().as_secs_f64())
    };
    let mut best = once();
    for _ in 0..2 {
        let (made, seconds) = once();
        if seconds < best.1 {
            best = (made, seconds);
        }
    }
    best
}

fn report(questions: usize) {
    let made = Made {
        corpora: &["biomedicine", "law"],
        questions: questions / 2,
        baseline: "reader",
        against: &[
            ("reader-tuned-100", -0.3),
            ("reader-tuned-200", -0.1),
            ("reader-tuned-500", 0.1),
            ("reader-tuned-1000", 0.2),
        ],
        annotators: &["ada", "bob", "cleo", "dan", "eve"],
        repeat_one_of: 10,
    };
    let (about, rated) = (made.about(), made.rated());
    let (report, figures) = timed(|| Report::unblinded(&about, Vec::new(), &rated));
    println!(
        "{} judgments by {} annotators, {} repeats",
        report.seen.judgments,
        report.annotators.len(),
        report.seen.repeats
    );
    println!("  every figure   {figures:7.3} s");
    let (page, html) = timed(|| html::write(&report));
    println!("  HTML           {html:7.3} s, {} KiB", page.len() / 1024);
    println!("  text           {:7.3} s", timed(|| text::write(&report)).1);
    println!("  Markdown       {:7.3} s", timed(|| markdown::write(&report)).1);
    println!("  all with HTML  {:7.3} s", figures + html);
}

fn study(questions: usize) {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path().join("study");
    sample::large(&dir, &["ada"], questions);
    let mut desk = Desk::open(&dir, "ada", false).expect("opened");
    for slot in desk.slots().to_vec().iter().take(questions) {
        desk.append(sample::review("ada", slot, Verdict::A)).expect("kept");
    }
    drop(desk);
    let (study, plain) = timed(|| Study::open(&dir).expect("a study"));
    println!("a study of {} trials, half of them judged", study.item_ids().expect("listed").len());
    println!("  opened         {:7.1} ms", 1e3 * plain);
    let reviewed = || {
        let desk = Desk::open(&dir, "ada", false).expect("opened");
        let first = desk.slots().first().cloned().expect("a place");
        study.item(&first.item).expect("an item")
    };
    println!("  a desk at it   {:7.1} ms, with the first item read", 1e3 * timed(reviewed).1);
    let (_, blind) = timed(|| Report::of(&study).expect("a report"));
    println!("  blind report   {:7.1} ms", 1e3 * blind);
}
