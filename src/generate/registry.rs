//! Which models there are: the bundled ones and those in the models folder. Reads small JSON and TOML files and
//! the first lines of GGUF headers, never weights, so that it is done before the first frame.

use super::adapter;
use super::card::{CARD, Card, TrainedOn};
use super::endpoint::{ENDPOINT, Endpoint};
use super::gguf;
use super::linked::{LINK, Link};
use super::recorded::RECORDED;
use super::shape::Shape;
use crate::fault::{Error, Fault, Result};
use crate::folder::Folder;
use crate::text::by_numbers;
use serde::Serialize;
use std::fmt;
use std::path::Path;

const BUNDLED: &str = "assets/models";
/// Known names that a fault tells before it counts the rest.
const NAMED: usize = 12;

/// A model that can answer: found, not loaded.
#[derive(Debug, Clone, Serialize)]
pub struct Contender {
    /// What it is called by: its folder's name, or its file's without `.gguf`.
    pub name: String,
    /// What it is called in lists.
    pub title: String,
    /// What it is made of.
    pub kind: Kind,
    /// `llama`; `None` for adapters, which have their base's.
    pub architecture: Option<String>,
    /// Numbers in its weights, where small files say so.
    pub parameters: Option<u64>,
    /// Terms and sources, as its card or file states them.
    pub licence: Option<String>,
    /// One or two sentences.
    pub description: Option<String>,
    /// Of what was fine-tuned: what on.
    pub trained_on: Option<TrainedOn>,
    /// Where it lies.
    #[serde(skip)]
    pub folder: Folder,
    /// The GGUF file in the folder.
    #[serde(skip)]
    pub file: Option<String>,
}

/// What a model is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A Hugging Face folder of weights.
    Base,
    /// A PEFT adapter.
    Adapter {
        /// The name or path of its base, as its settings give it: see [`Registry::base_of`].
        base: String,
    },
    /// A Hugging Face folder of weights that were all fine-tuned.
    Full {
        /// The name or path of its base, as its card gives it: see [`Registry::base_of`].
        base: String,
    },
    /// A GGUF file.
    Gguf,
    /// Answers that were recorded elsewhere: see [`super::Recording`].
    Recorded,
    /// A model behind a server: see [`super::Endpoint`].
    Endpoint {
        /// Host and port.
        host: String,
        /// The model, as the server calls it.
        model: String,
    },
}

impl Kind {
    /// The name or path of what it was fine-tuned from, if it was.
    pub fn base(&self) -> Option<&str> {
        match self {
            Self::Adapter { base } | Self::Full { base } => Some(base),
            Self::Base | Self::Gguf | Self::Recorded | Self::Endpoint { .. } => None,
        }
    }

    /// Whether it is a Hugging Face folder of whole weights: what fine-tuning starts from.
    pub fn is_whole(&self) -> bool {
        matches!(self, Self::Base | Self::Full { .. })
    }

    /// Whether an adapter can be put onto it.
    pub fn takes_adapters(&self) -> bool {
        self.is_whole() || *self == Self::Gguf
    }
}

/// As lists show it. The base's name comes from a file and is made printable by whoever prints this.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => write!(f, "base"),
            Self::Adapter { base } => write!(f, "adapter of {base}"),
            Self::Full { base } => write!(f, "fine-tuned from {base}"),
            Self::Gguf => write!(f, "GGUF"),
            Self::Recorded => write!(f, "recorded answers"),
            Self::Endpoint { host, model } => write!(f, "{model} at {host}"),
        }
    }
}

/// All models that were found.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// The models, the bundled ones first, then by name.
    pub contenders: Vec<Contender>,
    /// What was found and is no model that juxta can run.
    pub faults: Vec<Fault>,
}

impl Registry {
    /// Looks through the bundle and directly below `models_dir`. A folder that does not exist has no models.
    pub fn discover(models_dir: Option<&Path>) -> Self {
        let mut registry = Self::default();
        let mut bundled = Folder::bundled_below(BUNDLED);
        bundled.sort_by(|a, b| by_numbers(&a.name()).cmp(&by_numbers(&b.name())));
        for folder in bundled {
            registry.add(read(&folder));
        }
        if let Some(dir) = models_dir.filter(|dir| dir.exists()) {
            registry.look_below(dir);
        }
        registry
    }

