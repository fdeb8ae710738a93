//! Whole reports of a fixed study as snapshots, figures against the statistics called directly, and what must not
//! matter: sides, order, hostile names.

mod command;
#[path = "support/judged.rs"]
mod judged;
#[path = "support/study.rs"]
mod sample;
#[cfg(unix)]
mod support;

use command::Data;
use judged::{SMALL, swapped};
use juxta::analysis::bootstrap::{Ends, Plan, cluster, cluster_pairs, difference, mean};
use juxta::analysis::preference::{Record, shares_clustered};
use juxta::analysis::wilcoxon::{Zeros, signed_rank};
use juxta::export::{self, Export, Feed, Format, Options};
use juxta::report::{About, Elsewhere, Progress, Report, Scope, html, markdown, text};
use juxta::study::{Desk, Rated, Review, Showing, Study, Verdict};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

fn progress(about: &About) -> Vec<Progress> {
    let each =
        |name: &String| Progress { annotator: name.clone(), done: 80, total: 87, skipped: 2, flagged: 1 };
    about.annotators.iter().map(each).collect()
}

fn report(rated: &[Rated]) -> Report {
    let about = SMALL.about();
    Report::unblinded(&about, progress(&about), rated)
}

/// What is left of the small study where only those judgments are there that are kept.
fn part(keep: impl Fn(&Rated) -> bool) -> Vec<Rated> {
    SMALL.rated().into_iter().filter(|r| keep(r)).collect()
}

fn scope<'a>(report: &'a Report, corpus: &str) -> &'a Scope {
    let scopes = report.results.as_ref().expect("unblinded");
    scopes.iter().find(|s| s.corpus.as_deref() == Some(corpus)).expect("the corpus")
}

#[test]
fn the_whole_report_as_text() {
    insta::assert_snapshot!(text::write(&report(&SMALL.rated())));
}

#[test]
fn the_whole_report_as_markdown() {
    insta::assert_snapshot!(markdown::write(&report(&SMALL.rated())));
}

#[test]
fn the_whole_report_as_html() {
    insta::assert_snapshot!(html::write(&report(&SMALL.rated())));
}

#[test]
fn the_whole_report_as_json() {
    insta::assert_json_snapshot!(report(&part(
        |r| r.corpus == "law" && !r.contenders.contains(&"reader-tuned-500".into())
    )));
}

#[test]
fn a_report_of_one_annotator() {
    insta::assert_snapshot!(text::write(&report(&part(
        |r| r.annotator == "ada" && r.showing == Showing::First
    ))));
}

#[test]
fn a_report_of_one_contender_judged_against_the_baseline() {
    insta::assert_snapshot!(text::write(&report(&part(|r| {
        r.corpus == "law" && r.contenders.contains(&"reader-tuned-200".into())
    }))));
}

#[test]
fn a_report_of_a_single_judgment() {
    insta::assert_snapshot!(text::write(&report(&part(
        |r| r.item == "law-0-reader-tuned-200" && r.annotator == "ada"
    ))));
}

#[test]
fn a_report_of_nothing() {
    insta::assert_snapshot!(text::write(&report(&[])));
}

#[test]
fn ratings_that_are_missing_are_left_out_and_the_rest_counts() {
    let mut rated = SMALL.rated();
    for r in rated.iter_mut().filter(|r| r.annotator == "bob") {
        r.ratings[0].scores.remove("accuracy");
    }
    let (whole, some) = (report(&SMALL.rated()), report(&rated));
    let n = |report: &Report, at: usize| {
        let of = scope(report, "law").contenders[1].ratings[at].change.as_ref().map(|c| c.difference.clone());
        of.and_then(|f| f.estimate().map(|e| e.n))
    };
    assert_eq!((n(&whole, 0), n(&some, 0)), (Some(24), Some(12)), "accuracy by ada alone");
    assert_eq!(n(&whole, 1), n(&some, 1), "completeness by both");
}

