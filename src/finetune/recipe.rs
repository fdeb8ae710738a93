//! How a run trains: what a person can set, with the bounds that make sense.

use super::weights::Projection;
use crate::fault::{Fault, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is trained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Low-rank adapters beside frozen weights.
    #[default]
    Lora,
    /// Every weight.
    Full,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lora => "lora",
            Self::Full => "full",
        })
    }
}

/// How a run trains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// What is trained. Rank, α, targets and dropout are of adapters alone.
    pub method: Method,
    /// The rank r of the adapters.
    pub rank: usize,
    /// The adapters' output is scaled by α / r.
    pub alpha: f64,
    /// The projections that get an adapter, in every block.
    pub targets: Vec<String>,
    /// The share of the adapters' inputs that is dropped in training; 0 is faster.
    pub dropout: f64,
    /// How often each pair is seen.
    pub epochs: usize,
    /// The highest learning rate, after the warm-up.
    pub learning_rate: f64,
    /// The share of the steps in which the learning rate rises to its height; it then falls along a cosine to 0.
    pub warmup_share: f64,
    /// Pairs a step.
    pub accumulate: usize,
    /// The highest norm of a step's gradient; a longer one is shortened to it.
    pub clip: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Decides the first values, the order of the pairs and what is dropped.
    pub seed: u64,
    /// The longest pair, in tokens, prompt and answer and end-of-turn.
    pub max_tokens: usize,
    /// Whether a pair that is longer is left out instead of stopping the run.
    pub skip_long: bool,
    /// After how many steps the run's state is saved, so that an interrupted one goes on from there.
    pub checkpoint_every: usize,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            method: Method::Lora,
            rank: 8,
            alpha: 16.0,
            targets: Projection::ALL.iter().map(|p| p.name().to_owned()).collect(),
            dropout: 0.0,
            epochs: 3,
            learning_rate: 1e-3,
            warmup_share: 0.1,
            accumulate: 8,
            clip: 1.0,
            weight_decay: 0.0,
            seed: 1,
            max_tokens: 640,
            skip_long: false,
            checkpoint_every: 20,
        }
    }
}

/// The settings that only adapters have, in their names in a card.
const OF_ADAPTERS: [&str; 4] = ["rank", "alpha", "targets", "dropout"];

impl Recipe {
    /// The usual settings of a method. All weights at once are moved in smaller steps than adapters, and are held
    /// back by some decay, since they have more room to go astray.
    pub fn usual(method: Method) -> Self {
        match method {
            Method::Lora => Self::default(),
            Method::Full => Self { method, learning_rate: 1e-4, weight_decay: 0.01, ..Self::default() },
        }
    }

    /// What the weights depend on, and nothing that they do not: how often the state is saved, and what a method has
    /// no use for, is set to the usual.
    pub(super) fn essence(&self) -> Self {
        let usual = Self::usual(self.method);
        let mut recipe = Self { checkpoint_every: usual.checkpoint_every, ..self.clone() };
        if self.method == Method::Full {
            let Self { rank, alpha, targets, dropout, .. } = usual;
            recipe = Self { rank, alpha, targets, dropout, ..recipe };
        }
        recipe
    }

    /// As a card tells it, without what the method has no use for.
    ///
    /// # Errors
    /// A [`Fault`] for a number that TOML cannot hold.
    pub(super) fn table(&self) -> Result<toml::Table> {
        let mut table = toml::Table::try_from(self)
            .map_err(|e| Fault::new("recipe", e).expected("settings that fit TOML"))?;
        if self.method == Method::Full {
            OF_ADAPTERS.iter().for_each(|name| {
                table.remove(*name);
            });
        }
        Ok(table)
    }

