//! What tells a model's answers from another's, known without loading it.

use super::endpoint::Endpoint;
use super::registry::{Contender, Kind, Registry};
use crate::fault::Result;

/// What the loader reads beside the weights: settings, tokenizer, template, card.
const SETTINGS: [&str; 3] = ["json", "jinja", "toml"];
const WEIGHTS: &str = "safetensors";
/// What it reads beside a GGUF file, where the file lacks it.
const BESIDE: [&str; 2] = ["tokenizer.json", "chat_template.jinja"];

/// BLAKE3, as hex, over the files that decide how a contender answers: weights, settings, tokenizer, chat template,
/// card; of an adapter those of its base too. Files for people, like a README, do not enter. The same for a folder on
/// disk and its bundled copy. Of an endpoint it is what it was added as: where it is, which model, what the server said.
///
/// # Errors
/// A [`crate::fault::Fault`] if a file cannot be read, or an adapter's base is not known.
pub fn identity(contender: &Contender, registry: &Registry) -> Result<String> {
    if let Kind::Endpoint { .. } = contender.kind {
        return Ok(Endpoint::read(&contender.folder)?.digest());
    }
    let own = of_folder(contender)?;
    // An adapter's folder has no weights of its own to answer with.
    if !contender.folder.has(super::adapter::CONFIG) {
        return Ok(own);
    }
    let base = of_folder(&registry.base_of(contender)?)?;
    Ok(blake3::hash(format!("{own}\n{base}").as_bytes()).to_hex().to_string())
}

fn of_folder(contender: &Contender) -> Result<String> {
    // A GGUF file may lie among anything; what the loader reads beside it is no more than this.
    if let Some(file) = &contender.file {
        let beside = BESIDE.iter().filter(|name| contender.folder.has(name)).map(|name| (*name).to_owned());
        let files: Vec<String> = std::iter::once(file.clone()).chain(beside).collect();
        return contender.folder.digest_of(&files);
    }
    let mut files = contender.folder.list()?;
    files.retain(|name| {
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        // What lies deeper is not read.
        !name.contains('/') && (ending == WEIGHTS || SETTINGS.contains(&ending))
    });
    contender.folder.digest_of(&files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;
    use std::path::Path;

    fn copy(of: &Folder, to: &Path) {
        std::fs::create_dir_all(to).expect("made");
        for file in of.list().expect("listed") {
            std::fs::write(to.join(&file), of.read(&file).expect("read")).expect("written");
        }
    }

    #[test]
    fn a_copy_is_the_same_model_until_a_file_that_decides_its_answers_changes() {
        let registry = Registry::discover(None);
        let bundled = registry.find("reader").expect("bundled");
        let dir = tempfile::tempdir().expect("a folder");
        copy(&bundled.folder, dir.path());
        let of = || {
            let found = registry.find(&dir.path().to_string_lossy()).expect("a model");
            identity(&found, &registry).expect("read")
        };
        let before = of();
        assert_eq!(before, identity(&bundled, &registry).expect("read"));
        std::fs::write(dir.path().join("README.md"), "for people").expect("written");
        assert_eq!(of(), before);
        let settings = dir.path().join("tokenizer_config.json");
        let text = std::fs::read_to_string(&settings).expect("read");
        std::fs::write(&settings, format!("{text} ")).expect("written");
        assert_ne!(of(), before);
    }

    #[test]
    fn an_adapter_is_another_model_on_another_base() {
        let registry = Registry::discover(None);
        let adapter = registry.find("reader-biomedicine-500").expect("bundled");
        let mut other = registry.clone();
        let dir = tempfile::tempdir().expect("a folder");
        let base = dir.path().join("reader");
        copy(&registry.find("reader").expect("bundled").folder, &base);
        let card = base.join("model.toml");
        let text = std::fs::read_to_string(&card).expect("read");
        std::fs::write(&card, format!("{text}\n# another")).expect("written");
        other.contenders.retain(|c| c.name != "reader");
        other.contenders.push(registry.find(&base.to_string_lossy()).expect("a model"));
        assert_ne!(identity(&adapter, &registry).expect("read"), identity(&adapter, &other).expect("read"));
    }
}
