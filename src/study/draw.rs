//! Draws that come out the same in every version: everything that is drawn is a BLAKE3 hash of a seed, of what the
//! draw is for, and of what it is about.

/// A source of draws for one purpose.
#[derive(Debug, Clone)]
pub(super) struct Draw(blake3::Hasher);

impl Draw {
    /// By a public seed. Each part of `purpose` is told apart from the next, whatever is in it.
    pub fn public(seed: u64, purpose: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("juxta study, public draw");
        hasher.update(&seed.to_le_bytes());
        Self(hasher).about(purpose)
    }

    /// By a secret: without it the draw can neither be foretold nor checked.
    pub fn sealed(nonce: &[u8; 32], purpose: &[&str]) -> Self {
        Self(blake3::Hasher::new_keyed(nonce)).about(purpose)
    }

    /// The same draw about something more particular.
    pub fn about(&self, parts: &[&str]) -> Self {
        let mut hasher = self.0.clone();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        Self(hasher)
    }

    /// As hex.
    pub fn hex(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }

    /// An even number or an odd one.
    pub fn coin(&self) -> bool {
        self.0.finalize().as_bytes()[0] & 1 == 1
    }

    /// A number below `n`, which must not be 0. 2^64 is so much more than any list is long that the remainder does
    /// not favour anything.
    pub fn below(&self, n: usize) -> usize {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0.finalize().as_bytes()[..8]);
        (u64::from_le_bytes(bytes) % n as u64) as usize
    }

    /// Puts `list` into a drawn order, which hangs on what is in it and not on how it was ordered before.
    pub fn shuffle<T>(&self, list: &mut [T], name: impl Fn(&T) -> String) {
        list.sort_by_cached_key(|t| (*self.about(&[&name(t)]).0.finalize().as_bytes(), name(t)));
    }
}

/// `n` of the questions, drawn by the plan's seed, in the order they were given. All of them if there are fewer.
pub fn drawn(questions: &[String], corpus: &str, n: usize, seed: u64) -> Vec<String> {
    let mut order: Vec<&String> = questions.iter().collect();
    Draw::public(seed, &["questions", corpus]).shuffle(&mut order, |q| (*q).clone());
    order.truncate(n);
    let chosen: std::collections::HashSet<&String> = order.into_iter().collect();
    questions.iter().filter(|q| chosen.contains(q)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_hangs_on_the_seed_and_the_names_alone() {
        let names: Vec<String> = (0..40).map(|n| format!("q{n}")).collect();
        let backwards: Vec<String> = names.iter().rev().cloned().collect();
        let mut one = drawn(&names, "c", 10, 7);
        let mut other = drawn(&backwards, "c", 10, 7);
        one.sort();
        other.sort();
        assert_eq!(one, other);
        assert_eq!(one.len(), 10);
        assert_ne!(drawn(&names, "c", 10, 8), drawn(&names, "c", 10, 7));
        assert_ne!(drawn(&names, "d", 10, 7), drawn(&names, "c", 10, 7));
        assert_eq!(drawn(&names, "c", 99, 7), names);
    }

    #[test]
    fn parts_of_a_purpose_do_not_run_together() {
        assert_ne!(Draw::public(1, &["ab", "c"]).hex(), Draw::public(1, &["a", "bc"]).hex());
        assert_ne!(Draw::public(1, &["a"]).hex(), Draw::sealed(&[0; 32], &["a"]).hex());
    }
}
