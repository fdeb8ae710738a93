//! Passages by what they mean rather than by their words: a vector for each, kept beside the indices, and the two
//! rankings made one. Knows vectors and who makes them only as [`Encode`]; nothing of models.
//!
//! Reciprocal rank fusion: G. Cormack, C. Clarke and S. Büttcher (2009), "Reciprocal rank fusion outperforms Condorcet and
//! individual rank learning methods", SIGIR: each ranking gives 1 / (60 + rank).

use super::search::Found;
use crate::fault::{Fault, Result};
use crate::job::{Cancel, Progress, Report};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tantivy::DocAddress;

const K: f32 = 60.0;
/// How deep both rankings are looked into at least.
pub(super) const DEPTH: usize = 1_000;
/// Texts encoded at a time, and how many of these times are between two writings to the disk.
const BATCH: usize = 16;
const SAVE_EVERY: usize = 64;
/// Raised when what is encoded of a passage, or the file, changes.
const VERSION: &str = "juxta vectors 1";
/// Bytes of a text's digest in the file; of that of the whole at its end.
const KEY: usize = 16;
const SEAL: usize = 32;

/// Names an encoder in a record: the first half of its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderDigest([u8; 16]);

impl EncoderDigest {
    /// Of a digest as hex; what is no hex counts as 0.
    fn of(hex: &str) -> Self {
        let digit = |n: usize| hex.get(2 * n..2 * n + 2).and_then(|d| u8::from_str_radix(d, 16).ok());
        Self(std::array::from_fn(|n| digit(n).unwrap_or_default()))
    }
}

impl Serialize for EncoderDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.iter().map(|b| format!("{b:02x}")).collect::<String>())
    }
}

impl<'de> Deserialize<'de> for EncoderDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        if hex.len() != 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(D::Error::custom("an encoder's digest has 32 hexadecimal digits"));
        }
        Ok(Self::of(&hex))
    }
}

/// What makes vectors of texts.
pub trait Encode: Send + Sync {
    /// How many numbers a vector has.
    fn width(&self) -> usize;
    /// Names the encoder and all that decides its vectors, as hex.
    fn digest(&self) -> &str;
    /// A vector for each text; products of these say how alike two are.
    ///
    /// # Errors
    /// What it fails with.
    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>>;
}

/// The passages of an index as vectors.
#[derive(Clone)]
pub(super) struct Dense {
    encoder: Arc<dyn Encode>,
    passages: Arc<[DocAddress]>,
    /// One after another, in the order of `passages`.
    vectors: Arc<[f32]>,
}

impl Dense {
    pub(super) fn encoder(&self) -> EncoderDigest {
        EncoderDigest::of(self.encoder.digest())
    }

    /// The `k` passages whose vectors are most like that of `question`, best first.
    pub(super) fn best(&self, question: &str, k: usize) -> Result<Vec<Found>> {
        let asked = self.encoder.encode(&[question])?.pop().unwrap_or_default();
        let product = |v: &[f32]| v.iter().zip(&asked).map(|(a, b)| a * b).sum::<f32>();
        let vectors = self.vectors.chunks_exact(self.encoder.width().max(1)).map(product);
        let mut found: Vec<Found> = vectors.zip(self.passages.iter().copied()).collect();
        let order = |a: &Found, b: &Found| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1));
        if k < found.len() && k > 0 {
            found.select_nth_unstable_by(k - 1, order);
        }
        found.truncate(k);
        found.sort_unstable_by(order);
        Ok(found)
    }
}

/// Two rankings as one.
pub(super) fn fused(one: &[Found], other: &[Found]) -> Vec<Found> {
    let mut scores: HashMap<DocAddress, f32> = HashMap::new();
    for ranking in [one, other] {
        for (n, (_, address)) in ranking.iter().enumerate() {
            #[allow(clippy::cast_precision_loss)] // Ranks.
            let share = 1.0 / (K + (n + 1) as f32);
            *scores.entry(*address).or_default() += share;
        }
    }
    let mut found: Vec<Found> = scores.into_iter().map(|(address, score)| (score, address)).collect();
    found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    found
}

