//! The lab as a person meets it: the real program in a real pseudo-terminal, from the first key to the exit code
//! and what is on the disk then.
#![cfg(unix)]

mod support;

use portable_pty::CommandBuilder;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::{ANNOTATOR, CORPUS, LARGE, Lab, PAIR, PATIENCE, Rows, command, environment, headless, program};
use tempfile::TempDir;

/// A question the corpus answers.
const QUESTION: &str = "Why are beta blockers tapered?";
/// What the foot says when both answers are there.
const ANSWERED: &str = "r rates these answers.";
/// What the foot names while letters go into the question.
const TYPING: &str = "Enter ask";
/// What the ratings say at their corner once they are on the disk.
const SAVED: &str = " saved ┓";
const ENTER: &str = "\r";
const ESC: &str = "\x1b";

/// Answers of more than a thousand tokens: at this temperature the token that ends one is as unlikely as any other.
/// The seed is fixed, so they are the same in every run.
const LONG_ANSWERS: &str = "[retrieval]\nk = 1\n[sampling]\ntemperature = 5.0\nmax_tokens = 4096\n";

#[test]
fn a_question_is_answered_judged_with_six_keys_and_exported_with_its_trial() {
    let data = folder();
    let mut lab = Lab::open(data.path());
    ask(&mut lab, QUESTION);
    lab.wait("both answers at their end", |rows| {
        rows.show(ANSWERED) && rows.titles().matches(" done ").count() == 2
    });
    lab.keys("r5432a");
    lab.wait("the judgment, saved", |rows| rows.show(SAVED) && rows.show("● a A"));
    lab.keys("q");
    let (code, output) = lab.end();
    assert_eq!(code, 0, "{output}");
    let (code, exported, errors) = headless(data.path(), &["export", "--format", "jsonl"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let [row] = &lines_of_json(&exported)[..] else { panic!("not one judgment: {exported}") };
    assert_eq!(degrees(&row["judgment"]), [5, 4, 3, 2]);
    assert_eq!(
        (&row["judgment"]["verdict"], &row["judgment"]["annotator"]),
        (&"a".into(), &ANNOTATOR.into())
    );
    assert_eq!(row["trial"]["question"], QUESTION);
    assert_eq!(row["trial"]["id"], row["judgment"]["trial"]);
    for answer in row["trial"]["answers"].as_array().expect("two answers") {
        assert!(answer["text"].as_str().is_some_and(|text| text.contains(' ')), "{answer}");
        assert_eq!(answer["finish"], "stop");
    }
}

#[test]
fn quitting_in_the_same_breath_as_the_verdict_waits_for_the_disk_and_quits() {
    let data = folder();
    let mut lab = Lab::open(data.path());
    ask(&mut lab, QUESTION);
    lab.wait_for(ANSWERED);
    lab.keys("r5432aq");
    assert_eq!(lab.end().0, 0);
    assert_eq!(lines_of_json(&read(&journal(data.path()))).len(), 1);
}

#[test]
fn a_killed_lab_comes_back_with_the_ratings_begun_and_the_question_half_typed() {
    let data = folder();
    let mut lab = Lab::open(data.path());
    ask(&mut lab, QUESTION);
    lab.wait_for(ANSWERED);
    lab.keys("i");
    lab.wait_for(TYPING);
    lab.keys("And how slowly shou");
    lab.wait_for("And how slowly shou");
    lab.keys(ESC);
    lab.wait_for("r rate ");
    lab.keys("r4e1\r2");
    lab.wait("the ratings begun", begun);
    // On the screen is not yet on the disk; what a person sees a moment later is.
    wait_for_file(&data.path().join("draft.json"), "the draft with all of it", |text| {
        let draft: Value = serde_json::from_str(text).unwrap_or_default();
        draft["ratings"][0]["completeness"] == 2 && draft["ratings"][0]["tags"][0] == "wrong fact"
    });
    lab.kill();

    let mut lab = Lab::open(data.path());
    lab.wait_for("Your ratings are as you left them.");
    lab.wait("the ratings begun", begun);
    lab.keys("35b");
    lab.wait_for(SAVED);
    lab.keys(ESC);
    lab.wait_for("r rate ");
    lab.keys("i");
    lab.wait_for("And how slowly shou");
    lab.keys("\x03");
    assert_eq!(lab.end().0, 0);
    let judgments = lines_of_json(&read(&journal(data.path())));
    assert_eq!(judgments.len(), 1);
    assert_eq!(degrees(&judgments[0]), [4, 2, 3, 5]);
    assert_eq!(judgments[0]["ratings"][0]["tags"][0], "wrong fact");
}

#[test]
fn a_killed_lab_comes_back_with_a_verdict_that_was_given_before_any_degree() {
    let data = folder();
    let mut lab = Lab::open(data.path());
    ask(&mut lab, QUESTION);
    lab.wait_for(ANSWERED);
    lab.keys("rt");
    lab.wait_for("● t tie");
    wait_for_file(&data.path().join("draft.json"), "the draft with the verdict", |text| {
        text.contains("\"verdict\": \"tie\"")
    });
    lab.kill();
    let lab = Lab::open(data.path());
    lab.wait_for("● t tie");
}

#[test]
fn esc_stops_both_answers_and_what_they_had_said_is_kept() {
    let data = folder();
    settings(data.path(), LONG_ANSWERS);
    let mut lab = Lab::open(data.path());
    ask(&mut lab, QUESTION);
    lab.wait("both answers growing", |rows| matches!(rows.growing()[..], [a, b] if a >= 5 && b >= 5));
    lab.keys(ESC);
    lab.wait("both answers stopped", |rows| {
        rows.show(ANSWERED) && rows.titles().matches(" stopped ").count() == 2
    });
    let kept = files(&data.path().join("trials").join(CORPUS));
    let [trial] = &kept[..] else { panic!("not one trial: {kept:?}") };
    let trial: Value = serde_json::from_str(&read(trial)).expect("a trial");
    for answer in trial["answers"].as_array().expect("two answers") {
        assert_eq!(answer["finish"], "cancelled");
        assert!(answer["tokens"].as_u64() >= Some(5), "{answer}");
        assert!(answer["text"].as_str().is_some_and(|text| !text.trim().is_empty()), "{answer}");
    }
    lab.keys("q");
    assert_eq!(lab.end().0, 0);
}

#[test]
fn a_second_lab_on_the_folder_is_refused_and_the_first_goes_on() {
    let data = folder();
    let mut first = Lab::open(data.path());
    first.wait_for(TYPING);
    let (code, output) = Lab::open(data.path()).end();
    assert_eq!(code, 1);
    assert!(output.contains(&format!("process {}", first.process())), "{output}");
    assert!(output.contains("--data-dir"), "{output}");
    assert!(!output.contains("\x1b[?1049h"), "the refused lab never took the screen: {output:?}");
    first.keys("still here");
    first.wait_for("still here");
    first.keys("\x03");
    assert_eq!(first.end().0, 0);
}

#[test]
fn without_a_terminal_the_lab_names_the_command_that_needs_none() {
    let data = folder();
    let (code, output, errors) = headless(data.path(), &[]);
    assert_eq!((code, output.as_str()), (1, ""));
    assert!(errors.contains("terminal") && errors.contains("juxta ask"), "{errors}");
}

#[test]
fn a_paste_of_escape_sequences_overrides_and_line_breaks_is_harmless() {
    let data = folder();
    let mut lab = Lab::open(data.path());
    let ready = |rows: &Rows| rows.show(TYPING) && rows.show(" to search.");
    let before = lab.wait("the lab with its corpus", ready);
    lab.keys("\x1b[200~What\r\nis \x1b[2J\x1b]0;owned\x07\u{202e}aspirin\u{9b}31m\u{200b}\n?\n\x1b[201~");
    // The parsed screen leaves U+FFFD out, so the draft below tells what stands before 31m.
    let whole_line = |row: &String| row.contains("What is ␛[2J␛]0;owned␇aspirin") && row.contains(" ?");
    let others = |rows: &Rows| rows.0.iter().filter(|row| !row.contains('┃')).cloned().collect::<Vec<_>>();
    lab.wait("all of the paste on one line, and nothing else changed", |rows| {
        rows.0.iter().any(whole_line) && others(rows) == others(&before)
    });
    lab.keys("\x03");
    let (code, output) = lab.end();
    assert_eq!(code, 0);
    for harm in ["\x1b]0;", "\u{202e}", "\u{9b}", "\u{200b}"] {
        assert!(!output.contains(harm), "{harm:?} reached the terminal");
    }
    let draft: Value = serde_json::from_str(&read(&data.path().join("draft.json"))).expect("a draft");
    assert_eq!(draft["question"], "What is ␛[2J␛]0;owned␇aspirin\u{fffd}31m ?");
    assert!(files(&data.path().join("trials")).is_empty(), "a line break in a paste asks nothing");
}

#[test]
fn the_screen_is_whole_in_every_size() {
    let data = folder();
    let mut lab = Lab::open(data.path());
    ask(&mut lab, QUESTION);
    let large = lab.wait("the answers on a whole screen", |rows| rows.show(ANSWERED) && whole(rows, LARGE));
    lab.resize((80, 24));
    lab.wait("a whole screen of 80x24", |rows| rows.show(ANSWERED) && whole(rows, (80, 24)));
    lab.resize((20, 5));
    lab.wait("only the size that is needed", |rows| {
        rows.0[0] == "juxta needs 40×12" && rows.0[1..].iter().all(String::is_empty)
    });
    lab.resize((80, 24));
    lab.wait("a whole screen of 80x24", |rows| rows.show(ANSWERED) && whole(rows, (80, 24)));
    lab.resize(LARGE);
    // The foot may meanwhile have come to say what share of memory's speed that was.
    let told = large.0.len() - 2;
    lab.wait("the screen as it was", |rows| {
        rows.0.len() == large.0.len() && (0..large.0.len()).all(|n| n == told || rows.0[n] == large.0[n])
    });
    lab.keys("q");
    assert_eq!(lab.end().0, 0);
}

#[test]
fn a_judgment_no_disk_takes_stays_on_the_screen_and_is_printed_at_the_end() {
    let data = folder();
    fill_journal(data.path());
    let mut lab = Lab::start(with_full_journal(data.path()));
    ask(&mut lab, QUESTION);
    lab.wait_for(ANSWERED);
    lab.keys("r5432b");
    lab.wait_for("NOT SAVED YET, still trying");
    lab.wait_for("Your judgment is not saved yet: ");
    lab.keys("q");
    lab.wait_for("One judgment is not on the disk.");
    lab.keys("n");
    lab.wait("the ratings again, not saved yet", |rows| {
        !rows.show("One judgment is not on the disk.") && rows.show("● b B") && rows.show("NOT SAVED YET")
    });
    lab.keys("q");
    lab.wait_for("One judgment is not on the disk.");
    lab.keys("y");
    let (code, output) = lab.end();
    assert_eq!(code, 0, "{output}");
    let given_back = output.rsplit("\x1b[?1049l").next().expect("the screen is given back before the end");
    let [judgment] = &lines_of_json(given_back)[..] else { panic!("not one judgment: {given_back}") };
    assert_eq!(degrees(judgment), [5, 4, 3, 2]);
    assert_eq!(judgment["verdict"], "b");
    assert!(given_back.contains("juxta paths"), "where to put it is said: {given_back}");
    assert_eq!(read(&journal(data.path())).trim(), "", "no half record was left");
}

#[test]
fn a_judgment_is_saved_as_soon_as_the_disk_takes_it_again() {
    let data = folder();
    fill_journal(data.path());
    let mut lab = Lab::start(with_full_journal(data.path()));
    ask(&mut lab, QUESTION);
    lab.wait_for(ANSWERED);
    lab.keys("r5432x");
    lab.wait_for("NOT SAVED YET, still trying");
    fs::File::options().write(true).open(journal(data.path())).and_then(|f| f.set_len(0)).expect("emptied");
    lab.wait("saved, and no word of its not being so", |rows| {
        rows.show(SAVED) && !rows.show("not saved yet") && !rows.show("NOT SAVED YET")
    });
    lab.keys("q");
    assert_eq!(lab.end().0, 0);
    assert_eq!(lines_of_json(&read(&journal(data.path()))).len(), 1);
}

#[test]
fn a_training_is_watched_left_gone_on_with_stopped_and_put_to_work() {
    let data = tempfile::tempdir().expect("a folder");
    tiny_corpus(data.path());
    let part = data.path().join("models/reader-tiny-2-seed1.part/checkpoint.safetensors");

    let mut lab = Lab::start(on_tiny_corpus(data.path()));
    start_tiny_training(&mut lab);
    lab.wait("a curve of some steps", |rows| step_of(rows) >= Some(2) && has_curve(rows));
    lab.keys(ESC);
    lab.wait("the lab with a sign of the training", |rows| {
        rows.0[0].contains(" training ") && rows.show(" to search.") && !rows.show("smoothed")
    });
    lab.keys("q");
    let (code, output) = lab.end();
    assert_eq!(code, 0, "{output}");
    let said = output.rsplit("\x1b[?1049l").next().expect("the screen is given back before the end");
    assert!(said.contains("of 20 steps, which are kept") && said.contains("--epochs 20"), "{said}");
    assert!(part.is_file(), "its state is kept");

    let mut lab = Lab::start(on_tiny_corpus(data.path()));
    start_tiny_training(&mut lab);
    lab.wait("the earlier part of the curve and what comes after it", |rows| {
        step_of(rows) >= Some(4) && has_curve(rows) && rows.show("┊ went on")
    });
    lab.keys("x");
    lab.wait_for("Stopped after");
    lab.keys("g");
    lab.wait("half of it", |rows| step_of(rows) >= Some(12));
    lab.wait("all of it", |rows| rows.show(" done ┓") && rows.show("is made from 2 examples"));
    lab.keys("\r");
    lab.wait_for("A is reader, B is reader-tiny-2-seed1.");
    lab.keys("m\r");
    lab.wait("the new model in the list", |rows| {
        rows.show("▸ reader-tiny-2-seed1") && rows.show("2 examples of tiny")
    });
    lab.keys("q");
    let (code, output) = lab.end();
    assert_eq!(code, 0, "{output}");
    let said = output.rsplit("\x1b[?1049l").next().expect("the screen is given back before the end");
    assert!(!said.contains("juxta:"), "nothing is left to go on with: {said}");
    assert!(!part.exists());
}

/// A corpus of two training questions.
fn tiny_corpus(data: &Path) {
    let corpus = data.join("corpora/tiny");
    fs::create_dir_all(corpus.join("documents")).expect("made");
    let write = |name: &str, text: &str| fs::write(corpus.join(name), text).expect("written");
    write(
        "corpus.toml",
        "id = \"tiny\"\ntitle = \"Tiny\"\ndomain = \"tests\"\ndescription = \"Two sentences.\"\nlanguage = \"en\"\n\
         licence = \"CC0-1.0\"\nsource = \"Written for a test.\"\n",
    );
    write("documents/aspirin.md", "# Aspirin\n\nAspirin lowers fever. Aspirin thins the blood.\n");
    let question = |id: &str, question: &str, answer: &str| {
        serde_json::json!({
            "id": id, "split": "train", "kind": "fact", "question": question, "answer": answer,
            "key_points": [answer], "gold": [{"document": "aspirin", "quote": answer}],
        })
        .to_string()
    };
    let questions = [
        question("t1", "What does aspirin lower?", "Aspirin lowers fever."),
        question("t2", "What does aspirin thin?", "Aspirin thins the blood."),
    ];
    write("questions.jsonl", &(questions.join("\n") + "\n"));
}

fn on_tiny_corpus(data: &Path) -> CommandBuilder {
    let mut command = CommandBuilder::new(program());
    command.arg("--data-dir");
    command.arg(data);
    command.args(["--pair", PAIR, "--corpus", "tiny"]);
    environment(&mut command);
    command
}

/// Fills in the form by its keys: 2 examples, as the corpus has no more, 20 times.
fn start_tiny_training(lab: &mut Lab) {
    lab.wait_for(TYPING);
    lab.keys(ESC);
    lab.wait_for("r rate ");
    lab.keys("mf");
    lab.wait_for("2 training questions");
    lab.keys("\t20");
    lab.wait_for("reader-tiny-2-seed1 (20 steps)");
    lab.keys(ENTER);
}

/// How many steps of a training the screen shows as done.
fn step_of(rows: &Rows) -> Option<usize> {
    let row = rows.0.iter().find(|row| row.contains(" %  step "))?;
    row.split(" %  step ").nth(1)?.split(' ').next()?.parse().ok()
}

/// Whether there is a line of Braille.
fn has_curve(rows: &Rows) -> bool {
    rows.0
        .iter()
        .any(|row| row.contains(['│', '┤']) && row.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)))
}

