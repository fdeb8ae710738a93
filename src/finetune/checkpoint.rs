//! The state of a run in a folder beside its result, so that an interrupted run goes on to the same weights.

use super::adamw::AdamW;
use crate::fault::{Fault, Result};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

const FILE: &str = "checkpoint.safetensors";

/// Everything that the next step depends on and the recipe does not say.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    /// Steps done.
    pub step: usize,
    /// The adapters.
    pub values: Vec<f32>,
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

    /// The saved state, if there is one.
    ///
    /// # Errors
    /// A [`Fault`] if it is of another run or broken.
    pub fn load(&self, values: usize) -> Result<Option<State>> {
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
        Ok(Some(State {
            step,
            values: floats("values", values)?,
            adam: AdamW { m: floats("m", values)?, v: floats("v", values)? },
            losses: floats("losses", step)?,
            tokens: number("tokens")? as u64,
            seconds: number("seconds")?,
            held_out: meta
                .contains_key("held_out")
                .then(|| number("held_out"))
                .transpose()?
                .map(|l| l as f32),
        }))
    }

    /// Saves the state; the one before stays until this one is complete.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be written.
    pub fn save(&self, state: &State) -> Result<()> {
        let mut meta = HashMap::from([
            ("run".to_owned(), self.run.clone()),
            ("step".to_owned(), state.step.to_string()),
            ("tokens".to_owned(), state.tokens.to_string()),
            ("seconds".to_owned(), state.seconds.to_string()),
        ]);
        if let Some(loss) = state.held_out {
            meta.insert("held_out".to_owned(), loss.to_string());
        }
        let tensors = [
            ("values".to_owned(), vec![state.values.len()], &state.values[..]),
            ("m".to_owned(), vec![state.adam.m.len()], &state.adam.m[..]),
            ("v".to_owned(), vec![state.adam.v.len()], &state.adam.v[..]),
            ("losses".to_owned(), vec![state.losses.len()], &state.losses[..]),
        ];
        save(&self.folder.join(FILE), &packed(&tensors, meta)?)
    }

    /// Removes the folder: the run is complete.
    pub fn remove(self) {
        // What is left behind would be in nobody's way: a next run of that name is refused for its result first.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A safetensors file of `f32` tensors.
///
/// # Errors
/// A [`Fault`] if safetensors refuses a shape.
pub(super) fn packed(
    tensors: &[(String, Vec<usize>, &[f32])],
    meta: HashMap<String, String>,
) -> Result<Vec<u8>> {
    let wrong = |e: safetensors::SafeTensorError| {
        Fault::new("safetensors", e).expected("tensors that fit their shapes")
    };
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|(_, _, data)| data.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, dims, _), bytes)| {
            Ok((name, TensorView::new(Dtype::F32, dims.clone(), bytes).map_err(wrong)?))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(safetensors::serialize(views, Some(meta)).map_err(wrong)?)
}

/// Writes a file beside its place, syncs it and renames it there.
///
/// # Errors
/// A [`Fault`] if it cannot be written; what was there stays.
pub(super) fn save(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let written = std::fs::File::create(&beside)
        .and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()))
        .and_then(|()| std::fs::rename(&beside, path));
    Ok(written.map_err(|e| {
        // A torn file of ours is of no use to anyone.
        let _ = std::fs::remove_file(&beside);
        Fault::io(path, "write to", &e)
    })?)
}
