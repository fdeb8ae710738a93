//! Whole frames as snapshots, and how the keys move.

use super::state::{Content, Effect, Message, Results, Stage, Tab};
use super::view;
use crate::fault::Fault;
use crate::judged::SMALL;
use crate::report::{Progress, Report};
use crate::tui::frames::{SIZES, printed};
use crate::tui::theme::Theme;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;
use std::sync::OnceLock;

/// The screen of the small study, its blinding off.
fn screen() -> Results {
    static MADE: OnceLock<Report> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let about = SMALL.about();
        let progress =
            |name: &String| Progress { annotator: name.clone(), done: 80, total: 87, skipped: 2, flagged: 1 };
        Report::unblinded(&about, about.annotators.iter().map(progress).collect(), &SMALL.rated())
    });
    let mut app = Results::new("A study".into());
    app.update(Message::Made(Box::new(Content::of(made, Vec::new()))));
    app
}

fn key(app: &mut Results, code: KeyCode) -> Vec<Effect> {
    app.update(Message::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

fn frame(app: &mut Results, theme: Theme, (columns, rows): (u16, u16)) -> Buffer {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, rows));
    let mut drawn = None;
    let Ok(_) = terminal.draw(|frame| drawn = Some(view::draw(app, theme, frame)));
    app.drawn = drawn.unwrap_or_default();
    terminal.backend().buffer().clone()
}

fn snapshot(name: &str, app: &mut Results) {
    for size in SIZES {
        let buffer = frame(app, Theme::new(true), size);
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), printed(&buffer));
    }
}

#[test]
fn the_overview_says_in_words_what_was_found() {
    snapshot("overview", &mut screen());
}

#[test]
fn every_part_of_a_corpus_has_its_chart_and_its_table() {
    let mut app = screen();
    for (digit, name) in [('2', "means"), ('3', "changes"), ('4', "wins"), ('5', "errors")] {
        key(&mut app, KeyCode::Char(digit));
        snapshot(name, &mut app);
    }
}

#[test]
fn what_annotators_do_is_shown_for_all_corpora_at_once() {
    let mut app = screen();
    for (digit, name) in [('6', "agreement"), ('7', "annotators"), ('8', "methods")] {
        key(&mut app, KeyCode::Char(digit));
        snapshot(name, &mut app);
    }
}

#[test]
fn a_blind_study_has_no_part_by_contender() {
    let about = SMALL.about();
    let report = Report::blind(&about, Vec::new(), &[], |_| None);
    let mut app = Results::new("A study".into());
    snapshot("making", &mut app);
    app.update(Message::Made(Box::new(Content::of(&report, Vec::new()))));
    snapshot("blind", &mut app);
    assert_eq!(app.tabs(), [Tab::Overview, Tab::Agreement, Tab::Annotators, Tab::Methods]);
    key(&mut app, KeyCode::Char('2'));
    assert_eq!(app.tab, Tab::Agreement);
    key(&mut app, KeyCode::Char('7'));
    assert_eq!(app.tab, Tab::Agreement, "there is no seventh part");
}

#[test]
fn what_went_wrong_is_said() {
    let mut app = Results::new("A study".into());
    let fault = Fault::new("/study/sealed/key.json", "no key").expected("the whole study").next("Use that.");
    app.update(Message::Failed(fault));
    assert!(matches!(app.stage, Stage::Failed(_)));
    snapshot("failed", &mut app);
}

#[test]
fn keys_go_round_the_parts_and_the_corpora() {
    let mut app = screen();
    key(&mut app, KeyCode::BackTab);
    assert_eq!(app.tab, Tab::Methods);
    key(&mut app, KeyCode::Tab);
    key(&mut app, KeyCode::Tab);
    assert_eq!((app.tab, app.scope), (Tab::Means, 0));
    key(&mut app, KeyCode::Char('c'));
    key(&mut app, KeyCode::Char('c'));
    assert_eq!(app.scope, 2, "all together");
    key(&mut app, KeyCode::Char('c'));
    key(&mut app, KeyCode::Char('C'));
    assert_eq!(app.scope, 2);
    assert_eq!(key(&mut app, KeyCode::Char('q')), [Effect::Quit]);
}

#[test]
fn scrolling_ends_at_the_last_line_and_the_help_scrolls_by_itself() {
    let mut app = screen();
    key(&mut app, KeyCode::Char('4'));
    frame(&mut app, Theme::new(true), (80, 24));
    let furthest = app.drawn.furthest;
    assert!(furthest > 0);
    key(&mut app, KeyCode::End);
    key(&mut app, KeyCode::Down);
    assert_eq!(app.scroll, furthest);
    key(&mut app, KeyCode::Up);
    assert_eq!(app.scroll, furthest - 1);
    key(&mut app, KeyCode::Char('?'));
    snapshot("help", &mut app);
    key(&mut app, KeyCode::Down);
    key(&mut app, KeyCode::Esc);
    assert_eq!((app.scroll, app.help), (furthest - 1, None));
}

#[test]
fn without_colour_marks_still_differ() {
    let mut app = screen();
    key(&mut app, KeyCode::Char('3'));
    let buffer = frame(&mut app, Theme::new(false), (120, 40));
    assert!(buffer.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    let signs: String = buffer.content.iter().map(|cell| cell.symbol()).collect();
    assert!(signs.contains('▲') && signs.contains('▼') && signs.contains('○'), "{signs}");
}

#[test]
fn frames_of_any_size_are_drawn() {
    for size in [(1, 1), (39, 12), (40, 12), (47, 13), (60, 80), (300, 12)] {
        let mut app = screen();
        for _ in 0..8 {
            frame(&mut app, Theme::new(true), size);
            key(&mut app, KeyCode::End);
            frame(&mut app, Theme::new(true), size);
            key(&mut app, KeyCode::Tab);
        }
    }
}
