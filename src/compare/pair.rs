//! The two contenders of a trial, and the models that are held in memory for them.

use super::trial::{Role, Side};
use crate::fault::{Fault, Result};
use crate::generate::{Contender, Model, Registry};
use crate::job::{Cancel, Report};
use std::sync::{Arc, Mutex, PoisonError};

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

/// Models in memory, by the name of their contender: the few used last.
#[derive(Debug)]
pub struct Models {
    registry: Registry,
    loaded: Mutex<Vec<(String, Arc<Model>)>>,
}

/// How many models stay in memory: a pair, and the one used before.
const KEPT: usize = 3;

impl Models {
    /// None loaded yet.
    pub fn new(registry: Registry) -> Self {
        Self { registry, loaded: Mutex::default() }
    }

    /// What contenders there are.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The model of a contender, loaded if it is not in memory.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn get(&self, contender: &Contender, report: Report<'_>, cancel: &Cancel) -> Result<Arc<Model>> {
        // A thread that panicked while it held the list cannot have left it half-changed.
        let held = || self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        // A path names a model as well as a name does, so both make the key.
        let key = format!("{}\u{0}{:?}", contender.name, contender.folder);
        {
            let mut loaded = held();
            if let Some(at) = loaded.iter().position(|(name, _)| *name == key) {
                let found = loaded.remove(at);
                let model = Arc::clone(&found.1);
                loaded.push(found);
                return Ok(model);
            }
        }
        let model = Arc::new(Model::load(contender, &self.registry, report, cancel)?);
        let mut loaded = held();
        loaded.push((key, Arc::clone(&model)));
        if loaded.len() > KEPT {
            loaded.remove(0);
        }
        Ok(model)
    }
}
