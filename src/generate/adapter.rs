//! PEFT LoRA adapters: read, checked, and merged into a base model's weights.
//!
//! W' = W + s·B·A with s = alpha / r, or alpha / √r with rank-stabilised scaling (Hu et al. 2021, arXiv
//! 2106.09685; Kalajdzievski 2023, arXiv 2312.03732). Modules in `modules_to_save` replace the base's. Merged in
//! f32, so that the twin runs at the base's speed. Whatever PEFT can do beyond this changes the numbers and is
//! refused by its name.

use super::checkpoint::{self, Checkpoint};
use super::codec::Codec;
use super::settings::Settings;
use super::shape::Shape;
use super::weights::Listing;
use crate::fault::{Fault, Result};
use crate::folder::Folder;
use crate::job::{Cancel, Progress, Report};
use candle_core::Tensor;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The settings of an adapter.
pub(super) const CONFIG: &str = "adapter_config.json";
const FILE: &str = "adapter_model.safetensors";
/// What PEFT puts before the names of the base's modules.
const PREFIX: &str = "base_model.model.";

/// Settings that do not change what a finished adapter computes.
const HARMLESS: [&str; 12] = [
    "auto_mapping",
    "base_model_class",
    "base_model_name_or_path",
    "eva_config",
    "exclude_modules",
    "inference_mode",
    "lora_dropout",
    "megatron_core",
    "parent_library",
    "peft_version",
    "qalora_group_size",
    "revision",
];
/// Settings that are read here.
const READ: [&str; 13] = [
    "alpha_pattern",
    "bias",
    "init_lora_weights",
    "layers_pattern",
    "layers_to_transform",
    "lora_alpha",
    "modules_to_save",
    "peft_type",
    "r",
    "rank_pattern",
    "target_modules",
    "task_type",
    "use_rslora",
];
/// Stands for every linear layer within the blocks.
const ALL_LINEAR: &str = "all-linear";

/// An adapter's settings, checked.
#[derive(Debug)]
pub(super) struct Adapter {
    folder: Folder,
    place: String,
    rank: usize,
    alpha: f64,
    rank_stabilised: bool,
    targets: Vec<String>,
    layers: Option<BTreeSet<usize>>,
    saved: Vec<String>,
    ranks: Vec<(String, usize)>,
    alphas: Vec<(String, f64)>,
}

/// The name or path of the model that the adapter in `folder` is for.
pub(super) fn base_of(folder: &Folder) -> Result<String> {
    let settings = Settings::read(folder, CONFIG)?;
    match settings.text("base_model_name_or_path")? {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(Fault::new(&settings.place, "no base_model_name_or_path")
            .expected("the name or path of the model that the adapter is for")
            .next("Add it to the file.")
            .into()),
    }
}

/// BLAKE3 over an adapter's settings and weights, as hex: its scale stands in its settings.
pub(super) fn digest(folder: &Folder) -> Result<String> {
    folder.digest_of(&[CONFIG.to_owned(), FILE.to_owned()])
}

