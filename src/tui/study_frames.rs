//! Studies in the lab: what each key and each message does to one, and whole frames as snapshots.

use super::app::{App, Asked, Counts, Effect, Made, Message, Over, Panel, Stage, Studying};
use super::frames::{SIZES, app, done, press, printed, ready, snapshot};
use super::picture::frame;
use super::theme::Theme;
use crate::corpus::Split;
use crate::fault::Fault;
use crate::generate::{Kind, TrainedOn};
use crate::job::Progress;
use crate::lab::{Failed, Generated, Generating, Planning};
use crate::retrieve::Ranking;
use crate::study::{Plan, Rubric, Study};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::path::PathBuf;

const RIVALS: [&str; 3] = ["reader-biomedicine-200", "reader-biomedicine-500", "reader-biomedicine-1000"];

fn key(app: &mut App, code: KeyCode) -> Vec<Effect> {
    app.update(Message::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

/// A lab with three models fine-tuned from its base, one from another, and a second corpus.
fn lab() -> App {
    stocked(app())
}

fn stocked(mut app: App) -> App {
    ready(&mut app);
    let tuned = app.models.remove(1);
    let named = |name: &str, base: &str| {
        let mut model = tuned.clone();
        model.name = name.into();
        model.kind = Kind::Adapter { base: base.into() };
        model
    };
    app.models.extend(RIVALS.map(|name| named(name, "reader")));
    app.models.push(named("tiny-tuned", "tiny"));
    let mut other = app.corpus.clone();
    other.manifest.id = "physics".into();
    app.corpora.push(other);
    app
}

/// The form, with the questions of both corpora counted and its folder free.
fn opened(mut app: App) -> App {
    let typing = app.focus == Panel::Question;
    press(&mut app, if typing { "\u{1b}S" } else { "S" });
    count(&mut app, "biomedicine", 100);
    app.update(Message::FolderFree("biomedicine-study".into(), "biomedicine-study".into()));
    app
}

fn form() -> App {
    opened(lab())
}

fn count(app: &mut App, corpus: &str, test: usize) -> Vec<Effect> {
    app.update(Message::Counted(corpus.into(), Ok(Counts { train: 1020, dev: 50, test })))
}

fn go_to(app: &mut App, line: Asked) {
    while app.plan.as_ref().is_some_and(|form| form.sheet.at != line) {
        key(app, KeyCode::Down);
    }
}

/// Empties a line and types a value into it.
fn fill(app: &mut App, line: Asked, text: &str) {
    go_to(app, line);
    for _ in 0..40 {
        key(app, KeyCode::Backspace);
    }
    press(app, text);
}

fn value(app: &App, line: Asked) -> String {
    app.plan.as_ref().expect("open").value(line)
}

fn planned(effects: &[Effect]) -> Option<(PathBuf, Planning)> {
    effects.iter().find_map(|e| match e {
        Effect::Plan(dir, planning) => Some((dir.clone(), (**planning).clone())),
        _ => None,
    })
}

fn made() -> Made {
    Made {
        dir: "biomedicine-study".into(),
        title: "reader against reader-biomedicine-1000 on biomedicine".into(),
        questions: 50,
        planned: 150,
        items: 0,
        answers: 200,
        annotators: vec!["ada".into(), "bob".into()],
        commitment: None,
    }
}

/// The study as its folder was made.
fn study(mut app: App) -> App {
    key(&mut app, KeyCode::Enter);
    app.update(Message::Planned(Ok(Box::new(made()))));
    app
}

fn answering(app: &mut App, done: u64, failed: usize) {
    let doing = "answering as reader-biomedicine-200 · 2:10 min left".into();
    let progress = Progress { doing, done, total: 200 };
    app.update(Message::Generating(Generating::Answering { progress, failed }));
}

fn generating() -> App {
    let mut app = study(form());
    press(&mut app, "g");
    answering(&mut app, 68, 2);
    app
}

/// What generating came to: a study of one item, with so many items and these failures.
fn generated(items: usize, failed: Vec<Failed>) -> Box<Generated> {
    let folder = tempfile::tempdir().expect("a folder");
    let text = crate::sample::plan(&["ada", "bob"]).text();
    let plan = Plan::parse(&text, "study.toml").expect("sound");
    let rubric = Rubric::of(&crate::config::Settings::defaults().expect("sound").rubric);
    let study = Study::create(&folder.path().join("s"), &plan, &rubric, "ada").expect("made");
    let planned = Made::of(&study, 0).planned;
    Box::new(Generated { study, answers: 1, items: items.min(planned), planned, failed })
}

fn stage(app: &App) -> Option<&Stage> {
    app.study.as_ref().map(|s| &s.stage)
}

fn text(app: &mut App) -> String {
    printed(&frame(app, Theme::new(true), 120, 40))
}

fn begins(effects: &[Effect]) -> bool {
    effects.iter().any(|e| matches!(e, Effect::Generate(_)))
}

#[test]
fn the_form_is_filled_in_so_that_enter_makes_a_study() {
    let mut app = form();
    let (dir, planning) = planned(&key(&mut app, KeyCode::Enter)).expect("made");
    assert_eq!(dir, PathBuf::from("biomedicine-study"));
    assert_eq!(
        planning,
        Planning {
            title: None,
            corpora: vec!["biomedicine".into()],
            split: Split::Test,
            questions: 50,
            baseline: "reader".into(),
            against: RIVALS.map(str::to_owned).to_vec(),
            annotators: vec!["ada".into()],
            overlap: 0.3,
            repeat: 0.1,
            seed: 7,
            k: Some(3),
            ranking: Some(Ranking::Plain),
        }
    );
    assert!(text(&mut app).contains("making the folder"));
    assert!(planned(&key(&mut app, KeyCode::Char('x'))).is_none());
}

#[test]
fn a_study_takes_the_passages_that_the_lab_shows_and_says_so() {
    let mut app = lab();
    press(&mut app, "\u{1b}w+");
    ready(&mut app);
    let mut app = opened(app);
    assert!(text(&mut app).contains("Each question gets 4 passages, ranked proximity: as in the lab"));
    let (_, planning) = planned(&key(&mut app, KeyCode::Enter)).expect("made");
    assert_eq!((planning.k, planning.ranking), (Some(4), Some(Ranking::Proximity)));
    // A form that was left is opened again as the lab stands then.
    let mut app = opened(lab());
    press(&mut app, "\u{1b}-ww");
    let mut app = opened(app);
    let (_, planning) = planned(&key(&mut app, KeyCode::Enter)).expect("made");
    assert_eq!((planning.k, planning.ranking), (Some(2), Some(Ranking::Feedback)));
}

#[test]
fn what_was_filled_in_is_what_is_planned() {
    let mut app = form();
    fill(&mut app, Asked::Folder, "~/my studies/one");
    fill(&mut app, Asked::Title, "Does it help?");
    go_to(&mut app, Asked::Corpora);
    key(&mut app, KeyCode::Right);
    let effects = key(&mut app, KeyCode::Char(' '));
    assert!(effects.iter().any(|e| matches!(e, Effect::Count(entry) if entry.manifest.id == "physics")));
    count(&mut app, "physics", 60);
    go_to(&mut app, Asked::Split);
    key(&mut app, KeyCode::Right);
    fill(&mut app, Asked::Questions, "12");
    go_to(&mut app, Asked::Against);
    key(&mut app, KeyCode::Char(' '));
    // What was not tuned from it is offered last, and not set.
    for _ in RIVALS {
        key(&mut app, KeyCode::Right);
    }
    key(&mut app, KeyCode::Char(' '));
    fill(&mut app, Asked::Annotators, "ada, bob");
    fill(&mut app, Asked::Overlap, "1");
    fill(&mut app, Asked::Repeat, "0");
    fill(&mut app, Asked::Seed, "3");
    let (dir, planning) = planned(&key(&mut app, KeyCode::Enter)).expect("made");
    assert_eq!(dir, PathBuf::from("~/my studies/one"));
    assert_eq!(
        super::app::at_home(&dir, Some("/home/ada".into())),
        PathBuf::from("/home/ada/my studies/one")
    );
    assert_eq!(planning.title.as_deref(), Some("Does it help?"));
    assert_eq!(planning.corpora, ["biomedicine", "physics"]);
    assert_eq!((planning.split, planning.questions, planning.seed), (Split::Dev, 12, 3));
    assert_eq!(planning.against, [&RIVALS[1..], &["tiny-tuned"]].concat());
    assert_eq!(planning.annotators, ["ada", "bob"]);
    assert_eq!((planning.overlap.to_bits(), planning.repeat.to_bits()), (1f64.to_bits(), 0f64.to_bits()));
}

#[test]
fn all_can_be_removed_and_set_with_one_letter() {
    let mut app = form();
    go_to(&mut app, Asked::Against);
    press(&mut app, "a");
    assert!(value(&app, Asked::Against).starts_with("4 of 4: "));
    press(&mut app, "a");
    assert_eq!(value(&app, Asked::Against), "0 of 4");
}

#[test]
fn another_baseline_is_compared_with_what_was_made_of_it_and_one_without_with_whoever_is_chosen() {
    let mut app = form();
    go_to(&mut app, Asked::Baseline);
    key(&mut app, KeyCode::Right);
    assert_eq!(value(&app, Asked::Baseline), RIVALS[0]);
    assert_eq!(value(&app, Asked::Against), "0 of 4");
    key(&mut app, KeyCode::Left);
    assert!(value(&app, Asked::Against).starts_with("3 of 4: "));
}

#[test]
fn those_that_were_fine_tuned_on_the_corpora_are_proposed_until_others_are_chosen() {
    let mut app = stocked(app());
    for (name, corpus) in RIVALS.into_iter().zip(["biomedicine", "physics", "chemistry"]) {
        let model = app.models.iter_mut().find(|m| m.name == name).expect("one of them");
        model.trained_on = Some(TrainedOn { corpus: corpus.into(), examples: 200 });
    }
    let mut app = opened(app);
    assert_eq!(value(&app, Asked::Against), format!("1 of 4: {}", RIVALS[0]));
    go_to(&mut app, Asked::Corpora);
    key(&mut app, KeyCode::Right);
    key(&mut app, KeyCode::Char(' '));
    assert_eq!(value(&app, Asked::Against), format!("2 of 4: {}, {}", RIVALS[0], RIVALS[1]));
    go_to(&mut app, Asked::Against);
    key(&mut app, KeyCode::Char(' '));
    go_to(&mut app, Asked::Corpora);
    key(&mut app, KeyCode::Char(' '));
    assert_eq!(value(&app, Asked::Against), format!("1 of 4: {}", RIVALS[1]), "what was chosen stays");
}

#[test]
fn what_will_not_do_is_said_at_its_line_and_stays_as_it_was_typed() {
    let wrong = |line: Asked, typed: &str, expected: &str| {
        let mut app = form();
        fill(&mut app, line, typed);
        assert!(planned(&key(&mut app, KeyCode::Enter)).is_none(), "{line:?} {typed}");
        let form = app.plan.as_ref().expect("still open");
        assert_eq!((form.sheet.at, form.value(line).as_str()), (line, typed));
        let said: Vec<&str> = form.sheet.wrong.iter().map(|(_, why)| why.as_str()).collect();
        assert!(said.join(" ").contains(expected), "{line:?} {typed}: {said:?}");
        assert!(text(&mut app).contains("✗"), "{line:?} {typed}");
    };
    wrong(Asked::Folder, "", "path of a new folder");
    wrong(Asked::Questions, "many", "whole number");
    wrong(Asked::Questions, "0", "from 1");
    wrong(Asked::Questions, "101", "100 questions in the split test");
    wrong(Asked::Annotators, "0", "1 to 100 places");
    wrong(Asked::Annotators, "a/b", "letters");
    wrong(Asked::Overlap, "30", "from 0 to 1");
    wrong(Asked::Repeat, "NaN", "from 0 to 1");
    wrong(Asked::Seed, "-1", "whole number");
    let mut app = form();
    go_to(&mut app, Asked::Against);
    press(&mut app, "aa");
    assert!(planned(&key(&mut app, KeyCode::Enter)).is_none());
    assert!(text(&mut app).contains("✗ Set one or more"));
}

#[test]
fn what_the_lab_finds_wrong_stands_under_its_line() {
    let refused = |place: &str, line: Asked| {
        let mut app = form();
        key(&mut app, KeyCode::Enter);
        app.update(Message::Planned(Err(Fault::new(place, "x").expected("y").next("Z."))));
        let form = app.plan.as_ref().expect("nothing is lost");
        assert_eq!(form.sheet.wrong, [(line, format!("{place}: found x; expected y. Z."))]);
        assert!(matches!(app.over, Over::Plan) && !form.sheet.waiting);
    };
    refused("s/study.toml, annotators", Asked::Annotators);
    refused("s/study.toml, overlap", Asked::Overlap);
    refused("corpus physics", Asked::Questions);
    refused("/no/such/place", Asked::Folder);
}

#[test]
fn enter_before_the_questions_are_counted_makes_the_study_when_they_are() {
    let mut app = lab();
    press(&mut app, "\u{1b}S");
    assert!(planned(&key(&mut app, KeyCode::Enter)).is_none());
    assert!(planned(&count(&mut app, "biomedicine", 100)).is_some());
}

#[test]
fn of_few_questions_no_more_are_offered() {
    let mut app = lab();
    press(&mut app, "\u{1b}S");
    count(&mut app, "biomedicine", 34);
    assert_eq!(value(&app, Asked::Questions), "30");
}

#[test]
fn a_folder_that_is_taken_is_not_proposed_and_one_that_was_typed_stays() {
    let mut app = form();
    app.update(Message::FolderFree("biomedicine-study".into(), "biomedicine-study-2".into()));
    assert_eq!(value(&app, Asked::Folder), "biomedicine-study-2");
    fill(&mut app, Asked::Folder, "mine");
    app.update(Message::FolderFree("biomedicine-study".into(), "biomedicine-study-3".into()));
    assert_eq!(value(&app, Asked::Folder), "mine");
}

#[test]
fn a_study_that_is_there_is_opened_only_by_a_second_enter() {
    let mut app = form();
    key(&mut app, KeyCode::Enter);
    let found = Made { items: 40, commitment: Some("0123".into()), ..made() };
    app.update(Message::StudyThere(Box::new(found.clone())));
    assert!(text(&mut app).contains("This is a study already"));
    // Another folder is another study.
    fill(&mut app, Asked::Folder, "another");
    assert_eq!(planned(&key(&mut app, KeyCode::Enter)).map(|p| p.0), Some("another".into()));
    app.update(Message::StudyThere(Box::new(found)));
    assert!(key(&mut app, KeyCode::Enter).is_empty());
    assert_eq!(stage(&app), Some(&Stage::Stopped));
    assert!(begins(&key(&mut app, KeyCode::Char('g'))));
}

#[test]
fn a_study_is_generated_watched_left_and_told_to_be_ready() {
    let mut app = study(form());
    assert!(matches!(app.over, Over::Study));
    assert_eq!(stage(&app), Some(&Stage::Planned));
    assert!(begins(&key(&mut app, KeyCode::Char('g'))));
    answering(&mut app, 68, 0);
    key(&mut app, KeyCode::Esc);
    press(&mut app, "iWhy?");
    assert!(key(&mut app, KeyCode::Enter).iter().any(|e| matches!(e, Effect::Ask(_))), "asking goes on");
    answering(&mut app, 102, 2);
    assert!(text(&mut app).contains("generating 50 %"));
    app.update(Message::GeneratingEnded(Ok(Some(generated(usize::MAX, vec![])))));
    assert!(text(&mut app).contains("study generated: S shows it"));
    key(&mut app, KeyCode::Esc);
    key(&mut app, KeyCode::Esc);
    press(&mut app, "S");
    let shown = text(&mut app);
    assert!(shown.contains("ready for review") && shown.contains("juxta review "), "{shown}");
    assert!(!shown.contains("study generated: S"), "{shown}");
    assert!(!begins(&key(&mut app, KeyCode::Char('g'))), "there is nothing to generate");
}

#[test]
fn stopped_it_goes_on_where_it_was() {
    let mut app = generating();
    let stops = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::StopGenerating));
    assert!(stops(&key(&mut app, KeyCode::Char('x'))));
    answering(&mut app, 69, 2);
    assert_eq!(stage(&app), Some(&Stage::Stopping), "what comes in between changes nothing");
    app.update(Message::GeneratingEnded(Ok(None)));
    assert_eq!(stage(&app), Some(&Stage::Stopped));
    assert!(!stops(&key(&mut app, KeyCode::Char('x'))));
    assert!(begins(&key(&mut app, KeyCode::Char('g'))));
    assert!(!begins(&key(&mut app, KeyCode::Char('g'))), "not twice");
    assert!(app.notice.as_ref().is_some_and(|n| n.contains("One job at a time")));
}

