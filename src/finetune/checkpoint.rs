//! The state of a run in a folder beside its result, so that an interrupted run goes on to the same weights.

use super::adamw::AdamW;
use crate::fault::{Fault, Result};
use safetensors::tensor::{Dtype, SafeTensors};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

const FILE: &str = "checkpoint.safetensors";

/// Everything that the next step depends on, beside the values, and the recipe does not say.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    /// Steps done.
    pub step: usize,
    pub adam: AdamW,
    /// Mean loss of each step done.
    pub losses: Vec<f32>,
    /// Tokens read in them.
    pub tokens: u64,
    /// Seconds spent on them.
    pub seconds: f64,
    /// Loss on the held-out pairs before the first step.
    pub held_out: Option<f32>,
}

/// The folder of an unfinished run, held by this process alone.
#[derive(Debug)]
pub(super) struct Part {
    folder: PathBuf,
    /// What the run depends on: base, pairs, recipe.
    run: String,
    /// Held until the run ends; the system releases it with the process.
    _lock: std::fs::File,
}

impl Part {
    /// The folder beside `out`, made if need be.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be made or another process trains into it.
    pub fn open(out: &Path, run: String) -> Result<Self> {
        let mut name = out.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let folder = out.with_file_name(name);
        std::fs::create_dir_all(&folder).map_err(|e| Fault::io(&folder, "make", &e))?;
        let path = folder.join("lock");
        let lock = std::fs::File::create(&path).map_err(|e| Fault::io(&path, "write to", &e))?;
        lock.try_lock().map_err(|_| {
            Fault::new(folder.display(), "another process training into it")
                .expected("to be alone")
                .next("Wait for it, stop it, or choose another --out.")
        })?;
        Ok(Self { folder, run, _lock: lock })
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The saved state, if there is one; the values that it was saved with replace `values`.
    ///
    /// # Errors
    /// A [`Fault`] if it is of another run or broken; `values` are then as they were.
    pub fn load(&self, values: &mut [f32]) -> Result<Option<State>> {
        let path = self.folder.join(FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Fault::io(&path, "read", &e).into()),
        };
        let next = format!("Remove {} to start anew, or choose another --out.", self.folder.display());
        let broken = |found: String| {
            Fault::new(path.display(), found).expected("the state of an interrupted run").next(&next)
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| broken(e.to_string()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| broken(e.to_string()))?;
        let meta = header.metadata().clone().unwrap_or_default();
        if meta.get("run") != Some(&self.run) {
            return Err(Fault::new(
                self.folder.display(),
                "an interrupted run of another recipe, base or set of pairs",
            )
            .expected("one of this recipe on these pairs, to go on with")
            .next(next)
            .into());
        }
        let number = |name: &str| -> Result<f64> {
            let found = meta.get(name).and_then(|v| v.parse::<f64>().ok());
            Ok(found.ok_or_else(|| broken(format!("no number {name}")))?)
        };
        let floats = |name: &str, length: usize| -> Result<Vec<f32>> {
            let tensor = tensors.tensor(name).map_err(|e| broken(e.to_string()))?;
            let data = tensor.data().chunks_exact(4);
            let found: Vec<f32> = data.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            if tensor.dtype() != Dtype::F32 || found.len() != length {
                return Err(broken(format!("{name} of {} values", found.len())).into());
            }
            Ok(found)
        };
        let step = number("step")? as usize;
        let state = State {
            step,
            adam: AdamW { m: floats("m", values.len())?, v: floats("v", values.len())? },
            losses: floats("losses", step)?,
            tokens: number("tokens")? as u64,
            seconds: number("seconds")?,
            held_out: meta
                .contains_key("held_out")
                .then(|| number("held_out"))
                .transpose()?
                .map(|l| l as f32),
        };
        values.copy_from_slice(&floats("values", values.len())?);
        Ok(Some(state))
    }

    /// Saves the state with the values; the one before stays until this one is complete.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be written.
    pub fn save(&self, state: &State, values: &[f32]) -> Result<()> {
        let mut meta = BTreeMap::from([
            ("run".to_owned(), self.run.clone()),
            ("step".to_owned(), state.step.to_string()),
            ("tokens".to_owned(), state.tokens.to_string()),
            ("seconds".to_owned(), state.seconds.to_string()),
        ]);
        if let Some(loss) = state.held_out {
            meta.insert("held_out".to_owned(), loss.to_string());
        }
        let tensors = [
            Floats { name: "values", dims: &[values.len()], data: values },
            Floats { name: "m", dims: &[values.len()], data: &state.adam.m },
            Floats { name: "v", dims: &[values.len()], data: &state.adam.v },
            Floats { name: "losses", dims: &[state.losses.len()], data: &state.losses },
        ];
        save_tensors(&self.folder.join(FILE), &tensors, &meta)
    }

    /// Removes the folder: the run is complete.
    pub fn remove(self) {
        // What is left behind would be in nobody's way: a next run of that name is refused for its result first.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A tensor to write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floats<'a> {
    pub name: &'a str,
    pub dims: &'a [usize],
    pub data: &'a [f32],
}

/// Writes a safetensors file of `f32` tensors: the length of a JSON header, the header, the numbers one after the
/// other. Piece by piece, since all of a model beside the model would be too much; in the order of the names, so that
/// the same tensors are the same bytes.
///
/// # Errors
/// A [`Fault`] if it cannot be written; what was there stays.
pub(super) fn save_tensors(
    path: &Path,
    tensors: &[Floats<'_>],
    meta: &BTreeMap<String, String>,
) -> Result<()> {
    let mut tensors = tensors.to_vec();
    tensors.sort_by_key(|t| t.name);
    let mut header = serde_json::Map::from_iter([("__metadata__".to_owned(), json!(meta))]);
    let mut at = 0;
    for tensor in &tensors {
        let end = at + 4 * tensor.data.len();
        let about = json!({ "dtype": "F32", "shape": tensor.dims, "data_offsets": [at, end] });
        header.insert(tensor.name.to_owned(), about);
        at = end;
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    write_beside(path, |to| {
        to.write_all(&(header.len() as u64).to_le_bytes())?;
        to.write_all(&header)?;
        for x in tensors.iter().flat_map(|t| t.data) {
            to.write_all(&x.to_le_bytes())?;
        }
        Ok(())
    })
}

/// Writes a file beside its place, syncs it and renames it there.
///
/// # Errors
/// A [`Fault`] if it cannot be written; what was there stays.
pub(super) fn save(path: &Path, bytes: &[u8]) -> Result<()> {
    write_beside(path, |to| to.write_all(bytes))
}

fn write_beside(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<std::fs::File>) -> std::io::Result<()>,
) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let written = std::fs::File::create(&beside).and_then(|file| {
        let mut to = BufWriter::with_capacity(1 << 20, file);
        write(&mut to)?;
        to.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&beside, path)
    });
    Ok(written.map_err(|e| {
        // A torn file of ours is of no use to anyone.
        let _ = std::fs::remove_file(&beside);
        Fault::io(path, "write to", &e)
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_a_safetensors_file_and_the_same_bytes_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let tensors = [
            Floats { name: "b", dims: &[2, 1], data: &[1.5, -2.0] },
            Floats { name: "a", dims: &[1], data: &[0.25] },
        ];
        let meta = BTreeMap::from([("x".to_owned(), "1".to_owned()), ("w".to_owned(), "2".to_owned())]);
        let bytes = |name: &str| {
            save_tensors(&dir.path().join(name), &tensors, &meta).unwrap();
            std::fs::read(dir.path().join(name)).unwrap()
        };
        let written = bytes("one");
        assert_eq!(written, bytes("two"));
        let read = SafeTensors::deserialize(&written).unwrap();
        let b = read.tensor("b").unwrap();
        assert_eq!((b.dtype(), b.shape()), (Dtype::F32, &[2, 1][..]));
        assert_eq!(b.data(), [1.5f32.to_le_bytes(), (-2.0f32).to_le_bytes()].concat());
        assert_eq!(read.tensor("a").unwrap().data(), 0.25f32.to_le_bytes());
        let (_, header) = SafeTensors::read_metadata(&written).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["w"], "2");
    }
}
