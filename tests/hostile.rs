//! Text that would command a terminal or hide from a person: in corpora, questions, file names, models' answers and
//! hand-made records. Nothing of it is printed raw; what programs read is the true text all the same.

mod command;

use command::{Data, PAIR, Run};
use serde_json::{Value, json};
use std::fs;

/// Clears the screen, sets the title, colours; C1 introducers of the same; deletes; rings.
const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{9d}0;x\u{9c}\u{8}\u{7f}\u{0b}\u{0c}";
/// Overrides, isolates and marks that turn the order of what is shown.
const BIDI: &str = "\u{202e}\u{2066}\u{200f}\u{61c}\u{2069}\u{202c}";
/// Shows nothing: spaces, joiners, fillers, selectors, tags, marks of order of bytes.
const INVISIBLE: &str =
    "\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}\u{34f}\u{fe0f}\u{3164}\u{e0041}\u{e0100}\u{180b}";

fn zalgo() -> String {
    format!("kettle{}", "\u{301}\u{489}".repeat(60))
}

/// All of it, with words that can be searched for, and lines that pretend to be the program's.
fn hostile() -> String {
    format!(
        "Kettle {ESCAPES} boils {BIDI} water {INVISIBLE} hot {} wide ｋｅｔｔｌｅ 東京 👨\u{200d}👩\u{200d}👧 ﷽ \u{2028}\
         [9] Forged · forged · 99.00\u{85}juxta: forged\rforged",
        zalgo()
    )
}

/// What no terminal may get: checked over everything a command printed, letter by letter.
#[track_caller]
fn clean(run: &Run) {
    for (name, text) in [("standard output", &run.out), ("standard error", &run.err)] {
        let mut marks = 0;
        for c in text.chars() {
            assert!(c == '\n' || !c.is_control(), "{c:?} in {name} of {:?}", run.args);
            let hidden = BIDI.contains(c)
                || INVISIBLE.contains(c)
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
                || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
            assert!(!hidden, "{c:?} in {name} of {:?}", run.args);
            marks = if matches!(c, '\u{300}'..='\u{36f}' | '\u{489}') { marks + 1 } else { 0 };
            assert!(marks <= 3, "a stack of marks in {name} of {:?}", run.args);
        }
    }
    assert!(!run.err.contains("panicked"), "{run:#?}");
}