impl Adapter {
    /// Reads adapter_config.json.
    pub(super) fn read(folder: &Folder) -> Result<Self> {
        let s = Settings::read(folder, CONFIG)?;
        match s.text("peft_type")? {
            Some("LORA") => {}
            other => return Err(s.refuse("peft_type", format!("{other:?}"), "\"LORA\"")),
        }
        match s.text("task_type")? {
            None | Some("CAUSAL_LM") => {}
            Some(other) => return Err(s.refuse("task_type", format!("{other:?}"), "\"CAUSAL_LM\"")),
        }
        match s.text("bias")? {
            None | Some("none") => {}
            Some(other) => return Err(s.refuse("bias", format!("{other:?}"), "\"none\"")),
        }
        match s.get("init_lora_weights") {
            None | Some(Value::Bool(_)) => {}
            Some(Value::String(name)) if ["gaussian", "orthogonal", "eva"].contains(&name.as_str()) => {}
            // PiSSA, OLoRA, LoftQ and CorDA train against a base whose weights they have changed.
            Some(other) => {
                return Err(s.refuse(
                    "init_lora_weights",
                    other,
                    "an initialisation that leaves the base as it is",
                ));
            }
        }
        let idle = |v: &Value| match v {
            Value::Null | Value::Bool(false) => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        if let Some((key, value)) =
            s.iter().find(|(k, v)| !HARMLESS.contains(k) && !READ.contains(k) && !idle(v))
        {
            return Err(s.refuse(key, value, "no such setting, or null or false: juxta does not do this"));
        }
        if s.text("layers_pattern").is_err() || s.text("layers_pattern")?.is_some_and(|p| p != "layers") {
            return Err(s.refuse("layers_pattern", "another pattern", "null or \"layers\""));
        }
        Ok(Self {
            folder: folder.clone(),
            rank: s.count("r")?,
            alpha: s.number("lora_alpha")?.unwrap_or(8.0),
            rank_stabilised: s.flag("use_rslora")?.unwrap_or(false),
            targets: targets(&s)?,
            layers: layers(&s)?,
            saved: names(&s, "modules_to_save")?,
            ranks: pattern(&s, "rank_pattern", |v| {
                v.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0)
            })?,
            alphas: pattern(&s, "alpha_pattern", Value::as_f64)?,
            place: s.place,
        })
    }

    /// Adds the adapter to the base's weights. Looks at `cancel` between two modules.
    pub(super) fn merge(
        &self,
        base: &mut Checkpoint,
        name: &str,
        report: Report,
        cancel: &Cancel,
    ) -> Result<()> {
        let mut changes = self.changes(&base.shape)?;
        if changes.part_embedding_and_head() {
            base.untie();
        }
        let modules: Vec<String> = changes.plan.keys().cloned().collect();
        for (n, module) in modules.iter().enumerate() {
            cancel.check()?;
            report(Progress {
                doing: format!("merging {name}"),
                done: n as u64,
                total: modules.len() as u64,
            });
            let weight = format!("{module}.weight");
            let Some(old) = base.weights.get(&weight) else { continue };
            let new = changes.apply(module, old)?;
            base.weights.set(weight, new);
        }
        Ok(())
    }

    /// What it does to each module of a base of this shape, every name and shape checked.
    pub(super) fn changes(&self, base: &Shape) -> Result<Changes> {
        let listing = Listing::open(&self.folder, &[FILE.to_owned()])?;
        let plan = self.plan(base, &listing)?;
        Ok(Changes { listing, plan: plan.into_iter().map(|step| (step.module.clone(), step)).collect() })
    }

    /// The halves that are added to each module's product, read and checked against a base of this shape; `None` where it
    /// does more than add to linear layers: where it replaces weights, or changes embeddings or head.
    pub(super) fn halves(&self, base: &Shape) -> Result<Option<HalvesOf>> {
        let listing = Listing::open(&self.folder, &[FILE.to_owned()])?;
        let mut plan = Vec::new();
        for Step { module, replaced, lora } in self.plan(base, &listing)? {
            match lora {
                Some(lora) if replaced.is_none() && layer_of(&module).is_some() => plan.push((module, lora)),
                _ => return Ok(None),
            }
        }
        Ok(Some(HalvesOf { listing, plan: plan.into_iter() }))
    }

    /// The fault of an adapter that the engine has no place for.
    pub(super) fn cannot(&self, what: &str) -> crate::fault::Error {
        self.refused(what.to_owned(), "an adapter of the linear layers of its base".to_owned())
    }

