//! Whole frames as snapshots, symbols and styles, at the three sizes the lab is made for.

use super::app::{App, Message, Start};
use super::picture::frame;
use super::theme::Theme;
use crate::compare::{Answer, Event, Finish, Pair, PerToken, Rerun, Role, Side, Trial, support};
use crate::config::Settings;
use crate::corpus::Catalog;
use crate::fault::Fault;
use crate::generate::{Count, Kind, Registry, Sampling};
use crate::job::Progress;
use crate::prompt::messages;
use crate::retrieve::{self, Hit, SoFar};
use crate::study::Draft;
use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};
use std::fmt::Write;
use std::time::Duration;

pub(super) const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];
const QUESTION: &str = "Why does gout attack the big toe first?";

pub(super) fn app() -> App {
    let catalog = Catalog::discover(None);
    let mut corpus = catalog.find("biomedicine").expect("bundled");
    // The words of the corpus may change; the frames of the lab should not change with them.
    corpus.manifest.description =
        "Short articles on diseases, drugs and genes, with questions as an expert asks them.".into();
    let reader = Registry::discover(None).find("reader").expect("bundled");
    let mut tuned = reader.clone();
    tuned.name = "reader-biomedicine-1000".into();
    tuned.kind = Kind::Adapter { base: "reader".into() };
    let (mut app, _) = App::new(Start {
        settings: Settings::defaults().expect("sound"),
        annotator: "ada".into(),
        corpora: vec![corpus.clone()],
        models: vec![reader.clone(), tuned.clone()],
        corpus,
        pair: Pair { baseline: reader, tuned },
        pair_chosen: false,
        history: vec![],
        judged: vec![],
        draft: Draft::default(),
        remarks: vec![],
    });
    app.now = Duration::from_secs(1);
    app
}

