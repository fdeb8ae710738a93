//! The header of a GGUF file, version 1 to 3 (<https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>).
//!
//! candle has a reader too, and what is read here is handed over in its types. But it divides by an alignment of
//! 0, multiplies dimensions that overflow, makes vectors as long as a file says, and reads all of a vocabulary
//! where a list of models wants a name.

use super::super::source::Source;
use crate::fault::{Error, Fault, Result};
use crate::folder::Folder;
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{Content, DEFAULT_ALIGNMENT, TensorInfo, Value, VersionedMagic};
use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};

/// Longest list. The largest vocabularies have a quarter of a million tokens, and twice as many merges.
const MOST_ELEMENTS: u64 = 1 << 22;
const MOST_KEYS: u64 = 1 << 16;
const MOST_TENSORS: u64 = 1 << 18;
const LONGEST_TEXT: u64 = 1 << 24;
const DEEPEST: usize = 4;

/// What a list of models shows of a file.
#[derive(Debug, Default)]
pub(in super::super) struct About {
    pub(in super::super) name: Option<String>,
    pub(in super::super) architecture: Option<String>,
    pub(in super::super) licence: Option<String>,
    pub(in super::super) description: Option<String>,
    pub(in super::super) parameters: Option<u64>,
}

/// Reads the file's header as far as the tokenizer's lists, which are long.
pub(in super::super) fn peek(folder: &Folder, file: &str) -> Result<About> {
    let mut source = Source::open(folder, file)?;
    let mut reader = Reader::start(&mut source)?;
    let mut metadata = HashMap::new();
    for _ in 0..reader.keys {
        let key = reader.text()?;
        if key.starts_with("tokenizer.") {
            break;
        }
        let value = reader.typed_value()?;
        metadata.insert(key, value);
    }
    let text = |key: &str| match metadata.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    let architecture = text("general.architecture");
    if let Some(other) = architecture.as_deref().filter(|a| super::keys::family(a).is_none()) {
        return Err(Fault::new(&source.place, format!("general.architecture = {other:?}"))
            .expected(format!("one of {}, the architectures that juxta runs", super::keys::families()))
            .next("Choose another model.")
            .into());
    }
    Ok(About {
        name: text("general.name"),
        architecture,
        licence: text("general.license"),
        description: text("general.description"),
        parameters: metadata.get("general.parameter_count").and_then(|v| v.to_u64().ok()),
    })
}

/// Reads the whole header. Every length is checked against the file before memory is asked for; shapes are as in
/// candle, outermost first.
pub(super) fn read(source: &mut Source) -> Result<Content> {
    let mut reader = Reader::start(source)?;
    let mut metadata = HashMap::new();
    for _ in 0..reader.keys {
        let key = reader.text()?;
        let value = reader.typed_value()?;
        metadata.insert(key, value);
    }
    let mut tensor_infos = HashMap::new();
    for _ in 0..reader.tensors {
        let name = reader.text()?;
        let info = reader.tensor(&name)?;
        tensor_infos.insert(name, info);
    }
    let alignment = match metadata.get("general.alignment") {
        None => DEFAULT_ALIGNMENT,
        Some(value) => value
            .to_u64()
            .ok()
            .filter(|n| n.is_power_of_two() && *n <= 1 << 20)
            .ok_or_else(|| reader.damaged("a general.alignment that is no power of two"))?,
    };
    // Within the file, so that the next multiple fits.
    let tensor_data_offset = reader.at.next_multiple_of(alignment);
    Ok(Content { magic: reader.magic, metadata, tensor_infos, tensor_data_offset })
}

struct Reader<'a> {
    source: &'a mut Source,
    magic: VersionedMagic,
    at: u64,
    keys: u64,
    tensors: u64,
}

impl<'a> Reader<'a> {
    fn start(source: &'a mut Source) -> Result<Self> {
        source.seek(SeekFrom::Start(0)).map_err(|e| Fault::new(&source.place, e).expected("to read it"))?;
        let mut reader = Self { source, magic: VersionedMagic::GgufV3, at: 0, keys: 0, tensors: 0 };
        if reader.source.len < 4 || &reader.bytes::<4>()? != b"GGUF" {
            return Err(reader.damaged("a file that does not begin with GGUF"));
        }
        reader.magic = match reader.u32()? {
            1 => VersionedMagic::GgufV1,
            2 => VersionedMagic::GgufV2,
            3 => VersionedMagic::GgufV3,
            other => return Err(reader.damaged(&format!("version {other} of the format (1 to 3 are read)"))),
        };
        reader.tensors = reader.length(MOST_TENSORS, "tensors")?;
        reader.keys = reader.length(MOST_KEYS, "keys")?;
        Ok(reader)
    }

