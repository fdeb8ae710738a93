//! Where something is on the network: `http(s)://host[:port]/path[?query]`, and nothing secret in it.

use std::fmt;
use ureq::http::Uri;

/// A URL of a host that is spoken to. Shown without its query: those of content networks hold signatures.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Uri);

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it, in words that never repeat a password in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("no URL: it does not begin with http:// or https://".to_owned());
        };
        if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
            return Err(format!("a URL of the scheme {scheme:?}"));
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err("a URL with a name or a password before its host".to_owned());
        }
        if text.contains('#') {
            return Err("a URL with a fragment (#…)".to_owned());
        }
        let uri: Uri = text.parse().map_err(|e| format!("no URL: {e}"))?;
        if uri.host().is_none_or(str::is_empty) {
            return Err("a URL without a host".to_owned());
        }
        Ok(Self(uri))
    }

    /// What a `Location` or `Link` at this address leads to.
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub fn join(&self, location: &str) -> Result<Self, String> {
        if location.contains("://") {
            return Self::parse(location);
        }
        let scheme = self.0.scheme_str().unwrap_or("http");
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{scheme}://{rest}"));
        }
        let authority = self.0.authority().map_or("", |a| a.as_str());
        if location.starts_with('/') {
            return Self::parse(&format!("{scheme}://{authority}{location}"));
        }
        let folder = self.0.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        Self::parse(&format!("{scheme}://{authority}{folder}/{location}"))
    }

    /// This address with `path` after its own: `http://host/v1` and `models` make `http://host/v1/models`.
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub fn below(&self, path: &str) -> Result<Self, String> {
        let scheme = self.0.scheme_str().unwrap_or("http");
        let authority = self.0.authority().map_or("", |a| a.as_str());
        let own = self.0.path().trim_end_matches('/');
        Self::parse(&format!("{scheme}://{authority}{own}/{path}"))
    }

    /// Whether the same program is spoken to: scheme, host and port.
    pub fn is_same_host(&self, other: &Self) -> bool {
        let of = |a: &Self| (a.0.scheme_str().map(str::to_ascii_lowercase), a.name(), a.port());
        of(self) == of(other)
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        let name = self.name();
        let ip = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        name == "localhost" || name.ends_with(".localhost") || ip.is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether nobody on the way can read along.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Host and port, for people.
    pub fn host(&self) -> String {
        self.0.authority().map(ToString::to_string).unwrap_or_default()
    }

    /// The path, `/` where there is none.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// Whether it has a query.
    pub fn has_query(&self) -> bool {
        self.0.query().is_some()
    }

    fn name(&self) -> String {
        self.0.host().unwrap_or_default().to_ascii_lowercase()
    }

    fn port(&self) -> u16 {
        let usual = if self.0.scheme_str() == Some("https") { 443 } else { 80 };
        self.0.port_u16().unwrap_or(usual)
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.0
    }
}

/// Without its query.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme_str().unwrap_or("http"), self.host())?;
        match self.0.path() {
            "/" => Ok(()),
            path => write!(f, "{}", path.trim_end_matches('/')),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn what_is_no_plain_url_is_refused_without_its_password() {
        for (text, says) in [
            ("", "no URL"),
            ("localhost:8000", "does not begin with http"),
            ("ftp://host/x", "scheme \"ftp\""),
            ("http://", "no URL"),
            ("http://me:s3cret@host/v1", "a name or a password"),
            ("http://host/v1#x", "fragment"),
            ("http://ho st/", "no URL"),
        ] {
            let told = Address::parse(text).expect_err(text);
            assert!(told.contains(says) && !told.contains("s3cret"), "{text}: {told}");
        }
    }

    #[test]
    fn redirects_are_joined_as_urls_are() {
        let at = address("https://hub.example:8443/a/b?c=d");
        for (location, expected) in [
            ("https://cdn.example/x?sig=1", "https://cdn.example/x"),
            ("//cdn.example/x", "https://cdn.example/x"),
            ("/x/y", "https://hub.example:8443/x/y"),
            ("y", "https://hub.example:8443/a/y"),
        ] {
            assert_eq!(at.join(location).expect(location).to_string(), expected);
        }
        assert_eq!(
            address("http://h:1/v1/").below("models").expect("joined").to_string(),
            "http://h:1/v1/models"
        );
    }

    #[test]
    fn a_host_is_another_one_by_scheme_name_or_port() {
        let one = address("https://Host.example/a");
        assert!(one.is_same_host(&address("https://host.example:443/b")));
        for other in ["http://host.example/a", "https://host.example:444/", "https://host.example.evil/"] {
            assert!(!one.is_same_host(&address(other)), "{other}");
        }
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for text in ["http://localhost:1", "http://127.0.0.1/", "http://[::1]:8000/v1"] {
            assert!(address(text).is_loopback(), "{text}");
        }
        assert!(!address("http://localhost.example/").is_loopback());
    }

    #[test]
    fn a_query_is_never_shown() {
        let signed = address("https://cdn.example/x?Signature=abc");
        assert!(!format!("{signed} {signed:?}").contains("abc"));
    }
}