pub(super) fn press(app: &mut App, keys: &str) {
    for c in keys.chars() {
        let code = match c {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            '\u{1b}' => KeyCode::Esc,
            c => KeyCode::Char(c),
        };
        app.update(Message::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }
}

pub(super) fn ready(app: &mut App) {
    app.update(Message::Indexed("biomedicine".into(), Ok(367)));
}

fn hits() -> Vec<Hit> {
    let text = "Gout is caused by crystals of sodium urate that settle in cool joints. The base of the big toe is the \
                joint that is attacked first in about half of all people, since it is cooler than the joints nearer to the trunk.";
    let other = "Urate is the end product of purine breakdown. Fever, thirst and a \u{1b}[31mred\u{1b}[0m skin are common \
                 in an attack of any joint.";
    let hit = |rank, title: &str, section: &str, text: &str, words: &[&str]| Hit {
        rank,
        score: 14.2 / rank as f32,
        document: title.to_lowercase(),
        title: title.into(),
        section: Some(section.into()),
        passage: rank - 1,
        range: (0, text.len()),
        text: text.into(),
        matches: words.iter().filter_map(|w| text.find(w).map(|at| (at, at + w.len()))).collect(),
    };
    vec![
        hit(1, "Gout", "Joints", text, &["Gout", "big", "toe", "attacked", "first"]),
        hit(2, "Urate", "Origin", other, &["attack"]),
    ]
}

/// So many tokens, one behind each pass.
fn told(tokens: usize) -> Count {
    Count { tokens, passes: None }
}

fn answer(side: Side, text: &str, finish: Finish) -> Answer {
    let hits = hits();
    Answer {
        contender: if side == Side::A { "reader" } else { "reader-biomedicine-1000" }.into(),
        role: if side == Side::A { Role::Baseline } else { Role::FineTuned },
        text: text.into(),
        tokens: 31,
        passes: None,
        prompt_tokens: 188,
        seconds_to_first_token: Some(0.31),
        seconds: 0.62,
        tokens_per_second: Some(97.0),
        finish,
        error: None,
        support: support(text, hits.iter().map(|h| h.text.as_str())),
        sampling: Sampling::default(),
        model: None,
        prompt_digest: None,
        system_folded: false,
        served: None,
    }
}

const SAID_A: &str =
    "The base of the big toe is the joint that is attacked first in about half of all people. [1]";
const SAID_B: &str =
    "It is cooler than the joints nearer to the trunk. [1] Elephants never suffer from it at all. [7]";

fn trial(answers: [Answer; 2]) -> Trial {
    Trial {
        id: "20260102T030405Z-00000000".into(),
        asked_at: Timestamp::UNIX_EPOCH,
        again_of: None,
        question: QUESTION.into(),
        corpus: "biomedicine".into(),
        hits: hits(),
        answers,
        rerun: Rerun {
            juxta: "0".into(),
            corpus_digest: "0".into(),
            retrieval: retrieve::Settings::default(),
            k: 3,
            passages_used: 2,
            messages: messages(QUESTION, &hits()),
        },
    }
}

pub(super) fn asked() -> App {
    let mut app = app();
    ready(&mut app);
    press(&mut app, QUESTION);
    press(&mut app, "\n");
    app.update(Message::Trial(Event::Retrieved(hits(), None)));
    app.update(Message::Trial(Event::Packed(2)));
    app
}

fn end(app: &mut App, answers: [Answer; 2]) {
    let kept = told_ends(app, answers);
    app.update(kept);
}

/// Tells the lab the ends of both answers; the message that their trial is kept.
fn told_ends(app: &mut App, answers: [Answer; 2]) -> Message {
    for (side, answer) in Side::BOTH.into_iter().zip(answers.clone()) {
        app.update(Message::Trial(Event::Answered(side, Box::new(answer))));
    }
    Message::TrialEnded(Ok(Some(Box::new(trial(answers)))))
}

/// Both answers have ended; what comes next is that their trial is kept.
pub(super) fn unkept() -> (App, Message) {
    let mut app = asked();
    let answers = [answer(Side::A, SAID_A, Finish::Stop), answer(Side::B, SAID_B, Finish::Stop)];
    let kept = told_ends(&mut app, answers);
    (app, kept)
}

pub(super) fn done() -> App {
    let (mut app, kept) = unkept();
    app.update(kept);
    app
}

/// The symbols of a frame, and below them the runs of each row that have a style.
pub(super) fn printed(buffer: &Buffer) -> String {
    let area = buffer.area;
    let (mut symbols, mut styles) = (String::new(), String::new());
    for y in 0..area.height {
        let mut row = String::new();
        let mut skip = 0;
        let mut runs: Vec<(u16, u16, String)> = Vec::new();
        for x in 0..area.width {
            let cell = &buffer[(x, y)];
            if skip == 0 {
                row.push_str(cell.symbol());
                skip = unicode_width::UnicodeWidthStr::width(cell.symbol()).saturating_sub(1);
            } else {
                skip -= 1;
            }
            let mut style = String::new();
            if cell.fg != Color::Reset {
                let _ = write!(style, "{:?} ", cell.fg);
            }
            if cell.modifier != Modifier::empty() {
                let _ = write!(style, "{:?}", cell.modifier);
            }
            match runs.last_mut() {
                Some((_, end, last)) if *end == x && *last == style => *end = x + 1,
                _ => runs.push((x, x + 1, style)),
            }
        }
        let _ = writeln!(symbols, "{}", row.trim_end());
        let named: Vec<_> = runs
            .iter()
            .filter(|r| !r.2.is_empty())
            .map(|(s, e, style)| format!("{s}-{e} {}", style.trim()))
            .collect();
        if !named.is_empty() {
            let _ = writeln!(styles, "{y:>2}: {}", named.join(", "));
        }
    }
    format!("{symbols}\n{styles}")
}

pub(super) fn snapshot(name: &str, app: &mut App) {
    for (columns, rows) in SIZES {
        let buffer = frame(app, Theme::new(true), columns, rows);
        insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), printed(&buffer));
    }
}

#[test]
fn the_first_run_shows_the_corpus_being_indexed() {
    let mut app = app();
    app.update(Message::Indexing(
        "biomedicine".into(),
        Progress { doing: "indexing Biomedicine".into(), done: 35, total: 100 },
    ));
    snapshot("first_run", &mut app);
}

const PART: SoFar = SoFar { documents: 1_200, of: 5_997 };

