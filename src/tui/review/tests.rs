//! What keys do, from the first to the journal.

use super::entry::{Cell, Entry};
use super::fixture::{Table, items, start};
use super::keys::Context;
use super::sitting::Loaded;
use super::state::{Effect, Message, Panel, Reviewing};
use crate::compare::Side;
use crate::config::Layer;
use crate::study::{Review, Standing, Verdict};
use proptest::prelude::*;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};

fn scores(review: &Review) -> [u8; 4] {
    let of = |side: usize, id: &str| review.ratings[side].scores.get(id).copied().unwrap_or(0);
    [of(0, "accuracy"), of(0, "completeness"), of(1, "accuracy"), of(1, "completeness")]
}

fn here(table: &Table) -> Option<usize> {
    table.app.sitting.as_ref().map(|s| s.place)
}

fn cell(table: &Table) -> Cell {
    table.app.sitting.as_ref().expect("an item").cell
}

fn notice(table: &Table) -> &str {
    table.app.notice.as_deref().unwrap_or_default()
}

#[test]
fn five_keys_judge_an_item_and_the_next_one_comes() {
    let mut table = Table::new();
    table.keys("5432a");
    let [review] = &table.journal[..] else { panic!("{:?}", table.journal) };
    assert_eq!((scores(review), review.verdict), ([5, 4, 3, 2], Some(Verdict::A)));
    assert_eq!((review.item.as_str(), review.annotator.as_str(), review.skipped), ("i0", "ada", false));
    assert_eq!(here(&table), Some(1));
    assert_eq!(notice(&table), "Item 1: saved.");
}

#[test]
fn the_next_item_comes_only_when_the_disk_has_this_one() {
    let mut table = Table::new();
    table.full = true;
    table.keys("5432a");
    assert_eq!((here(&table), table.journal.len()), (Some(0), 0));
    assert!(table.app.keep_fault.is_some());
    table.keys("b1u⌫sfe");
    assert_eq!(here(&table), Some(0), "nothing can be changed meanwhile");
    assert_eq!(table.app.context(), Context::Rate);
    table.full = false;
    table.try_disk();
    assert_eq!((here(&table), table.journal.len()), (Some(1), 1));
    assert_eq!(scores(&table.journal[0]), [5, 4, 3, 2]);
    assert!(table.app.keep_fault.is_none());
}

#[test]
fn a_proposed_verdict_counts_only_when_it_is_confirmed() {
    let mut table = Table::new();
    table.keys("5432");
    assert_eq!(table.app.sitting.as_ref().expect("an item").entry.verdict, None);
    assert!(table.journal.is_empty());
    table.keys("⏎");
    assert_eq!(table.journal[0].verdict, Some(Verdict::A));
    table.keys("5115⏎");
    assert_eq!(table.journal.len(), 1, "the scores pull both ways: nothing is proposed");
    table.keys("x");
    assert_eq!(table.journal[1].verdict, Some(Verdict::BothBad));
}

#[test]
fn a_verdict_given_early_waits_for_the_ratings_and_for_enter() {
    let mut table = Table::new();
    table.keys("b");
    assert!(notice(&table).starts_with("Still to be rated: Accuracy of A"), "{}", notice(&table));
    table.keys("5432");
    assert_eq!((cell(&table), table.journal.len()), (Cell::Verdict, 0));
    table.keys("⏎");
    assert_eq!(table.journal[0].verdict, Some(Verdict::B));
}

#[test]
fn each_verdict_has_its_key() {
    let mut table = Table::new();
    for (key, verdict) in [("a", Verdict::A), ("b", Verdict::B), ("t", Verdict::Tie), ("x", Verdict::BothBad)]
    {
        table.keys("1234");
        table.keys(key);
        assert_eq!(table.journal.last().and_then(|r| r.verdict), Some(verdict));
    }
}

#[test]
fn a_degree_that_does_not_exist_changes_nothing() {
    let mut table = Table::new();
    table.keys("79");
    assert_eq!(cell(&table), Cell::Score(Side::A, 0));
    assert_eq!(notice(&table), "Accuracy goes from 1 to 5.");
    table.keys("54321");
    assert!(notice(&table).contains("a, b, t or x"), "digits rate nothing at the verdict");
}

