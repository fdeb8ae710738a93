//! Samples for RAGAS, as JSON Lines for `EvaluationDataset.from_jsonl`: fields of `SingleTurnSample` in
//! `src/ragas/dataset_schema.py` of ragas 0.4.3.
//!
//! | field | what it is |
//! |---|---|
//! | `user_input` | the question |
//! | `retrieved_contexts`, `retrieved_context_ids` | the passages of the prompt, and each one's document and number |
//! | `response` | one contender's answer |
//! | `reference` | the reference answer; `null` where there is none |
//! | `reference_contexts` | what the reference rests on, quoted; `null` where there is none |
//!
//! A line for each question and contender, whoever judged it; what people said of it has no place there. `contender`,
//! `corpus` and `question_id` are for who reads the file: RAGAS passes over them.

use super::Export;
use super::written::{File, Written, json_lines};
use serde_json::json;
use std::collections::BTreeSet;

pub(super) fn write(export: &Export<'_>) -> serde_json::Result<Written> {
    let mut written = Written::default();
    let (mut lines, mut seen) = (Vec::new(), BTreeSet::new());
    for row in &export.rows {
        let Some(judged) = &row.judged else {
            written.leave_out("judgments whose trial is missing");
            continue;
        };
        for (given, text) in row.sides.iter().zip(judged.texts) {
            let contender = given.contender.unwrap_or_default();
            // Of the lab's own judgments each trial is a question of its own.
            let trial = if export.study.is_some() { "" } else { row.item };
            if !seen.insert((row.corpus, judged.question, contender, trial)) {
                continue;
            }
            let ids = judged.passages.iter().map(|hit| format!("{}#{}", hit.document, hit.passage));
            lines.push(json!({
                "user_input": judged.question,
                "retrieved_contexts": judged.passages.iter().map(|hit| &hit.text).collect::<Vec<_>>(),
                "retrieved_context_ids": ids.collect::<Vec<_>>(),
                "response": text,
                "reference": judged.reference.map(|r| &r.answer),
                "reference_contexts": judged.reference.map(|r| &r.quotes),
                "contender": contender,
                "corpus": row.corpus,
                "question_id": row.question_id,
            }));
        }
    }
    written.files.push(File::main("ragas.jsonl", json_lines(lines)?));
    Ok(written)
}