#[test]
fn a_question_is_asked_of_what_is_indexed_so_far_and_what_it_found_stays() {
    let mut app = app();
    press(&mut app, QUESTION);
    press(&mut app, "\n");
    assert!(app.waiting.is_some());
    let effects = app.update(Message::Grown("biomedicine".into(), PART));
    assert!(effects.iter().any(|e| matches!(e, super::app::Effect::Ask(_))), "it waits no longer");
    app.update(Message::Indexing(
        "biomedicine".into(),
        Progress { doing: "indexing Biomedicine".into(), done: 30, total: 100 },
    ));
    app.update(Message::Trial(Event::Retrieved(hits(), Some(PART))));
    app.update(Message::Trial(Event::Packed(2)));
    app.update(Message::Trial(Event::Text(Side::A, "The base of the big toe".into(), told(6))));
    snapshot("growing", &mut app);
    app.update(Message::Grown("biomedicine".into(), SoFar { documents: 3_000, ..PART }));
    let effects = app.update(Message::Indexed("biomedicine".into(), Ok(216_363)));
    assert!(
        !effects.iter().any(|e| matches!(e, super::app::Effect::Ask(_))),
        "nothing is asked again by itself"
    );
    let mut of_part = trial([answer(Side::A, SAID_A, Finish::Stop), answer(Side::B, SAID_B, Finish::Stop)]);
    of_part.rerun.retrieval.part = Some(PART);
    app.update(Message::TrialEnded(Ok(Some(Box::new(of_part)))));
    snapshot("grown", &mut app);
}

#[test]
fn before_the_first_question_the_lab_says_how_much_can_be_asked() {
    let mut app = app();
    app.update(Message::Grown("biomedicine".into(), PART));
    app.update(Message::Grown("another".into(), SoFar { documents: 1, of: 2 }));
    press(&mut app, "\u{1b}");
    let effects = app.update(Message::Key(KeyCode::Char('w').into()));
    assert!(
        effects.is_empty() && app.settings.retrieval.ranking.is_plain(),
        "what has grown is not thrown away"
    );
    press(&mut app, "\n");
    let text = printed(&frame(&mut app, Theme::new(true), 80, 24));
    assert!(text.contains("questions are asked of 1,200 of 5,997 documents"), "{text}");
}

#[test]
fn an_open_lab_waits_for_a_question() {
    let mut app = app();
    ready(&mut app);
    snapshot("empty", &mut app);
}

#[test]
fn answers_stream_side_by_side() {
    let mut app = asked();
    app.update(Message::Trial(Event::Reading(Side::A, 188, 188)));
    app.update(Message::Trial(Event::Reading(Side::B, 64, 188)));
    app.now = Duration::from_millis(1400);
    app.update(Message::Trial(Event::Text(Side::A, "The base of the big toe".into(), told(6))));
    app.now = Duration::from_millis(1500);
    app.update(Message::Trial(Event::Text(Side::A, " is the joint".into(), told(9))));
    snapshot("streaming", &mut app);
}

#[test]
fn both_that_answer_together_show_how_fast_and_how_near_to_what_memory_allows() {
    let mut app = asked();
    app.update(Message::Memory(10e9));
    app.update(Message::Trial(Event::PerToken(PerToken { bytes: [Some(100_000_000); 2], shared: true })));
    for side in Side::BOTH {
        app.update(Message::Trial(Event::Reading(side, 188, 188)));
        app.update(Message::Trial(Event::Text(side, "The base".into(), told(1))));
    }
    app.now += Duration::from_millis(200);
    app.update(Message::Trial(Event::Text(Side::A, " of the big toe".into(), told(11))));
    app.update(Message::Trial(Event::Text(Side::B, " is cooler".into(), told(9))));
    snapshot("together", &mut app);
    end(&mut app, [answer(Side::A, SAID_A, Finish::Stop), answer(Side::B, SAID_B, Finish::Stop)]);
    let shown = printed(&frame(&mut app, Theme::new(false), 80, 24));
    // Sixty tokens after the first, in 0.31 seconds; the faster's passes read 9.7 of 10 GB a second.
    assert!(
        shown.contains("r rates these answers. Together 194 tokens/s, 97 % of memory's speed."),
        "{shown}"
    );
}

#[test]
fn a_server_that_is_waited_for_says_why_and_the_other_answer_goes_on() {
    let mut app = asked();
    app.update(Message::Trial(Event::Waiting(Side::A, "Asking gpu1:8000.".into())));
    app.update(Message::Trial(Event::Text(Side::A, "Half an ans".into(), told(3))));
    app.now = Duration::from_millis(1400);
    let why = "the endpoint far (http://gpu1:8000/v1): found the status 503: loading the model. Asking again in 2 s.";
    app.update(Message::Trial(Event::Waiting(Side::A, why.into())));
    app.update(Message::Trial(Event::Text(Side::B, "It is cooler".into(), told(4))));
    snapshot("waiting_for_a_server", &mut app);
}

