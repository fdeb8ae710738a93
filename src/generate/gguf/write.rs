//! Writes a Hugging Face folder's model, an adapter merged into it, as a GGUF file: what llama.cpp, and everything built
//! on it, loads.
//!
//! A file cannot say everything that config.json can. What it cannot say is refused, and the tokenizer that is written is
//! read back and held against the model's own before anything is on the disk.

use super::super::checkpoint::Checkpoint;
use super::super::registry::{Contender, Kind, Registry};
use super::super::rope::{Rope, Scaling, yarn_amplitude};
use super::super::shape::{Family, Shape, Windows};
use super::{names, spell, turned};
use crate::fault::{Fault, Result};
use crate::job::{Cancel, Progress, Report};
use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use std::path::Path;

/// The numbers that matrices are written in; norms and biases are always f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// Two bytes each.
    F16,
    /// A little more than one byte each: 32 share a scale.
    Q8,
}

impl Numbers {
    fn dtype(self) -> GgmlDType {
        match self {
            Self::F16 => GgmlDType::F16,
            Self::Q8 => GgmlDType::Q8_0,
        }
    }

    /// `general.file_type` of llama.cpp.
    fn file_type(self) -> u32 {
        match self {
            Self::F16 => 1,
            Self::Q8 => 7,
        }
    }
}

/// What is written where.
#[derive(Debug)]
pub struct Order<'a> {
    /// The file, which must not be there yet.
    pub file: &'a Path,
    /// In which numbers.
    pub numbers: Numbers,
}

type Entry = (String, Value);

/// Writes a model as a GGUF file: beside, synced, and renamed. Looks at `cancel` between two tensors.
///
/// # Errors
/// A [`Fault`] for a model that is no Hugging Face folder and no adapter of one, a file that exists, a model that such a
/// file cannot describe, and what the disk says.
pub fn export(
    contender: &Contender,
    registry: &Registry,
    order: &Order,
    report: Report,
    cancel: &Cancel,
) -> Result<()> {
    let file = order.file;
    if !contender.kind.is_whole() && !matches!(contender.kind, Kind::Adapter { .. }) {
        return Err(Fault::new(contender.place(), format!("a model that is {}", contender.kind))
            .expected("a Hugging Face folder, or an adapter of one")
            .next("Choose another model, as `juxta model list` shows them.")
            .into());
    }
    if file.exists() {
        return Err(Fault::new(file.display(), "a file of this name")
            .expected("a new one")
            .next("Choose another name, or remove that file first.")
            .into());
    }
    let checkpoint = Checkpoint::of(contender, registry, report, cancel)?;
    let shape = &checkpoint.shape;
    let mut metadata = vec![
        entry("general.architecture", Value::String(architecture(shape.family).to_owned())),
        entry("general.name", Value::String(contender.title.clone())),
        entry("general.file_type", Value::U32(order.numbers.file_type())),
        entry("general.quantization_version", Value::U32(2)),
    ];
    if let Some(licence) = &contender.licence {
        metadata.push(entry("general.license", Value::String(licence.clone())));
    }
    metadata.extend(sizes(shape)?);
    metadata.extend(spell::tokenizer(&checkpoint.codec, shape)?);
    let mut tensors = Vec::new();
    for (name, factors) in rope_factors(&shape.rope) {
        let n = factors.len();
        let factors = Tensor::from_vec(factors, n, &Device::Cpu).map_err(|e| unwritable(file, &e))?;
        let factors = QTensor::quantize(&factors, GgmlDType::F32).map_err(|e| unwritable(file, &e))?;
        tensors.push((name.to_owned(), factors));
    }
    let Checkpoint { shape, weights, .. } = checkpoint;
    let weights = weights.into_tensors();
    let total = weights.len() as u64;
    for (n, (hub, tensor)) in weights.into_iter().enumerate() {
        cancel.check()?;
        report(Progress { doing: format!("writing {}", contender.name), done: n as u64, total });
        let written = quantised(&shape, &hub, tensor, order.numbers).map_err(|e| unwritable(file, &e))?;
        tensors.push((names::of_tensor(&hub, shape.family), written));
    }
    cancel.check()?;
    put(file, &metadata, &tensors)
}

