//! `juxta model check`: what a model is, everything that is wrong with it, whether it can be a pair with another.

use super::out;
use crate::fault::Fault;
use crate::generate::{self, Inspection, bytes};
use crate::job::memory;
use crate::lab::Lab;
use crate::text::{counted, one_line};
use serde::Serialize;
use std::fmt::Write;

/// What to look at.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model: a name, or the path of a folder or a GGUF file.
    model: String,
    /// Another model, as the baseline it would be compared with.
    #[arg(long, value_name = "NAME|PATH")]
    with: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// As programs get it.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    model: &'a Inspection,
    memory_free: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    with: Option<Pair<'a>>,
}

#[derive(Serialize)]
struct Pair<'a> {
    name: &'a str,
    faults: &'a [Fault],
    remarks: Vec<Fault>,
}

pub(super) fn run(lab: &Lab, args: &Args) -> anyhow::Result<()> {
    let registry = lab.models.registry();
    let seen = generate::inspect(&registry.find(&args.model)?, &registry);
    let other = match &args.with {
        Some(with) => Some(generate::inspect(&registry.find(with)?, &registry)),
        None => None,
    };
    let pair = other.as_ref().map(|other| Pair {
        name: &other.name,
        faults: &other.faults,
        remarks: generate::remarks_on_pair(other, &seen),
    });
    if args.json {
        out::json(&Told { model: &seen, memory_free: memory::available(), with: pair })?;
    } else {
        let mut text = summary(&seen);
        if let Some(pair) = pair {
            let found = match (pair.faults.len(), pair.remarks.len()) {
                (0, 0) => "can be a pair".to_owned(),
                (0, n) => format!("can be a pair, with {n} to know"),
                (n, _) => format!("cannot be a pair: {n} wrong with it"),
            };
            line(&mut text, "with", &format!("{}: {found}", pair.name));
            faults(&mut text, "wrong", pair.faults);
            faults(&mut text, "to know", &pair.remarks);
        }
        out::text(&text)?;
    }
    refuse(&seen, !args.json)?;
    other.as_ref().map_or(Ok(()), |other| refuse(other, false))
}

/// The last line and the exit code of a model that cannot answer; where several things are wrong they can be listed
/// before.
pub(super) fn refuse(seen: &Inspection, listed: bool) -> anyhow::Result<()> {
    match seen.faults.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone().into()),
        all => {
            if listed {
                let mut told = String::new();
                faults(&mut told, "wrong", all);
                out::text(&told)?;
            }
            Err(Fault::new(&seen.place, format!("{} wrong, as listed", counted(all.len(), "thing")))
                .expected("a model that can answer")
                .next("Mend each as it says.")
                .into())
        }
    }
}

/// What a model is, a line for each thing.
pub(super) fn summary(seen: &Inspection) -> String {
    let mut text = String::new();
    line(&mut text, "model", &format!("{} · {}", seen.name, seen.place));
    let mut what = vec![seen.kind.to_string()];
    what.extend(seen.architecture.clone());
    what.extend(seen.parameters.map(|n| format!("{} parameters", count(n))));
    what.extend(seen.numbers.clone());
    line(&mut text, "what", &what.join(" · "));
    if let Some(tokens) = seen.context_tokens {
        line(&mut text, "window", &format!("{tokens} tokens"));
    }
    if let Some(tokens) = seen.vocabulary {
        line(&mut text, "vocabulary", &format!("{tokens} tokens"));
    }
    match (&seen.template_digest, seen.folds_system) {
        (Some(_), false) => line(&mut text, "template", "its own"),
        (Some(_), true) => {
            line(
                &mut text,
                "template",
                "its own; it refuses a system message, which goes above the question",
            );
        }
        (None, _) => {}
    }
    if let Some(weights) = seen.weight_bytes {
        let mut memory = format!("{} of weights", bytes(weights));
        if let Some((cache, tokens)) = seen.cache_bytes {
            let _ = write!(memory, ", {} for an answer of {tokens} tokens with its prompt", bytes(cache));
        }
        if let Some(free) = memory::available() {
            let _ = write!(memory, "; {} are free", bytes(free));
        }
        line(&mut text, "memory", &memory);
    }
    if let Some(digest) = &seen.digest {
        line(&mut text, "digest", digest);
    }
    faults(&mut text, "to know", &seen.remarks);
    text
}

fn line(text: &mut String, head: &str, said: &str) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{head:<11}{}", one_line(said));
}

fn faults(text: &mut String, head: &str, faults: &[Fault]) {
    for fault in faults {
        line(text, head, &fault.to_string());
    }
}

fn count(n: u64) -> String {
    match n {
        0..=999_999 => format!("{:.1} thousand", n as f64 / 1e3),
        1_000_000..=999_999_999 => format!("{:.1} million", n as f64 / 1e6),
        _ => format!("{:.1} billion", n as f64 / 1e9),
    }
}
