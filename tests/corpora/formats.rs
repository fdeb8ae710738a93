//! Every format, on a small source of our own writing.

use super::support::{add, add_asked, fixture, request};
use juxta::corpus::import::{Format, Mapping, Request, Wrong};
use juxta::corpus::{Kind, Split};

fn question(parts: &(String, String, Vec<String>)) -> (&str, &str, Vec<&str>) {
    (parts.0.as_str(), parts.1.as_str(), parts.2.iter().map(String::as_str).collect())
}

#[test]
fn squad_offsets_are_mended_where_the_answer_stands_once_and_reported_where_it_does_not() {
    let added = add("squad");
    let ids = ["a1", "a2", "a3", "b1"];
    assert_eq!(added.corpus.questions.len(), ids.len(), "{:?}", added.imported);
    assert_eq!(added.imported.formats, [(Format::Squad, 1)]);
    assert_eq!((added.imported.documents, added.imported.unanswerable), (2, 1));
    assert_eq!(question(&added.question("a1")).2, ["The lamp of the lighthouse burns oil."]);
    let mended = added.question("a2");
    assert_eq!(question(&mended).1, "below the stairs");
    assert_eq!(added.met(Wrong::OffsetMended), 1);
    assert_eq!(added.question("a3").1, "The corpus does not say.");
    assert!(added.question("a3").2.is_empty());
    // "clockwork" stands there more than once, "the door" nowhere.
    assert_eq!(added.met(Wrong::AnswerNotThere), 2);
    let place = &added.named(Wrong::AnswerNotThere)[0].place;
    assert!(place.ends_with("lamps-v2.0.json, data[1].paragraphs[0].qas[1]"), "{place}");
    let document =
        added.document(&added.corpus.questions.iter().find(|q| q.id == "a1").expect("a1").gold[0].document);
    assert_eq!(document.title, "Lighthouse lamps");
}

#[test]
fn flat_squad_takes_its_answers_from_the_file_beside() {
    let added = add("squad-flat");
    assert_eq!((added.imported.documents, added.imported.unanswerable), (1, 1));
    assert_eq!(added.question("q1").1, "every four hours");
    let lines = add("squad-lines");
    assert_eq!((lines.imported.questions, lines.imported.unanswerable), ([2, 0, 0], 1));
}

#[test]
fn bioasq_makes_documents_of_its_snippets() {
    let added = add("bioasq");
    assert_eq!(added.imported.documents, 2);
    let document = added.document("101");
    assert_eq!(
        document.text,
        "Marigolds and dill were sown in alternate rows.\n\nBeans beside marigolds had half as many aphids."
    );
    let (_, answer, quotes) = added.question("55031181e9bde69634000014");
    assert!(
        answer.starts_with("Yes, beans") && quotes == ["Beans beside marigolds had half as many aphids."]
    );
    let list = added.corpus.questions.iter().find(|q| q.kind == Kind::List).expect("a list");
    assert_eq!(list.key_points, ["marigolds", "dill"]);
    assert_eq!((added.met(Wrong::OffsetMended), added.met(Wrong::NoDocument)), (1, 1));
}

#[test]
fn questions_about_one_document_are_never_divided() {
    let added = add("bioasq");
    let split = |id: &str| added.corpus.questions.iter().find(|q| q.id == id).expect("there").split;
    assert_eq!(split("55031181e9bde69634000014"), split("55031181e9bde69634000016"));
}

#[test]
fn natural_questions_lose_their_tags_and_keep_their_tokens() {
    let added = add("natural-questions");
    assert_eq!((added.imported.documents, added.imported.questions), (1, [4, 0, 0]));
    let id = &added.corpus.questions.iter().find(|q| q.id == "1001").expect("1001").gold[0].document;
    let page = added.document(id);
    assert_eq!(
        page.text.trim(),
        "A pudding is boiled in a cloth. It takes three hours.\n\nThe first was made of oats (and suet)."
    );
    assert_eq!(page.sections.len(), 2);
    assert_eq!(page.sections[1].heading.as_deref(), Some("History"));
    let short = added.question("1001");
    assert_eq!(
        question(&short),
        ("how long does a pudding take", "three hours", vec!["It takes three hours."])
    );
    assert_eq!(added.question("1002").1, "Yes.");
    assert_eq!(added.question("1003").1, "The first was made of oats (and suet).");
    assert!(added.question("1004").2.is_empty());
    assert_eq!(added.met(Wrong::AnswerNotThere), 1);
}

