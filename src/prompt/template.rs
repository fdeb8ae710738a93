//! A model's own chat template: the Jinja text that comes with its tokenizer and turns messages into the one
//! string that the model was trained to continue.
//!
//! Behaves like Hugging Face transformers' `apply_chat_template(add_generation_prompt=True)` with no tools and no
//! documents. Knows nothing of tokens or weights. Templates come from outside: they may fail and they may loop,
//! so that they run with a limit, and what they raise is told with the template's place.

use super::{Message, Role};
use crate::fault::{Fault, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind};
use std::collections::BTreeMap;

/// Steps a template may take. The longest of the common ones takes some two thousand for a short conversation.
const FUEL: u64 = 2_000_000;
/// Bytes that a template may write: many times the longest prompt that any window here holds.
const LONGEST: usize = 8 << 20;
const NAME: &str = "chat";

/// A chat template, parsed.
#[derive(Debug)]
pub struct Template {
    environment: Environment<'static>,
    specials: BTreeMap<String, String>,
    place: String,
    source: String,
    digest: String,
}

impl Template {
    /// Parses `source`; `specials` are the tokenizer's named tokens as the template calls them (`bos_token`,
    /// `eos_token`, …), and `place` is where the template came from, for messages.
    ///
    /// # Errors
    /// A [`Fault`] with the line that is no Jinja.
    pub fn new(source: &str, specials: BTreeMap<String, String>, place: &str) -> Result<Self> {
        let mut environment = Environment::new();
        environment.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()
                .map_err(|e| Fault::new(place, e).expected("the syntax of chat templates"))?,
        );
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.set_debug(false);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, Raised(message.clone()).to_string())
                .with_source(Raised(message)))
        });
        environment.add_function("strftime_now", |format: String| -> Result<String, Error> {
            jiff::fmt::strtime::format(&format, &jiff::Zoned::now())
                .map_err(|e| Error::new(ErrorKind::InvalidOperation, e.to_string()))
        });
        environment.add_filter("tojson", json::filter);
        environment
            .add_template_owned(NAME, without_generation_tags(source))
            .map_err(|e| fault(place, &e, "a chat template in Jinja"))?;
        let digest = blake3::hash(source.as_bytes()).to_hex().to_string();
        Ok(Self { environment, specials, place: place.to_owned(), source: source.to_owned(), digest })
    }

    /// BLAKE3 of the template's text, as hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The template's text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the template refuses a system message that these messages begin with, so that [`Template::render`] puts
    /// its text above the first question.
    pub fn folds_system(&self, messages: &[Message]) -> bool {
        self.attempt(messages).is_err_and(|e| raised(&e).is_some()) && self.render(messages).is_ok()
    }

    /// The prompt that asks the model for its turn after `messages`.
    ///
    /// Some templates refuse a system message; for those it is put above the first question, as their
    /// authors advise, rather than left out.
    ///
    /// # Errors
    /// A [`Fault`] if the template fails, raises, or takes too many steps.
    pub fn render(&self, messages: &[Message]) -> Result<String> {
        match self.attempt(messages) {
            Ok(text) => Ok(text),
            Err(first) => {
                let folded = raised(&first).and_then(|()| fold_system(messages));
                let again = folded.map(|folded| self.attempt(&folded));
                if let Some(Ok(text)) = again {
                    return Ok(text);
                }
                Err(fault(&self.place, &first, "a chat template that renders these messages").into())
            }
        }
    }

    fn attempt(&self, messages: &[Message]) -> Result<String, Error> {
        let mut context: BTreeMap<&str, Value> =
            self.specials.iter().map(|(name, text)| (name.as_str(), Value::from(text.as_str()))).collect();
        context.insert("messages", Value::from(Serde(messages)));
        context.insert("add_generation_prompt", Value::from(true));
        // transformers passes these as None, and templates ask `tools is not none`.
        context.insert("tools", Value::from(()));
        context.insert("documents", Value::from(()));
        let mut out = Limited(Vec::new());
        self.environment.get_template(NAME)?.render_captured_to(Value::from_pairs(context), &mut out)?;
        String::from_utf8(out.0).map_err(|e| Error::new(ErrorKind::WriteFailure, e.to_string()))
    }
}

/// Text that stops growing.
struct Limited(Vec<u8>);