#[test]
fn answers_that_failed_are_told_once_a_reason_and_tried_again() {
    let mut app = generating();
    let failed = |question: &str| Failed {
        contender: "tuned".into(),
        corpus: "biomedicine".into(),
        question: question.into(),
        why: "the prompt is too long".into(),
    };
    app.update(Message::GeneratingEnded(Ok(Some(generated(0, vec![failed("q1"), failed("q2")])))));
    let shown = text(&mut app);
    assert!(shown.contains("2 answers of tuned: the prompt is too long"), "{shown}");
    assert!(shown.contains("answers missing"), "{shown}");
    assert!(begins(&key(&mut app, KeyCode::Char('g'))));
}

#[test]
fn a_fault_is_shown_whole_and_can_be_tried_again() {
    let mut app = generating();
    let fault = Fault::new("/data/models/mine", "another model than before")
        .expected("the mine that the study was frozen with (digest 0123456789abcdef)")
        .next("Put back the model that was, or begin another study.");
    app.update(Message::GeneratingEnded(Err(fault.clone())));
    for (columns, rows) in [SIZES[0], SIZES[1], (40, 14)] {
        let text = printed(&frame(&mut app, Theme::new(true), columns, rows));
        let words = text.replace(['┃', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&fault.to_string()), "{text}");
    }
    assert!(begins(&key(&mut app, KeyCode::Char('g'))));
}

