//! GGUF files of the llama architecture, quantised, through candle's `quantized_llama`.
//!
//! That engine reads what it knows and ignores the rest without a word (frequency factors, biases, scaling of
//! positions), so that everything in the file is looked at here first and whatever it would ignore is refused by
//! its name.

mod header;
mod words;

use super::codec::Codec;
use super::source::Source;
use crate::fault::{Error, Fault, Result};
use crate::folder::Folder;
use crate::job::{Cancel, Progress, Report};
use candle_core::Device;
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{Content, Value};
use candle_transformers::models::quantized_llama::{MAX_SEQ_LEN, ModelWeights};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

pub(super) use header::peek;

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

/// A quantised model, loaded.
pub(super) struct Quantised {
    pub(super) weights: ModelWeights,
    pub(super) codec: Codec,
    pub(super) vocabulary: usize,
    /// Numbers in its weights.
    pub(super) parameters: u64,
    /// Positions that both the model and the engine have.
    pub(super) window: usize,
    /// The number type of most of its bytes.
    pub(super) types: String,
}

/// Loads `file`, called `name` in reports. Looks at `cancel` between two tensors.
pub(super) fn load(
    folder: &Folder,
    file: &str,
    name: &str,
    report: Report,
    cancel: &Cancel,
) -> Result<Quantised> {
    let mut source = Source::open(folder, file)?;
    let mut content = header::read(&mut source)?;
    let sizes = Sizes::read(&mut content, &source.place)?;
    sizes.check_tensors(&content, &source)?;
    let codec = words::codec(&content, folder, &source.place)?;
    let types = most_of(&content);
    let parameters = content.tensor_infos.values().map(|t| t.shape.elem_count() as u64).sum();
    let place = source.place.clone();
    let mut watched = Watched { total: source.len, source, name, report, cancel };
    let weights = ModelWeights::from_gguf(content, &mut watched, &Device::Cpu);
    cancel.check()?;
    let weights = weights.map_err(|e| {
        Fault::new(&place, e)
            .expected("a GGUF file of a llama model")
            .next("Copy or download the file again.")
    })?;
    Ok(Quantised {
        weights,
        codec,
        vocabulary: sizes.vocabulary,
        parameters,
        window: sizes.context.min(MAX_SEQ_LEN),
        types,
    })
}

/// The sizes that the metadata gives.
struct Sizes {
    hidden: usize,
    inner: usize,
    layers: usize,
    heads: usize,
    key_heads: usize,
    context: usize,
    vocabulary: usize,
}

impl Sizes {
    /// Checks all of `llama.*`, and fills in what the engine asks for and files may leave out.
    fn read(content: &mut Content, place: &str) -> Result<Self> {
        let m = Metadata { content, place };
        match m.text("general.architecture") {
            Some("llama") => {}
            other => {
                return Err(m.refuse(
                    "general.architecture",
                    &format!("{other:?}"),
                    "\"llama\", which juxta runs",
                ));
            }
        }
        let heads = m.count("llama.attention.head_count")?;
        let key_heads = match m.content.metadata.contains_key("llama.attention.head_count_kv") {
            true => m.count("llama.attention.head_count_kv")?,
            false => heads,
        };
        let hidden = m.count("llama.embedding_length")?;
        if hidden % heads != 0 || (hidden / heads) % 2 != 0 || heads % key_heads != 0 {
            return Err(m.refuse(
                "llama.attention.head_count",
                &format!("{heads} over {key_heads} for an embedding of {hidden}"),
                "heads that divide it evenly",
            ));
        }
        let head = hidden / heads;
        let inner = m.count("llama.feed_forward_length")?;
        let layers = m.count("llama.block_count")?;
        let context = m.count("llama.context_length")?;
        let epsilon = m.number("llama.attention.layer_norm_rms_epsilon");
        if epsilon.is_none() {
            return Err(m.refuse("llama.attention.layer_norm_rms_epsilon", "nothing", "a number"));
        }
        m.check_the_rest(head)?;
        let vocabulary = match content.tensor_infos.get("token_embd.weight").map(|t| t.shape.dims()) {
            Some([vocabulary, _]) => *vocabulary,
            _ => {
                return Err(Fault::new(place, "no tensor token_embd.weight in two dimensions")
                    .expected("the embeddings of the vocabulary")
                    .next("Copy or download the file again; a file of a vocabulary alone is no model.")
                    .into());
            }
        };
        let mut fill = |key: &str, n: usize| {
            content.metadata.insert(key.to_owned(), Value::U32(u32::try_from(n).unwrap_or(u32::MAX)));
        };
        for (key, n) in [
            ("llama.attention.head_count", heads),
            ("llama.attention.head_count_kv", key_heads),
            ("llama.embedding_length", hidden),
            ("llama.block_count", layers),
            ("llama.rope.dimension_count", head),
        ] {
            fill(key, n);
        }
        for (key, n) in [
            ("llama.attention.layer_norm_rms_epsilon", epsilon),
            ("llama.rope.freq_base", Metadata { content, place }.number("llama.rope.freq_base")),
        ] {
            if let Some(n) = n {
                content.metadata.insert(key.to_owned(), Value::F32(n as f32));
            }
        }
        Ok(Self { hidden, inner, layers, heads, key_heads, context, vocabulary })
    }

