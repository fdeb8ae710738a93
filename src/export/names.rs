//! Pseudonyms for annotators.

use std::collections::{BTreeMap, BTreeSet};

/// The people of a lab or a study, and the key their order hangs on.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    key: [u8; 32],
    known: BTreeSet<String>,
}

impl Names {
    /// With those who are known from the start: the order is the same however few of them have judged yet.
    pub(super) fn new<'a>(key: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let key = blake3::derive_key("juxta 2026 pseudonyms of annotators", key.as_bytes());
        Self { key, known: known.into_iter().map(str::to_owned).collect() }
    }

    pub(super) fn add<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        self.known.extend(names.into_iter().map(str::to_owned));
    }

    /// Name to pseudonym.
    pub(super) fn pseudonyms(&self) -> BTreeMap<&str, String> {
        let mut order: Vec<&str> = self.known.iter().map(String::as_str).collect();
        order.sort_by_cached_key(|name| *blake3::keyed_hash(&self.key, name.as_bytes()).as_bytes());
        order.into_iter().enumerate().map(|(n, name)| (name, format!("annotator-{}", n + 1))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_has_a_number_that_says_nothing_of_the_name() {
        let mut names = Names::new("a study", ["ada", "bo"]);
        names.add(["cy", "ada"]);
        let found = names.pseudonyms();
        let mut all: Vec<&str> = found.values().map(String::as_str).collect();
        all.sort_unstable();
        assert_eq!(all, ["annotator-1", "annotator-2", "annotator-3"]);
        let orders: BTreeSet<Vec<String>> = (0..40)
            .map(|n| Names::new(&n.to_string(), ["ada", "bo"]).pseudonyms().into_values().collect())
            .collect();
        assert_eq!(orders.len(), 2, "the order hangs on the key");
    }
}
