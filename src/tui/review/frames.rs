//! Whole frames as snapshots, symbols and styles; and what must never be in any frame.

use super::fixture::{Table, full_disk, start, text};
use super::state::Message;
use crate::fault::{Error, Fault};
use crate::sample;
use crate::study::{Desk, Showing};
use crate::tui::frames::{SIZES, printed};
use crate::tui::theme::Theme;
use ratatui::style::{Color, Modifier};

fn snapshot(name: &str, table: &mut Table) {
    for (columns, rows) in SIZES {
        let buffer = table.frame(columns, rows);
        insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), printed(&buffer));
    }
}

/// A review in which three items are done, one of them flagged.
fn under_way() -> Table {
    let mut table = Table::new();
    table.keys("5432a");
    table.keys("f4444t");
    table.keys("1145b");
    table
}

#[test]
fn a_fresh_item_shows_both_answers_whole_and_what_the_first_digit_rates() {
    snapshot("fresh", &mut Table::new());
}

#[test]
fn half_rated_the_next_cell_is_marked_and_the_degree_just_given_is_said() {
    let mut table = Table::new();
    table.keys("fe2⏎42");
    snapshot("half_rated", &mut table);
}

#[test]
fn a_verdict_that_follows_from_the_ratings_is_proposed() {
    let mut table = Table::new();
    table.keys("5432");
    snapshot("proposed", &mut table);
}

#[test]
fn long_answers_are_shown_whole_or_can_be_scrolled() {
    let mut table = Table::new();
    table.keys("5432a34nsee line two⏎");
    snapshot("long", &mut table);
}

#[test]
fn a_sentence_is_chosen_and_tied_to_what_the_passages_say() {
    let mut table = Table::new();
    table.keys("m2↓⏎⇥↓1");
    table.keys("↓⇓");
    snapshot("span", &mut table);
    table.keys("⏎");
    snapshot("sentence", &mut table);
}

#[test]
fn the_reference_is_shown_where_the_passages_are() {
    let mut table = Table::new();
    table.keys("54r");
    snapshot("reference", &mut table);
}

#[test]
fn passages_are_shown_with_what_a_person_asked_to_be_highlighted() {
    let mut table = Table::new();
    table.keys("pw[]");
    snapshot("passages", &mut table);
}

#[test]
fn the_list_says_how_each_item_stands() {
    let mut table = under_way();
    table.keys("4s");
    table.keys("5l");
    snapshot("list", &mut table);
}

#[test]
fn the_help_has_every_key_and_the_rubric() {
    let mut table = Table::new();
    table.keys("?");
    snapshot("help", &mut table);
    table.frame(80, 24);
    let mut seen = String::new();
    for _ in 0..40 {
        seen.push_str(&text(&table.frame(80, 24)));
        table.keys(" ");
    }
    assert!(seen.contains("Tie the marked sentence") && seen.contains("5   all that was asked"), "{seen}");
}

#[test]
fn at_the_end_it_says_what_was_done_and_what_to_do_with_it() {
    let mut table = under_way();
    table.keys("2222x5432a2345b");
    snapshot("end", &mut table);
}

#[test]
fn what_was_put_off_is_left_at_the_end() {
    let mut table = under_way();
    table.keys("s5432a2345bs");
    let shown = text(&table.frame(80, 24));
    assert!(shown.contains("Nearly done") && shown.contains("Enter goes to the first item you put off"));
}

#[test]
fn a_judgment_that_cannot_be_saved_stays_on_the_screen() {
    let mut table = Table::new();
    table.full = true;
    table.keys("5432a");
    snapshot("not_saved", &mut table);
    table.keys("q");
    snapshot("quit", &mut table);
}

#[test]
fn an_item_that_cannot_be_read_says_what_to_do() {
    let reads = Box::new(|_: &crate::study::Slot| {
        Err(Error::from(
            Fault::new("items/i0.json:3", "the end of the file")
                .expected("an item")
                .next("The file was changed by hand; put back what it was."),
        ))
    });
    let mut table = Table::with(start(), reads);
    snapshot("unreadable", &mut table);
}