#[test]
fn answers_that_have_ended_show_their_support_and_figures() {
    snapshot("done", &mut done());
}

#[test]
fn ratings_stand_below_the_answers_with_their_anchors() {
    let mut app = done();
    press(&mut app, "r45");
    snapshot("judging", &mut app);
}

#[test]
fn tags_are_shown_with_their_digits() {
    let mut app = done();
    press(&mut app, "r4532be12");
    snapshot("tags", &mut app);
}

#[test]
fn an_error_names_what_to_do_next() {
    let mut app = app();
    let fault = Fault::new("/data/indices", "No space left on device (os error 28)")
        .expected("an index that can be written and read")
        .next("Check the disk's space and permissions, or choose another folder with --data-dir.");
    app.update(Message::Indexed("biomedicine".into(), Err(fault)));
    snapshot("error", &mut app);
}

#[test]
fn an_index_that_is_there_stays_whatever_one_that_was_left_still_tells() {
    let mut app = app();
    let told = |corpus: &str, done| {
        let doing = format!("indexing {corpus}");
        Message::Indexing(corpus.into(), Progress { doing, done, total: 100 })
    };
    app.update(told("another", 99));
    assert!(!printed(&frame(&mut app, Theme::new(true), 80, 24)).contains("another"));
    app.update(Message::Indexed("biomedicine".into(), Ok(367)));
    app.update(told("another", 100));
    app.update(told("biomedicine", 100));
    press(&mut app, QUESTION);
    let effects = app.update(Message::Key(KeyCode::Enter.into()));
    assert!(effects.iter().any(|e| matches!(e, super::app::Effect::Ask(_))), "it can be asked");
}

#[test]
fn the_help_lists_every_key() {
    let mut app = done();
    press(&mut app, "?");
    snapshot("help", &mut app);
}

#[test]
fn the_ranking_that_is_chosen_opens_the_index_anew_and_stands_in_the_head() {
    let mut app = done();
    let mut chosen = Vec::new();
    for _ in 0..4 {
        for effect in app.update(Message::Key(KeyCode::Char('w').into())) {
            if let super::app::Effect::Index(entry, ranking) = effect {
                assert_eq!(entry.manifest.id, app.corpus.manifest.id);
                chosen.push(ranking.name());
                app.update(Message::Indexed(entry.manifest.id, Ok(7)));
            }
        }
        let buffer = frame(&mut app, Theme::new(true), 200, 60);
        let head = printed(&buffer).lines().next().unwrap_or_default().to_owned();
        let shown = chosen.last().is_some_and(|name| head.contains(&format!("passages by {name}")));
        assert_eq!(shown, chosen.last() != Some(&"plain"), "{head}");
    }
    assert_eq!(chosen, ["proximity", "feedback", "fielded", "plain"], "dense only where an encoder is set");
}

fn remarks(n: usize) -> Vec<Fault> {
    let about = [
        ("tiny-tuned, which was fine-tuned from tiny and not from reader", "Compare it with tiny."),
        (
            "architectures llama and qwen2",
            "What differs is the model, not the fine-tuning; say so where you show it.",
        ),
        (
            "two tokenizers",
            "Tokens and speeds cannot be compared; passages are packed for the one that takes more.",
        ),
        (
            "two chat templates",
            "The same messages become different prompts; put one template beside both if they were trained with it.",
        ),
        ("weights in F32 and Q8_0", "Quantising changes answers too; take both in one form."),
    ];
    let fault = |(found, next): (&str, &str)| Fault::new("reader,tiny-tuned", found).next(next);
    about.into_iter().take(n).map(fault).collect()
}

