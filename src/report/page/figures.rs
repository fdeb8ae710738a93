//! The tables and charts of contenders.

use super::{Chart, Marked, Part, Row, Section, Table, n, questions};
use crate::analysis::Figure;
use crate::report::scope::{OfContender, Scope};
use crate::report::words::{ABSENT, As, count, counted};
use crate::report::{About, Report};

/// How the level of all intervals is written in a head.
fn level(report: &Report) -> String {
    format!("[{}]", As::Share.value(report.intervals.level))
}

/// What a scope is called.
fn place<'a>(report: &'a Report, scope: &'a Scope) -> &'a str {
    let all = if report.study.corpora.is_empty() { "All judgments" } else { "All corpora together" };
    scope.corpus.as_deref().unwrap_or(all)
}

/// The same within a sentence.
fn on(report: &Report, scope: &Scope) -> String {
    match &scope.corpus {
        Some(corpus) => format!("on {corpus}"),
        None if report.study.corpora.is_empty() => "over all judgments".to_owned(),
        None => "over all corpora".to_owned(),
    }
}

/// The criteria: index and name.
fn each(about: &About) -> impl Iterator<Item = (usize, &str)> {
    about.criteria.iter().enumerate().map(|(n, c)| (n, c.name.as_str()))
}

pub(super) fn section(report: &Report, scope: &Scope) -> Section {
    let title = place(report, scope).to_owned();
    if scope.judgments == 0 {
        return Section {
            part: Part::Scope,
            title,
            said: vec!["Nothing was judged.".into()],
            tables: Vec::new(),
        };
    }
    let said = vec![format!(
        "{} of {}.",
        counted(scope.judgments, "judgment"),
        counted(scope.questions, "question")
    )];
    let mut tables = vec![means(report, scope)];
    if scope.contenders.len() > 1 {
        tables.extend([
            changes(report, scope),
            tests(report, scope),
            verdicts(report, scope),
            strengths(report, scope),
        ]);
    }
    tables.push(made(report, scope));
    tables.push(tags(report, scope));
    tables.push(evidence(report, scope));
    tables.retain(|t| !t.rows.is_empty());
    Section { part: Part::Scope, title, said, tables }
}

fn means(report: &Report, scope: &Scope) -> Table {
    let head = format!("mean {}", level(report));
    let mut table = Table::new(Part::Means, "Mean ratings", &["", &head, "judgments", "questions"]);
    let mut marks = Vec::new();
    let mut top = 2.0_f64;
    for (criterion, name) in each(&report.study) {
        let highest = report.study.criteria[criterion].highest;
        top = top.max(f64::from(highest));
        let group = format!("{name}, 1 to {highest}");
        table.group(&group);
        for contender in &scope.contenders {
            let mean = &contender.ratings[criterion].mean;
            let cell = table.cell(mean, As::Number);
            table.row(vec![contender.label.clone(), cell, n(mean), questions(mean)]);
            marks.push(Marked {
                group: group.clone(),
                label: contender.label.clone(),
                figure: mean.clone(),
                written: As::Number,
            });
        }
    }
    table.chart = Some(Chart::Intervals {
        title: format!("Mean ratings {}", on(report, scope)),
        rows: marks,
        axis: (1.0, top),
        about: None,
        guides: Vec::new(),
    });
    table
}

/// A slow model's speed needs its decimals.
fn speed_of(speed: &Figure) -> As {
    if speed.value().is_some_and(|s| s < 20.0) { As::Number } else { As::Whole }
}

/// How the answers were made that were judged so.
fn made(report: &Report, scope: &Scope) -> Table {
    let (words, speed) = (format!("words {}", level(report)), format!("tokens/s {}", level(report)));
    let mut table = Table::new(
        Part::Means,
        "Answers as they were made, judged or not: medians",
        &["", "answers", &words, "cut off", &speed, "n"],
    );
    for contender in &scope.contenders {
        let Some(made) = &contender.made else { continue };
        let cells = vec![
            contender.label.clone(),
            count(made.answers),
            table.cell(&made.words, As::Whole),
            count(made.cut_off),
            table.cell(&made.tokens_per_second, speed_of(&made.tokens_per_second)),
            n(&made.tokens_per_second),
        ];
        table.row(cells);
    }
    table
}

/// The contenders that are compared with the baseline.
fn others(scope: &Scope) -> impl Iterator<Item = &OfContender> {
    scope.contenders.iter().skip(1)
}