    fn look_below(&mut self, dir: &Path) {
        let entries = match std::fs::read_dir(dir).and_then(Iterator::collect::<std::io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(e) => return self.faults.push(Fault::io(dir, "list", &e)),
        };
        let mut paths: Vec<_> = entries.iter().map(std::fs::DirEntry::path).collect();
        paths.sort_by(|a, b| by_numbers(&a.to_string_lossy()).cmp(&by_numbers(&b.to_string_lossy())));
        for path in paths {
            let hidden = path.file_name().is_none_or(|name| {
                let name = name.to_string_lossy();
                // `.part`: a run of fine-tuning that is not finished.
                name.starts_with('.') || name.ends_with(".part")
            });
            if !hidden && path.is_symlink() && !path.exists() {
                self.faults.push(
                    Fault::new(path.display(), "a link to what is not there any more")
                        .expected("a model, where the link leads")
                        .next("Pull the model again, or remove the link."),
                );
            } else if !hidden && (path.is_dir() || is_gguf(&path)) {
                self.add(at(&path));
            }
        }
    }

    fn add(&mut self, found: Result<Vec<Contender>>) {
        let found = match found {
            Ok(found) => found,
            Err(Error::Fault(fault)) => return self.faults.push(*fault),
            Err(Error::Cancelled) => return,
        };
        for contender in found {
            if let Some(other) = self.contenders.iter().find(|c| c.name == contender.name) {
                self.faults.push(
                    Fault::new(contender.place(), format!("a second model called {}", contender.name))
                        .expected(format!("one of this name, which is at {}", other.place()))
                        .next("Rename one of them, or name it by its path."),
                );
            } else {
                self.contenders.push(contender);
            }
        }
    }

    /// The model of that name, or at that path (a folder or a GGUF file).
    ///
    /// # Errors
    /// A [`Fault`] that lists the known names, or says what is wrong at the path.
    pub fn find(&self, name_or_path: &str) -> Result<Contender> {
        if let Some(contender) = self.contenders.iter().find(|c| c.name == name_or_path) {
            return Ok(contender.clone());
        }
        let path = Path::new(name_or_path);
        if path.is_dir() || path.is_file() {
            let mut found = at(path)?;
            if found.len() == 1 {
                return Ok(found.remove(0));
            }
            let files: Vec<String> = found.iter().filter_map(|c| c.file.clone()).collect();
            return Err(Fault::new(name_or_path, format!("several models: {}", files.join(", ")))
                .expected("a folder of one model, or a GGUF file")
                .next("Name one of the files.")
                .into());
        }
        let next = "Choose one of these, or add the model with `juxta model add`.";
        Err(self.unknown(name_or_path, "a model that is unknown, and no such path", next))
    }

    fn unknown(&self, place: &str, found: &str, next: &str) -> Error {
        let mut known: Vec<&Contender> = self.contenders.iter().collect();
        // What was fine-tuned comes after what stands by itself: there may be nine of the first kind for one of the second.
        known.sort_by_key(|c| c.kind.base().is_some());
        let names: Vec<&str> = known.iter().take(NAMED).map(|c| c.name.as_str()).collect();
        let more = match self.contenders.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more (`juxta model list`)"),
        };
        Fault::new(place, found)
            .expected(format!("one of {}{more}, or a path to a folder or a GGUF file", names.join(", ")))
            .next(next)
            .into()
    }

    /// The model that an adapter is for or that was fine-tuned: a path (from the adapter's folder or as it stands),
    /// a known name, or the last part of a name on a hub (`owner/name`).
    ///
    /// # Errors
    /// A [`Fault`] that lists the known names.
    pub fn base_of(&self, adapter: &Contender) -> Result<Contender> {
        let Some(base) = adapter.kind.base() else {
            return Err(Fault::new(adapter.place(), "nothing that was fine-tuned")
                .expected("a model that has a base")
                .into());
        };
        if let Some(known) = self.contenders.iter().find(|c| c.name == base && c.name != adapter.name) {
            return Ok(known.clone());
        }
        if let Folder::Disk(folder) = &adapter.folder {
            let beside = folder.join(base);
            if beside.exists() {
                return self.find(&beside.to_string_lossy());
            }
        }
        if Path::new(base).exists() {
            return self.find(base);
        }
        let last = base.trim_end_matches('/').rsplit('/').next().unwrap_or(base);
        if let Some(known) = self.contenders.iter().find(|c| c.name == last && c.name != adapter.name) {
            return Ok(known.clone());
        }
        let (file, key) = match adapter.kind {
            Kind::Adapter { .. } => (adapter::CONFIG, "base_model_name_or_path"),
            _ => (CARD, "base"),
        };
        let next = match adapter.kind {
            Kind::Adapter { .. } => {
                "Add that base with `juxta model add`, and the adapter with --base and the name you give it."
            }
            _ => "Add that base with `juxta model add` under this name.",
        };
        let found = format!("{key} = {base:?}, which is not here");
        Err(self.unknown(&adapter.folder.place(file), &found, next))
    }

    /// A base and what was fine-tuned from it, to begin with: of all whose base is here, first those trained on
    /// `corpus`, then those with the most examples.
    pub fn default_pair(&self, corpus: Option<&str>) -> Option<(Contender, Contender)> {
        let rank = |c: &Contender| {
            let trained = c.trained_on.as_ref();
            (trained.is_some_and(|t| Some(t.corpus.as_str()) == corpus), trained.map_or(0, |t| t.examples))
        };
        let mut tuned: Vec<&Contender> = self.contenders.iter().filter(|c| c.kind.base().is_some()).collect();
        // Stable: among equals the first that was found stays first.
        tuned.sort_by_key(|c| std::cmp::Reverse(rank(c)));
        tuned.into_iter().find_map(|tuned| Some((self.base_of(tuned).ok()?, tuned.clone())))
    }
}