#[test]
fn arrows_go_between_cells_and_enter_finds_what_is_missing() {
    let mut table = Table::new();
    table.keys("→→4←←⏎");
    assert_eq!(cell(&table), Cell::Score(Side::A, 0));
    table.keys("5→");
    assert_eq!(cell(&table), Cell::Score(Side::B, 0));
    table.keys("→1⏎");
    assert_eq!(cell(&table), Cell::Score(Side::A, 1));
    table.keys("2⏎b");
    assert_eq!(scores(&table.journal[0]), [5, 2, 4, 1]);
}

#[test]
fn undo_goes_back_cell_by_cell_and_then_to_the_item_before() {
    let mut table = Table::new();
    table.keys("5432a54");
    table.keys("uu");
    assert_eq!((here(&table), cell(&table)), (Some(1), Cell::Score(Side::A, 0)));
    table.keys("u");
    assert_eq!((here(&table), cell(&table)), (Some(0), Cell::Verdict));
    table.keys("b");
    assert_eq!(table.journal.len(), 2, "amending writes another line");
    assert_eq!((table.journal[0].verdict, table.journal[1].verdict), (Some(Verdict::A), Some(Verdict::B)));
    assert_eq!(table.journal[0].item, table.journal[1].item);
    assert!(table.journal[1].seconds > table.journal[0].seconds, "the time goes on");
    assert_eq!(here(&table), Some(1), "back where one was");
}

#[test]
fn looking_at_the_item_before_writes_nothing() {
    let mut table = Table::new();
    table.keys("5432a1234bu");
    assert_eq!(here(&table), Some(1));
    table.keys("u");
    assert_eq!(here(&table), Some(0));
    table.keys("u");
    assert!(notice(&table).starts_with("There is no item before"));
    table.keys("⏎");
    assert_eq!((here(&table), table.journal.len()), (Some(2), 2));
}

#[test]
fn backspace_erases_and_goes_back_to_the_item_before() {
    let mut table = Table::new();
    table.keys("54⌫");
    let entry = |t: &Table| t.app.sitting.as_ref().expect("an item").entry.ratings[0].scores.clone();
    assert_eq!((entry(&table).len(), cell(&table)), (1, Cell::Score(Side::A, 1)));
    table.keys("4321a⌫");
    assert_eq!((here(&table), cell(&table)), (Some(0), Cell::Verdict));
    table.keys("⌫⌫1b");
    assert_eq!(scores(&table.journal[1]), [5, 4, 3, 1]);
    table.keys("5⌫u");
    assert_eq!(entry(&table).get("accuracy"), Some(&5), "erasing can be taken back");
}

#[test]
fn what_is_skipped_keeps_what_was_begun_and_comes_at_the_end() {
    let mut table = Table::new();
    table.keys("54s");
    assert_eq!((table.journal[0].skipped, scores(&table.journal[0])), (true, [5, 4, 0, 0]));
    assert_eq!(table.app.standing(0), Standing::Skipped);
    for _ in 1..6 {
        table.keys("3333t");
    }
    assert_eq!((here(&table), cell(&table)), (Some(0), Cell::Score(Side::B, 0)));
    table.keys("32a");
    assert_eq!((here(&table), scores(&table.journal[6])), (None, [5, 4, 3, 2]));
    assert!(!table.journal[6].skipped);
}

#[test]
fn the_last_one_left_can_be_put_off_again_and_taken_up_from_the_end() {
    let mut table = Table::new();
    table.keys("s");
    for _ in 1..6 {
        table.keys("3333t");
    }
    table.keys("s");
    assert_eq!((here(&table), table.journal.len()), (None, 6), "nothing new is to be recorded");
    assert_eq!(table.app.context(), Context::End);
    table.keys("⏎3333t");
    assert_eq!((here(&table), table.app.progress().done), (None, 6));
}

#[test]
fn a_whole_item_is_not_put_off_and_one_rated_whole_after_it_was_is_done() {
    let mut table = Table::new();
    table.keys("5432aus");
    assert!(notice(&table).starts_with("This item is done."));
    table.keys("⏎5432");
    table.keys("bus");
    assert_eq!(table.journal.len(), 2);
    let mut table = Table::new();
    table.keys("a5432s");
    assert_eq!((table.journal[0].skipped, table.app.standing(0)), (true, Standing::Skipped));
    table.keys("lf⎋u⏎");
    assert_eq!((table.journal.len(), table.app.standing(0)), (2, Standing::Done));
}

#[test]
fn flags_tags_and_notes_are_in_the_record() {
    let mut table = Table::new();
    table.keys("fe13⇥2⏎nsee [1]⏎5432a");
    let review = &table.journal[0];
    assert!(review.flagged);
    assert_eq!(review.note, "see [1]");
    assert_eq!(review.ratings[0].tags, ["wrong fact", "missing part"]);
    assert_eq!(review.ratings[1].tags, ["unsupported"]);
    assert!(table.app.sitting.as_ref().is_some_and(|s| !s.entry.flagged && s.entry.note.is_empty()));
}

