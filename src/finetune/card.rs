//! The folder that a run leaves: a PEFT adapter or a model that Hugging Face loads, and cards that say where it comes
//! from.

use super::checkpoint::{Floats, save, save_tensors};
use super::full::Full;
use super::lora::Lora;
use super::recipe::{Method, Recipe};
use super::run::Outcome;
use super::trained::Trained;
use crate::fault::{Fault, Result};
use crate::folder::Folder;
use crate::generate;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// What beside the weights makes a folder a model, in Hugging Face's names: copied from the base as it is.
const COMPANIONS: [&str; 10] = [
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
];

/// What the result is, as the one who asks for it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// A name for people.
    pub title: String,
    /// One or two sentences.
    pub description: String,
    /// The licence of the result: what base and corpus allow.
    pub licence: String,
    /// The base's name or path, as `base_model_name_or_path` will say.
    pub base: String,
    /// The corpus whose training questions the pairs were made from.
    pub corpus: String,
    /// Its digest.
    pub corpus_digest: String,
    /// How many of its training questions were asked for, from the first.
    pub questions: usize,
    /// How many passages a prompt holds, as far as they fit.
    pub passages: usize,
    /// The most words of a passage.
    pub passage_words: usize,
    /// The most of them that are of the passage before.
    pub passage_overlap: usize,
}

/// A run at its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finished<'a> {
    pub base: &'a Folder,
    /// As [`generate::digest`] gives it: what the loader compares.
    pub base_digest: &'a str,
    pub recipe: &'a Recipe,
    pub about: &'a Card,
    pub outcome: &'a Outcome,
}

/// `model.toml`, as [`generate::Card`] reads it.
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    title: &'a str,
    description: &'a str,
    licence: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_tokens: Option<usize>,
    base: &'a str,
    base_digest: &'a str,
    corpus_digest: &'a str,
    trained_on: TrainedOn<'a>,
    training: toml::Table,
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
    answers_begin_with_space: bool,
    tokens: u64,
    last_loss: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_out_before: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_out_after: Option<f32>,
}

/// Writes a PEFT folder within `part` and moves it to `out` in one step. Times are left out, so that the same run makes
/// the same bytes.
///
/// # Errors
/// A [`Fault`] if something cannot be written; then there is no `out`.
pub(super) fn write_adapter(part: &Path, out: &Path, lora: &Lora, finished: &Finished<'_>) -> Result<()> {
    let folder = begin(part)?;
    weights(&folder.join("adapter_model.safetensors"), lora)?;
    save(&folder.join("adapter_config.json"), config(finished.recipe, finished.about).as_bytes())?;
    // An adapter's window is its base's.
    end(&folder, out, finished, None)
}

/// Writes a model's folder within `part` and moves it to `out` in one step. The weights are in f32, as they were
/// trained: rounded to bf16, whose steps at 0.03 are 0.0001, they would lose much of what a few hundred small steps
/// have changed, and their logits would not be those of what was trained.
///
/// # Errors
/// As [`write_adapter`].
pub(super) fn write_model(part: &Path, out: &Path, full: &Full, finished: &Finished<'_>) -> Result<()> {
    let folder = begin(part)?;
    weights(&folder.join("model.safetensors"), full)?;
    let file = "config.json";
    let mut config: serde_json::Value = serde_json::from_str(&finished.base.read_text(file)?)
        .map_err(|e| Fault::new(finished.base.place(file), e).expected("a model's settings in JSON"))?;
    // Said as the weights now are, whatever the base's files left to be guessed.
    for key in ["dtype", "torch_dtype"] {
        if config.get(key).is_some() {
            config[key] = "float32".into();
        }
    }
    config["tie_word_embeddings"] = full.tied().into();
    save(&folder.join(file), format!("{config:#}\n").as_bytes())?;
    for file in COMPANIONS.iter().filter(|file| finished.base.has(file)) {
        save(&folder.join(file), &finished.base.read(file)?)?;
    }
    end(&folder, out, finished, generate::Card::read(finished.base)?.context_tokens)
}

fn begin(part: &Path) -> Result<std::path::PathBuf> {
    let folder = part.join("result");
    std::fs::create_dir_all(&folder).map_err(|e| Fault::io(&folder, "make", &e))?;
    Ok(folder)
}

fn weights(path: &Path, trained: &impl Trained) -> Result<()> {
    let slots = trained.slots();
    let tensors: Vec<Floats<'_>> = slots
        .iter()
        .map(|s| Floats { name: &s.name, dims: &s.dims, data: &trained.values()[s.range.clone()] })
        .collect();
    save_tensors(path, &tensors, &BTreeMap::from([("format".to_owned(), "pt".to_owned())]))
}

fn end(folder: &Path, out: &Path, finished: &Finished<'_>, context_tokens: Option<usize>) -> Result<()> {
    let Finished { base_digest, recipe, about, outcome, .. } = *finished;
    let manifest = Manifest {
        title: &about.title,
        description: &about.description,
        licence: &about.licence,
        context_tokens,
        base: &about.base,
        base_digest,
        corpus_digest: &about.corpus_digest,
        trained_on: TrainedOn { corpus: &about.corpus, examples: outcome.examples },
        training: training(recipe, about)?,
        result: Figures {
            steps: outcome.steps,
            answers_begin_with_space: outcome.spaced,
            tokens: outcome.tokens,
            last_loss: tail_mean(&outcome.losses),
            held_out_before: outcome.held_out.map(|h| h.before),
            held_out_after: outcome.held_out.map(|h| h.after),
        },
    };
    let manifest = toml::to_string(&manifest)
        .map_err(|e| Fault::new(generate::CARD, e).expected("a card that fits TOML"))?;
    save(&folder.join(generate::CARD), manifest.as_bytes())?;
    save(&folder.join("README.md"), readme(finished).as_bytes())?;
    std::fs::rename(folder, out).map_err(|e| Fault::io(out, "move the finished model to", &e).into())
}