#[test]
fn what_else_differs_is_told_before_two_models_are_chosen_and_after() {
    let mut app = app();
    ready(&mut app);
    let mut other = app.models[1].clone();
    other.name = "tiny-tuned".into();
    other.kind = Kind::Adapter { base: "tiny".into() };
    app.models.push(other);
    press(&mut app, "\u{1b}m");
    let mut looked = Vec::new();
    for code in [KeyCode::Enter, KeyCode::Down, KeyCode::Up, KeyCode::Down] {
        for effect in app.update(Message::Key(code.into())) {
            if let super::app::Effect::Remark(pair) = effect {
                looked.push([pair.baseline.name, pair.tuned.name]);
            }
        }
    }
    // The pair that was there was looked at when the lab was opened, and nothing is looked at twice.
    assert_eq!(looked, [["reader", "tiny-tuned"]]);
    app.update(Message::Remarked(looked.remove(0), remarks(5)));
    assert!(app.notice.is_none(), "it is not chosen yet");
    snapshot("pair_before", &mut app);
    press(&mut app, "\n");
    snapshot("pair_chosen", &mut app);
    press(&mut app, "m");
    let buffer = frame(&mut app, Theme::new(true), 80, 24);
    assert!(printed(&buffer).contains("What else tells tiny-tuned from reader"));
}

#[test]
fn a_pair_that_belongs_together_has_nothing_to_know() {
    let mut app = app();
    ready(&mut app);
    let before = printed(&frame(&mut app, Theme::new(true), 80, 24));
    app.update(Message::Remarked(["reader".into(), "reader-biomedicine-1000".into()], Vec::new()));
    assert_eq!(printed(&frame(&mut app, Theme::new(true), 80, 24)), before);
}

#[test]
fn a_model_that_cannot_be_loaded_leaves_the_other_its_answer() {
    let mut app = asked();
    let mut failed = answer(Side::B, "", Finish::Failed);
    failed.error = Some(
        "models/mine/model.safetensors: found 1,024 bytes; expected 16,793,944 bytes, as its header says. \
         Copy the file again; it was cut off."
            .into(),
    );
    end(&mut app, [answer(Side::A, SAID_A, Finish::Stop), failed]);
    snapshot("model_fails", &mut app);
}

#[test]
fn a_judgment_that_cannot_be_saved_stays_on_the_screen() {
    let mut app = done();
    press(&mut app, "r4532b");
    let fault = Fault::io(
        std::path::Path::new("/data/journals/ada.jsonl"),
        "write to",
        &std::io::ErrorKind::StorageFull.into(),
    );
    app.update(Message::NotKept(fault));
    snapshot("not_saved", &mut app);
    press(&mut app, "q");
    snapshot("quit", &mut app);
}

#[test]
fn earlier_trials_are_listed_with_what_was_judged() {
    let mut app = done();
    press(&mut app, "r4532b\u{1b}t");
    let summary = serde_json::from_value(serde_json::json!({
        "id": "20260102T030405Z-00000000", "asked_at": "2026-01-02T12:00:00Z", "question": QUESTION,
        "corpus": "biomedicine", "answers": [{"contender": "reader"}, {"contender": "reader-biomedicine-1000"}],
    }))
    .expect("a summary");
    app.update(Message::Listed(vec![summary], vec![]));
    let frames: Vec<_> =
        SIZES.iter().map(|(c, r)| printed(&frame(&mut app, Theme::new(true), *c, *r))).collect();
    // The hour depends on where the test runs.
    assert!(
        frames.iter().all(|f| f.contains("2026-01-0") && f.contains("rated") && f.contains("Why does gout"))
    );
}

#[test]
fn without_colour_every_distinction_is_still_made() {
    let buffer = frame(&mut done(), Theme::new(false), 120, 40);
    assert!(buffer.content.iter().all(|c| c.fg == Color::Reset && c.bg == Color::Reset));
    let kinds: std::collections::HashSet<_> = buffer.content.iter().map(|c| c.modifier).collect();
    let of = |m: Modifier| kinds.iter().any(|k| k.contains(m));
    assert!(of(Modifier::UNDERLINED) && of(Modifier::BOLD) && of(Modifier::ITALIC) && of(Modifier::REVERSED));
    let text = printed(&buffer);
    assert!(text.contains("A  ") && text.contains(" B ") && text.contains("│? "));
}