#[test]
fn a_second_showing_looks_like_any_other_item() {
    let frame = |showing| {
        let mut start = start();
        start.places.truncate(1);
        start.places[0].slot.showing = showing;
        let reads = Box::new(|_: &crate::study::Slot| Ok(super::fixture::items().remove(0)));
        printed(&Table::with(start, reads).frame(120, 40))
    };
    assert_eq!(frame(Showing::First), frame(Showing::Swapped));
}

#[test]
fn after_a_minute_without_a_key_the_screen_says_away() {
    let mut table = Table::new();
    table.keys("5");
    table.wait(59);
    assert!(!text(&table.frame(80, 24)).contains("away"));
    table.wait(1);
    assert!(text(&table.frame(80, 24)).contains(" away "));
    table.keys("4");
    assert!(!text(&table.frame(80, 24)).contains("away"));
}

#[test]
fn without_colour_every_distinction_is_still_made() {
    let mut table = Table::new();
    table.keys("pw[]m2⏎⇥1x");
    let buffer = table.frame_in(Theme::new(false), 120, 40);
    assert!(buffer.content.iter().all(|c| c.fg == Color::Reset && c.bg == Color::Reset));
    let of = |m: Modifier| buffer.content.iter().any(|c| c.modifier.contains(m));
    assert!(of(Modifier::UNDERLINED) && of(Modifier::BOLD) && of(Modifier::ITALIC) && of(Modifier::REVERSED));
    let shown = text(&buffer);
    assert!(shown.contains("▸") && shown.contains("1 A unsupported → [1]") && shown.contains("no support"));
}

#[test]
fn no_size_breaks_a_frame_and_no_control_character_reaches_it() {
    let hostile = "\u{1b}[2J\u{202e}evil\u{200b}\u{7}\u{9b}31m e\u{301}\u{301}\u{301}\u{301}\u{301} ﷽ 👨‍👩‍👧‍👦. ";
    let mut start = start();
    start.title = hostile.into();
    start.rubric.criteria[0].name = hostile.into();
    start.rubric.criteria[0].anchors = vec![hostile.repeat(9); 9];
    start.rubric.tags = vec![hostile.into(); 9];
    let reads = Box::new(move |_: &crate::study::Slot| {
        let mut item = super::fixture::items().remove(1);
        item.question = hostile.repeat(60);
        item.answers[0].text = hostile.repeat(40);
        item.answers[0].support = Default::default();
        item.passages[0].text = hostile.repeat(40);
        item.passages[0].matches = vec![];
        Ok(item)
    });
    let mut table = Table::with(start, reads);
    for keys in ["", "8f", "e1⏎", "m", "2", "↓⇓", "⏎⎋", "nmore⏎", "r", "pz", "l", "⎋?", "⎋999", "⎋z111"]
    {
        table.keys(keys);
        for (columns, rows) in
            [(1, 1), (10, 3), (40, 12), (41, 13), (79, 23), (80, 24), (100, 12), (160, 14), (300, 100)]
        {
            let buffer = table.frame(columns, rows);
            for cell in &buffer.content {
                let clean = |c: char| {
                    !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}'..='\u{200f}')
                };
                assert!(cell.symbol().chars().all(clean), "{keys:?} {columns}×{rows}");
            }
        }
    }
}

/// Everything an answer says can be brought to the screen, whatever its size.
#[test]
fn nothing_of_an_answer_is_out_of_reach_on_a_small_screen() {
    for keys in ["", "z"] {
        let mut table = Table::new();
        table.keys("5432a");
        table.keys(keys);
        let mut seen = String::new();
        for _ in 0..30 {
            seen.push_str(&text(&table.frame(80, 24)));
            table.keys("↓");
        }
        assert!(
            seen.contains("Metformin lowers the glucose that")
                && seen.contains("the first drug that is given.")
        );
    }
}