impl std::io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(std::io::Error::other("too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a template raised, told apart from its own mistakes.
#[derive(Debug, thiserror::Error)]
#[error("the template refuses: {0}")]
struct Raised(String);

fn raised(error: &Error) -> Option<()> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(e) = source {
        if e.is::<Raised>() {
            return Some(());
        }
        source = e.source();
    }
    None
}

/// The same conversation with the system message above the first turn of the person.
fn fold_system(messages: &[Message]) -> Option<Vec<Message>> {
    let (system, rest) = match messages.split_first()? {
        (first, rest) if first.role == Role::System => (first, rest),
        _ => return None,
    };
    let mut rest = rest.to_vec();
    let user = rest.iter_mut().find(|m| m.role == Role::User)?;
    user.content = format!("{}\n\n{}", system.content, user.content);
    Some(rest)
}

fn fault(place: &str, error: &Error, expected: &str) -> Fault {
    let place = error.line().map_or_else(|| place.to_owned(), |line| format!("{place} line {line}"));
    let found = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => format!("a template that has not ended after {FUEL} steps"),
        (ErrorKind::WriteFailure, _) => format!("a template that writes more than {LONGEST} bytes"),
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    };
    Fault::new(place, found).expected(expected).next(
        "Put a template that works in chat_template.jinja beside the model's weights, or choose another model.",
    )
}

/// `{% generation %}` marks what transformers trains on; Jinja itself has no such tag. It changes no text.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        // Behind the two letters, or `{%}` would end before it begins.
        let Some(length) = rest[start + 2..].find("%}").map(|n| n + 2) else { break };
        let inside = &rest[start + 2..start + length];
        let bare = inside.trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+');
        let replaced = match bare {
            "generation" => Some(inside.replace("generation", "if true")),
            "endgeneration" => Some(inside.replace("endgeneration", "endif")),
            _ => None,
        };
        out.push_str(&rest[..start]);
        out.push_str("{%");
        out.push_str(replaced.as_deref().unwrap_or(inside));
        out.push_str("%}");
        rest = &rest[start + length + 2..];
    }
    out.push_str(rest);
    out
}

/// `tojson` as transformers has it: Python's `json.dumps(ensure_ascii=False)`, with nothing escaped for HTML.
mod json {
    use super::{Error, ErrorKind, Kwargs, Value};
    use serde::Serialize;
    use std::io::{self, Write};