    /// What is to be done to which module, with every name and shape checked against the base.
    fn plan(&self, shape: &Shape, listing: &Listing) -> Result<Vec<Step>> {
        let layers = shape.layers;
        let mut shapes: BTreeMap<String, [usize; 2]> = shape
            .tensors()
            .filter_map(|(name, dims)| {
                Some((name.strip_suffix(".weight")?.to_owned(), dims.try_into().ok()?))
            })
            .collect();
        shapes.insert("lm_head".to_owned(), [shape.vocabulary, shape.hidden]);
        if let Some(layer) = self.layers.as_ref().and_then(|l| l.iter().find(|n| **n >= layers)) {
            return Err(self.refused(
                format!("layers_to_transform with layer {layer}"),
                format!("layers below {layers}"),
            ));
        }
        let mut used = BTreeSet::new();
        let mut steps = Vec::new();
        for target in self.targets.iter().chain(&self.saved) {
            if target != ALL_LINEAR && !shapes.keys().any(|module| ends_with(module, target)) {
                let last = |module: &String| module.rsplit('.').next().unwrap_or(module).to_owned();
                let known: BTreeSet<String> = shapes.keys().map(last).collect();
                let known: Vec<String> = known.into_iter().collect();
                return Err(self.refused(
                    format!("the module {target}"),
                    format!("modules of a {} model: {}", shape.family, known.join(", ")),
                ));
            }
        }
        for (module, [out, inner]) in &shapes {
            let replaced = self.replaced(module, listing);
            if let Some(tensor) = &replaced {
                fits(listing, tensor, &[*out, *inner])?;
                used.insert(tensor.clone());
            } else if self.saved.iter().any(|s| ends_with(module, s)) {
                fits(listing, &format!("{PREFIX}{module}.weight"), &[*out, *inner])?;
            }
            let lora = self.is_target(module).then(|| self.lora(module));
            if let Some(lora) = &lora {
                // An embedding's halves are the other way round: A is [r, vocabulary], B is [hidden, r].
                let (from, to) = if lora.embedding { (*out, *inner) } else { (*inner, *out) };
                fits(listing, &lora.a, &[lora.rank, from])?;
                fits(listing, &lora.b, &[to, lora.rank])?;
                used.extend([lora.a.clone(), lora.b.clone()]);
            }
            if lora.is_some() || replaced.is_some() {
                steps.push(Step { module: module.clone(), replaced, lora });
            }
        }
        match listing.names().find(|name| !used.contains(*name)) {
            None => Ok(steps),
            Some(name) => Err(Fault::new(listing.place(name), format!("the tensor {name}"))
                .expected("only tensors of the modules that adapter_config.json names")
                .next("Save the adapter again with PEFT, or remove what juxta does not know.")
                .into()),
        }
    }

    /// The tensor that takes the place of `module`'s weight, if the file has one.
    fn replaced(&self, module: &str, listing: &Listing) -> Option<String> {
        [".weight", ".modules_to_save.weight", ".base_layer.weight", ".modules_to_save.default.weight"]
            .into_iter()
            .map(|end| format!("{PREFIX}{module}{end}"))
            .find(|name| listing.shape(name).is_some())
    }

    fn is_target(&self, module: &str) -> bool {
        let within = layer_of(module).is_some();
        let aimed = |target: &String| ends_with(module, target) || (target == ALL_LINEAR && within);
        if !self.targets.iter().any(aimed) {
            return false;
        }
        match (&self.layers, layer_of(module)) {
            (None, _) => true,
            (Some(layers), Some(layer)) => layers.contains(&layer),
            (Some(_), None) => false,
        }
    }

    fn lora(&self, module: &str) -> Lora {
        let rank = find(&self.ranks, module).unwrap_or(self.rank);
        let alpha = find(&self.alphas, module).unwrap_or(self.alpha);
        let divisor = if self.rank_stabilised { (rank as f64).sqrt() } else { rank as f64 };
        let embedding = module == "model.embed_tokens";
        let name = |half: &str| match embedding {
            true => format!("{PREFIX}{module}.lora_embedding_{half}"),
            false => format!("{PREFIX}{module}.lora_{half}.weight"),
        };
        Lora { a: name("A"), b: name("B"), rank, scale: alpha / divisor, embedding }
    }

    fn refused(&self, found: String, expected: String) -> crate::fault::Error {
        Fault::new(&self.place, found)
            .expected(expected)
            .next("Check that the adapter is for this base, or train it again without what juxta does not know.")
            .into()
    }

