//! The lab's screen as an SVG picture, made by really asking: what the README shows.

use super::app::{App, Message};
use super::runtime;
use super::theme::Theme;
use super::view;
use crate::compare::Pair;
use crate::config::Turns;
use crate::fault::{Fault, Result};
use crate::job::{Cancel, SILENT};
use crate::lab::{self, Asking, Lab};
use crate::study::{History, Journal};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use unicode_width::UnicodeWidthStr;

/// What to draw.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The question to ask.
    question: String,
    /// The corpus: an id, or the path of a corpus folder.
    #[arg(long, value_name = "ID")]
    corpus: Option<String>,
    /// The models.
    #[arg(long, value_name = "BASE,TUNED")]
    pair: Option<String>,
    /// Columns.
    #[arg(long, default_value_t = 120)]
    columns: u16,
    /// Rows.
    #[arg(long, default_value_t = 40)]
    rows: u16,
    /// The file to write.
    #[arg(short, value_name = "FILE")]
    output: PathBuf,
}

/// Asks, draws the screen and writes the picture.
///
/// # Errors
/// As asking, and a [`Fault`] if the file cannot be written.
pub fn run(data_dir: Option<&Path>, args: &Args) -> Result<()> {
    let lab = Lab::open(data_dir)?;
    let scratch = tempfile::tempdir().map_err(|e| Fault::io(&std::env::temp_dir(), "write to", &e))?;
    let journal = Journal::open(scratch.path(), "you")?;
    let mut start =
        runtime::start(&lab, args.corpus.as_deref(), args.pair.as_deref(), &journal, &History::default())?;
    "you".clone_into(&mut start.annotator);
    start.draft = crate::study::Draft::default();
    let corpus = start.corpus.clone();
    let (mut app, _) = App::new(start);
    let index = lab.index(&corpus, SILENT, &Cancel::new())?;
    app.update(Message::Indexed(corpus.manifest.id.clone(), Ok(index.passages())));
    app.update(Message::Paste(args.question.clone()));
    let enter = ratatui::crossterm::event::KeyCode::Enter.into();
    app.update(Message::Key(enter));
    let asking = Asking {
        question: args.question.clone(),
        pair: Pair::choose(&lab.models.registry(), args.pair.as_deref(), &corpus.manifest.id)?,
        corpus,
        k: lab.settings.retrieval.k,
        sampling: lab::sampling(&lab.settings.sampling)?,
        apart: lab.settings.engine.pair == Turns::Apart,
    };
    let events = Mutex::new(Vec::new());
    let trial = lab.ask(
        &asking,
        &index,
        &|event| events.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(event),
        &Cancel::new(),
    )?;
    for event in events.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        app.update(Message::Trial(event));
    }
    app.update(Message::TrialEnded(Ok(Some(Box::new(trial)))));
    let svg = svg(&frame(&mut app, Theme::new(true), args.columns, args.rows));
    crate::folder::replace(&args.output, svg.as_bytes())
}

/// The frame the lab would draw in a terminal of this size.
pub(super) fn frame(app: &mut App, theme: Theme, columns: u16, rows: u16) -> Buffer {
    if let Some(open) = &mut app.open {
        open.settle();
    }
    let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, rows));
    // Twice, so that what scrolling needs is known.
    for _ in 0..2 {
        let mut drawn = None;
        let Ok(_) = terminal.draw(|frame| drawn = Some(view::draw(app, theme, frame)));
        app.drawn = drawn.unwrap_or_default();
    }
    terminal.backend().buffer().clone()
}

const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 17.0;
const PAPER: &str = "#16181d";
const INK: &str = "#d8dbe2";

fn svg(buffer: &Buffer) -> String {
    let area = buffer.area;
    let (width, height) = (f64::from(area.width) * WIDTH + 16.0, f64::from(area.height) * HEIGHT + 16.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"ui-monospace, \
         'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">\n<title>The juxta lab</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{PAPER}\"/>\n"
    );
    for y in 0..area.height {
        let mut x = 0;
        while x < area.width {
            let cell = &buffer[(x, y)];
            let mut text = String::new();
            let mut end = x;
            while end < area.width && same_style(&buffer[(end, y)], cell) {
                let symbol = buffer[(end, y)].symbol();
                text.push_str(symbol);
                end += u16::try_from(symbol.width().max(1)).unwrap_or(1);
            }
            run_of(
                &mut out,
                &text,
                cell,
                f64::from(x) * WIDTH + 8.0,
                f64::from(y) * HEIGHT + 8.0,
                f64::from(end - x) * WIDTH,
            );
            x = end.max(x + 1);
        }
    }
    out.push_str("</svg>\n");
    out
}

fn same_style(a: &Cell, b: &Cell) -> bool {
    a.fg == b.fg && a.bg == b.bg && a.modifier == b.modifier
}

fn run_of(out: &mut String, text: &str, cell: &Cell, x: f64, y: f64, width: f64) {
    let (mut ink, mut paper) = (colour(cell.fg, INK), colour(cell.bg, "none"));
    if cell.modifier.contains(Modifier::REVERSED) {
        (ink, paper) = (PAPER, if ink == "none" { INK } else { ink });
    }
    // Writing into a string cannot fail.
    if paper != "none" {
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" fill=\"{paper}\"/>"
        );
    }
    if text.trim().is_empty() {
        return;
    }
    let mut style = String::new();
    let mut add = |on: Modifier, attribute: &str| {
        if cell.modifier.contains(on) {
            style.push_str(attribute);
        }
    };
    add(Modifier::BOLD, " font-weight=\"bold\"");
    add(Modifier::ITALIC, " font-style=\"italic\"");
    add(Modifier::UNDERLINED, " text-decoration=\"underline\"");
    add(Modifier::DIM, " opacity=\"0.6\"");
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{ink}\"{style} textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
         xml:space=\"preserve\">{text}</text>",
        y + 13.0
    );
}

fn colour(colour: Color, default: &'static str) -> &'static str {
    match colour {
        Color::Cyan => "#56c8d8",
        Color::Magenta => "#d68ae0",
        Color::Yellow => "#e5c76b",
        Color::Green => "#7ec98f",
        Color::Red => "#ef7a7a",
        _ => default,
    }
}
