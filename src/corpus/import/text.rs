//! What several readers do with text: the sentence around an answer, where a quote stands, short names, what sort of
//! answer a question asks for, bytes of unknown encoding.

use super::found::Wrong;
use super::sink::Sink;
use crate::corpus::Kind;
use crate::fault::Fault;
use crate::text::sentences;
use std::borrow::Cow;
use std::ops::Range;

/// Reference answers longer than this, in bytes, are cut at the end of a sentence.
const LONG_ANSWER: usize = 700;
/// Quotes longer than this are taken without the rest of their sentence: it would not fit a passage.
const LONG_SENTENCE: usize = 900;

/// The whole sentences that a range of a text lies in; the range itself, where they are very long.
pub(super) fn sentence_around(text: &str, range: Range<usize>) -> Range<usize> {
    // A paragraph is enough to look at: no sentence goes beyond one.
    let start = text[..range.start].rfind("\n\n").map_or(0, |at| at + 2);
    let end = text[range.end..].find("\n\n").map_or(text.len(), |at| range.end + at);
    let mut found: Option<Range<usize>> = None;
    for sentence in sentences(&text[start..end]) {
        let sentence = start + sentence.start..start + sentence.end;
        if sentence.start < range.end && range.start < sentence.end {
            found = Some(found.map_or(sentence.clone(), |f| f.start..sentence.end));
        }
    }
    match found {
        Some(found) if found.len() <= LONG_SENTENCE.max(range.len()) => found,
        _ => range,
    }
}

/// Where an answer stands in a text: at the place that was named, or, where another text stands there, at the only place
/// where it does. What was mended or is wrong is counted.
pub(super) fn locate(
    text: &str,
    answer: &str,
    named: Option<usize>,
    place: &str,
    sink: &mut Sink<'_>,
) -> Option<Range<usize>> {
    if answer.trim().is_empty() {
        return None;
    }
    if let Some(named) = named {
        // Offsets count characters.
        let start = text.char_indices().nth(named).map_or(text.len(), |(at, _)| at);
        if text[start..].starts_with(answer) {
            return Some(start..start + answer.len());
        }
    }
    let mut places = text.match_indices(answer).map(|(at, found)| at..at + found.len());
    let (first, second) = (places.next(), places.next());
    match (first, second, named) {
        (Some(first), _, None) => Some(first),
        (Some(first), None, Some(named)) => {
            sink.wrong(Wrong::OffsetMended, || {
                Fault::new(place, format!("{:?} at the offset {named}", cut(&text_at(text, named))))
                    .expected(format!("{:?}", cut(answer)))
                    .next("It stands in the text once, and is taken from there.")
            });
            Some(first)
        }
        (Some(_), Some(_), Some(named)) => {
            sink.wrong(Wrong::AnswerNotThere, || {
                Fault::new(place, format!("{:?} at the offset {named}", cut(&text_at(text, named))))
                    .expected(format!("{:?}, which stands in the text more than once", cut(answer)))
                    .next("Correct the offset; the answer is left out.")
            });
            None
        }
        (None, _, _) => {
            sink.wrong(Wrong::AnswerNotThere, || {
                Fault::new(place, format!("the answer {:?}", cut(answer)))
                    .expected("an answer that stands in its text, letter for letter")
                    .next("Correct the one or the other; the answer is left out.")
            });
            None
        }
    }
}

fn text_at(text: &str, offset: usize) -> String {
    text.chars().skip(offset).take(40).collect()
}

/// The beginning of a text, for a message.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The first words of a text as a title.
pub(super) fn title_of(text: &str) -> String {
    let first = text.trim_start().lines().next().unwrap_or_default();
    let mut title = String::new();
    for word in first.split_whitespace() {
        if title.chars().count() + word.chars().count() > 60 {
            title.push('…');
            break;
        }
        if !title.is_empty() {
            title.push(' ');
        }
        title.push_str(word);
    }
    title
}

/// A reference answer, cut at the end of a sentence, where it is long.
pub(super) fn short_answer(answer: &str) -> Option<String> {
    if answer.len() <= LONG_ANSWER {
        return None;
    }
    let mut end = 0;
    for sentence in sentences(answer) {
        if end > 0 && sentence.end > LONG_ANSWER {
            break;
        }
        end = sentence.end;
        if end > LONG_ANSWER {
            break;
        }
    }
    if end > 2 * LONG_ANSWER {
        end = LONG_ANSWER;
        while !answer.is_char_boundary(end) {
            end -= 1;
        }
        end = answer[..end].rfind(char::is_whitespace).unwrap_or(end);
    }
    let short = answer[..end].trim();
    (short.len() < answer.len()).then(|| short.to_owned())
}