    /// The types of its numbers.
    pub(super) fn types(&self) -> Result<String> {
        Ok(Listing::open(&self.folder, &[FILE.to_owned()])?.types())
    }

    /// That it can be added to a base of this shape.
    pub(super) fn check_shapes(&self, base: &Shape) -> Result<()> {
        let listing = Listing::open(&self.folder, &[FILE.to_owned()])?;
        self.plan(base, &listing).map(|_| ())
    }

    /// That the base is the one the adapter was trained on, as far as its card says.
    pub(super) fn check_base(&self, expected: &str, base: &Folder, base_name: &str) -> Result<String> {
        let found = checkpoint::digest(base)?;
        if found == expected {
            return Ok(found);
        }
        let short = |digest: &str| digest.chars().take(12).collect::<String>();
        Err(Fault::new(
            self.folder.place(super::card::CARD),
            format!(
                "an adapter for another base: weights {}…, where {base_name} has {}…",
                short(expected),
                short(&found)
            ),
        )
        .expected(format!("an adapter trained on {base_name} as it is now"))
        .next("Put back the base that the adapter was trained on, or train the adapter again.")
        .into())
    }
}

/// That an adapter's own tokenizer reads texts as its base does: its weights were trained on the ids of one of them.
pub(super) fn same_tokens(own: &Codec, base: &Codec, base_name: &str) -> Result<()> {
    match own.differs_from(base) {
        None => Ok(()),
        Some(token) => Err(Fault::new(own.place(), format!("a tokenizer with the token {token}"))
            .expected(format!("the tokens of its base {base_name}"))
            .next("Name the base that the adapter was trained on with --base, or remove its tokenizer files.")
            .into()),
    }
}

/// What an adapter does to the modules of one base.
pub(super) struct Changes {
    listing: Listing,
    plan: BTreeMap<String, Step>,
}

impl Changes {
    /// Whether the weight of `module` is another one with the adapter.
    pub(super) fn touch(&self, module: &str) -> bool {
        self.plan.contains_key(module)
    }

    /// Whether embedding and head are no longer the same numbers, where the base has them so: PEFT leaves the other half of
    /// tied embeddings as it was.
    pub(super) fn part_embedding_and_head(&self) -> bool {
        self.touch("lm_head") || self.touch("model.embed_tokens")
    }

    /// The weight of `module` with the adapter, from `old`, the base's, in f32 and with rows as Hugging Face has them.
    pub(super) fn apply(&mut self, module: &str, old: &Tensor) -> Result<Tensor> {
        let Some(step) = self.plan.get(module) else { return Ok(old.clone()) };
        let old = match &step.replaced {
            Some(tensor) => self.listing.read(tensor)?,
            None => old.clone(),
        };
        let Some(lora) = &step.lora else { return Ok(old) };
        let (a, b) = (self.listing.read(&lora.a)?, self.listing.read(&lora.b)?);
        merged(&old, &a, &b, lora).map_err(|e| {
            Fault::new(self.listing.place(&lora.a), format!("{module}: {e}"))
                .expected("an adapter that can be added to the base")
                .next("Train the adapter again.")
                .into()
        })
    }
}

/// What an adapter adds to one module's product: s · B (A x).
pub(super) struct Halves {
    /// `model.layers.0.self_attn.q_proj`, for instance.
    pub(super) module: String,
    /// A, `[rank, in]`.
    pub(super) a: Tensor,
    /// B, `[out, rank]`.
    pub(super) b: Tensor,
    pub(super) rank: usize,
    /// s.
    pub(super) scale: f64,
}

/// The halves of all modules, each read when its turn comes.
pub(super) struct HalvesOf {
    listing: Listing,
    plan: std::vec::IntoIter<(String, Lora)>,
}

impl Iterator for HalvesOf {
    type Item = Result<Halves>;

    fn next(&mut self) -> Option<Self::Item> {
        let (module, lora) = self.plan.next()?;
        let mut read = |name: &str| self.listing.read(name);
        let halves = read(&lora.a).and_then(|a| Ok((a, read(&lora.b)?)));
        Some(halves.map(|(a, b)| Halves { module, a, b, rank: lora.rank, scale: lora.scale }))
    }
}

