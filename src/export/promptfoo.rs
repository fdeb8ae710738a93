//! An evaluation for `promptfoo import` and `promptfoo view`: `OutputFile` with `EvaluateSummaryV3` of
//! `src/types/index.ts` in promptfoo/promptfoo (read at commit 0011eb0, and `src/commands/import.ts` at 047c6a6;
//! loaded with promptfoo 0.121.20).
//!
//! | field | what it is |
//! |---|---|
//! | `evalId` | `juxta-`, the study's id and the start of a digest of the results |
//! | `results.version`, `timestamp` | 3; when the last judgment was made |
//! | `results.prompts[]` | a column for each contender: `raw`, `label`, `id`, `provider`, `metrics` |
//! | `results.results[]` | each question with each contender: `promptIdx`, `testIdx`, `testCase`, `promptId`, `provider`, `prompt`, `vars`, `response`, `error`, `failureReason`, `success`, `score`, `latencyMs`, `namedScores`, `gradingResult` |
//! | `gradingResult.componentResults[]` | each judgment: `pass`, `score`, `reason` (who says what), `comment` (the note), `assertion.type` `human`, as its own screen has it |
//! | `results.stats` | `successes`, `failures`, `errors`, `tokenUsage` |
//!
//! A judgment gives an answer 1 where it is the better one, 0.5 in a tie, 0 where the other is better or both are
//! bad; it passes with 0.5. An answer's `score` is the mean of its judgments, and it passes likewise.
//! `namedScores` are the mean degrees of the criteria. Items that came back with their sides swapped do not count.

use super::written::{File, Written, json};
use super::{Export, Exported, Judged};
use crate::compare::Side;
use crate::study::{Showing, Verdict};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What counts as the same test: a question of a corpus, or a trial of the lab.
type Test<'a> = (&'a str, &'a str);

/// Everything said of one contender's answer to one test.
#[derive(Default)]
struct Cell<'e, 'a> {
    said: Vec<(&'e Exported<'a>, Side)>,
}

pub(super) fn write(export: &Export<'_>) -> serde_json::Result<Written> {
    let mut written = Written::default();
    let mut contenders: Vec<&str> = Vec::new();
    let mut tests: BTreeMap<Test<'_>, BTreeMap<usize, Cell<'_, '_>>> = BTreeMap::new();
    for row in &export.rows {
        if row.showing == Showing::Swapped {
            written.leave_out("showings with the sides swapped");
            continue;
        }
        if row.judged.is_none() {
            written.leave_out("judgments whose trial is missing");
            continue;
        }
        let mut sides = Side::BOTH;
        // The baseline is the first column.
        if row.first() == Some(Side::B) {
            sides.reverse();
        }
        let test = (row.corpus.unwrap_or_default(), row.question_id.unwrap_or(row.item));
        for side in sides {
            let name = row.sides[side.index()].contender.unwrap_or_default();
            let column = contenders.iter().position(|c| *c == name).unwrap_or_else(|| {
                contenders.push(name);
                contenders.len() - 1
            });
            tests.entry(test).or_default().entry(column).or_default().said.push((row, side));
        }
    }
    let mut results = Vec::new();
    for (test_index, (test, columns)) in tests.iter().enumerate() {
        for (column, cell) in columns {
            results.extend(result(export, (test_index, *test), (*column, contenders[*column]), cell));
        }
    }
    let digest = blake3::hash(&serde_json::to_vec(&results)?).to_hex();
    let last = export.rows.iter().map(|row| row.at).max().unwrap_or_default();
    let count = |passed: bool| results.iter().filter(|r| r["success"] == passed).count();
    let prompts: Vec<Value> =
        contenders.iter().enumerate().map(|(n, name)| prompt(name, &of_column(&results, n))).collect();
    let file = json!({
        "evalId": format!("juxta-{}-{}", export.study.unwrap_or("lab"), &digest[..8]),
        "results": {
            "version": 3,
            "timestamp": last.to_string(),
            "prompts": prompts,
            "stats": {
                "successes": count(true),
                "failures": count(false),
                "errors": 0,
                "tokenUsage": tokens(&results.iter().collect::<Vec<_>>()),
            },
            "results": results,
        },
        "config": {
            "description": export.title,
            "prompts": [TEMPLATE],
            "providers": contenders.iter().map(|c| provider(c)).collect::<Vec<_>>(),
            "tests": [],
        },
        "shareableUrl": null,
    });
    written.files.push(File::main("promptfoo.json", json(&file)?));
    Ok(written)
}

const TEMPLATE: &str = "{{question}}";