impl Contender {
    /// Where it lies, for a person.
    pub fn place(&self) -> String {
        match (&self.file, &self.folder) {
            (Some(file), folder) => folder.place(file),
            (None, Folder::Disk(path)) => path.display().to_string(),
            (None, Folder::Bundled(path)) => format!("{path} (bundled)"),
        }
    }
}

fn is_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf"))
}

/// The models at a path.
fn at(path: &Path) -> Result<Vec<Contender>> {
    if path.is_dir() {
        return read(&Folder::Disk(path.to_owned()));
    }
    let (Some(name), true) = (path.file_name(), is_gguf(path)) else {
        return Err(Fault::new(path.display(), "a file that is no GGUF")
            .expected("a folder of a model, or a file ending in .gguf")
            .next("Name the folder that the model's files are in.")
            .into());
    };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    gguf_file(&Folder::Disk(parent.to_owned()), &name.to_string_lossy()).map(|c| vec![c])
}

/// The models in a folder: one, or each GGUF file in it.
fn read(folder: &Folder) -> Result<Vec<Contender>> {
    if folder.has(LINK) {
        return linked(folder).map(|contender| vec![contender]);
    }
    if folder.has(RECORDED) {
        return Ok(vec![with_card(folder, Card::read(folder)?, Kind::Recorded, None, None)]);
    }
    if folder.has(ENDPOINT) {
        let endpoint = Endpoint::read(folder)?;
        let kind = Kind::Endpoint { host: endpoint.host(), model: endpoint.model };
        let mut card = Card::read(folder)?;
        let at_a_time = endpoint.in_flight;
        card.description
            .get_or_insert_with(|| format!("Behind a server; up to {at_a_time} answers at a time."));
        return Ok(vec![with_card(folder, card, kind, None, None)]);
    }
    if folder.has(adapter::CONFIG) {
        let base = adapter::base_of(folder)?;
        return Ok(vec![with_card(folder, Card::read(folder)?, Kind::Adapter { base }, None, None)]);
    }
    if folder.has("config.json") {
        let shape = Shape::read(folder)?;
        let card = Card::read(folder)?;
        let kind = card.base.clone().map_or(Kind::Base, |base| Kind::Full { base });
        return Ok(vec![with_card(folder, card, kind, Some(shape.family.to_string()), shape.parameters())]);
    }
    let files: Vec<String> =
        folder.list()?.into_iter().filter(|f| !f.contains('/') && is_gguf(Path::new(f))).collect();
    if files.is_empty() {
        return Err(Fault::new(folder.place(""), "no config.json, no adapter_config.json and no GGUF file")
            .expected("a model")
            .next("Move the folder out of the models folder, or put the missing file there.")
            .into());
    }
    files.iter().map(|file| gguf_file(folder, file)).collect()
}

/// The model that a link leads to, under the link's name.
fn linked(folder: &Folder) -> Result<Contender> {
    let (link, name) = (Link::read(folder)?, folder.name());
    let target = link.target(folder, &name)?;
    let place = folder.place(LINK);
    let one = |n: usize| {
        Fault::new(&place, format!("{}, where {n} models are", target.display()))
            .expected("the place of one")
            .next(format!("`juxta model remove {name}`, and add one of its files."))
    };
    if target.join(LINK).is_file() {
        return Err(Fault::new(&place, format!("{}, which leads elsewhere itself", target.display()))
            .expected("the place of a model")
            .next(format!("`juxta model remove {name}`, and add the model it leads to."))
            .into());
    }
    let mut found = at(&target)?;
    if found.len() != 1 {
        return Err(one(found.len()).into());
    }
    let mut contender = found.remove(0);
    if let (Kind::Adapter { base }, Some(named)) = (&mut contender.kind, link.base) {
        *base = named;
    }
    if contender.title == contender.name {
        contender.title.clone_from(&name);
    }
    Ok(Contender { name, ..contender })
}

fn with_card(
    folder: &Folder,
    card: Card,
    kind: Kind,
    architecture: Option<String>,
    parameters: Option<u64>,
) -> Contender {
    let name = folder.name();
    Contender {
        title: card.title.unwrap_or_else(|| name.clone()),
        name,
        kind,
        architecture,
        parameters,
        licence: card.licence,
        description: card.description,
        trained_on: card.trained_on,
        folder: folder.clone(),
        file: None,
    }
}

