//! Named tensors from safetensors files: the headers are read and checked first, then each tensor that is
//! wanted is read and widened to f32.
//!
//! Knows the file format and nothing of what the tensors mean. candle's own loaders want the file mapped (which
//! is unsafe, and ends in a signal when the file is cut short) or whole in memory, and name neither the file nor
//! the shapes when something does not fit.

use super::source::Source;
use crate::fault::{Fault, Result};
use crate::folder::Folder;
use crate::job::{Cancel, Progress, Report};
use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorInfo};
use std::collections::BTreeMap;
use std::ops::Range;

/// The format's own limit on a header, in bytes.
const LARGEST_HEADER: u64 = 100_000_000;
const ONE_FILE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// The tensors of a model, in f32 on the CPU, by their names in Hugging Face transformers.
#[derive(Debug, Clone, Default)]
pub struct Weights {
    tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// Puts `tensor` in the place of `name`.
    pub fn set(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.tensors.insert(name.into(), tensor);
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// All of them, given away.
    pub(super) fn into_tensors(self) -> BTreeMap<String, Tensor> {
        self.tensors
    }

    /// How many numbers they hold.
    pub fn parameters(&self) -> u64 {
        self.tensors.values().map(|t| t.elem_count() as u64).sum()
    }
}

/// What the headers of a model's files say is in them.
pub(super) struct Listing {
    sources: Vec<Source>,
    entries: BTreeMap<String, Entry>,
    /// Room for what is read: a model's hundreds of pieces in the place of each other.
    bytes: Vec<u8>,
}

struct Entry {
    source: usize,
    info: TensorInfo,
    /// Where the tensor's bytes start in its file.
    at: u64,
}

/// The weight files of a Hugging Face folder: one, or those that the index names, sorted.
pub(super) fn files_of(folder: &Folder) -> Result<Vec<String>> {
    if !folder.has(INDEX) {
        if !folder.has(ONE_FILE) && folder.has("pytorch_model.bin") {
            return Err(Fault::new(folder.place("pytorch_model.bin"), "weights as a Python pickle")
                .expected(format!("{ONE_FILE}, or {INDEX} and the files it names"))
                .next(
                    "Save the model as safetensors: model.save_pretrained(folder, safe_serialization=True).",
                )
                .into());
        }
        return Ok(vec![ONE_FILE.to_owned()]);
    }
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let text = folder.read_text(INDEX)?;
    let index: Index = serde_json::from_str(&text).map_err(|e| {
        Fault::new(folder.place(INDEX), e)
            .expected("an object with weight_map, from tensor names to file names")
            .next("Copy the file again from where the model came from.")
    })?;
    let mut files: Vec<String> = index.weight_map.into_values().collect();
    files.sort();
    files.dedup();
    if let Some(bad) = files.iter().find(|f| f.contains(['/', '\\']) || f.starts_with('.')) {
        return Err(Fault::new(folder.place(INDEX), format!("the file name {bad:?}"))
            .expected("names of files in the same folder")
            .next("Copy the file again from where the model came from.")
            .into());
    }
    Ok(files)
}

impl Listing {
    /// Reads the headers of `files`.
    pub(super) fn open(folder: &Folder, files: &[String]) -> Result<Self> {
        let mut listing = Self { sources: Vec::new(), entries: BTreeMap::new(), bytes: Vec::new() };
        for file in files {
            let mut source = Source::open(folder, file)?;
            let (header, start) = header(&mut source)?;
            for (name, info) in header {
                check(&source, start, &name, &info)?;
                let at = start + info.data_offsets.0 as u64;
                listing.entries.insert(name, Entry { source: listing.sources.len(), info, at });
            }
            listing.sources.push(source);
        }
        Ok(listing)
    }