const OVERLAP: &str = "passage_overlap";

/// How it was trained: the recipe, and what the pairs were made with.
fn training(recipe: &Recipe, about: &Card) -> Result<toml::Table> {
    let mut table = recipe.table()?;
    let pairs = [
        ("questions", about.questions),
        ("passages", about.passages),
        ("passage_words", about.passage_words),
    ];
    // What cards say that were written before passages could overlap.
    let overlap = (about.passage_overlap > 0).then_some((OVERLAP, about.passage_overlap));
    // Counts far below 2^63.
    let number = |(name, n): (&str, usize)| (name.to_owned(), toml::Value::Integer(n as i64));
    table.extend(pairs.into_iter().chain(overlap).map(number));
    Ok(table)
}

/// How a finished folder differs from what a run of this recipe would leave there: nothing, if it is that run's
/// result. Compares what its card says; what an older card left out is taken to be the same.
///
/// # Errors
/// A [`Fault`] if there is no card that can be read.
pub fn differences(folder: &Folder, recipe: &Recipe, about: &Card, base_digest: &str) -> Result<Vec<String>> {
    let card = generate::Card::read(folder)?;
    let (Some(trained_on), Some(found)) = (card.trained_on, card.training) else {
        return Err(Fault::new(folder.place(generate::CARD), "no word of a fine-tuning run")
            .expected("the card of a finished run")
            .next("Choose another name or folder, or move what is there away.")
            .into());
    };
    let mut differences = Vec::new();
    let mut compare = |name: &str, found: &str, wanted: &str| {
        if found != wanted {
            differences.push(format!("{name} = {found} where {wanted} is asked for"));
        }
    };
    compare("corpus", &trained_on.corpus, &about.corpus);
    compare("base_digest", card.base_digest.as_deref().unwrap_or("none"), base_digest);
    compare("corpus_digest", card.corpus_digest.as_deref().unwrap_or("none"), &about.corpus_digest);
    if !found.contains_key("questions") {
        compare("examples", &trained_on.examples.to_string(), &about.questions.to_string());
    }
    let is_adapter = folder.has("adapter_config.json");
    let method = if is_adapter { Method::Lora } else { Method::Full };
    compare("method", &method.to_string(), &recipe.method.to_string());
    let overlap = found.get(OVERLAP).map_or_else(|| "0".to_owned(), ToString::to_string);
    compare(OVERLAP, &overlap, &about.passage_overlap.to_string());
    for (name, wanted) in training(&recipe.essence(), about)? {
        if name == "checkpoint_every" || name == "method" || name == OVERLAP {
            continue;
        }
        if let Some(found) = found.get(&name) {
            compare(&name, &found.to_string(), &wanted.to_string());
        }
    }
    Ok(differences)
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

fn readme(finished: &Finished<'_>) -> String {
    let Finished { base_digest, recipe, about, outcome, .. } = *finished;
    let (library, tag, method) = match recipe.method {
        Method::Lora => (
            "peft",
            "lora",
            format!(
                "LoRA, rank {}, alpha {}, dropout {}, on {}",
                recipe.rank,
                recipe.alpha,
                recipe.dropout,
                recipe.projections().iter().map(|p| p.name()).collect::<Vec<_>>().join(", ")
            ),
        ),
        Method::Full => ("transformers", "fine-tuned", "every weight".to_owned()),
    };
    let mut text = format!(
        "---\nlibrary_name: {library}\nbase_model: {base}\npipeline_tag: text-generation\ntags: [{tag}, juxta]\n---\n\
         # {title}\n\n{description}\n\n\
         | | |\n|---|---|\n\
         | base | {base}, weights with digest `{base_digest}` |\n\
         | corpus | {corpus}, digest `{corpus_digest}` |\n\
         | examples | {examples} |\n\
         | prompts | up to {passages} passages of up to {passage_words} words{overlap} |\n\
         | answers | taught {spelt}, the likelier to the base |\n\
         | licence | {licence} |\n\
         | trained | {method} |\n\
         | training | {epochs} epochs, {steps} steps of {accumulate} pairs, {tokens} tokens, learning rate {rate} \
         (warm-up {warmup} of the steps, then a cosine to 0), AdamW with weight decay {decay}, gradient norm up to \
         {clip}, seed {seed} |\n",
        base = about.base,
        title = about.title,
        description = about.description,
        corpus = about.corpus,
        corpus_digest = about.corpus_digest,
        examples = outcome.examples,
        passages = about.passages,
        passage_words = about.passage_words,
        overlap = match about.passage_overlap {
            0 => String::new(),
            n => format!(", up to {n} of them shared with the passage before"),
        },
        spelt = if outcome.spaced { "with a space before them" } else { "without a space before them" },
        licence = about.licence,
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