/// Makes the vectors of passages, or takes them from the file where they are there already. What was made when it is
/// stopped is kept.
///
/// # Errors
/// What encoding fails with, a [`Fault`] if the file cannot be written, [`crate::fault::Error::Cancelled`] between batches.
pub(super) fn vectors(
    encoder: Arc<dyn Encode>,
    passages: Vec<(DocAddress, String)>,
    indices: &Path,
    corpus: &str,
    report: Report<'_>,
    cancel: &Cancel,
) -> Result<Dense> {
    let path = file(indices, corpus, encoder.digest());
    let mut known = read(&path, &*encoder).unwrap_or_default();
    let keys: Vec<[u8; KEY]> = passages.iter().map(|(_, text)| key(text)).collect();
    let mut missing: Vec<(&[u8; KEY], &str)> = (keys.iter().zip(&passages))
        .filter(|(key, _)| !known.contains_key(*key))
        .map(|(key, (_, text))| (key, text.as_str()))
        .collect();
    // Texts of like length together: a batch takes the time of its longest.
    missing.sort_by_key(|(key, text)| (text.len(), *key));
    missing.dedup_by_key(|(key, _)| *key);
    let total = missing.len() as u64;
    let made = missing.chunks(BATCH).enumerate().try_for_each(|(n, batch)| {
        cancel.check()?;
        report(Progress { doing: format!("encoding {corpus}"), done: (n * BATCH) as u64, total });
        let texts: Vec<&str> = batch.iter().map(|(_, text)| *text).collect();
        let vectors = encoder.encode(&texts)?;
        for ((key, _), vector) in batch.iter().zip(vectors) {
            known.insert(**key, vector);
        }
        if (n + 1).is_multiple_of(SAVE_EVERY) { write(&path, &*encoder, &known) } else { Ok(()) }
    });
    let wanted: std::collections::HashSet<_> = keys.iter().collect();
    if made.is_ok() {
        known.retain(|key, _| wanted.contains(key));
    }
    if total > 0 {
        write(&path, &*encoder, &known)?;
    }
    made?;
    let width = encoder.width();
    let mut all = Vec::with_capacity(keys.len() * width);
    for key in &keys {
        match known.get(key) {
            Some(vector) if vector.len() == width => all.extend_from_slice(vector),
            _ => {
                return Err(Fault::new(path.display(), "a passage without a vector")
                    .expected(format!("a vector of {width} numbers for each"))
                    .next("Use another encoder: this one does not keep its own width.")
                    .into());
            }
        }
    }
    let passages = passages.into_iter().map(|(address, _)| address).collect();
    Ok(Dense { encoder, passages, vectors: all.into() })
}

fn file(indices: &Path, corpus: &str, digest: &str) -> PathBuf {
    indices.join(format!("{corpus}.{}.vectors", digest.chars().take(16).collect::<String>()))
}

fn key(text: &str) -> [u8; KEY] {
    let mut key = [0; KEY];
    key.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..KEY]);
    key
}

fn head(encoder: &dyn Encode) -> Vec<u8> {
    format!("{VERSION} {} {}\n", encoder.digest(), encoder.width()).into_bytes()
}

fn write(path: &Path, encoder: &dyn Encode, known: &HashMap<[u8; KEY], Vec<f32>>) -> Result<()> {
    let mut bytes = head(encoder);
    let mut keys: Vec<_> = known.keys().collect();
    keys.sort_unstable();
    for key in keys {
        bytes.extend_from_slice(key);
        bytes.extend(known[key].iter().flat_map(|x| x.to_le_bytes()));
    }
    let seal = blake3::hash(&bytes);
    bytes.extend_from_slice(seal.as_bytes());
    crate::folder::replace(path, &bytes)
}