#[test]
fn a_note_is_one_change_and_letters_in_it_are_no_keys() {
    let mut table = Table::new();
    table.keys("5nab q1⏎");
    assert_eq!(table.app.sitting.as_ref().expect("an item").entry.note, "ab q1");
    table.keys("u");
    let entry = &table.app.sitting.as_ref().expect("an item").entry;
    assert_eq!((entry.note.as_str(), entry.ratings[0].scores.len()), ("", 1));
    table.keys("nx⎋⎋");
    assert_eq!(table.app.sitting.as_ref().expect("an item").entry.note, "x");
}

#[test]
fn pasted_text_rates_nothing_and_goes_into_notes() {
    let mut table = Table::new();
    table.send(Message::Paste("5432a\n5432a\n".into()));
    assert!(table.journal.is_empty());
    assert_eq!(table.app.sitting.as_ref().expect("an item").entry, Entry::default());
    table.keys("n");
    table.send(Message::Paste("two\nlines\u{1b}[2J".into()));
    table.keys("⏎");
    assert_eq!(table.app.sitting.as_ref().expect("an item").entry.note, "two lines␛[2J");
}

#[test]
fn a_sentence_is_marked_tied_extended_and_removed() {
    let mut table = Table::new();
    table.keys("m⇥↓1");
    assert_eq!((table.app.context(), table.app.focus), (Context::Span, Panel::Passages));
    table.keys("↓⇓⏎");
    let entry = |t: &Table| t.app.sitting.as_ref().expect("an item").entry.clone();
    let [mark] = &entry(&table).evidence[..] else { panic!("one mark") };
    let item = &items()[0];
    assert_eq!((mark.side, mark.tag.as_str()), (Side::B, "wrong fact"));
    let (start, end) = mark.range;
    assert_eq!(item.answers[1].text[start..end].trim(), "Elephants never suffer from it at all. [7]");
    let span = mark.support.expect("tied");
    let tied = &item.passages[span.passage - 1].text[span.range.0..span.range.1];
    assert!(tied.starts_with("The base of the big toe") && tied.ends_with("two weeks."), "{tied}");
    assert_eq!(entry(&table).ratings[1].tags, ["wrong fact"], "its answer has the tag too");
    table.keys("2x");
    assert_eq!((entry(&table).evidence.len(), entry(&table).evidence[1].support), (2, None));
    table.keys("d");
    assert_eq!(entry(&table).evidence.len(), 1);
    table.keys("ud⌫");
    assert!(entry(&table).evidence.is_empty());
    table.keys("d");
    assert_eq!(notice(&table), "Nothing is marked in this sentence.");
    table.keys("uu⎋5432a");
    assert_eq!(table.journal[0].evidence.len(), 2);
}

#[test]
fn a_span_stays_within_its_passage_and_can_go_to_another() {
    let mut table = Table::new();
    table.keys("m1n⏎");
    let last =
        |t: &Table| t.app.sitting.as_ref().and_then(|s| s.entry.evidence.last().cloned()).expect("a mark");
    assert_eq!(last(&table).support.map(|s| s.passage), Some(2));
    table.keys("1⇓⇓⇓⇓⇓⏎");
    let span = last(&table).support.expect("tied");
    assert_eq!((span.passage, span.range), (1, (0, items()[0].passages[0].text.len())));
    table.keys("1np↓⇑⏎");
    assert_eq!(last(&table).support.map(|s| s.range.0), Some(0), "it reaches up too");
    table.keys("1⎋");
    assert_eq!(
        (table.app.context(), table.app.sitting.as_ref().map(|s| s.entry.evidence.len())),
        (Context::Sentence, Some(1))
    );
}

#[test]
fn an_empty_answer_has_no_sentence_to_mark() {
    let mut table = Table::new();
    table.keys("3333t3333tm");
    assert_eq!(here(&table), Some(2));
    table.keys("1x⎋");
    let marks = &table.app.sitting.as_ref().expect("an item").entry.evidence;
    assert_eq!((marks.len(), marks[0].side), (1, Side::B), "the other answer has one");
}

