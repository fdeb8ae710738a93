//! What TRL's trainers read, as JSON Lines: conversational data sets, by `docs/source/dataset_formats.md` of
//! huggingface/trl (read at commit 0087e4f, loaded with trl 1.16.0 and datasets 5.2.0).
//!
//! | file | type there | fields |
//! |---|---|---|
//! | `trl-dpo` | preference | `prompt`, `chosen`, `rejected` |
//! | `trl-kto` | unpaired preference | `prompt`, `completion`, `label` |
//! | `trl-sft` | language modelling | `messages` |
//!
//! Each of the first four is a list of `{role, content}`. Also in every line, and not read by a trainer: `corpus`,
//! `question_id`, `item`, `contender` (of what is chosen or completed) and `annotator`. A line of `trl-dpo` has the
//! `margin` that the reward trainer adds to its loss (`docs/source/reward_trainer.md`): by how much the better
//! answer's mean degree is above the other's. It can be 0 or less, where ratings and verdict disagree.
//!
//! What becomes a line: each annotator's judgment of its own, so that what several prefer counts more. An item that
//! came back with its sides swapped only measured the reviewer and is left out, and so is a trial in which a
//! contender failed. A tie has no preference; both of its answers will do. Of two bad answers neither will.

use super::written::{File, Written, json_lines};
use super::{Export, Exported, Given, Judged};
use crate::compare::Side;
use crate::prompt::{Message, Role};
use crate::study::{Showing, Verdict};
use serde_json::{Value, json};

const AGAIN: &str = "showings with the sides swapped";
const FAILED: &str = "judgments of an answer that is missing, empty or failed";
const TIES: &str = "ties, both bad, or without a verdict";
const NO_VERDICT: &str = "judgments without a verdict";
const NO_REFERENCE: &str = "questions without a reference answer";

/// Preference.
pub(super) fn dpo(export: &Export<'_>) -> serde_json::Result<Written> {
    each(export, "trl-dpo.jsonl", |row, judged| {
        let (better, other) = row.winner().ok_or(TIES)?;
        let turn = |side: Side| [said(judged.texts[side.index()])];
        let mut line = json!({
            "prompt": row.messages(judged),
            "chosen": turn(better),
            "rejected": turn(other),
            "margin": mean(&row.sides[better.index()]) - mean(&row.sides[other.index()]),
        });
        about(&mut line, row, Some(better));
        Ok(vec![line])
    })
}

/// Unpaired preference.
pub(super) fn kto(export: &Export<'_>) -> serde_json::Result<Written> {
    each(export, "trl-kto.jsonl", |row, judged| {
        let labels = match row.verdict.ok_or(NO_VERDICT)? {
            Verdict::A => [true, false],
            Verdict::B => [false, true],
            Verdict::Tie => [true, true],
            Verdict::BothBad => [false, false],
        };
        let line = |side: Side| {
            let mut line = json!({
                "prompt": row.messages(judged),
                "completion": [said(judged.texts[side.index()])],
                "label": labels[side.index()],
            });
            about(&mut line, row, Some(side));
            line
        };
        Ok(Side::BOTH.map(line).to_vec())
    })
}

/// Language modelling: the better answers, or the references, each of those once.
pub(super) fn sft(export: &Export<'_>, reference: bool) -> serde_json::Result<Written> {
    let mut seen = std::collections::BTreeSet::new();
    each(export, "trl-sft.jsonl", |row, judged| {
        let mut messages = row.messages(judged).into_owned();
        let side = if reference {
            let reference = judged.reference.ok_or(NO_REFERENCE)?;
            if !seen.insert((row.corpus.map(str::to_owned), row.question_id.map(str::to_owned))) {
                return Ok(vec![]);
            }
            messages.push(said(&reference.answer));
            None
        } else {
            let (better, _) = row.winner().ok_or(TIES)?;
            messages.push(said(judged.texts[better.index()]));
            Some(better)
        };
        let mut line = json!({ "messages": messages });
        about(&mut line, row, side);
        Ok(vec![line])
    })
}

/// The lines of each judgment, or why it has none.
fn each(
    export: &Export<'_>,
    name: &str,
    mut lines: impl FnMut(&Exported<'_>, &Judged<'_>) -> Result<Vec<Value>, &'static str>,
) -> serde_json::Result<Written> {
    let mut written = Written::default();
    let mut all = Vec::new();
    for row in &export.rows {
        let found = if row.showing == Showing::Swapped {
            Err(AGAIN)
        } else {
            row.answered().ok_or(FAILED).and_then(|judged| lines(row, judged))
        };
        match found {
            Ok(found) => all.extend(found),
            Err(reason) => written.leave_out(reason),
        }
    }
    written.files.push(File::main(name, json_lines(all)?));
    Ok(written)
}

fn said(text: &str) -> Message {
    Message { role: Role::Assistant, content: text.to_owned() }
}

/// Where a line comes from. Always the same fields with the same types: datasets wants one schema a file.
fn about(line: &mut Value, row: &Exported<'_>, side: Option<Side>) {
    let contender = side.and_then(|s| row.sides[s.index()].contender);
    line["corpus"] = json!(row.corpus.unwrap_or_default());
    line["question_id"] = json!(row.question_id.unwrap_or_default());
    line["item"] = json!(row.item);
    line["contender"] = json!(contender.unwrap_or_default());
    line["annotator"] = json!(if side.is_some() { row.annotator.as_ref() } else { "" });
}

/// The mean degree over what was rated; 0 where nothing was.
fn mean(given: &Given<'_>) -> f64 {
    let degrees: Vec<f64> = given.scores.values().map(|d| f64::from(*d)).collect();
    if degrees.is_empty() { 0.0 } else { degrees.iter().sum::<f64>() / degrees.len() as f64 }
}