#[test]
fn figures_are_those_of_the_statistics_called_directly() {
    let rated = SMALL.rated();
    let report = report(&rated);
    let tuned = "reader-tuned-1000";
    let plan = Plan { seed: 7, ..Plan::default() };
    let first: Vec<&Rated> = rated
        .iter()
        .filter(|r| r.showing == Showing::First && r.corpus == "law" && r.contenders.contains(&tuned.into()))
        .collect();
    let score = |r: &Rated, baseline: bool| {
        let side = usize::from((r.contenders[0] == tuned) == baseline);
        f64::from(r.ratings[side].scores["accuracy"])
    };
    let found = scope(&report, "law").contenders.iter().find(|c| c.name == tuned).expect("judged");
    let change = found.ratings[0].change.as_ref().expect("against the baseline");

    let own = cluster(first.iter().map(|r| (&r.question_id, score(r, false))));
    assert_eq!(found.ratings[0].mean, mean(&own, &plan, Ends::default()));
    let pairs = cluster_pairs(first.iter().map(|r| (&r.question_id, score(r, true), score(r, false))));
    assert_eq!(change.difference, difference(&pairs, &plan, Ends::default()));
    let differences: Vec<f64> = pairs.iter().map(|[a, b]| (b.total - a.total) / a.count as f64).collect();
    let test = signed_rank(&differences, Zeros::Pratt).expect("a test");
    assert_eq!(change.signed_rank.value(), test.p.value());
    assert_eq!(change.by_question, Record::of(&differences));

    let mut records: BTreeMap<&str, Record> = BTreeMap::new();
    for r in &first {
        let record = records.entry(&r.question_id).or_default();
        match r.verdict {
            Verdict::Tie | Verdict::BothBad => record.ties += 1,
            v if r.contenders[usize::from(v == Verdict::B)] == tuned => record.wins += 1,
            _ => record.losses += 1,
        }
    }
    let records: Vec<Record> = records.into_values().collect();
    let verdicts = found.verdicts.as_ref().expect("against the baseline");
    assert_eq!(verdicts.shares, shares_clustered(&records, 0.95));
    let bad = first.iter().filter(|r| r.verdict == Verdict::BothBad).count();
    assert_eq!(verdicts.both_bad, bad);
}

#[test]
fn an_item_that_came_back_changes_no_figure_of_a_contender() {
    let with = report(&SMALL.rated());
    let without = report(&part(|r| r.showing == Showing::First));
    assert_eq!(with.results, without.results);
    assert_eq!(with.agreement, without.agreement);
    assert!(with.everyone.expect("two").same_verdict.value().is_some());
    assert!(without.everyone.expect("two").same_verdict.value().is_none());
}

#[test]
fn an_item_judged_the_same_with_its_sides_swapped_counts_as_consistent() {
    let first = part(|r| r.showing == Showing::First && r.annotator == "ada");
    let mut rated = first.clone();
    rated.extend(first.iter().map(|r| Rated { showing: Showing::Swapped, ..swapped(r) }));
    let ada = &report(&rated).annotators[0];
    assert_eq!((ada.same_verdict.value(), ada.rating_shift.value()), (Some(1.0), Some(0.0)));
    assert_eq!(ada.twice, first.len());
}

#[test]
fn from_a_handful_of_questions_nothing_is_claimed() {
    let few = part(|r| r.corpus == "law" && ["q0", "q1", "q2"].contains(&r.question_id.as_str()));
    let told = text::write(&report(&few)).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("(3 questions are too few to tell)"), "{told}");
    assert!(!told.contains("raised accuracy") && !told.contains("lowered accuracy"), "{told}");
    assert!(told.contains("from fewer than 6 questions: the interval is too narrow to rely on"), "{told}");
}

#[test]
fn holm_makes_no_p_value_smaller_and_says_its_family() {
    let report = report(&SMALL.rated());
    let scope = scope(&report, "biomedicine");
    let changes: Vec<_> =
        scope.contenders.iter().flat_map(|c| &c.ratings).filter_map(|r| r.change.as_ref()).collect();
    assert_eq!(changes.len(), 6);
    for change in changes {
        assert!(change.signed_rank_adjusted.value() >= change.signed_rank.value());
        assert!(change.sign_adjusted.value() >= change.sign.value());
    }
    assert_eq!(scope.family_of_ratings, "the 6 tests of contenders and criteria on corpus biomedicine");
}

