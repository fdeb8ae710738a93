//! `rubric.toml`: what reviewers judge by.

use super::toml_file;
use crate::config;
use crate::fault::{Fault, Result};
use serde::{Deserialize, Serialize};

/// Criteria and tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rubric {
    /// What each answer is rated on, one to four of them, in the order they are asked for.
    pub criteria: Vec<Criterion>,
    /// What can be wrong with an answer, one to nine, for the digits.
    pub tags: Vec<String>,
}

/// Something answers are rated on, from 1 up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// In records and exports: lower-case letters, digits and hyphens.
    pub id: String,
    /// On the screen.
    pub name: String,
    /// What each degree means, from 1 on: two to nine of them.
    pub anchors: Vec<String>,
}

impl Criterion {
    /// The highest degree.
    pub fn highest(&self) -> u8 {
        self.anchors.len().try_into().unwrap_or(u8::MAX)
    }
}

const HEAD: &str = "\
# What reviewers judge by: one to four criteria, each with two to nine degrees from 1 up, and one to nine tags for what
# can be wrong with an answer. You may edit this file until answers are first generated.

";

impl Rubric {
    /// The lab's: accuracy and completeness, with the anchors and tags of the settings.
    pub fn of(settings: &config::Rubric) -> Self {
        let criterion = |id: &str, name: &str, scale: &config::Scale| Criterion {
            id: id.to_owned(),
            name: name.to_owned(),
            anchors: (1..=5).map(|degree| scale.anchor(degree).to_owned()).collect(),
        };
        Self {
            criteria: vec![
                criterion("accuracy", "Accuracy", &settings.accuracy),
                criterion("completeness", "Completeness", &settings.completeness),
            ],
            tags: settings.tags.clone(),
        }
    }

    /// Reads the text of a `rubric.toml` found at `place`, and checks every value.
    ///
    /// # Errors
    /// A [`Fault`] naming the line or the value.
    pub fn parse(text: &str, place: &str) -> Result<Self> {
        let rubric: Self = toml_file::parse(text, place, "a rubric as `juxta study new` writes it")?;
        rubric.check(place)?;
        Ok(rubric)
    }

    /// The file.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be written as TOML.
    pub fn text(&self) -> Result<String> {
        let body = toml::to_string_pretty(&self.for_file())
            .map_err(|e| Fault::new("rubric", e).expected("a rubric that can be written as TOML"))?;
        Ok(format!("{HEAD}{body}"))
    }

    /// TOML wants plain values before tables.
    fn for_file(&self) -> impl Serialize {
        #[derive(Serialize)]
        struct TagsFirst {
            tags: Vec<String>,
            criteria: Vec<Criterion>,
        }
        TagsFirst { tags: self.tags.clone(), criteria: self.criteria.clone() }
    }

    /// The ids of the criteria, in their order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.criteria.iter().map(|c| c.id.as_str())
    }

    fn check(&self, place: &str) -> Result<()> {
        let refuse = |value: &str, found: String, expected: &str| {
            let fault = Fault::new(format!("{place}, {value}"), found).expected(expected);
            Err(fault.next("Correct that value.").into())
        };
        if !(1..=4).contains(&self.criteria.len()) {
            return refuse("criteria", self.criteria.len().to_string(), "one to four criteria");
        }
        for (n, criterion) in self.criteria.iter().enumerate() {
            let id = &criterion.id;
            let fits = id.starts_with(|c: char| c.is_ascii_lowercase())
                && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            if !fits || self.criteria[..n].iter().any(|other| other.id == *id) {
                let expected = "an id of its own, of lower-case letters, digits and hyphens";
                return refuse("criteria.id", format!("{id:?}"), expected);
            }
            if !(2..=9).contains(&criterion.anchors.len()) {
                let found = format!("{} for {id}", criterion.anchors.len());
                return refuse("criteria.anchors", found, "two to nine anchors, for the digits");
            }
        }
        let tags = &self.tags;
        if !(1..=9).contains(&tags.len()) || (1..tags.len()).any(|n| tags[..n].contains(&tags[n])) {
            return refuse("tags", tags.join(", "), "one to nine different tags, for the digits");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lab_s_rubric_is_sound_and_reads_back() {
        let rubric = Rubric::of(&config::Settings::defaults().expect("sound").rubric);
        assert_eq!(rubric.ids().collect::<Vec<_>>(), ["accuracy", "completeness"]);
        assert_eq!(rubric.criteria[0].highest(), 5);
        assert_eq!(Rubric::parse(&rubric.text().expect("TOML"), "rubric.toml").expect("sound"), rubric);
    }

    #[test]
    fn mistakes_are_named() {
        let rubric = Rubric::of(&config::Settings::defaults().expect("sound").rubric);
        let told = |change: &dyn Fn(&mut Rubric)| {
            let mut rubric = rubric.clone();
            change(&mut rubric);
            Rubric::parse(&rubric.text().expect("TOML"), "rubric.toml").expect_err("refused").to_string()
        };
        assert!(told(&|r| r.criteria.clear()).contains("one to four criteria"));
        assert!(told(&|r| r.criteria[1].id = "accuracy".into()).contains("an id of its own"));
        assert!(told(&|r| r.criteria[0].anchors.truncate(1)).contains("1 for accuracy"));
        assert!(told(&|r| r.tags.push("wrong fact".into())).contains("different tags"));
    }
}
