//! A secret that a host wants to see, and that nobody else may: it has no way into a log, a file or a message but the
//! one header it is for. What a host sends back is looked through for it, since a host may repeat it.

use std::fmt;

/// A key for one host.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

/// What stands where a key was.
const HIDDEN: &str = "•••";
/// Shorter ones are words that servers without keys are given ("none", "EMPTY"): hiding them would tear up answers.
const SHORTEST_HIDDEN: usize = 8;

impl Key {
    /// A key, without the white space around it.
    ///
    /// # Errors
    /// What is wrong with it, without any of it.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("nothing in it");
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("a key with spaces, line breaks or letters beyond ASCII in it");
        }
        Ok(Self(text.to_owned()))
    }

    /// The header's value.
    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// `text` without the key.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        if self.0.len() < SHORTEST_HIDDEN { text.to_owned() } else { text.replace(&self.0, HIDDEN) }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(•••)")
    }
}

/// Takes a key out of a text that comes in pieces: what could be its beginning waits for the next piece.
#[derive(Debug)]
pub struct Hider<'a> {
    key: Option<&'a Key>,
    held: String,
}

impl<'a> Hider<'a> {
    /// Hides `key`, if there is one.
    pub fn new(key: Option<&'a Key>) -> Self {
        Self { key: key.filter(|k| k.0.len() >= SHORTEST_HIDDEN), held: String::new() }
    }

    /// What can be shown, now that `piece` has come.
    pub fn push(&mut self, piece: &str) -> String {
        let Some(key) = self.key else { return piece.to_owned() };
        self.held.push_str(piece);
        let shown = key.hide(&self.held);
        // A key is ASCII, so every place where its beginning ends the text is a boundary.
        let waits = (1..key.0.len()).rev().find(|n| shown.ends_with(&key.0[..*n])).unwrap_or(0);
        let at = shown.len() - waits;
        self.held = shown[at..].to_owned();
        shown[..at].to_owned()
    }

    /// What was held back, now that nothing more comes.
    pub fn rest(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_shows_itself_to_nobody() {
        let key = Key::new(" sk-1234567890\n").expect("a key");
        assert_eq!(format!("{key:?} {:?}", Hider::new(Some(&key))).matches("1234").count(), 0);
        assert_eq!(key.hide("wrong key sk-1234567890."), "wrong key •••.");
        assert_eq!(key.bearer(), "Bearer sk-1234567890");
    }

    #[test]
    fn what_cannot_be_a_header_is_refused_without_being_repeated() {
        for bad in ["", "  ", "two words", "line\nbreak-secret", "schlüssel"] {
            let told = Key::new(bad).expect_err(bad);
            assert!(!told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn a_word_for_no_key_stays_in_answers() {
        let key = Key::new("EMPTY").expect("a key");
        assert_eq!(key.hide("EMPTY"), "EMPTY");
        assert_eq!(Hider::new(Some(&key)).push("EMP"), "EMP");
    }

    proptest! {
        #[test]
        fn a_key_in_pieces_is_hidden_and_nothing_else_is_lost(
            before in "[sk1 -]{0,12}", after in "[sk1 é-]{0,12}", cuts in proptest::collection::vec(0usize..40, 0..6)
        ) {
            let key = Key::new("sk-11-sk1s").expect("a key");
            let whole = format!("{before}sk-11-sk1s{after}");
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|c| whole.is_char_boundary(*c)).collect();
            cuts.extend([0, whole.len()]);
            cuts.sort_unstable();
            let mut hider = Hider::new(Some(&key));
            let mut shown = String::new();
            for pair in cuts.windows(2) {
                shown.push_str(&hider.push(&whole[pair[0]..pair[1]]));
            }
            shown.push_str(&hider.rest());
            prop_assert_eq!(shown, key.hide(&whole));
        }
    }
}
