//! `juxta model add NAME SOURCE`: a model on this disk. What is wrong with it is said before anything is added.

use super::model_check::{refuse, summary};
use super::out::{self, Bar};
use crate::fault::Fault;
use crate::folder::Folder;
use crate::generate::{self, How, Kind};
use crate::job::interrupt::interruptible;
use crate::lab::Lab;
use std::path::{Path, PathBuf};

/// What of `model add` is for models on this disk.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model: a Hugging Face folder, a GGUF file, or a PEFT adapter's folder.
    #[arg(conflicts_with_all = ["recorded", "corpus"])]
    pub(super) source: Option<PathBuf>,
    /// Copy its files into the data folder, so that the source can go.
    #[arg(long, requires = "source")]
    copy: bool,
    /// Of an adapter: the model it was trained on, a name or a path, where its settings name another.
    #[arg(long, value_name = "NAME|PATH", requires = "source")]
    base: Option<String>,
}

pub(super) fn add(lab: &Lab, name: &str, source: &Path, args: &Args) -> anyhow::Result<()> {
    let registry = lab.models.registry();
    // A path, whatever models are called so.
    let whole = source.canonicalize().map_err(|e| Fault::io(source, "find", &e))?;
    let shown = match whole.extension() {
        // A file in a hub's cache is a link to one without an ending: as it was named.
        None if source.is_file() => std::path::absolute(source).map_err(|e| Fault::io(source, "find", &e))?,
        _ => whole,
    };
    let mut found = registry.find(&shown.to_string_lossy())?;
    name.clone_into(&mut found.name);
    let base = match (&args.base, &mut found.kind) {
        (None, _) => None,
        (Some(named), Kind::Adapter { base }) => {
            let known = registry.find(named)?;
            // A name stays one; a path is made whole, since it is read from another folder.
            let kept = match &known.folder {
                Folder::Disk(path) if known.name != *named => {
                    let whole = path.canonicalize().map_err(|e| Fault::io(path, "find", &e))?;
                    whole.to_string_lossy().into_owned()
                }
                _ => known.name.clone(),
            };
            base.clone_from(&kept);
            Some(kept)
        }
        (Some(_), kind) => {
            return Err(Fault::new("--base", format!("a model that is {kind}"))
                .expected("an adapter")
                .next("Leave --base out; a fine-tuned model names its base in model.toml.")
                .into());
        }
    };
    let seen = generate::inspect(&found, &registry);
    refuse(&seen, true)?;
    let cancel = interruptible();
    let place = {
        let bar = Bar::new();
        let how = How { copy: args.copy, base };
        generate::add(&found, name, &lab.paths.models(), how, &|p| bar.show(&p), &cancel)
            .map_err(out::stopped("Nothing was added."))?
    };
    out::text(&format!("{}added as {name}, in {}\n", summary(&seen), place.display()))
}
