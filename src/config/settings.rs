//! Settings: the defaults of the binary, and over them the person's own file.

use super::Paths;
use crate::fault::{Fault, Result};
use crate::retrieve::Ranking;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Every setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The lab's screen.
    pub lab: Lab,
    /// How passages are cut and found.
    pub retrieval: Retrieval,
    /// How answers are drawn.
    pub sampling: SamplingSettings,
    /// How models of this machine are computed.
    pub engine: Engine,
    /// What is judged.
    pub rubric: Rubric,
}

/// The lab's screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lab {
    /// Who judges; empty for the name they are logged in under.
    pub annotator: String,
    /// The highlight layers shown at the start.
    pub highlight: Vec<Layer>,
    /// Whether colours are used.
    pub colour: Colour,
}

/// A highlight layer over the passages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The words that matched the question.
    Question,
    /// What supports answer A.
    SupportA,
    /// What supports answer B.
    SupportB,
}

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// Unless `NO_COLOR` is set.
    Auto,
    /// Even then.
    Always,
    /// Never.
    Never,
}

/// How passages are cut and found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrieval {
    /// Passages a question gets.
    pub k: usize,
    /// Words a passage has at most.
    pub passage_words: usize,
    /// Words of them, at most, that are of the passage before.
    pub passage_overlap: usize,
    /// How passages are ranked.
    pub ranking: Ranking,
    /// The folder of the encoder that ranks passages by what they mean; empty for none.
    pub encoder: String,
}

/// How answers are drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplingSettings {
    /// 0: always the likeliest token.
    pub temperature: f64,
    /// The temperature of an answer that is asked again where the first was at 0: greedy would repeat itself.
    pub again_temperature: f64,
    /// 0: no limit.
    pub top_k: usize,
    /// 1: no limit.
    pub top_p: f64,
    /// 1: none.
    pub repetition_penalty: f64,
    /// Where an answer is cut off.
    pub max_tokens: usize,
    /// Decides the draw.
    pub seed: u64,
}

/// How models of this machine are computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// What weights are made into when they are loaded.
    pub quant: Quant,
    /// What is multiplied with quantised weights is rounded to.
    pub activations: Activations,
    /// When the two of a pair answer.
    pub pair: Turns,
    /// Whether the lab has both read a question while it is typed, where they answer together.
    pub ahead: bool,
}

/// What weights that are not quantised are made into when they are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quant {
    /// Nothing.
    #[serde(rename = "none")]
    None,
    /// Signed bytes with a scale for every 32.
    #[serde(rename = "q8_0")]
    Q8_0,
    /// Four bits with a scale for every 32; embedding and head as in `q8_0`.
    #[serde(rename = "q4_0")]
    Q4_0,
}

/// To how many bits what is multiplied with quantised weights is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activations {
    /// Next to nothing is lost.
    #[serde(rename = "16-bit")]
    Bits16,
    /// As llama.cpp does it.
    #[serde(rename = "8-bit")]
    Bits8,
}

/// When the two of a pair answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Turns {
    /// Both at once: a base and its adapter from one pass over the weights.
    Together,
    /// One after the other, so that the times of each are its own.
    Apart,
}

/// What is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rubric {
    /// What can be wrong with an answer.
    pub tags: Vec<String>,
    /// What each degree of accuracy means.
    pub accuracy: Scale,
    /// What each degree of completeness means.
    pub completeness: Scale,
}

/// The anchors of a scale from 1 to 5, by degree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scale(BTreeMap<String, String>);

impl Scale {
    /// What a degree from 1 to 5 means.
    pub fn anchor(&self, degree: u8) -> &str {
        self.0.get(&degree.to_string()).map_or("", String::as_str)
    }
}

impl Settings {
    /// The defaults of the binary.
    ///
    /// # Errors
    /// A [`Fault`] if the binary was built with a broken file: held off by a test.
    pub fn defaults() -> Result<Self> {
        Self::layered(None)
    }