#[test]
fn a_training_and_a_study_are_not_done_at_a_time() {
    let mut app = generating();
    key(&mut app, KeyCode::Esc);
    press(&mut app, "f");
    count(&mut app, "biomedicine", 100);
    let effects = key(&mut app, KeyCode::Enter);
    assert!(!effects.iter().any(|e| matches!(e, Effect::Tune(_))));
    assert!(app.notice.as_ref().is_some_and(|n| n.contains("a study is being generated")));
    // And the other way round.
    let mut app = lab();
    press(&mut app, "\u{1b}f");
    count(&mut app, "biomedicine", 100);
    assert!(key(&mut app, KeyCode::Enter).iter().any(|e| matches!(e, Effect::Tune(_))));
    key(&mut app, KeyCode::Esc);
    press(&mut app, "S");
    let mut app = study(app);
    assert!(!begins(&key(&mut app, KeyCode::Char('g'))));
    assert!(app.notice.as_ref().is_some_and(|n| n.contains("a training is running")));
    assert_eq!(stage(&app), Some(&Stage::Planned));
}

#[test]
fn another_study_is_planned_when_this_one_is_done_with_and_not_before() {
    let mut app = generating();
    press(&mut app, "S");
    assert!(matches!(app.over, Over::Study));
    app.update(Message::GeneratingEnded(Ok(None)));
    press(&mut app, "S");
    assert!(matches!(app.over, Over::Plan));
    // Its first key does not undo what the other one left.
    assert_eq!(app.study.as_ref().map(Studying::is_active), Some(false));
}

