//! Real data in its native form, where it is there: the counts of its `SOURCE.txt`.

use super::support::{Added, add_asked, data, met, request};
use juxta::corpus::Split;
use juxta::corpus::import::{self, Format, Wrong};
use juxta::job::{Cancel, SILENT};

fn add(name: &str, format: Format) -> Option<Added> {
    let added = add_asked(&request(&[data(name)?]));
    assert_eq!(added.imported.formats[0].0, format);
    Some(added)
}

/// Training questions never give away what is judged by, so that a fine-tuning is never refused.
#[track_caller]
fn apart(added: &Added) {
    use juxta::corpus::{Apart, Gold};
    let corpus = &added.corpus;
    let locate = |gold: &Gold| {
        let start = corpus.document(&gold.document)?.and_then(|d| d.text.find(&gold.quote));
        Ok(start.map(|start| start..start + gold.quote.len()))
    };
    let judged = corpus.questions.iter().filter(|q| q.split != Split::Train);
    let mut judged = Apart::new("en", judged, &locate).expect("read");
    for question in corpus.split(Split::Train) {
        let clash = judged.gives_away(question, &locate).expect("read");
        assert!(clash.is_none(), "{}: {clash:?}", question.id);
    }
}

#[test]
fn pubmedqa() {
    let Some(added) = add("pubmedqa", Format::PubMedQa) else { return };
    assert_eq!((added.imported.documents, added.imported.questions[2]), (1000, 500));
    let left_out = added.met(Wrong::GivesAway);
    assert_eq!(added.corpus.questions.len() + left_out, 1000);
    let of = |word| added.corpus.questions.iter().filter(|q| q.key_points == [word]).count();
    assert!(of("yes") + of("no") + of("maybe") + left_out == 1000 && of("yes").abs_diff(552) <= left_out);
    apart(&added);
}

#[test]
fn medquad() {
    let Some(path) = data("medquad") else { return };
    let looked = import::look(&request(&[path]), SILENT, &Cancel::new()).expect("looked at");
    assert_eq!(looked.formats, [(Format::MedQuad, 11_274)]);
    let questions: usize = looked.questions.iter().sum();
    let left_out = met(&looked, Wrong::GivesAway) + met(&looked, Wrong::SameQuestion);
    assert_eq!(looked.documents + met(&looked, Wrong::EmptyDocument), 11_274);
    // Four files spell their tags otherwise, and are not in the counts of the source: 16 pairs, all answered.
    assert_eq!(questions + left_out, 16_407 + 16);
    assert_eq!(questions + left_out + met(&looked, Wrong::NoAnswer), 47_441 + 16);
}

#[test]
fn xquad() {
    let Some(added) = add("xquad-en", Format::Squad) else { return };
    assert_eq!(added.imported.documents, 48);
    assert_eq!(
        added.corpus.questions.len() + added.met(Wrong::GivesAway) + added.met(Wrong::SameQuestion),
        1190
    );
    assert_eq!((added.met(Wrong::OffsetMended), added.met(Wrong::AnswerNotThere)), (0, 0));
    apart(&added);
}

#[test]
fn squad2_500() {
    let Some(added) = add("squad2-500", Format::Squad) else { return };
    assert_eq!((added.imported.documents, added.imported.unanswerable), (411, 258));
    assert_eq!(added.corpus.questions.len() + added.met(Wrong::GivesAway), 500);
    apart(&added);
}

#[test]
fn tat_qa() {
    for (file, contexts, questions, answered) in [
        ("tatqa_dataset_dev.json", 278, 1668, true),
        ("tatqa_dataset_test.json", 278, 1669, false),
        ("tatqa_dataset_test_gold.json", 277, 1663, true),
    ] {
        let Some(path) = data("tat-qa").map(|d| d.join(file)) else { return };
        let added = add_asked(&request(&[path]));
        assert_eq!(added.imported.documents + added.met(Wrong::SameDocument), contexts, "{file}");
        let there =
            added.corpus.questions.len() + added.met(Wrong::GivesAway) + added.met(Wrong::SameQuestion);
        assert_eq!(there + added.met(Wrong::NoAnswer), questions, "{file}");
        assert_eq!(there > 0, answered, "{file}");
        assert!(added.corpus.questions.iter().all(|q| !q.gold.is_empty()), "{file}");
    }
}

#[test]
fn beir_dbpedia() {
    let Some(added) = add("beir-dbpedia", Format::Beir) else { return };
    let i = &added.imported;
    assert_eq!((i.documents, i.queries + added.met(Wrong::Unjudged)), (5000, 50));
    assert_eq!(i.judgments, 3709);
    assert!(added.corpus.queries.iter().all(|q| q.split == Split::Test));
}

#[test]
fn cranfield() {
    let Some(added) = add("cranfield", Format::Smart) else { return };
    let i = &added.imported;
    assert_eq!((i.documents, added.met(Wrong::EmptyDocument)), (1398, 2));
    assert_eq!((i.queries, i.judgments + added.met(Wrong::JudgedUnknown)), (225, 1837));
    // By position: the first question is judged as 1, and its number is 1; the third has the number 4.
    let third = added.corpus.queries.iter().find(|q| q.id == "3").expect("the third");
    assert!(third.question.starts_with("what problems of heat conduction"), "{}", third.question);
}

#[test]
fn cisi() {
    let Some(added) = add("cisi", Format::Smart) else { return };
    let i = &added.imported;
    assert_eq!((i.documents, i.queries, i.judgments), (1460, 76, 3114));
    assert_eq!(added.met(Wrong::Unjudged), 112 - 76);
}

#[test]
fn nq_open_with_documents_beside() {
    let Some(questions) = data("nq-open").map(|d| d.join("NQ-open.dev.jsonl")) else { return };
    let documents = super::support::fixture("wikipedia");
    let added = add_asked(&request(&[questions, documents]));
    assert_eq!(added.imported.open + added.met(Wrong::SameQuestion), 3610);
}

#[test]
fn wikipedia() {
    let Some(path) = data("wikipedia-articles").map(|d| d.join("text-excellent/AB")).filter(|p| p.exists())
    else {
        return;
    };
    // A part of it: the whole is for the bench.
    let looked = import::look(&request(&[path]), SILENT, &Cancel::new()).expect("looked at");
    assert_eq!(looked.formats[0].0, Format::Wikipedia);
    assert!(looked.documents > 100 && met(&looked, Wrong::Shape) == 0, "{looked:?}");
}
