//! BioASQ's golden questions and PubMedQA: questions on abstracts of PubMed.

use super::found::Wrong;
use super::json::{self, list, text, texts};
use super::sink::{Asked, New, Sink};
use super::source::Source;
use super::squad::each;
use super::{Reader, split};
use crate::corpus::document::Section;
use crate::corpus::{Gold, Kind, Split};
use crate::fault::{Fault, Result};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// `{"questions":[{"body","documents":[url],"snippets":[…],"ideal_answer","exact_answer",…}]}`. The abstracts are not in
/// the file: a document is made of the snippets that are quoted from it.
pub(super) struct BioAsq;

/// Snippets of all documents are kept until every question has been read; they must not fill the memory.
const MOST_SNIPPETS: usize = 512 << 20;

/// A question with what it quotes: documents and texts.
struct Quoting {
    asked: Asked,
    quotes: Vec<(String, String)>,
    place: String,
}

#[derive(Default)]
struct Quoted {
    /// By section and offset, so that they come as in the abstract.
    snippets: BTreeMap<(String, u64), String>,
}

impl Reader for BioAsq {
    fn read(&self, files: &[Source], sink: &mut Sink<'_>) -> Result<()> {
        let mut documents: BTreeMap<String, Quoted> = BTreeMap::new();
        let mut questions: Vec<Quoting> = Vec::new();
        let mut bytes = 0;
        for file in files {
            let named = split::named(&file.name);
            each(file, sink, Some("questions"), &mut |sink, key, value| {
                let place = format!("{}, questions[{key}]", file.place());
                let mut quotes = Vec::new();
                for (n, snippet) in list(&value, "snippets").iter().enumerate() {
                    let (Some(url), Some(quote)) = (text(snippet, "document"), text(snippet, "text")) else {
                        sink.wrong(Wrong::Shape, || {
                            Fault::new(format!("{place}.snippets[{n}]"), "no document or no text")
                                .expected("both")
                                .next("The snippet is left out.")
                        });
                        continue;
                    };
                    let quote = quote.trim();
                    if quote.is_empty() {
                        continue;
                    }
                    lengths(snippet, quote, &format!("{place}.snippets[{n}]"), sink);
                    let section = text(snippet, "beginSection").unwrap_or_default().to_owned();
                    let offset = snippet.get("offsetInBeginSection").and_then(Value::as_u64).unwrap_or(0);
                    let quoted = documents.entry(pubmed(url)).or_default();
                    if quoted.snippets.insert((section, offset), quote.to_owned()).is_none() {
                        bytes += quote.len();
                    }
                    quotes.push((pubmed(url), quote.to_owned()));
                }
                if bytes > MOST_SNIPPETS {
                    return Err(Fault::new(
                        file.place(),
                        format!("more than {} MiB of snippets", MOST_SNIPPETS >> 20),
                    )
                    .expected("a set of questions of BioASQ")
                    .next("Divide it into several files, and make a corpus of each.")
                    .into());
                }
                questions.push(Quoting { asked: asked(&value, named), quotes, place });
                Ok(())
            })?;
        }
        for (id, quoted) in &documents {
            let mut text = String::new();
            // A longer snippet that begins in the same place has replaced the shorter; one within another adds nothing.
            for snippet in quoted.snippets.values().filter(|s| !s.is_empty()) {
                let within =
                    quoted.snippets.values().any(|o| o.len() > snippet.len() && o.contains(snippet.as_str()));
                if within || text.contains(snippet.as_str()) {
                    continue;
                }
                if !text.is_empty() {
                    text.push_str("\n\n");
                }
                text.push_str(snippet);
            }
            let new = New { id: id.clone(), title: format!("PubMed {id}"), text, sections: Vec::new() };
            sink.document(new, id)?;
        }
        for Quoting { mut asked, quotes, place } in questions {
            for (document, quote) in quotes {
                let there =
                    documents.get(&document).is_some_and(|d| d.snippets.values().any(|s| s.contains(&quote)));
                if there && !asked.gold.iter().any(|g| g.document == document && g.quote == quote) {
                    asked.gold.push(Gold { document, quote });
                }
            }
            if asked.gold.is_empty() && !asked.answer.is_empty() {
                sink.wrong(Wrong::NoDocument, || {
                    Fault::new(&place, "a question without snippets")
                        .expected("snippets, which its documents are made of")
                        .next("The question is left out.")
                });
                continue;
            }
            sink.question(asked, &place);
        }
        Ok(())
    }
}

/// The number at the end of a PubMed address.
fn pubmed(url: &str) -> String {
    url.trim_end_matches('/').rsplit('/').next().unwrap_or(url).to_owned()
}

/// Offsets lie in an abstract that is not there; that they are as far apart as the snippet is long can be seen.
fn lengths(snippet: &Value, quote: &str, place: &str, sink: &mut Sink<'_>) {
    let number = |key| snippet.get(key).and_then(Value::as_u64);
    let same = text(snippet, "beginSection") == text(snippet, "endSection");
    if let (true, Some(begin), Some(end)) =
        (same, number("offsetInBeginSection"), number("offsetInEndSection"))
    {
        let length = quote.chars().count() as u64;
        if end.saturating_sub(begin).abs_diff(length) > 2 {
            sink.wrong(Wrong::OffsetMended, || {
                Fault::new(place, format!("offsets {begin} to {end} of a snippet of {length} characters"))
                    .expected("offsets as far apart as the snippet is long")
                    .next("The snippet's own text is taken.")
            });
        }
    }
}

