//! What a repository holds, and which of its files a model needs. The rest (other formats of the same weights, pictures,
//! what it was trained with) is not fetched.

use crate::fault::{Fault, Result};
use serde_json::Value;
use std::collections::BTreeSet;

/// What lists the shards of large weights.
pub(super) const INDEX: &str = "model.safetensors.index.json";
const WEIGHTS: &str = "model.safetensors";
const ADAPTER: &str = "adapter_config.json";
const ADAPTER_WEIGHTS: &str = "adapter_model.safetensors";
/// Beside config.json and the weights: tokenizer, template, what generation starts from, terms.
const BESIDE: [&str; 14] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "modules.json",
    "model.toml",
];
/// A path longer than this is no file of a model.
const LONGEST_PATH: usize = 500;
/// More shards than any model has.
const MOST_SHARDS: usize = 2000;

/// A commit of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listing {
    /// The commit, 40 hexadecimal digits.
    pub(super) commit: String,
    /// Its files.
    pub(super) files: Vec<File>,
}

/// A file of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: String,
    /// Bytes, where the hub says so.
    pub(super) size: Option<u64>,
}

impl Listing {
    /// Reads what `/api/models/OWNER/NAME/revision/REV` says.
    pub(super) fn read(body: &[u8], place: &str) -> Result<Self> {
        let wrong = |found: &str| {
            Fault::new(place, found)
                .expected("what a hub says of a model: its commit and its files")
                .next("Check HF_ENDPOINT: is there a hub?")
        };
        let value: Value = serde_json::from_slice(body).map_err(|e| wrong(&format!("no JSON: {e}")))?;
        let commit = value["sha"].as_str().unwrap_or_default();
        if !is_commit(commit) {
            return Err(wrong("no commit").into());
        }
        let files = value["siblings"].as_array().ok_or_else(|| wrong("no list of files"))?;
        let files = files.iter().filter_map(|file| {
            let path = file["rfilename"].as_str()?.to_owned();
            Some(File { path, size: file["size"].as_u64().or_else(|| file["lfs"]["size"].as_u64()) })
        });
        Ok(Self { commit: commit.to_owned(), files: files.collect() })
    }

    fn has(&self, path: &str) -> bool {
        self.files.iter().any(|f| f.path == path)
    }

    /// What of it a model needs, before its shards are known: those that [`INDEX`], if it is among them, names, come
    /// beside it. With `named` that one file.
    pub(super) fn needed(&self, named: Option<&str>, place: &str) -> Result<Vec<String>> {
        if let Some(named) = named {
            safe(named, place)?;
            if self.has(named) {
                return Ok(vec![named.to_owned()]);
            }
            return Err(Fault::new(place, format!("no file {named}"))
                .expected(self.ggufs())
                .next("Name one of these with --file.")
                .into());
        }
        let beside = || BESIDE.iter().filter(|file| self.has(file)).map(|file| (*file).to_owned());
        if self.has(ADAPTER) && (self.has(ADAPTER_WEIGHTS) || !self.has("config.json")) {
            let own = [ADAPTER, ADAPTER_WEIGHTS].map(str::to_owned);
            if !self.has(ADAPTER_WEIGHTS) {
                return Err(Fault::new(place, format!("an adapter without {ADAPTER_WEIGHTS}"))
                    .expected("its weights as safetensors")
                    .next("Another format cannot be loaded safely: ask its makers for safetensors.")
                    .into());
            }
            return Ok(own.into_iter().chain(beside()).collect());
        }
        if self.has("config.json") {
            let weights = [INDEX, WEIGHTS].into_iter().find(|file| self.has(file));
            if let Some(weights) = weights {
                return Ok(beside().chain([weights.to_owned()]).collect());
            }
        }
        let ggufs: Vec<&str> = self.gguf_files().collect();
        match ggufs[..] {
            [only] => {
                safe(only, place)?;
                Ok(vec![only.to_owned()])
            }
            [] => Err(Fault::new(place, self.about())
                .expected("a model: weights as safetensors with a config.json, an adapter, or GGUF files")
                .next("Name another repository; weights in other formats cannot be loaded safely.")
                .into()),
            _ => Err(Fault::new(place, format!("{} GGUF files", ggufs.len()))
                .expected(self.ggufs())
                .next("Name one of them with --file.")
                .into()),
        }
    }

    fn gguf_files(&self) -> impl Iterator<Item = &str> {
        let is_gguf = |path: &&str| path.to_ascii_lowercase().ends_with(".gguf");
        self.files.iter().map(|f| f.path.as_str()).filter(is_gguf)
    }

    fn ggufs(&self) -> String {
        let all: Vec<&str> = self.gguf_files().take(12).collect();
        if all.is_empty() { self.about() } else { format!("one of {}", all.join(", ")) }
    }

    fn about(&self) -> String {
        let some: Vec<&str> = self.files.iter().take(6).map(|f| f.path.as_str()).collect();
        match some.len() {
            0 => "no files".to_owned(),
            _ => format!("{} files: {}, …", self.files.len(), some.join(", ")),
        }
    }
}

/// The shards that an index of weights names.
pub(super) fn shards(index: &[u8], place: &str) -> Result<BTreeSet<String>> {
    let wrong = |found: String| {
        Fault::new(place, found)
            .expected("the weight_map of a model's shards")
            .next("The repository is damaged: tell its makers, or name another one.")
    };
    let value: Value = serde_json::from_slice(index).map_err(|e| wrong(format!("no JSON: {e}")))?;
    let map = value["weight_map"].as_object().ok_or_else(|| wrong("no weight_map".to_owned()))?;
    let mut found = BTreeSet::new();
    for (tensor, file) in map {
        let file = file.as_str().ok_or_else(|| wrong(format!("no file for {tensor}")))?;
        safe(file, place)?;
        found.insert(file.to_owned());
        if found.len() > MOST_SHARDS {
            return Err(wrong(format!("more than {MOST_SHARDS} shards")).into());
        }
    }
    if found.is_empty() {
        return Err(wrong("no shard".to_owned()).into());
    }
    Ok(found)
}

