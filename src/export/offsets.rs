//! Places in a text as other tools count them. Ours are bytes of UTF-8.

/// In code points: what Python counts. `None` for a range that is not one of the text.
pub(super) fn code_points(text: &str, (start, end): (usize, usize)) -> Option<(usize, usize)> {
    counted(text, (start, end), |part| part.chars().count())
}

/// In UTF-16 code units: what a browser counts. `None` for a range that is not one of the text.
pub(super) fn utf16(text: &str, (start, end): (usize, usize)) -> Option<(usize, usize)> {
    counted(text, (start, end), |part| part.encode_utf16().count())
}

fn counted(
    text: &str,
    (start, end): (usize, usize),
    count: impl Fn(&str) -> usize,
) -> Option<(usize, usize)> {
    let (before, within) = (text.get(..start)?, text.get(start..end)?);
    Some((count(before), count(before) + count(within)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_python_and_browsers_do() {
        let text = "é💧 water";
        assert_eq!(code_points(text, (2, 6)), Some((1, 2)));
        assert_eq!(utf16(text, (2, 6)), Some((1, 3)));
        assert_eq!(utf16(text, (6, 12)), Some((3, 9)));
        assert_eq!(
            (code_points(text, (1, 2)), utf16(text, (0, 99)), utf16(text, (6, 2))),
            (None, None, None)
        );
    }
}
