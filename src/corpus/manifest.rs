//! `corpus.toml`.

use crate::fault::{Fault, Result};
use serde::{Deserialize, Serialize};

/// What a corpus says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Lower-case letters, digits and hyphens; names the corpus everywhere.
    pub id: String,
    /// For people.
    pub title: String,
    /// The field its questions come from, in a few words.
    pub domain: String,
    /// A sentence or two on what is in it.
    pub description: String,
    /// ISO 639-1 code of its language; decides the stemmer.
    pub language: String,
    /// The licence of its texts.
    pub licence: String,
    /// How it was made and from what.
    pub source: String,
}

/// The name of the file.
pub const FILE: &str = "corpus.toml";

impl Manifest {
    /// Reads the text of a `corpus.toml` found at `place`.
    ///
    /// # Errors
    /// A [`Fault`] naming the line for what is no TOML, misses a field, has an unknown one, or an unfit id.
    pub fn parse(text: &str, place: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(1, |s| 1 + text[..s.start.min(text.len())].matches('\n').count());
            Fault::new(format!("{place}:{line}"), e.message().trim())
                .expected(
                    "the fields id, title, domain, description, language, licence and source, each a string",
                )
                .next("Correct that line; corpora/biomedicine/corpus.toml is an example.")
        })?;
        if !is_id(&manifest.id) {
            return Err(Fault::new(format!("{place}, id"), format!("{:?}", manifest.id))
                .expected("lower-case letters, digits and hyphens, starting with a letter or digit")
                .next("Choose such an id.")
                .into());
        }
        Ok(manifest)
    }
}

/// Whether a name can be an id: it is used in paths and on command lines.
pub(super) fn is_id(name: &str) -> bool {
    (1..=80).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