/// A data folder with the corpus already indexed, so that a test waits for what it is about.
fn folder() -> TempDir {
    let data = tempfile::tempdir().expect("a folder");
    let (code, _, errors) = headless(data.path(), &["search", "aspirin", "--corpus", CORPUS]);
    assert_eq!(code, 0, "{errors}");
    data
}

fn settings(data: &Path, text: &str) {
    fs::write(data.join("settings.toml"), text).expect("written");
}

fn journal(data: &Path) -> PathBuf {
    data.join("journals").join(format!("{ANNOTATOR}.jsonl"))
}

/// The longest file the lab of [`with_full_journal`] may write, in blocks of 512 bytes: room for every other file.
const BLOCKS: usize = 2048;

/// A journal of blank lines as long as a file may become.
fn fill_journal(data: &Path) {
    let journal = journal(data);
    fs::create_dir_all(journal.parent().expect("it lies in a folder")).expect("made");
    fs::write(journal, "\n".repeat(BLOCKS * 512)).expect("written");
}

/// The lab where no file may become longer than the journal is: this binds every user, and leaves the rest of the
/// disk alone.
fn with_full_journal(data: &Path) -> CommandBuilder {
    let mut limited = CommandBuilder::new("sh");
    limited.arg("-c");
    limited.arg(format!("trap '' XFSZ; ulimit -f {BLOCKS} && exec \"$0\" \"$@\""));
    limited.args(command(data).get_argv());
    environment(&mut limited);
    limited
}