const HOSTILE: &str = "<script>alert(1)</script>\"'&|`*_[x](javascript:y)\n\u{1b}[31m\u{202e}</svg>";

#[test]
fn hostile_names_are_text_in_every_format() {
    let mut rated = SMALL.rated();
    for r in &mut rated {
        for name in r.contenders.iter_mut().filter(|c| c.as_str() == "reader-tuned-500") {
            *name = HOSTILE.into();
        }
        if r.annotator == "bob" {
            r.annotator = HOSTILE.into();
        }
        if r.corpus == "law" {
            r.corpus = HOSTILE.into();
        }
        r.ratings[0].tags.push(HOSTILE.into());
    }
    let mut about = SMALL.about();
    about.title = HOSTILE.into();
    let report = Report::unblinded(&about, progress(&about), &rated);
    let html = html::write(&report);
    for bad in ["<script", "\u{1b}", "\u{202e}", "\"'&"] {
        assert!(!html.contains(bad), "{bad:?}");
    }
    assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
    let markdown = markdown::write(&report);
    for bad in ["<script", "\u{1b}", "\u{202e}", "[x](", "'&|"] {
        assert!(!markdown.contains(bad), "{bad:?}");
    }
    let text = text::write(&report);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
}

#[test]
fn text_fits_eighty_columns_whatever_the_names() {
    let mut rated = SMALL.rated();
    for r in &mut rated {
        for name in r.contenders.iter_mut().filter(|c| c.as_str() != "reader") {
            name.insert_str(0, "東京-a-model-with-a-name-that-nobody-can-remember-");
        }
        r.annotator += "-of-the-department-of-long-names-and-titles-at-the-university";
    }
    for line in text::write(&report(&rated)).lines() {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= text::COLUMNS, "{line}");
    }
}

#[test]
fn html_needs_nothing_from_elsewhere_and_every_chart_is_described() {
    let html = html::write(&report(&SMALL.rated()));
    for bad in ["http://", "https://", "<script", "<link", "<img", "@import", "src="] {
        let found = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!found.contains(bad), "{bad}");
    }
    let charts = html.matches("<svg role=\"img\"").count();
    assert!(charts > 0);
    assert_eq!((html.matches("<title id=").count(), html.matches("<desc id=").count()), (charts, charts));
    let ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), ids.len(), "every id is there once");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn sides_and_the_order_of_judgments_and_annotators_do_not_matter(seed in any::<u64>()) {
        let rated = part(|r| r.corpus == "law");
        let mut other: Vec<Rated> = rated
            .iter()
            .enumerate()
            .map(|(n, r)| if (seed >> (n % 64)) & 1 == 1 { swapped(r) } else { r.clone() })
            .collect();
        other.rotate_left(usize::try_from(seed % rated.len() as u64).unwrap());
        other.reverse();
        let mut about = SMALL.about();
        about.annotators.reverse();
        let (there, turned) =
            (report(&rated), Report::unblinded(&about, progress(&about), &other));
        prop_assert_eq!(&there.results, &turned.results);
        prop_assert_eq!(&there.agreement.of, &turned.agreement.of);
        // Only who stood left is another matter once sides are swapped.
        for annotator in &there.annotators {
            let same = turned.annotators.iter().find(|a| a.name == annotator.name).expect("there");
            prop_assert_eq!(&annotator.same_verdict, &same.same_verdict);
            prop_assert_eq!(&annotator.rating_shift, &same.rating_shift);
            prop_assert_eq!(&annotator.pace, &same.pace);
        }
    }

    #[test]
    fn other_names_give_the_same_figures(number in 10usize..5_000) {
        let rated = part(|r| r.corpus == "law" && r.contenders.contains(&"reader-tuned-200".into()));
        let mut other = rated.clone();
        for r in &mut other {
            r.contenders.iter_mut().for_each(|c| *c = if c == "reader" { c.clone() } else { format!("x-{number}") });
            r.annotator.insert(0, 'x');
            r.question_id.push('z');
        }
        let figures = |report: &Report, name: &str| {
            let c = scope(report, "law").contenders.iter().find(|c| c.name == name).expect("there").clone();
            (c.ratings.into_iter().map(|r| (r.mean, r.change.map(|c| c.difference))).collect::<Vec<_>>(), c.verdicts.map(|v| v.shares))
        };
        prop_assert_eq!(figures(&report(&rated), "reader-tuned-200"), figures(&report(&other), &format!("x-{number}")));
    }
}