    /// The defaults, and over them the file at [`Paths::settings`] where there is one.
    ///
    /// # Errors
    /// A [`Fault`] naming the file and the line or setting.
    pub fn load(paths: &Paths) -> Result<Self> {
        let bytes = match std::fs::read(&paths.settings) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Self::defaults(),
            Err(e) => return Err(Fault::io(&paths.settings, "read", &e).into()),
        };
        let text = crate::folder::utf8(bytes, &paths.settings.display().to_string())?;
        Self::layered(Some((&text, &paths.settings.display().to_string())))
    }

    fn layered(own: Option<(&str, &str)>) -> Result<Self> {
        let defaults = crate::folder::asset("settings.toml")?;
        let mut table = parse(&defaults, "assets/settings.toml (bundled)")?;
        let mut place = "assets/settings.toml (bundled)";
        if let Some((text, at)) = own {
            place = at;
            let own = parse(text, at)?;
            let defaults = table.clone();
            overlay(&mut table, own.clone(), at, "")?;
            // serde does not say which setting it was; each one alone over the defaults does.
            for (setting, alone) in leaves(own, "") {
                let mut one = defaults.clone();
                overlay(&mut one, alone, at, "")?;
                Self::of(one).map_err(|e| refused(&format!("{at}, {setting}"), &e))?;
            }
        }
        let settings = Self::of(table).map_err(|e| refused(place, &e))?;
        settings.validate(place)?;
        Ok(settings)
    }

    fn of(table: toml::Table) -> Result<Self, toml::de::Error> {
        toml::Value::Table(table).try_into()
    }

    fn validate(&self, place: &str) -> Result<()> {
        let check = |ok: bool, setting: &str, found: &dyn std::fmt::Display, expected: &str| {
            if ok {
                return Ok(());
            }
            Err(crate::fault::Error::from(
                Fault::new(format!("{place}, {setting}"), found)
                    .expected(expected)
                    .next("Correct that setting."),
            ))
        };
        let s = &self.sampling;
        check((1..=20).contains(&self.retrieval.k), "retrieval.k", &self.retrieval.k, "1 to 20")?;
        let words = self.retrieval.passage_words;
        check((20..=500).contains(&words), "retrieval.passage_words", &words, "20 to 500")?;
        let overlap = self.retrieval.passage_overlap;
        let half = format!("0 to {}, half of retrieval.passage_words", words / 2);
        check(overlap <= words / 2, "retrieval.passage_overlap", &overlap, &half)?;
        check(
            s.temperature.is_finite() && (0.0..=5.0).contains(&s.temperature),
            "sampling.temperature",
            &s.temperature,
            "0 to 5",
        )?;
        let again = s.again_temperature;
        check(again > 0.0 && again <= 5.0, "sampling.again_temperature", &again, "more than 0, at most 5")?;
        check(s.top_p > 0.0 && s.top_p <= 1.0, "sampling.top_p", &s.top_p, "more than 0, at most 1")?;
        check(
            (0.5..=2.0).contains(&s.repetition_penalty),
            "sampling.repetition_penalty",
            &s.repetition_penalty,
            "0.5 to 2",
        )?;
        check((1..=4096).contains(&s.max_tokens), "sampling.max_tokens", &s.max_tokens, "1 to 4096")?;
        let tags = &self.rubric.tags;
        check(
            (1..=9).contains(&tags.len()),
            "rubric.tags",
            &tags.len(),
            "one to nine tags, for the digits 1 to 9",
        )?;
        for (name, scale) in
            [("rubric.accuracy", &self.rubric.accuracy), ("rubric.completeness", &self.rubric.completeness)]
        {
            let degrees: Vec<_> = scale.0.keys().map(String::as_str).collect();
            check(
                degrees == ["1", "2", "3", "4", "5"],
                name,
                &degrees.join(", "),
                "an anchor for each of 1, 2, 3, 4, 5",
            )?;
        }
        Ok(())
    }
}

fn parse(text: &str, place: &str) -> Result<toml::Table> {
    text.parse::<toml::Table>().map_err(|e| {
        let line = e.span().map_or(1, |s| 1 + text[..s.start.min(text.len())].matches('\n').count());
        Fault::new(format!("{place}:{line}"), e.message().trim())
            .expected("TOML")
            .next("Correct that line.")
            .into()
    })
}

