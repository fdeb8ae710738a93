//! Models of the Hugging Face hub, or of a server that speaks its protocol: which files of a repository a model needs,
//! and how they come into the cache that everyone on this machine shares.
//!
//! The cache is laid out as the package huggingface_hub lays it out: `blobs/` holds each content once, named by its
//! digest, `snapshots/COMMIT/` links to them by their names, `refs/` says which commit a branch was. So what that package
//! downloaded is found here without a network, and it finds what is downloaded here. `cache` is this layout, `listing`
//! what a repository holds and which of it is wanted, `download` brings one content, `digest` checks it.
//!
//! Nothing a hub says is trusted: paths that lead out of a folder are refused, sizes and digests are checked, the token
//! goes to the hub alone and not to where it sends on to. Knows nothing of what is in the files, or of terminals.

mod cache;
mod digest;
mod download;
mod listing;
mod pull;

pub use pull::{Pulled, Wanted, link, pull};

use crate::fault::{Fault, Result};
use crate::net::{Address, Key};
use std::path::{Path, PathBuf};

const ENDPOINT: &str = "https://huggingface.co";
/// A token is one line; a file of more is something else.
const LONGEST_TOKEN: u64 = 4096;

/// A hub, and how this machine uses it.
#[derive(Debug, Clone)]
pub struct Hub {
    /// Where it is.
    pub endpoint: Address,
    /// Where what was downloaded lies.
    pub cache: PathBuf,
    /// What it knows the person by.
    pub token: Option<Key>,
    /// Whether it may be asked at all.
    pub offline: bool,
}

impl Hub {
    /// As the variables say that huggingface_hub goes by: `HF_ENDPOINT`, `HF_TOKEN` or the token's file, `HF_HOME`,
    /// `HF_HUB_CACHE`, `HF_HUB_OFFLINE`. `variable` gives a variable of the environment.
    ///
    /// # Errors
    /// A [`Fault`] naming the variable or the file that will not do; never with a token in it.
    pub fn of(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let set = |name: &str| variable(name).filter(|v| !v.is_empty());
        let on = |name: &str| {
            set(name).is_some_and(|v| ["1", "ON", "YES", "TRUE"].contains(&v.to_ascii_uppercase().as_str()))
        };
        let user = set("HOME").or_else(|| set("USERPROFILE")).map(PathBuf::from);
        let path = |text: String| match (text.strip_prefix("~/"), &user) {
            (Some(rest), Some(user)) => user.join(rest),
            _ => PathBuf::from(text),
        };
        let home = set("HF_HOME").map(path).or_else(|| {
            let caches = set("XDG_CACHE_HOME").map(path).or_else(|| Some(user.as_ref()?.join(".cache")));
            Some(caches?.join("huggingface"))
        });
        let cache = set("HF_HUB_CACHE").or_else(|| set("HUGGINGFACE_HUB_CACHE")).map(path);
        let cache = cache.or_else(|| Some(home.as_ref()?.join("hub"))).ok_or_else(|| {
            Fault::new("the cache of models", "no folder that the environment names")
                .expected("HF_HOME, HF_HUB_CACHE or HOME")
                .next("Set HF_HOME to a folder with room for models.")
        })?;
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let endpoint = Address::parse(endpoint.trim_end_matches('/')).map_err(|found| {
            Fault::new("HF_ENDPOINT", found)
                .expected("the URL of a hub, as https://huggingface.co")
                .next("Correct the variable, or unset it.")
        })?;
        let token = match set("HF_TOKEN").or_else(|| set("HUGGING_FACE_HUB_TOKEN")) {
            Some(text) => Some(token(&text, "HF_TOKEN")?),
            None if on("HF_HUB_DISABLE_IMPLICIT_TOKEN") => None,
            None => {
                let file = set("HF_TOKEN_PATH").map(path).or_else(|| Some(home?.join("token")));
                file.map(|file| read_token(&file)).transpose()?.flatten()
            }
        };
        Ok(Self { endpoint, cache, token, offline: on("HF_HUB_OFFLINE") || on("TRANSFORMERS_OFFLINE") })
    }
}

fn token(text: &str, place: &str) -> Result<Key> {
    Key::new(text).map_err(|found| {
        Fault::new(place, found)
            .expected("the token of an account, as the hub gives it")
            .next("Put the token there again, or remove it: what is public needs none.")
            .into()
    })
}

fn read_token(file: &Path) -> Result<Option<Key>> {
    let place = file.display().to_string();
    match file.metadata() {
        Err(_) => return Ok(None),
        Ok(about) if !about.is_file() || about.len() > LONGEST_TOKEN => {
            return Err(Fault::new(place, "something that is no file of a token")
                .expected("one line")
                .into());
        }
        Ok(_) => {}
    }
    let text = std::fs::read_to_string(file).map_err(|e| Fault::io(file, "read", &e))?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    token(&text, &place).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn hub(set: &[(&str, &str)]) -> Result<Hub> {
        let all: HashMap<&str, &str> = set.iter().copied().collect();
        Hub::of(&|name| all.get(name).map(|v| (*v).to_owned()))
    }

    #[test]
    fn the_variables_that_everyone_else_goes_by_say_where_the_cache_is() {
        for (set, cache) in [
            (&[("HOME", "/h")][..], "/h/.cache/huggingface/hub"),
            (&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")], "/c/huggingface/hub"),
            (&[("HOME", "/h"), ("HF_HOME", "~/hf")], "/h/hf/hub"),
            (&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/models")], "/models"),
        ] {
            let hub = hub(set).expect("a hub");
            assert_eq!(hub.cache, Path::new(cache), "{set:?}");
            assert_eq!((hub.endpoint.to_string().as_str(), hub.offline), (ENDPOINT, false));
        }
        assert!(hub(&[]).expect_err("nowhere").to_string().contains("HF_HOME"));
        assert!(hub(&[("HOME", "/h"), ("HF_HUB_OFFLINE", "1")]).expect("a hub").offline);
    }

    #[test]
    fn a_token_comes_from_its_variable_or_its_file_and_is_in_no_message() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = dir.path().to_str().expect("UTF-8");
        assert!(hub(&[("HF_HOME", home)]).expect("a hub").token.is_none());
        std::fs::write(dir.path().join("token"), "hf_from_the_file\n").expect("written");
        let found = hub(&[("HF_HOME", home)]).expect("a hub");
        assert_eq!(found.token, Some(Key::new("hf_from_the_file").expect("a key")));
        assert!(!format!("{found:?}").contains("hf_from"));
        let other = hub(&[("HF_HOME", home), ("HF_TOKEN", "hf_from_a_variable")]).expect("a hub");
        assert_ne!(other.token, found.token);
        let told =
            hub(&[("HF_HOME", home), ("HF_TOKEN", "two words_secret")]).expect_err("no token").to_string();
        assert!(told.contains("HF_TOKEN") && !told.contains("secret"), "{told}");
        let told =
            hub(&[("HOME", "/h"), ("HF_ENDPOINT", "http://me:secret@hub")]).expect_err("no URL").to_string();
        assert!(told.contains("HF_ENDPOINT") && !told.contains("secret"), "{told}");
    }
}