/// Drives a whole study through every screen, as a reviewer would, and reads every frame.
#[test]
fn no_frame_of_a_whole_study_names_a_contender_or_its_speed() {
    let dir = tempfile::tempdir().expect("a folder");
    sample::study(dir.path(), &["ada", "bob"]);
    let desk = Desk::open(dir.path(), "ada", false).expect("opened");
    let items = desk.items();
    let total = desk.slots().len();
    let start = super::runtime::start(&desk, dir.path());
    let title = start.title.clone();
    let mut table = Table::with(start, Box::new(move |slot| items.read(slot)));
    let mut frames = String::new();
    let mut look = |table: &mut Table| {
        for (columns, rows) in [(80, 24), (200, 60)] {
            frames.push_str(&text(&table.frame(columns, rows)));
        }
    };
    for round in 0..total {
        for keys in ["", "5", "r", "r", "p", "w[]", "e1⏎", "m2", "⏎⎋", "nnote⏎", "f", "l", "⎋", "?", "⎋"]
        {
            table.keys(keys);
            look(&mut table);
        }
        table.keys(if round % 3 == 0 { "s" } else { "432" });
        look(&mut table);
        if round % 3 != 0 {
            table.keys("a");
        }
        look(&mut table);
        table.keys("u");
        look(&mut table);
        table.keys("⏎");
    }
    table.keys("⏎432a432a432a432a");
    look(&mut table);
    assert!(frames.contains(&title) && frames.contains("Why does bread dough rise?"));
    // "plain" is a word of English too; here no text has it.
    let journal = serde_json::to_string(&table.journal).expect("records");
    let draft = serde_json::to_string(&table.draft).expect("a draft");
    let words = ["tokens", "/s", "llama", "baseline", "fine-tuned", sample::DIGEST, sample::BASELINE];
    let took = sample::FIGURES;
    let figures = [took.seconds_to_first_token, took.seconds, took.tokens_per_second].map(written);
    let count = [took.prompt_tokens.to_string(), crate::text::grouped(took.prompt_tokens as u64)];
    let secrets = words.into_iter().chain(sample::AGAINST).map(str::to_owned);
    for secret in secrets.chain(figures.into_iter().flatten()).chain(count) {
        for (name, seen) in [("a frame", &frames), ("the journal", &journal), ("the draft", &draft)] {
            assert!(!says(seen, &secret), "{name} has {secret:?}");
        }
    }
}

/// The ways in which a figure might be written: whole, and rounded, but to no three digits, which times have by chance.
fn written(figure: f64) -> Vec<String> {
    [6, 3, 2, 1].map(|digits| format!("{figure:.digits$}")).to_vec()
}

/// Whether a text has a word in it, or a number that is no part of a longer one: times have many digits.
fn says(text: &str, secret: &str) -> bool {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let goes_on = |at: usize| {
        let (before, behind) = (&text[..at], &text[at + secret.len()..]);
        (digit(secret.chars().next()) && digit(before.chars().next_back()))
            || (digit(secret.chars().next_back()) && digit(behind.chars().next()))
    };
    text.match_indices(secret).any(|(at, _)| !goes_on(at))
}

#[test]
fn a_number_is_no_secret_as_part_of_a_longer_one() {
    assert!(says("a 311, b", "311") && says("311", "311") && says("1311 or 311 tokens", "311"));
    assert!(!says("12:00:07.331133Z", "311") && !says("3112", "311") && says("50tokens", "tokens"));
}

#[test]
fn remarks_are_told_one_after_the_other() {
    let mut start = start();
    start.remarks = vec![Fault::new("journals/ada.jsonl:2", "a torn line")];
    let mut table = Table::with(start, Box::new(|_| Ok(super::fixture::items().remove(0))));
    assert!(text(&table.frame(120, 40)).contains("journals/ada.jsonl:2: found a torn line."));
    table.send(Message::Told(full_disk()));
    assert!(text(&table.frame(120, 40)).contains("Free some space"));
}
