//! The two contenders of a trial, and the models that are held in memory for them.

use super::trial::{Role, Side};
use crate::fault::{Fault, Result};
use crate::folder::Folder;
use crate::generate::{Contender, Model, Registry, Ways};
use crate::job::{Cancel, Report, memory};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The baseline and the fine-tuned contender.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Side A.
    pub baseline: Contender,
    /// Side B.
    pub tuned: Contender,
}

impl Pair {
    /// From `BASE,TUNED`, names or paths; without it the registry's choice for the corpus.
    ///
    /// # Errors
    /// A [`Fault`] for an unknown model, a pair that is not two names, or a registry without a pair.
    pub fn choose(registry: &Registry, named: Option<&str>, corpus: &str) -> Result<Self> {
        let Some(named) = named else {
            let (baseline, tuned) = registry.default_pair(Some(corpus)).ok_or_else(|| {
                Fault::new("models", "no base model with an adapter of its own")
                    .expected("a baseline and a fine-tuned model")
                    .next("Name two with --pair BASE,TUNED; `juxta model list` shows what there is.")
            })?;
            return Ok(Self { baseline, tuned });
        };
        let names = named.split_once(',').map(|(base, tuned)| (base.trim(), tuned.trim()));
        let Some((base, tuned)) = names.filter(|(base, tuned)| !base.is_empty() && !tuned.is_empty()) else {
            return Err(Fault::new("--pair", format!("{named:?}"))
                .expected("two names with a comma between them, the baseline first")
                .next("For instance --pair reader,reader-biomedicine; `juxta model list` shows the names.")
                .into());
        };
        Ok(Self { baseline: registry.find(base)?, tuned: registry.find(tuned)? })
    }

    /// The contender of a side.
    pub fn of(&self, side: Side) -> &Contender {
        match side {
            Side::A => &self.baseline,
            Side::B => &self.tuned,
        }
    }

    /// The part a side plays.
    pub fn role(side: Side) -> Role {
        match side {
            Side::A => Role::Baseline,
            Side::B => Role::FineTuned,
        }
    }
}

/// Which models there are, and those in memory: the few used last.
#[derive(Debug)]
pub struct Models {
    /// The person's own models.
    folder: Option<PathBuf>,
    registry: RwLock<Arc<Registry>>,
    ways: RwLock<Ways>,
    loaded: Mutex<Vec<Loaded>>,
}

/// A model in memory. A path names a model as well as a name does, so both tell it from others.
#[derive(Debug)]
struct Loaded {
    name: String,
    folder: Folder,
    model: Arc<Model>,
}

/// How many models stay in memory: a pair, and the one used before.
const KEPT: usize = 3;

impl Models {
    /// Those of the bundle and directly below `folder`, as [`Registry::discover`]; none loaded yet.
    pub fn discover(folder: Option<&Path>) -> Self {
        let registry = RwLock::new(Arc::new(Registry::discover(folder)));
        Self {
            folder: folder.map(Path::to_owned),
            registry,
            ways: RwLock::default(),
            loaded: Mutex::default(),
        }
    }

    /// How models are computed that are loaded from here on.
    pub fn ways(&self) -> Ways {
        *self.ways.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has models computed in these ways. Those in memory that were loaded in others are let go.
    pub fn set_ways(&self, ways: Ways) {
        let mut held = self.held();
        let mut now = self.ways.write().unwrap_or_else(PoisonError::into_inner);
        if *now != ways {
            *now = ways;
            held.clear();
        }
    }

    /// What contenders there are, as of the last look.
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks again: what was made since is there, and what was taken away is not. Models of the person's own are
    /// read anew when they are asked next, since another may have come under the name of an old one.
    pub fn refresh(&self) -> Arc<Registry> {
        let found = Arc::new(Registry::discover(self.folder.as_deref()));
        *self.registry.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&found);
        self.held().retain(|loaded| matches!(loaded.folder, Folder::Bundled(_)));
        found
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Vec<Loaded>> {
        // A thread that panicked while it held the list cannot have left it half-changed.
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model of a contender, loaded if it is not in memory.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn get(&self, contender: &Contender, report: Report<'_>, cancel: &Cancel) -> Result<Arc<Model>> {
        {
            let mut loaded = self.held();
            let same = |l: &Loaded| l.name == contender.name && l.folder == contender.folder;
            if let Some(at) = loaded.iter().position(same) {
                let found = loaded.remove(at);
                let model = Arc::clone(&found.model);
                loaded.push(found);
                return Ok(model);
            }
        }
        memory::give_back();
        let model = Arc::new(Model::load_in(self.ways(), contender, &self.registry(), report, cancel)?);
        memory::give_back();
        let mut loaded = self.held();
        loaded.push(Loaded {
            name: contender.name.clone(),
            folder: contender.folder.clone(),
            model: Arc::clone(&model),
        });
        if loaded.len() > KEPT {
            loaded.remove(0);
        }
        Ok(model)
    }
}
