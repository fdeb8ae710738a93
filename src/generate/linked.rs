//! Models that were added by name: a folder of that name with a small file that says where the model lies, below it where
//! it was copied, or elsewhere.
//!
//! A folder is made beside and renamed, so that a model is there whole or not at all.

use super::registry::{Contender, Kind};
use crate::fault::{Fault, Result};
use crate::folder::{self, Folder};
use crate::job::{Cancel, Progress, Report};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The file that says where the model lies.
pub(super) const LINK: &str = "source.toml";
/// Where copies lie, below the folder.
const COPIED: &str = "files";
/// What is copied of a model's folder: what the loader reads, and what people should.
const KEPT: [&str; 6] = ["json", "jinja", "toml", "safetensors", "txt", "md"];

/// Where an added model lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Link {
    /// From the folder that this file is in, or from the root.
    pub(super) path: PathBuf,
    /// Of an adapter: the name or path of its base, before what its own settings say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base: Option<String>,
}

impl Link {
    pub(super) fn read(folder: &Folder) -> Result<Self> {
        let text = folder.read_text(LINK)?;
        toml::from_str(&text).map_err(|e| {
            Fault::new(folder.place(LINK), e.message())
                .expected("path and, of an adapter, base")
                .next("Remove the model with `juxta model remove`, and add it again.")
                .into()
        })
    }

    /// Where the model lies, seen from the folder of the link.
    pub(super) fn target(&self, folder: &Folder, name: &str) -> Result<PathBuf> {
        let target = match folder {
            Folder::Disk(dir) => dir.join(&self.path),
            Folder::Bundled(_) => self.path.clone(),
        };
        if target.exists() {
            return Ok(target);
        }
        Err(Fault::new(folder.place(LINK), format!("{}, which is not there", target.display()))
            .expected(format!("the model that was added as {name}"))
            .next(format!("Put it back, or forget it with `juxta model remove {name}`."))
            .into())
    }
}

/// Adds the model `found` to `models_dir` under a name, by its path or copied. An adapter's base is what `base` says.
/// Looks at `cancel` while it copies; nothing is left half added.
///
/// # Errors
/// A [`Fault`] for a name that is taken, and what the disk says.
pub fn add(
    found: &Contender,
    name: &str,
    models_dir: &Path,
    how: How,
    report: Report,
    cancel: &Cancel,
) -> Result<PathBuf> {
    let to = models_dir.join(name);
    if to.exists() {
        return Err(Fault::new(to.display(), format!("a model called {name}"))
            .expected("a new name")
            .next(format!("Choose another one, or `juxta model remove {name}` first."))
            .into());
    }
    let Folder::Disk(source) = &found.folder else {
        return Err(Fault::new(found.place(), "a bundled model")
            .expected("a folder or a file on disk")
            .next("It is there under its own name already.")
            .into());
    };
    std::fs::create_dir_all(models_dir).map_err(|e| Fault::io(models_dir, "make", &e))?;
    let beside = tempfile::Builder::new()
        .prefix(".adding-")
        .tempdir_in(models_dir)
        .map_err(|e| Fault::io(models_dir, "write to", &e))?;
    let path = if how.copy {
        let inside = beside.path().join(COPIED);
        std::fs::create_dir(&inside).map_err(|e| Fault::io(&inside, "make", &e))?;
        let files = files_of(found, source)?;
        for (n, file) in files.iter().enumerate() {
            let doing = format!("copying {file}");
            let tell = |done: u64, total: u64| report(Progress { doing: doing.clone(), done, total });
            copy(&source.join(file), &inside.join(file), &tell, cancel)?;
            report(Progress { doing: format!("copying {name}"), done: n as u64, total: files.len() as u64 });
        }
        match &found.file {
            Some(file) => Path::new(COPIED).join(file),
            None => PathBuf::from(COPIED),
        }
    } else {
        // The folder alone: a file in a hub's cache is a link to one without an ending.
        let folder = source.canonicalize().map_err(|e| Fault::io(source, "find", &e))?;
        found.file.as_ref().map_or_else(|| folder.clone(), |file| folder.join(file))
    };
    if path.to_str().is_none() {
        return Err(Fault::new(path.display(), "a path that is not UTF-8")
            .expected("a path that can be written down")
            .next("Rename its folders, or add the model with --copy.")
            .into());
    }
    let link = Link { path, base: how.base };
    let text = toml::to_string(&link).map_err(|e| Fault::new(to.display(), e).expected("a path"))?;
    folder::replace(&beside.path().join(LINK), text.as_bytes())?;
    cancel.check()?;
    // The folder for temporary files is the owner's alone; a model's is as any other.
    let made = beside.keep();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o755));
    }
    std::fs::rename(&made, &to).map_err(|e| {
        let _ = std::fs::remove_dir_all(&made);
        Fault::io(&to, "make", &e)
    })?;
    Ok(to)
}

