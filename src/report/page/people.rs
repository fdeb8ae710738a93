//! The tables of annotators: nothing in them needs to know who answered.

use super::{Chart, Marked, Part, Section, Table, n};
use crate::report::Report;
use crate::report::reviewing::{Annotator, VERDICT};
use crate::report::words::{ABSENT, As, count};

/// What Krippendorff asks for, tentatively and firmly.
const ALPHA_GUIDES: [f64; 2] = [0.667, 0.8];

/// The name of a criterion, or the verdict.
fn called(report: &Report, on: &str) -> String {
    let criterion = report.study.criteria.iter().find(|c| c.id == on);
    match criterion {
        Some(criterion) => criterion.name.clone(),
        None if on == VERDICT => "Verdict".to_owned(),
        None => on.to_owned(),
    }
}

pub(super) fn agreement(report: &Report) -> Section {
    let title = "Agreement".to_owned();
    if report.agreement.pairs.is_empty() {
        let why = "No item was judged by two annotators, so there is no agreement to be told.";
        return Section { part: Part::Agreement, title, said: vec![why.into()], tables: Vec::new() };
    }
    let level = As::Share.value(report.intervals.level);
    let alpha = format!("alpha [{level}]");
    let equal = format!("equal [{level}]");
    let mut all = Table::new(
        Part::Agreement,
        "All annotators: Krippendorff's alpha",
        &["", &alpha, "ratings", &equal, "pairs"],
    );
    let mut marks = Vec::new();
    for agreed in &report.agreement.of {
        let label = called(report, &agreed.on);
        let cells = vec![
            label.clone(),
            all.cell(&agreed.alpha, As::Number),
            n(&agreed.alpha),
            all.cell(&agreed.per_cent, As::Share),
            n(&agreed.per_cent),
        ];
        all.row(cells);
        marks.push(Marked { group: String::new(), label, figure: agreed.alpha.clone(), written: As::Number });
    }
    let lowest = marks.iter().filter_map(|m| m.figure.interval()).map(|i| i.low).fold(0.0, f64::min);
    all.chart = Some(Chart::Intervals {
        title: "Krippendorff's alpha".into(),
        rows: marks,
        axis: ((lowest * 5.0).floor() / 5.0, 1.0),
        about: None,
        guides: ALPHA_GUIDES.to_vec(),
    });
    let kappa = format!("kappa [{level}]");
    let mut pairs = Table::new(Part::Agreement, "Two annotators: Cohen's kappa", &["", &kappa, &equal, "n"]);
    for pair in &report.agreement.pairs {
        let [a, b] = &pair.annotators;
        pairs.group(format!("{a} and {b}"));
        for on in &pair.of {
            let cells = vec![
                called(report, &on.on),
                pairs.cell(&on.kappa, As::Number),
                pairs.cell(&on.per_cent, As::Share),
                n(&on.per_cent),
            ];
            pairs.row(cells);
        }
    }
    Section { part: Part::Agreement, title, said: Vec::new(), tables: vec![all, pairs] }
}

pub(super) fn annotators(report: &Report) -> Section {
    let title = "Annotators".to_owned();
    if report.annotators.is_empty() {
        return Section { part: Part::Annotators, title, said: Vec::new(), tables: Vec::new() };
    }
    let level = As::Share.value(report.intervals.level);
    let all: Vec<&Annotator> = report.annotators.iter().chain(&report.everyone).collect();
    let (left, median) = (format!("left [{level}]"), format!("seconds, median [{level}]"));
    let mut leaning = Table::new(
        Part::Annotators,
        "Verdicts for the left, and pace",
        &["", "judged", &left, "n", "p", &median],
    );
    for a in &all {
        let cells = vec![
            a.name.clone(),
            count(a.judgments),
            leaning.cell(&a.left.share, As::Share),
            n(&a.left.share),
            leaning.cell(&a.left.p, As::Probability),
            leaning.cell(&a.pace.median, As::Whole),
        ];
        leaning.row(cells);
    }
    let (same, apart) = (format!("same verdict [{level}]"), format!("ratings apart by [{level}]"));
    let mut twice = Table::new(
        Part::Annotators,
        "Items that came back with the sides swapped",
        &["", "judged twice", &same, &apart],
    );
    if report.seen.repeats > 0 {
        for a in &all {
            let cells = vec![
                a.name.clone(),
                count(a.twice),
                twice.cell(&a.same_verdict, As::Share),
                twice.cell(&a.rating_shift, As::Number),
            ];
            twice.row(cells);
        }
    }
    let said = match report.seen.repeats {
        0 => vec!["No item came back, so nothing is known of how consistent annotators are.".to_owned()],
        _ => Vec::new(),
    };
    let tables = [leaning, twice].into_iter().filter(|t| !t.rows.is_empty()).collect();
    Section { part: Part::Annotators, title, said, tables }
}

pub(super) fn progress(report: &Report) -> Section {
    let mut table = Table::new(
        Part::Annotators,
        "Places in everyone's list",
        &["", "judged", "of", "skipped", "flagged"],
    );
    for p in &report.progress {
        let share = |n: usize| if p.total == 0 { ABSENT.to_owned() } else { count(n) };
        let cells =
            vec![p.annotator.clone(), count(p.done), share(p.total), count(p.skipped), count(p.flagged)];
        table.row(cells);
    }
    let tables = if table.rows.is_empty() { Vec::new() } else { vec![table] };
    Section { part: Part::Annotators, title: "Progress".into(), said: Vec::new(), tables }
}
