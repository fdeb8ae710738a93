//! Tasks with annotations for Label Studio, and the labelling configuration they are shown with. Tasks by
//! `docs/source/includes/task_format.md`, values by `docs/source/tags/{pairwise,choices,rating,labels,
//! paragraphlabels,textarea}.md` of HumanSignal/label-studio (read at commits 321ee1d to 13a2ed5) and by
//! `label_interface/control_tags.py` of label-studio-sdk 2.1.2, whose validation the files pass.
//!
//! | field | what it is |
//! |---|---|
//! | `id` | a number, distinct in the file |
//! | `data` | `question`, `answer1` (left as shown), `answer2`, `similar_docs` `[{id, body}]`, `reference`, and `item`, `showing`, `corpus`, `question_id`, `contender1`, `contender2` |
//! | `annotations[]` | one for each annotator: `created_at`, `updated_at` (when it was judged), `lead_time` (seconds), `was_cancelled`, `ground_truth` |
//! | `result[]` | `verdict`: pairwise `{"selected": "left"}` or, which that knows not, choices `tie` and `both bad`; `ID1`, `ID2`: the rating of each criterion; `tags1`, `tags2`: choices; `evidence1`, `evidence2`: labels on spans of the answers, each with a relation to a span of a passage, or with `no support`; `note`, `annotator`: text |
//!
//! Who annotated stands in the text field `annotator`: `completed_by` would have to be a user of the server that
//! imports the file. Spans are in UTF-16 code units, as a browser counts them; in bytes they stand in each one's
//! `meta`.

use super::written::{File, Written, json};
use super::{Export, Exported, Judged, apart, offsets};
use crate::study::{Evidence, Showing, Verdict};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Names of fields that are no criterion's.
const FIELDS: [&str; 5] = ["tags", "evidence", "answer", "contender", "no-support"];
const NO_SUPPORT: &str = "no support";

pub(super) fn write(export: &Export<'_>) -> serde_json::Result<Written> {
    let mut written = Written::default();
    let mut tasks: BTreeMap<(&str, Showing), Vec<&Exported<'_>>> = BTreeMap::new();
    for row in &export.rows {
        if row.judged.is_some() {
            tasks.entry((row.item, row.showing)).or_default().push(row);
        } else {
            written.leave_out("judgments whose trial is missing");
        }
    }
    let tasks: Vec<Value> = tasks.values().enumerate().filter_map(|(n, rows)| task(n + 1, rows)).collect();
    written.files.push(File::main("tasks.json", json(&tasks)?));
    written.files.push(File::beside("config.xml", "xml", config(export).into_bytes()));
    Ok(written)
}

