//! Fine-tuning in the lab: what each key and each message does to it, and whole frames as snapshots.

use super::app::{App, Counts, Effect, Line, Message, Over, Phase};
use super::frames::{SIZES, app, asked, done, press, printed, ready, snapshot};
use super::picture::frame;
use super::theme::Theme;
use crate::fault::Fault;
use crate::generate::{Contender, Kind, TrainedOn};
use crate::job::Progress;
use crate::lab::{HeldOut, Outcome, Recipe, Status, Tuned, Tuning};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};

const MADE: &str = "reader-biomedicine-500-seed1";

fn key(app: &mut App, code: KeyCode) -> Vec<Effect> {
    app.update(Message::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

/// The form, opened from the models, with its training questions counted.
fn form() -> App {
    let mut app = app();
    ready(&mut app);
    press(&mut app, "\u{1b}mf");
    app.update(Message::Counted("biomedicine".into(), Ok(train(1020))));
    app
}

fn train(train: usize) -> Counts {
    Counts { train, ..Counts::default() }
}

/// Empties the line the form is at and types a value into it.
fn fill(app: &mut App, text: &str) {
    for _ in 0..20 {
        key(app, KeyCode::Backspace);
    }
    press(app, text);
}

fn tunings(effects: &[Effect]) -> Vec<Tuning> {
    let started = |e: &Effect| match e {
        Effect::Tune(tunings) => Some(tunings.clone()),
        _ => None,
    };
    effects.iter().find_map(started).unwrap_or_default()
}

/// Noise that is the same in every run.
fn loss(step: usize) -> f32 {
    let x = step as f32;
    1.6 + 2.2 * (-x / 45.0).exp() + 0.35 * ((x * 12.9898).sin() * 43758.547).fract()
}

fn step(app: &mut App, step: usize, steps: usize) {
    app.update(Message::Tuning(Status::Step {
        step,
        steps,
        loss: loss(step),
        rate: 9.13e-4,
        tokens_per_second: 1234.5,
        seconds_left: (steps - step) as f64,
    }));
}

fn began(app: &mut App, steps: usize, before: usize) {
    let losses = (1..=before).map(loss).collect();
    app.update(Message::Tuning(Status::Begun { steps, losses, held_out: Some(2.561) }));
}

/// A training that has done so many of its 189 steps.
fn running(done: usize) -> App {
    let mut app = form();
    press(&mut app, "\n");
    began(&mut app, 189, 0);
    (1..=done).for_each(|n| step(&mut app, n, 189));
    app
}

fn tuned(name: &str, examples: usize) -> Box<Tuned> {
    let held_out = Some(HeldOut { pairs: 50, before: 2.561, after: 1.683 });
    let outcome = Outcome {
        spaced: true,
        steps: 189,
        losses: vec![2.0; 189],
        held_out,
        examples,
        skipped: vec![],
        tokens: 1,
        seconds: 1.0,
    };
    Box::new(Tuned { name: name.into(), folder: name.into(), outcome })
}

/// The models there are once one of this name is made.
fn models(app: &App, name: &str, examples: usize) -> Vec<Contender> {
    let mut new = app.pair.tuned.clone();
    new.name = name.into();
    new.kind = Kind::Adapter { base: "reader".into() };
    new.trained_on = Some(TrainedOn { corpus: "biomedicine".into(), examples });
    app.models.iter().cloned().chain([new]).collect()
}

fn make(app: &mut App, name: &str, examples: usize) {
    let models = models(app, name, examples);
    app.update(Message::TuningMade(tuned(name, examples), models));
}

fn made() -> App {
    let mut app = running(189);
    make(&mut app, MADE, 500);
    app.update(Message::TuningEnded(Ok(true)));
    app
}

fn phase(app: &App) -> Option<&Phase> {
    app.training.as_ref().map(|t| &t.phase)
}

fn losses(app: &App) -> usize {
    app.training.as_ref().map_or(0, |t| t.losses.len())
}

fn text(app: &mut App) -> String {
    printed(&frame(app, Theme::new(true), 120, 40))
}

#[test]
fn the_form_is_filled_in_so_that_enter_starts() {
    let mut app = form();
    let started = tunings(&key(&mut app, KeyCode::Enter));
    let [tuning] = &started[..] else { panic!("{started:?}") };
    assert_eq!((tuning.base.as_str(), tuning.corpus.as_deref()), ("reader", Some("biomedicine")));
    assert_eq!((tuning.examples, &tuning.recipe, &tuning.out), (500, &Recipe::default(), &None));
    assert!(matches!(app.over, Over::Training));
}

#[test]
fn the_form_of_an_adapter_has_its_base() {
    let mut app = app();
    press(&mut app, "\u{1b}mjf");
    assert_eq!(app.form.as_ref().map(|f| f.base().name.as_str()), Some("reader"));
    assert_eq!(app.notice, None);
}

#[test]
fn enter_before_the_questions_are_counted_starts_when_they_are() {
    let mut app = app();
    press(&mut app, "\u{1b}mf");
    assert!(tunings(&key(&mut app, KeyCode::Enter)).is_empty());
    assert_eq!(tunings(&app.update(Message::Counted("biomedicine".into(), Ok(train(1020))))).len(), 1);
}

#[test]
fn arrows_go_through_the_sizes_to_the_grid_and_letters_replace_what_nobody_typed() {
    let mut app = form();
    let examples = |app: &App| app.form.as_ref().expect("open").value(super::app::Part::Examples).to_owned();
    key(&mut app, KeyCode::Right);
    assert_eq!(examples(&app), "1000");
    key(&mut app, KeyCode::Right);
    assert_eq!(examples(&app), "200, 500, 1000");
    press(&mut app, "60");
    assert_eq!(examples(&app), "60");
    key(&mut app, KeyCode::Right);
    assert_eq!(examples(&app), "200");
    app.update(Message::Paste("3\u{1b}00\n".into()));
    assert_eq!(examples(&app), "3␛00 ");
}

#[test]
fn what_will_not_do_is_said_at_its_line_and_stays_as_it_was_typed() {
    let mut app = form();
    let mut wrong = |line: &str, value: &str, expected: &str| {
        let mut app_ = std::mem::replace(&mut app, form());
        while app_.form.as_ref().is_some_and(|f| f.sheet.at.title() != line) {
            key(&mut app_, KeyCode::Down);
        }
        fill(&mut app_, value);
        assert!(tunings(&key(&mut app_, KeyCode::Enter)).is_empty(), "{line} {value}");
        let form = app_.form.as_ref().expect("still open");
        assert_eq!((form.sheet.at.title(), form.value(form.sheet.at)), (line, value));
        let said = form.sheet.wrong.iter().map(|(_, why)| why.as_str()).collect::<Vec<_>>().join(" ");
        assert!(said.contains(expected), "{line} {value}: {said}");
        assert!(text(&mut app_).contains("✗"), "{line} {value}");
    };
    wrong("examples", "many", "such as 500");
    wrong("examples", "0", "from 1");
    wrong("examples", "", "from 1");
    wrong("examples", "200, 5000", "1,020 training questions");
    wrong("epochs", "0", "1 to 10000");
    wrong("epochs", "-3", "whole number");
    wrong("learning rate", "fast", "1e-3");
    wrong("learning rate", "NaN", "NaN");
    wrong("learning rate", "7", "0.000000001 to 1");
    wrong("rank", "9999", "1 to 1024");
    wrong("seed", "1.5", "whole number");
}

#[test]
fn a_corpus_with_fewer_questions_is_offered_fewer() {
    let mut app = app();
    press(&mut app, "\u{1b}mf");
    app.update(Message::Counted("biomedicine".into(), Ok(train(340))));
    assert_eq!(tunings(&key(&mut app, KeyCode::Enter))[0].examples, 200);
}

#[test]
fn a_corpus_that_cannot_be_read_is_said_at_its_line() {
    let mut app = app();
    press(&mut app, "\u{1b}mf");
    let fault = Fault::new("corpora/mine/questions.jsonl:3", "no answer").next("Write one.");
    app.update(Message::Counted("biomedicine".into(), Err(fault)));
    assert!(tunings(&key(&mut app, KeyCode::Enter)).is_empty());
    assert!(text(&mut app).contains("questions.jsonl:3: found no answer. Write one."));
}

#[test]
fn a_model_that_is_there_already_is_not_made_again_and_a_grid_makes_the_rest() {
    let mut app = made();
    press(&mut app, "f\n");
    app.update(Message::Counted("biomedicine".into(), Ok(train(1020))));
    assert!(text(&mut app).contains(&format!("{MADE} is there already")));
    while app.form.as_ref().is_some_and(|f| f.sheet.at.title() != "examples") {
        key(&mut app, KeyCode::Down);
    }
    fill(&mut app, "grid");
    let sizes: Vec<usize> = tunings(&key(&mut app, KeyCode::Enter)).iter().map(|t| t.examples).collect();
    assert_eq!(sizes, [200, 1000]);
}

#[test]
fn each_step_lengthens_the_curve_and_the_head_says_how_far_it_is() {
    let mut app = running(64);
    assert_eq!((losses(&app), phase(&app)), (64, Some(&Phase::Steps)));
    assert!(text(&mut app).contains("training 33 %"));
    key(&mut app, KeyCode::Esc);
    press(&mut app, "i");
    step(&mut app, 65, 189);
    let text = text(&mut app);
    assert!(text.contains("training 34 %") && !text.contains("step 65"), "{text}");
}

#[test]
fn asking_goes_on_while_it_trains() {
    let mut app = running(64);
    key(&mut app, KeyCode::Esc);
    press(&mut app, "iWhy?");
    let effects = key(&mut app, KeyCode::Enter);
    assert!(effects.iter().any(|e| matches!(e, Effect::Ask(_))));
    assert_eq!(phase(&app), Some(&Phase::Steps));
}

#[test]
fn a_second_training_is_told_that_there_is_one_and_shown_it() {
    let mut app = running(3);
    key(&mut app, KeyCode::Esc);
    press(&mut app, "mf");
    assert!(matches!(app.over, Over::Training));
    assert!(app.notice.as_ref().is_some_and(|n| n.contains("One job at a time")));
    app.notice = None;
    assert!(tunings(&key(&mut app, KeyCode::Char('g'))).is_empty());
    press(&mut app, "f");
    assert!(app.notice.as_ref().is_some_and(|n| n.contains("One job at a time")));
}

#[test]
fn a_stopped_training_goes_on_with_its_curve() {
    let mut app = running(64);
    assert!(key(&mut app, KeyCode::Char('x')).iter().any(|e| matches!(e, Effect::StopTuning)));
    step(&mut app, 65, 189);
    assert_eq!((losses(&app), phase(&app)), (65, Some(&Phase::Stopping)));
    app.update(Message::TuningEnded(Ok(false)));
    assert_eq!(phase(&app), Some(&Phase::Stopped));
    // The same again by the form, which is as it was.
    press(&mut app, "f");
    app.update(Message::Counted("biomedicine".into(), Ok(train(1020))));
    assert_eq!(tunings(&key(&mut app, KeyCode::Enter)).len(), 1);
    assert_eq!(losses(&app), 65);
    began(&mut app, 189, 65);
    step(&mut app, 66, 189);
    assert_eq!(losses(&app), 66);
    assert_eq!(app.training.as_ref().map(|t| t.went_on.clone()), Some(vec![65]));
    // And by a key, twice.
    key(&mut app, KeyCode::Char('x'));
    app.update(Message::TuningEnded(Ok(false)));
    assert_eq!(tunings(&key(&mut app, KeyCode::Char('g'))).len(), 1);
    began(&mut app, 189, 66);
    assert_eq!(app.training.as_ref().map(|t| t.went_on.clone()), Some(vec![65, 66]));
}

#[test]
fn other_settings_begin_a_curve_of_their_own() {
    let mut app = running(64);
    key(&mut app, KeyCode::Char('x'));
    app.update(Message::TuningEnded(Ok(false)));
    press(&mut app, "f");
    app.update(Message::Counted("biomedicine".into(), Ok(train(1020))));
    key(&mut app, KeyCode::Right);
    assert_eq!(tunings(&key(&mut app, KeyCode::Enter))[0].examples, 1000);
    assert_eq!(losses(&app), 0);
}

#[test]
fn a_fault_is_shown_whole_and_can_be_tried_again() {
    let mut app = running(64);
    let fault = Fault::new("pair gout-17 in step 65", "a loss that is not a number")
        .expected("finite figures")
        .next("Check the pair and the base's weights, or start anew with a lower learning rate.");
    app.update(Message::TuningEnded(Err(fault.clone())));
    for (columns, rows) in SIZES.into_iter().chain([(40, 13)]) {
        let text = printed(&frame(&mut app, Theme::new(true), columns, rows));
        let words = text.replace(['┃', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&fault.to_string()), "{text}");
    }
    assert_eq!(tunings(&key(&mut app, KeyCode::Char('g'))).len(), 1);
    assert_eq!((losses(&app), phase(&app)), (64, Some(&Phase::Preparing(None))));
}

#[test]
fn what_is_made_is_selected_among_the_models_and_put_to_work_by_a_key() {
    let mut app = made();
    assert_eq!(phase(&app), Some(&Phase::Made));
    press(&mut app, "m\n");
    let Over::Models { list, .. } = &app.over else { panic!("the models") };
    let selected = list.selected().expect("one");
    assert_eq!((selected.name.as_str(), selected.about.contains("500 examples")), (MADE, true));
    key(&mut app, KeyCode::Esc);
    press(&mut app, "f");
    let effects = key(&mut app, KeyCode::Enter);
    assert!(effects.iter().any(|e| matches!(e, Effect::Warm(_))));
    assert_eq!((app.pair.baseline.name.as_str(), app.pair.tuned.name.as_str()), ("reader", MADE));
    assert!(matches!(app.over, Over::None));
}

#[test]
fn a_list_of_models_on_the_screen_gets_what_is_made_and_keeps_its_selection() {
    let mut app = running(189);
    press(&mut app, "mj");
    make(&mut app, MADE, 500);
    let Over::Models { list, .. } = &app.over else { panic!("the models") };
    assert_eq!(list.selected().map(|c| c.name.as_str()), Some("reader-biomedicine-1000"));
    assert!(list.entries.iter().any(|c| c.name == MADE));
}

#[test]
fn how_it_ended_is_said_where_the_person_is_until_they_have_seen_it() {
    let mut app = running(189);
    key(&mut app, KeyCode::Esc);
    make(&mut app, MADE, 500);
    app.update(Message::TuningEnded(Ok(true)));
    assert!(text(&mut app).contains("trained: f shows it"));
    press(&mut app, "f");
    assert!(!text(&mut app).contains("trained: f shows it"));
}

#[test]
fn a_grid_is_trained_one_after_the_other() {
    let mut app = form();
    fill(&mut app, "grid");
    let sizes: Vec<usize> = tunings(&key(&mut app, KeyCode::Enter)).iter().map(|t| t.examples).collect();
    assert_eq!(sizes, [200, 500, 1000]);
    began(&mut app, 75, 0);
    (1..=75).for_each(|n| step(&mut app, n, 75));
    make(&mut app, "reader-biomedicine-200-seed1", 200);
    assert_eq!((losses(&app), phase(&app)), (0, Some(&Phase::Preparing(None))));
    began(&mut app, 189, 0);
    (1..=19).for_each(|n| step(&mut app, n, 189));
    let text = text(&mut app);
    assert!(text.contains("500 examples, 2 of 3") && text.contains("for all"), "{text}");
    assert_eq!(app.training.as_ref().map(super::app::Training::percent), Some(14));
    key(&mut app, KeyCode::Char('x'));
    app.update(Message::TuningEnded(Ok(false)));
    let rest: Vec<usize> = tunings(&key(&mut app, KeyCode::Char('g'))).iter().map(|t| t.examples).collect();
    assert_eq!(rest, [500, 1000], "what is made is not made again");
}

#[test]
fn quitting_while_it_trains_ends_at_once_and_says_how_to_go_on() {
    let mut app = running(64);
    let effects = key(&mut app, KeyCode::Char('q'));
    assert!(matches!(effects.last(), Some(Effect::Quit)));
    app.update(Message::TuningEnded(Ok(false)));
    let said = app.farewell(" --data-dir 'my data'").expect("something to say");
    assert!(said.contains("after 64 of 189 steps"), "{said}");
    assert!(
        said.ends_with(
            "juxta --data-dir 'my data' finetune --base reader --corpus biomedicine --examples 500"
        ),
        "{said}"
    );
    assert_eq!(made().farewell(""), None);
    assert_eq!(done().farewell(""), None);
}

#[test]
fn the_form_over_a_lab_with_answers() {
    let mut app = done();
    press(&mut app, "mf");
    app.update(Message::Counted("biomedicine".into(), Ok(train(1020))));
    snapshot("tune_form", &mut app);
    press(&mut app, "grid");
    key(&mut app, KeyCode::Down);
    fill(&mut app, "many");
    key(&mut app, KeyCode::Enter);
    snapshot("tune_form_wrong", &mut app);
}

#[test]
fn the_training_is_prepared() {
    let mut app = form();
    press(&mut app, "\n");
    let progress = Progress { doing: "making pairs".into(), done: 120, total: 500 };
    app.update(Message::Tuning(Status::Preparing(progress)));
    snapshot("tune_preparing", &mut app);
}

#[test]
fn the_training_runs() {
    snapshot("tune_running", &mut running(64));
}

#[test]
fn a_training_that_was_gone_on_with_is_stopped_again() {
    let mut app = form();
    press(&mut app, "\n");
    began(&mut app, 189, 40);
    (41..=120).for_each(|n| step(&mut app, n, 189));
    key(&mut app, KeyCode::Char('x'));
    app.update(Message::TuningEnded(Ok(false)));
    snapshot("tune_stopped", &mut app);
}

#[test]
fn a_training_fails() {
    let mut app = running(64);
    let fault = Fault::new("pair gout-17 in step 65", "a loss that is not a number")
        .expected("finite figures")
        .next("Check the pair and the base's weights, or start anew with a lower learning rate; the state before this step is kept.");
    app.update(Message::TuningEnded(Err(fault)));
    snapshot("tune_failed", &mut app);
}

#[test]
fn the_training_is_done() {
    snapshot("tune_made", &mut made());
}

#[test]
fn the_models_while_a_training_runs() {
    let mut app = running(64);
    press(&mut app, "m");
    snapshot("tune_models", &mut app);
}

#[test]
fn without_colour_points_and_line_of_the_curve_differ() {
    let buffer = frame(&mut running(150), Theme::new(false), 80, 24);
    assert!(buffer.content.iter().all(|c| c.fg == Color::Reset && c.bg == Color::Reset));
    let braille = |s: &str| s.chars().all(|c| ('\u{2801}'..='\u{28ff}').contains(&c));
    let line = buffer.content.iter().filter(|c| braille(c.symbol())).collect::<Vec<_>>();
    assert!(line.len() > 30 && line.iter().all(|c| c.modifier.contains(Modifier::BOLD)));
    assert!(buffer.content.iter().any(|c| c.symbol() == "·" && c.modifier == Modifier::DIM));
}

#[test]
fn no_size_breaks_the_form_or_the_training() {
    let mut failed = running(30);
    failed.update(Message::TuningEnded(Err(Fault::new("x".repeat(300), "y".repeat(3000)))));
    let mut wrong = form();
    fill(&mut wrong, "many");
    key(&mut wrong, KeyCode::Enter);
    for app in
        [&mut form(), &mut wrong, &mut running(0), &mut running(1), &mut made(), &mut failed, &mut asked()]
    {
        for (columns, rows) in [(1, 1), (40, 12), (41, 13), (79, 23), (300, 100)] {
            frame(app, Theme::new(true), columns, rows);
        }
    }
}
