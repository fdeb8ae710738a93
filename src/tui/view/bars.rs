//! Head, question and foot.

use super::paint::Painted;
use crate::compare::together;
use crate::generate::Mode;
use crate::job::Progress;
use crate::retrieve::SoFar;
use crate::text::{counted, grouped};
use crate::tui::app::{App, Index, Over, Panel, Phase, Stage, Studying, Training};
use crate::tui::keys;
use crate::tui::theme::Theme;
use crate::tui::wrap::{columns, fit};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Block, BorderType, Widget};

pub(super) fn head(app: &App, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let mode = match crate::lab::sampling(&app.settings.sampling).map(|s| s.mode) {
        Ok(Mode::Draw(_)) => format!("temperature {}", app.settings.sampling.temperature),
        _ => "greedy".to_owned(),
    };
    let ranking = match app.settings.retrieval.ranking {
        ranking if ranking.is_plain() => String::new(),
        ranking => format!(" by {ranking}"),
    };
    let usual = format!("{}{ranking} · {mode} · {}", counted(app.k, "passage"), app.annotator);
    // What is going on is worth more than what has ended.
    let study = app.study.as_ref();
    let going_on = study.filter(|s| s.is_active()).and_then(Studying::sign);
    let sign = going_on
        .or_else(|| app.training.as_ref().and_then(Training::sign))
        .or_else(|| study.and_then(Studying::sign))
        .or_else(|| app.pair_sign());
    let left =
        format!("{}  {} vs {}", app.corpus.manifest.title, app.pair.baseline.name, app.pair.tuned.name);
    let used = 8 + columns(&left);
    // What stands at the right is the first to go on a narrow screen, but for what is going on.
    let (right, style) = match &sign {
        Some(sign) if used + columns(sign) + columns(&usual) + 6 <= width => {
            (format!("{sign} · {usual}"), theme.key())
        }
        Some(sign) => (fit(sign, width / 2), theme.key()),
        None if used + 3 + columns(&usual) <= width => (usual, theme.quiet()),
        None => (String::new(), theme.quiet()),
    };
    let room =
        if right.is_empty() { width.saturating_sub(9) } else { width.saturating_sub(columns(&right) + 11) };
    let mut line = Painted::default();
    line.push(" juxta ", theme.brand());
    line.push(" ", Style::new());
    line.push(&fit(&left, room), theme.key());
    line.paint(area.x, area.y, area.right(), buffer);
    let x = area.right() - u16::try_from(columns(&right) + 1).unwrap_or(area.width).min(area.width);
    buffer.set_string(x, area.y, right, style);
}

pub(super) fn question(app: &App, theme: Theme, area: Rect, boxed: bool, frame: &mut Frame<'_>) {
    let focused = app.focus == Panel::Question && app.judging.is_none() && matches!(app.over, Over::None);
    let inside = if boxed {
        let block = Block::bordered()
            .border_type(if focused { BorderType::Thick } else { BorderType::Plain })
            .border_style(theme.border(focused))
            .title(Line::styled(" Question ", theme.title(focused)));
        let inside = block.inner(area);
        frame.render_widget(block, area);
        inside
    } else {
        frame.buffer_mut().set_string(area.x, area.y, "Q ", theme.key());
        Rect { x: area.x + 2, width: area.width.saturating_sub(2), ..area }
    };
    if focused {
        let mut editor = app.question.editor.clone();
        editor.set_cursor_style(theme.cursor());
        (&editor).render(inside, frame.buffer_mut());
    } else {
        // What was asked, rather than what is being typed, while the answers to it are on the screen.
        let typed = app.question.text();
        let text = match &app.open {
            Some(open) if app.focus != Panel::Question => &open.question,
            _ => &typed,
        };
        let (text, style) = if text.is_empty() {
            ("i to type a question", theme.quiet())
        } else {
            (text.as_str(), Style::new())
        };
        let width = usize::from(inside.width);
        let rows = crate::tui::wrap::wrap(text, width);
        if rows.len() > usize::from(inside.height) {
            frame.buffer_mut().set_string(inside.x, inside.y, fit(text, width), style);
        } else {
            for (row, y) in rows.iter().zip(inside.top()..inside.bottom()) {
                Painted::row(("", style), row, |_| style).paint(
                    inside.x,
                    y,
                    inside.right(),
                    frame.buffer_mut(),
                );
            }
        }
    }
}

/// What is to be told, and below it the keys for what a person may want next.
pub(super) fn foot(app: &App, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let (told, style) = told(app, theme);
    buffer.set_string(area.x, area.y, fit(&told, width), style);
    if area.height > 1 {
        hints(app, theme, Rect { y: area.y + 1, height: 1, ..area }, buffer);
    }
}

