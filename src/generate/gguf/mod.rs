//! GGUF files, as they are quantised, for the same engine as everything else (`decoder`).
//!
//! Everything in a file is looked at before a tensor is read, and whatever the engine would ignore is refused by its
//! name: metadata in `keys`, tensors here.

mod header;
mod keys;
mod names;
mod spell;
pub(super) mod turned;
mod ways;
mod words;
mod write;

use super::adapter::Changes;
use super::codec::Codec;
use super::decoder::{Embedding, Layer, Linear, Parts, Weight};
use super::inspect::check_memory;
use super::own;
use super::shape::Shape;
use super::source::Source;
use crate::fault::{Fault, Result};
use crate::folder::Folder;
use crate::job::{Cancel, Progress, Report};
use candle_core::quantized::gguf_file::Content;
use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

pub(super) use header::peek;
pub use write::{Numbers, Order, export};

/// The number types that agree with their own dequantised weights in `tests/generate/gguf.rs`.
const TYPES: [GgmlDType; 12] = [
    GgmlDType::F32,
    GgmlDType::F16,
    GgmlDType::BF16,
    GgmlDType::Q4_0,
    GgmlDType::Q4_1,
    GgmlDType::Q5_0,
    GgmlDType::Q5_1,
    GgmlDType::Q8_0,
    GgmlDType::Q3K,
    GgmlDType::Q4K,
    GgmlDType::Q5K,
    GgmlDType::Q6K,
];

/// Those that candle has no vectorised products for: a fiftieth of the speed of the others here. Models of a size for
/// which that is worth the memory are widened to f32; larger ones stay slow. It hangs on nothing but the file, so that the
/// same model gives the same answers everywhere.
const SLOW: [GgmlDType; 3] = [GgmlDType::Q4_1, GgmlDType::Q5_0, GgmlDType::Q5_1];
const MOST_WIDENED: u64 = 1_000_000_000;

/// The module of the embedding and its tensor.
const EMBEDDING: &str = "model.embed_tokens";
const EMBEDDING_WEIGHT: &str = "model.embed_tokens.weight";

/// A quantised model, loaded.
pub(super) struct Quantised {
    pub(super) parts: Parts,
    /// The number type of most of its bytes, and what it is computed in where that is another.
    pub(super) types: String,
}

/// What a file holds, known without its tensors' bytes.
pub(super) struct Described {
    pub(super) shape: Shape,
    pub(super) codec: Codec,
    /// Numbers in its weights.
    pub(super) parameters: u64,
    /// The number type of most of its bytes.
    pub(super) types: String,
    /// Bytes that its weights take in memory.
    pub(super) bytes: u64,
}

/// Reads and checks everything of `file` but the tensors' bytes.
pub(super) fn describe(folder: &Folder, file: &str) -> Result<Described> {
    let (Opened { shape, parameters, types, bytes, .. }, codec) = Opened::read(folder, file)?;
    Ok(Described { shape, codec, parameters, types, bytes })
}

/// A file of which everything was read and checked but its tensors' bytes.
pub(super) struct Opened {
    source: Source,
    content: Content,
    pub(super) shape: Shape,
    /// Numbers in its weights.
    pub(super) parameters: u64,
    types: String,
    bytes: u64,
}

impl Opened {
    /// Opens `file`; its tokenizer and template come apart, since they are needed longer.
    pub(super) fn read(folder: &Folder, file: &str) -> Result<(Self, Codec)> {
        let mut source = Source::open(folder, file)?;
        let content = header::read(&mut source)?;
        let shape = keys::shape(&content, &source.place)?;
        check_tensors(&shape, &content, &source)?;
        let known = names::factors_of(shape.family).iter();
        let rope_factors = known.take_while(|name| content.tensor_infos.contains_key(**name));
        let read: Result<Vec<Vec<f32>>> =
            rope_factors.map(|name| factors(&content, &mut source, name)).collect();
        let shape = keys::with_factors(shape, &read?, &source.place)?;
        let codec = words::codec(&content, folder, &source.place)?;
        let parameters: u64 = content.tensor_infos.values().map(|t| t.shape.elem_count() as u64).sum();
        let own = has_formats(&content) && own::suits(&shape, shape.window());
        let all = content.tensor_infos.values();
        let bytes = all.map(|t| bytes_in_memory(t.ggml_dtype, t.shape.dims(), own, parameters)).sum();
        let types = most_of(&content);
        Ok((Self { source, content, shape, parameters, types, bytes }, codec))
    }

