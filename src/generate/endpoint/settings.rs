//! endpoint.toml: where a server is, which of its models is meant, and how it may be asked. Never a key, only the name of
//! the variable that holds it.

use super::told::{self, Told};
use crate::fault::{Fault, Result};
use crate::folder::{self, Folder};
use crate::job::Cancel;
use crate::net::{Address, Key};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;

/// The file in a model's folder that makes it an endpoint.
pub const ENDPOINT: &str = "endpoint.toml";
/// Requests in flight at a time, unless told otherwise.
pub const IN_FLIGHT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);
/// Seconds that the first piece of an answer is waited for, unless told otherwise: a server may load the model first.
pub const TIMEOUT_SECONDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(299);
/// More would only be a slip of the finger.
const MOST_IN_FLIGHT: usize = 1024;

/// An endpoint, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// What `/chat/completions` is added to: `http://host:8000/v1`.
    pub url: String,
    /// The model, as the server calls it.
    pub model: String,
    /// The variable of the environment that holds the key, if it wants one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key_env: Option<String>,
    /// How many requests it gets at a time when many answers are made.
    #[serde(default = "in_flight")]
    pub in_flight: NonZeroUsize,
    /// Seconds that the first piece of an answer is waited for.
    #[serde(default = "timeout")]
    pub timeout_seconds: NonZeroU32,
    /// Tokens that prompt and answer may have together, where the server does not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub context_tokens: Option<NonZeroUsize>,
    /// What ends an answer, beside what ends it for the model.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub stop: Vec<String>,
    /// What the server said of the model when it was added; it must not say otherwise later.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub said: BTreeMap<String, String>,
}

fn in_flight() -> NonZeroUsize {
    IN_FLIGHT
}

fn timeout() -> NonZeroU32 {
    TIMEOUT_SECONDS
}

impl Endpoint {
    /// An endpoint with the usual settings.
    pub fn new(url: &str, model: &str) -> Self {
        Self {
            url: url.to_owned(),
            model: model.to_owned(),
            key_env: None,
            in_flight: IN_FLIGHT,
            timeout_seconds: TIMEOUT_SECONDS,
            context_tokens: None,
            stop: Vec::new(),
            said: BTreeMap::new(),
        }
    }

    /// Reads a folder's endpoint.
    ///
    /// # Errors
    /// A [`Fault`] with the line or the value that is wrong.
    pub fn read(folder: &Folder) -> Result<Self> {
        let text = folder.read_text(ENDPOINT)?;
        let place = folder.place(ENDPOINT);
        let read: Self = toml::from_str(&text).map_err(|e| {
            let line =
                e.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            Fault::new(format!("{place}:{line}"), e.message())
                .expected("url, model, key_env, in_flight, timeout_seconds, context_tokens, stop or said")
                .next("Correct the line, or add the endpoint again under another name.")
        })?;
        read.check(&place)?;
        Ok(read)
    }

