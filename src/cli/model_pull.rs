//! `juxta model pull OWNER/NAME`: a model of the hub, into the cache that other programs share, and by its name among the
//! models.

use super::model::plain_name;
use super::out::{self, Bar};
use crate::fault::{Error, Fault};
use crate::folder::Folder;
use crate::generate::{Contender, Kind};
use crate::hub::{self, Hub, Wanted};
use crate::job::interrupt::interruptible;
use crate::lab::Lab;
use crate::text::{counted, one_line};

/// What to pull.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model, as the hub calls it.
    #[arg(value_name = "OWNER/NAME")]
    repository: String,
    /// A branch, a tag or a commit. `main` if left out.
    #[arg(long, value_name = "R")]
    revision: Option<String>,
    /// Of several GGUF files, which.
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
    /// What it is called from now on. Its name without the owner, or the file's, if left out.
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
}

pub(super) fn run(lab: &Lab, args: &Args) -> anyhow::Result<()> {
    let hub = Hub::of(&|name| std::env::var(name).ok())?;
    let wanted = Wanted {
        repository: args.repository.trim_matches('/').to_owned(),
        revision: args.revision.clone(),
        file: args.file.clone(),
    };
    let usual = |text: &str| text.rsplit('/').next().unwrap_or(text).to_owned();
    let by_file = |file: &str| {
        let name = usual(file);
        name.strip_suffix(".gguf").map(str::to_owned).unwrap_or(name)
    };
    let name = match (&args.name, &args.file) {
        (Some(name), _) => name.clone(),
        (None, Some(file)) => by_file(file),
        (None, None) => usual(&wanted.repository),
    };
    plain_name("--as", &name)?;
    free(lab, &name)?;
    let pulled = {
        let bar = Bar::new();
        let cancel = interruptible();
        hub::pull(&hub, &wanted, &|p| bar.show(&p), &cancel)
            .map_err(out::stopped("What was fetched is kept; the same command goes on from there."))?
    };
    let at = hub::link(&hub, &wanted, &pulled, &lab.paths.models(), &name)?;
    if let Some(why) = &pulled.unasked {
        out::remark(&format!("the hub was not asked; this is what was here. {why}"));
    }
    out::text(&format!(
        "{name}: {} of {} at {}, {} fetched now\n{}\n",
        counted(pulled.files, "file"),
        one_line(&wanted.repository),
        &pulled.commit[..12.min(pulled.commit.len())],
        pulled.fetched,
        at.display()
    ))?;
    let registry = lab.models.refresh();
    match registry.find(&name) {
        Ok(contender) => {
            if let Kind::Adapter { base } = &contender.kind
                && let Err(Error::Fault(_)) = registry.base_of(&contender)
            {
                out::remark(&format!("its base is not here: juxta model pull {base}"));
            }
            Ok(())
        }
        // It is there, and juxta cannot run it: the registry knows why.
        Err(unknown) => {
            let why = registry.faults.iter().find(|f| f.place.contains(&*at.to_string_lossy()));
            Err(why.map_or_else(|| unknown.into(), |fault| fault.clone().into()))
        }
    }
}

/// Before gigabytes are fetched: a name that something else has is no use.
fn free(lab: &Lab, name: &str) -> Result<(), Fault> {
    let is_link = |c: &Contender| match (&c.folder, &c.file) {
        (Folder::Disk(folder), Some(file)) => folder.join(file).is_symlink(),
        (Folder::Disk(folder), None) => folder.is_symlink(),
        (Folder::Bundled(_), _) => false,
    };
    match lab.models.registry().contenders.iter().find(|c| c.name == name) {
        Some(taken) if !is_link(taken) => Err(Fault::new(taken.place(), format!("a model called {name}"))
            .expected("a new name")
            .next("Choose another one with --as.")),
        _ => Ok(()),
    }
}
