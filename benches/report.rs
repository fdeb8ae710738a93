//! How long a report takes: `cargo bench --bench report` prints seconds for 20,000 judgments by five annotators, and
//! milliseconds until a study of 5,000 trials can be reviewed, in a real terminal; its last lines are the figures that
//! the README names, beside what they are to stay below. `-- --quick` takes a tenth of both.

// Printing is what this program is for.
#![allow(clippy::print_stdout)]

#[path = "../tests/support/judged.rs"]
mod judged;
#[path = "../tests/support/study.rs"]
mod sample;

#[cfg(unix)]
#[path = "../tests/support/mod.rs"]
mod support;

use judged::Made;
use juxta::report::{Report, html, markdown, text};
use juxta::study::{Desk, Study, Verdict};
use std::path::Path;
use std::time::Instant;

/// Seconds that a report may take, and milliseconds until a study can be reviewed.
const AT_MOST: (f64, f64) = (2.0, 200.0);

fn main() {
    let quick = std::env::args().any(|a| a == "--quick") || !std::env::args().any(|a| a == "--bench");
    let tenth = if quick { 10 } else { 1 };
    let (judgments, seconds) = report(1_000 / tenth);
    let (trials, milliseconds) = study(2_500 / tenth);
    println!("in the README:");
    println!(
        "  {judgments} judgments by five annotators, HTML included: {seconds:.2} s (at most {} s)",
        AT_MOST.0
    );
    match milliseconds {
        Some(ms) => println!(
            "  a study of {trials} trials, from the command to its first item: {ms:.0} ms (at most {} ms)",
            AT_MOST.1
        ),
        None => println!("  a study of {trials} trials: not measured, there is no pseudo-terminal here"),
    }
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

/// How many judgments, and in how many seconds they became an HTML report.
fn report(questions: usize) -> (usize, f64) {
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
    (report.seen.judgments, figures + html)
}

/// How many trials, and after how many milliseconds the first is on the screen.
fn study(questions: usize) -> (usize, Option<f64>) {
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
    let trials = study.item_ids().expect("listed").len();
    let shown = first_item(&dir);
    if let Some(shown) = shown {
        println!("  on the screen  {:7.1} ms, from the command to the first item", 1e3 * shown);
    }
    (trials, shown.map(|s| 1e3 * s))
}

/// Seconds from starting `juxta review` until the first open item is on the screen.
#[cfg(unix)]
fn first_item(study: &Path) -> Option<f64> {
    let open = || {
        let mut command = portable_pty::CommandBuilder::new(support::program());
        command.arg("--data-dir");
        command.arg(study.join("no-data"));
        command.arg("review");
        command.arg(study);
        command.args(["--annotator", "ada"]);
        support::environment(&mut command);
        let start = Instant::now();
        let mut lab = support::Lab::start(command);
        lab.wait_for("Accuracy of A");
        let seconds = start.elapsed().as_secs_f64();
        lab.keys("q");
        lab.end();
        seconds
    };
    Some((0..5).map(|_| open()).fold(f64::INFINITY, f64::min))
}

#[cfg(not(unix))]
fn first_item(_: &Path) -> Option<f64> {
    None
}