fn put(file: &Path, metadata: &[Entry], tensors: &[(String, QTensor)]) -> Result<()> {
    let dir = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut beside = tempfile::Builder::new();
        beside.prefix(".writing-");
        #[cfg(unix)]
        beside.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let beside = beside.tempfile_in(dir)?;
        let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, v)| (key.as_str(), v)).collect();
        let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, t)| (name.as_str(), t)).collect();
        let mut out = std::io::BufWriter::new(beside);
        gguf_file::write(&mut out, &metadata, &tensors).map_err(std::io::Error::other)?;
        let beside = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        beside.as_file().sync_all()?;
        beside.persist_noclobber(file)?;
        Ok(())
    };
    write().map_err(|e| Fault::io(file, "write", &e).into())
}

fn unwritable(file: &Path, error: &candle_core::Error) -> crate::fault::Error {
    Fault::new(file.display(), error)
        .expected("weights that can be written")
        .next("Report this with the model's name: its tensors were checked before.")
        .into()
}

fn entry(key: &str, value: Value) -> Entry {
    (key.to_owned(), value)
}

/// As llama.cpp calls it: Mistral has no architecture of its own.
fn architecture(family: Family) -> &'static str {
    match family {
        Family::Mistral => Family::Llama.name(),
        other => other.name(),
    }
}

fn cannot_say(what: String) -> crate::fault::Error {
    Fault::new("the model", what)
        .expected("a model that a GGUF file can describe")
        .next("Share the Hugging Face folder instead.")
        .into()
}

/// The keys of the architecture.
fn sizes(shape: &Shape) -> Result<Vec<Entry>> {
    let family = shape.family;
    let gemma = matches!(family, Family::Gemma2 | Family::Gemma3);
    if matches!(family, Family::Qwen3 | Family::Gemma | Family::Gemma2 | Family::Gemma3) && shape.biases {
        return Err(cannot_say(format!("a {family} model whose attention has biases")));
    }
    if shape.biases && family == Family::Llama && !shape.output_bias {
        return Err(cannot_say("a llama model with some of its biases".to_owned()));
    }
    let implied = match (family, shape.layers) {
        (Family::Gemma2, 46) | (Family::Gemma3, 62) => shape.hidden / shape.heads,
        _ => shape.head,
    };
    if (shape.scale * (implied as f64).sqrt() - 1.0).abs() > 1e-9 {
        return Err(cannot_say(format!(
            "scores multiplied by {}, where its sizes make it 1/√{implied}",
            shape.scale
        )));
    }
    if family == Family::Gemma3 && shape.score_cap.is_some() {
        return Err(cannot_say("a Gemma 3 whose scores are capped".to_owned()));
    }
    let mut positions = shape.positions;
    let mut window = None;
    match (&shape.windows, family) {
        (Windows::None, _) => {}
        (Windows::ButEvery { window: w, every: 2 }, Family::Gemma2)
        | (Windows::ButEvery { window: w, every: 6 }, Family::Gemma3) => window = Some(*w),
        (Windows::Marked { window: w, layers }, Family::Gemma2 | Family::Gemma3) => {
            let every = if family == Family::Gemma2 { 2 } else { 6 };
            if layers.iter().enumerate().any(|(n, slides)| *slides == (n + 1).is_multiple_of(every)) {
                return Err(cannot_say(
                    "windows of attention in other layers than every one of its kind".into(),
                ));
            }
            window = Some(*w);
        }
        (Windows::ButEvery { .. }, _) => {
            return Err(cannot_say("windows of attention in other layers than every one of its kind".into()));
        }
        // Within one window it makes no difference.
        (Windows::All(w) | Windows::From { window: w, .. } | Windows::Marked { window: w, .. }, _) => {
            positions = positions.min(*w);
        }
    }
    let key = |part: &str| format!("{}.{part}", architecture(family));
    let count =
        |part: &str, n: usize| -> Entry { (key(part), Value::U32(u32::try_from(n).unwrap_or(u32::MAX))) };
    let number = |part: &str, n: f64| -> Entry { (key(part), Value::F32(n as f32)) };
    let mut entries = vec![
        count("context_length", positions),
        count("embedding_length", shape.hidden),
        count("feed_forward_length", shape.feed_forward),
        count("block_count", shape.layers),
        count("attention.head_count", shape.heads),
        count("attention.head_count_kv", shape.key_heads),
        count("attention.key_length", shape.head),
        count("attention.value_length", shape.head),
        number("attention.layer_norm_rms_epsilon", shape.epsilon),
        number("rope.freq_base", shape.rope.theta),
        count("rope.dimension_count", shape.rope.turned),
        count("vocab_size", shape.vocabulary),
    ];
    match &shape.rope.scaling {
        Scaling::None => {}
        Scaling::Llama3 { .. } if family == Family::Llama => {}
        Scaling::Linear(factor) => {
            entries.push((key("rope.scaling.type"), Value::String("linear".to_owned())));
            entries.push(number("rope.scaling.factor", *factor));
        }
        // llama.cpp multiplies by the usual amplitude itself.
        Scaling::Yarn { factor, fast, slow, original, whole: true } => {
            entries.push((key("rope.scaling.type"), Value::String("yarn".to_owned())));
            entries.push(count("rope.scaling.original_context_length", *original));
            let by = shape.rope.amplitude / yarn_amplitude(*factor, 1.0);
            let numbers = [
                ("factor", *factor, 1.0),
                ("attn_factor", by, 1.0),
                ("yarn_beta_fast", *fast, 32.0),
                ("yarn_beta_slow", *slow, 1.0),
            ];
            let unusual = numbers.into_iter().filter(|(_, n, usual)| (n / usual - 1.0).abs() > 1e-9);
            entries.extend(unusual.map(|(part, n, _)| number(&format!("rope.scaling.{part}"), n)));
        }
        Scaling::Long { original, .. } if family == Family::Phi3 => {
            entries.push(count("rope.scaling.original_context_length", *original));
            entries.push(number("rope.scaling.attn_factor", shape.rope.amplitude));
        }
        Scaling::Llama3 { .. } | Scaling::Each(_) | Scaling::Long { .. } | Scaling::Yarn { .. } => {
            return Err(cannot_say(format!("frequencies that a {family} model's file has no place for")));
        }
    }
    if let Some(local) = &shape.local_rope {
        if local.scaling != Scaling::None {
            return Err(cannot_say("frequencies of windows that are stretched".to_owned()));
        }
        entries.push(number("rope.freq_base_swa", local.theta));
    }
    if let Some(window) = window {
        entries.push(count("attention.sliding_window", window));
    } else if gemma {
        // llama.cpp takes Gemma 2 for one of windows whatever its file says: one as large as the model's makes none.
        entries.push(count("attention.sliding_window", positions));
    }
    if gemma {
        let caps =
            [("attn_logit_softcapping", shape.score_cap), ("final_logit_softcapping", shape.logit_cap)];
        for (part, cap) in caps {
            entries.extend(cap.map(|cap| number(part, cap)));
        }
        if family == Family::Gemma2 && (shape.score_cap.is_none() || shape.logit_cap.is_none()) {
            return Err(cannot_say("a Gemma 2 without the caps of its kind".to_owned()));
        }
    }
    Ok(entries)
}