fn asked(value: &Value, named: Option<Split>) -> Asked {
    let exact = value.get("exact_answer").map(exact).unwrap_or_default();
    let ideal = value.get("ideal_answer").map(texts).unwrap_or_default().into_iter().find(|a| !a.is_empty());
    let kind = match text(value, "type") {
        Some("yesno") => Some(Kind::YesNo),
        Some("list") => Some(Kind::List),
        Some("factoid") => Some(Kind::Fact),
        _ => None,
    };
    let mut answer = ideal.unwrap_or_else(|| exact.join(", "));
    if kind == Some(Kind::YesNo)
        && let Some(word) = exact.first().filter(|w| !answer.to_lowercase().starts_with(w.as_str()))
    {
        answer = format!("{}. {answer}", capital(word));
    }
    Asked {
        key: json::id(value, "id"),
        split: named,
        kind,
        question: text(value, "body").unwrap_or_default().to_owned(),
        answer,
        key_points: exact.into_iter().take(4).collect(),
        ..Asked::default()
    }
}

/// A word, or a list of answers, each a list of ways to say it: the first of each.
fn exact(value: &Value) -> Vec<String> {
    match value {
        Value::String(word) => vec![word.trim().to_lowercase()],
        Value::Array(all) => {
            all.iter().filter_map(|a| texts(a).into_iter().next()).filter(|a| !a.is_empty()).collect()
        }
        _ => Vec::new(),
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// `{pmid:{"QUESTION","CONTEXTS":[…],"LABELS":[…],"LONG_ANSWER","final_decision"}}`, and beside it, where there is one,
/// `{pmid:"yes"}`: the questions that are for testing.
pub(super) struct PubMedQa;

impl Reader for PubMedQa {
    fn read(&self, files: &[Source], sink: &mut Sink<'_>) -> Result<()> {
        let mut test: HashMap<String, String> = HashMap::new();
        let is_list = |file: &Source| {
            !String::from_utf8_lossy(&file.head().unwrap_or_default()).contains("\"QUESTION\"")
        };
        for file in files.iter().filter(|f| is_list(f)) {
            each(file, sink, None, &mut |_, key, value| {
                test.insert(key.to_owned(), value.as_str().unwrap_or_default().to_owned());
                Ok(())
            })?;
        }
        for file in files.iter().filter(|f| !is_list(f)) {
            let named = split::named(&file.name);
            each(file, sink, None, &mut |sink, pmid, value| {
                let place = format!("{}, {pmid:?}", file.place());
                let split = match test.is_empty() {
                    true => named,
                    false if test.contains_key(pmid) => Some(Split::Test),
                    // A tenth of what is not for testing is for choosing.
                    false if blake3::hash(pmid.as_bytes()).as_bytes()[0] < 26 => Some(Split::Dev),
                    false => Some(Split::Train),
                };
                one(pmid, &value, split, &place, sink)
            })?;
        }
        Ok(())
    }
}

/// A part of an abstract with fewer words is no gold, if there is another.
const TELLING: usize = 12;

fn one(pmid: &str, value: &Value, split: Option<Split>, place: &str, sink: &mut Sink<'_>) -> Result<()> {
    let labels = list(value, "LABELS");
    let mut new = New { id: pmid.to_owned(), title: format!("PubMed {pmid}"), ..New::default() };
    for (n, context) in list(value, "CONTEXTS").iter().enumerate() {
        let Some(context) = context.as_str() else { continue };
        if !new.text.is_empty() {
            new.text.push_str("\n\n");
        }
        let start = new.text.len();
        new.text.push_str(context);
        let heading = labels.get(n).and_then(Value::as_str).map(|l| capital(&l.to_lowercase()));
        new.sections.push(Section { heading, range: start..new.text.len() });
    }
    let quotes: Vec<&str> = new.sections.iter().map(|s| &new.text[s.range.clone()]).collect();
    // "A cohort study." stands in many abstracts, and answers nothing.
    let telling = |quote: &&&str| crate::text::word_count(quote) >= TELLING;
    let mut gold: Vec<&str> = quotes.iter().filter(telling).copied().collect();
    if gold.is_empty() {
        gold.extend(quotes.iter().filter(|q| !q.trim().is_empty()).max_by_key(|q| q.len()));
    }
    let gold: Vec<Gold> =
        gold.into_iter().map(|quote| Gold { document: pmid.to_owned(), quote: quote.to_owned() }).collect();
    if !sink.document(new, place)? {
        return Ok(());
    }
    let decision = text(value, "final_decision").unwrap_or_default().trim().to_lowercase();
    let long = text(value, "LONG_ANSWER").unwrap_or_default();
    let answer = match (decision.is_empty(), long.is_empty()) {
        (false, false) => format!("{}. {long}", capital(&decision)),
        (false, true) => format!("{}.", capital(&decision)),
        _ => long.to_owned(),
    };
    let asked = Asked {
        key: Some(pmid.to_owned()),
        split,
        kind: Some(Kind::YesNo),
        question: text(value, "QUESTION").unwrap_or_default().to_owned(),
        answer,
        key_points: Some(decision).filter(|d| !d.is_empty()).into_iter().collect(),
        gold,
        ..Asked::default()
    };
    sink.question(asked, place);
    Ok(())
}