/// What is done to one module.
struct Step {
    module: String,
    replaced: Option<String>,
    lora: Option<Lora>,
}

struct Lora {
    a: String,
    b: String,
    rank: usize,
    scale: f64,
    embedding: bool,
}

fn merged(old: &Tensor, a: &Tensor, b: &Tensor, lora: &Lora) -> candle_core::Result<Tensor> {
    let product = b.matmul(a)?;
    let product = if lora.embedding { product.t()? } else { product };
    old + (product * lora.scale)?
}

/// That a tensor is as the base and the settings have it.
fn fits(listing: &Listing, name: &str, expected: &[usize]) -> Result<()> {
    listing.expect(name, expected).map_err(|error| match error {
        crate::fault::Error::Fault(fault) => {
            let next = "Check that the adapter is for this base (--base names another), and copy it again.";
            (*fault).next(next).into()
        }
        other => other,
    })
}

/// Whether `module` is `name` or ends with it as a whole part: PEFT's own rule for lists.
fn ends_with(module: &str, name: &str) -> bool {
    module == name || module.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
}

fn layer_of(module: &str) -> Option<usize> {
    module.strip_prefix("model.layers.")?.split('.').next()?.parse().ok()
}

/// The value of the first pattern that `module` matches, in the order of the file.
fn find<T: Copy>(patterns: &[(String, T)], module: &str) -> Option<T> {
    let matches = |pattern: &str| match pattern.strip_prefix('^') {
        Some(whole) => module == whole,
        None => ends_with(module, pattern),
    };
    patterns.iter().find(|(pattern, _)| matches(pattern)).map(|(_, value)| *value)
}

fn targets(s: &Settings) -> Result<Vec<String>> {
    match s.get("target_modules") {
        Some(Value::String(all)) if all == ALL_LINEAR => Ok(vec![all.clone()]),
        Some(Value::String(pattern)) => Err(s.refuse(
            "target_modules",
            format!("{pattern:?}"),
            "a list of module names, or \"all-linear\"",
        )),
        _ => names(s, "target_modules"),
    }
}

fn names(s: &Settings, key: &str) -> Result<Vec<String>> {
    let Some(value) = s.get(key) else { return Ok(Vec::new()) };
    let names: Option<Vec<String>> =
        value.as_array().and_then(|list| list.iter().map(|v| v.as_str().map(str::to_owned)).collect());
    names.ok_or_else(|| s.refuse(key, value, "a list of module names"))
}

fn layers(s: &Settings) -> Result<Option<BTreeSet<usize>>> {
    let Some(value) = s.get("layers_to_transform") else { return Ok(None) };
    let number = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
    let layers: Option<BTreeSet<usize>> = match value {
        Value::Array(list) => list.iter().map(number).collect(),
        one => number(one).map(|n| BTreeSet::from([n])),
    };
    layers
        .map(Some)
        .ok_or_else(|| s.refuse("layers_to_transform", value, "a layer's number, or a list of them"))
}

/// `rank_pattern` or `alpha_pattern`: from module names to values. PEFT takes the names as regular expressions;
/// plain names (with `^` for a whole one) are what people write, and the rest is refused.
fn pattern<T>(s: &Settings, key: &str, value: impl Fn(&Value) -> Option<T>) -> Result<Vec<(String, T)>> {
    let Some(map) = s.get(key) else { return Ok(Vec::new()) };
    let Some(map) = map.as_object() else {
        return Err(s.refuse(key, map, "an object from module names to numbers"));
    };
    map.iter()
        .map(|(name, v)| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
            if !name.strip_prefix('^').unwrap_or(name).chars().all(plain) {
                return Err(s.refuse(key, format!("{name:?}"), "plain module names, no regular expressions"));
            }
            match value(v) {
                Some(value) => Ok((name.clone(), value)),
                None => Err(s.refuse(key, format!("{name:?}: {v}"), "a number above 0 for each module")),
            }
        })
        .collect()
}