    /// The names of all tensors.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The shape of a tensor.
    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|e| e.info.shape.as_slice())
    }

    /// The number type of most bytes, as the files call it.
    pub(super) fn types(&self) -> String {
        let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
        for entry in self.entries.values() {
            let (from, to) = entry.info.data_offsets;
            *bytes.entry(format!("{:?}", entry.info.dtype)).or_default() += (to - from) as u64;
        }
        bytes.into_iter().max_by_key(|(_, n)| *n).map(|(name, _)| name).unwrap_or_default()
    }

    /// Bytes of all tensors in the files.
    pub(super) fn bytes(&self) -> u64 {
        self.entries.values().map(|e| (e.info.data_offsets.1 - e.info.data_offsets.0) as u64).sum()
    }

    /// Where a tensor is, or would have to be, for a person.
    pub(super) fn place(&self, name: &str) -> String {
        let source = self.entries.get(name).map_or(0, |e| e.source);
        self.sources.get(source).map(|s| s.place.clone()).unwrap_or_default()
    }

    /// That tensor `name` is there and has the shape `expected`.
    pub(super) fn expect(&self, name: &str, expected: &[usize]) -> Result<()> {
        match self.shape(name) {
            Some(shape) if shape == expected => Ok(()),
            Some(shape) => {
                Err(Fault::new(self.place(name), format!("the tensor {name} with shape {shape:?}"))
                    .expected(format!("shape {expected:?}"))
                    .next("Check that the weights and config.json are of the same model.")
                    .into())
            }
            None => Err(Fault::new(self.place(name), format!("no tensor {name}"))
                .expected(format!("it, with shape {expected:?}"))
                .next("Check that the weights and config.json are of the same model, and copy them again.")
                .into()),
        }
    }

    /// Reads one tensor and widens it to f32.
    pub(super) fn read(&mut self, name: &str) -> Result<Tensor> {
        let Some(entry) = self.entries.get(name) else {
            return Err(Fault::new(self.place(name), format!("no tensor {name}")).expected("it").into());
        };
        let source = &mut self.sources[entry.source];
        let dtype = number_type(name, entry, source)?;
        let (from, to) = entry.info.data_offsets;
        let bytes = source.piece(entry.at, (to - from) as u64)?;
        Tensor::from_raw_buffer(&bytes, dtype, &entry.info.shape, &Device::Cpu)
            .and_then(|t| t.to_dtype(DType::F32))
            .map_err(|e| {
                Fault::new(&source.place, format!("the tensor {name}: {e}"))
                    .expected("numbers of type F32, F16 or BF16")
                    .next("Copy or download the file again.")
                    .into()
            })
    }

    /// Reads some rows of a matrix, widened to f32, into `to`, which has just room for them: as much of the file and no more.
    pub(super) fn rows(&mut self, name: &str, rows: Range<usize>, to: &mut [f32]) -> Result<()> {
        let Some((entry, [_, inner])) =
            self.entries.get(name).and_then(|e| Some((e, <[usize; 2]>::try_from(&e.info.shape[..]).ok()?)))
        else {
            return Err(Fault::new(self.place(name), format!("no matrix {name}")).expected("it").into());
        };
        let source = &mut self.sources[entry.source];
        let dtype = number_type(name, entry, source)?;
        assert_eq!(to.len(), rows.len() * inner, "room for rows of {name}");
        let (from, of_row) = (entry.at, (inner * dtype.size_in_bytes()) as u64);
        let bytes = &mut self.bytes;
        source.put(from + rows.start as u64 * of_row, rows.len() as u64 * of_row, bytes)?;
        let halves = |to: &mut [f32], wide: fn(u16) -> f32| {
            let all = to.iter_mut().zip(bytes.as_chunks::<2>().0);
            all.for_each(|(to, x)| *to = wide(u16::from_le_bytes(*x)));
        };
        match dtype {
            DType::F16 => halves(to, |x| f16::from_bits(x).to_f32()),
            DType::BF16 => halves(to, |x| bf16::from_bits(x).to_f32()),
            _ => {
                let all = to.iter_mut().zip(bytes.as_chunks::<4>().0);
                all.for_each(|(to, x)| *to = f32::from_le_bytes(*x));
            }
        }
        Ok(())
    }

    /// Reads `names`, looking at `cancel` between two tensors.
    pub(super) fn read_all(
        &mut self,
        names: &[String],
        doing: &str,
        report: Report,
        cancel: &Cancel,
    ) -> Result<Weights> {
        let mut weights = Weights::default();
        for (n, name) in names.iter().enumerate() {
            cancel.check()?;
            report(Progress { doing: doing.to_owned(), done: n as u64, total: names.len() as u64 });
            weights.set(name.clone(), self.read(name)?);
        }
        Ok(weights)
    }
}

fn number_type(name: &str, entry: &Entry, source: &Source) -> Result<DType> {
    match entry.info.dtype {
        Dtype::F32 => Ok(DType::F32),
        Dtype::F16 => Ok(DType::F16),
        Dtype::BF16 => Ok(DType::BF16),
        other => Err(Fault::new(&source.place, format!("the tensor {name} of type {other:?}"))
            .expected("numbers of type F32, F16 or BF16")
            .next("Convert the weights to one of these types; quantised models are read from GGUF files.")
            .into()),
    }
}

/// A file's table of tensors, and where their bytes start.
fn header(source: &mut Source) -> Result<(BTreeMap<String, TensorInfo>, u64)> {
    let damaged = |source: &Source, found: String| {
        Fault::new(&source.place, found)
            .expected("a safetensors file")
            .next("Copy or download the file again: it is cut short, damaged, or something else.")
    };
    let size = source.piece(0, 8)?;
    let size = u64::from_le_bytes(size.try_into().unwrap_or([0xff; 8]));
    if size > LARGEST_HEADER {
        return Err(damaged(source, format!("a header of {size} bytes")).into());
    }
    if size + 8 > source.len {
        return Err(source.cut_short(&format!("a header of {size} bytes")));
    }
    let bytes = source.piece(8, size)?;
    let mut table: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&bytes)
        .map_err(|e| damaged(source, format!("a header that is no table: {e}")))?;
    table.remove("__metadata__");
    let mut header = BTreeMap::new();
    for (name, value) in table {
        let info: TensorInfo = serde_json::from_value(value)
            .map_err(|e| damaged(source, format!("the tensor {name} described as no tensor: {e}")))?;
        header.insert(name, info);
    }
    Ok((header, 8 + size))
}

/// That a tensor lies within the file and takes the bytes that its shape and type need.
fn check(source: &Source, start: u64, name: &str, info: &TensorInfo) -> Result<()> {
    let (from, to) = info.data_offsets;
    let bits = info
        .shape
        .iter()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .and_then(|n| n.checked_mul(info.dtype.bitsize()));
    if to < from || bits.is_none_or(|bits| bits.div_ceil(8) != to - from) {
        return Err(Fault::new(
            &source.place,
            format!("the tensor {name} with shape {:?} in bytes {from} to {to}", info.shape),
        )
        .expected(format!("as many bytes as shape and type {:?} need", info.dtype))
        .next("Copy or download the file again: its header is damaged.")
        .into());
    }
    if (to as u64).checked_add(start).is_none_or(|end| end > source.len) {
        return Err(source.cut_short(&format!("the tensor {name} in bytes {from} to {to} after its header")));
    }
    Ok(())
}
