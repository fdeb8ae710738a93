use super::fixture::{Fixture, HOSTILE};
use super::*;
use crate::compare::Side;
use crate::study::{Evidence, Marks, PassageSpan, Rated, Showing, Verdict};
use clap::ValueEnum;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;

fn written(format: Format, export: &Export<'_>) -> Written {
    write(format, export, Options::default()).expect("written")
}

fn text(file: &File) -> &str {
    std::str::from_utf8(&file.bytes).expect("UTF-8")
}

fn lines(format: Format, export: &Export<'_>) -> Vec<Value> {
    let written = written(format, export);
    text(&written.files[0]).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect()
}

fn csv_read(text: &str, place: &str) -> Result<Read> {
    read_csv(text, place, &Renamed::default())
}

fn jsonl_read(text: &str, place: &str) -> Result<Read> {
    read_jsonl(text, place, &Renamed::default())
}

/// The whole of an export: `tests/reference/exports.py` has the tools themselves read these very bytes.
#[test]
fn every_format_is_written_whole() {
    let fixture = Fixture::new();
    for format in Format::value_variants() {
        let written = written(*format, &fixture.export());
        for file in &written.files {
            let name = format!("{}__{}", format.name(), file.name.replace('/', "_"));
            insta::assert_snapshot!(name, text(file));
        }
        let left_out: Vec<String> = written.left_out.iter().map(|(why, n)| format!("{n} {why}")).collect();
        if !left_out.is_empty() {
            insta::assert_snapshot!(format!("{}__left_out", format.name()), left_out.join("\n"));
        }
    }
}

#[test]
fn no_export_holds_what_a_terminal_would_obey() {
    let fixture = Fixture::new();
    for format in Format::value_variants() {
        for file in &written(*format, &fixture.export()).files {
            let bad = text(file)
                .chars()
                .find(|c| (c.is_control() && *c != '\n') || HOSTILE[..12].contains(*c) && !c.is_ascii());
            assert_eq!(bad, None, "in {} of {}", file.name, format.name());
        }
    }
}

#[test]
fn text_is_the_same_letter_for_letter_in_every_json() {
    let fixture = Fixture::new();
    let expected = &fixture.trials["i1"].answers[1].text;
    for format in Format::value_variants() {
        let values: Vec<Value> = written(*format, &fixture.export())
            .files
            .iter()
            .flat_map(|file| match serde_json::from_slice(&file.bytes) {
                Ok(whole) => vec![whole],
                Err(_) => text(file).lines().filter_map(|l| serde_json::from_str(l).ok()).collect(),
            })
            .collect();
        if values.is_empty() {
            assert!(matches!(format, Format::Csv | Format::Markdown));
            continue;
        }
        // Only the better answers are imitated.
        let found = values.iter().any(|v| holds(v, expected));
        assert_eq!(found, *format != Format::TrlSft, "{}", format.name());
    }
}

fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(s) => s == text,
        Value::Array(all) => all.iter().any(|v| holds(v, text)),
        Value::Object(all) => all.values().any(|v| holds(v, text)),
        _ => false,
    }
}

#[test]
fn ties_have_no_preference_and_of_two_bad_answers_neither_will_do() {
    let fixture = Fixture::new();
    let export = fixture.export();
    let dpo = lines(Format::TrlDpo, &export);
    let of = |all: &[Value]| -> Vec<(String, String, String)> {
        let text = |v: &Value| v.as_str().expect("a text").to_owned();
        all.iter().map(|v| (text(&v["item"]), text(&v["annotator"]), text(&v["contender"]))).collect()
    };
    let expected = [("i1", "ada", "plain"), ("i1", "=cy", "plain"), ("i2", "zoë", "gpt-4")];
    assert_eq!(of(&dpo), expected.map(|(a, b, c)| (a.into(), b.into(), c.into())));
    assert_eq!(dpo[0]["margin"], 3.0);
    let kto = lines(Format::TrlKto, &export);
    let labels = |item: &str, annotator: &str| -> Vec<bool> {
        let of = kto.iter().filter(|v| v["item"] == item && v["annotator"] == annotator);
        of.map(|v| v["label"].as_bool().expect("a label")).collect()
    };
    assert_eq!(labels("i1", "ada"), [true, false]);
    assert_eq!(labels("i1", "zoë"), [true, true]);
    assert_eq!(labels("i2", "ada"), [false, false]);
    assert_eq!(labels("i3", "ada"), [false; 0], "a contender failed");
}

