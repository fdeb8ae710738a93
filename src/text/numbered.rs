//! The order of names with numbers in them.

/// A key that sorts `model-200` before `model-1000`: texts and numbers in turn, each compared as what it is, and between equals
/// the name itself.
pub fn by_numbers(name: &str) -> (Vec<(&str, u128)>, &str) {
    let (mut key, mut rest) = (Vec::new(), name);
    while !rest.is_empty() {
        let (text, from) = rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
        let (digits, after) = from.split_at(from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len()));
        // None, or more digits than any number of this width has.
        let number = if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u128::MAX) };
        key.push((text, number));
        rest = after;
    }
    (key, name)
}

#[cfg(test)]
mod tests {
    use super::by_numbers;

    #[test]
    fn numbers_in_names_are_compared_as_numbers() {
        let long = format!("m-{}", "9".repeat(60));
        let expected =
            ["", "m", "m-01", "m-1", "m-1b", "m-2", "m-10", "m-10-3", "m-10-20", long.as_str(), "mb", "ä-1"];
        let mut names = expected.to_vec();
        names.reverse();
        names.sort_by(|a, b| by_numbers(a).cmp(&by_numbers(b)));
        assert_eq!(names, expected);
    }
}