fn told(app: &App, theme: Theme) -> (String, Style) {
    if let Some(fault) = &app.keep_fault {
        return (format!("Your judgment is not saved yet: {fault}"), theme.fault());
    }
    if let Some(fault) = &app.fault {
        return (fault.to_string(), theme.fault());
    }
    if let Some(notice) = &app.notice {
        return (notice.clone(), Style::new());
    }
    if let Some(fault) = app.remarks.last() {
        return (fault.to_string(), theme.fault());
    }
    match &app.index {
        Index::Opening(Some(p)) => return (format!("{}: {} %", p.doing, percent(p)), Style::new()),
        Index::Growing(part, _) => return (growing(*part), Style::new()),
        _ => {}
    }
    if let Index::Failed(fault) = &app.index {
        return (fault.to_string(), theme.fault());
    }
    if let Some(judging) = &app.judging {
        let text = if judging.is_complete() { "Every change is saved at once." } else { "" };
        return (text.to_owned(), theme.quiet());
    }
    let with_pace = |text: &str| {
        (pace(app).map_or_else(|| text.to_owned(), |pace| format!("{text} {pace}")), theme.quiet())
    };
    if app.running {
        return with_pace("Esc stops both answers.");
    }
    let Some(trial) = app.open.as_ref().and_then(|open| open.trial.as_ref()) else {
        return (String::new(), Style::new());
    };
    let said = match app.judged.get(&trial.id) {
        Some(judgment) if judgment.is_complete() => "Rated. r amends, i asks the next question.",
        Some(_) => "Rated in part. r goes on with the ratings.",
        None => return with_pace("r rates these answers."),
    };
    (said.to_owned(), theme.quiet())
}

fn percent(progress: &Progress) -> u64 {
    (100 * progress.done).checked_div(progress.total).unwrap_or(0).min(100)
}

/// How much of a corpus that is being indexed is asked.
pub(super) fn growing(part: SoFar) -> String {
    let (documents, of) = (grouped(part.documents), grouped(part.of));
    format!("The index is still growing: questions are asked of {documents} of {of} documents.")
}

/// How fast both answers come or came together, and the share of the speed of memory at which their weights are read.
fn pace(app: &App) -> Option<String> {
    let open = app.open.as_ref()?;
    let (per_token, courses) = (open.per_token?, open.courses(app.now)?);
    let rate = together(courses)?;
    let share = per_token.read(courses).zip(app.memory).map(|(read, memory)| read / memory * 100.0);
    let share = share.map_or_else(String::new, |share| format!(", {share:.0} % of memory's speed"));
    Some(format!("Together {rate:.0} tokens/s{share}."))
}

fn hints(app: &App, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let mut hints = keys::hints(app.context());
    if app.running && app.open.is_some() {
        // While answers come, stopping them is what is wanted next.
        hints.retain(|(_, title)| *title != "rate");
        hints.insert(0, ("Esc", "stop"));
        hints.dedup_by_key(|(key, _)| *key);
    }
    let idle = out_of_place(app);
    hints.retain(|(_, title)| !idle.contains(title));
    put_hints(hints, theme, area, buffer);
}

/// As many keys with their titles as there is room for; of those left out, the help tells.
pub(in crate::tui) fn put_hints<K: AsRef<str>>(
    mut hints: Vec<(K, &'static str)>,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let mut x = area.x;
    // Help is worth a place on every screen.
    let help = hints.iter().position(|(_, title)| *title == "help").map(|at| hints.remove(at));
    let reserved = help.as_ref().map_or(0, |(key, title)| columns(key.as_ref()) + columns(title) + 3);
    let mut put = |key: &str, title: &str, x: &mut u16, limit: u16| {
        let needed = u16::try_from(columns(key) + columns(title) + 3).unwrap_or(u16::MAX);
        if x.saturating_add(needed) > limit {
            return false;
        }
        buffer.set_string(*x, area.y, key, theme.key());
        buffer.set_string(*x + columns(key) as u16 + 1, area.y, title, theme.quiet());
        *x += needed;
        true
    };
    let limit = area.right().saturating_sub(u16::try_from(reserved).unwrap_or(0)) + 1;
    for (key, title) in hints {
        if !put(key.as_ref(), title, &mut x, limit) {
            break;
        }
    }
    if let Some((key, title)) = help {
        put(key.as_ref(), title, &mut x, area.right() + 1);
    }
}

/// Which of the keys of a training or a study have nothing to do as it stands.
fn out_of_place(app: &App) -> &'static [&'static str] {
    match (&app.over, &app.training) {
        (Over::Training, Some(training)) => match training.phase {
            Phase::Stopping => &["stop", "go on", "put to work", "another"],
            Phase::Stopped | Phase::Failed(_) if training.made.is_empty() => &["stop", "put to work"],
            Phase::Stopped | Phase::Failed(_) => &["stop"],
            Phase::Made => &["stop", "go on"],
            _ => &["go on", "put to work", "another"],
        },
        (Over::Study, _) => match app.study.as_ref().map(|s| &s.stage) {
            Some(Stage::Preparing(_) | Stage::Answering(_)) => &["generate", "another"],
            Some(Stage::Stopping) => &["generate", "stop", "another"],
            Some(Stage::Ended) if app.study.as_ref().is_some_and(Studying::is_whole) => &["generate", "stop"],
            _ => &["stop"],
        },
        _ => &[],
    }
}

/// What is said in a window too small for the lab.
pub(in crate::tui) fn too_small(area: Rect, buffer: &mut Buffer) {
    let (width, height) = super::SMALLEST;
    let text = format!("juxta needs {width}×{height}");
    buffer.set_string(area.x, area.y, fit(&text, usize::from(area.width)), Style::new());
}