    /// The tensors that the engine reads, and their shapes.
    fn tensors(&self) -> impl Iterator<Item = (String, Vec<usize>)> + '_ {
        let (hidden, inner) = (self.hidden, self.inner);
        let keys = hidden / self.heads * self.key_heads;
        let outer = [
            ("token_embd.weight".to_owned(), vec![self.vocabulary, hidden]),
            ("output_norm.weight".to_owned(), vec![hidden]),
        ];
        let layers = (0..self.layers).flat_map(move |n| {
            [
                ("attn_norm", vec![hidden]),
                ("ffn_norm", vec![hidden]),
                ("attn_q", vec![hidden, hidden]),
                ("attn_k", vec![keys, hidden]),
                ("attn_v", vec![keys, hidden]),
                ("attn_output", vec![hidden, hidden]),
                ("ffn_gate", vec![inner, hidden]),
                ("ffn_up", vec![inner, hidden]),
                ("ffn_down", vec![hidden, inner]),
            ]
            .map(|(part, shape)| (format!("blk.{n}.{part}.weight"), shape))
        });
        outer.into_iter().chain(layers)
    }

    /// That every tensor is there, in its shape, within the file and of a known type, and that there is none
    /// besides.
    fn check_tensors(&self, content: &Content, source: &Source) -> Result<()> {
        let mut expected: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (name, shape) in self.tensors() {
            if !content.tensor_infos.contains_key(&name) {
                return Err(Fault::new(&source.place, format!("no tensor {name}"))
                    .expected(format!("it, with shape {shape:?}"))
                    .next("Copy or download the file again; files split into several are not read.")
                    .into());
            }
            expected.insert(name, shape);
        }
        // Without an output of its own the model's embeddings serve as one.
        expected.insert("output.weight".to_owned(), vec![self.vocabulary, self.hidden]);
        let mut names: Vec<&String> = content.tensor_infos.keys().collect();
        names.sort();
        for name in names {
            let info = &content.tensor_infos[name];
            let Some(shape) = expected.get(name) else {
                let why = match name.as_str() {
                    "rope_freqs.weight" => " (frequency factors, as of Llama 3.1)",
                    _ => "",
                };
                return Err(Fault::new(&source.place, format!("the tensor {name}{why}"))
                    .expected("the tensors of a plain llama model: the engine would ignore it and answer wrongly")
                    .next("Use the model's Hugging Face folder (config.json and safetensors), or another model.")
                    .into());
            };
            if info.shape.dims() != shape {
                return Err(Fault::new(
                    &source.place,
                    format!("the tensor {name} with shape {:?}", info.shape.dims()),
                )
                .expected(format!("shape {shape:?}"))
                .next("Copy or download the file again.")
                .into());
            }
            let block = info.ggml_dtype.block_size();
            if !TYPES.contains(&info.ggml_dtype) || shape.last().is_none_or(|n| n % block != 0) {
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
            let end =
                content.tensor_data_offset.checked_add(info.offset).and_then(|at| at.checked_add(bytes));
            if end.is_none_or(|end| end > source.len) {
                return Err(source.cut_short(&format!("the {bytes} bytes of the tensor {name}")));
            }
        }
        Ok(())
    }
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

/// The metadata, asked for with faults that name the key.
struct Metadata<'a> {
    content: &'a Content,
    place: &'a str,
}

