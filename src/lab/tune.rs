//! Fine-tuning in the lab: a base, a corpus and a recipe become a model that can be asked at once.
//!
//! Brings together what the trainer deliberately does not know: where models and corpora lie, what retrieval finds
//! for a training question, and how the result is called.

use super::Lab;
use crate::corpus::{Corpus, Split};
use crate::fault::{Fault, Result};
use crate::finetune::{self, Card, Method, Outcome, Pair, Recipe, Source, Status};
use crate::folder::Folder;
use crate::generate::{Checkpoint, Contender};
use crate::job::{Cancel, Progress};
use std::path::{Path, PathBuf};

/// What to train on what.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuning {
    /// The model to start from: a name, or the path of a folder.
    pub base: String,
    /// The corpus: an id, or the path of a folder. The first one if left out.
    pub corpus: Option<String>,
    /// How many of its training questions, from the first.
    pub examples: usize,
    /// How.
    pub recipe: Recipe,
    /// The new folder that the result goes to; the lab's models folder and [`name`] if left out.
    pub out: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// What the lab knows it by: a name of its registry, or a path.
    pub name: String,
    /// Where it lies.
    pub folder: PathBuf,
    /// Steps, losses and figures.
    pub outcome: Outcome,
}

/// Where a run reports how far it is: a closure that must not block.
pub type Watch<'a> = &'a (dyn Fn(Status) + Sync);

/// What a model is called that nobody has named: `reader-biomedicine-500-seed1`, with `-full` after it where all
/// weights were trained.
pub fn name(base: &str, corpus: &str, examples: usize, recipe: &Recipe) -> String {
    let full = if recipe.method == Method::Full { "-full" } else { "" };
    format!("{base}-{corpus}-{examples}-seed{}{full}", recipe.seed)
}

/// Everything a run needs but the number of examples.
pub(super) struct Ready {
    base: Contender,
    /// How the result's card names the base.
    base_name: String,
    corpus: Corpus,
    /// As many as the largest run wants.
    pairs: Vec<Pair>,
    held_out: Vec<Pair>,
}

impl Lab {
    /// Fine-tunes a model on a corpus's training questions, with the passages that retrieval finds for them. The
    /// result is among the contenders as soon as this returns, if it lies in the lab's models folder. An interrupted
    /// run goes on when this is called again with the same tuning.
    ///
    /// # Errors
    /// A [`Fault`] for a base that is no folder of whole weights, a corpus with fewer training questions than asked
    /// or with overlapping splits, and as [`finetune::train`]; [`crate::fault::Error::Cancelled`].
    pub fn finetune(&self, tuning: &Tuning, watch: Watch<'_>, cancel: &Cancel) -> Result<Tuned> {
        tuning.recipe.check()?;
        let (base, corpus) = self.of(tuning)?;
        let out = tuning.out.clone().unwrap_or_else(|| {
            let name = name(&base.name, &corpus.manifest.id, tuning.examples, &tuning.recipe);
            self.paths.models().join(name)
        });
        finetune::refuse_taken(&out)?;
        let ready = self.ready(tuning, base, corpus, watch, cancel)?;
        self.run(&ready, tuning.examples, &tuning.recipe, &out, watch, cancel)
    }

    /// The base and the corpus, found and fit for training, before anything that takes time.
    pub(super) fn of(&self, tuning: &Tuning) -> Result<(Contender, Corpus)> {
        let base = self.models.registry().find(&tuning.base)?;
        if !base.kind.is_whole() {
            return Err(Fault::new("--base", format!("{}, which is an adapter or a GGUF file", base.name))
                .expected("a model's folder with config.json and safetensors")
                .next("`juxta model list` shows what there is.")
                .into());
        }
        let corpus = self.corpus(tuning.corpus.as_deref())?.read()?;
        finetune::check(&corpus, tuning.examples)?;
        Ok((base, corpus))
    }

    pub(super) fn ready(
        &self,
        tuning: &Tuning,
        base: Contender,
        corpus: Corpus,
        watch: Watch<'_>,
        cancel: &Cancel,
    ) -> Result<Ready> {
        let report = |p: Progress| watch(Status::Preparing(p));
        let entry = self.corpus(tuning.corpus.as_deref())?;
        let index = self.index(&entry, &report, cancel)?;
        let read = Checkpoint::load(&base.folder, &base.name, &report, cancel)?;
        let source = Source {
            corpus: &corpus,
            index: &index,
            length: self.retrieval().length,
            k: self.settings.retrieval.k,
            render: &|messages| read.codec.render(messages),
            fits: &|pair: &Pair| {
                // The end of the turn is one more.
                let tokens =
                    read.codec.encode(&pair.prompt)?.len() + read.codec.encode(&pair.answer)?.len() + 1;
                Ok(tokens <= tuning.recipe.max_tokens)
            },
        };
        let pairs = finetune::examples(&source, Split::Train, Some(tuning.examples), &report, cancel)?;
        let held_out = finetune::examples(&source, Split::Dev, None, &report, cancel)?;
        let known = self.models.registry().contenders.iter().any(|c| c.name == tuning.base);
        let base_name = match &base.folder {
            // Wherever the result is moved to, it finds a base outside the models folder.
            Folder::Disk(path) if !known => {
                path.canonicalize().unwrap_or_else(|_| path.clone()).display().to_string()
            }
            _ => base.name.clone(),
        };
        drop(index);
        drop(read);
        Ok(Ready { base, base_name, corpus, pairs, held_out })
    }

    pub(super) fn run(
        &self,
        ready: &Ready,
        examples: usize,
        recipe: &Recipe,
        out: &Path,
        watch: Watch<'_>,
        cancel: &Cancel,
    ) -> Result<Tuned> {
        let Ready { base, corpus, .. } = ready;
        let pairs = &ready.pairs[..examples];
        let what = match recipe.method {
            Method::Lora => format!("A LoRA adapter of {}", base.name),
            Method::Full => format!("{} with all weights fine-tuned", base.name),
        };
        let about = Card {
            title: format!("{}, fine-tuned on {examples} questions of {}", base.title, corpus.manifest.title),
            description: format!(
                "{what}, made by `juxta finetune` from the first {examples} training questions of the corpus {} \
                 with the passages that retrieval finds for them.",
                corpus.manifest.id
            ),
            licence: format!(
                "Of the base: {} Of the corpus: {}",
                base.licence.as_deref().unwrap_or("not stated."),
                corpus.manifest.licence
            ),
            base: ready.base_name.clone(),
            corpus: corpus.manifest.id.clone(),
            corpus_digest: corpus.digest.clone(),
        };
        let outcome =
            finetune::train(&base.folder, pairs, &ready.held_out, recipe, out, &about, watch, cancel)?;
        let registry = self.models.refresh();
        let known = registry
            .contenders
            .iter()
            .find(|c| matches!(&c.folder, Folder::Disk(path) if same(path, out)))
            .map(|c| c.name.clone());
        let name = known.unwrap_or_else(|| out.display().to_string());
        Ok(Tuned { name, folder: out.to_owned(), outcome })
    }
}

fn same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