/// How a model is added.
#[derive(Debug, Clone, Default)]
pub struct How {
    /// Whether its files are copied, so that the ones it came from can go.
    pub copy: bool,
    /// Of an adapter: the name or path of its base, where its settings name another.
    pub base: Option<String>,
}

/// Removes what [`add`] or a training made below `models_dir`: the folder or file of that name, never what a link leads to.
///
/// # Errors
/// A [`Fault`] for a model that is bundled or lies elsewhere, and what the disk says.
pub fn remove(name: &str, models_dir: &Path) -> Result<PathBuf> {
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
    let places = [models_dir.join(name), models_dir.join(format!("{name}.gguf"))];
    let Some(place) = places.into_iter().find(|p| plain && p.symlink_metadata().is_ok()) else {
        return Err(Fault::new(models_dir.join(name).display(), "no such model of your own")
            .expected("one that was added, or put into the models folder")
            .next("`juxta model list` shows the names; bundled models stay.")
            .into());
    };
    // Renamed first, so that a removal that is cut short leaves nothing that looks like a model.
    let going = tempfile::Builder::new()
        .prefix(".removing-")
        .tempdir_in(models_dir)
        .map_err(|e| Fault::io(models_dir, "write to", &e))?;
    std::fs::rename(&place, going.path().join("model")).map_err(|e| Fault::io(&place, "remove", &e))?;
    going.close().map_err(|e| Fault::io(&place, "remove", &e))?;
    Ok(place)
}

/// The files of a model that are copied: those right in its folder that the loader reads, or its one GGUF file with
/// what may lie beside it.
fn files_of(found: &Contender, source: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(source).map_err(|e| Fault::io(source, "list", &e))?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| Fault::io(source, "list", &e))?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let ending = Path::new(&name).extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
        let wanted = match (&found.file, &found.kind) {
            (Some(file), _) => *file == name || name == "tokenizer.json" || name == "chat_template.jinja",
            (None, Kind::Recorded) => true,
            (None, _) => KEPT.contains(&ending.as_str()) || name.to_uppercase().starts_with("LICEN"),
        };
        if wanted && !name.starts_with('.') && entry.path().is_file() {
            files.push(name);
        }
    }
    files.sort();
    Ok(files)
}

fn copy(from: &Path, to: &Path, tell: &dyn Fn(u64, u64), cancel: &Cancel) -> Result<()> {
    let mut source = std::fs::File::open(from).map_err(|e| Fault::io(from, "read", &e))?;
    let total = source.metadata().map_err(|e| Fault::io(from, "read", &e))?.len();
    let mut target = std::fs::File::create(to).map_err(|e| Fault::io(to, "write", &e))?;
    let mut buffer = vec![0; 1 << 20];
    let mut done = 0;
    loop {
        cancel.check()?;
        tell(done, total);
        let n = source.read(&mut buffer).map_err(|e| Fault::io(from, "read", &e))?;
        if n == 0 {
            break;
        }
        target.write_all(&buffer[..n]).map_err(|e| Fault::io(to, "write", &e))?;
        done += n as u64;
    }
    target.sync_all().map_err(|e| Fault::io(to, "write", &e).into())
}