fn changes(report: &Report, scope: &Scope) -> Table {
    let base = report.study.baseline();
    let head = format!("change {}", level(report));
    let any_time = format!("at any time {}", level(report));
    let caption = format!("Change against {base}: above zero is better");
    let mut table = Table::new(Part::Changes, caption, &["", &head, &any_time, "more questions", "n"]);
    let (mut marks, mut reach) = (Vec::new(), 0.5_f64);
    for (criterion, name) in each(&report.study) {
        table.group(name);
        for contender in others(scope) {
            let Some(change) = &contender.ratings[criterion].change else { continue };
            let cells = vec![
                contender.label.clone(),
                table.cell(&change.difference, As::Signed),
                table.ends(&change.any_time, As::Signed),
                table.cell(&change.more_questions, As::Whole),
                n(&change.difference),
            ];
            table.row(cells);
            if let Some(interval) = change.difference.interval() {
                reach = reach.max(interval.low.abs()).max(interval.high.abs());
            }
            marks.push(Marked {
                group: name.to_owned(),
                label: contender.label.clone(),
                figure: change.difference.clone(),
                written: As::Signed,
            });
        }
    }
    let reach = (reach * 1.05 * 2.0).ceil() / 2.0;
    table.chart = Some(Chart::Intervals {
        title: format!("Change against {base} {}", on(report, scope)),
        rows: marks,
        axis: (-reach, reach),
        about: Some(0.0),
        guides: Vec::new(),
    });
    table
}

fn tests(report: &Report, scope: &Scope) -> Table {
    let caption = format!(
        "Questions rated above, like and below {}, by the mean over annotators",
        report.study.baseline()
    );
    let mut table = Table::new(
        Part::Changes,
        caption,
        &["", "above", "like", "below", "signed-rank p", "Holm", "sign p", "Holm"],
    );
    for (criterion, name) in each(&report.study) {
        table.group(name);
        for contender in others(scope) {
            let Some(change) = &contender.ratings[criterion].change else { continue };
            let r = change.by_question;
            let cells = vec![
                contender.label.clone(),
                count(r.wins),
                count(r.ties),
                count(r.losses),
                table.cell(&change.signed_rank, As::Probability),
                As::Probability.figure(&change.signed_rank_adjusted),
                table.cell(&change.sign, As::Probability),
                As::Probability.figure(&change.sign_adjusted),
            ];
            table.row(cells);
        }
    }
    table.method(&format!("Holm: signed-rank and sign tests each within {}", scope.family_of_ratings));
    table
}

fn verdicts(report: &Report, scope: &Scope) -> Table {
    let base = report.study.baseline();
    let head = format!("share {}", level(report));
    let mut table = Table::new(Part::Wins, format!("Verdicts against {base}"), &["", "count", "of", &head]);
    let mut bars = Vec::new();
    for contender in others(scope) {
        let Some(verdicts) = &contender.verdicts else { continue };
        let (shares, bad) = (&verdicts.shares, verdicts.both_bad);
        let r = shares.record;
        table.group(&contender.label);
        if r.n() == 0 {
            let cell = table.cell(&shares.wins, As::Share);
            table.row(vec!["verdicts".into(), "0".into(), "0".into(), cell]);
            continue;
        }
        let rows = [
            ("wins", count(r.wins), r.n(), &shares.wins),
            ("ties, both bad among them", count(r.ties), r.n(), &shares.ties),
            ("both bad", count(bad), r.n(), &verdicts.both_bad_share),
            ("losses", count(r.losses), r.n(), &shares.losses),
            ("wins without ties", count(r.wins), r.wins + r.losses, &shares.without_ties),
            ("wins, a tie as half", halves(2 * r.wins + r.ties), r.n(), &shares.with_ties),
        ];
        for (what, times, of, share) in rows {
            let cell = table.cell(share, As::Share);
            table.row(vec![what.into(), times, count(of), cell]);
        }
        let p = table.cell(&shares.sign, As::Probability);
        let adjusted = As::Probability.figure(&verdicts.sign_adjusted);
        let of = shares.sign.estimate().map_or(0, |e| e.n);
        table.row(vec![
            "sign test by question".into(),
            ABSENT.into(),
            count(of),
            format!("p {p}, Holm {adjusted}"),
        ]);
        let share = |times: usize| times as f64 / r.n() as f64;
        bars.push((
            contender.label.clone(),
            vec![share(r.wins), share(r.ties - bad), share(bad), share(r.losses)],
        ));
    }
    table.method(&format!("Holm within {}", scope.family_of_verdicts));
    if !bars.is_empty() {
        table.chart = Some(Chart::Shares {
            title: format!("Verdicts against {base} {}", on(report, scope)),
            parts: ["wins", "ties", "both bad", "losses"].map(str::to_owned).to_vec(),
            rows: bars,
        });
    }
    table
}