/// A name as an id: lower-case letters, digits and hyphens.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in crate::text::fold(name).chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= 64 {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "q".to_owned() } else { slug.to_owned() }
}

/// What sort of answer a question asks for, by how it begins.
pub(super) fn kind_of(question: &str, answer: &str) -> Kind {
    let asked = question.to_lowercase();
    let mut words = asked.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let answered = answer.trim_start().to_lowercase();
    let yes_or_no = ["yes", "no", "maybe"].iter().any(|word| {
        answered.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    });
    match (first, second) {
        _ if ["difference between", "compare", "differ from", "versus"].iter().any(|w| asked.contains(w)) => {
            Kind::Comparison
        }
        ("why", _) => Kind::Reason,
        ("how", "do" | "to" | "can" | "should" | "did") => Kind::Procedure,
        ("list" | "name", _) => Kind::List,
        ("which" | "what", "are") if !asked.contains("(are)") => Kind::List,
        ("define", _) => Kind::Definition,
        (
            "is" | "are" | "do" | "does" | "did" | "can" | "could" | "was" | "were" | "has" | "have"
            | "should" | "will" | "would",
            _,
        ) => Kind::YesNo,
        _ if yes_or_no => Kind::YesNo,
        ("what", "is") if asked.split_whitespace().count() <= 5 => Kind::Definition,
        _ => Kind::Fact,
    }
}

/// Bytes as text: by their mark, as UTF-8, as UTF-16 where every other byte is NUL, else as Windows-1252, which is what
/// old European files mostly are. None for what is no text at all.
pub(super) fn decoded(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        let (text, wrong) = encoding.decode_without_bom_handling(&bytes[mark..]);
        return (!wrong && !text.contains('\0')).then_some(text);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (!text.contains('\0')).then_some(Cow::Borrowed(text));
    }
    let nul = |odd: usize| bytes.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
    let half = bytes.len() / 2;
    for (odd, encoding) in [(1, encoding_rs::UTF_16LE), (0, encoding_rs::UTF_16BE)] {
        if half > 0 && nul(odd) * 10 > half * 4 && nul(1 - odd) == 0 {
            let (text, wrong) = encoding.decode_without_bom_handling(bytes);
            return (!wrong && !text.contains('\0')).then_some(text);
        }
    }
    if bytes.contains(&0) {
        return None;
    }
    let controls =
        bytes.iter().filter(|b| **b < 0x20 && !matches!(**b, b'\n' | b'\r' | b'\t' | 0x0c)).count();
    (controls * 50 <= bytes.len()).then(|| encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0)
}

/// The beginning of a file as text: where it was cut, a character may have been too.
pub(super) fn decoded_head(head: &[u8]) -> Option<Cow<'_, str>> {
    decoded(head)
        .or_else(|| (head.len() >= super::source::HEAD).then(|| decoded(&head[..head.len() - 4])).flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_wide_encodings_are_told_by_their_bytes() {
        let wide: Vec<u8> = "Grüße".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decoded(&wide).as_deref(), Some("Grüße"));
        assert_eq!(decoded(b"Gr\xfc\xdfe").as_deref(), Some("Grüße"));
        assert_eq!(decoded("\u{feff}Grüße".as_bytes()).as_deref(), Some("Grüße"));
        assert_eq!(decoded(b"\x7fELF\x02\x01\x01\0\0\0"), None);
        assert_eq!(decoded(b""), Some(Cow::Borrowed("")));
    }

    #[test]
    fn an_answer_is_quoted_with_its_sentence() {
        let text = "It rained. The cat, which was wet, came in. It slept.";
        let at = text.find("wet").expect("there");
        assert_eq!(&text[sentence_around(text, at..at + 3)], "The cat, which was wet, came in.");
        let two = text.find("came").expect("there")..text.len();
        assert_eq!(&text[sentence_around(text, two)], "The cat, which was wet, came in. It slept.");
    }

    #[test]
    fn names_become_ids() {
        assert_eq!(slug("SemSearch_ES-2"), "semsearch-es-2");
        assert_eq!(slug("Über  große—Namen!"), "uber-gro-e-namen");
        assert_eq!(slug("東京"), "q");
    }
}