impl Metadata<'_> {
    fn refuse(&self, key: &str, found: &str, expected: &str) -> Error {
        Fault::new(self.place, format!("{key} = {found}"))
            .expected(expected)
            .next("Use the model's Hugging Face folder, or another model: the engine cannot do this.")
            .into()
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.content.metadata.get(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    fn number(&self, key: &str) -> Option<f64> {
        match self.content.metadata.get(key)? {
            Value::F32(n) => Some(f64::from(*n)),
            Value::F64(n) => Some(*n),
            other => whole(other).map(|n| n as f64),
        }
    }

    fn count(&self, key: &str) -> Result<usize> {
        match self.content.metadata.get(key) {
            Some(value) => match whole(value) {
                Some(n) if (1..1 << 31).contains(&n) => Ok(n as usize),
                _ => Err(self.refuse(key, &shown(value), "one whole number from 1 to 2147483647")),
            },
            None => Err(self.refuse(key, "nothing", "a whole number")),
        }
    }

    /// Every other key of the architecture either says what the engine does anyway, or is refused.
    fn check_the_rest(&self, head: usize) -> Result<()> {
        let mut keys: Vec<&String> =
            self.content.metadata.keys().filter(|k| k.starts_with("llama.")).collect();
        keys.sort();
        for key in keys {
            let number = self.number(key);
            let fine = match key.as_str() {
                "llama.attention.head_count"
                | "llama.attention.head_count_kv"
                | "llama.attention.layer_norm_rms_epsilon"
                | "llama.embedding_length"
                | "llama.feed_forward_length"
                | "llama.block_count"
                | "llama.context_length"
                | "llama.rope.scaling.original_context_length"
                | "llama.rope.scaling.finetuned"
                | "llama.vocab_size" => true,
                "llama.rope.freq_base" => number.is_some_and(|n| n > 0.0),
                "llama.rope.dimension_count"
                | "llama.attention.key_length"
                | "llama.attention.value_length" => number == Some(head as f64),
                "llama.rope.scaling.type" => self.text(key) == Some("none"),
                "llama.rope.scaling.factor" | "llama.rope.scale_linear" => {
                    number == Some(1.0) || number == Some(0.0)
                }
                "llama.expert_count" | "llama.expert_used_count" => number.is_some_and(|n| n <= 1.0),
                "llama.tensor_data_layout" => self.text(key) == Some("Meta AI original pth"),
                _ => false,
            };
            if !fine {
                let value = self.content.metadata.get(key).map(shown).unwrap_or_default();
                return Err(self.refuse(key, &value, "a plain llama model, without it"));
            }
        }
        Ok(())
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::U8(n) => Some(i64::from(*n)),
        Value::I8(n) => Some(i64::from(*n)),
        Value::U16(n) => Some(i64::from(*n)),
        Value::I16(n) => Some(i64::from(*n)),
        Value::U32(n) => Some(i64::from(*n)),
        Value::I32(n) => Some(i64::from(*n)),
        Value::U64(n) => i64::try_from(*n).ok(),
        Value::I64(n) => Some(*n),
        _ => None,
    }
}

/// A value for a message: short, whatever it is.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::F32(n) => n.to_string(),
        Value::F64(n) => n.to_string(),
        Value::Bool(yes) => yes.to_string(),
        other => whole(other).map(|n| n.to_string()).unwrap_or_default(),
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
