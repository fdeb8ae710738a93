//! A report as a page: what is said, tables and charts, before any format. All formats and the terminal set this.

mod figures;
mod people;

use super::Report;
use super::words::{self, ABSENT, As, count, counted};
use crate::analysis::Figure;

/// A report as a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The study's title.
    pub title: String,
    /// What was looked at.
    pub seen: String,
    /// What must be known of where the judgments come from, a sentence each.
    pub remarks: Vec<String>,
    /// What it came to, a sentence each.
    pub found: Vec<String>,
    /// The parts, in order.
    pub sections: Vec<Section>,
}

/// What a section or a table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All figures of a corpus, or of all together.
    Scope,
    /// Mean ratings.
    Means,
    /// Changes against the baseline, and their tests.
    Changes,
    /// Verdicts and scores.
    Wins,
    /// What was found wrong.
    Errors,
    /// That there are no figures yet.
    Blind,
    /// How far annotators agree.
    Agreement,
    /// How each annotator judges, and how far they are.
    Annotators,
}

/// A part of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// What kind it is.
    pub part: Part,
    /// What it is about.
    pub title: String,
    /// What is said, a paragraph each.
    pub said: Vec<String>,
    /// Tables, each with the charts of the same figures.
    pub tables: Vec<Table>,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What kind it is.
    pub part: Part,
    /// What it shows.
    pub caption: String,
    /// The columns, the first of which name the row.
    pub head: Vec<String>,
    /// How many they are.
    pub words: usize,
    /// The rows.
    pub rows: Vec<Row>,
    /// Remarks that cells point to by superscript numbers, from 1.
    pub notes: Vec<String>,
    /// How its figures were made.
    pub methods: Vec<String>,
    /// The same figures to look at.
    pub chart: Option<Chart>,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// A heading for the rows below it.
    Group(String),
    /// As many cells as the head has.
    Cells(Vec<String>),
}

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub enum Chart {
    /// Values with their intervals on one axis.
    Intervals {
        /// What is shown.
        title: String,
        /// In groups.
        rows: Vec<Marked>,
        /// The ends of the axis.
        axis: (f64, f64),
        /// The value that it is about whether an interval holds it: zero for a difference.
        about: Option<f64>,
        /// Where the axis has marks of its own.
        guides: Vec<f64>,
    },
    /// Shares of a whole, side by side.
    Shares {
        /// What is shown.
        title: String,
        /// What the parts are.
        parts: Vec<String>,
        /// A label with a share of each part.
        rows: Vec<(String, Vec<f64>)>,
    },
}

/// A value of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Marked {
    /// What it belongs to; a heading where it changes.
    pub group: String,
    /// What it is of.
    pub label: String,
    /// The value; a row without a mark where it is absent.
    pub figure: Figure,
    /// How it is written.
    pub written: As,
}

impl Table {
    fn new(part: Part, caption: impl Into<String>, head: &[&str]) -> Self {
        Self {
            part,
            caption: caption.into(),
            head: head.iter().map(|h| (*h).to_owned()).collect(),
            words: 1,
            rows: Vec::new(),
            notes: Vec::new(),
            methods: Vec::new(),
            chart: None,
        }
    }

    fn group(&mut self, heading: impl Into<String>) {
        self.rows.push(Row::Group(heading.into()));
    }

    fn row(&mut self, cells: Vec<String>) {
        self.rows.push(Row::Cells(cells));
    }

    /// The cell of a figure; its note, or why it is absent, below the table.
    fn cell(&mut self, figure: &Figure, written: As) -> String {
        self.marked(figure, written.figure(figure))
    }

    /// The cell of an interval whose value stands elsewhere.
    fn ends(&mut self, figure: &Figure, written: As) -> String {
        match figure.interval() {
            Some(interval) => self.marked(figure, written.interval(&interval)),
            None => self.cell(figure, written),
        }
    }

    fn marked(&mut self, figure: &Figure, text: String) -> String {
        let note = match figure {
            Figure::Known(estimate) => {
                self.method(&estimate.method);
                estimate.note.as_deref()
            }
            Figure::Absent { why } => Some(why.as_ref()),
        };
        match note {
            Some(note) => format!("{text}{}", self.note(note)),
            None => text,
        }
    }

    /// The mark of a note; one that is there already is not said twice.
    fn note(&mut self, note: &str) -> String {
        let at = self.notes.iter().position(|n| n == note).unwrap_or_else(|| {
            self.notes.push(note.to_owned());
            self.notes.len() - 1
        });
        superscript(at + 1)
    }

    fn method(&mut self, method: &str) {
        if !self.methods.iter().any(|m| m == method) {
            self.methods.push(method.to_owned());
        }
    }
}

