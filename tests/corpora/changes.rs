//! A corpus that changes: documents put in, replaced and taken out, its source read again; its index follows by what
//! changed, and answers as one that was built anew.

use super::support::{Added, add, add_asked, fixture, request};
use juxta::corpus::Catalog;
use juxta::corpus::import::{self, Edited};
use juxta::job::{Cancel, SILENT};
use juxta::retrieve::{self, Index, Settings};
use std::fs;
use std::path::Path;

fn index(added: &Added, indices: &Path) -> Index {
    let entry = Catalog::discover(Some(added.dir.path())).find("in").expect("found");
    retrieve::open_or_build(&entry, indices, Settings::default(), SILENT, &Cancel::new()).expect("built")
}

fn found(index: &Index, question: &str) -> Vec<String> {
    index.search(question, 10).expect("searched").into_iter().map(|h| h.document).collect()
}

#[test]
fn an_index_follows_what_is_put_in_replaced_and_taken_out() {
    let added = add("beir");
    let corpus = added.dir.path().join("in");
    let indices = tempfile::tempdir().expect("a folder");
    assert_eq!(found(&index(&added, indices.path()), "ladder rungs"), ["<doc:Ladder>"]);

    let more = tempfile::tempdir().expect("a folder");
    fs::write(more.path().join("new.txt"), "A scaffold has planks and rungs.").expect("written");
    let edited = import::put(&corpus, &request(&[more.path().into()]), SILENT, &Cancel::new()).expect("put");
    assert_eq!(edited, Edited { added: 1, ..Edited::default() });
    assert_eq!(found(&index(&added, indices.path()), "planks"), ["new.txt"]);

    fs::write(more.path().join("new.txt"), "A scaffold has poles.").expect("written");
    let edited = import::put(&corpus, &request(&[more.path().into()]), SILENT, &Cancel::new()).expect("put");
    assert_eq!(edited, Edited { replaced: 1, ..Edited::default() });
    let now = index(&added, indices.path());
    assert_eq!((found(&now, "planks"), found(&now, "poles")), (vec![], vec!["new.txt".to_owned()]));

    let edited =
        import::remove_documents(&corpus, &["<doc:Ladder>".into(), "new.txt".into()]).expect("removed");
    assert_eq!(edited, Edited { removed: 2, ..Edited::default() });
    let now = index(&added, indices.path());
    assert!(found(&now, "ladder rungs poles").is_empty());
    assert_eq!(found(&now, "strands twisted"), ["<doc:Rope>"]);
    // What was judged of it went with it.
    let corpus = Catalog::discover(Some(added.dir.path())).find("in").expect("found").read().expect("read");
    assert_eq!(corpus.judged.of("q-1").map(|g| g.len()), Some(2));
    // Indices of earlier content are gone.
    assert_eq!(fs::read_dir(indices.path()).expect("listed").count(), 1);
}

#[test]
fn questions_go_with_the_documents_they_rest_on() {
    let added = add("pubmedqa");
    let corpus = added.dir.path().join("in");
    let edited = import::remove_documents(&corpus, &["12".into()]).expect("removed");
    assert_eq!(edited, Edited { removed: 1, questions: 1, ..Edited::default() });
    Catalog::discover(Some(added.dir.path())).find("in").expect("found").read().expect("still sound");
}

#[test]
fn what_cannot_be_changed_is_refused_and_stays() {
    let added = add("wikipedia");
    let corpus = added.dir.path().join("in");
    let before = added.corpus.digest.clone();
    let said =
        import::remove_documents(&corpus, &["7".into(), "nope".into()]).expect_err("unknown").to_string();
    assert!(said.contains("\"nope\"") && !said.contains("\"7\""), "{said}");
    let all = ["7", "8", "10"].map(str::to_owned);
    let said = import::remove_documents(&corpus, &all).expect_err("the last ones").to_string();
    assert!(said.contains("Remove the corpus"), "{said}");
    let squad = request(&[fixture("squad")]);
    let said = import::put(&corpus, &squad, SILENT, &Cancel::new()).expect_err("questions").to_string();
    assert!(said.contains("documents alone") && said.contains("so that none gives away another"), "{said}");
    // What to type instead names all paths that the corpus was made of, and the new ones.
    let (old, new) = (fixture("wikipedia"), &squad.paths[0]);
    let add = format!("juxta corpus add {} {} --id in-2", old.display(), new.display());
    assert!(said.contains(&add), "{said}");
    let now = Catalog::discover(Some(added.dir.path())).find("in").expect("found").read().expect("read");
    assert_eq!(now.digest, before);
    assert_eq!(fs::read_dir(added.dir.path()).expect("listed").count(), 1, "something was left behind");
}

