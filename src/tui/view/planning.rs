//! The form that a study is planned with.

use super::form::{Lines, TITLE, inside};
use super::paint::{self, Painted};
use super::passages::wrapped;
use crate::text::{counted, grouped};
use crate::tui::app::{Asked, Line, PlanForm};
use crate::tui::theme::Theme;
use crate::tui::wrap::fit;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;

pub(super) fn draw(form: &PlanForm, theme: Theme, area: Rect, frame: &mut Frame<'_>) {
    let right = match (form.sheet.waiting, form.is_counted()) {
        (true, false) => "counting the questions",
        (true, true) => "making the folder",
        (false, _) if form.there.is_some() => "Enter opens it",
        (false, _) => "Enter makes the folder",
    };
    let below = match form.sheet.at {
        at if at.is_several() => "← → goes along, Space sets or removes, a all",
        Asked::Folder | Asked::Title => "type",
        at if at.is_typed() => "← → or type",
        _ => "← →",
    };
    let about = paint::Frame { title: "Plan a study", right, below, focused: true };
    let width = inside(area);
    let mut lines = Lines::default();
    for line in Asked::ALL {
        lines.add(&form.sheet, *line, &form.value(*line), &self::about(form, *line), theme, width);
        if *line == form.sheet.at {
            lines.all.extend(several(form, *line, theme, width));
        }
    }
    lines.all.push(Painted::default());
    lines.all.extend(passages(form, theme, width));
    lines.all.extend(sums(form, theme, width));
    lines.draw(&about, theme, area, frame);
}

/// What there is to set in a line of several.
fn several(form: &PlanForm, line: Asked, theme: Theme, width: usize) -> Vec<Painted> {
    let Some(several) = form.several(line) else { return Vec::new() };
    let row = |(n, (name, set)): (usize, &(String, bool))| {
        let mut painted = Painted::default();
        painted.push(&" ".repeat(TITLE), Style::new());
        painted.push(if *set { "● " } else { "○ " }, theme.key());
        let style = if n == several.at { theme.cursor() } else { Style::new() };
        painted.push(&fit(name, width.saturating_sub(TITLE + 2)), style);
        painted
    };
    several.all.iter().enumerate().map(row).collect()
}

/// What is said of a line.
fn about(form: &PlanForm, line: Asked) -> String {
    let of = form.choice(line).filter(|(_, all)| *all > 1).map(|(n, all)| format!(" · {n} of {all}"));
    let of = of.unwrap_or_default();
    match line {
        Asked::Folder => "a new folder for all of the study".to_owned(),
        Asked::Title => "made from the rest if left empty".to_owned(),
        Asked::Corpora | Asked::Against => String::new(),
        Asked::Split => format!("which of their questions{of}"),
        Asked::Questions => {
            let counts = form.counts();
            let there = counts.iter().map(|(id, count)| match count {
                None => format!("{id}: counting"),
                Some(Ok(n)) => format!("{id} has {}", grouped(*n as u64)),
                Some(Err(_)) => format!("{id} is not readable"),
            });
            let there = there.collect::<Vec<_>>().join(", ");
            if counts.len() > 1 { format!("from each corpus; {there}") } else { there }
        }
        Asked::Baseline => format!("each is compared with it{of}"),
        Asked::Annotators => "names with commas, or how many".to_owned(),
        Asked::Overlap => "the share that everyone judges".to_owned(),
        Asked::Repeat => "the share that comes back swapped".to_owned(),
        Asked::Seed => "decides draws, but not the sides".to_owned(),
    }
}

/// What questions get, which is chosen in the lab.
fn passages(form: &PlanForm, theme: Theme, width: usize) -> Vec<Painted> {
    let (k, ranking) = form.passages();
    let text = format!(
        "Each question gets {}, ranked {ranking}: as in the lab (+ - w there).",
        counted(k, "passage")
    );
    wrapped(&text, theme.quiet(), width)
}

/// What it comes to.
fn sums(form: &PlanForm, theme: Theme, width: usize) -> Vec<Painted> {
    let Some(sums) = form.sums() else { return Vec::new() };
    let who = match sums.annotators {
        1 => "One annotator gives".to_owned(),
        n => format!("Each of {n} annotators gives"),
    };
    let text = format!(
        "{} make {} to judge and {} to generate. {who} about {}.",
        counted(sums.questions, "question"),
        counted(sums.items, "item"),
        counted(sums.answers, "answer"),
        counted(sums.each, "judgment"),
    );
    wrapped(&text.replacen("1 question make ", "1 question makes ", 1), theme.quiet(), width)
}