/// Puts `own` over `base`; a setting that the defaults do not know is a mistake, not a wish.
fn overlay(base: &mut toml::Table, own: toml::Table, place: &str, above: &str) -> Result<()> {
    for (key, value) in own {
        let Some(old) = base.get_mut(&key) else {
            let known: Vec<_> = base.keys().map(String::as_str).collect();
            return Err(Fault::new(format!("{place}, {above}{key}"), "a setting that does not exist")
                .expected(format!("one of {}", known.join(", ")))
                .next("Correct its name or remove it.")
                .into());
        };
        match (old, value) {
            (toml::Value::Table(old), toml::Value::Table(new)) => {
                overlay(old, new, place, &format!("{above}{key}."))?
            }
            (toml::Value::Float(old), toml::Value::Integer(new)) => *old = new as f64,
            (old, new) if old.same_type(&new) && new.as_integer().is_none_or(|n| n >= 0) => *old = new,
            (old, new) => {
                let kind = match old {
                    toml::Value::Table(_) => "a section of settings".to_owned(),
                    toml::Value::Array(_) => format!("a list, like {old}"),
                    toml::Value::String(_) => format!("a text in quotation marks, like {old}"),
                    toml::Value::Float(_) => format!("a number, like {old}"),
                    _ => format!("a whole number from 0, like {old}"),
                };
                return Err(Fault::new(format!("{place}, {above}{key}"), new.to_string().trim())
                    .expected(kind)
                    .next("Correct that setting, or remove it to have the default.")
                    .into());
            }
        }
    }
    Ok(())
}

/// Each setting that is no section, with its dotted name, in a table of its own.
fn leaves(table: toml::Table, above: &str) -> Vec<(String, toml::Table)> {
    let mut found = Vec::new();
    for (key, value) in table {
        let inner = match value {
            toml::Value::Table(below) => leaves(below, &format!("{above}{key}.")),
            leaf => {
                found.push((format!("{above}{key}"), toml::Table::from_iter([(key, leaf)])));
                continue;
            }
        };
        let wrap = |inner| toml::Table::from_iter([(key.clone(), toml::Value::Table(inner))]);
        found.extend(inner.into_iter().map(|(name, inner)| (name, wrap(inner))));
    }
    found
}

fn refused(place: &str, error: &toml::de::Error) -> Fault {
    Fault::new(place, error.message().trim())
        .expected("values like those of assets/settings.toml")
        .next("Correct that setting, or remove it to have the default.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound() {
        let settings = Settings::defaults().expect("sound");
        assert_eq!(settings.rubric.tags.len(), 6);
        assert_eq!(settings.rubric.accuracy.anchor(5), "wholly right");
    }

    #[test]
    fn a_file_of_ones_own_changes_only_what_it_names() {
        let own = "[retrieval]\nk = 5\n[sampling]\ntemperature = 1\n";
        let settings = Settings::layered(Some((own, "mine.toml"))).expect("sound");
        assert_eq!((settings.retrieval.k, settings.retrieval.passage_words), (5, 120));
        assert!((settings.sampling.temperature - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn mistakes_are_named_with_file_and_setting() {
        let message =
            |text: &str| Settings::layered(Some((text, "mine.toml"))).expect_err("refused").to_string();
        assert_eq!(
            message("[retrieval]\nkk = 5\n"),
            "mine.toml, retrieval.kk: found a setting that does not exist; expected one of encoder, k, passage_overlap, passage_words, \
             ranking. Correct its name or remove it."
        );
        assert!(
            message("[retrieval]\nk = 0\n").starts_with("mine.toml, retrieval.k: found 0; expected 1 to 20")
        );
        assert!(message("[retrieval]\npassage_words = 60\npassage_overlap = 31\n").starts_with(
            "mine.toml, retrieval.passage_overlap: found 31; expected 0 to 30, half of retrieval.passage_words"
        ));
        assert!(message("[retrieval\n").starts_with("mine.toml:1: found"));
        assert_eq!(
            message("[retrieval]\nk = 'many'\n"),
            "mine.toml, retrieval.k: found \"many\"; expected a whole number from 0, like 3. \
             Correct that setting, or remove it to have the default."
        );
        assert!(message("sampling = 5\n").starts_with("mine.toml, sampling: found 5; expected a section"));
        assert!(
            message("[lab]\nhighlight = ['all']\n")
                .starts_with("mine.toml, lab.highlight: found unknown variant")
        );
        assert!(message("[rubric]\ntags = [1]\n").starts_with("mine.toml, rubric.tags: found"));
    }
}