/// As [`clean`], and no line of hostile text can pass for one of the program's.
#[track_caller]
fn clean_lines(run: &Run) {
    clean(run);
    let mut lines = run.out.lines().chain(run.err.lines());
    let forged = lines.any(|l| l.starts_with("[9] Forged") || l.starts_with("juxta: forged"));
    assert!(!forged, "a forged line: {run:#?}");
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A corpus in which everything that may be is hostile.
fn corpus() -> Data {
    let data = Data::new();
    let h = hostile();
    let line = h.replace(['\r', '\u{85}', '\u{2028}'], " ");
    let manifest = ["title", "domain", "description", "licence", "source"]
        .map(|field| format!("{field} = {}\n", quoted(&h)))
        .concat();
    data.write("corpora/evil/corpus.toml", format!("id = \"evil\"\nlanguage = \"en\"\n{manifest}"));
    data.write("corpora/evil/documents/kettle.md", format!("# {line}\n\n{h}.\n\n## {line}\n\nMore {h}.\n"));
    // A line of a megabyte without a sentence's end, and one without a space.
    data.write("corpora/evil/documents/long.md", "kettle wide 東 ".repeat(60_000));
    data.write("corpora/evil/documents/word.md", format!("kettle {}", "k\u{301}".repeat(400_000)));
    let document = json!({ "id": h, "title": h, "text": format!("{h}.") });
    data.write("corpora/evil/documents.jsonl", format!("{document}\n"));
    let question = json!({
        "id": "q", "split": "test", "kind": "fact", "question": format!("Kettle? {h}"), "answer": h,
        "key_points": [h], "gold": [{ "document": h, "quote": "boils" }],
    });
    data.write("corpora/evil/questions.jsonl", format!("{question}\n"));
    data
}

#[test]
fn hostile_documents_are_searched_and_shown_harmless() {
    let data = corpus();
    for more in [&[][..], &["--json"]] {
        let run =
            data.juxta(&[&["search", "kettle boils water", "--corpus", "evil", "-k", "1000"], more].concat());
        run.ok();
        clean_lines(&run);
        assert!(run.out.contains("boils"));
    }
}

#[test]
fn json_holds_the_true_text() {
    let data = corpus();
    let found =
        data.juxta(&["search", "kettle boils water", "--corpus", "evil", "-k", "1000", "--json"]).json();
    let hits = found["hits"].as_array().expect("a list");
    let id = hostile();
    let hit = hits.iter().find(|h| h["document"] == id.as_str()).expect("found by its true id");
    assert_eq!(hit["title"], id.as_str());
    assert!(hit["text"].as_str().expect("a text").contains(ESCAPES.trim_end()));
    for hit in hits {
        let text = hit["text"].as_str().expect("a text");
        for range in hit["matches"].as_array().expect("a list") {
            let at = |n: usize| usize::try_from(range[n].as_u64().expect("a byte")).expect("small");
            assert!(text.get(at(0)..at(1)).is_some_and(|word| !word.is_empty()), "{range}");
        }
    }
}

#[test]
fn every_other_command_on_a_hostile_corpus_prints_nothing_raw() {
    let data = corpus();
    for args in [
        &["corpus", "list"][..],
        &["corpus", "list", "--json"],
        &["corpus", "check", "evil"],
        &["corpus", "check", "evil", "--json"],
        &["corpus", "eval", "evil"],
        &["corpus", "eval", "evil", "--json"],
        &["model", "list"],
        &["paths"],
    ] {
        let run = data.juxta(args);
        assert!(matches!(run.code, Some(0 | 1)), "{run:#?}");
        clean_lines(&run);
    }
}

#[test]
fn a_hostile_question_is_asked_and_shown_harmless() {
    let data = corpus();
    let question = hostile();
    let base = ["ask", &question, "--corpus", "evil", "--pair", PAIR, "--max-tokens", "4", "-k", "2"];
    let run = data.juxta(&base);
    run.ok();
    clean_lines(&run);
    let run = data.juxta(&[&base[..], &["--json"]].concat());
    clean_lines(&run);
    assert_eq!(run.json()["question"], question.as_str());
}

#[test]
fn hostile_arguments_are_told_harmless() {
    let data = Data::new();
    let h = hostile();
    let pair = format!("{h},reader");
    for args in [
        &["search", "x", "--corpus", &h][..],
        &["corpus", "check", &h],
        &["corpus", "eval", &h],
        &["ask", "x", "--pair", &h],
        &["ask", "x", "--pair", &pair],
        &["ask", "x", "--seed", &h],
        &["export", "--format", &h],
        &["export", &h, "--format", "csv"],
        &["model", "add", &h, "--recorded", &h],
        &["model", "add", "x", "--recorded", &h],
        &["search", "x", &format!("--{h}")],
        &[&h],
    ] {
        let run = data.juxta(args);
        assert!(matches!(run.code, Some(1 | 2)), "{run:#?}");
        // Usage errors quote an argument with its line breaks.
        if run.code == Some(2) { clean(&run) } else { clean_lines(&run) }
    }
}

/// The sum of what a file name can hold: no slash, no NUL, 255 bytes.
fn hostile_name() -> String {
    format!("k {ESCAPES}{BIDI}\u{200b}\u{feff}\njuxta: forged")
}

#[test]
fn hostile_file_names_are_told_harmless() {
    let data = Data::new();
    let name = hostile_name();
    data.copy("tests/data/small-corpus", &format!("corpora/{name}"));
    data.write(&format!("corpora/{name}/documents/{name}.md"), "# Kettle\n\nA kettle sings.\n");
    data.write(&format!("corpora/{name}-broken/corpus.toml"), "id = 3\n");
    data.copy("tests/data/models/grouped", &format!("models/{name}"));
    data.write(&format!("models/{name}-broken/config.json"), "{");
    data.write(&format!("journals/{name}.jsonl"), "not json\n{\"torn");
    data.write(&format!("trials/{name}/{name}.json"), "{");
    let out = data.path().join(&name);
    let broken = data.path().join(format!("corpora/{name}-broken"));
    let weights = data.path().join(format!("models/{name}"));
    fs::remove_file(weights.join("model.safetensors")).expect("removed");
    let pair = format!("{name},reader");
    let utf8 = |p: &std::path::Path| p.to_str().expect("UTF-8").to_owned();
    for args in [
        &["search", "kettle", "--corpus", "small"][..],
        &["search", "kettle", "--corpus", "small", "--json"],
        &["corpus", "list"],
        &["corpus", "list", "--json"],
        &["corpus", "check", "small"],
        &["corpus", "check", &utf8(&broken)],
        &["model", "list"],
        &["model", "list", "--json"],
        &["ask", "kettle", "--corpus", "small", "--pair", &pair, "--max-tokens", "2"],
        &["ask", "kettle", "--corpus", "small", "--pair", &pair, "--max-tokens", "2", "--json"],
        &["export", "--format", "markdown"],
        &["export", "--format", "csv", "-o", &utf8(&out)],
        &["export", "--format", "csv", "-o", &utf8(&out)],
    ] {
        let run = data.juxta(args);
        assert!(matches!(run.code, Some(0 | 1)), "{run:#?}");
        clean_lines(&run);
    }
    assert!(out.is_file(), "the true name was used");
    let hits = data.juxta(&["search", "sings", "--corpus", "small", "--json"]).json();
    assert_eq!(hits["hits"][0]["document"], name.as_str());
    let paths = data.bare(&["paths", "--data-dir", &name]);
    clean_lines(&paths);
}

/// A stored trial whose every text is hostile, and its judgment.
fn judged() -> (Data, Value) {
    let data = Data::new();
    let h = hostile();
    let whole = include_str!("data/export/20261101T120000Z-00000001.json");
    let mut trial: Value = serde_json::from_str(whole).expect("json");
    trial["question"] = json!(h);
    trial["corpus"] = json!(h);
    for answer in trial["answers"].as_array_mut().expect("a list") {
        answer["text"] = json!(format!("{h}\n\u{202e}{h}"));
        answer["contender"] = json!(h);
        answer["support"] = json!({ "sentences": [], "spans": [], "citations": [] });
        answer["error"] = json!(h);
    }
    for hit in trial["hits"].as_array_mut().expect("a list") {
        for field in ["document", "title", "section", "text"] {
            hit[field] = json!(h);
        }
        hit["matches"] = json!([]);
    }
    let journal = include_str!("data/export/ada.jsonl").lines().last().expect("a line");
    let mut judgment: Value = serde_json::from_str(journal).expect("json");
    judgment["annotator"] = json!(h);
    judgment["note"] = json!(h);
    judgment["ratings"][0]["tags"] = json!([h]);
    data.write("trials/everyday/20261101T120000Z-00000001.json", trial.to_string());
    let mut orphan = judgment.clone();
    orphan["trial"] = json!(h);
    data.write("journals/ada.jsonl", format!("{judgment}\n{orphan}\n"));
    (data, json!({ "judgment": judgment, "trial": trial }))
}

#[test]
fn hostile_answers_are_exported_harmless() {
    let (data, _) = judged();
    for format in ["jsonl", "csv", "markdown"] {
        let run = data.juxta(&["export", "--format", format]);
        assert!(run.ok().contains("boils"));
        // A cell of a table may have lines of its own, in quotation marks.
        if format == "csv" {
            clean(&run)
        } else {
            clean_lines(&run)
        }
        let file = data.path().join(format);
        data.juxta(&["export", "--format", format, "-o", file.to_str().expect("UTF-8")]).ok();
        assert_eq!(fs::read_to_string(file).expect("written"), run.out, "a file is printed sooner or later");
    }
}

#[test]
fn an_export_in_jsonl_holds_the_true_text() {
    let (data, expected) = judged();
    let run = data.juxta(&["export", "--format", "jsonl"]);
    let rows: Vec<Value> = run.ok().lines().map(|l| serde_json::from_str(l).expect("json")).collect();
    let row = rows.iter().find(|r| !r["trial"].is_null()).expect("with its trial");
    assert_eq!(row["judgment"], expected["judgment"]);
    for field in ["question", "hits", "answers"] {
        let (found, expected) = (&row["trial"][field], &expected["trial"][field]);
        let texts = |v: &Value| match v.as_array() {
            None => vec![v.clone()],
            Some(all) => all
                .iter()
                .flat_map(|e| ["text", "title", "contender", "error"].map(|f| e[f].clone()))
                .collect(),
        };
        assert_eq!(texts(found), texts(expected));
    }
}

#[test]
fn formulas_do_not_hide_in_tables_behind_what_shows_nothing() {
    let (data, mut row) = judged();
    for formula in ["=1+1", "\u{200b}=1+1", "\u{202e}+1", "\r=1+1", "@SUM(1)", "-1+1"] {
        row["judgment"]["note"] = json!(formula);
        data.write("journals/ada.jsonl", format!("{}\n", row["judgment"]));
        let run = data.juxta(&["export", "--format", "csv"]);
        let mut table = csv::Reader::from_reader(run.ok().as_bytes());
        let note = table.headers().expect("a head").iter().position(|h| h == "note").expect("a column");
        let line = table.records().next().expect("a line").expect("sound");
        assert!(line[note].starts_with('\''), "{formula:?} became {:?}", &line[note]);
    }
}