fn task(id: usize, rows: &[&Exported<'_>]) -> Option<Value> {
    let row = rows.first()?;
    let judged = row.judged.as_ref()?;
    let passages: Vec<Value> = judged
        .passages
        .iter()
        .map(|hit| json!({ "id": format!("[{}] {}", hit.rank, hit.heading()), "body": hit.text }))
        .collect();
    let annotations: Vec<Value> = rows
        .iter()
        .enumerate()
        .map(|(n, row)| {
            json!({
                "id": id * 1_000 + n + 1,
                "result": result(row, judged),
                "was_cancelled": false,
                "ground_truth": false,
                "created_at": row.at.to_string(),
                "updated_at": row.at.to_string(),
                "lead_time": row.seconds,
            })
        })
        .collect();
    Some(json!({
        "id": id,
        "data": {
            "question": judged.question,
            "answer1": judged.texts[0],
            "answer2": judged.texts[1],
            "similar_docs": passages,
            "reference": judged.reference.map(|r| r.answer.as_str()).unwrap_or_default(),
            "item": row.item,
            "showing": row.showing_name(),
            "corpus": row.corpus,
            "question_id": row.question_id,
            "contender1": row.sides[0].contender,
            "contender2": row.sides[1].contender,
        },
        "annotations": annotations,
        "predictions": [],
    }))
}

/// The regions of one annotation, with ids of their own.
struct Regions {
    all: Vec<Value>,
    prefix: String,
}

impl Regions {
    fn add(&mut self, from: &str, to: &str, kind: &str, value: Value) -> String {
        let id = format!("{}-{}", self.prefix, self.all.len() + 1);
        self.all.push(json!({ "id": id, "from_name": from, "to_name": to, "type": kind, "value": value }));
        id
    }

    fn span(&mut self, from: &str, to: &str, kind: &str, value: Value, bytes: &str) -> String {
        let id = self.add(from, to, kind, value);
        if let Some(region) = self.all.last_mut() {
            region["meta"] = json!({ "text": [bytes] });
        }
        id
    }
}

fn result(row: &Exported<'_>, judged: &Judged<'_>) -> Vec<Value> {
    let digest = blake3::hash(format!("{}\0{}\0{}", row.item, row.showing_name(), row.annotator).as_bytes());
    let mut regions = Regions { all: Vec::new(), prefix: digest.to_hex()[..10].to_owned() };
    match row.verdict {
        Some(Verdict::A) => regions.add("verdict", "answer1", "pairwise", json!({ "selected": "left" })),
        Some(Verdict::B) => regions.add("verdict", "answer1", "pairwise", json!({ "selected": "right" })),
        Some(Verdict::Tie) => regions.add("neither", "question", "choices", json!({ "choices": ["tie"] })),
        Some(Verdict::BothBad) => {
            regions.add("neither", "question", "choices", json!({ "choices": ["both bad"] }))
        }
        None => String::new(),
    };
    for (n, given) in row.sides.iter().enumerate() {
        let (side, answer) = (n + 1, format!("answer{}", n + 1));
        for (id, degree) in &given.scores {
            let name = format!("{}{side}", apart(id, &FIELDS));
            regions.add(&name, &answer, "rating", json!({ "rating": degree }));
        }
        if !given.tags.is_empty() {
            regions.add(&format!("tags{side}"), &answer, "choices", json!({ "choices": given.tags }));
        }
    }
    for evidence in row.evidence {
        marked(&mut regions, evidence, judged);
    }
    if !row.note.is_empty() {
        regions.add("note", "question", "textarea", json!({ "text": [row.note] }));
    }
    regions.add("annotator", "question", "textarea", json!({ "text": [row.annotator] }));
    regions.all
}

/// A span of an answer and what it is tied to; nothing for ranges that are none of these texts.
fn marked(regions: &mut Regions, evidence: &Evidence, judged: &Judged<'_>) {
    let side = evidence.side.index();
    let text = judged.texts[side];
    let Some((start, end)) = offsets::utf16(text, evidence.range) else { return };
    let mut labels = vec![evidence.tag.as_str()];
    if evidence.support.is_none() {
        labels.push(NO_SUPPORT);
    }
    let value = json!({
        "start": start,
        "end": end,
        "text": text.get(evidence.range.0..evidence.range.1),
        "labels": labels,
    });
    let bytes = format!("bytes {} to {} of the answer", evidence.range.0, evidence.range.1);
    let name = format!("evidence{}", side + 1);
    let from = regions.span(&name, &format!("answer{}", side + 1), "labels", value, &bytes);
    let Some(support) = evidence.support else { return };
    let Some(hit) = support.passage.checked_sub(1).and_then(|n| judged.passages.get(n)) else { return };
    let Some((start, end)) = offsets::utf16(&hit.text, support.range) else { return };
    let paragraph = (support.passage - 1).to_string();
    let value = json!({
        "start": paragraph,
        "end": paragraph,
        "startOffset": start,
        "endOffset": end,
        "text": hit.text.get(support.range.0..support.range.1),
        "paragraphlabels": ["support"],
    });
    let bytes = format!("bytes {} to {} of passage {}", support.range.0, support.range.1, support.passage);
    let to = regions.span("support", "passages", "paragraphlabels", value, &bytes);
    regions.all.push(json!({ "type": "relation", "from_id": from, "to_id": to, "direction": "right" }));
}

fn config(export: &Export<'_>) -> String {
    let mut xml = String::from("<View>\n");
    let mut line = |text: String| {
        // Writing into a string cannot fail.
        let _ = writeln!(xml, "  {text}");
    };
    let header = |text: &str| format!("<Header value={}/>", quoted(text));
    line(header("Question"));
    line("<Text name=\"question\" value=\"$question\"/>".into());
    line(header("Passages"));
    line(
        "<Paragraphs name=\"passages\" value=\"$similar_docs\" nameKey=\"id\" textKey=\"body\" layout=\"dialogue\"/>"
            .into(),
    );
    line(
        "<ParagraphLabels name=\"support\" toName=\"passages\"><Label value=\"support\"/></ParagraphLabels>"
            .into(),
    );
    line(header("Reference answer"));
    line("<Text name=\"reference\" value=\"$reference\"/>".into());
    for (side, title) in [(1, "Left answer"), (2, "Right answer")] {
        line(header(title));
        line(format!("<Labels name=\"evidence{side}\" toName=\"answer{side}\" choice=\"multiple\">"));
        for tag in export.tags.iter().map(String::as_str).chain([NO_SUPPORT]) {
            line(format!("  <Label value={}/>", quoted(tag)));
        }
        line("</Labels>".into());
        line(format!("<Text name=\"answer{side}\" value=\"$answer{side}\"/>"));
        for id in export.criteria_used() {
            let criterion = export.criteria.iter().find(|c| c.id == id);
            line(header(criterion.map_or(id, |c| &c.name)));
            let name = quoted(&format!("{}{side}", apart(id, &FIELDS)));
            let highest = criterion.map_or(u8::MAX, crate::study::Criterion::highest);
            line(format!("<Rating name={name} toName=\"answer{side}\" maxRating=\"{highest}\"/>"));
        }
        line(format!(
            "<Choices name=\"tags{side}\" toName=\"answer{side}\" choice=\"multiple\" showInline=\"true\">"
        ));
        for tag in &export.tags {
            line(format!("  <Choice value={}/>", quoted(tag)));
        }
        line("</Choices>".into());
    }
    line(header("Which answer is better?"));
    line("<Pairwise name=\"verdict\" toName=\"answer1,answer2\"/>".into());
    line("<Choices name=\"neither\" toName=\"question\" choice=\"single\" showInline=\"true\">".into());
    line("  <Choice value=\"tie\"/>".into());
    line("  <Choice value=\"both bad\"/>".into());
    line("</Choices>".into());
    line("<TextArea name=\"note\" toName=\"question\" placeholder=\"Note\"/>".into());
    line("<TextArea name=\"annotator\" toName=\"question\" placeholder=\"Annotator\"/>".into());
    xml.push_str("</View>\n");
    xml
}

/// An attribute's value in its quotation marks. XML 1.0 cannot hold control characters, escaped or not: those that a
/// tag has become what a person would see.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in crate::text::one_line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}