#[test]
fn a_source_is_read_again_and_its_index_follows() {
    let source = tempfile::tempdir().expect("a folder");
    fs::write(source.path().join("a.txt"), "Apples keep in straw.").expect("written");
    fs::write(source.path().join("b.txt"), "Pears do not keep.").expect("written");
    let added = add_asked(&request(&[source.path().into()]));
    let corpus = added.dir.path().join("in");
    let indices = tempfile::tempdir().expect("a folder");
    let _ = index(&added, indices.path());
    fs::remove_file(source.path().join("a.txt")).expect("removed");
    fs::write(source.path().join("c.txt"), "Quinces keep longest.").expect("written");
    let again = import::update(&corpus, None, SILENT, &Cancel::new()).expect("read again");
    assert_eq!(again.documents, 2);
    let now = index(&added, indices.path());
    assert_eq!((found(&now, "apples"), found(&now, "quinces")), (vec![], vec!["c.txt".to_owned()]));
    // A source that is gone leaves the corpus as it was.
    fs::remove_dir_all(source.path()).expect("removed");
    import::update(&corpus, None, SILENT, &Cancel::new()).expect_err("nothing to read");
    assert_eq!(found(&index(&added, indices.path()), "quinces"), ["c.txt"]);
}

#[test]
fn scores_after_many_changes_are_those_of_an_index_built_anew() {
    let source = tempfile::tempdir().expect("a folder");
    for n in 0..60 {
        let text = format!("Stone number {n} lies by the road. It is {} feet long.\n", n % 7);
        fs::write(source.path().join(format!("{n:02}.txt")), text).expect("written");
    }
    let added = add_asked(&request(&[source.path().into()]));
    let corpus = added.dir.path().join("in");
    let (followed, anew) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let _ = index(&added, followed.path());
    for round in 0..10 {
        import::remove_documents(&corpus, &[format!("{round:02}.txt")]).expect("removed");
        let _ = index(&added, followed.path());
    }
    let (followed, anew) = (index(&added, followed.path()), index(&added, anew.path()));
    assert_eq!(followed.passages(), anew.passages());
    for question in ["stone by the road", "three feet", "number 33"] {
        let of = |index: &Index| index.search(question, 60).expect("searched");
        let (a, b) = (of(&followed), of(&anew));
        let names = |hits: &[retrieve::Hit]| hits.iter().map(|h| h.document.clone()).collect::<Vec<_>>();
        assert_eq!(names(&a), names(&b), "{question}");
        assert!(a.iter().zip(&b).all(|(a, b)| (a.score - b.score).abs() < 1e-5), "{question}");
    }
}

#[test]
fn a_corpus_of_ones_own_is_only_removed_when_one_is_sure() {
    let dir = tempfile::tempdir().expect("a folder");
    let own = dir.path().join("own");
    fs::create_dir_all(own.join("documents")).expect("made");
    fs::write(own.join("corpus.toml"), "id = 'own'").expect("written");
    let said = import::remove_corpus(&own, false).expect_err("not imported").to_string();
    assert!(said.contains("--yes") && own.is_dir(), "{said}");
    import::remove_corpus(&own, true).expect("removed");
    assert!(!own.exists());
}

#[test]
fn what_is_indexed_so_far_can_be_searched() {
    use std::cell::RefCell;
    let source = tempfile::tempdir().expect("a folder");
    let mut text = String::new();
    // Enough for a second or two, even of an optimised build.
    for n in 0..120_000 {
        text.push_str(&format!(
            "{{\"id\": \"d{n}\", \"text\": \"Document {n} speaks of thing {} at some length.\"}}\n",
            n % 977
        ));
    }
    fs::write(source.path().join("many.jsonl"), text).expect("written");
    let added = add_asked(&request(&[source.path().into()]));
    let entry = Catalog::discover(Some(added.dir.path())).find("in").expect("found");
    let indices = tempfile::tempdir().expect("a folder");
    let (parts, kept) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
    let watch = |part: Index| {
        let hits = part.search("thing 5", 3).expect("searched");
        assert!(!hits.is_empty());
        let told = part.settings().part.expect("a part");
        // A document is a passage here.
        assert_eq!((told.documents, told.of), (part.passages(), 120_000));
        parts.borrow_mut().push(part.passages());
        kept.borrow_mut().push((part, hits));
    };
    let whole =
        retrieve::open_or_watch(&entry, indices.path(), Settings::default(), &watch, SILENT, &Cancel::new())
            .expect("built");
    let parts = parts.into_inner();
    assert!(parts.iter().all(|n| *n > 0 && *n <= whole.passages()), "{parts:?}");
    assert!(parts.is_sorted() && !parts.is_empty());
    assert_eq!(whole.settings().part, None);
    // A question that was asked of a part is answered to its end, although the index has moved and its files are gone.
    for (part, hits) in kept.into_inner() {
        assert_eq!(part.search("thing 5", 3).expect("searched"), hits);
    }
}