fn result(
    export: &Export<'_>,
    (test_index, (corpus, question_id)): (usize, Test<'_>),
    (column, name): (usize, &str),
    cell: &Cell<'_, '_>,
) -> Option<Value> {
    let (row, side) = cell.said.first()?;
    let judged = row.judged.as_ref()?;
    let answer = judged.answers[side.index()];
    let parts: Vec<Value> = cell.said.iter().map(|(row, side)| component(row, *side)).collect();
    let scores: Vec<f64> = cell.said.iter().filter_map(|(row, side)| score(row, *side)).collect();
    let score = mean(&scores).unwrap_or_default();
    let mut named = Map::new();
    for id in export.criteria_used() {
        let degrees: Vec<f64> = cell
            .said
            .iter()
            .filter_map(|(row, side)| row.sides[side.index()].scores.get(id).map(|d| f64::from(*d)))
            .collect();
        if let Some(mean) = mean(&degrees) {
            named.insert(id.to_owned(), json!(mean));
        }
    }
    let vars = vars(judged);
    let (prompt_tokens, answer_tokens) = answer.map_or((0, 0), |a| (a.prompt_tokens, a.tokens));
    let usage = usage(prompt_tokens as u64, answer_tokens as u64, 1);
    Some(json!({
        "id": format!("{test_index}-{column}"),
        "promptIdx": column,
        "testIdx": test_index,
        "testCase": {
            "vars": vars,
            "assert": [],
            "metadata": { "corpus": corpus, "question_id": question_id },
        },
        "promptId": prompt_id(name),
        "provider": provider(name),
        "prompt": { "raw": raw(row, judged), "label": name },
        "vars": vars,
        "response": { "output": judged.texts[side.index()], "tokenUsage": usage },
        "error": answer.and_then(|a| a.error.as_ref()),
        "failureReason": u8::from(score < PASSES),
        "success": score >= PASSES,
        "score": score,
        "latencyMs": answer.map_or(0.0, |a| (a.seconds * 1000.0).round()),
        "namedScores": named,
        "gradingResult": {
            "pass": score >= PASSES,
            "score": score,
            "reason": format!("Judged {} {}", parts.len(), if parts.len() == 1 { "time" } else { "times" }),
            "namedScores": named,
            "componentResults": parts,
        },
        "cost": 0,
        "metadata": { "contender": name, "corpus": corpus, "question_id": question_id },
        "tokenUsage": usage,
    }))
}

const PASSES: f64 = 0.5;

fn component(row: &Exported<'_>, side: Side) -> Value {
    let score = score(row, side).unwrap_or_default();
    let says = match row.verdict {
        None => "no verdict",
        Some(Verdict::Tie) => "a tie",
        Some(Verdict::BothBad) => "both are bad",
        Some(_) if score > PASSES => "the better answer",
        Some(_) => "the other answer is better",
    };
    let given = &row.sides[side.index()];
    let mut reason = format!("{}: {says}", row.annotator);
    if !given.tags.is_empty() {
        reason.push_str(&format!("; {}", given.tags.join(", ")));
    }
    let shown = ["left", "right"][side.index()];
    json!({
        "pass": score >= PASSES,
        "score": score,
        "reason": reason,
        "comment": row.note,
        "namedScores": given.scores,
        "assertion": { "type": "human" },
        "metadata": {
            "annotator": row.annotator,
            "judged_at": row.at.to_string(),
            "seconds": row.seconds,
            "shown": shown,
        },
    })
}

fn score(row: &Exported<'_>, side: Side) -> Option<f64> {
    Some(match row.verdict? {
        Verdict::Tie => 0.5,
        Verdict::BothBad => 0.0,
        Verdict::A | Verdict::B => f64::from(u8::from(row.winner()?.0 == side)),
    })
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// What the question is rendered with. An answer to no passages has an empty list.
fn vars(judged: &Judged<'_>) -> Value {
    let passages: Vec<String> =
        judged.passages.iter().map(|h| format!("[{}] {}\n{}", h.rank, h.heading(), h.text)).collect();
    json!({
        "question": judged.question,
        "passages": passages.join("\n\n"),
        "reference": judged.reference.map(|r| r.answer.as_str()).unwrap_or_default(),
    })
}

/// The conversation as it was sent, as promptfoo writes one: a list of messages as JSON.
fn raw(row: &Exported<'_>, judged: &Judged<'_>) -> String {
    serde_json::to_string(&row.messages(judged)).unwrap_or_default()
}

fn provider(name: &str) -> Value {
    json!({ "id": format!("juxta:{name}"), "label": name })
}

fn prompt_id(name: &str) -> String {
    blake3::hash(format!("{TEMPLATE}\0{name}").as_bytes()).to_hex().to_string()
}

fn of_column(results: &[Value], column: usize) -> Vec<&Value> {
    results.iter().filter(|r| r["promptIdx"] == column).collect()
}

fn prompt(name: &str, results: &[&Value]) -> Value {
    let sum = |field: &str| results.iter().filter_map(|r| r[field].as_f64()).sum::<f64>();
    let passed = results.iter().filter(|r| r["success"] == true).count();
    let (mut named, mut counted) = (BTreeMap::<&str, f64>::new(), BTreeMap::<&str, u64>::new());
    for (id, score) in results.iter().filter_map(|r| r["namedScores"].as_object()).flatten() {
        *named.entry(id).or_default() += score.as_f64().unwrap_or_default();
        *counted.entry(id).or_default() += 1;
    }
    json!({
        "raw": TEMPLATE,
        "label": name,
        "id": prompt_id(name),
        "provider": format!("juxta:{name}"),
        "metrics": {
            "score": sum("score"),
            "testPassCount": passed,
            "testFailCount": results.len() - passed,
            "testErrorCount": 0,
            "assertPassCount": passed,
            "assertFailCount": results.len() - passed,
            "totalLatencyMs": sum("latencyMs"),
            "tokenUsage": tokens(results),
            "namedScores": named,
            "namedScoresCount": counted,
            "cost": 0,
        },
    })
}

fn tokens(results: &[&Value]) -> Value {
    let sum = |field: &str| results.iter().filter_map(|r| r["tokenUsage"][field].as_u64()).sum::<u64>();
    usage(sum("prompt"), sum("completion"), results.len() as u64)
}

fn usage(prompt: u64, completion: u64, requests: u64) -> Value {
    json!({
        "total": prompt + completion,
        "prompt": prompt,
        "completion": completion,
        "cached": 0,
        "numRequests": requests,
    })
}