    /// Checks every value.
    ///
    /// # Errors
    /// A [`Fault`] naming the first setting that is out of bounds.
    pub fn check(&self) -> Result<()> {
        let within = |name: &str, value: f64, low: f64, high: f64| -> Result<()> {
            if value >= low && value <= high {
                return Ok(());
            }
            Err(refused(name, value, format!("{low} to {high}")))
        };
        within("epochs", self.epochs as f64, 1.0, 10_000.0)?;
        within("learning_rate", self.learning_rate, 1e-9, 1.0)?;
        within("warmup_share", self.warmup_share, 0.0, 1.0)?;
        within("accumulate", self.accumulate as f64, 1.0, 100_000.0)?;
        within("clip", self.clip, 1e-6, 1e9)?;
        within("weight_decay", self.weight_decay, 0.0, 1.0)?;
        within("max_tokens", self.max_tokens as f64, 2.0, 1e7)?;
        within("checkpoint_every", self.checkpoint_every as f64, 1.0, 1e9)?;
        if self.method == Method::Full {
            return Ok(());
        }
        within("rank", self.rank as f64, 1.0, 1024.0)?;
        within("alpha", self.alpha, 1e-6, 1e6)?;
        within("dropout", self.dropout, 0.0, 0.9)?;
        if self.targets.is_empty() {
            return Err(refused("targets", "nothing", known()));
        }
        for target in &self.targets {
            if projection(target).is_none() {
                return Err(refused("targets", target, known()));
            }
        }
        Ok(())
    }

    /// The targets in the order of the model, each once; unknown ones are left to [`Recipe::check`].
    pub(super) fn projections(&self) -> Vec<Projection> {
        let mut found: Vec<Projection> = self.targets.iter().filter_map(|t| projection(t)).collect();
        found.sort();
        found.dedup();
        found
    }

    /// The learning rate of step `step` (from 0) of `steps`: linear warm-up, then half a cosine down to 0
    /// (Loshchilov & Hutter 2016, without restarts). The first step already moves.
    pub fn rate(&self, step: usize, steps: usize) -> f64 {
        let warm = (self.warmup_share * steps as f64).ceil();
        let at = step as f64;
        if at < warm {
            return self.learning_rate * (at + 1.0) / warm;
        }
        let share = (at - warm) / (steps as f64 - warm).max(1.0);
        self.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
    }
}

fn projection(name: &str) -> Option<Projection> {
    Projection::ALL.into_iter().find(|p| p.name() == name)
}

fn known() -> String {
    let names: Vec<&str> = Projection::ALL.iter().map(|p| p.name()).collect();
    format!("some of {}", names.join(", "))
}

fn refused(
    name: &str,
    found: impl std::fmt::Display,
    expected: impl std::fmt::Display,
) -> crate::fault::Error {
    Fault::new(name, found).expected(expected).next("Change the setting and start again.").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_in_a_line_and_falls_along_a_cosine() {
        let recipe = Recipe { learning_rate: 1.0, warmup_share: 0.2, ..Recipe::default() };
        let rates: Vec<f64> = (0..10).map(|s| recipe.rate(s, 10)).collect();
        assert_eq!(&rates[..3], [0.5, 1.0, 1.0]);
        assert!(rates.windows(2).skip(2).all(|w| w[0] > w[1]) && rates[9] > 0.0);
        assert!((recipe.rate(6, 10) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn settings_out_of_bounds_are_refused_by_name() {
        let refused = |recipe: Recipe, name: &str| {
            let said = recipe.check().unwrap_err().to_string();
            assert!(said.starts_with(name), "{said}");
        };
        refused(Recipe { rank: 0, ..Recipe::default() }, "rank");
        refused(Recipe { learning_rate: f64::NAN, ..Recipe::default() }, "learning_rate");
        refused(Recipe { dropout: 1.0, ..Recipe::default() }, "dropout");
        refused(Recipe { targets: vec!["lm_head".into()], ..Recipe::default() }, "targets: found lm_head");
        refused(Recipe { targets: vec![], ..Recipe::default() }, "targets");
        Recipe::default().check().unwrap();
    }

    #[test]
    fn what_only_adapters_have_is_no_part_of_full_training() {
        let full = Recipe { rank: 3, checkpoint_every: 7, ..Recipe::usual(Method::Full) };
        full.check().unwrap();
        assert_eq!(full.essence(), Recipe::usual(Method::Full));
        assert!(full.learning_rate < Recipe::default().learning_rate);
        let table = full.table().unwrap();
        assert!(table.contains_key("learning_rate") && !table.contains_key("rank"));
        assert_eq!(table["method"].as_str(), Some("full"));
        assert!(Recipe { rank: 3, ..Recipe::default() }.essence() != Recipe::default());
    }
}
