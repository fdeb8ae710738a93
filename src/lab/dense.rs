//! Puts an encoder behind an index, where passages are ranked by what they mean too.

use super::Lab;
use crate::fault::{Fault, Result};
use crate::folder::Folder;
use crate::generate::Encoder;
use crate::job::{Cancel, Report};
use crate::retrieve::{Encode, Index, Ranking};
use std::path::PathBuf;
use std::sync::Arc;

/// An encoder as retrieval knows it.
struct Encoding(Encoder);

impl Encode for Encoding {
    fn width(&self) -> usize {
        self.0.width()
    }

    fn digest(&self) -> &str {
        self.0.digest()
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        self.0.encode(texts)
    }
}

impl Lab {
    /// The index with all that its ranking needs.
    ///
    /// # Errors
    /// A [`Fault`] where an encoder is needed and none is set or it cannot be loaded; as [`Index::with_vectors`].
    pub(super) fn complete(
        &self,
        index: Index,
        corpus: &str,
        report: Report<'_>,
        cancel: &Cancel,
    ) -> Result<Index> {
        if index.settings().ranking != Ranking::Dense {
            return Ok(index);
        }
        let named = self.settings.retrieval.encoder.trim();
        let next = format!(
            "Set retrieval.encoder in {} to the folder of one, for example all-MiniLM-L6-v2, or rank otherwise.",
            self.paths.settings.display()
        );
        let expected = "the folder of an encoder of the BERT family";
        if named.is_empty() {
            return Err(Fault::new("ranking dense", "no encoder").expected(expected).next(next).into());
        }
        let folder = PathBuf::from(named);
        if !folder.is_dir() {
            return Err(Fault::new(folder.display(), "no folder").expected(expected).next(next).into());
        }
        let encoder = Encoder::load(&Folder::Disk(folder), cancel)?;
        index.with_vectors(Arc::new(Encoding(encoder)), &self.paths.indices(), corpus, report, cancel)
    }
}