fn judge(dir: &Path, annotator: &str) {
    let mut desk = Desk::open(dir, annotator, false).expect("opened");
    for (n, slot) in desk.slots().to_vec().into_iter().enumerate() {
        let verdict = [Verdict::A, Verdict::B, Verdict::Tie, Verdict::BothBad][n % 4];
        let mut review: Review = sample::review(annotator, &slot, verdict);
        review.ratings[0].scores.insert("accuracy".into(), 1 + (n % 5) as u8);
        desk.append(review).expect("kept");
    }
}

#[test]
fn a_blind_study_reports_how_annotators_judge_and_names_no_contender() {
    let data = Data::new();
    let dir = data.path().join("paper");
    let study = sample::study(&dir, &["ada", "bob"]);
    judge(&dir, "ada");
    judge(&dir, "bob");
    let path = dir.to_str().expect("UTF-8");
    let page = data.path().join("blind.html");
    for (args, file) in [
        (vec![], None),
        (vec!["--markdown"], None),
        (vec!["--json"], None),
        (vec!["--html", page.to_str().expect("UTF-8")], Some(&page)),
    ] {
        let run = data.juxta(&[vec!["study", "report", path], args].concat());
        run.ok();
        let told = file.map_or_else(|| run.out.clone(), |f| std::fs::read_to_string(f).expect("written"));
        assert!(told.contains("gree") && told.contains("ada"), "{told}");
        let told = match run.args.contains(&"--json".to_owned()) {
            // JSON has the plan, which is public; but no figure.
            true => {
                assert!(run.json()["results"].is_null());
                String::new()
            }
            false => told,
        };
        assert!(sample::AGAINST.iter().all(|name| !told.contains(name)), "{told}");
    }
    study.unblind("planner").expect("unblinded");
    data.juxta(&["study", "report", path]).says(&["200 examples", "Mean ratings", "Krippendorff"]);
    let markdown = data.path().join("report.md");
    let markdown = markdown.to_str().expect("UTF-8");
    data.juxta(&["study", "report", path, "--markdown", "-o", markdown]).ok();
    data.juxta(&["study", "report", path, "--markdown", "-o", markdown])
        .refused(&["already there", "another name"]);
    data.juxta(&["study", "report", path, "--html", page.to_str().expect("UTF-8")])
        .refused(&["already there"]);
    let json = data.juxta(&["study", "report", path, "--json"]).json();
    assert_eq!(json["results"][0]["contenders"].as_array().map(Vec::len), Some(3));
    assert_eq!(json["intervals"]["seed"], 7);
}

/// Writes the small study's judgments, or some of them, as one of its exports.
fn exported(rated: &[Rated], format: Format, path: &Path) {
    let (plan, rubric, trials) = (SMALL.plan(), SMALL.rubric(), BTreeMap::new());
    let feed = Feed { plan: &plan, rubric: &rubric, items: &[], trials: &trials };
    let written = export::write(format, &Export::of_study(feed, rated), Options::default()).expect("written");
    std::fs::write(path, &written.files[0].bytes).expect("written");
}

#[test]
fn the_exports_of_a_study_give_its_own_figures_as_one_file_or_several() {
    let dir = tempfile::tempdir().expect("a folder");
    let whole = report(&SMALL.rated());
    for (format, ending) in [(Format::Csv, "csv"), (Format::Jsonl, "jsonl")] {
        let path = |name: &str| dir.path().join(format!("{name}.{ending}"));
        exported(&SMALL.rated(), format, &path("all"));
        exported(&part(|r| r.annotator == "ada"), format, &path("ada"));
        exported(&part(|r| r.annotator == "bob" || r.corpus == "law"), format, &path("rest"));
        for files in [vec![path("all")], vec![path("rest"), path("ada")]] {
            let several = files.len() > 1;
            let from = Elsewhere { files, ..Elsewhere::default() };
            let (found, problems) = Report::elsewhere(&from).expect("read");
            assert_eq!(problems, []);
            assert_eq!(found.results, whole.results, "{ending}");
            assert_eq!(found.agreement, whole.agreement, "{ending}");
            assert_eq!(
                (&found.annotators, &found.everyone, &found.seen, found.intervals),
                (&whole.annotators, &whole.everyone, &whole.seen, whole.intervals)
            );
            assert_eq!(found.study.title, "Judgments of made-up");
            let told = found.remarks.concat();
            assert_eq!(told.contains("there more than once, and counted once"), several, "{told}");
        }
    }
}

