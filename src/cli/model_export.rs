//! `juxta model export`: a model as a file for other programs.

use super::out::{self, Bar};
use crate::generate::{self, Numbers, Order, bytes};
use crate::job::interrupt::interruptible;
use crate::lab::Lab;
use std::path::PathBuf;

/// What to write where.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model: a name, or the path of a folder. An adapter is merged into its base.
    model: String,
    /// The file to write, which must not be there yet.
    #[arg(long, value_name = "FILE")]
    gguf: PathBuf,
    /// The numbers that matrices are written in.
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t = Type::F16)]
    numbers: Type,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Type {
    /// Two bytes each.
    F16,
    /// A little more than one byte each.
    #[value(name = "q8_0")]
    Q8,
}

pub(super) fn run(lab: &Lab, args: &Args) -> anyhow::Result<()> {
    let registry = lab.models.registry();
    let found = registry.find(&args.model)?;
    let numbers = match args.numbers {
        Type::F16 => Numbers::F16,
        Type::Q8 => Numbers::Q8,
    };
    let cancel = interruptible();
    {
        let bar = Bar::new();
        let order = Order { file: &args.gguf, numbers };
        generate::export(&found, &registry, &order, &|p| bar.show(&p), &cancel)
            .map_err(out::stopped("Nothing was written."))?;
    }
    let size = std::fs::metadata(&args.gguf).map_or(0, |m| m.len());
    out::text(&format!("{} as {}, {}\n", found.name, args.gguf.display(), bytes(size)))
}