/// The number of a note.
pub(super) fn superscript(n: usize) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    n.to_string().bytes().map(|digit| DIGITS[usize::from(digit - b'0')]).collect()
}

/// How many observations a figure rests on.
fn n(figure: &Figure) -> String {
    figure.estimate().map_or(ABSENT.to_owned(), |e| count(e.n))
}

/// How many questions it rests on.
fn questions(figure: &Figure) -> String {
    figure.estimate().and_then(|e| e.clusters).map_or(ABSENT.to_owned(), count)
}

impl Page {
    /// The page of a report.
    pub fn of(report: &Report) -> Self {
        let mut sections = Vec::new();
        match &report.results {
            Some(scopes) => sections.extend(scopes.iter().map(|scope| figures::section(report, scope))),
            None => sections.push(Section {
                part: Part::Blind,
                title: "Results".into(),
                said: vec![
                    "The study is blind: there is no figure by contender until its blinding is taken off with \
                     `juxta study unblind`."
                        .into(),
                ],
                tables: Vec::new(),
            }),
        }
        sections.push(people::agreement(report));
        sections.push(people::annotators(report));
        sections.push(people::progress(report));
        sections.retain(|s| !(s.said.is_empty() && s.tables.is_empty()));
        let found =
            report.results.iter().flatten().flat_map(|s| words::sentences(&report.study, s)).collect();
        Self {
            title: report.study.title.clone(),
            seen: seen(report),
            remarks: report.remarks.clone(),
            found,
            sections,
        }
    }

    /// The table that a paper wants: corpus by contender by criterion.
    pub fn overview(report: &Report) -> Option<Table> {
        report.results.as_ref().map(|scopes| figures::overview(report, scopes))
    }

    /// How figures were made, for the end of a page.
    pub fn closing(report: &Report) -> String {
        let i = &report.intervals;
        format!(
            "Intervals are at {} unless said otherwise and not adjusted for their number. Bootstraps draw {} resamples \
             with the seed {} (ChaCha20). How many examples a contender was fine-tuned on is what its model's \
             card said when the study was planned, or else the number at the end of its name.",
            As::Share.value(i.level),
            count(i.resamples),
            i.seed
        )
    }
}

fn seen(report: &Report) -> String {
    let seen = &report.seen;
    if seen.judgments == 0 {
        return "Nothing was judged yet.".into();
    }
    let day =
        |at: Option<jiff::Timestamp>| at.map_or(String::new(), |at| at.strftime("%Y-%m-%d").to_string());
    let (from, to) = (day(seen.from), day(seen.to));
    let when = match (from.as_str(), to.as_str()) {
        ("", _) => String::new(),
        (from, to) if from == to => format!(", on {from}"),
        (from, to) => format!(", from {from} to {to}"),
    };
    let mut what = format!(
        "{} of {} on {} by {}{when}.",
        counted(seen.judgments, "judgment"),
        counted(seen.items, "item"),
        counted(seen.questions, "question"),
        counted(report.annotators.len(), "annotator"),
    );
    if seen.repeats > 0 {
        what += &format!(" {} more of items that came back.", count(seen.repeats));
    }
    for (number, said) in [
        (seen.reference_shown, "after a look at the reference answer"),
        (seen.flagged, "marked to be talked over"),
    ] {
        if number > 0 {
            what += &format!(" {} {said}.", count(number));
        }
    }
    what
}

impl Chart {
    /// What is shown.
    pub fn title(&self) -> &str {
        match self {
            Self::Intervals { title, .. } | Self::Shares { title, .. } => title,
        }
    }

    /// How it is read.
    pub fn key(&self) -> String {
        match self {
            Self::Shares { .. } => String::new(),
            Self::Intervals { about: Some(about), .. } => {
                let about = As::Whole.value(*about);
                format!("▲ the interval lies above {about}, ▼ below, ○ it holds {about}, or there is none.")
            }
            Self::Intervals { guides, .. } if !guides.is_empty() => {
                let guides: Vec<String> = guides.iter().map(|g| g.to_string()).collect();
                format!("Dashed: {}.", guides.join(" and "))
            }
            Self::Intervals { .. } => String::new(),
        }
    }
}

/// Round numbers between two ends: six steps at most.
pub fn ticks(low: f64, high: f64) -> Vec<f64> {
    let width = high - low;
    if !(width.is_finite() && width > 0.0) {
        return Vec::new();
    }
    let step = [0.2, 0.5, 1.0, 2.0, 5.0, 10.0].into_iter().find(|s| width / s <= 6.0).unwrap_or(width / 4.0);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|k| k as f64 * step).collect()
}
