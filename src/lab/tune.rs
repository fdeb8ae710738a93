//! Fine-tuning in the lab: a base, a corpus and a recipe become a model that can be asked at once.
//!
//! Brings together what the trainer deliberately does not know: where models and corpora lie, what retrieval finds
//! for a training question, and how the result is called.

use super::Lab;
use crate::corpus::{Corpus, Entry, Split};
use crate::fault::{Fault, Result};
use crate::finetune::{self, Card, Method, Outcome, Pair, Recipe, Source, Status};
use crate::folder::Folder;
use crate::generate::{self, Checkpoint, Contender};
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

/// The same on several numbers of examples, each a subset of the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// The model to start from: a name, or the path of a folder.
    pub base: String,
    /// The corpus: an id, or the path of a folder. The first one if left out.
    pub corpus: Option<String>,
    /// How many of its training questions, from the first, for each run.
    pub examples: Vec<usize>,
    /// How.
    pub recipe: Recipe,
    /// The folder that the results' folders go into; the lab's models folder if left out.
    pub out: Option<PathBuf>,
    /// What the results' names begin with, before the number of examples; base and corpus if left out.
    pub prefix: Option<String>,
}

/// One run of a grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Which: 1 for the first.
    pub number: usize,
    /// Of how many.
    pub of: usize,
    /// On how many examples.
    pub examples: usize,
    /// Its folder's name.
    pub name: String,
    /// Where it goes.
    pub folder: PathBuf,
}

/// What came of one run of a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Which.
    pub turn: Turn,
    /// Its figures; `None` if it was there, finished with the same recipe, base and corpus.
    pub outcome: Option<Outcome>,
}

/// Where a run reports how far it is: a closure that must not block.
pub type Watch<'a> = &'a (dyn Fn(Status) + Sync);

/// Where a grid reports how far it is: also which run, except for what serves all of them.
pub type WatchGrid<'a> = &'a (dyn Fn(Option<&Turn>, Status) + Sync);

/// What a model is called that nobody has named: `reader-biomedicine-500-seed1`, with `-full` after it where all
/// weights were trained.
pub fn name(base: &str, corpus: &str, examples: usize, recipe: &Recipe) -> String {
    format!("{base}-{corpus}-{examples}{}", marks(recipe))
}

fn marks(recipe: &Recipe) -> String {
    let full = if recipe.method == Method::Full { "-full" } else { "" };
    format!("-seed{}{full}", recipe.seed)
}

/// A base and a corpus, found fit for each other before anything that takes time.
struct Found {
    base: Contender,
    /// How the result's card names the base.
    base_name: String,
    entry: Entry,
    corpus: Corpus,
}