#[test]
fn questions_without_documents_find_them_beside() {
    let documents = fixture("folder/notes");
    let added = add_asked(&request(&[fixture("nq-open/dev.jsonl"), documents]));
    assert_eq!((added.imported.documents, added.imported.open, added.imported.questions), (2, 2, [0, 2, 0]));
    assert!(added.corpus.questions.iter().all(|q| q.is_answerable() && q.split == Split::Dev));
    assert_eq!((added.met(Wrong::NoAnswer), added.met(Wrong::Unreadable)), (1, 1));
}

#[test]
fn qasper_papers_have_sections_and_evidence() {
    let added = add("qasper");
    let paper = added.document("1909.00001");
    let headings: Vec<_> = paper.sections.iter().filter_map(|s| s.heading.as_deref()).collect();
    assert_eq!(headings, ["Abstract", "Introduction", "Method: Data"]);
    assert_eq!(added.imported.questions, [0, 4, 0]);
    assert_eq!(question(&added.question("q-1")).2, ["We recorded ninety sheep on three hills."]);
    assert_eq!(added.question("q-2").1, "Yes.");
    assert_eq!((added.imported.unanswerable, added.imported.open), (1, 1));
}

#[test]
fn pubmedqa_takes_its_test_questions_from_the_list_beside() {
    let added = add("pubmedqa");
    assert_eq!((added.imported.documents, added.imported.questions[2]), (3, 1));
    let smoke = added.corpus.questions.iter().find(|q| q.id == "12").expect("12");
    assert_eq!((smoke.split, smoke.answer.as_str()), (Split::Test, "Yes. Smoke makes bees sting less."));
    assert_eq!((smoke.key_points.as_slice(), smoke.gold.len()), (["yes".to_owned()].as_slice(), 1));
    assert_eq!(added.document("12").sections[1].heading.as_deref(), Some("Results"));
}

#[test]
fn medquad_pages_are_documents_and_removed_answers_are_counted() {
    let added = add("medquad");
    assert_eq!((added.imported.documents, added.corpus.questions.len()), (1, 1));
    let page = added.document("1_Garden_QA/0000001");
    assert_eq!(page.title, "Thorn pricks");
    assert_eq!(
        page.text,
        "A thorn prick is a small wound & mostly harmless.\nIt is made by a rose.\n\n- Wash it.\n\n- Leave it in peace."
    );
    assert_eq!(
        (added.met(Wrong::NoAnswer), added.met(Wrong::EmptyDocument), added.met(Wrong::Unreadable)),
        (2, 1, 1)
    );
}

#[test]
fn tat_qa_rows_and_sentences_are_gold() {
    let added = add("tat-qa");
    let context = added.document("t-1");
    assert_eq!(context.title, "Sales by product");
    assert_eq!(context.sections[1].heading.as_deref(), Some("Table"));
    assert_eq!(question(&added.question("tq-1")).2, ["Wax is sold by weight."]);
    assert_eq!(
        question(&added.question("tq-2")),
        ("What were honey sales in 2019?", "$120 thousand", vec!["Honey | $120 | $100"])
    );
    assert_eq!(question(&added.question("tq-3")).2, ["Honey | $120 | $100"]);
    assert_eq!(added.met(Wrong::NoAnswer), 1);
}

#[test]
fn beir_keeps_graded_judgments_for_measuring() {
    let added = add("beir");
    assert_eq!((added.imported.documents, added.imported.queries, added.imported.judgments), (4, 2, 4));
    let grades = added.corpus.judged.of("q-1").expect("judged");
    assert_eq!(grades.get("<doc:Ladder>"), Some(&2));
    assert_eq!(
        (added.met(Wrong::SameDocument), added.met(Wrong::JudgedUnknown), added.met(Wrong::Unjudged)),
        (1, 2, 1)
    );
    assert_eq!(added.document("<doc:Name>").text, "Only a name");
}

#[test]
fn compressed_files_are_the_same() {
    let (plain, packed) = (add("beir"), add("packed"));
    assert_eq!(plain.corpus.digest.len(), 64);
    assert_eq!(plain.corpus.judged, packed.corpus.judged);
    assert_eq!(plain.document("<doc:Stair>"), packed.document("<doc:Stair>"));
}