#[test]
fn figures_that_a_table_made_elsewhere_cannot_give_say_why() {
    let data = Data::new();
    let mut table = String::from("rater,prompt,model_a,model_b,winner,quality_a,quality_b\n");
    for n in 0..12 {
        for rater in ["ada", "bob"] {
            let (winner, better) = if n % 3 == 0 { ("old", 2) } else { ("model_b", 4) };
            table += &format!("{rater},q{n},old,new,{winner},3,{better}\n");
        }
    }
    let file = data.write("votes.csv", &table);
    let path = file.to_str().expect("UTF-8");
    let run = |more: &[&str]| {
        let columns =
            "annotator=rater,question=prompt,contender_a=model_a,contender_b=model_b,verdict=winner";
        data.juxta(&[&["study", "report", "--judgments", path, "--column", columns][..], more].concat())
    };
    run(&[]).refused(&[
        "votes.csv: found judgments that do not say who the baseline is",
        "--baseline with one of new, old",
    ]);
    run(&["--baseline", "nobody"]).refused(&["--baseline: found \"nobody\"; expected one of new, old"]);
    run(&["--baseline", "old", "--highest", "3"]).refused(&["found 4 given for quality", "degrees up to 3"]);
    let told = run(&["--baseline", "old"]);
    let words: Vec<&str> = told.ok().split_whitespace().collect();
    let words = words.join(" ");
    for said in [
        "Judgments of votes.csv",
        "24 judgments of 12 items on 12 questions by 2 annotators. Read from votes.csv.",
        "taken to be the highest degree given, quality at 4.",
        "Over all judgments, new did not clearly change quality",
        "it is not known in which order questions were judged",
        "nothing was timed",
        "the same answer always stood on the left",
        "No item came back",
    ] {
        assert!(words.contains(said), "{said:?} is not in {words}");
    }
    let json = run(&["--baseline", "old", "--json", "--highest", "5"]).json();
    let new = &json["results"][0]["contenders"][1];
    assert_eq!((&new["verdicts"]["shares"]["record"]["wins"], &new["judged"]), (&16.into(), &24.into()));
    assert_eq!(json["agreement"]["of"][1]["alpha"]["value"], 1.0, "they always agreed");
    assert!(json["results"][0]["contenders"][1]["ratings"][0]["change"]["any_time"]["absent"].is_string());
    assert_eq!(
        (&json["seen"]["from"], &json["study"]["criteria"][0]["highest"]),
        (&serde_json::Value::Null, &5.into())
    );

    let verdicts = table.replace(",quality_a,quality_b", "").replace(",3,2", "").replace(",3,4", "");
    data.write("votes.csv", &verdicts);
    let told = run(&["--baseline", "old"]);
    let words = told.ok().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("new won 16 and lost 8 of 24 comparisons, 0 tied, sign test p"), "{words}");
    assert!(!words.contains("Mean ratings"), "{words}");

    for args in [&["study", "report"][..], &["study", "report", "paper", "--judgments", path]] {
        let run = data.juxta(args);
        assert_eq!(run.code, Some(2), "{run:#?}");
        run.says(&["--judgments"]);
    }
    data.juxta(&["study", "report", "--judgments", "none-such.csv"])
        .refused(&["none-such.csv: found", "Check the path"]);
}

#[test]
fn a_study_without_answers_says_what_comes_first() {
    let data = Data::new();
    let dir = data.path().join("paper");
    sample::planned(&dir);
    data.juxta(&["study", "report", dir.to_str().expect("UTF-8")])
        .refused(&["without answers", "study generate"]);
    drop(Study::open(&dir).expect("still a study"));
}