fn ask(lab: &mut Lab, question: &str) {
    lab.wait_for(TYPING);
    lab.keys(question);
    lab.wait_for(question);
    lab.keys(ENTER);
}

/// Whether the ratings show what was begun: 4 and 2 for A with a tag, nothing for B.
fn begun(rows: &Rows) -> bool {
    let words = |row: &String| row.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    rows.0.iter().map(words).any(|row| row.contains("A 4 2 wrong fact"))
        && rows.0.iter().map(words).any(|row| row.contains("B · · –"))
}

/// Whether a screen has a head, every corner of every panel, and a foot, with nothing cut off or left over.
fn whole(rows: &Rows, (columns, height): (u16, u16)) -> bool {
    let count = |corners: [char; 2]| {
        rows.0.iter().flat_map(|row| row.chars()).filter(|c| corners.contains(c)).count()
    };
    let corners = [['┌', '┏'], ['┐', '┓'], ['└', '┗'], ['┘', '┛']].map(count);
    rows.0.len() == usize::from(height)
        && rows.0[0].starts_with(" juxta ")
        && rows.0.last().is_some_and(|row| row.contains("? help"))
        && corners == [4; 4]
        && rows.0[1..rows.0.len() - 2].iter().all(|row| {
            row.chars().count() == usize::from(columns)
                && row.starts_with(['┌', '┏', '│', '┃', '└', '┗'])
                && row.ends_with(['┐', '┓', '│', '┃', '┘', '┛', '▲', '▼'])
        })
}

/// Accuracy and completeness of A, then of B.
fn degrees(judgment: &Value) -> [u64; 4] {
    let degree = |side: usize, name: &str| judgment["ratings"][side][name].as_u64().unwrap_or(0);
    [degree(0, "accuracy"), degree(0, "completeness"), degree(1, "accuracy"), degree(1, "completeness")]
}

/// The lines of a text that are JSON objects.
fn lines_of_json(text: &str) -> Vec<Value> {
    let objects = text.lines().filter(|line| line.trim_start().starts_with('{'));
    objects.map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every file below a folder; none if it is not there.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
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