#[test]
fn what_was_looked_at_is_recorded_and_only_then() {
    let mut table = Table::new();
    table.keys("5432a");
    assert!(!table.journal[0].reference_shown && table.journal[0].shown.is_empty());
    table.keys("rr[[w5432a");
    assert!(table.journal[1].reference_shown);
    assert_eq!(table.journal[1].shown, [Layer::Question, Layer::SupportA]);
    table.keys("w5432a");
    assert_eq!(table.journal[2].shown, [Layer::Question], "it was still on when the item came");
    table.keys("r5432a");
    assert!(!table.journal[3].reference_shown, "there is no reference");
    assert!(table.journal[3].shown.is_empty());
}

#[test]
fn time_away_is_not_counted() {
    let mut table = Table::new();
    table.keys("54");
    table.wait(600);
    table.keys("32a");
    let review = &table.journal[0];
    assert_eq!((review.seconds.round(), review.away.round()), (64.0, 541.0));
    assert_eq!(table.app.sitting.as_ref().map(|s| s.clock.seconds(table.since)), Some((0.0, 0.0)));
}

#[test]
fn a_killed_review_comes_back_with_everything_begun() {
    let mut table = Table::new();
    table.keys("5432a");
    for keys in ["4", "e2⏎", "m1⏎⎋", "nhalf a no", "⏎f", "r", "w", "3", "b"] {
        table.keys(keys);
        let before = table
            .app
            .sitting
            .as_ref()
            .map(|s| (s.place, s.entry.clone(), s.reference_shown, s.shown.clone()));
        table = table.killed();
        let after = table
            .app
            .sitting
            .as_ref()
            .map(|s| (s.place, s.entry.clone(), s.reference_shown, s.shown.clone()));
        assert_eq!(before, after, "{keys}");
        assert!(notice(&table).contains("as you left it"));
    }
    table.keys("21⏎");
    assert_eq!((table.journal.len(), table.journal[1].note.as_str()), (2, "half a no"));
    assert!(table.journal[1].seconds >= 10.0, "the time before counts");
}

#[test]
fn killed_between_two_items_it_opens_the_next() {
    let mut table = Table::new();
    table.keys("5432");
    let drafted = table.draft.clone();
    table.keys("a");
    // As if the draft of the next item had not been written any more.
    table.draft = crate::study::ReviewDraft { verdict: Some(Verdict::A), ..drafted };
    let table = table.killed();
    assert_eq!(here(&table), Some(1));
}

#[test]
fn an_untouched_item_comes_back_too() {
    let mut table = Table::new();
    table.keys("lo↓↓⏎");
    assert_eq!(here(&table), Some(2));
    assert_eq!(here(&table.killed()), Some(2));
}

#[test]
fn quitting_keeps_the_draft_and_waits_for_the_disk() {
    let mut table = Table::new();
    table.keys("54q");
    assert!(table.over);
    assert!(table.draft.seconds >= 3.0, "the time until the end counts");
    let mut table = Table::new();
    table.full = true;
    table.keys("5432aq");
    assert!(!table.over && table.app.context() == Context::Quit);
    table.keys("n");
    assert!(!table.over && table.app.context() == Context::Rate);
    table.keys("qy");
    assert!(table.over && table.journal.is_empty());
    assert_eq!(table.draft.verdict, Some(Verdict::A), "it is in the draft at least");
}

#[test]
fn the_list_filters_and_goes_to_an_item() {
    let mut table = Table::new();
    table.keys("5432as");
    table.keys("f12l");
    assert_eq!(table.app.asked.len(), 4);
    table.keys("s⏎");
    assert_eq!(here(&table), Some(1));
    assert_eq!(table.journal.len(), 3, "what was begun is on the disk before another item comes");
    assert_eq!((table.app.standing(2), scores(&table.journal[2])), (Standing::Begun, [1, 2, 0, 0]));
    table.keys("lf⏎");
    assert_eq!(here(&table), Some(2));
    table.keys("ld⏎");
    assert_eq!(here(&table), Some(0));
    table.keys("l⎋");
    assert_eq!((here(&table), table.journal.len()), (Some(0), 3));
}

#[test]
fn nothing_is_rated_before_it_can_be_read() {
    let (mut app, effects) = Reviewing::new(start());
    assert!(matches!(&effects[..], [Effect::Read(_), Effect::Read(_)]), "this item and the next");
    let key = |c| Message::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
    let when = app.when;
    for c in "5432aemnr".chars() {
        assert!(app.update(when, key(c)).is_empty(), "{c}");
    }
    assert!(
        app.sitting
            .as_ref()
            .is_some_and(|s| matches!(s.item, Loaded::Awaited) && s.entry == Entry::default())
    );
}