fn gguf_file(folder: &Folder, file: &str) -> Result<Contender> {
    let about = gguf::peek(folder, file)?;
    let name =
        Path::new(file).file_stem().map_or_else(|| file.to_owned(), |s| s.to_string_lossy().into_owned());
    Ok(Contender {
        title: about.name.unwrap_or_else(|| name.clone()),
        name,
        kind: Kind::Gguf,
        architecture: about.architecture,
        parameters: about.parameters,
        licence: about.licence,
        description: about.description,
        trained_on: None,
        folder: folder.clone(),
        file: Some(file.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A models folder with adapters of the bundled reader: name, corpus, examples.
    fn adapters(list: &[(&str, &str, usize)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for (name, corpus, examples) in list {
            let folder = dir.path().join(name);
            std::fs::create_dir(&folder).expect("made");
            let base = r#"{"base_model_name_or_path": "reader"}"#;
            std::fs::write(folder.join(adapter::CONFIG), base).expect("written");
            let card = format!("trained_on = {{ corpus = {corpus:?}, examples = {examples} }}");
            std::fs::write(folder.join(CARD), card).expect("written");
        }
        dir
    }

    fn pair(list: &[(&str, &str, usize)], corpus: Option<&str>) -> Option<(String, String)> {
        let dir = adapters(list);
        let mut registry = Registry::discover(Some(dir.path()));
        // The bundle may hold adapters of its own.
        registry.contenders.retain(|c| c.kind == Kind::Base || matches!(c.folder, Folder::Disk(_)));
        registry.default_pair(corpus).map(|(base, adapter)| (base.name, adapter.name))
    }

    const LIST: [(&str, &str, usize); 4] = [
        ("a", "everyday", 1000),
        ("b", "biomedicine", 200),
        ("c", "biomedicine", 500),
        ("d", "biomedicine", 500),
    ];

    #[test]
    fn the_default_pair_is_of_the_corpus_and_has_the_most_examples() {
        let expected = |name: &str| Some(("reader".to_owned(), name.to_owned()));
        assert_eq!(pair(&LIST, Some("biomedicine")), expected("c"));
        assert_eq!(pair(&LIST, Some("everyday")), expected("a"));
        assert_eq!(pair(&LIST, Some("another")), expected("a"));
        assert_eq!(pair(&LIST, None), expected("a"));
    }

    #[test]
    fn there_is_no_default_pair_without_an_adapter() {
        assert_eq!(pair(&[], None), None);
    }

    #[test]
    fn an_adapter_is_listed_with_what_its_card_says() {
        let dir = adapters(&LIST);
        let registry = Registry::discover(Some(dir.path()));
        let found = registry.find("b").expect("known");
        assert_eq!(found.kind, Kind::Adapter { base: "reader".to_owned() });
        assert_eq!(found.trained_on, Some(TrainedOn { corpus: "biomedicine".to_owned(), examples: 200 }));
        assert_eq!(registry.base_of(&found).expect("bundled").name, "reader");
        let written = serde_json::to_value(&found).expect("plain data");
        assert_eq!(written["kind"]["adapter"]["base"], "reader");
        assert_eq!(written["trained_on"]["examples"], 200);
        assert!(written.get("folder").is_none());
    }

    #[test]
    fn a_folder_of_weights_whose_card_names_a_base_was_fine_tuned_from_it_and_an_unfinished_one_is_no_model()
    {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let reader = Folder::Bundled("assets/models/reader".to_owned());
        for name in ["whole", "whole-500.part"] {
            let folder = dir.path().join(name);
            std::fs::create_dir(&folder).expect("made");
            std::fs::write(folder.join("config.json"), reader.read("config.json").expect("bundled"))
                .expect("written");
            let card = "base = \"reader\"\ntrained_on = { corpus = \"mine\", examples = 9000 }";
            std::fs::write(folder.join(CARD), card).expect("written");
        }
        let registry = Registry::discover(Some(dir.path()));
        assert_eq!(registry.faults, []);
        let found = registry.find("whole").expect("known");
        assert_eq!(found.kind.to_string(), "fine-tuned from reader");
        assert_eq!(registry.base_of(&found).expect("bundled").name, "reader");
        let (base, tuned) = registry.default_pair(Some("mine")).expect("a pair");
        assert_eq!((base.name.as_str(), tuned.name.as_str()), ("reader", "whole"));
        assert!(registry.contenders.iter().all(|c| !c.name.ends_with(".part")));
    }

    #[test]
    fn a_models_folder_that_is_not_there_has_no_models() {
        let registry = Registry::discover(Some(Path::new("/no/such/folder")));
        assert_eq!(registry.faults, []);
        assert!(registry.contenders.iter().all(|c| matches!(c.folder, Folder::Bundled(_))));
    }
}