#[test]
fn references_are_imitated_once_each_where_there_are_some() {
    let fixture = Fixture::new();
    let written = write(Format::TrlSft, &fixture.export(), Options { reference: true }).expect("written");
    let lines: Vec<Value> =
        text(&written.files[0]).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(lines.len(), 1);
    let last = lines[0]["messages"].as_array().and_then(|m| m.last()).expect("a turn");
    assert_eq!(last["content"], "Yeast's gas, held by gluten.");
}

#[test]
fn a_swapped_showing_is_flipped_and_says_the_same_of_each_contender() {
    let fixture = Fixture::new();
    let written = written(Format::LlmComparator, &fixture.export());
    assert_eq!(written.files.len(), 2, "a file for each pair");
    let pairs: Vec<Value> =
        written.files.iter().map(|f| serde_json::from_slice(&f.bytes).expect("JSON")).collect();
    let with = |name: &str| pairs.iter().find(|p| p["models"][1]["name"] == name).expect("a file of it");
    let example = &with("tuned-200")["examples"][0];
    let raters = example["individual_rater_scores"].as_array().expect("raters");
    let of: Vec<(bool, f64)> = raters
        .iter()
        .map(|r| (r["is_flipped"].as_bool().expect("a flag"), r["score"].as_f64().expect("a score")))
        .collect();
    assert_eq!(of, [(false, 1.0), (false, 0.0), (false, 1.0), (true, 1.0)]);
    assert_eq!(example["score"], 0.75);
    let other = &with("gpt-4")["examples"][0];
    assert_eq!(other["output_text_a"], fixture.trials["i2"].answers[0].text, "A is the baseline");
    assert_eq!(other["individual_rater_scores"][1]["score"], -1.0);
    assert_eq!(other["individual_rater_scores"][1]["is_flipped"], true);
}

#[test]
fn a_blind_study_leaves_only_without_names() {
    let fixture = Fixture::new();
    let reviews = fixture.reviews();
    let export = Export::of_blind(fixture.feed(), &reviews);
    for format in Format::value_variants() {
        let found = write(*format, &export, Options::default());
        if !format.can_be_blind() {
            let refused = found.expect_err("refused").to_string();
            assert!(refused.contains("juxta study unblind") && refused.contains(&format.name()), "{refused}");
            continue;
        }
        let written = found.expect("written");
        let text = text(&written.files[0]);
        for name in ["plain", "tuned-200", "gpt-4", "prompt_tokens"] {
            assert!(!text.contains(name), "{name} in {text}");
        }
        assert!(text.contains("Yeast makes gas"));
        let refused = match format {
            Format::Csv => csv_read(text, "x.csv"),
            _ => jsonl_read(text, "x.jsonl"),
        };
        assert!(refused.expect_err("refused").to_string().contains("still blind"));
    }
}

#[test]
fn pseudonyms_are_the_same_everywhere_and_names_are_nowhere() {
    let fixture = Fixture::new();
    let mut export = fixture.export();
    export.anonymise();
    let of_ada = export.rows[0].annotator.clone().into_owned();
    assert!(of_ada.starts_with("annotator-"));
    for format in Format::value_variants() {
        for file in &written(*format, &export).files {
            let text = text(file);
            for name in ["\"ada\"", "ada,", "zoë", "=cy", "_ada"] {
                assert!(!text.contains(name), "{name} in {} of {}", file.name, format.name());
            }
        }
    }
    let mut fewer = Export::of_study(fixture.feed(), &fixture.judgments[..1]);
    fewer.anonymise();
    assert_eq!(fewer.rows[0].annotator, of_ada, "however few have judged");
}

#[test]
fn our_own_exports_are_read_back() {
    let fixture = Fixture::new();
    for (format, read) in
        [(Format::Csv, csv_read as fn(&str, &str) -> Result<Read>), (Format::Jsonl, jsonl_read)]
    {
        let written = written(format, &fixture.export());
        let found = read(text(&written.files[0]), "x").expect("read");
        assert_eq!(found.judgments, fixture.judgments, "{}", format.name());
        assert_eq!((found.passed_over, found.conflicts, found.duplicates), (vec![], vec![], 0));
        let told = found.told;
        assert_eq!(told.studies.into_iter().collect::<Vec<_>>(), ["kitchen"]);
        assert_eq!(told.seeds.into_iter().collect::<Vec<_>>(), [7]);
        assert_eq!(told.criteria, ["accuracy", "completeness"]);
        assert_eq!(told.highest, [("accuracy".to_owned(), 5), ("completeness".to_owned(), 5)].into());
        assert_eq!(told.examples, [("tuned-200".to_owned(), 200)].into());
    }
}

