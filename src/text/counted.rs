//! Numbers of things as people write them.

/// A whole number with its thousands set apart: `1,000`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun, of which `one` is called: `1 question`, `2 questions`.
pub fn counted(n: usize, one: &str) -> String {
    format!("{} {}", grouped(n as u64), plural(n, one))
}

/// What so many are called: a noun whose plural has an s.
pub fn plural(n: usize, one: &str) -> String {
    format!("{one}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let found = [0, 7, 999, 1_000, 1_020, 1_234_567].map(grouped);
        assert_eq!(found, ["0", "7", "999", "1,000", "1,020", "1,234,567"]);
    }

    #[test]
    fn one_thing_is_not_several() {
        let found = [0, 1, 2, 1_000].map(|n| counted(n, "question"));
        assert_eq!(found, ["0 questions", "1 question", "2 questions", "1,000 questions"]);
    }
}