#[test]
fn an_item_that_cannot_be_read_can_be_put_off() {
    let reads = Box::new(|slot: &crate::study::Slot| {
        let found = items().into_iter().find(|i| i.id == slot.item && i.id != "i0");
        found.ok_or_else(|| crate::fault::Fault::new("items/i0.json", "nothing").into())
    });
    let mut table = Table::with(start(), reads);
    table.keys("5432a");
    assert!(table.journal.is_empty() && notice(&table).contains("cannot be read"));
    table.keys("s");
    assert_eq!((here(&table), table.journal[0].skipped), (Some(1), true));
}

#[test]
fn keys_scroll_what_is_looked_at() {
    let mut table = Table::new();
    table.keys("3333t");
    table.frame(50, 16);
    table.keys("jjk");
    assert_eq!(table.app.scroll.get(&Panel::A), Some(&1));
    table.keys("⇥");
    assert_eq!(table.app.focus, Panel::B);
    table.keys("p");
    assert_eq!(table.app.focus, Panel::Passages);
    table.keys("z⎋");
    assert!(!table.app.zoomed && table.app.focus == Panel::A);
    table.frame(120, 40);
    let area =
        table.app.drawn.panels.iter().find(|(p, _)| *p == Panel::Passages).map(|(_, a)| *a).expect("drawn");
    table.app.drawn.furthest.insert(Panel::Passages, 9);
    table.send(Message::Mouse(MouseEvent {
        kind: MouseEventKind::ScrollDown,
        column: area.x + 1,
        row: area.y + 1,
        modifiers: KeyModifiers::NONE,
    }));
    assert_eq!(table.app.scroll.get(&Panel::Passages), Some(&3));
}

#[test]
fn without_items_it_says_so() {
    let mut none = start();
    none.places.clear();
    let mut table = Table::with(none, Box::new(|_| Ok(items().remove(0))));
    assert_eq!(table.app.context(), Context::End);
    table.keys("⏎u⌫l⏎⎋?⎋");
    assert!(super::fixture::text(&table.frame(80, 24)).contains("no item for you"));
    table.keys("q");
    assert!(table.over);
}

/// Whatever happens: what was appended stands, what is on the screen is in the draft or on the disk, marks are within
/// their texts, and every frame can be drawn.
fn holds(table: &mut Table) {
    for place in &table.app.places {
        let last = table.journal.iter().rfind(|r| r.slot() == place.slot);
        assert_eq!(place.record.as_ref(), last);
    }
    if let Some(sitting) = &table.app.sitting {
        let slot = &table.app.places[sitting.place].slot;
        let drafted = Some(slot) == table.draft.slot.as_ref();
        let kept =
            if drafted { Entry::drafted(&table.draft) } else { sitting.recorded.clone().unwrap_or_default() };
        assert_eq!(kept, sitting.entry);
        if let Some(shown) = sitting.shown_item() {
            for mark in &sitting.entry.evidence {
                let text = &shown.item.answers[mark.side.index()].text;
                assert!(text.get(mark.range.0..mark.range.1).is_some());
                if let Some(span) = mark.support {
                    assert!(
                        shown.item.passages[span.passage - 1].text.get(span.range.0..span.range.1).is_some()
                    );
                }
            }
        }
    }
    for review in &table.journal {
        assert!(
            review.skipped
                || review.is_complete(table.app.rubric.ids())
                || review.verdict.is_none()
                || review.ratings.iter().any(|m| m.scores.len() < 2)
        );
    }
    table.frame(80, 24);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_sequence_of_keys_loses_what_was_entered(
        keys in proptest::collection::vec(
            proptest::sample::select(
                "12345679abtx⏎⏎usfemnrpwzl[]jk⇥⎋⌫↓↑←→⇓⇑?qod +-JKd0y §¶‡\u{3}".chars().collect::<Vec<_>>()
            ),
            0..100,
        )
    ) {
        let mut table = Table::new();
        let mut appended = 0;
        for key in keys {
            match key {
                '§' => table = table.killed(),
                '¶' => {
                    table.full = !table.full;
                    table.try_disk();
                }
                '‡' => table.send(Message::Paste("5432a".into())),
                '\u{3}' => table.wait(90),
                key => table.keys(&key.to_string()),
            }
            if table.over {
                table = table.killed();
            }
            prop_assert!(table.journal.len() >= appended);
            appended = table.journal.len();
            holds(&mut table);
        }
    }
}