fn rated() -> impl Strategy<Value = Rated> {
    let name = "[a-z]{1,3}|\\p{Any}{1,6}";
    let marks = || {
        let criterion = "tags|answer|contender|[a-z][a-z0-9-]{0,6}";
        let scores = prop::collection::btree_map(criterion, 1u8..10, 0..3);
        let tags = prop::collection::vec("[a; =\\[\"]{0,3}|\\p{Any}{0,6}", 0..3);
        (scores, tags).prop_map(|(scores, tags)| Marks { scores, tags })
    };
    let span = (1usize..9, 0usize..99, 0usize..99);
    let support = prop::option::of(span.prop_map(|(passage, a, b)| PassageSpan { passage, range: (a, b) }));
    let evidence =
        (any::<bool>(), 0usize..99, "\\p{Any}{0,6}", support).prop_map(|(left, at, tag, support)| Evidence {
            side: if left { Side::A } else { Side::B },
            range: (at, at + 1),
            tag,
            support,
        });
    let who = (name, name, name, name).prop_filter("two contenders", |(_, _, a, b)| a != b);
    let what = (marks(), marks(), prop::collection::vec(evidence, 0..3), "\\p{Any}{0,20}");
    let flags = (any::<bool>(), any::<bool>(), 0usize..3, 0usize..4);
    let when = (0i64..4_000_000_000_000, 0u32..1_000_000);
    (who, what, flags, when).prop_map(|(who, what, flags, (at, milliseconds))| Rated {
        item: "i".into(),
        showing: if flags.0 { Showing::First } else { Showing::Swapped },
        corpus: "c".into(),
        question_id: who.0,
        annotator: who.1,
        at: Some(Timestamp::from_millisecond(at).expect("a time")),
        seconds: Some(f64::from(milliseconds) / 1000.0),
        contenders: [who.2, who.3],
        baseline: [None, Some(0), Some(1)][flags.2],
        ratings: [what.0, what.1],
        verdict: [Verdict::A, Verdict::B, Verdict::Tie, Verdict::BothBad][flags.3],
        evidence: what.2,
        note: what.3,
        flagged: flags.0,
        reference_shown: flags.1,
    })
}

proptest! {
    #[test]
    fn any_judgments_are_read_back(mut judgments in prop::collection::vec(rated(), 1..4)) {
        let fixture = Fixture::new();
        for (n, rated) in judgments.iter_mut().enumerate() {
            rated.item = format!("item-{n}");
        }
        let export = Export::of_study(fixture.feed(), &judgments);
        let csv = written(Format::Csv, &export);
        prop_assert_eq!(&csv_read(text(&csv.files[0]), "x").expect("read").judgments, &judgments);
        let jsonl = written(Format::Jsonl, &export);
        prop_assert_eq!(&jsonl_read(text(&jsonl.files[0]), "x").expect("read").judgments, &judgments);
    }

    #[test]
    fn no_file_makes_the_readers_panic(text in "[a-z_,\"\n{}\\[\\]:1-5']{0,80}|\\p{Any}{0,60}") {
        let _ = csv_read(&text, "x");
        let _ = jsonl_read(&text, "x");
        let table = format!("annotator,contender_a,contender_b,verdict,question,accuracy_a,accuracy_b\n{text}");
        let _ = csv_read(&table, "x");
    }
}

#[test]
fn a_table_made_elsewhere_is_read() {
    let table = "\u{feff}annotator,question,contender_a,contender_b,verdict,accuracy_a,accuracy_b,tags_a\n\
        ada,Why?,old,new,b,2,4,off topic; refused\n\
        bo,Why?,new,old,tie,,,\n\
        bo,How?,new,old,,,,\n";
    let read = csv_read(table, "votes.csv").expect("read");
    assert_eq!(read.judgments.len(), 2);
    let [ada, bo] = &read.judgments[..] else { panic!("two") };
    assert_eq!((ada.verdict, ada.ratings[1].scores["accuracy"]), (Verdict::B, 4));
    assert_eq!(ada.ratings[0].tags, ["off topic", "refused"]);
    assert_eq!((&ada.item, &bo.question_id), (&bo.item, &"Why?".to_owned()), "one item, whoever was left");
    assert!(bo.ratings[0].scores.is_empty());
    assert!(read.passed_over[0].to_string().starts_with("votes.csv:4: found a judgment without a verdict"));
}