/// A number of halves.
fn halves(n: usize) -> String {
    if n.is_multiple_of(2) { count(n / 2) } else { format!("{}.5", count(n / 2)) }
}

fn strengths(report: &Report, scope: &Scope) -> Table {
    let head = format!("score {}", level(report));
    let mut table = Table::new(Part::Wins, "Bradley-Terry scores", &["", &head, "comparisons"]);
    // Two contenders: nothing that the verdicts do not say.
    if scope.contenders.iter().filter(|c| c.judged > 0).count() < 3 {
        return table;
    }
    let (mut marks, mut reach) = (Vec::new(), 0.5_f64);
    for contender in &scope.contenders {
        let cell = table.cell(&contender.strength, As::Signed);
        table.row(vec![contender.label.clone(), cell, n(&contender.strength)]);
        if let Some(interval) = contender.strength.interval() {
            reach = reach.max(interval.low.abs()).max(interval.high.abs());
        }
        marks.push(Marked {
            group: String::new(),
            label: contender.label.clone(),
            figure: contender.strength.clone(),
            written: As::Signed,
        });
    }
    let reach = (reach * 1.05 * 2.0).ceil() / 2.0;
    table.chart = Some(Chart::Intervals {
        title: format!("Bradley-Terry scores {}", on(report, scope)),
        rows: marks,
        axis: (-reach, reach),
        about: Some(0.0),
        guides: Vec::new(),
    });
    table
}

fn tags(report: &Report, scope: &Scope) -> Table {
    let head = format!("share {}", level(report));
    let mut table =
        Table::new(Part::Errors, "What was found wrong with answers", &["", "answers", "of", &head]);
    for (at, tag) in report.study.tags.iter().enumerate() {
        if scope.contenders.iter().all(|c| c.tags[at].count == 0) {
            continue;
        }
        table.group(tag);
        for contender in scope.contenders.iter().filter(|c| c.judged > 0) {
            let tagged = &contender.tags[at];
            let cell = table.cell(&tagged.share, As::Share);
            table.row(vec![contender.label.clone(), count(tagged.count), count(contender.judged), cell]);
        }
    }
    table
}

fn evidence(report: &Report, scope: &Scope) -> Table {
    let head = format!("without, share {}", level(report));
    let mut table = Table::new(
        Part::Errors,
        "Sentences marked, by what the passages say to them",
        &["", "with a passage", "without", &head],
    );
    if scope.contenders.iter().all(|c| c.evidence.supported + c.evidence.unsupported == 0) {
        return table;
    }
    for contender in scope.contenders.iter().filter(|c| c.judged > 0) {
        let e = &contender.evidence;
        let cell = table.cell(&e.unsupported_share, As::Share);
        table.row(vec![contender.label.clone(), count(e.supported), count(e.unsupported), cell]);
    }
    table
}

/// Corpus by contender by criterion: what a paper shows.
pub(super) fn overview(report: &Report, scopes: &[Scope]) -> Table {
    let (mean, change) = (format!("mean {}", level(report)), format!("change {}", level(report)));
    let mut table = Table::new(
        Part::Scope,
        format!(
            "Ratings by corpus, contender and criterion, and their change against {}",
            report.study.baseline()
        ),
        &["corpus", "contender", "criterion", &mean, &change, "p (Holm)", "judgments", "questions"],
    );
    table.words = 3;
    for scope in scopes.iter().filter(|s| s.judgments > 0) {
        for contender in &scope.contenders {
            for (criterion, name) in each(&report.study) {
                let rating = &contender.ratings[criterion];
                let mean = table.cell(&rating.mean, As::Number);
                let [change, p] = match &rating.change {
                    None => [String::new(), String::new()],
                    Some(change) => [
                        table.cell(&change.difference, As::Signed),
                        table.cell(&change.signed_rank_adjusted, As::Probability),
                    ],
                };
                table.rows.push(Row::Cells(vec![
                    place(report, scope).to_owned(),
                    contender.label.clone(),
                    name.to_owned(),
                    mean,
                    change,
                    p,
                    n(&rating.mean),
                    questions(&rating.mean),
                ]));
            }
        }
    }
    table
}