#[test]
fn how_answers_were_made_is_told_once_the_blinding_is_off_and_so_is_what_was_judged_after_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let study = sample::study(dir.path(), &["ada"]);
    judge(dir.path(), "ada");
    let written = || {
        let (report, problems) = Report::of(&study).expect("a report");
        assert_eq!(problems, []);
        text::write(&report)
    };
    assert!(!written().contains("Answers as they were made"), "speed and length give contenders away");
    study.unblind("planner").expect("unblinded");
    let told = written();
    let (_, made) = told.split_once("Answers as they were made").expect("the table");
    let (made, _) = made.split_once("\n\n").expect("its end");
    insta::assert_snapshot!(made, @"
    , judged or not: medians
                  answers  words [95 %]  cut off  tokens/s [95 %]  n
    plain (base)        3           13¹        0             577¹  3
    200 examples        3           16¹        0             577¹  3
    500 examples        3           17¹        0             577¹  3
    ¹ no interval: too few values for this level
    Method: median, interval from order statistics
    ");
    assert!(!told.contains("after the blinding was taken off"), "{told}");
    assert_eq!(study.verify().expect("there").faults, []);

    let mut desk = Desk::open(dir.path(), "ada", false).expect("opened");
    assert!(desk.problems()[0].to_string().contains("no longer blind"), "{:?}", desk.problems());
    let slot = desk.slots()[0].clone();
    desk.append(sample::review("ada", &slot, Verdict::B)).expect("kept");
    let words = written().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("1 judgment made or amended after the blinding was taken off ("), "{words}");
    let faults = study.verify().expect("there").faults;
    assert!(faults[0].to_string().contains("found 1 review made after the blinding"), "{faults:?}");
}

#[cfg(unix)]
#[test]
fn results_open_in_a_terminal_blind_and_unblinded() {
    let data = Data::new();
    let dir = data.path().join("paper");
    let study = sample::study(&dir, &["ada", "bob"]);
    judge(&dir, "ada");
    judge(&dir, "bob");
    let open = || {
        let mut command = portable_pty::CommandBuilder::new(support::program());
        command.arg("--data-dir");
        command.arg(data.path());
        command.args(["study", "results"]);
        command.arg(&dir);
        support::environment(&mut command);
        support::Lab::start(command)
    };
    let mut blind = open();
    blind.wait_for("The study is blind");
    blind.keys("\t");
    blind.wait_for("Krippendorff's alpha");
    blind.keys("q");
    let (code, seen) = blind.end();
    assert_eq!(code, 0, "{seen}");
    assert!(sample::AGAINST.iter().all(|name| !seen.contains(name)), "{seen}");

    study.unblind("planner").expect("unblinded");
    let mut results = open();
    results.wait_for("fine-tuning on 200 examples");
    results.keys("3");
    results.wait_for("signed-rank p");
    results.keys("?");
    results.wait_for("Go to a part by its number.");
    results.keys("\u{1b}");
    results.wait("the help closed", |rows| !rows.show("Go to a part by its number."));
    results.keys("q");
    let (code, seen) = results.end();
    assert_eq!(code, 0, "{seen}");
    data.juxta(&["study", "results", dir.to_str().expect("UTF-8")]).refused(&["a terminal", "study report"]);

    let csv = data.path().join("paper.csv");
    let csv = csv.to_str().expect("UTF-8");
    data.juxta(&["export", dir.to_str().expect("UTF-8"), "--format", "csv", "-o", csv]).ok();
    let elsewhere = |file: &str| {
        let mut command = portable_pty::CommandBuilder::new(support::program());
        command.arg("--data-dir");
        command.arg(data.path());
        command.args(["study", "results", "--judgments", file]);
        support::environment(&mut command);
        support::Lab::start(command)
    };
    let mut results = elsewhere(csv);
    results.wait("figures and where they are from", |rows| {
        rows.show("Judgments of kitchen-sink")
            && rows.show("Read from paper.csv.")
            && rows.show("200 examples")
    });
    results.keys("q");
    assert_eq!(results.end().0, 0);
    let mut nothing = elsewhere("none-such.csv");
    nothing.wait_for("none-such.csv: found");
    nothing.keys("q");
    assert_eq!(nothing.end().0, 0);
}