#[test]
fn the_lab_s_own_judgments_are_read() {
    let line = |complete: &str| {
        let trial: Value =
            serde_json::from_str(include_str!("../../tests/data/export/20261101T120000Z-00000001.json"))
                .expect("JSON");
        let judgment: Value = serde_json::from_str(complete).expect("JSON");
        serde_json::json!({ "judgment": judgment, "trial": trial }).to_string()
    };
    let journal: Vec<&str> = include_str!("../../tests/data/export/ada.jsonl").lines().collect();
    let both = format!("{}\n{}\n", line(journal[0]), line(journal[1]));
    let read = jsonl_read(&both, "lab.jsonl").expect("read");
    assert_eq!(read.judgments.len(), 1);
    assert_eq!(read.judgments[0].contenders, ["reader", "reader-everyday"]);
    assert_eq!(read.judgments[0].baseline, Some(0));
    assert!(read.passed_over[0].to_string().contains("not complete"));
}

#[test]
fn mistakes_in_judgments_are_told_by_line_and_column() {
    let head = "annotator,question,contender_a,contender_b,verdict,accuracy_a,accuracy_b,seconds";
    let told = |text: &str| csv_read(text, "v.csv").expect_err("refused").to_string();
    let of = |line: &str| told(&format!("{head}\nada,q,x,y,a,1,2,3\n{line}\n"));
    for (found, expected) in [
        (
            of("bo,q,x,y,c,1,2,3"),
            "v.csv:3, verdict: found \"c\"; expected a, b, tie or both-bad, or the better",
        ),
        (of("bo,q,x,y,a,6.5,2,3"), "v.csv:3, accuracy_a: found \"6.5\"; expected a degree"),
        (of("bo,q,x,y,a,0,2,3"), "v.csv:3, accuracy_a: found \"0\""),
        (of("bo,q,x,y,a,1,2,NaN"), "v.csv:3: found seconds = NaN"),
        (of("bo,q,x,x,a,1,2,3"), "\"x\" on both sides"),
        (of(",q,x,y,a,1,2,3"), "v.csv:3, annotator: found \"\""),
        (of("ada,q,x,y,b,1,2,3"), "v.csv:3: found a second judgment of "),
        (of("bo,q,x"), "v.csv:3: found 3 cells, not 8"),
        (
            told("a,b\n1,2\n"),
            "v.csv:1: found no column \"annotator\", but a, b; expected the columns annotator, ",
        ),
        (told("a,b\n1,2\n"), "or say which is which with --column annotator=NAME"),
        (told("annotator,contender_a,contender_b,verdict\n"), "no column \"question\""),
        (told(&format!("{head},late_a\n")), "\"late_a\" without \"late_b\""),
        (told("a,a\n"), "a second column \"a\""),
    ] {
        assert!(found.contains(expected), "{expected:?} in {found:?}");
    }
    let told = |text: &str| jsonl_read(text, "v.jsonl").expect_err("refused").to_string();
    assert!(told("\n{\"judgment\": 3}").contains("v.jsonl:2: found"), "{}", told("\n{\"judgment\": 3}"));
    assert!(told("nonsense").contains("v.jsonl:1: found expected"));
    assert!(told("[1, 2]").contains("JSON that is no object"));
    let told = |file: &str| read_files(&[file], &Renamed::default()).expect_err("refused").to_string();
    assert!(told("x.xlsx").contains(".csv, .tsv or .jsonl"));
    assert!(told("none-such.csv").starts_with("none-such.csv: found "));
}