/// The pairs of the largest run, and those to measure on.
struct Pairs {
    training: Vec<Pair>,
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
        let found = self.found(&tuning.base, tuning.corpus.as_deref(), tuning.examples)?;
        let folder = tuning.out.clone().unwrap_or_else(|| {
            let id = &found.corpus.manifest.id;
            self.paths.models().join(name(&found.base.name, id, tuning.examples, &tuning.recipe))
        });
        finetune::refuse_taken(&folder)?;
        let pairs = self.pairs(&found, tuning.examples, &tuning.recipe, watch, cancel)?;
        let outcome = self.train(&found, &pairs, tuning.examples, &tuning.recipe, &folder, watch, cancel)?;
        let registry = self.models.registry();
        let known = registry
            .contenders
            .iter()
            .find(|c| matches!(&c.folder, Folder::Disk(path) if same(path, &folder)))
            .map(|c| c.name.clone());
        let name = known.unwrap_or_else(|| folder.display().to_string());
        Ok(Tuned { name, folder, outcome })
    }

    /// Fine-tunes on each number of examples, one run after the other, the smallest first. A run whose folder is
    /// there, finished with the same recipe, base and corpus, is kept. An interrupted grid goes on when this is called
    /// again with the same one.
    ///
    /// # Errors
    /// As [`Lab::finetune`]; also a [`Fault`] for a folder that is there and is not what the run would make, before
    /// the first run begins.
    pub fn grid(&self, grid: &Grid, watch: WatchGrid<'_>, cancel: &Cancel) -> Result<Vec<Ended>> {
        grid.recipe.check()?;
        let mut sizes = grid.examples.clone();
        sizes.sort_unstable();
        sizes.dedup();
        let Some(most) = sizes.last().copied() else {
            return Err(Fault::new("--examples", "nothing")
                .expected("one number of examples or more, such as 200,500,1000")
                .next("Name the numbers with commas between them.")
                .into());
        };
        let found = self.found(&grid.base, grid.corpus.as_deref(), most)?;
        let turns = self.turns(grid, &sizes, &found);
        let base_digest = generate::digest(&found.base.folder)?;
        let mut missing = Vec::new();
        for turn in &turns {
            missing.push(!self.is_finished(turn, &found, &grid.recipe, &base_digest)?);
        }
        let largest = turns.iter().zip(&missing).filter(|(_, m)| **m).map(|(t, _)| t.examples).max();
        let pairs = match largest {
            Some(n) => Some(self.pairs(&found, n, &grid.recipe, &|s| watch(None, s), cancel)?),
            None => None,
        };
        let mut ended = Vec::new();
        for (turn, missing) in turns.into_iter().zip(missing) {
            let outcome = match pairs.as_ref().filter(|_| missing) {
                Some(pairs) => {
                    let watch = |s| watch(Some(&turn), s);
                    Some(self.train(
                        &found,
                        pairs,
                        turn.examples,
                        &grid.recipe,
                        &turn.folder,
                        &watch,
                        cancel,
                    )?)
                }
                None => None,
            };
            ended.push(Ended { turn, outcome });
        }
        Ok(ended)
    }

    fn turns(&self, grid: &Grid, sizes: &[usize], found: &Found) -> Vec<Turn> {
        let into = grid.out.clone().unwrap_or_else(|| self.paths.models());
        let usual = format!("{}-{}", found.base.name, found.corpus.manifest.id);
        let prefix = grid.prefix.clone().unwrap_or(usual);
        // Among the lab's own models nobody has chosen the name, and it must not be that of another run.
        let marks =
            if grid.out.is_none() && grid.prefix.is_none() { marks(&grid.recipe) } else { String::new() };
        let of = sizes.len();
        let turn = |(n, examples): (usize, &usize)| {
            let name = format!("{prefix}-{examples}{marks}");
            Turn { number: n + 1, of, examples: *examples, folder: into.join(&name), name }
        };
        sizes.iter().enumerate().map(turn).collect()
    }

    /// Whether a turn's result is there.
    fn is_finished(&self, turn: &Turn, found: &Found, recipe: &Recipe, base_digest: &str) -> Result<bool> {
        if turn.folder.symlink_metadata().is_err() {
            return Ok(false);
        }
        let about = self.about(found, turn.examples, recipe);
        let folder = Folder::Disk(turn.folder.clone());
        let differences = finetune::differences(&folder, recipe, &about, base_digest)?;
        if differences.is_empty() {
            return Ok(true);
        }
        Err(Fault::new(turn.folder.display(), format!("a model of another run: {}", differences.join(", ")))
            .expected("nothing, or what this run makes")
            .next("Choose another --out or --name, or move what is there away.")
            .into())
    }

    fn found(&self, base: &str, corpus: Option<&str>, examples: usize) -> Result<Found> {
        let named = base;
        let registry = self.models.registry();
        let base = registry.find(named)?;
        if !base.kind.is_whole() {
            return Err(Fault::new("--base", format!("{}, which is an adapter or a GGUF file", base.name))
                .expected("a model's folder with config.json and safetensors")
                .next("`juxta model list` shows what there is.")
                .into());
        }
        let known = registry.contenders.iter().any(|c| c.name == named);
        let base_name = match &base.folder {
            // Wherever the result is moved to, it finds a base outside the models folder.
            Folder::Disk(path) if !known => {
                path.canonicalize().unwrap_or_else(|_| path.clone()).display().to_string()
            }
            _ => base.name.clone(),
        };
        let entry = self.corpus(corpus)?;
        let corpus = entry.read()?;
        finetune::check(&corpus, examples)?;
        Ok(Found { base, base_name, entry, corpus })
    }

    fn pairs(
        &self,
        found: &Found,
        examples: usize,
        recipe: &Recipe,
        watch: Watch<'_>,
        cancel: &Cancel,
    ) -> Result<Pairs> {
        let report = |p: Progress| watch(Status::Preparing(p));
        let index = self.index(&found.entry, &report, cancel)?;
        let read = Checkpoint::load(&found.base.folder, &found.base.name, &report, cancel)?;
        finetune::check_base(&read.shape, &found.base.name)?;
        let window = read.shape.window();
        let longest = recipe.max_tokens.min(window);
        let source = Source {
            corpus: &found.corpus,
            index: &index,
            length: self.retrieval().length,
            k: self.settings.retrieval.k,
            render: &|messages| read.codec.render(messages),
            fits: &|pair: &Pair| {
                // The end of the turn is one more, and a space before the answer may be another.
                let tokens =
                    read.codec.encode(&pair.prompt)?.len() + read.codec.encode(&pair.answer)?.len() + 2;
                Ok(tokens <= longest)
            },
        };
        let training = finetune::examples(&source, Split::Train, Some(examples), &report, cancel)?;
        let held_out = finetune::examples(&source, Split::Dev, None, &report, cancel)?;
        Ok(Pairs { training, held_out })
    }

    #[expect(clippy::too_many_arguments, reason = "two callers, each with all of them at hand")]
    fn train(
        &self,
        found: &Found,
        pairs: &Pairs,
        examples: usize,
        recipe: &Recipe,
        out: &Path,
        watch: Watch<'_>,
        cancel: &Cancel,
    ) -> Result<Outcome> {
        let about = self.about(found, examples, recipe);
        let training = &pairs.training[..examples];
        let base = &found.base.folder;
        let outcome = finetune::train(base, training, &pairs.held_out, recipe, out, &about, watch, cancel)?;
        self.models.refresh();
        Ok(outcome)
    }

    fn about(&self, found: &Found, examples: usize, recipe: &Recipe) -> Card {
        let Found { base, base_name, corpus, .. } = found;
        let what = match recipe.method {
            Method::Lora => format!("A LoRA adapter of {}", base.name),
            Method::Full => format!("{} with all its weights fine-tuned", base.name),
        };
        Card {
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
            base: base_name.clone(),
            corpus: corpus.manifest.id.clone(),
            corpus_digest: corpus.digest.clone(),
            questions: examples,
            passages: self.settings.retrieval.k,
            passage_words: self.settings.retrieval.passage_words,
            passage_overlap: self.settings.retrieval.passage_overlap,
        }
    }
}

fn same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