    /// Whether juxta's own engine has all of its number types.
    pub(super) fn has_formats(&self) -> bool {
        has_formats(&self.content)
    }

    /// Reads its tensors, called `name` in reports, for juxta's `own` engine or for candle; what an adapter changes of them
    /// comes in f32 and with the changes. Looks at `cancel` between two tensors.
    pub(super) fn load(
        self,
        name: &str,
        own: bool,
        changes: Option<Changes>,
        report: Report,
        cancel: &Cancel,
    ) -> Result<Quantised> {
        let Self { source, content, shape, parameters, types, bytes } = self;
        check_memory(&source.place, bytes)?;
        let place = source.place.clone();
        let widened = !own && parameters <= MOST_WIDENED;
        let slow = content.tensor_infos.values().any(|t| SLOW.contains(&t.ggml_dtype));
        let types = if widened && slow { format!("{types} widened to f32") } else { types };
        let types = if changes.is_some() { format!("{types}, adapted in f32") } else { types };
        let source = Watched { total: source.len, source, name, report, cancel };
        let parts = parts(shape, &mut Tensors { content, widened, changes, source });
        cancel.check()?;
        let parts = parts.map_err(|e| {
            Fault::new(&place, e).expected("the tensors of a model").next("Copy or download the file again.")
        })?;
        Ok(Quantised { parts, types })
    }
}

/// The factors of frequencies: a short list of f32.
fn factors(content: &Content, source: &mut Source, name: &str) -> Result<Vec<f32>> {
    let tensor = content.tensor(source, name, &Device::Cpu);
    let values = tensor.and_then(|t| t.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1());
    values.map_err(|e| {
        Fault::new(&source.place, format!("the tensor {name}: {e}"))
            .expected("one number for each pair of a head")
            .next("Copy or download the file again.")
            .into()
    })
}

/// Whether juxta's own engine has all of a file's number types.
fn has_formats(content: &Content) -> bool {
    content.tensor_infos.values().all(|t| t.shape.rank() < 2 || own::has(t.ggml_dtype))
}

/// Bytes that a tensor takes in memory while it is loaded: numbers without blocks are widened to f32; of those with blocks
/// that candle computes, slow ones too where there are few enough `parameters`, and of some it makes a second copy for its
/// fastest products, where rows and columns are whole tiles.
fn bytes_in_memory(dtype: GgmlDType, dims: &[usize], own: bool, parameters: u64) -> u64 {
    let n: usize = dims.iter().product();
    if is_dense(dtype, !own && parameters <= MOST_WIDENED) {
        return 4 * n as u64;
    }
    let bytes = (n / dtype.block_size() * dtype.type_size()) as u64;
    let packed = !own && matches!(dtype, GgmlDType::Q8_0 | GgmlDType::Q4K | GgmlDType::Q6K);
    match dims {
        [rows, columns] if packed && rows % 16 == 0 && columns % 256 == 0 => 2 * bytes,
        _ => bytes,
    }
}

fn is_dense(dtype: GgmlDType, widened: bool) -> bool {
    matches!(dtype, GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16) || (widened && SLOW.contains(&dtype))
}