/// What a file holds; nothing where there is none, it is damaged, or it is another encoder's: it is made again.
fn read(path: &Path, encoder: &dyn Encode) -> Option<HashMap<[u8; KEY], Vec<f32>>> {
    let bytes = std::fs::read(path).ok()?;
    let (body, seal) = bytes.split_at_checked(bytes.len().checked_sub(SEAL)?)?;
    if blake3::hash(body).as_bytes() != seal {
        tracing::warn!("{}: damaged; encoding again", path.display());
        return None;
    }
    let body = body.strip_prefix(head(encoder).as_slice())?;
    let record = KEY + 4 * encoder.width();
    let mut known = HashMap::new();
    for record in body.chunks_exact(record) {
        let (key, numbers) = record.split_at(KEY);
        let vector = numbers.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        known.insert(key.try_into().ok()?, vector);
    }
    Some(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Error;
    use crate::job::SILENT;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Two numbers of a text, and how many texts were asked for; stops after so many.
    struct Letters {
        asked: AtomicUsize,
        cancel: Cancel,
        most: usize,
    }

    impl Letters {
        fn new(most: usize) -> Arc<Self> {
            Arc::new(Self { asked: AtomicUsize::new(0), cancel: Cancel::new(), most })
        }
    }

    impl Encode for Letters {
        fn width(&self) -> usize {
            2
        }

        fn digest(&self) -> &str {
            "00112233445566778899aabbccddeeff0011"
        }

        fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
            if self.asked.fetch_add(texts.len(), Ordering::Relaxed) + texts.len() >= self.most {
                self.cancel.cancel();
            }
            let count =
                |text: &str, letter| u8::try_from(text.matches(letter).count()).map_or(0.0, f32::from);
            Ok(texts.iter().map(|t| vec![count(t, 'a'), count(t, 'b')]).collect())
        }
    }

    fn passages(texts: &[String]) -> Vec<(DocAddress, String)> {
        (0..).zip(texts).map(|(n, text)| (DocAddress::new(0, n), text.clone())).collect()
    }

    fn made(encoder: &Arc<Letters>, texts: &[String], dir: &Path) -> Result<Dense> {
        let cancel = encoder.cancel.clone();
        vectors(Arc::clone(encoder) as Arc<dyn Encode>, passages(texts), dir, "c", SILENT, &cancel)
    }

    fn texts(n: usize) -> Vec<String> {
        (0..n).map(|n| format!("{} {n}", "a".repeat(n % 50))).collect()
    }

    #[test]
    fn only_texts_that_are_new_are_encoded() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut all = texts(40);
        let first = Letters::new(usize::MAX);
        made(&first, &all, dir.path()).expect("made");
        all.push("bbb".into());
        let second = Letters::new(usize::MAX);
        let dense = made(&second, &all, dir.path()).expect("made");
        assert_eq!((first.asked.load(Ordering::Relaxed), second.asked.load(Ordering::Relaxed)), (40, 1));
        assert_eq!(dense.best("b", 1).expect("asked"), [(3.0, DocAddress::new(0, 40))]);
        assert_eq!(dense.best("a", 500).expect("asked").len(), 41, "no more than there are");
    }

    #[test]
    fn what_was_encoded_when_it_is_stopped_is_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let all = texts(100);
        let stopped = Letters::new(20);
        assert!(matches!(made(&stopped, &all, dir.path()), Err(Error::Cancelled)));
        let rest = Letters::new(usize::MAX);
        made(&rest, &all, dir.path()).expect("made");
        assert_eq!(stopped.asked.load(Ordering::Relaxed) + rest.asked.load(Ordering::Relaxed), 100);
    }

    #[test]
    fn a_damaged_file_is_made_again() {
        let dir = tempfile::tempdir().expect("a folder");
        made(&Letters::new(usize::MAX), &texts(9), dir.path()).expect("made");
        let path = file(dir.path(), "c", Letters::new(0).digest());
        let whole = std::fs::read(&path).expect("written");
        for n in [0, 10, whole.len() / 2, whole.len() - 1] {
            let mut bytes = whole.clone();
            bytes[n] ^= 1;
            std::fs::write(&path, &bytes).expect("written");
            let again = Letters::new(usize::MAX);
            made(&again, &texts(9), dir.path()).expect("made");
            assert_eq!(again.asked.load(Ordering::Relaxed), 9);
            assert_eq!(std::fs::read(&path).expect("written"), whole);
        }
        std::fs::write(&path, &whole[..whole.len() - 40]).expect("written");
        made(&Letters::new(usize::MAX), &texts(9), dir.path()).expect("made");
    }

    #[test]
    fn what_both_rankings_have_comes_first() {
        let at = |n| DocAddress::new(0, n);
        let found = fused(&[(9.0, at(1)), (8.0, at(2))], &[(0.5, at(3)), (0.4, at(2))]);
        assert_eq!(found.iter().map(|(_, a)| a.doc_id).collect::<Vec<_>>(), [2, 1, 3]);
        assert!((found[0].0 - 2.0 / 62.0).abs() < 1e-6 && (found[1].0 - 1.0 / 61.0).abs() < 1e-6);
    }

    #[test]
    fn an_encoder_is_recorded_by_its_digest() {
        let digest = EncoderDigest::of(Letters::new(0).digest());
        let json = serde_json::to_string(&digest).expect("plain");
        assert_eq!(json, "\"00112233445566778899aabbccddeeff\"");
        assert_eq!(serde_json::from_str::<EncoderDigest>(&json).expect("read"), digest);
        assert!(serde_json::from_str::<EncoderDigest>("\"é\"").is_err());
    }
}
