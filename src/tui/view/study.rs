//! A study: what was planned, how far its answers are, and how to go on.

use super::overlays::{middle, opened};
use super::paint::{self, Painted};
use super::passages::{bar, wrapped};
use crate::lab::Failed;
use crate::text::{counted, grouped, one_line};
use crate::tui::app::{Made, Stage, Studying, quoted};
use crate::tui::theme::Theme;
use crate::tui::wrap::{columns, fit};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::collections::BTreeMap;

/// Annotators that are named one by one.
const NAMED: usize = 5;

pub(super) fn draw(study: &Studying, theme: Theme, area: Rect, frame: &mut Frame<'_>) {
    let area = middle(area, 120);
    let title = format!("Study · {}", study.made.title);
    let about = paint::Frame { title: &title, right: state(study), below: "", focused: true };
    let inside = opened(&about, theme, area, frame);
    let width = usize::from(inside.width);
    let mut lines = Vec::new();
    // What went wrong is worth more than what was planned.
    if let Stage::Failed(fault) = &study.stage {
        lines.extend(wrapped(&fault.to_string(), theme.fault(), width));
        lines.extend(wrapped(
            "What was answered is kept: g tries again, and goes on from there.",
            theme.quiet(),
            width,
        ));
        lines.push(Painted::default());
    }
    lines.extend(planned(&study.made, theme, width));
    lines.push(Painted::default());
    lines.extend(progress(study, theme, width));
    lines.extend(failures(&study.failures, theme, width));
    lines.extend(next(study, theme, width));
    paint::lines(&lines, 0, theme, inside, frame.buffer_mut());
}

fn state(study: &Studying) -> &'static str {
    match study.stage {
        Stage::Planned => "planned",
        Stage::Preparing(_) => "preparing",
        Stage::Answering(_) => "generating",
        Stage::Stopping => "stopping",
        Stage::Stopped => "stopped",
        Stage::Failed(_) => "failed",
        Stage::Ended if study.is_whole() => "ready for review",
        Stage::Ended => "answers missing",
    }
}

fn planned(made: &Made, theme: Theme, width: usize) -> Vec<Painted> {
    let mut lines = Vec::new();
    let mut line = |title: &str, text: &str| {
        for (n, row) in crate::tui::wrap::wrap(text, width.saturating_sub(12)).iter().enumerate() {
            let title = if n == 0 { title } else { "" };
            lines.push(Painted::row((&format!("{title:<12}"), theme.quiet()), row, |_| Style::new()));
        }
    };
    line("folder", &made.dir.display().to_string());
    line(
        "to judge",
        &format!("{} on {}", counted(made.planned, "item"), counted(made.questions, "question")),
    );
    line("annotators", &made.annotators.join(", "));
    if let Some(commitment) = &made.commitment {
        line("sides", &format!("sealed, committed to as {}", &commitment[..commitment.len().min(16)]));
    }
    lines
}

/// How far the answers are.
fn progress(study: &Studying, theme: Theme, width: usize) -> Vec<Painted> {
    let all = study.made.answers;
    let mut lines = Vec::new();
    if study.stage == Stage::Planned {
        return lines;
    }
    let mut text = match study.done {
        _ if study.is_whole() => format!("100 %  all {} are there", counted(all, "answer")),
        Some(done) => {
            format!("{:>3} %  {} of {}", study.percent(), grouped(done as u64), counted(all, "answer"))
        }
        None => format!("{} of {} items are there", study.made.items, study.made.planned),
    };
    if study.failed > 0 {
        text += &format!(" · {} failed", grouped(study.failed as u64));
    }
    let mut line = Painted::default();
    let length = width.saturating_sub(columns(&text) + 1).min(40);
    if length >= 8 {
        let (done, all) = if study.is_whole() { (1, 1) } else { (study.done.unwrap_or(0), all) };
        line.push(&bar(done as u64, all.max(1) as u64, length), Style::new());
        line.push(" ", Style::new());
    }
    line.push(&fit(&text, width), theme.key());
    lines.push(line);
    let doing = match &study.stage {
        Stage::Preparing(None) => "getting ready".to_owned(),
        Stage::Preparing(Some(p)) if p.total > 0 => {
            format!("{}: {} of {}", p.doing, grouped(p.done), grouped(p.total))
        }
        Stage::Preparing(Some(p)) | Stage::Answering(p) => p.doing.clone(),
        _ => String::new(),
    };
    if !doing.is_empty() {
        lines.extend(wrapped(&one_line(&doing), Style::new(), width));
    }
    lines
}

/// Which answers failed, each reason once: one reason often fails a model's every answer.
fn failures(failures: &[Failed], theme: Theme, width: usize) -> Vec<Painted> {
    let mut reasons: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for one in failures {
        *reasons.entry((&one.contender, &one.why)).or_default() += 1;
    }
    let told = |((contender, why), n): (&(&str, &str), &usize)| {
        wrapped(&one_line(&format!("{} of {contender}: {why}", counted(*n, "answer"))), theme.fault(), width)
    };
    reasons.iter().flat_map(told).collect()
}

/// What can be done next.
fn next(study: &Studying, theme: Theme, width: usize) -> Vec<Painted> {
    let folder = study.made.folder();
    let mut lines = Vec::new();
    let mut say = |text: &str, style| lines.extend(wrapped(text, style, width));
    match &study.stage {
        Stage::Planned => {
            let answers = counted(study.made.answers, "answer");
            say(&format!("g generates all {answers} now, in the background."), theme.key());
            say(
                "Before that, study.toml and rubric.toml in the folder may be edited as you like; then they are fixed.",
                theme.quiet(),
            );
        }
        Stage::Preparing(_) | Stage::Answering(_) => {
            say(
                "Esc goes back to asking while it goes on. x stops it; what was answered is kept.",
                theme.quiet(),
            );
        }
        Stage::Stopping => say("Stopping within a token.", theme.quiet()),
        Stage::Stopped => {
            say("Stopped. What was answered is kept: g goes on from there.", theme.key());
        }
        Stage::Failed(_) => {}
        Stage::Ended if !study.is_whole() => {
            say("g tries again what failed. What is there can be reviewed:", theme.key());
        }
        Stage::Ended => say("Every answer is there. To review, in another terminal:", theme.good()),
    }
    if study.stage == Stage::Ended {
        let names = &study.made.annotators;
        for name in names.iter().take(NAMED) {
            say(&format!("  juxta review {folder} --annotator {}", quoted(name)), theme.key());
        }
        if names.len() > NAMED {
            say(&format!("  and so on, for {} annotators", names.len()), theme.quiet());
        }
        say(
            &format!(
                "Who sits elsewhere gets a folder of their own, without the seals: juxta study hand-out {folder} \
                 --annotator NAME --to FOLDER"
            ),
            theme.quiet(),
        );
    }
    lines
}
