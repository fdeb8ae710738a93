//! What a content is named by: SHA-256 for large files, and git's name of a blob (SHA-1 over its length and bytes) for
//! small ones. An etag of either form says what the bytes must be.

use sha2::{Digest, Sha256};

/// What bytes must come to, as an etag says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expected {
    Sha256(String),
    GitBlob(String),
    /// An etag that says nothing of the bytes.
    Nothing,
}

impl Expected {
    pub(super) fn of(etag: &str) -> Self {
        let hex = !etag.is_empty() && etag.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        match etag.len() {
            64 if hex => Self::Sha256(etag.to_owned()),
            40 if hex => Self::GitBlob(etag.to_owned()),
            _ => Self::Nothing,
        }
    }
}

/// Bytes on their way, being digested.
pub(super) enum Running {
    Sha256(Box<Sha256>, String),
    GitBlob(Box<Sha1>, String),
    Nothing,
}

impl Running {
    /// Of a content of `len` bytes.
    pub(super) fn new(expected: &Expected, len: u64) -> Self {
        match expected {
            Expected::Sha256(hex) => Self::Sha256(Box::default(), hex.clone()),
            Expected::GitBlob(hex) => {
                let mut sha1 = Sha1::default();
                sha1.update(format!("blob {len}\0").as_bytes());
                Self::GitBlob(Box::new(sha1), hex.clone())
            }
            Expected::Nothing => Self::Nothing,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(sha, _) => sha.update(bytes),
            Self::GitBlob(sha, _) => sha.update(bytes),
            Self::Nothing => {}
        }
    }

    /// The digest that came out and the one expected, where they differ.
    pub(super) fn wrong(self) -> Option<(String, String)> {
        let (found, expected) = match self {
            Self::Sha256(sha, expected) => (hex(&sha.finalize()), expected),
            Self::GitBlob(sha, expected) => (hex(&sha.finish()), expected),
            Self::Nothing => return None,
        };
        (found != expected).then_some((found, expected))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// SHA-1 (FIPS 180-4, section 6.1), for git's names alone: it guards against damage here, not against anyone who means
/// harm, for whom it has long been too weak.
pub(super) struct Sha1 {
    state: [u32; 5],
    block: Vec<u8>,
    len: u64,
}

impl Default for Sha1 {
    fn default() -> Self {
        Self {
            state: [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0],
            block: Vec::with_capacity(64),
            len: 0,
        }
    }
}

impl Sha1 {
    fn update(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(64 - self.block.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == 64 {
                self.mix();
            }
        }
    }

    fn finish(mut self) -> [u8; 20] {
        let bits = self.len * 8;
        self.block.push(0x80);
        if self.block.len() > 56 {
            self.block.resize(64, 0);
            self.mix();
        }
        self.block.resize(56, 0);
        self.block.extend_from_slice(&bits.to_be_bytes());
        self.mix();
        let mut digest = [0; 20];
        for (four, word) in digest.chunks_exact_mut(4).zip(self.state) {
            four.copy_from_slice(&word.to_be_bytes());
        }
        digest
    }

    fn mix(&mut self) {
        let mut words = [0_u32; 80];
        for (word, four) in words.iter_mut().zip(self.block.chunks_exact(4)) {
            *word = four.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        self.block.clear();
        for t in 16..80 {
            words[t] = (words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = self.state;
        for (t, word) in words.iter().enumerate() {
            let (f, k) = match t / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6),
            };
            let next = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (own, word) in self.state.iter_mut().zip([a, b, c, d, e]) {
            *own = own.wrapping_add(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(bytes: &[u8], cut: usize) -> String {
        let mut sha1 = Sha1::default();
        sha1.update(format!("blob {}\0", bytes.len()).as_bytes());
        bytes.chunks(cut).for_each(|piece| sha1.update(piece));
        hex(&sha1.finish())
    }

    #[test]
    fn a_blob_is_called_as_git_calls_it() {
        // `git hash-object --stdin`, of nothing, of "hello\n", and of lengths around a block.
        assert_eq!(git(b"", 1), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(git(b"hello\n", 2), "ce013625030ba8dba906f756967f9e9ca394464a");
        for (len, name) in [
            (48, "3b3abca28de4b8ce6ea9dac5da512120ed7c5a0c"),
            (55, "e329c5109ce10a7367561757d2f5a053c528f11e"),
            (64, "2036367ceafc6ad317a509db8f6b9c2773f731e0"),
            (1000, "14c7dfdd4258dec5c0e9d2e919bd249bd674be1f"),
        ] {
            let bytes = vec![b'x'; len];
            assert_eq!(git(&bytes, 7), name, "{len}");
        }
    }

    #[test]
    fn an_etag_says_what_the_bytes_must_be() {
        let sha = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let check = |etag: &str, bytes: &[u8]| {
            let mut running = Running::new(&Expected::of(etag), bytes.len() as u64);
            running.update(bytes);
            running.wrong().is_none()
        };
        assert!(check(sha, b"hello") && !check(sha, b"hallo"));
        let blob = "ce013625030ba8dba906f756967f9e9ca394464a";
        assert!(check(blob, b"hello\n") && !check(blob, b"hello"));
        assert!(check("W-17", b"anything"), "what says nothing is not held against it");
        assert_eq!(Expected::of(&sha.to_uppercase()), Expected::Nothing);
    }
}
