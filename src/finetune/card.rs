//! The folder that a run leaves: a PEFT adapter that Hugging Face loads, and cards that say where it comes from.

use super::checkpoint::{packed, save};
use super::lora::Lora;
use super::recipe::Recipe;
use super::run::Outcome;
use crate::fault::{Fault, Result};
use serde::Serialize;
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

/// What the adapter is, as the one who asks for it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// A name for people.
    pub title: String,
    /// One or two sentences.
    pub description: String,
    /// The licence of the adapter: what base and corpus allow.
    pub licence: String,
    /// The base's name or path, as `base_model_name_or_path` will say.
    pub base: String,
    /// The corpus whose training questions the pairs were made from.
    pub corpus: String,
    /// Its digest.
    pub corpus_digest: String,
}

/// `model.toml`.
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    title: &'a str,
    description: &'a str,
    licence: &'a str,
    base: &'a str,
    /// As [`crate::generate::digest`] gives it: what the loader compares.
    base_digest: &'a str,
    corpus_digest: &'a str,
    trained_on: TrainedOn<'a>,
    training: &'a Recipe,
    result: Figures,
}

#[derive(Debug, Serialize)]
struct TrainedOn<'a> {
    corpus: &'a str,
    examples: usize,
}

#[derive(Debug, Serialize)]
struct Figures {
    steps: usize,
    tokens: u64,
    last_loss: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_out_before: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_out_after: Option<f32>,
}

/// Writes the folder within `part` and moves it to `out` in one step. Times are left out, so that the same run
/// makes the same bytes.
///
/// # Errors
/// A [`Fault`] if something cannot be written; then there is no `out`.
pub(super) fn write(
    part: &Path,
    out: &Path,
    lora: &Lora,
    recipe: &Recipe,
    about: &Card,
    base_digest: &str,
    outcome: &Outcome,
) -> Result<()> {
    let folder = part.join("adapter");
    std::fs::create_dir_all(&folder).map_err(|e| Fault::io(&folder, "make", &e))?;
    let slots = lora.slots();
    let tensors: Vec<_> =
        slots.iter().map(|s| (s.name.clone(), s.dims.to_vec(), &lora.values[s.range.clone()])).collect();
    let weights = packed(&tensors, HashMap::from([("format".to_owned(), "pt".to_owned())]))?;
    save(&folder.join("adapter_model.safetensors"), &weights)?;
    save(&folder.join("adapter_config.json"), config(recipe, about).as_bytes())?;
    let manifest = Manifest {
        title: &about.title,
        description: &about.description,
        licence: &about.licence,
        base: &about.base,
        base_digest,
        corpus_digest: &about.corpus_digest,
        trained_on: TrainedOn { corpus: &about.corpus, examples: outcome.examples },
        training: recipe,
        result: Figures {
            steps: outcome.steps,
            tokens: outcome.tokens,
            last_loss: tail_mean(&outcome.losses),
            held_out_before: outcome.held_out.map(|h| h.before),
            held_out_after: outcome.held_out.map(|h| h.after),
        },
    };
    let manifest = toml::to_string(&manifest)
        .map_err(|e| Fault::new("model.toml", e).expected("a card that fits TOML"))?;
    save(&folder.join("model.toml"), manifest.as_bytes())?;
    save(&folder.join("README.md"), readme(recipe, about, base_digest, outcome).as_bytes())?;
    std::fs::rename(&folder, out).map_err(|e| Fault::io(out, "move the finished adapter to", &e).into())
}

/// The mean of the last tenth of the losses: a single step's is mostly noise.
fn tail_mean(losses: &[f32]) -> f32 {
    let tail = &losses[losses.len() - losses.len().div_ceil(10)..];
    tail.iter().sum::<f32>() / tail.len().max(1) as f32
}

fn config(recipe: &Recipe, about: &Card) -> String {
    let targets: Vec<&str> = recipe.projections().iter().map(|p| p.name()).collect();
    let config = serde_json::json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": about.base,
        "r": recipe.rank,
        "lora_alpha": recipe.alpha,
        "lora_dropout": recipe.dropout,
        "target_modules": targets,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "modules_to_save": null,
        "layers_to_transform": null,
        "layers_pattern": null,
        "rank_pattern": {},
        "alpha_pattern": {},
        "use_rslora": false,
        "use_dora": false,
        "revision": null
    });
    format!("{config:#}\n")
}

fn readme(recipe: &Recipe, about: &Card, base_digest: &str, outcome: &Outcome) -> String {
    let mut text = format!(
        "---\nlibrary_name: peft\nbase_model: {base}\npipeline_tag: text-generation\ntags: [lora, juxta]\n---\n\
         # {title}\n\n{description}\n\n\
         | | |\n|---|---|\n\
         | base | {base}, weights with digest `{base_digest}` |\n\
         | corpus | {corpus}, digest `{corpus_digest}` |\n\
         | examples | {examples} |\n\
         | licence | {licence} |\n\
         | adapter | LoRA, rank {rank}, alpha {alpha}, dropout {dropout}, on {targets} |\n\
         | training | {epochs} epochs, {steps} steps of {accumulate} pairs, {tokens} tokens, learning rate {rate} \
         (warm-up {warmup} of the steps, then a cosine to 0), AdamW with weight decay {decay}, gradient norm up to \
         {clip}, seed {seed} |\n",
        base = about.base,
        title = about.title,
        description = about.description,
        corpus = about.corpus,
        corpus_digest = about.corpus_digest,
        examples = outcome.examples,
        licence = about.licence,
        rank = recipe.rank,
        alpha = recipe.alpha,
        dropout = recipe.dropout,
        targets = recipe.projections().iter().map(|p| p.name()).collect::<Vec<_>>().join(", "),
        epochs = recipe.epochs,
        steps = outcome.steps,
        accumulate = recipe.accumulate,
        tokens = outcome.tokens,
        rate = recipe.learning_rate,
        warmup = recipe.warmup_share,
        decay = recipe.weight_decay,
        clip = recipe.clip,
        seed = recipe.seed,
    );
    text +=
        "\nThe prompt holds retrieved passages; the loss is on the answer's tokens alone, in nats a token.\n";
    if let Some(held_out) = outcome.held_out {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n## Held-out loss\nBefore {:.4}, after {:.4}, on {} pairs that were not trained on.\n",
            held_out.before, held_out.after, held_out.pairs
        );
    }
    text += "\n## Training loss\n| steps | mean loss |\n|---|---|\n";
    let width = outcome.losses.len().div_ceil(10).max(1);
    for (i, losses) in outcome.losses.chunks(width).enumerate() {
        let mean = losses.iter().sum::<f32>() / losses.len() as f32;
        let first = i * width + 1;
        let _ = writeln!(text, "| {first}–{} | {mean:.4} |", first + losses.len() - 1);
    }
    text
}