#[test]
fn no_control_character_reaches_a_frame_and_no_size_breaks_it() {
    let hostile =
        "\u{1b}[2J\u{202e}evil\u{200b}\u{7}\u{9b}31m e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301} ﷽ 👨‍👩‍👧‍👦 ";
    let mut app = asked();
    let mut hit = hits();
    hit[0].text = hostile.repeat(40);
    hit[0].matches = vec![];
    hit[0].title = hostile.into();
    app.update(Message::Trial(Event::Retrieved(hit, None)));
    app.update(Message::Trial(Event::Text(Side::A, hostile.repeat(30), told(9))));
    app.update(Message::Trial(Event::Text(Side::B, "x".repeat(1 << 20), told(9))));
    for (columns, rows) in [(1, 1), (10, 3), (40, 12), (41, 13), (79, 23), (80, 24), (300, 100)] {
        let buffer = frame(&mut app, Theme::new(true), columns, rows);
        for cell in &buffer.content {
            assert!(
                cell.symbol()
                    .chars()
                    .all(|c| !c.is_control()
                        && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}'..='\u{200f}'))
            );
        }
    }
}

#[test]
fn six_keys_make_a_judgment_and_one_more_amends_it() {
    let mut app = done();
    press(&mut app, "r4532");
    let keeps = |effects: Vec<super::app::Effect>| {
        effects
            .into_iter()
            .filter_map(|e| match e {
                super::app::Effect::Keep(j) => Some(*j),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let first = keeps(app.update(Message::Key(KeyCode::Char('a').into())));
    assert_eq!(first.len(), 1);
    assert!(first[0].is_complete());
    let second = keeps(app.update(Message::Key(KeyCode::Char('t').into())));
    assert_eq!((second.len(), second[0].verdict), (1, Some(crate::study::Verdict::Tie)));
}

#[test]
fn ratings_left_half_way_are_kept() {
    let mut app = done();
    press(&mut app, "r45");
    let effects = app.update(Message::Key(KeyCode::Esc.into()));
    assert!(effects.iter().any(|e| matches!(e, super::app::Effect::Keep(j) if !j.is_complete())));
    app.notice = None;
    let foot = printed(&frame(&mut app, Theme::new(true), 80, 24));
    assert!(foot.contains("Rated in part. r goes on with the ratings."), "{foot}");
    press(&mut app, "r");
    assert_eq!(app.judging.as_ref().map(|j| j.ratings[0].completeness), Some(Some(5)));
}

fn kept(effects: &[super::app::Effect]) -> usize {
    effects.iter().filter(|e| matches!(e, super::app::Effect::Keep(_))).count()
}

#[test]
fn ratings_begun_on_a_trial_that_does_not_come_back_are_kept() {
    let mut app = done();
    app.draft =
        Draft { trial: Some("another".into()), verdict: Some(crate::study::Verdict::B), ..Draft::default() };
    let gone = Fault::new("trials/another.json", "no such file");
    assert_eq!(kept(&app.update(Message::Loaded(Err(gone)))), 1);
    assert!(app.judged.contains_key("another"));
}

#[test]
fn a_trial_read_late_does_not_take_the_place_of_a_running_one() {
    let mut app = asked();
    let late = trial([answer(Side::A, "late", Finish::Stop), answer(Side::B, "late", Finish::Stop)]);
    app.update(Message::Loaded(Ok(Box::new(late))));
    assert!(app.running && app.open.as_ref().is_some_and(|o| o.trial.is_none()));
}

#[test]
fn asking_again_that_is_stopped_brings_back_what_was_there() {
    let mut app = done();
    press(&mut app, "s");
    assert!(app.open.as_ref().is_some_and(|o| o.pane(Side::A).text.is_empty()));
    app.update(Message::TrialEnded(Ok(None)));
    assert!(app.open.as_ref().is_some_and(|o| o.pane(Side::A).text == SAID_A));
}

#[test]
fn the_mouse_scrolls_the_panel_it_is_over_and_focuses_the_one_it_clicks() {
    use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
    let mut app = done();
    frame(&mut app, Theme::new(true), 80, 24);
    let at = |kind| MouseEvent { kind, column: 5, row: 6, modifiers: KeyModifiers::NONE };
    app.update(Message::Mouse(at(MouseEventKind::ScrollDown)));
    assert_eq!(app.scroll.get(&super::app::Panel::Passages), Some(&3));
    app.update(Message::Mouse(at(MouseEventKind::Down(MouseButton::Left))));
    assert_eq!(app.focus, super::app::Panel::Passages);
}

#[test]
fn citations_lead_to_their_passage_and_back() {
    let mut app = done();
    frame(&mut app, Theme::new(true), 120, 40);
    press(&mut app, "g");
    assert_eq!((app.focus, app.passage), (super::app::Panel::Passages, 0));
    press(&mut app, "g");
    assert_eq!(app.focus, super::app::Panel::A);
}