#[test]
fn quitting_says_how_to_go_on_with_what_is_not_finished() {
    let said = |app: &App| app.study_farewell(" --data-dir 'my data'");
    let command = "juxta --data-dir 'my data' study generate biomedicine-study";
    let planned = said(&study(form())).expect("something to say");
    assert!(planned.contains("is planned") && planned.ends_with(command), "{planned}");
    let mut app = generating();
    assert!(matches!(key(&mut app, KeyCode::Char('q')).last(), Some(Effect::Quit)));
    app.update(Message::GeneratingEnded(Ok(None)));
    let stopped = said(&app).expect("something to say");
    assert!(stopped.contains("66 of 200 answers") && stopped.ends_with(command), "{stopped}");
    app.update(Message::GeneratingEnded(Ok(Some(generated(usize::MAX, vec![])))));
    assert_eq!(said(&app), None);
    assert_eq!(said(&done()), None);
}

#[test]
fn the_form_over_a_lab_with_answers() {
    let mut app = opened(stocked(done()));
    snapshot("study_form", &mut app);
    go_to(&mut app, Asked::Against);
    key(&mut app, KeyCode::Right);
    key(&mut app, KeyCode::Char(' '));
    snapshot("study_form_several", &mut app);
    fill(&mut app, Asked::Overlap, "most");
    fill(&mut app, Asked::Questions, "500");
    key(&mut app, KeyCode::Enter);
    snapshot("study_form_wrong", &mut app);
}