    /// Looks at every value that a person gives; `place` is where they gave it.
    ///
    /// # Errors
    /// A [`Fault`] naming the value, unless it could be a key.
    pub fn check(&self, place: &str) -> Result<()> {
        self.address(place)?;
        if self.model.trim().is_empty() || self.model.chars().any(char::is_control) {
            return Err(Fault::new(place, format!("the model {:?}", self.model))
                .expected("the name that the server knows it by")
                .next("The server lists its models at URL/models.")
                .into());
        }
        if self.in_flight.get() > MOST_IN_FLIGHT {
            return Err(Fault::new(place, format!("{} requests in flight", self.in_flight))
                .expected(format!("1 to {MOST_IN_FLIGHT}"))
                .next("Give it as many as the server answers at a time.")
                .into());
        }
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
                && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        };
        if self.key_env.as_deref().is_some_and(|name| !is_name(name)) {
            // Whoever gives the key itself must not find it in a message, or in a file.
            return Err(Fault::new(place, "no name of a variable (not shown: it could be the key itself)")
                .expected("the name of a variable in capitals, like VLLM_KEY, that holds the key")
                .next("Put the key into a variable of the environment, and name that.")
                .into());
        }
        Ok(())
    }

    /// Where it is.
    ///
    /// # Errors
    /// A [`Fault`] for what is no URL of a server.
    pub fn address(&self, place: &str) -> Result<Address> {
        let wrong = |found: String| {
            Fault::new(place, found).expected("the URL of a server, as http://host:8000/v1").next(
                "Most servers' API is at a path that ends in /v1; a key goes into a variable, see --key-env.",
            )
        };
        let address = Address::parse(&self.url).map_err(wrong)?;
        if address.has_query() {
            return Err(wrong("a URL with a query (?…)".to_owned()).into());
        }
        Ok(address)
    }

    /// Host and port, for people; the whole URL where it is none.
    pub fn host(&self) -> String {
        Address::parse(&self.url).map_or_else(|_| self.url.clone(), |a| a.host())
    }

    /// The key, from the environment.
    ///
    /// # Errors
    /// A [`Fault`] if the variable is not there or holds no key.
    pub fn key(&self) -> Result<Option<Key>> {
        let Some(name) = &self.key_env else { return Ok(None) };
        let wrong = |found: &str| {
            Fault::new(format!("the variable {name}"), found)
                .expected(format!("the key of {}", self.host()))
                .next(format!("Set it before juxta is started: export {name}=…"))
        };
        let text = std::env::var(name).map_err(|e| {
            wrong(match e {
                std::env::VarError::NotPresent => "nothing: it is not set",
                std::env::VarError::NotUnicode(_) => "a key that is no text",
            })
        })?;
        Ok(Some(Key::new(&text).map_err(wrong)?))
    }

    /// Asks the server what it says of its models. Where the API turns out to be below `/v1`, that is put into the URL.
    ///
    /// # Errors
    /// A [`Fault`] if it is not there or refuses, and [`crate::fault::Error::Cancelled`].
    pub fn ask(&mut self, cancel: &Cancel) -> Result<Told> {
        let place = format!("the endpoint {}", self.url);
        let mut address = self.address(&place)?;
        let key = self.key()?;
        let mut told = told::ask(&address, &self.model, key.as_ref(), &place, cancel)?;
        if told.is_none() && address.path() == "/" {
            let below = address.below("v1").map_err(|e| Fault::new(&place, e))?;
            if let Some(found) = told::ask(&below, &self.model, key.as_ref(), &place, cancel)? {
                (address, told) = (below, Some(found));
            }
        }
        self.url = address.to_string();
        Ok(told.unwrap_or_default())
    }

    /// BLAKE3, as hex, of what tells its answers from another's: where it is, which model, what the server said of that,
    /// and what ends an answer. Not of the key, nor of how often it is asked.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        };
        add("endpoint");
        add(&self.url);
        add(&self.model);
        self.stop.iter().for_each(|s| add(s));
        for (name, value) in &self.said {
            add(name);
            add(value);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Makes a folder a contender that answers so. The folder must not be there.
    ///
    /// # Errors
    /// A [`Fault`] if something is there already, or the disk would not take it.
    pub fn keep(&self, dir: &Path) -> Result<()> {
        if dir.exists() {
            return Err(Fault::new(dir.display(), "a model of this name")
                .expected("a new one")
                .next("Choose another name, or remove that folder first.")
                .into());
        }
        let text = toml::to_string_pretty(self).map_err(|e| Fault::new(dir.display(), e))?;
        folder::replace(&dir.join(ENDPOINT), text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_only_what_decides_answers_is_its_identity() {
        let mut endpoint = Endpoint::new("http://10.0.0.7:8000/v1", "mistral");
        endpoint.key_env = Some("VLLM_KEY".into());
        endpoint.context_tokens = NonZeroUsize::new(4096);
        endpoint.said.insert("root".into(), "/models/mistral".into());
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("far");
        endpoint.keep(&folder).expect("kept");
        assert!(endpoint.keep(&folder).expect_err("there").to_string().contains("a model of this name"));
        let read = Endpoint::read(&Folder::Disk(folder)).expect("read");
        assert_eq!(read, endpoint);
        let mut other = read.clone();
        other.key_env = None;
        other.in_flight = NonZeroUsize::MIN;
        assert_eq!(other.digest(), endpoint.digest());
        other.said.insert("root".into(), "/models/another".into());
        assert_ne!(other.digest(), endpoint.digest());
        other = read.clone();
        other.url = "http://10.0.0.8:8000/v1".into();
        assert_ne!(other.digest(), endpoint.digest());
    }

    #[test]
    fn a_key_given_for_its_name_is_refused_unseen() {
        let mut endpoint = Endpoint::new("http://h/v1", "m");
        for key in ["sk-abcdef123456", "hf_AbCdEf", "", "9A"] {
            endpoint.key_env = Some(key.into());
            let told = endpoint.check("--key-env").expect_err(key).to_string();
            assert!(told.contains("could be the key") && (key.is_empty() || !told.contains(key)), "{told}");
        }
    }

    #[test]
    fn mistakes_in_the_file_are_told_by_their_line() {
        let dir = tempfile::tempdir().expect("a folder");
        let told = |text: &str| {
            std::fs::write(dir.path().join(ENDPOINT), text).expect("written");
            Endpoint::read(&Folder::Disk(dir.path().to_owned())).expect_err(text).to_string()
        };
        let good = "url = \"http://h/v1\"\nmodel = \"m\"\n";
        for (text, says) in [
            (format!("{good}key = \"x\"\n"), "endpoint.toml:3: found unknown field"),
            (format!("{good}in_flight = 0\n"), "endpoint.toml:3"),
            (format!("{good}in_flight = 5000\n"), "5000 requests in flight"),
            ("url = \"http://h/v1?key=x\"\nmodel = \"m\"\n".into(), "a query"),
            ("url = \"http://h/v1\"\nmodel = \" \"\n".into(), "the model \" \""),
            ("model = \"m\"\n".into(), "missing field `url`"),
        ] {
            assert!(told(&text).contains(says), "{says}: {}", told(&text));
        }
    }
}