/// That every tensor is there, in its shape, within the file and of a known type, and that there is none besides.
fn check_tensors(shape: &Shape, content: &Content, source: &Source) -> Result<()> {
    let mut expected: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (hub, dims) in shape.tensors() {
        let name = names::of_tensor(&hub, shape.family);
        if !content.tensor_infos.contains_key(&name) {
            return Err(Fault::new(&source.place, format!("no tensor {name}"))
                .expected(format!("it, with shape {dims:?}"))
                .next("Copy or download the file again; files split into several are not read.")
                .into());
        }
        expected.insert(name, dims);
    }
    for name in names::factors_of(shape.family) {
        expected.insert((*name).to_owned(), vec![shape.rope.turned / 2]);
    }
    let mut names: Vec<&String> = content.tensor_infos.keys().collect();
    names.sort();
    for name in names {
        let info = &content.tensor_infos[name];
        let Some(dims) = expected.get(name) else {
            return Err(Fault::new(&source.place, format!("the tensor {name}"))
                .expected(format!(
                    "the tensors of a plain {} model: the engine would ignore it and answer wrongly",
                    shape.family
                ))
                .next("Use the model's Hugging Face folder (config.json and safetensors), or another model.")
                .into());
        };
        if info.shape.dims() != dims {
            return Err(Fault::new(
                &source.place,
                format!("the tensor {name} with shape {:?}", info.shape.dims()),
            )
            .expected(format!("shape {dims:?}"))
            .next("Copy or download the file again.")
            .into());
        }
        let block = info.ggml_dtype.block_size();
        if !TYPES.contains(&info.ggml_dtype) || dims.last().is_none_or(|n| n % block != 0) {
            return Err(Fault::new(
                &source.place,
                format!("the tensor {name} of type {:?}", info.ggml_dtype),
            )
            .expected(format!("rows of whole blocks in one of {TYPES:?}"))
            .next("Choose a file in another quantisation.")
            .into());
        }
        // The shape is that of the metadata, whose sizes are below 2^31: the product of two fits.
        let bytes = (info.shape.elem_count() / block * info.ggml_dtype.type_size()) as u64;
        let end = content.tensor_data_offset.checked_add(info.offset).and_then(|at| at.checked_add(bytes));
        if end.is_none_or(|end| end > source.len) {
            return Err(source.cut_short(&format!("the {bytes} bytes of the tensor {name}")));
        }
    }
    Ok(())
}

/// The tensors of a file, by their names in Hugging Face transformers.
struct Tensors<'a> {
    content: Content,
    /// Whether slow numbers are widened.
    widened: bool,
    /// What an adapter changes.
    changes: Option<Changes>,
    source: Watched<'a>,
}

impl Tensors<'_> {
    fn quantised(&mut self, shape: &Shape, hub: &str) -> candle_core::Result<QTensor> {
        let name = names::of_tensor(hub, shape.family);
        self.content.tensor(&mut self.source, &name, &Device::Cpu)
    }

    fn dense(&mut self, shape: &Shape, hub: &str) -> candle_core::Result<Tensor> {
        self.quantised(shape, hub)?.dequantize(&Device::Cpu)
    }

    fn linear(&mut self, shape: &Shape, hub: &str, biased: bool) -> candle_core::Result<Linear> {
        let weight = self.quantised(shape, &format!("{hub}.weight"))?;
        let bias = if biased { Some(self.dense(shape, &format!("{hub}.bias"))?) } else { None };
        Ok(Linear { weight: self.weight(shape, hub, Arc::new(weight))?, bias })
    }

    /// The weight of the module `hub` that is `tensor` in the file.
    fn weight(&mut self, shape: &Shape, hub: &str, tensor: Arc<QTensor>) -> candle_core::Result<Weight> {
        if !self.touch(hub) {
            return weight_of(tensor, self.widened);
        }
        self.changed(shape, hub, &tensor).map(Weight::Dense)
    }

    fn touch(&self, hub: &str) -> bool {
        self.changes.as_ref().is_some_and(|changes| changes.touch(hub))
    }

    /// The weight of the module `hub` with what the adapter does to it.
    fn changed(&mut self, shape: &Shape, hub: &str, tensor: &QTensor) -> candle_core::Result<Tensor> {
        let old = tensor.dequantize(&Device::Cpu)?;
        let Some(changes) = &mut self.changes else { return Ok(old) };
        let mut apply = |old: &Tensor| changes.apply(hub, old).map_err(candle_core::Error::msg);
        match turned::heads(hub, shape) {
            Some(heads) => turned::beside(&apply(&turned::apart(&old, heads)?)?, heads),
            None => apply(&old),
        }
    }
}

fn weight_of(tensor: Arc<QTensor>, widened: bool) -> candle_core::Result<Weight> {
    Ok(match is_dense(tensor.dtype(), widened) {
        true => Weight::Dense(tensor.dequantize(&Device::Cpu)?),
        false => Weight::Quantised(QMatMul::from_arc(tensor)?),
    })
}