#[test]
fn the_study_is_made() {
    snapshot("study_made", &mut study(form()));
}

#[test]
fn the_study_is_prepared_and_generated_and_stopped() {
    let mut app = study(form());
    press(&mut app, "g");
    let progress = Progress { doing: "indexing Biomedicine".into(), done: 21, total: 60 };
    app.update(Message::Generating(Generating::Preparing(progress)));
    snapshot("study_preparing", &mut app);
    answering(&mut app, 68, 2);
    snapshot("study_generating", &mut app);
    key(&mut app, KeyCode::Char('x'));
    app.update(Message::GeneratingEnded(Ok(None)));
    snapshot("study_stopped", &mut app);
}

#[test]
fn the_study_is_whole() {
    let mut app = form();
    key(&mut app, KeyCode::Enter);
    let digest = "5f0c3e8f7d2b4a69".repeat(4);
    app.update(Message::StudyThere(Box::new(Made { items: 150, commitment: Some(digest), ..made() })));
    key(&mut app, KeyCode::Enter);
    snapshot("study_whole", &mut app);
}

#[test]
fn no_size_breaks_the_form_or_the_study() {
    let mut failed = generating();
    failed.update(Message::GeneratingEnded(Err(Fault::new("x".repeat(300), "y".repeat(3000)))));
    let mut wrong = form();
    fill(&mut wrong, Asked::Folder, &"東京/".repeat(120));
    fill(&mut wrong, Asked::Questions, "many");
    key(&mut wrong, KeyCode::Enter);
    go_to(&mut wrong, Asked::Folder);
    let ended = Message::GeneratingEnded(Ok(None));
    let mut stopped = generating();
    stopped.update(ended);
    for app in [&mut form(), &mut wrong, &mut study(form()), &mut generating(), &mut stopped, &mut failed] {
        for (columns, rows) in [(1, 1), (40, 12), (41, 13), (79, 23), (300, 100)] {
            frame(app, Theme::new(true), columns, rows);
        }
    }
}