    fn damaged(&self, found: &str) -> Error {
        Fault::new(&self.source.place, found)
            .expected("a GGUF file of a model")
            .next("Copy or download the file again: it is damaged or something else.")
            .into()
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        match self.source.read_exact(&mut bytes) {
            Ok(()) => {
                self.at += N as u64;
                Ok(bytes)
            }
            Err(_) => Err(self.source.cut_short("the rest of its header")),
        }
    }

    fn u32(&mut self) -> Result<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// A number of things, at most `most` and no more than the file has bytes left.
    fn length(&mut self, most: u64, things: &str) -> Result<u64> {
        let n = match self.magic {
            VersionedMagic::GgufV1 => u64::from(self.u32()?),
            VersionedMagic::GgufV2 | VersionedMagic::GgufV3 => self.u64()?,
        };
        if n > most {
            return Err(self.damaged(&format!("a header with {n} {things} (at most {most} are read)")));
        }
        if n > self.source.len - self.at.min(self.source.len) {
            return Err(self.source.cut_short(&format!("{n} {things} from offset {}", self.at)));
        }
        Ok(n)
    }

    fn text(&mut self) -> Result<String> {
        let length = self.length(LONGEST_TEXT, "bytes of text")?;
        let mut bytes = vec![0; length as usize];
        if self.source.read_exact(&mut bytes).is_err() {
            return Err(self.source.cut_short("the rest of its header"));
        }
        self.at += length;
        // Some files end their texts with zeros, and some hold half characters.
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn typed_value(&mut self) -> Result<Value> {
        let kind = self.u32()?;
        self.value(kind, 0)
    }

    fn value(&mut self, kind: u32, depth: usize) -> Result<Value> {
        Ok(match kind {
            0 => Value::U8(self.bytes::<1>()?[0]),
            1 => Value::I8(self.bytes::<1>()?[0] as i8),
            2 => Value::U16(u16::from_le_bytes(self.bytes()?)),
            3 => Value::I16(i16::from_le_bytes(self.bytes()?)),
            4 => Value::U32(self.u32()?),
            5 => Value::I32(i32::from_le_bytes(self.bytes()?)),
            6 => Value::F32(f32::from_le_bytes(self.bytes()?)),
            7 => Value::Bool(self.bytes::<1>()?[0] != 0),
            8 => Value::String(self.text()?),
            9 if depth < DEEPEST => {
                let kind = self.u32()?;
                let length = self.length(MOST_ELEMENTS, "elements in a list")?;
                let mut values = Vec::new();
                for _ in 0..length {
                    values.push(self.value(kind, depth + 1)?);
                }
                Value::Array(values)
            }
            10 => Value::U64(self.u64()?),
            11 => Value::I64(i64::from_le_bytes(self.bytes()?)),
            12 => Value::F64(f64::from_le_bytes(self.bytes()?)),
            other => {
                return Err(
                    self.damaged(&format!("a value of the unknown kind {other} at offset {}", self.at))
                );
            }
        })
    }

    fn tensor(&mut self, name: &str) -> Result<TensorInfo> {
        let dimensions = self.u32()?;
        if !(1..=4).contains(&dimensions) {
            return Err(self.damaged(&format!("the tensor {name} with {dimensions} dimensions")));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            let n = match self.magic {
                VersionedMagic::GgufV1 => u64::from(self.u32()?),
                VersionedMagic::GgufV2 | VersionedMagic::GgufV3 => self.u64()?,
            };
            shape.push(usize::try_from(n).unwrap_or(usize::MAX));
        }
        shape.reverse();
        if shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).is_none_or(|n| n > 1 << 48) {
            return Err(self.damaged(&format!("the tensor {name} with shape {shape:?}")));
        }
        let kind = self.u32()?;
        let ggml_dtype = dtype(kind).ok_or_else(|| -> Error {
            Fault::new(&self.source.place, format!("the tensor {name} of type {}", name_of(kind)))
                .expected("one of F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q3_K, Q4_K, Q5_K, Q6_K")
                .next("Choose a file in another quantisation.")
                .into()
        })?;
        Ok(TensorInfo { ggml_dtype, shape: shape.into(), offset: self.u64()? })
    }
}

fn dtype(kind: u32) -> Option<GgmlDType> {
    Some(match kind {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        _ => return None,
    })
}

/// The names of the types that are met in the wild and not read.
fn name_of(kind: u32) -> String {
    let name = match kind {
        9 => "Q8_1",
        10 => "Q2_K",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        20 => "IQ4_NL",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        29 => "IQ1_M",
        34 => "TQ1_0",
        35 => "TQ2_0",
        39 => "MXFP4",
        other => return format!("number {other}"),
    };
    name.to_owned()
}