#[test]
fn smart_judgments_by_position_find_their_questions() {
    let added = add("smart");
    assert_eq!((added.imported.documents, added.imported.queries, added.imported.judgments), (2, 2, 3));
    // The second question has the number 4, and is judged as the second.
    let swings = added.corpus.queries.iter().find(|q| q.question.contains("swing")).expect("there");
    let grades = added.corpus.judged.of(&swings.id).expect("judged");
    assert_eq!((grades.get("1"), grades.get("2")), (Some(&2), Some(&0)));
    assert_eq!(added.document("1").text, "a boat at anchor swings with the wind .");
    assert_eq!(added.met(Wrong::EmptyDocument), 1);
}

#[test]
fn wikipedia_articles_are_read_once() {
    let added = add("wikipedia");
    assert_eq!(added.imported.documents, 3);
    let cairn = added.document("7");
    assert_eq!(
        (cairn.title.as_str(), cairn.text.as_str()),
        ("Cairn & stone", "A cairn is a heap of stones. It marks a way.\n\nWalkers add a stone to it.",)
    );
    assert_eq!(
        (added.met(Wrong::SameDocument), added.met(Wrong::EmptyDocument), added.met(Wrong::Shape)),
        (1, 1, 2)
    );
}

#[test]
fn tables_have_their_columns_said_or_seen() {
    let seen = add("tables/notes.jsonl");
    assert_eq!(
        (seen.imported.documents, seen.met(Wrong::EmptyDocument), seen.met(Wrong::Unreadable)),
        (2, 1, 1)
    );
    assert_eq!(seen.document("notes-1").title, "Soap");
    let said = add_asked(&Request {
        mapping: Mapping::parse("text=headline, title=body").expect("a mapping"),
        ..request(&[fixture("tables/notes.jsonl")])
    });
    assert_eq!(said.document("notes-1").text, "Soap");
    let array = add("tables/array.json");
    assert_eq!(array.document("array-2").text, "Pitch keeps hulls dry.");
}

#[test]
fn a_table_of_questions_with_their_text_has_gold() {
    let added = add("tables/quiz.csv");
    assert_eq!((added.imported.documents, added.imported.questions), (1, [1, 0, 1]));
    assert_eq!(
        question(&added.question("quiz-2")),
        ("How long does soap cure?", "weeks", vec!["It cures for weeks."])
    );
    assert_eq!(added.met(Wrong::Shape), 1);
}

#[test]
fn a_folder_of_notes_pages_papers_is_read_whole() {
    let added = add("folder");
    let mut documents = Vec::new();
    added
        .corpus
        .documents
        .each(&mut |d| {
            let headings: Vec<_> = d.sections.iter().filter_map(|s| s.heading.clone()).collect();
            documents.push(format!("{} · {} · {headings:?}\n{}", d.id, d.title, d.text.trim()));
            Ok(())
        })
        .expect("read");
    documents.sort();
    insta::assert_snapshot!(documents.join("\n---\n"));
    let wrong: Vec<_> = added.imported.met.iter().map(|t| (t.what, t.count)).collect();
    assert_eq!(wrong, [(Wrong::Unreadable, 1), (Wrong::EmptyDocument, 1), (Wrong::Skipped, 1)]);
    let scan = &added.named(Wrong::Unreadable)[0];
    assert!(scan.place.ends_with("scan.pdf") && scan.next.contains("ocrmypdf"), "{scan}");
}

#[test]
fn looking_finds_the_same_and_adds_nothing() {
    use juxta::corpus::import;
    use juxta::job::{Cancel, SILENT};
    for name in ["squad", "beir", "folder", "medquad", "wikipedia"] {
        let looked = import::look(&request(&[fixture(name)]), SILENT, &Cancel::new()).expect("looked at");
        let added = add(name).imported;
        assert_eq!(
            (looked.documents, looked.questions, looked.queries, looked.met),
            (added.documents, added.questions, added.queries, added.met),
            "{name}"
        );
    }
}

#[test]
fn the_same_source_is_always_divided_the_same_way() {
    for name in ["squad", "bioasq", "pubmedqa", "tat-qa"] {
        assert_eq!(add(name).corpus.digest, add(name).corpus.digest, "{name}");
    }
}