    pub(super) fn filter(value: &Value, options: Kwargs) -> Result<String, Error> {
        let indent: Option<usize> = options.get("indent")?;
        // The other options of json.dumps do not change what these values look like.
        let _: (Option<bool>, Option<bool>) = (options.get("ensure_ascii")?, options.get("sort_keys")?);
        options.assert_all_used()?;
        let mut out = Vec::new();
        let written = match indent {
            Some(spaces) => {
                let spaces = vec![b' '; spaces.min(16)];
                let pretty = serde_json::ser::PrettyFormatter::with_indent(&spaces);
                value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, pretty))
            }
            None => value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Spaced)),
        };
        written.map_err(|e| Error::new(ErrorKind::BadSerialization, e.to_string()))?;
        String::from_utf8(out).map_err(|e| Error::new(ErrorKind::BadSerialization, e.to_string()))
    }

    /// Python's separators: `, ` and `: `.
    struct Spaced;

    impl serde_json::ser::Formatter for Spaced {
        fn begin_array_value<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
            if first { Ok(()) } else { w.write_all(b", ") }
        }
        fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
            if first { Ok(()) } else { w.write_all(b", ") }
        }
        fn begin_object_value<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
            w.write_all(b": ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages() -> Vec<Message> {
        let message = |role, content: &str| Message { role, content: content.to_owned() };
        vec![message(Role::System, "Be brief."), message(Role::User, " <b> & \"é\" ")]
    }

    fn template(source: &str) -> Template {
        let specials = BTreeMap::from([("bos_token".to_owned(), "<s>".to_owned())]);
        Template::new(source, specials, "a.jinja").expect("is a template")
    }

    fn rendered(source: &str) -> String {
        template(source).render(&messages()).expect("renders")
    }

    #[test]
    fn lines_with_only_a_block_leave_nothing() {
        let source =
            "{{ bos_token }}\n  {% for message in messages %}\n[{{ message['role'] }}]\n  {% endfor %}\n.\n";
        assert_eq!(rendered(source), "<s>\n[system]\n[user]\n.");
    }

    #[test]
    fn nothing_is_escaped_for_html() {
        assert_eq!(rendered("{{ messages[1].content }}"), " <b> & \"é\" ");
    }

    #[test]
    fn json_looks_as_python_writes_it() {
        assert_eq!(rendered("{{ messages[1] | tojson }}"), r#"{"role": "user", "content": " <b> & \"é\" "}"#);
        assert_eq!(rendered("{{ [1, 'a'] | tojson }}"), r#"[1, "a"]"#);
        assert_eq!(rendered("{{ [1] | tojson(indent=4) }}"), "[\n    1\n]");
    }

    #[test]
    fn python_methods_work() {
        assert_eq!(rendered("{{ messages[1].content.strip().replace('b', 'c').split()[0] }}"), "<c>");
        assert_eq!(rendered("{% for k, v in messages[0].items() %}{{ k }},{% endfor %}"), "role,content,");
        assert_eq!(
            rendered("{{ messages[0].content.startswith('Be') and messages[1:] | length == 1 }}"),
            "True"
        );
    }

    #[test]
    fn tools_are_none_as_in_transformers() {
        assert_eq!(
            rendered("{{ tools is none and documents is none }}{{ custom_tools is defined }}"),
            "TrueFalse"
        );
    }

    #[test]
    fn the_models_turn_is_asked_for() {
        assert_eq!(rendered("{% if add_generation_prompt %}<assistant>{% endif %}"), "<assistant>");
    }

    #[test]
    fn the_date_can_be_asked_for() {
        let year = rendered("{{ strftime_now('%d %b %Y') }}");
        assert_eq!(year.rsplit(' ').next().map(str::len), Some(4), "{year}");
        assert!(template("{{ strftime_now('%!') }}").render(&messages()).is_err());
    }

    #[test]
    fn generation_tags_change_nothing() {
        let source =
            "{% for m in messages %}{%- generation -%} {{ m.role }} {%- endgeneration %}{% endfor %}";
        assert_eq!(rendered(source), "systemuser");
    }

    #[test]
    fn half_a_tag_is_no_jinja_and_no_panic() {
        for source in ["{%}", "{{%}", "{%", "{%%}", "{%-%}", "a {% generation", "{%}%}"] {
            assert!(Template::new(source, BTreeMap::new(), "a.jinja").is_err(), "{source}");
        }
    }

    #[test]
    fn a_refused_system_message_is_put_above_the_question() {
        let source = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}\
                      {{ messages[0].role }}: {{ messages[0].content }}";
        assert_eq!(rendered(source), "user: Be brief.\n\n <b> & \"é\" ");
    }

    #[test]
    fn what_a_template_raises_is_told_with_its_place() {
        let error =
            template("\n\n{{ raise_exception('no questions') }}").render(&messages()).expect_err("raises");
        let message = error.to_string();
        assert!(
            message.starts_with("a.jinja line 3: found the template refuses: no questions;"),
            "{message}"
        );
    }

    #[test]
    fn a_template_that_does_not_end_is_stopped() {
        let source =
            "{% for a in range(9999) %}{% for b in range(9999) %}{% set c = b %}{% endfor %}{% endfor %}";
        let message = template(source).render(&messages()).expect_err("does not end").to_string();
        assert!(message.contains("not ended after 2000000 steps"), "{message}");
    }

    #[test]
    fn a_template_that_writes_without_end_is_stopped() {
        let source = "{% for a in range(9999) %}{{ 'long text ' * 100000 }}{% endfor %}";
        let message = template(source).render(&messages()).expect_err("is too long").to_string();
        assert!(message.contains("more than 8388608 bytes"), "{message}");
    }

    #[test]
    fn a_template_that_includes_itself_is_stopped() {
        assert!(template("{% include 'chat' %}").render(&messages()).is_err());
        assert!(template("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").render(&messages()).is_err());
    }

    #[test]
    fn no_jinja_is_refused_with_its_line() {
        let message =
            Template::new("a\n{% if %}", BTreeMap::new(), "a.jinja").expect_err("no Jinja").to_string();
        assert!(message.starts_with("a.jinja line 2: "), "{message}");
    }
}
