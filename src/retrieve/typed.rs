//! What a person typed, where it may say what a passage must hold: `"a phrase"`, `title:word`, `heading:"a phrase"`.
//! Knows no index; what it does not understand is left as words.

/// Where something must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the text, the title or the heading.
    Anywhere,
    Title,
    Heading,
}

/// Words that must stand one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Required<'a> {
    pub(super) place: Place,
    pub(super) words: &'a str,
}

/// What must be held, and the rest, which counts as any question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Typed<'a> {
    pub(super) required: Vec<Required<'a>>,
    pub(super) rest: String,
}

impl<'a> Typed<'a> {
    pub(super) fn parse(question: &'a str) -> Self {
        let mut typed = Self::default();
        let mut left = question.trim_start();
        while !left.is_empty() {
            let names = [("title:", Place::Title), ("heading:", Place::Heading)];
            let named = names.into_iter().find_map(|(name, place)| Some((left.strip_prefix(name)?, place)));
            let (after, place) = named.unwrap_or((left, Place::Anywhere));
            // A quotation mark that is not closed quotes nothing.
            let quoted = after.strip_prefix('"').and_then(|inner| inner.split_once('"'));
            let word = || after.split_at(after.find(char::is_whitespace).unwrap_or(after.len()));
            let (words, then) = quoted.unwrap_or_else(word);
            if (quoted.is_some() || named.is_some()) && !words.trim().is_empty() {
                typed.required.push(Required { place, words });
            } else {
                typed.rest.push_str(words);
                typed.rest.push(' ');
            }
            left = then.trim_start();
        }
        typed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotation_marks_and_fields_are_told_from_words() {
        let typed = Typed::parse("what of \"uric acid\" title:gout heading:\"first aid\" now");
        let required: Vec<_> = typed.required.iter().map(|r| (r.place, r.words)).collect();
        assert_eq!(
            required,
            [(Place::Anywhere, "uric acid"), (Place::Title, "gout"), (Place::Heading, "first aid")]
        );
        assert_eq!(typed.rest, "what of now ");
    }

    #[test]
    fn what_is_not_whole_is_words() {
        assert_eq!(Typed::parse("an \"open quote").rest, "an \"open quote ");
        assert_eq!(Typed::parse("title: gout").rest, " gout ");
        assert!(Typed::parse("\"\" title:").required.is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "(\\p{Any}|[\": ]|title:|heading:\"){0,40}") {
            let typed = Typed::parse(&text);
            let letters = |t: &str| t.chars().filter(|c| c.is_alphanumeric()).count();
            let found: usize = typed.required.iter().map(|r| letters(r.words)).sum::<usize>() + letters(&typed.rest);
            prop_assert!(found <= letters(&text));
        }
    }
}
