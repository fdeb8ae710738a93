//! Battles for FastChat, as its arena logs votes and as its cleaning leaves them (lm-sys/FastChat at commit 0e6d3e4,
//! version 0.2.36).
//!
//! A vote, one JSON object a line, by `vote_last_response` in `fastchat/serve/gradio_block_arena_anony.py`, with
//! states by `Conversation.dict` in `fastchat/conversation.py` and `State.dict` in
//! `fastchat/serve/gradio_web_server.py`:
//!
//! | field | what it is |
//! |---|---|
//! | `tstamp` | when it was judged, in seconds |
//! | `type` | `leftvote`, `rightvote`, `tievote`, `bothbad_vote` |
//! | `models` | empty twice: nobody was told who answers |
//! | `states` | left and right as shown: `template_name`, `system_message`, `roles`, `messages` (the question, the answer), `offset`, `conv_id`, `model_name` |
//! | `ip` | the annotator: the cleaning makes the judge of it |
//!
//! A battle, in one JSON array, by `process_data` in `fastchat/serve/monitor/clean_battle_data.py`: `question_id`,
//! `model_a`, `model_b`, `winner`, `judge`, `conversation_a`, `conversation_b`, `turn`, `anony`, `language`,
//! `tstamp`. `num_tokens` is each contender's own count (of the whole prompt for the question), where FastChat has
//! that of GPT-3.5.
//!
//! The cleaning drops votes whose text names a model or its maker ("google", "llama", even "palm" for the tree),
//! holds one of its error messages, or is empty; such votes stand in the log all the same, and as battles they are
//! kept. It reads all turns, so the passages are left out of them. It also renames some models, by a list and by
//! date; a contender of such a name is written as `contender NAME`, so that both forms say the same.

use super::written::{File, Written, json, json_lines};
use super::{Export, Exported, Judged};
use crate::compare::Side;
use crate::study::{Showing, Verdict};
use serde_json::{Value, json};

/// What `replace_model_name` in `clean_battle_data.py` renames.
const RENAMED: [&str; 10] = [
    "bard",
    "claude-v1",
    "claude-instant-v1",
    "oasst-sft-1-pythia-12b",
    "claude-2",
    "StripedHyena-Nous-7B",
    "gpt-4-turbo",
    "gpt-4-0125-assistants-api",
    "gpt-4",
    "gpt-3.5-turbo",
];

/// As the arena logs them.
pub(super) fn votes(export: &Export<'_>) -> serde_json::Result<Written> {
    each(
        export,
        |all| Ok(File::main("fastchat-conv.json", json_lines(all)?)),
        |row, judged, verdict| {
            let kind = match verdict {
                Verdict::A => "leftvote",
                Verdict::B => "rightvote",
                Verdict::Tie => "tievote",
                Verdict::BothBad => "bothbad_vote",
            };
            let state = |side: Side| {
                json!({
                    "template_name": "juxta",
                    "system_message": "",
                    "roles": ["user", "assistant"],
                    "messages": [["user", judged.question], ["assistant", judged.texts[side.index()]]],
                    "offset": 0,
                    "conv_id": conversation(row, side),
                    "model_name": model(row, side),
                })
            };
            json!({
                "tstamp": seconds(row),
                "type": kind,
                "models": ["", ""],
                "states": Side::BOTH.map(state),
                "ip": row.annotator,
            })
        },
    )
}

/// As the cleaning leaves them.
pub(super) fn battles(export: &Export<'_>) -> serde_json::Result<Written> {
    each(
        export,
        |all| Ok(File::main("fastchat-battles.json", json(&all)?)),
        |row, judged, verdict| {
            let winner = match verdict {
                Verdict::A => "model_a",
                Verdict::B => "model_b",
                Verdict::Tie => "tie",
                Verdict::BothBad => "tie (bothbad)",
            };
            let turns = |side: Side| {
                let answer = judged.answers[side.index()];
                let question_tokens = answer.map(|a| a.prompt_tokens).unwrap_or_default();
                let answer_tokens = answer.map(|a| a.tokens).unwrap_or_default();
                json!([
                    { "role": "user", "content": judged.question, "num_tokens": question_tokens },
                    { "role": "assistant", "content": judged.texts[side.index()], "num_tokens": answer_tokens },
                ])
            };
            json!({
                "question_id": conversation(row, Side::A),
                "model_a": model(row, Side::A),
                "model_b": model(row, Side::B),
                "winner": winner,
                "judge": format!("arena_user_{}", row.annotator),
                "conversation_a": turns(Side::A),
                "conversation_b": turns(Side::B),
                "turn": 1,
                "anony": true,
                // What its detection says where it finds none.
                "language": "unknown",
                "tstamp": seconds(row),
            })
        },
    )
}

fn each(
    export: &Export<'_>,
    file: impl FnOnce(Vec<Value>) -> serde_json::Result<File>,
    battle: impl Fn(&Exported<'_>, &Judged<'_>, Verdict) -> Value,
) -> serde_json::Result<Written> {
    let mut written = Written::default();
    // By time, as the cleaning sorts them.
    let mut rows: Vec<&Exported<'_>> = export.rows.iter().collect();
    rows.sort_by_key(|row| row.at);
    let mut all = Vec::new();
    for row in rows {
        match (&row.judged, row.verdict) {
            (Some(judged), Some(verdict)) => all.push(battle(row, judged, verdict)),
            (None, _) => written.leave_out("judgments whose trial is missing"),
            (_, None) => written.leave_out("judgments without a verdict"),
        }
    }
    written.files.push(file(all)?);
    Ok(written)
}

/// Names the conversation: the item, which showing of it, and the side.
fn conversation(row: &Exported<'_>, side: Side) -> String {
    let again = if row.showing == Showing::Swapped { "-swapped" } else { "" };
    format!("{}{again}-{}", row.item, ["left", "right"][side.index()])
}

fn model(row: &Exported<'_>, side: Side) -> String {
    let name = row.sides[side.index()].contender.unwrap_or_default();
    if RENAMED.contains(&name) { format!("contender {name}") } else { name.to_owned() }
}

fn seconds(row: &Exported<'_>) -> f64 {
    // Rounded as the arena does.
    (row.at.as_microsecond() as f64 / 100.0).round() / 10_000.0
}