fn parts(mut shape: Shape, tensors: &mut Tensors) -> candle_core::Result<Parts> {
    let s = &shape;
    let table = Arc::new(tensors.quantised(s, EMBEDDING_WEIGHT)?);
    let head = match s.tied {
        true => Arc::clone(&table),
        false => Arc::new(tensors.quantised(s, "lm_head.weight")?),
    };
    let tied = s.tied && !tensors.changes.as_ref().is_some_and(Changes::part_embedding_and_head);
    let head = Linear { weight: tensors.weight(s, "lm_head", head)?, bias: None };
    let embedding = match &head.weight {
        _ if tensors.touch(EMBEDDING) => Embedding::Dense(tensors.changed(s, EMBEDDING, &table)?),
        // Widened once for both.
        Weight::Dense(dense) if tied => Embedding::Dense(dense.clone()),
        _ if is_dense(table.dtype(), tensors.widened) => Embedding::Dense(table.dequantize(&Device::Cpu)?),
        _ => Embedding::Quantised(table),
    };
    let mut layers = Vec::new();
    for n in 0..s.layers {
        let at = |part: &str| format!("model.layers.{n}.{part}");
        let mut norm = |part: &str| tensors.dense(s, &at(&format!("{part}.weight")));
        let input_norm = norm("input_layernorm")?;
        let behind = norm("post_attention_layernorm")?;
        let (attention_norm, feed_norm, fed_norm) = match s.family.has_post_norms() {
            true => {
                (Some(behind), norm("pre_feedforward_layernorm")?, Some(norm("post_feedforward_layernorm")?))
            }
            false => (None, behind, None),
        };
        let head_norms = match s.family.has_head_norms() {
            true => Some((norm("self_attn.q_norm")?, norm("self_attn.k_norm")?)),
            false => None,
        };
        let mut linear = |part: &str, biased: bool| tensors.linear(s, &at(part), biased);
        let (projections, gate_up) = match s.family.is_fused() {
            true => (vec![linear("self_attn.qkv_proj", s.biases)?], vec![linear("mlp.gate_up_proj", false)?]),
            false => (
                vec![
                    linear("self_attn.q_proj", s.biases)?,
                    linear("self_attn.k_proj", s.biases)?,
                    linear("self_attn.v_proj", s.biases)?,
                ],
                vec![linear("mlp.gate_proj", false)?, linear("mlp.up_proj", false)?],
            ),
        };
        let output = linear("self_attn.o_proj", s.output_bias)?;
        let down = linear("mlp.down_proj", false)?;
        layers.push(Layer {
            input_norm,
            projections,
            head_norms,
            output,
            attention_norm,
            feed_norm,
            gate_up,
            down,
            fed_norm,
        });
    }
    let norm = tensors.dense(s, "model.norm.weight")?;
    // llama.cpp's converter puts the halves of llama's pairs beside each other, and no other family's.
    let beside = shape.family == super::shape::Family::Llama;
    shape.tied = tied;
    Ok(Parts { shape, embedding, layers, norm, head, beside })
}

/// The number type that most bytes are of, as GGUF spells it.
fn most_of(content: &Content) -> String {
    let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
    for info in content.tensor_infos.values() {
        let dtype = info.ggml_dtype;
        let size = info.shape.elem_count() / dtype.block_size() * dtype.type_size();
        *bytes.entry(spelt(dtype)).or_default() += size as u64;
    }
    bytes.into_iter().max_by_key(|(_, n)| *n).map(|(name, _)| name).unwrap_or_default()
}

/// `Q4K` is called Q4_K everywhere else.
fn spelt(dtype: GgmlDType) -> String {
    let name = format!("{dtype:?}");
    match name.strip_suffix('K') {
        Some(bits) => format!("{bits}_K"),
        None => name,
    }
}

/// The source, reporting how far it was read and failing once the work is cancelled: the engine loads all tensors
/// in one call and takes no token of its own.
struct Watched<'a> {
    source: Source,
    total: u64,
    name: &'a str,
    report: Report<'a>,
    cancel: &'a Cancel,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.cancel.is_cancelled() {
            // Told apart afterwards by looking at the token again.
            return Err(std::io::Error::other("stopped"));
        }
        self.source.read(buffer)
    }
}

impl Seek for Watched<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        if let SeekFrom::Start(at) = to {
            (self.report)(Progress { doing: format!("loading {}", self.name), done: at, total: self.total });
        }
        self.source.seek(to)
    }
}