/// Whether a name is a commit's.
pub(super) fn is_commit(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Refuses a path that would lead out of the folder it is put into, or that no file should have.
pub(super) fn safe(path: &str, place: &str) -> Result<()> {
    let part = |part: &str| {
        !part.is_empty() && part != "." && part != ".." && !part.ends_with([' ', '.']) && part.len() <= 255
    };
    let letters = |c: char| !c.is_control() && !"\\:*?\"<>|".contains(c);
    if path.len() <= LONGEST_PATH && path.chars().all(letters) && path.split('/').all(part) {
        return Ok(());
    }
    Err(Fault::new(place, format!("the path {path:?}"))
        .expected("a path of a file that stays in its folder")
        .next("Nothing of this repository is to be trusted; name another one.")
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(paths: &[&str]) -> Listing {
        let files = paths.iter().map(|p| File { path: (*p).to_owned(), size: None }).collect();
        Listing { commit: "0".repeat(40), files }
    }

    fn needed(paths: &[&str], named: Option<&str>) -> std::result::Result<Vec<String>, String> {
        listing(paths).needed(named, "o/m").map_err(|e| e.to_string())
    }

    #[test]
    fn of_several_formats_the_safe_one_is_taken_with_what_it_needs() {
        let all = [
            ".gitattributes",
            "README.md",
            "config.json",
            "model.safetensors",
            "pytorch_model.bin",
            "onnx/model.onnx",
            "tokenizer.json",
            "tf_model.h5",
            "m.Q4.gguf",
        ];
        assert_eq!(
            needed(&all, None).expect("a model"),
            ["config.json", "tokenizer.json", "model.safetensors"]
        );
        assert_eq!(needed(&all, Some("m.Q4.gguf")).expect("a file"), ["m.Q4.gguf"]);
        assert_eq!(needed(&["config.json", INDEX], None).expect("shards"), ["config.json", INDEX]);
        assert_eq!(
            needed(&[ADAPTER, ADAPTER_WEIGHTS, "optimizer.pt"], None).expect("an adapter"),
            [ADAPTER, ADAPTER_WEIGHTS]
        );
        assert_eq!(needed(&["a.gguf", "README.md"], None).expect("the only one"), ["a.gguf"]);
    }

    #[test]
    fn what_is_no_model_says_what_it_is() {
        for (paths, named, says) in [
            (&["config.json", "pytorch_model.bin"][..], None, "2 files: config.json, pytorch_model.bin"),
            (&[], None, "no files"),
            (&["a.gguf", "b.gguf"], None, "one of a.gguf, b.gguf. Name one of them with --file"),
            (&["a.gguf"], Some("c.gguf"), "no file c.gguf; expected one of a.gguf"),
            (&[ADAPTER, "adapter_model.bin"], None, "an adapter without adapter_model.safetensors"),
            (&["../../evil.gguf"], None, "the path \"../../evil.gguf\""),
        ] {
            let told = needed(paths, named).expect_err(says);
            assert!(told.contains(says), "{told}");
        }
    }

    #[test]
    fn no_path_leads_out_of_its_folder() {
        for path in [
            "",
            "/etc/passwd",
            "..",
            "a/../b",
            "a//b",
            "./a",
            "a/",
            "c:\\x",
            "a\\..\\b",
            "a\0b",
            "a\nb",
            "a.",
            "a ",
            "CON:",
        ] {
            assert!(safe(path, "o/m").is_err(), "{path:?}");
        }
        for path in ["a", "a/b.gguf", "model-00001-of-00002.safetensors", "ü.json", ".hidden"] {
            assert!(safe(path, "o/m").is_ok(), "{path:?}");
        }
        let index = br#"{"weight_map": {"a": "one.safetensors", "b": "../two.safetensors"}}"#;
        assert!(shards(index, "o/m").expect_err("out").to_string().contains("../two"));
        for (index, says) in [
            (&b"{"[..], "no JSON"),
            (b"{}", "no weight_map"),
            (br#"{"weight_map": {}}"#, "no shard"),
            (br#"{"weight_map": {"a": 7}}"#, "no file for a"),
        ] {
            assert!(shards(index, "o/m").expect_err(says).to_string().contains(says));
        }
    }

    #[test]
    fn what_a_hub_says_is_read() {
        let body = br#"{"sha": "0123456789012345678901234567890123456789", "siblings": [
            {"rfilename": "a", "size": 3}, {"rfilename": "b", "lfs": {"size": 4}}, {"odd": 1}, {"rfilename": "c"}]}"#;
        let found = Listing::read(body, "o/m").expect("read");
        let sizes: Vec<_> = found.files.iter().map(|f| (f.path.as_str(), f.size)).collect();
        assert_eq!(sizes, [("a", Some(3)), ("b", Some(4)), ("c", None)]);
        for (body, says) in [
            (&b"<html>"[..], "no JSON"),
            (br#"{"sha": "../../x", "siblings": []}"#, "no commit"),
            (br#"{"sha": "0123456789012345678901234567890123456789"}"#, "no list"),
        ] {
            assert!(Listing::read(body, "o/m").expect_err(says).to_string().contains(says));
        }
    }
}