/// What the plain frequencies are divided by, of Llama 3 and of Phi 3, by the names of the tensors that have it.
fn rope_factors(rope: &Rope) -> Vec<(&'static str, Vec<f32>)> {
    let narrow = |factors: &[f64]| factors.iter().map(|factor| *factor as f32).collect();
    match &rope.scaling {
        Scaling::Llama3 { .. } => {
            let plain = Rope { scaling: Scaling::None, ..rope.clone() }.frequencies();
            let factors = plain.iter().zip(rope.frequencies()).map(|(plain, scaled)| (plain / scaled) as f32);
            vec![(names::LLAMA_FACTORS, factors.collect())]
        }
        Scaling::Long { near, far, .. } => {
            vec![(names::SHORT_FACTORS, narrow(near)), (names::LONG_FACTORS, narrow(far))]
        }
        _ => Vec::new(),
    }
}

fn quantised(shape: &Shape, hub: &str, tensor: Tensor, numbers: Numbers) -> candle_core::Result<QTensor> {
    let module = hub.rsplit_once('.').map_or(hub, |(module, _)| module);
    let tensor = match turned::heads(module, shape) {
        Some(heads) => turned::beside(&tensor, heads)?,
        // Gemma's norms multiply by one more than their weights; in these files, by them.
        None if shape.family.is_gemma() && hub.ends_with("norm.weight") => (tensor + 1.0)?,
        None => tensor,
    };
    let dtype = match tensor.dims() {
        [_, inner] if numbers == Numbers::Q8 && !inner.is_multiple_of(GgmlDType::Q8_0.block_size()) => {
            GgmlDType::F16
        }
        [_, _] => numbers.dtype(),
        _ => GgmlDType::F32,
    };
    QTensor::quantize(&tensor, dtype)
}