#[test]
fn columns_of_other_names_are_read_as_what_they_are_said_to_be() {
    let renamed = |pairs: &[&str]| Renamed::parse(&pairs.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
    let table = "rater;prompt;model_a;model_b;winner;a quality;b quality;verdict\n\
        ada;Why?;old;new;model_b;2;4;not ours\n\
        bo;Why?;old;new;tie (bothbad);1;1;\n\
        cy;Why?;old;new;old;3;2;\n";
    let all = [
        "annotator=rater",
        "question=prompt",
        "contender_a=model_a",
        "contender_b = model_b",
        "verdict=winner",
        "quality_a=a quality",
        "quality_b=b quality",
    ];
    let of = |pairs: &[&str]| read_csv(table, "v.csv", &renamed(pairs)?);
    let read = of(&all).expect("read");
    let verdicts: Vec<Verdict> = read.judgments.iter().map(|r| r.verdict).collect();
    assert_eq!(verdicts, [Verdict::B, Verdict::BothBad, Verdict::A]);
    assert_eq!((read.judgments[0].ratings[1].scores["quality"], read.told.criteria.len()), (4, 1));
    assert_eq!((read.judgments[0].at, read.judgments[0].seconds), (None, None), "nothing is made up");

    let lines = "{\"rater\": \"ada\", \"prompt\": \"=Why?\", \"model_a\": \"old\", \"model_b\": \"new\", \"winner\": \"model_a\", \
        \"a quality\": 3, \"b quality\": null}";
    let read = read_jsonl(lines, "v.jsonl", &renamed(&all).expect("sound")).expect("read");
    assert_eq!((read.judgments[0].question_id.as_str(), read.judgments[0].verdict), ("=Why?", Verdict::A));
    assert_eq!(read.judgments[0].ratings.each_ref().map(|m| m.scores.len()), [1, 0]);

    for (pairs, expected) in [
        (&all[1..], "found no column \"annotator\", but rater, prompt, "),
        (&["annotator"], "--column: found \"annotator\"; expected OURS=THEIRS"),
        (&["rater=annotator"], "found \"rater\"; expected one of annotator, baseline, "),
        (&["annotator=rater", "question=rater"], "found \"rater\" twice"),
        (&["annotator=raters"], "v.csv:1: found no column \"raters\", but rater, "),
    ] {
        let told = of(pairs).expect_err("refused").to_string();
        assert!(told.contains(expected), "{expected:?} in {told:?}");
    }
}

#[test]
fn of_several_files_what_is_there_twice_counts_once_and_what_differs_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let head = "annotator,item,question,contender_a,contender_b,verdict,judged_at,quality_a,quality_b,quality_highest\n";
    let file = |name: &str, lines: &[&str]| {
        let path = dir.path().join(name);
        std::fs::write(&path, format!("{head}{}\n", lines.join("\n"))).expect("written");
        path
    };
    let early = "ada,i1,Why?,old,new,a,2026-01-01T00:00:00Z,2,1,5";
    let late = "ada,i1,Why?,old,new,b,2026-01-02T00:00:00Z,1,2,5";
    let other = "bo,i1,Why?,old,new,a,2026-01-01T00:00:00Z,2,1,5";
    let (one, two) = (file("one.csv", &[early, other]), file("two.csv", &[other, late]));
    let read = |files: &[&std::path::PathBuf]| read_files(files, &Renamed::default());
    let (there, back) = (read(&[&one, &two]).expect("read"), read(&[&two, &one]).expect("read"));
    for found in [&there, &back] {
        assert_eq!((found.judgments.len(), found.duplicates, found.conflicts.len()), (2, 1, 1));
        let ada = found.judgments.iter().find(|r| r.annotator == "ada").expect("hers");
        assert_eq!(ada.verdict, Verdict::B, "the later one");
        let told = found.conflicts[0].to_string();
        assert!(told.contains("one.csv:2: found a judgment of i1 by ada"), "{told}");
        assert!(told.contains("The later one stands, ") && told.contains("two.csv:3"), "{told}");
    }

    let told = |files: &[&std::path::PathBuf]| read(files).expect_err("refused").to_string();
    let untimed = file("untimed.csv", &["ada,i1,Why?,old,new,tie,,1,2,5"]);
    let found = told(&[&one, &untimed]);
    assert!(found.contains("untimed.csv:2: found a second judgment of i1 by ada"), "{found}");
    assert!(found.contains("one.csv:2"), "{found}");
    let seven = file("seven.csv", &["cy,i1,Why?,old,new,tie,,1,2,7"]);
    let found = told(&[&one, &seven]);
    assert!(
        found.contains("seven.csv:2: found 7 as the highest degree of quality; expected 5, as "),
        "{found}"
    );
    let nothing = file("nothing.csv", &[]);
    assert!(told(&[&one, &nothing]).contains("nothing.csv: found no judgment"), "{}", told(&[&nothing]));
}
